#include <criterion/criterion.h>
#include <string.h>

#include "soap/order.h"
#include "soap/order_rows.h"
#include "soap_test.h"

static struct arena arena;
static struct order order;
static struct order_error error;

static void set_up(void)
{
    arena_init(&arena, 8u << 20);
}

static void tear_down(void)
{
    arena_free(&arena);
}

TestSuite(order, .init = set_up, .fini = tear_down);

#define PUSH(more)                                                         \
    "<Order><Operation>Push</Operation><RemoteLocation><System><Address>h" \
    "</Address></System></RemoteLocation><LocalLocation><Files><Path>/a"   \
    "</Path></Files></LocalLocation>" more "</Order>"

static bool parse(const char *text)
{
    return order_parse(text_of(text), &arena, &order, &error);
}

static void expect_good(const char *text)
{
    cr_assert(parse(text), "%s: %s", text, error.message.data);
}

Test(order, a_minimal_order_holds_the_defaults)
{
    expect_good(PUSH(""));

    cr_expect(order_is_push(&order));
    cr_expect(text_is(order.remote_address, "h"));
    cr_expect_eq(order.remote_port, 22);
    cr_expect_not(order.has_remote_port);
    cr_expect(text_is_absent(order.cookie));
    cr_expect_eq(order.policy, ORDER_POLICY_FIXED);
    cr_expect_not(order.has_policy);
    cr_expect_eq(order.target_rate, 10000);
    cr_expect_eq(order.minimum_rate, 0);
    cr_expect_eq(order.bandwidth_cap, 10000000);
    cr_expect_eq(order.overwrite, ORDER_OVERWRITE_DIFF);
    cr_expect_eq(order.resume_check, ORDER_RESUME_SPARSE);
    cr_expect_eq(order.retry_count, 3);
    cr_expect_eq(order.retry_base_s, 10);
    cr_expect_eq(order.retry_max_s, 300);
    cr_expect(order.auto_detect_path_mtu);
    cr_expect(text_is_absent(order_unsupported(&order, &arena)));
}

/* Contract, section 8, shape 1. */
Test(order, reads_that_of_a_java_client)
{
    expect_good("<Order><ApplicationData><Cookie>c 1</Cookie>"
                "</ApplicationData><Operation>Pull</Operation>"
                "<RemoteLocation><System><Address>10.0.0.1</Address>"
                "<Port>22</Port><UserName>u</UserName></System>"
                "<Authentication><Methods><Method>Public Key</Method>"
                "</Methods><KeyPath>/k/id</KeyPath></Authentication>"
                "<Files><Path>/in/</Path></Files></RemoteLocation>"
                "<LocalLocation><Files><Path>/out</Path></Files>"
                "</LocalLocation></Order>");

    cr_expect_not(order_is_push(&order));
    cr_expect(text_is(order.cookie, "c 1"));
    cr_expect_eq(order.method_count, 1);
    cr_expect_eq(order.method[0], ORDER_METHOD_PUBLIC_KEY);
    cr_expect(text_is(order.key_path, "/k/id"));
    cr_expect(text_is(order.remote_path[0], "/in/"));
    cr_expect(text_is(order.local_path[0], "/out"));
    cr_expect(text_is_absent(order_unsupported(&order, &arena)));
}

