#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/random.h"
#include "fasp/control.h"

static struct arena arena;
static struct text_builder wire;
static char filler[CONTROL_TOKEN_BYTES_MAX + 1];

static void set_up(void)
{
    arena_init(&arena, 4 << 20);
    memset(filler, 'x', sizeof filler);
}

static void tear_down(void)
{
    arena_free(&arena);
    text_builder_free(&wire);
}

TestSuite(control, .init = set_up, .fini = tear_down, .timeout = 60);

static struct text some(uint32_t size_bytes)
{
    return text_from(filler, size_bytes);
}

/* ---- one good message of each type ---- */

static const struct uuid session_id = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};
static const struct control_rates some_rates = {CONTROL_FAIR, 1000000, 1000,
                                                10000000};
static struct text some_sources[] = {{"a/b", 3}, {"\xff\n \xc3\xa4", 5}};
static const struct control_file_result some_results[] = {
    {0, 10, CONTROL_FILE_DONE, 0},
    {10, 1, CONTROL_FILE_FAILED, 5},
    {UINT64_MAX - UINT32_MAX, UINT32_MAX, CONTROL_FILE_SKIPPED, 0},
};
static const struct control_range some_ranges[] = {
    {0, 1}, {5, 1000000}, {CONTROL_PLACE_MAX - 1, CONTROL_PLACE_MAX}};

static struct control_message hello(void)
{
    return (struct control_message){
        .type = CONTROL_HELLO,
        .hello =
            {
                .protocol_version = CONTROL_PROTOCOL_VERSION,
                .session_id = session_id,
                .job_id = {{9, 8, 7}},
                .operation = CONTROL_PULL,
                .user = text_of("anna"),
                .auth = {CONTROL_METHOD_PASSWORD, .password = {"s3cret", 6}},
                .sources = some_sources,
                .source_count = 2,
                .ordered_source_count = 2,
                .destination = text_of("in/box"),
                .rates = some_rates,
                .datagram_bytes = 1472,
                .cipher = CONTROL_CIPHER_AES_128,
                .overwrite = CONTROL_OVERWRITE_NEVER,
                .links = CONTROL_LINKS_SKIP,
                .resume = CONTROL_RESUME_FULL,
                .create_path = true,
                .preserve_times = true,
                .connection_id = 0xdeadbeef,
                .cookie = text_of("my cookie"),
                .agent = text_of("ferry 0.1"),
            },
    };
}

static struct control_message message_of(enum control_type type)
{
    struct control_message message = {.type = type};

    switch (type) {
    case CONTROL_HELLO:
        return hello();
    case CONTROL_AUTH:
        message.auth = (struct control_auth){
            CONTROL_METHOD_PUBLIC_KEY, .key = some(51), .signature = some(64)};
        break;
    case CONTROL_ACCEPT:
        message.accept = (struct control_accept){
            session_id, 33001, 77, some_rates, 0, CONTROL_CIPHER_AES_256, true};
        break;
    case CONTROL_REFUSE:
    case CONTROL_ABORT:
        message.failure = (struct control_failure){19, text_of("no such user")};
        break;
    case CONTROL_FILE_RESULTS:
        message.file_results = (struct control_file_results){some_results, 3};
        break;
    case CONTROL_SKIP:
        message.skip = (struct control_skip){some_ranges, 3};
        break;
    case CONTROL_PROGRESS:
    case CONTROL_DONE:
    case CONTROL_DONE_ACK:
        message.totals = (struct control_totals){1, 2, 3, UINT64_MAX};
        break;
    case CONTROL_RATE:
        message.rates = some_rates;
        break;
    }
    return message;
}

static void encode(const struct control_message *message)
{
    text_builder_reset(&wire);
    control_encode(message, &wire);
    cr_assert_not(wire.failed);
}

static enum control_result decode_bytes(const void *data, uint32_t size_bytes,
                                        struct control_message *message)
{
    uint32_t used_bytes = 12345;
    /* A copy of the exact size, so that reading beyond it shows. */
    uint8_t *copy = malloc(size_bytes > 0 ? size_bytes : 1);
    enum control_result result;

