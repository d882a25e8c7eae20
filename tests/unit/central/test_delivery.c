#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "central/callback_policy.h"
#include "central/signature.h"
#include "central/subscription.h"
#include "central/subscriptions.h"

#define S UINT64_C(1000000000)

Test(delivery, waits_double_from_a_second_to_five_minutes)
{
    static const struct {
        uint32_t failed_count;
        uint64_t most_ns;
    } cases[] = {
        {1, 1 * S}, {2, 2 * S}, {3, 4 * S}, {9, 256 * S}, {10, 300 * S},
        {4000000000u, 300 * S},
    };
    struct random random;

    random_seed(&random, 7);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool lower = false, upper = false;
        for (int turn = 0; turn < 200; turn++) {
            uint64_t wait =
                delivery_wait_ns(cases[i].failed_count, 0, &random);
            cr_assert_leq(wait, cases[i].most_ns);
            cr_assert_geq(wait, cases[i].most_ns / 2);
            lower |= wait < cases[i].most_ns / 4 * 3;
            upper |= wait > cases[i].most_ns / 4 * 3;
        }
        cr_assert(lower && upper, "it is drawn from the whole range");
    }
}

Test(delivery, an_observer_may_ask_for_its_wait_up_to_the_most)
{
    struct random random = {{1, 2, 3, 4}};

    cr_assert_eq(delivery_wait_ns(1, 7, &random), 7 * S);
    cr_assert_eq(delivery_wait_ns(1, 300, &random), 300 * S);
    cr_assert_eq(delivery_wait_ns(1, 301, &random), 300 * S);
}

Test(delivery, a_body_is_addressed_to_one_subscription)
{
    struct text_builder out = {0};
    struct uuid id = uuid_new();
    char text[UUID_TEXT_BYTES + 1];
    char expected[128];

    uuid_format(id, text);
    snprintf(expected, sizeof expected, "<a>%s</a><b/>", text);
    delivery_address_body(
        &out, text_of("<a>" SUBSCRIPTION_PLACEHOLDER "</a><b/>"), id);
    cr_assert_str_eq(out.data, expected);
    text_builder_free(&out);
}

Test(topics, each_kind_has_its_words)
{
    struct text names[STORE_TOPIC_COUNT];
    uint32_t all = subscription_topics_default(STORE_KIND_JOB);

    cr_assert_eq(subscription_topic_names(all, names), 5);
    cr_assert(text_is(names[0], "Connecting"));
    cr_assert_eq(subscription_topic(STORE_KIND_JOB, text_of("Start")),
                 STORE_TOPIC_JOB_START);
    cr_assert_eq(subscription_topic(STORE_KIND_SESSION, text_of("Start")),
                 STORE_TOPIC_SESSION_START);
    cr_assert_eq(subscription_topic(STORE_KIND_SESSION, text_of("Connecting")),
                 STORE_TOPIC_COUNT);
    cr_assert_eq(subscription_topic(STORE_KIND_JOB, text_of("start")),
                 STORE_TOPIC_COUNT);
    cr_assert_eq(subscription_topics_default(STORE_KIND_SESSION) &
                     STORE_TOPIC_BIT(STORE_TOPIC_SESSION_STATISTICS),
                 0, "Statistics are never implied");
    cr_assert_str_eq(subscription_topic_word(STORE_TOPIC_SESSION_STATISTICS),
                     "Statistics");
}

static bool may_call(const char *soap, const char *observer)
{
    struct callback_policy policy = {0};
    struct address address;

    cr_assert(address_parse(text_of(soap), &policy.soap_address));
    cr_assert(
        address_parse(text_of("0.0.0.0:33001"), &policy.transfer_address));
    cr_assert(address_parse(text_of(observer), &address), "%s", observer);
    return callback_refused(&policy, &address) == NULL;
}