/* Shape 2: null, misspelt elements, words in other letter cases. */
Test(order, reads_that_of_a_script)
{
    expect_good(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<Order>"
        "<Version>2</Version><Agent>A.B</Agent><Operation>PUSH</Operation>"
        "<RemoteLocation><System><Address> h\n</Address><Port> 33001 </Port>"
        "<UserName>null</UserName><Password> null </Password></System>"
        "<Files><RootPath>/r</RootPath><Path>d</Path></Files>"
        "<Proxy><Url>null</Url></Proxy></RemoteLocation>"
        "<LocalLocation><System><UserName>me</UserName></System><Files>"
        "<Path>/a</Path><Path> b </Path><RootPath>/l</RootPath></Files>"
        "</LocalLocation><FileParameters><Overwrite>Always</Overwrite>"
        "<CreatePath>Yes</CreatePath><ExlcudeNewerThan>5</ExlcudeNewerThan>"
        "<FileChecksum>md5</FileChecksum></FileParameters>"
        "<RateParameters><Policy>fair</Policy></RateParameters>"
        "<SecurityParameters><EncryptionCypher>x</EncryptionCypher>"
        "</SecurityParameters></Order>");

    cr_expect_eq(order.remote_port, 33001);
    cr_expect(text_is_absent(order.remote_user));
    cr_expect(text_is_absent(order.remote_password));
    cr_expect(text_is_absent(order.proxy_url));
    cr_expect(text_is(order.remote_root, "/r"));
    cr_expect(text_is(order.local_root, "/l"));
    cr_expect_eq(order.local_path_count, 2);
    cr_expect(text_is(order.local_path[1], " b "));
    cr_expect(order.create_path);
    cr_expect_eq(order.policy, ORDER_POLICY_FAIR);
    cr_expect_eq(order.overwrite, ORDER_OVERWRITE_ALWAYS);
    cr_expect_eq(order.file_checksum, ORDER_CHECKSUM_MD5);
    cr_expect(text_is_absent(order_unsupported(&order, &arena)));
}

/* Shape 6. */
Test(order, reads_that_of_a_ruby_script_with_blank_lines_around)
{
    expect_good("\n\n <?xml version='1.0'?><o:Order xmlns:o='urn:o'>"
                "<Operation>push</Operation><RemoteLocation><RootPath>/r"
                "</RootPath><System><Address>h</Address></System>"
                "</RemoteLocation><LocalLocation><RootPath>/l</RootPath>"
                "<Files><Path>a</Path></Files></LocalLocation>"
                "<PrivateDataType><Key>k</Key></PrivateDataType></o:Order>"
                "\n\n");

    cr_expect(text_is(order.remote_root, "/r"));
    cr_expect(text_is(order.local_root, "/l"));
    cr_expect(text_is(order.private_key, "k"));
}

