/* What the tests of control messages share: a good message of each type. */
#ifndef CONTROL_TEST_H
#define CONTROL_TEST_H

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "fasp/control.h"

static struct arena arena;
static struct text_builder wire;
static char filler[CONTROL_TOKEN_BYTES_MAX + 1];

static inline void set_up(void)
{
    arena_init(&arena, 4 << 20);
    memset(filler, 'x', sizeof filler);
}

static inline void tear_down(void)
{
    arena_free(&arena);
    text_builder_free(&wire);
}

static inline struct text some(uint32_t size_bytes)
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

static const struct control_check_item some_checks[] = {
    {7, 1 << 20, 1 << 20, CONTROL_CHECKSUM_SHA256,
     {"0123456789abcdef0123456789abcdef", 32}},
    {UINT64_MAX, 0, 1, CONTROL_CHECKSUM_MD5, {"0123456789abcdef", 16}},
};
static const struct control_checked_item some_checked[] = {
    {7, 1, true}, {UINT64_MAX, UINT32_MAX, false}};

static inline struct control_message hello(void)
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
                .awaits_go = true,
                .file_flags = CONTROL_FILE_FLAGS_ALL,
                .checksum = CONTROL_CHECKSUM_MD5,
                .partial_suffix = text_of(".part"),
                .save_suffix = text_of(".old"),
                .source_base = text_of("base"),
                .excludes = {"*.o\0a\0", 6},
                .oldest_s = (uint64_t)-5,
                .newest_s = INT64_MAX,
                .connection_id = 0xdeadbeef,
                .cookie = text_of("my cookie"),
                .agent = text_of("ferry 0.1"),
            },
    };
}

static inline struct control_message message_of(enum control_type type)
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
            session_id, 33001, 77, some_rates, 0, CONTROL_CIPHER_AES_256, true,
            true};
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
    case CONTROL_CHECK:
        message.check = (struct control_check){some_checks, 2};
        break;
    case CONTROL_CHECKED:
        message.checked = (struct control_checked){some_checked, 2};
        break;
    case CONTROL_GO:
        message.go = (struct control_go){UINT64_MAX};
        break;
    }
    return message;
}

static inline void encode(const struct control_message *message)
{
    text_builder_reset(&wire);
    control_encode(message, &wire);
    cr_assert_not(wire.failed);
}

static inline enum control_result decode_bytes(const void *data,
                                               uint32_t size_bytes,
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

static inline enum control_result decode(struct control_message *message)
{
    return decode_bytes(wire.data, wire.size_bytes, message);
}

static inline void set_size(void)
{
    uint32_t inner_bytes = wire.size_bytes - 4;
    for (int i = 0; i < 4; i++)
        wire.data[i] = (char)(inner_bytes >> (24 - 8 * i));
}

#endif