    memcpy(copy, data, size_bytes);
    result =
        control_decode(copy, size_bytes, &arena, message, &used_bytes, NULL);
    cr_assert_eq(used_bytes, result == CONTROL_OK || result == CONTROL_SKIPPED
                                 ? size_bytes
                                 : 0);
    free(copy);
    return result;
}

static enum control_result decode(struct control_message *message)
{
    return decode_bytes(wire.data, wire.size_bytes, message);
}

static void set_size(void)
{
    uint32_t inner_bytes = wire.size_bytes - 4;
    for (int i = 0; i < 4; i++)
        wire.data[i] = (char)(inner_bytes >> (24 - 8 * i));
}

#define ALL_TYPES  \
    CONTROL_HELLO; \
    type <= CONTROL_RATE

Test(control, every_message_comes_back_as_it_was)
{
    for (enum control_type type = ALL_TYPES; type++) {
        struct control_message message = message_of(type), back;
        uint32_t used_bytes;

        encode(&message);
        cr_assert_eq(control_decode((uint8_t *)wire.data, wire.size_bytes,
                                    &arena, &back, &used_bytes, NULL),
                     CONTROL_OK);
        cr_assert_eq(used_bytes, wire.size_bytes);
        cr_assert_eq(back.type, type);

        /* What it says again is the same, byte by byte. */
        struct text_builder again = {0};
        control_encode(&back, &again);
        cr_assert(text_equal(text_built(&again), text_built(&wire)));
        text_builder_free(&again);
    }
}

Test(control, each_field_of_a_hello_arrives_in_its_place)
{
    struct control_message message = hello(), back;
    uint32_t used_bytes;

    encode(&message);
    cr_assert_eq(control_decode((uint8_t *)wire.data, wire.size_bytes, &arena,
                                &back, &used_bytes, NULL),
                 CONTROL_OK);
    const struct control_hello *got = &back.hello;
    cr_assert_eq(got->protocol_version, CONTROL_PROTOCOL_VERSION);
    cr_assert(uuid_equal(got->session_id, session_id));
    cr_assert_eq(got->job_id.bytes[2], 7);
    cr_assert_eq(got->operation, CONTROL_PULL);
    cr_assert(text_is(got->user, "anna"));
    cr_assert_eq(got->auth.method, CONTROL_METHOD_PASSWORD);
    cr_assert(text_is(got->auth.password, "s3cret"));
    cr_assert_eq(got->auth.key.size_bytes, 0);
    cr_assert_eq(got->source_count, 2);
    cr_assert(text_is(got->sources[0], "a/b"));
    cr_assert(text_is(got->sources[1], "\xff\n \xc3\xa4"));
    cr_assert_eq(got->ordered_source_count, 2);
    cr_assert(text_is(got->destination, "in/box"));
    cr_assert_eq(got->rates.policy, CONTROL_FAIR);
    cr_assert_eq(got->rates.target_kbps, 1000000);
    cr_assert_eq(got->rates.minimum_kbps, 1000);
    cr_assert_eq(got->rates.cap_kbps, 10000000);
    cr_assert_eq(got->datagram_bytes, 1472);
    cr_assert_eq(got->cipher, CONTROL_CIPHER_AES_128);
    cr_assert_eq(got->overwrite, CONTROL_OVERWRITE_NEVER);
    cr_assert_eq(got->links, CONTROL_LINKS_SKIP);
    cr_assert_eq(got->resume, CONTROL_RESUME_FULL);
    cr_assert(got->create_path);
    cr_assert(got->preserve_times);
    cr_assert_eq(got->connection_id, 0xdeadbeef);
    cr_assert(text_is(got->cookie, "my cookie"));
    cr_assert(text_is(got->agent, "ferry 0.1"));
}