Test(order, says_where_and_what_is_wrong)
{
    static const struct {
        const char *text;
        uint32_t line;
        const char *message;
    } cases[] = {
        {"", 1, "line 1: not well-formed XML: no element found"},
        {"<Ordner/>", 1, "line 1: expected Order, found Ordner"},
        {"<Order>\n<a></Order>", 2,
         "line 2: not well-formed XML: mismatched tag"},
        {"\n\n<Order/>", 3, "line 3: Operation is missing"},
        {"<Order><Operation>Copy</Operation></Order>", 1,
         "line 1: Operation: expected Pull or Push, found \"Copy\""},
        {"<Order><Operation>Push</Operation></Order>", 1,
         "line 1: RemoteLocation/System/Address is missing"},
        {"<Order><Operation>Pull</Operation><RemoteLocation><System><Address>"
         "h</Address></System></RemoteLocation></Order>",
         1, "line 1: RemoteLocation/Files/Path is missing"},
        {PUSH("<RateParameters>\n<Policy>\nSlow</Policy></RateParameters>"), 2,
         "line 2: RateParameters/Policy: expected Fixed, High, Fair or Low, "
         "found \"Slow\""},
        {PUSH("\n<RetryParameters><Count>256</Count></RetryParameters>"), 2,
         "line 2: RetryParameters/Count: expected a whole number from 0 to "
         "255, found \"256\""},
        {PUSH("<RateParameters><TargetRate/></RateParameters>"), 1,
         "line 1: RateParameters/TargetRate: expected a whole number from 0 "
         "to 4294967295, found \"\""},
        {PUSH("<FileParameters><CreatePath>true</CreatePath>"
              "</FileParameters>"),
         1,
         "line 1: FileParameters/CreatePath: expected Yes or No, found "
         "\"true\""},
        {PUSH("<Operation>Push</Operation>"), 1,
         "line 1: Operation is given twice"},
        {PUSH("<PrivateData><Key>a</Key></PrivateData><PrivateDataType>"
              "<Key>b</Key></PrivateDataType>"),
         1,
         "line 1: PrivateDataType/Key: expected the same value as in its "
         "other place"},
        {PUSH("<RemoteLocation><Files><Path>a</Path><Path>b</Path></Files>"
              "</RemoteLocation>"),
         1,
         "line 1: RemoteLocation/Files/Path: expected at most one "
         "destination, found 2"},
        {PUSH("<RemoteLocation><Authentication><Methods><Method>Token"
              "</Method><Method>Token</Method><Method>Token</Method><Method>"
              "Token</Method></Methods></Authentication></RemoteLocation>"),
         1,
         "line 1: RemoteLocation/Authentication/Methods/Method: expected at "
         "most 3"},
        {"<!DOCTYPE Order [<!ENTITY a 'b'>]><Order/>", 1,
         "line 1: a DTD is not allowed"},
        {PUSH("<?x y?>"), 1, "line 1: a processing instruction is not allowed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_not(parse(cases[i].text), "%s", cases[i].text);
        cr_expect_eq(error.line, cases[i].line, "%s", cases[i].text);
        cr_expect(text_is(error.message, cases[i].message), "%s: %s",
                  cases[i].message, error.message.data);
    }
}

Test(order, ignores_what_it_does_not_know_with_all_that_is_in_it)
{
    expect_good(PUSH("<New><Operation>Pull</Operation><RateParameters>"
                     "<Policy>x</Policy></RateParameters></New>"
                     "<RateParameters>text<Policy>Fair<Policy>x</Policy>"
                     "</Policy></RateParameters>"));
    cr_expect(order_is_push(&order));
    cr_expect_eq(order.policy, ORDER_POLICY_FAIR);
}

Test(order, refuses_by_name_what_is_not_built_yet)
{
    static const struct {
        const char *more;
        const char *message; /* NULL: nothing to say */
    } cases[] = {
        {"<RateParameters><Policy>High</Policy></RateParameters>",
         NULL},
        {"<RateParameters><Policy>trickle</Policy></RateParameters>",
         NULL},
        {"<RateParameters><TargetRateAsPercent>Yes</TargetRateAsPercent>"
         "</RateParameters>",
         "RateParameters/TargetRateAsPercent=Yes is not supported yet"},
        {"<RateParameters><Priority>1</Priority></RateParameters>",
         "RateParameters/Priority=1 is not supported yet"},
        {"<RetryParameters><Count>5</Count></RetryParameters>",
         NULL},
        {"<RetryParameters><BaseInterval>1</BaseInterval>"
         "</RetryParameters>",
         NULL},
        {"<RateParameters><Priority>2</Priority></RateParameters>", NULL},
        {"<FileParameters><Overwrite>Older</Overwrite></FileParameters>",
         NULL},
        {"<FileParameters><Overwrite>never</Overwrite></FileParameters>", NULL},
        {"<FileParameters><ResumeCheck>Full Checksum</ResumeCheck>"
         "</FileParameters>",
         NULL},
        {"<FileParameters><Exclude><Pattern>*.o</Pattern></Exclude>"
         "</FileParameters>",
         NULL},
        {"<FileParameters><ExcludeOlderThan>-5</ExcludeOlderThan>"
         "</FileParameters>",
         NULL},
        {"<FileParameters><SourceBase/><SaveBeforeOverwrite>no"
         "</SaveBeforeOverwrite></FileParameters>",
         NULL},
        {"<FileParameters><SaveBeforeOverwrite>.old</SaveBeforeOverwrite>"
         "</FileParameters>",
         NULL},
        {"<FileParameters><Passphrase>secret</Passphrase></FileParameters>",
         "FileParameters/Passphrase is not supported yet"},
        {"<RemoteLocation><Proxy><Url>dnat://p</Url></Proxy>"
         "</RemoteLocation>",
         "RemoteLocation/Proxy/Url=dnat://p is not supported yet"},
        {"<NoMgmtPortFiles>yes</NoMgmtPortFiles>",
         "NoMgmtPortFiles=Yes is not supported yet"},
        {"<Program>ascp4</Program><ChannelParameters><Port>33001</Port><IPV6>"
         "Yes</IPV6></ChannelParameters><SecurityParameters>"
         "<EncryptionCipher>aes-256</EncryptionCipher></SecurityParameters>",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text_builder text = {0};
        text_add_format(&text, PUSH("%s"), cases[i].more);
        expect_good(text.data);
        struct text message = order_unsupported(&order, &arena);
        cr_expect(text_equal(message, text_of(cases[i].message)), "%s: %s",
                  cases[i].more, message.data);
        text_builder_free(&text);
    }
}

Test(order, a_datagram_size_alone_ends_its_detection)
{
    expect_good(PUSH("<ChannelParameters><DatagramSize>1400</DatagramSize>"
                     "</ChannelParameters>"));
    cr_expect_not(order.auto_detect_path_mtu);
    expect_good(PUSH("<ChannelParameters><DatagramSize>1400</DatagramSize>"
                     "<AutoDetectPathMTU>yes</AutoDetectPathMTU>"
                     "</ChannelParameters>"));
    cr_expect(order.auto_detect_path_mtu);
}

Test(order, takes_as_many_source_paths_as_the_limit_and_no_more)
{
    for (uint32_t more = 0; more < 2; more++) {
        struct text_builder text = {0};
        text_add_string(&text, "<Order><Operation>Push</Operation>"
                               "<RemoteLocation><System><Address>h</Address>"
                               "</System></RemoteLocation><LocalLocation>"
                               "<Files>");
        for (uint32_t i = 0; i < LIMIT_SOURCE_PATHS + more; i++)
            text_add_format(&text, "<Path>%u</Path>", i);
        text_add_string(&text, "</Files></LocalLocation></Order>");
        arena_reset(&arena);
        cr_assert_eq(parse(text.data), more == 0);
        cr_expect(more == 0 ||
                  strstr(error.message.data, "at most 65536") != NULL);
        text_builder_free(&text);
    }
}

Test(order, is_described_without_its_secrets)
{
    struct isc_order described;

    expect_good(PUSH("<ApplicationData><Token>t</Token></ApplicationData>"
                     "<RemoteLocation><System><Password>p</Password>"
                     "</System><Authentication><Methods><Method>password"
                     "</Method></Methods></Authentication></RemoteLocation>"));
    order_describe(&order, &arena, &described);
    cr_expect(text_is(described.operation, "Push"));
    cr_expect(text_is(described.application_data.token, "********"));
    cr_expect(text_is(described.remote_location.system.password, "********"));
    cr_expect(
        text_is(described.remote_location.authentication.methods.method[0],
                "Password"));
    cr_expect(text_is(described.local_location.files.path[0], "/a"));
    cr_expect(text_is(described.rate_parameters.policy, "Fixed"));

    expect_good(PUSH(""));
    order_describe(&order, &arena, &described);
    cr_expect(text_is_absent(described.application_data.token));
    cr_expect(text_is_absent(described.remote_location.system.password));
}

Test(order, a_small_arena_is_an_error_and_nothing_else)
{
    for (size_t room = 0; room < 400; room += 16) {
        struct arena small;
        arena_init(&small, room);
        bool good = order_parse(text_of(PUSH("<Agent>a</Agent>")), &small,
                                &order, &error);
        cr_expect(good || error.message.size_bytes > 0);
        arena_free(&small);
    }
}

Test(order, no_two_rows_share_a_path_and_all_fit_the_parser)
{
    cr_assert_leq(order_row_count, 256);
    for (uint32_t i = 0; i < order_row_count; i++) {
        cr_expect_lt(order_rows[i].path_bytes, 128);
        for (uint32_t k = 0; k < i; k++)
            cr_expect_str_neq(order_rows[i].path, order_rows[k].path);
    }
}
