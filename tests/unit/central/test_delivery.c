#include <stdio.h>
#include <criterion/criterion.h>
#include <string.h>

#include "central/callback_policy.h"
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