Test(control, the_bytes_of_a_message_are_those_of_the_document)
{
    static const uint8_t expected[] = {
        0, 0,  0, 28,             /* what follows */
        0, 11, 1,                 /* RATE, version 1 */
        2,                        /* fair */
        0, 0,  0, 0,  0, 0, 1, 0, /* target */
        0, 0,  0, 0,  0, 0, 0, 2, /* minimum */
        0, 0,  0, 0,  0, 1, 0, 0, /* cap */
    };
    struct control_message message = {.type = CONTROL_RATE,
                                      .rates = {CONTROL_FAIR, 256, 2, 65536}};

    encode(&message);
    cr_assert_eq(wire.size_bytes, sizeof expected);
    cr_assert_eq(memcmp(wire.data, expected, sizeof expected), 0);
}

Test(control, a_cut_message_is_incomplete_at_every_position)
{
    for (enum control_type type = ALL_TYPES; type++) {
        struct control_message message = message_of(type), back;

        encode(&message);
        for (uint32_t cut = 0; cut < wire.size_bytes; cut++) {
            uint32_t used_bytes = 1, needed_bytes = 0;
            cr_assert_eq(control_decode((uint8_t *)wire.data, cut, &arena,
                                        &back, &used_bytes, &needed_bytes),
                         CONTROL_MORE);
            cr_assert_eq(used_bytes, 0);
            cr_assert_eq(needed_bytes, cut < CONTROL_HEADER_BYTES
                                           ? CONTROL_HEADER_BYTES
                                           : wire.size_bytes);
        }
    }
}

Test(control, a_message_whose_size_cuts_its_fields_is_refused)
{
    for (enum control_type type = ALL_TYPES; type++) {
        struct control_message message = message_of(type), back;

        encode(&message);
        uint32_t whole_bytes = wire.size_bytes;
        for (uint32_t cut = CONTROL_HEADER_BYTES; cut < whole_bytes; cut++) {
            arena_reset(&arena);
            wire.size_bytes = cut;
            set_size();
            cr_assert_eq(decode(&back), CONTROL_BAD_FIELD, "%s cut at %u",
                         control_type_name(type), cut);
        }
    }
}

Test(control, bytes_behind_the_fields_are_for_later_versions)
{
    for (enum control_type type = ALL_TYPES; type++) {
        struct control_message message = message_of(type), back;

        encode(&message);
        text_add_char(&wire, 'x');
        set_size();
        cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);
        wire.data[6] = 2;
        cr_assert_eq(decode(&back), CONTROL_OK);
        wire.data[6] = 0;
        cr_assert_eq(decode(&back), CONTROL_BAD_VERSION);
    }
}

Test(control, several_messages_follow_each_other)
{
    uint32_t at = 0, used_bytes = 0;
    struct control_message back;

    for (enum control_type type = ALL_TYPES; type++) {
        struct control_message message = message_of(type);
        control_encode(&message, &wire);
    }
    for (enum control_type type = ALL_TYPES; type++) {
        cr_assert_eq(control_decode((uint8_t *)wire.data + at,
                                    wire.size_bytes - at, &arena, &back,
                                    &used_bytes, NULL),
                     CONTROL_OK);
        cr_assert_eq(back.type, type);
        at += used_bytes;
    }
    cr_assert_eq(at, wire.size_bytes);
}

Test(control, unknown_types_are_skipped_or_refused_by_their_number)
{
    static const struct {
        uint16_t type;
        enum control_result expected;
    } cases[] = {
        {0, CONTROL_BAD_TYPE},      {12, CONTROL_BAD_TYPE},
        {0x7fff, CONTROL_BAD_TYPE}, {0x8000, CONTROL_SKIPPED},
        {0x8001, CONTROL_SKIPPED},  {0xffff, CONTROL_SKIPPED},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[] = {0,
                           0,
                           0,
                           5,
                           (uint8_t)(cases[i].type >> 8),
                           (uint8_t)cases[i].type,
                           1,
                           'h',
                           'i'};
        struct control_message back;
        uint32_t used_bytes;

        cr_assert_eq(decode_bytes(bytes, sizeof bytes, &back),
                     cases[i].expected);
        /* The header alone tells, or tells how much to skip. */
        cr_assert_eq(control_decode(bytes, 7, &arena, &back, &used_bytes, NULL),
                     cases[i].expected == CONTROL_SKIPPED ? CONTROL_MORE
                                                          : CONTROL_BAD_TYPE);
    }
}