Test(callback_policy, loopback_only_while_soap_is_on_loopback)
{
    static const char local[] = "127.0.0.1:40001";
    static const char open[] = "0.0.0.0:40001";
    static const struct {
        const char *soap;
        const char *observer;
        bool allowed;
    } cases[] = {
        {local, "127.0.0.1:8080", true},
        {local, "127.9.9.9:8080", true},
        {local, "[::1]:8080", true},
        {local, "[::ffff:127.0.0.1]:8080", true},
        {local, "127.0.0.1:40001", false}, /* ourselves */
        {local, "127.0.0.1:33001", false}, /* ourselves: transfers */
        {local, "10.1.2.3:33001", true},   /* another node */
        {local, "10.1.2.3:80", true},
        {local, "93.184.216.34:80", true},
        {local, "169.254.169.254:80", false},
        {local, "[fe80::1]:80", false},
        {local, "[ff02::1]:80", false},
        {local, "224.0.0.1:80", false},
        {local, "255.255.255.255:80", false},
        {local, "0.0.0.0:80", false},
        {local, "0.1.2.3:80", false},
        {local, "[::]:80", false},
        {local, "127.0.0.1:0", false},
        {local, "10.1.2.3:22", false},
        {local, "10.1.2.3:25", false},
        {local, "10.1.2.3:6379", false},
        {local, "10.1.2.3:443", true},
        {open, "127.0.0.1:8080", false},
        {open, "[::1]:8080", false},
        {open, "[::ffff:127.0.0.1]:8080", false},
        {open, "127.0.0.1:40001", false},
        {open, "10.1.2.3:8080", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(may_call(cases[i].soap, cases[i].observer),
                     cases[i].allowed, "%s calls %s", cases[i].soap,
                     cases[i].observer);
}

static struct callback_prefix prefix_of(const char *text)
{
    struct callback_prefix prefix;

    cr_assert(callback_prefix_parse(text_of(text), &prefix), "%s", text);
    return prefix;
}

Test(callback_policy, a_prefix_is_an_address_and_its_length)
{
    static const struct {
        const char *text;
        int bits; /* -1: refused */
    } cases[] = {
        {"10.0.0.0/8", 104},   {"192.0.2.7", 128}, {"192.0.2.7/32", 128},
        {"0.0.0.0/0", 96},     {"fd00::/8", 8},    {"::1", 128},
        {"::/0", 0},           {"10.0.0.0/33", -1}, {"10.0.0.1/8", -1},
        {"fd00::/129", -1},    {"10.0.0.0/", -1},  {"10.0.0.0/-1", -1},
        {"10.0.0.0/8/8", -1},  {"example.com", -1}, {"", -1},
        {"fd00::1/8", -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct callback_prefix prefix = {.bits = 255};
        bool good = callback_prefix_parse(text_of(cases[i].text), &prefix);
        cr_expect_eq(good, cases[i].bits >= 0, "%s", cases[i].text);
        if (good)
            cr_expect_eq(prefix.bits, cases[i].bits, "%s", cases[i].text);
    }
}

Test(callback_policy, lists_decide_before_the_defaults)
{
    const struct callback_prefix allow[] = {prefix_of("127.0.0.0/8"),
                                            prefix_of("10.0.0.0/8"),
                                            prefix_of("fe80::/16")};
    const struct callback_prefix deny[] = {prefix_of("10.9.0.0/17"),
                                           prefix_of("2001:db8::/32")};
    static const struct {
        const char *observer;
        bool with_both, with_deny;
    } cases[] = {
        {"10.1.2.3:80", true, true},
        {"10.9.127.3:80", false, false},
        {"10.9.128.3:80", true, true},
        {"93.184.216.34:80", false, true},
        {"127.0.0.5:80", true, false}, /* allowed although SOAP is open */
        {"127.0.0.1:40001", false, false},
        {"[fe80::1]:80", true, false},
        {"[2001:db8::1]:80", false, false},
        {"[64:ff9b::a09:1]:80", false, false}, /* 10.9.0.1 behind a NAT64 */
        {"[64:ff9b::7f00:1]:80", false, false},
        {"[2002:7f00:1::1]:80", false, false}, /* 127.0.0.1 by 6to4 */
        {"224.0.0.1:80", false, false},
    };
    struct callback_policy policy = {
        .allow = {allow, 3},
        .deny = {deny, 2},
    };
    struct address address;

    cr_assert(address_parse(text_of("0.0.0.0:40001"), &policy.soap_address));
    cr_assert(
        address_parse(text_of("0.0.0.0:33001"), &policy.transfer_address));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert(address_parse(text_of(cases[i].observer), &address));
        policy.allow.count = 3;
        cr_expect_eq(callback_refused(&policy, &address) == NULL,
                     cases[i].with_both, "%s", cases[i].observer);
        policy.allow.count = 0;
        cr_expect_eq(callback_refused(&policy, &address) == NULL,
                     cases[i].with_deny, "%s", cases[i].observer);
    }
}

/* Computed with Python's hmac and base64, and with openssl. */
Test(signature, is_that_of_standard_webhooks)
{
    struct text_builder out = {0};

    signature_write(&out,
                    text_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                    text_of("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                    text_of("1614265330"), text_of("{\"test\": 2432232314}"));
    cr_assert_str_eq(out.data,
                     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    text_builder_free(&out);
}

Test(signature, a_secret_has_a_prefix_and_24_to_64_bytes)
{
    static const struct {
        const char *secret;
        uint32_t bytes; /* 0: refused */
    } cases[] = {
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 24},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=", 0}, /* 23 */
        {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0},
        {"whsec_", 0},
        {"whsec_not base64 at all not base64 at all!", 0},
    };
    uint8_t key[SIGNATURE_KEY_BYTES_MAX];
    char text[SIGNATURE_SECRET_TEXT_BYTES_MAX + 1];
    uint32_t bytes;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bytes = 0;
        signature_key(text_of(cases[i].secret), key, &bytes);
        cr_expect_eq(bytes, cases[i].bytes, "%s", cases[i].secret);
    }
    signature_secret_new(text);
    cr_assert(signature_key(text_of(text), key, &bytes));
    cr_assert_eq(bytes, 32);
}
