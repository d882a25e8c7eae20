/* Orders: what was read is described, and the description can be written and
 * read; what was not read has a reason. */
#include <string.h>

#include "fuzz.h"
#include "soap/order.h"
#include "soap/reader.h"
#include "soap/writer.h"

static struct arena arena;
static struct soap_reader reader;

/* As QueryJob shows it. */
static void describe(const struct order *order)
{
    struct isc_query_job_response response = {0};
    struct text_builder text = {0};

    (void)order_unsupported(order, &arena);
    order_describe(order, &arena, &response.job.order);
    soap_write(&text, SOAP_1_1, &soap_type_isc_query_job_response, &response);
    CHECK(!text.failed);

    soap_reader_start(&reader, &arena, SOAP_READ_RESPONSE, SOAP_CHARSET_UTF_8,
                      &soap_type_isc_query_job_response);
    CHECK(soap_reader_feed(&reader, text.data, text.size_bytes, true) ==
          SOAP_READER_DONE);
    CHECK(!reader.is_peer_fault);
    const struct isc_query_job_response *again = reader.message;
    CHECK(text_equal(again->job.order.operation, response.job.order.operation));
    text_builder_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct text text = text_from((const char *)data, size_bytes);
    struct order order;
    struct order_error error = {0};

    if (reader.parser == NULL) {
        CHECK(soap_reader_open(&reader) == 0);
        arena_init(&arena, LIMIT_HTTP_ARENA_BYTES);
    }
    arena_reset(&arena);
    if (order_parse(text, &arena, &order, &error)) {
        CHECK(order.remote_address.size_bytes > 0);
        CHECK(order.remote_port >= 0 && order.remote_port <= 65535);
        describe(&order);
    } else {
        CHECK(error.message.size_bytes > 0);
        CHECK(error.line >= 1);
    }
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const seeds[] = {
        "<Order><Operation>Push</Operation><RemoteLocation><System><Address>h"
        "</Address></System></RemoteLocation><LocalLocation><Files><Path>/a"
        "</Path></Files></LocalLocation></Order>",
        "<?xml version=\"1.0\"?>\n<Order xmlns='urn:x'><Version>2</Version>"
        "<Agent>a</Agent><Program>ascp4</Program><ApplicationData>"
        "<Cookie>c 1</Cookie><Token>null</Token></ApplicationData>"
        "<Operation>pull</Operation><RemoteLocation><System>"
        "<Address> 10.0.0.1 </Address><Port>33001</Port><UserName>u"
        "</UserName><Password>p</Password></System><Authentication><Methods>"
        "<Method>Public Key</Method><Method>Password</Method><Method>Token"
        "</Method></Methods><KeyPath>/k</KeyPath><KeyPassphrase>s"
        "</KeyPassphrase></Authentication><Files><Path>/in/</Path><Path>b"
        "</Path><RootPath>/r</RootPath></Files></RemoteLocation>"
        "<LocalLocation><Files><Path>/out</Path></Files></LocalLocation>"
        "<FileParameters><CreatePath>Yes</CreatePath><ResumeCheck>Sparse "
        "Checksum</ResumeCheck><ManifestPolicy>None</ManifestPolicy>"
        "<SymbolicLinks>Copy+Force</SymbolicLinks><FileChecksum>md5"
        "</FileChecksum></FileParameters><RateParameters><Policy>Trickle"
        "</Policy><TargetRate>100000</TargetRate><MinimumRate>0"
        "</MinimumRate></RateParameters><SecurityParameters><Cipher>AES-128"
        "</Cipher></SecurityParameters></Order>",
        "<Order><Operation>Sideways</Operation></Order>",
        "<!DOCTYPE Order><Order/>",
        "<Other/>",
    };

    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        fuzz_seed_string("", 0, seeds[i]);
}