Test(control, the_size_of_a_message_has_limits)
{
    static const struct {
        uint32_t inner_bytes;
        enum control_result expected;
    } cases[] = {
        {0, CONTROL_BAD_SIZE},
        {2, CONTROL_BAD_SIZE},
        {4, CONTROL_MORE},
        {LIMIT_CONTROL_MESSAGE_BYTES - 4, CONTROL_MORE},
        {LIMIT_CONTROL_MESSAGE_BYTES - 3, CONTROL_BAD_SIZE},
        {UINT32_MAX, CONTROL_BAD_SIZE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t inner = cases[i].inner_bytes;
        uint8_t bytes[] = {(uint8_t)(inner >> 24),
                           (uint8_t)(inner >> 16),
                           (uint8_t)(inner >> 8),
                           (uint8_t)inner,
                           0x80,
                           0,
                           1};
        struct control_message back;

        cr_assert_eq(decode_bytes(bytes, sizeof bytes, &back),
                     cases[i].expected);
        if (cases[i].expected == CONTROL_BAD_SIZE)
            cr_assert_eq(decode_bytes(bytes, 4, &back), CONTROL_BAD_SIZE);
    }
}

/* ---- ranges: what is just inside, and what is just outside ---- */

Test(control, an_enum_beyond_its_last_value_is_refused)
{
    struct control_message message = message_of(CONTROL_RATE), back;

    encode(&message);
    wire.data[7] = CONTROL_LOW;
    cr_assert_eq(decode(&back), CONTROL_OK);
    wire.data[7] = CONTROL_LOW + 1;
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);
}

Test(control, a_bool_is_0_or_1)
{
    struct control_message message = message_of(CONTROL_ACCEPT), back;

    encode(&message);
    char *last = wire.data + wire.size_bytes - 1;
    cr_assert_eq(*last, 1);
    *last = 0;
    cr_assert_eq(decode(&back), CONTROL_OK);
    *last = 2;
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);
}

/* The same check guards both directions: control_hello_fits() is what encode
 * demands and what decode demands once the fields are read. */
static void expect_fits(const char *what, bool good,
                        const struct control_hello *changed)
{
    struct control_message message = {.type = CONTROL_HELLO, .hello = *changed};
    struct control_message back;

    cr_assert_eq(control_hello_fits(changed), good, "%s", what);
    if (good) {
        encode(&message);
        cr_assert_eq(decode(&back), CONTROL_OK, "%s", what);
    }
}

