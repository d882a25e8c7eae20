#include "control_test.h"

TestSuite(control_layout, .init = set_up, .fini = tear_down, .timeout = 60);

/* ---- ranges: what is just inside, and what is just outside ---- */

Test(control_layout, an_enum_beyond_its_last_value_is_refused)
{
    struct control_message message = message_of(CONTROL_RATE), back;

    encode(&message);
    wire.data[7] = CONTROL_LOW;
    cr_assert_eq(decode(&back), CONTROL_OK);
    wire.data[7] = CONTROL_LOW + 1;
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);
}

Test(control_layout, a_bool_is_0_or_1)
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

Test(control_layout, the_fields_of_a_hello_have_ranges)
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
    EXPECT_FITS(false, h->overwrite = CONTROL_OVERWRITE_DIFF_AND_OLDER + 1);
    EXPECT_FITS(false, h->links = CONTROL_LINKS_COPY_FORCE + 1);
    EXPECT_FITS(false, h->file_flags = CONTROL_FILE_FLAGS_ALL + 1);
    EXPECT_FITS(false, h->checksum = CONTROL_CHECKSUM_SHA256 + 1);
    EXPECT_FITS(true, h->partial_suffix = some(CONTROL_SUFFIX_BYTES_MAX));
    EXPECT_FITS(false, h->partial_suffix = some(CONTROL_SUFFIX_BYTES_MAX + 1));
    EXPECT_FITS(false, h->save_suffix = some(CONTROL_SUFFIX_BYTES_MAX + 1));
    EXPECT_FITS(false, h->source_base = some(LIMIT_PATH_BYTES + 1));
    EXPECT_FITS(true, h->excludes = some(0));
    EXPECT_FITS(false, h->excludes = text_of("no NUL behind it"));
    EXPECT_FITS(false, h->resume = CONTROL_RESUME_FULL + 1);
    EXPECT_FITS(false, h->connection_id = 0);
}

Test(control_layout, the_sources_of_a_hello_fit_its_operation)
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

Test(control_layout, as_many_sources_travel_as_an_order_may_have)
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
                h->source_count = h->ordered_source_count = 239);
    EXPECT_FITS(false, h->sources = many,
                h->source_count = h->ordered_source_count = 240);
}

Test(control_layout, each_method_has_its_own_proof_and_no_other)
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
Test(control_layout, items_of_lists_are_checked)
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

Test(control_layout, a_full_list_travels)
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

Test(control_layout, one_item_too_many_is_a_bug, .signal = SIGABRT)
{
    static struct control_range ranges[CONTROL_ITEMS_MAX + 1];
    struct control_message message = {.type = CONTROL_SKIP,
                                      .skip = {ranges, CONTROL_ITEMS_MAX + 1}};

    for (uint32_t i = 0; i <= CONTROL_ITEMS_MAX; i++)
        ranges[i] = (struct control_range){i, i + 1};
    control_encode(&message, &wire);
}

Test(control_layout, a_message_with_bad_fields_is_not_written,
     .signal = SIGABRT)
{
    struct control_message message = hello();
    message.hello.connection_id = 0;
    control_encode(&message, &wire);
}

Test(control_layout, a_count_takes_no_memory_that_its_bytes_do_not_fill)
{
    struct control_message message = message_of(CONTROL_SKIP), back;

    encode(&message);
    wire.data[9] = (char)(CONTROL_ITEMS_MAX >> 8); /* in place of 3 */
    wire.data[10] = 0;
    arena_free(&arena);
    arena_init(&arena, 16); /* would be told as CONTROL_MEMORY */
    cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);
}

Test(control_layout, a_full_arena_is_told)
{
    struct control_message message = message_of(CONTROL_SKIP), back;

    encode(&message);
    arena_free(&arena);
    arena_init(&arena, 16);
    cr_assert_eq(decode(&back), CONTROL_MEMORY);
}

Test(control_layout, what_only_people_read_is_cut_to_fit)
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

/* Decodes a CHECK of `count` items of MD5 whose first has this size. */
static enum control_result take_check(uint32_t count, uint64_t size_bytes,
                                      uint8_t checksum)
{
    static const uint32_t size_at = CONTROL_HEADER_BYTES + 4 + 16;
    struct control_check_item items[2] = {
        {0, 0, 1, CONTROL_CHECKSUM_MD5, some(16)},
        {0, 0, 1, CONTROL_CHECKSUM_SHA1, some(20)},
    };
    struct control_message message = {.type = CONTROL_CHECK,
                                      .check = {items, count}};
    struct control_message back;

    encode(&message);
    for (uint32_t i = 0; i < 8; i++)
        wire.data[size_at + i] = (char)(size_bytes >> (56 - 8 * i));
    wire.data[size_at + 8] = (char)checksum;
    return decode(&back);
}

Test(control_layout, a_check_is_of_samples_or_of_one_whole_file)
{
    const uint8_t md5 = CONTROL_CHECKSUM_MD5;

    cr_expect_eq(take_check(1, CONTROL_CHECK_BYTES_MAX, md5), CONTROL_OK);
    cr_expect_eq(take_check(2, CONTROL_CHECK_BYTES_MAX, md5),
                 CONTROL_BAD_FIELD);
    cr_expect_eq(take_check(2, CONTROL_CHECK_BYTES_MAX - 1, md5), CONTROL_OK);
    cr_expect_eq(take_check(1, CONTROL_PLACE_MAX, md5), CONTROL_OK);
    cr_expect_eq(take_check(1, CONTROL_PLACE_MAX + 1, md5), CONTROL_BAD_FIELD);
    cr_expect_eq(take_check(1, 0, md5), CONTROL_BAD_FIELD);
    cr_expect_eq(take_check(1, 1, CONTROL_CHECKSUM_SHA256), CONTROL_BAD_FIELD);
    cr_expect_eq(take_check(1, 1, CONTROL_CHECKSUM_NONE), CONTROL_BAD_FIELD);
}