#define EXPECT_FITS(good, ...)                        \
    do {                                              \
        struct control_hello changed = hello().hello; \
        struct control_hello *h = &changed;           \
        __VA_ARGS__;                                  \
        expect_fits(#__VA_ARGS__, good, &changed);    \
    } while (0)

Test(control, the_fields_of_a_hello_have_ranges)
{
    EXPECT_FITS(false, h->protocol_version = 0);
    EXPECT_FITS(true, h->protocol_version = UINT16_MAX);
    EXPECT_FITS(false, h->session_id = (struct uuid){{0}});
    EXPECT_FITS(true, h->job_id = (struct uuid){{0}});
    EXPECT_FITS(false, h->operation = 2);
    EXPECT_FITS(false, h->user = some(0));
    EXPECT_FITS(true, h->user = some(CONTROL_USER_BYTES_MAX));
    EXPECT_FITS(false, h->user = some(CONTROL_USER_BYTES_MAX + 1));
    EXPECT_FITS(false, h->user = text_from("a\0b", 3));
    EXPECT_FITS(true, h->destination = some(0));
    EXPECT_FITS(true, h->destination = some(LIMIT_PATH_BYTES));
    EXPECT_FITS(false, h->destination = some(LIMIT_PATH_BYTES + 1));
    EXPECT_FITS(false, h->destination = text_from("\0", 1));
    EXPECT_FITS(false, h->rates.policy = CONTROL_LOW + 1);
    EXPECT_FITS(true, h->rates.target_kbps = 0);
    EXPECT_FITS(true, h->rates.target_kbps = CONTROL_RATE_KBPS_MAX);
    EXPECT_FITS(false, h->rates.target_kbps = CONTROL_RATE_KBPS_MAX + 1);
    EXPECT_FITS(false, h->rates.minimum_kbps = CONTROL_RATE_KBPS_MAX + 1);
    EXPECT_FITS(false, h->rates.cap_kbps = CONTROL_RATE_KBPS_MAX + 1);
    EXPECT_FITS(true, h->datagram_bytes = 0);
    EXPECT_FITS(false, h->datagram_bytes = CONTROL_DATAGRAM_BYTES_MIN - 1);
    EXPECT_FITS(true, h->datagram_bytes = CONTROL_DATAGRAM_BYTES_MIN);
    EXPECT_FITS(true, h->datagram_bytes = CONTROL_DATAGRAM_BYTES_MAX);
    EXPECT_FITS(false, h->datagram_bytes = CONTROL_DATAGRAM_BYTES_MAX + 1);
    EXPECT_FITS(false, h->cipher = CONTROL_CIPHER_AES_256 + 1);
    EXPECT_FITS(false, h->overwrite = CONTROL_OVERWRITE_NEVER + 1);
    EXPECT_FITS(false, h->links = CONTROL_LINKS_SKIP + 1);
    EXPECT_FITS(false, h->resume = CONTROL_RESUME_FULL + 1);
    EXPECT_FITS(false, h->connection_id = 0);
}

Test(control, the_sources_of_a_hello_fit_its_operation)
{
    EXPECT_FITS(false, h->source_count = 0);
    EXPECT_FITS(true, h->source_count = 0, h->operation = CONTROL_PUSH);
    EXPECT_FITS(false, h->ordered_source_count = 1);
    EXPECT_FITS(true, h->ordered_source_count = LIMIT_SOURCE_PATHS);
    EXPECT_FITS(false, h->ordered_source_count = LIMIT_SOURCE_PATHS + 1);

    struct text one;
    EXPECT_FITS(true, one = some(1), h->sources = &one, h->source_count = 1);
    EXPECT_FITS(false, one = some(0), h->sources = &one, h->source_count = 1);
    EXPECT_FITS(true, one = some(LIMIT_PATH_BYTES), h->sources = &one,
                h->source_count = 1);
    EXPECT_FITS(false, one = some(LIMIT_PATH_BYTES + 1), h->sources = &one,
                h->source_count = 1);
    EXPECT_FITS(false, one = text_from("a\0", 2), h->sources = &one,
                h->source_count = 1);
}

Test(control, as_many_sources_travel_as_an_order_may_have)
{
    static struct text many[LIMIT_SOURCE_PATHS + 1];

    for (uint32_t i = 0; i <= LIMIT_SOURCE_PATHS; i++)
        many[i] = some(1 + i % 13);
    EXPECT_FITS(true, h->sources = many,
                h->source_count = h->ordered_source_count = LIMIT_SOURCE_PATHS);
    EXPECT_FITS(false, h->sources = many,
                h->source_count = h->ordered_source_count =
                    LIMIT_SOURCE_PATHS + 1);
    /* Few, but too long together. */
    for (uint32_t i = 0; i < 256; i++)
        many[i] = some(LIMIT_PATH_BYTES);
    EXPECT_FITS(true, h->sources = many,
                h->source_count = h->ordered_source_count = 247);
    EXPECT_FITS(false, h->sources = many,
                h->source_count = h->ordered_source_count = 248);
}

Test(control, each_method_has_its_own_proof_and_no_other)
{
    static const struct {
        uint8_t method;
        uint32_t password, key, signature, token;
        bool good;
    } cases[] = {
        {CONTROL_METHOD_PASSWORD, 5, 0, 0, 0, true},
        {CONTROL_METHOD_PASSWORD, 0, 0, 0, 0, true},
        {CONTROL_METHOD_PASSWORD, CONTROL_PASSWORD_BYTES_MAX, 0, 0, 0, true},
        {CONTROL_METHOD_PASSWORD, CONTROL_PASSWORD_BYTES_MAX + 1, 0, 0, 0,
         false},
        {CONTROL_METHOD_PASSWORD, 5, 1, 0, 0, false},
        {CONTROL_METHOD_PASSWORD, 5, 0, 1, 0, false},
        {CONTROL_METHOD_PASSWORD, 5, 0, 0, 1, false},
        {CONTROL_METHOD_PUBLIC_KEY, 0, 51, 64, 0, true},
        {CONTROL_METHOD_PUBLIC_KEY, 0, CONTROL_KEY_BYTES_MAX,
         CONTROL_SIGNATURE_BYTES_MAX, 0, true},
        {CONTROL_METHOD_PUBLIC_KEY, 0, CONTROL_KEY_BYTES_MAX + 1, 64, 0, false},
        {CONTROL_METHOD_PUBLIC_KEY, 0, 51, CONTROL_SIGNATURE_BYTES_MAX + 1, 0,
         false},
        {CONTROL_METHOD_PUBLIC_KEY, 0, 51, 0, 0, false},
        {CONTROL_METHOD_PUBLIC_KEY, 0, 0, 64, 0, false},
        {CONTROL_METHOD_PUBLIC_KEY, 1, 51, 64, 0, false},
        {CONTROL_METHOD_PUBLIC_KEY, 0, 51, 64, 1, false},
        {CONTROL_METHOD_TOKEN, 0, 0, 0, 1, true},
        {CONTROL_METHOD_TOKEN, 0, 0, 0, CONTROL_TOKEN_BYTES_MAX, true},
        {CONTROL_METHOD_TOKEN, 0, 0, 0, CONTROL_TOKEN_BYTES_MAX + 1, false},
        {CONTROL_METHOD_TOKEN, 0, 0, 0, 0, false},
        {CONTROL_METHOD_TOKEN, 1, 0, 0, 1, false},
        {CONTROL_METHOD_TOKEN + 1, 1, 0, 0, 0, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct control_auth auth = {
            .method = cases[i].method,
            .password = some(cases[i].password),
            .key = some(cases[i].key),
            .signature = some(cases[i].signature),
            .token = some(cases[i].token),
        };
        cr_assert_eq(control_auth_fits(&auth), cases[i].good, "case %zu", i);
        EXPECT_FITS(cases[i].good, h->auth = auth);
    }
}

/* Encodes a good list, then damages it on the wire. */
Test(control, items_of_lists_are_checked)
{
    struct control_message results = message_of(CONTROL_FILE_RESULTS);
    struct control_message skip = message_of(CONTROL_SKIP), back;
    /* First item: size 4, type 2, version 1, count 4; id 8, count 4, ... */
    enum { COUNT = 7, FIRST = 11, STATUS = FIRST + 12, ERROR = STATUS + 1 };

    encode(&results);
    wire.data[STATUS] = CONTROL_FILE_SKIPPED + 1;
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);
    wire.data[STATUS] = CONTROL_FILE_FAILED; /* without an error */
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);
    wire.data[ERROR + 3] = 5;
    cr_assert_eq(decode(&back), CONTROL_OK);
    wire.data[STATUS] = CONTROL_FILE_DONE; /* with one */
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);

    encode(&results);
    memset(wire.data + FIRST, 0xff, 8); /* ends beyond 64 bits */
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);

    encode(&results);
    wire.data[COUNT + 3] = 0;
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);
    memset(wire.data + COUNT, 0xff, 4);
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);

    encode(&skip);
    wire.data[FIRST + 7] = 1; /* from 1 to 1 */
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);

    encode(&skip);
    wire.data[FIRST + 9] = 1; /* beyond 48 bits */
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);
}

Test(control, a_full_list_travels)
{
    static struct control_range ranges[CONTROL_ITEMS_MAX];
    struct control_message back,
        message = {.type = CONTROL_SKIP, .skip = {ranges, CONTROL_ITEMS_MAX}};

    for (uint32_t i = 0; i < CONTROL_ITEMS_MAX; i++)
        ranges[i] = (struct control_range){i, i + 1};
    encode(&message);
    cr_assert_eq(decode(&back), CONTROL_OK);
    cr_assert_eq(back.skip.count, CONTROL_ITEMS_MAX);
    cr_assert_eq(memcmp(back.skip.items, ranges, sizeof ranges), 0);
}

Test(control, one_item_too_many_is_a_bug, .signal = SIGABRT)
{
    static struct control_range ranges[CONTROL_ITEMS_MAX + 1];
    struct control_message message = {.type = CONTROL_SKIP,
                                      .skip = {ranges, CONTROL_ITEMS_MAX + 1}};

    for (uint32_t i = 0; i <= CONTROL_ITEMS_MAX; i++)
        ranges[i] = (struct control_range){i, i + 1};
    control_encode(&message, &wire);
}

Test(control, a_message_with_bad_fields_is_not_written, .signal = SIGABRT)
{
    struct control_message message = hello();
    message.hello.connection_id = 0;
    control_encode(&message, &wire);
}

Test(control, a_full_arena_is_told)
{
    struct control_message message = message_of(CONTROL_SKIP), back;

    encode(&message);
    arena_free(&arena);
    arena_init(&arena, 16);
    cr_assert_eq(decode(&back), CONTROL_MEMORY);
}

Test(control, what_only_people_read_is_cut_to_fit)
{
    struct control_message back,
        message = {.type = CONTROL_ABORT, .failure = {28, TEXT_ABSENT}};

    encode(&message);
    cr_assert_eq(decode(&back), CONTROL_OK);
    cr_assert_eq(back.failure.text.size_bytes, 0);

    message.failure.text = some(CONTROL_ERROR_TEXT_BYTES_MAX);
    encode(&message);
    cr_assert_eq(decode(&back), CONTROL_OK);
    cr_assert_eq(back.failure.text.size_bytes, CONTROL_ERROR_TEXT_BYTES_MAX);

    /* Not through the middle of a character. */
    filler[CONTROL_ERROR_TEXT_BYTES_MAX - 2] = (char)0xe2;
    filler[CONTROL_ERROR_TEXT_BYTES_MAX - 1] = (char)0x82;
    filler[CONTROL_ERROR_TEXT_BYTES_MAX] = (char)0xac;
    message.failure.text = some(CONTROL_ERROR_TEXT_BYTES_MAX + 1);
    encode(&message);
    cr_assert_eq(decode(&back), CONTROL_OK);
    cr_assert_eq(back.failure.text.size_bytes,
                 CONTROL_ERROR_TEXT_BYTES_MAX - 2);

    message.failure.text = text_from("ab\0c", 4);
    encode(&message);
    cr_assert_eq(decode(&back), CONTROL_OK);
    cr_assert_eq(back.failure.text.size_bytes, 2);
}

/* ---- random input ---- */

Test(control, random_bytes_never_harm)
{
    struct random random;
    struct control_message back;
    uint32_t ok_count = 0;

    random_seed(&random, 20261124);
    for (uint32_t run = 0; run < 100000; run++) {
        enum control_type type =
            (enum control_type)(CONTROL_HELLO + random_below(&random, 11));
        struct control_message message = message_of(type);

        arena_reset(&arena);
        encode(&message);
        /* A good message with some bytes changed, its header less often. */
        uint64_t changes = random_below(&random, 4);
        for (uint64_t i = 0; i < changes; i++) {
            uint64_t first = random_below(&random, 8) == 0 ? 0 : 7;
            uint64_t at =
                first + random_below(&random, wire.size_bytes - first);
            wire.data[at] = (char)random_u64(&random);
        }
        uint8_t *copy = malloc(wire.size_bytes);
        uint32_t used_bytes, needed_bytes;
        memcpy(copy, wire.data, wire.size_bytes);
        if (control_decode(copy, wire.size_bytes, &arena, &back, &used_bytes,
                           &needed_bytes) == CONTROL_OK) {
            /* What was taken can be said again. */
            struct text_builder again = {0};
            control_encode(&back, &again);
            cr_assert_not(again.failed);
            text_builder_free(&again);
            ok_count++;
        }
        free(copy);
    }
    cr_assert_gt(ok_count, 25000);
    cr_assert_lt(ok_count, 100000);
}
