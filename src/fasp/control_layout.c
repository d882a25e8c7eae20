#include "fasp/control_layout.h"

#include <stddef.h>

#include "base/limits.h"

#define ROW(kind, type, member, min, max)                       \
    {                                                           \
        CONTROL_FIELD_##kind, offsetof(struct type, member),    \
            sizeof(((struct type *)NULL)->member), (min), (max) \
    }
#define ROWS_END                      \
    {                                 \
        CONTROL_FIELD_END, 0, 0, 0, 0 \
    }

/* RATE, and parts of HELLO and ACCEPT; `at` is "" or "rates.". */
#define ROWS_RATES(type, at)                                        \
    ROW(UINT, type, at policy, CONTROL_FIXED, CONTROL_LOW),         \
        ROW(UINT, type, at target_kbps, 0, CONTROL_RATE_KBPS_MAX),  \
        ROW(UINT, type, at minimum_kbps, 0, CONTROL_RATE_KBPS_MAX), \
        ROW(UINT, type, at cap_kbps, 0, CONTROL_RATE_KBPS_MAX)

/* AUTH, and a part of HELLO. */
#define ROWS_AUTH(type, at)                                                    \
    ROW(UINT, type, at method, CONTROL_METHOD_PASSWORD, CONTROL_METHOD_TOKEN), \
        ROW(BYTES, type, at password, 0, CONTROL_PASSWORD_BYTES_MAX),          \
        ROW(BYTES, type, at key, 0, CONTROL_KEY_BYTES_MAX),                    \
        ROW(BYTES, type, at signature, 0, CONTROL_SIGNATURE_BYTES_MAX),        \
        ROW(BYTES, type, at token, 0, CONTROL_TOKEN_BYTES_MAX)

#define DATAGRAM_BYTES(type)           \
    ROW(UINT, type, datagram_bytes, 0, \
        CONTROL_DATAGRAM_BYTES_MAX) /* and not 1 to MIN - 1: is_good */

static const struct control_field hello_rows[] = {
    ROW(UINT, control_hello, protocol_version, 1, UINT16_MAX),
    ROW(UUID, control_hello, session_id, 1, 0),
    ROW(UUID, control_hello, job_id, 0, 0),
    ROW(UINT, control_hello, operation, CONTROL_PUSH, CONTROL_PULL),
    ROW(TEXT, control_hello, user, 1, CONTROL_USER_BYTES_MAX),
    ROWS_AUTH(control_hello, auth.),
    ROW(UINT, control_hello, ordered_source_count, 0, LIMIT_SOURCE_PATHS),
    ROW(TEXT, control_hello, destination, 0, LIMIT_PATH_BYTES),
    ROWS_RATES(control_hello, rates.),
    DATAGRAM_BYTES(control_hello),
    ROW(UINT, control_hello, cipher, CONTROL_CIPHER_NONE,
        CONTROL_CIPHER_AES_256),
    ROW(UINT, control_hello, overwrite, CONTROL_OVERWRITE_ALWAYS,
        CONTROL_OVERWRITE_DIFF_AND_OLDER),
    ROW(UINT, control_hello, links, CONTROL_LINKS_FOLLOW,
        CONTROL_LINKS_COPY_FORCE),
    ROW(UINT, control_hello, resume, CONTROL_RESUME_NONE, CONTROL_RESUME_FULL),
    ROW(UINT, control_hello, create_path, 0, 1),
    ROW(UINT, control_hello, preserve_times, 0, 1),
    ROW(UINT, control_hello, awaits_go, 0, 1),
    ROW(UINT, control_hello, file_flags, 0, CONTROL_FILE_FLAGS_ALL),
    ROW(UINT, control_hello, checksum, CONTROL_CHECKSUM_NONE,
        CONTROL_CHECKSUM_SHA256),
    ROW(TEXT, control_hello, partial_suffix, 0, CONTROL_SUFFIX_BYTES_MAX),
    ROW(TEXT, control_hello, save_suffix, 0, CONTROL_SUFFIX_BYTES_MAX),
    ROW(TEXT, control_hello, source_base, 0, LIMIT_PATH_BYTES),
    ROW(BYTES, control_hello, excludes, 0, CONTROL_EXCLUDES_BYTES_MAX),
    ROW(UINT, control_hello, oldest_s, 0, UINT64_MAX),
    ROW(UINT, control_hello, newest_s, 0, UINT64_MAX),
    ROW(UINT, control_hello, connection_id, 1, UINT32_MAX),
    ROW(NOTE, control_hello, cookie, 0, CONTROL_COOKIE_BYTES_MAX),
    ROW(NOTE, control_hello, agent, 0, CONTROL_AGENT_BYTES_MAX),
    ROWS_END,
};

static const struct control_field auth_rows[] = {
    ROWS_AUTH(control_auth, ),
    ROWS_END,
};

static const struct control_field accept_rows[] = {
    ROW(UUID, control_accept, session_id, 1, 0),
    ROW(UINT, control_accept, udp_port, 1, UINT16_MAX),
    ROW(UINT, control_accept, connection_id, 1, UINT32_MAX),
    ROWS_RATES(control_accept, rates.),
    DATAGRAM_BYTES(control_accept),
    ROW(UINT, control_accept, cipher, CONTROL_CIPHER_NONE,
        CONTROL_CIPHER_AES_256),
    ROW(UINT, control_accept, challenges_address, 0, 1),
    ROW(UINT, control_accept, awaits_go, 0, 1),
    ROWS_END,
};

static const struct control_field failure_rows[] = {
    ROW(UINT, control_failure, error, 1, UINT32_MAX),
    ROW(NOTE, control_failure, text, 0, CONTROL_ERROR_TEXT_BYTES_MAX),
    ROWS_END,
};

static const struct control_field totals_rows[] = {
    ROW(UINT, control_totals, files_done, 0, UINT64_MAX),
    ROW(UINT, control_totals, files_failed, 0, UINT64_MAX),
    ROW(UINT, control_totals, files_skipped, 0, UINT64_MAX),
    ROW(UINT, control_totals, bytes_written, 0, UINT64_MAX),
    ROWS_END,
};

static const struct control_field rates_rows[] = {
    ROWS_RATES(control_rates, ),
    ROWS_END,
};

static const struct control_field no_rows[] = {ROWS_END};

static const struct control_field source_rows[] = {
    {CONTROL_FIELD_TEXT, 0, sizeof(struct text), 1, LIMIT_PATH_BYTES},
    ROWS_END,
};

static const struct control_field result_rows[] = {
    ROW(UINT, control_file_result, first_id, 0, UINT64_MAX),
    ROW(UINT, control_file_result, count, 1, UINT32_MAX),
    ROW(UINT, control_file_result, status, CONTROL_FILE_DONE,
        CONTROL_FILE_SKIPPED),
    ROW(UINT, control_file_result, error, 0, UINT32_MAX),
    ROWS_END,
};

static const struct control_field range_rows[] = {
    ROW(UINT, control_range, from_place, 0, CONTROL_PLACE_MAX),
    ROW(UINT, control_range, to_place, 0, CONTROL_PLACE_MAX),
    ROWS_END,
};

static const struct control_field check_rows[] = {
    ROW(UINT, control_check_item, file_id, 0, UINT64_MAX),
    ROW(UINT, control_check_item, offset, 0, CONTROL_PLACE_MAX),
    ROW(UINT, control_check_item, size_bytes, 1, CONTROL_PLACE_MAX),
    ROW(UINT, control_check_item, checksum, CONTROL_CHECKSUM_SHA1,
        CONTROL_CHECKSUM_SHA256),
    ROW(BYTES, control_check_item, digest, 16, CONTROL_DIGEST_BYTES_MAX),
    ROWS_END,
};

static const struct control_field checked_rows[] = {
    ROW(UINT, control_checked_item, file_id, 0, UINT64_MAX),
    ROW(UINT, control_checked_item, count, 1, UINT32_MAX),
    ROW(UINT, control_checked_item, equal, 0, 1),
    ROWS_END,
};

static const struct control_field go_rows[] = {
    ROW(UINT, control_go, file_count, 0, UINT64_MAX),
    ROWS_END,
};

static bool datagram_bytes_are_good(uint32_t datagram_bytes)
{
    return datagram_bytes == 0 || datagram_bytes >= CONTROL_DATAGRAM_BYTES_MIN;
}

static bool auth_is_good(const void *body)
{
    const struct control_auth *auth = body;
    bool password = auth->password.size_bytes > 0;
    bool key = auth->key.size_bytes > 0;
    bool signature = auth->signature.size_bytes > 0;
    bool token = auth->token.size_bytes > 0;

    switch ((enum control_method)auth->method) {
    case CONTROL_METHOD_PASSWORD: /* which may be empty */
        return !key && !signature && !token;
    case CONTROL_METHOD_PUBLIC_KEY:
        return !password && key && signature && !token;
    case CONTROL_METHOD_TOKEN:
        return !password && !key && !signature && token;
    }
    return false;
}

static bool hello_is_good(const void *body)
{
    const struct control_hello *hello = body;

    return auth_is_good(&hello->auth) &&
           datagram_bytes_are_good(hello->datagram_bytes) &&
           hello->source_count <= hello->ordered_source_count &&
           (hello->excludes.size_bytes == 0 ||
            hello->excludes.data[hello->excludes.size_bytes - 1] == '\0') &&
           (hello->operation != CONTROL_PULL || hello->source_count > 0);
}

static bool accept_is_good(const void *body)
{
    const struct control_accept *accept = body;
    return datagram_bytes_are_good(accept->datagram_bytes);
}

static bool file_results_are_good(const void *body)
{
    const struct control_file_results *results = body;

    for (uint32_t i = 0; i < results->count; i++) {
        const struct control_file_result *item = &results->items[i];
        uint64_t end;
        if (__builtin_add_overflow(item->first_id, item->count, &end))
            return false;
        if ((item->error != 0) != (item->status == CONTROL_FILE_FAILED))
            return false;
    }
    return true;
}

static bool skip_is_good(const void *body)
{
    const struct control_skip *skip = body;

    for (uint32_t i = 0; i < skip->count; i++) {
        if (skip->items[i].from_place >= skip->items[i].to_place)
            return false;
    }
    return true;
}

static uint32_t digest_bytes(enum control_checksum checksum)
{
    switch (checksum) {
    case CONTROL_CHECKSUM_SHA1:
        return 20;
    case CONTROL_CHECKSUM_MD5:
        return 16;
    case CONTROL_CHECKSUM_SHA256:
        return 32;
    case CONTROL_CHECKSUM_NONE:
        break;
    }
    return 0;
}

/* One item may be a whole file of any size; several are samples. */
static bool check_is_good(const void *body)
{
    const struct control_check *check = body;
    uint64_t size_bytes = 0;

    for (uint32_t i = 0; i < check->count; i++) {
        const struct control_check_item *item = &check->items[i];
        if (item->digest.size_bytes !=
            digest_bytes((enum control_checksum)item->checksum))
            return false;
        size_bytes += item->size_bytes; /* 2^14 numbers of 48 bits */
    }
    return check->count == 1 || size_bytes <= CONTROL_CHECK_BYTES_MAX;
}

#define ITEMS(type, list, length, item, wire_bytes, least, most)            \
    .item_bytes = sizeof(struct item), .item_wire_bytes_min = (wire_bytes), \
    .items_offset = offsetof(struct type, list),                            \
    .count_offset = offsetof(struct type, length), .count_min = (least),    \
    .count_max = (most)

static const struct control_layout layouts[] = {
    [CONTROL_HELLO] = {.name = "HELLO",
                       .rows = hello_rows,
                       .is_good = hello_is_good,
                       .item_rows = source_rows,
                       ITEMS(control_hello, sources, source_count, text, 3, 0,
                             LIMIT_SOURCE_PATHS)},
    [CONTROL_AUTH] = {.name = "AUTH",
                      .rows = auth_rows,
                      .is_good = auth_is_good},
    [CONTROL_ACCEPT] = {.name = "ACCEPT",
                        .rows = accept_rows,
                        .is_good = accept_is_good},
    [CONTROL_REFUSE] = {.name = "REFUSE", .rows = failure_rows},
    [CONTROL_FILE_RESULTS] = {.name = "FILE_RESULTS",
                              .rows = no_rows,
                              .is_good = file_results_are_good,
                              .item_rows = result_rows,
                              ITEMS(control_file_results, items, count,
                                    control_file_result, 17, 1,
                                    CONTROL_ITEMS_MAX)},
    [CONTROL_SKIP] = {.name = "SKIP",
                      .rows = no_rows,
                      .is_good = skip_is_good,
                      .item_rows = range_rows,
                      ITEMS(control_skip, items, count, control_range, 16, 1,
                            CONTROL_ITEMS_MAX)},
    [CONTROL_PROGRESS] = {.name = "PROGRESS", .rows = totals_rows},
    [CONTROL_DONE] = {.name = "DONE", .rows = totals_rows},
    [CONTROL_DONE_ACK] = {.name = "DONE_ACK", .rows = totals_rows},
    [CONTROL_ABORT] = {.name = "ABORT", .rows = failure_rows},
    [CONTROL_RATE] = {.name = "RATE", .rows = rates_rows},
    [CONTROL_CHECK] = {.name = "CHECK",
                       .rows = no_rows,
                       .is_good = check_is_good,
                       .item_rows = check_rows,
                       ITEMS(control_check, items, count, control_check_item,
                             43, 1, CONTROL_ITEMS_MAX)},
    [CONTROL_CHECKED] = {.name = "CHECKED",
                         .rows = no_rows,
                         .item_rows = checked_rows,
                         ITEMS(control_checked, items, count,
                               control_checked_item, 13, 1,
                               CONTROL_ITEMS_MAX)},
    [CONTROL_GO] = {.name = "GO", .rows = go_rows},
};

const struct control_layout *control_layout_of(uint32_t type)
{
    if (type >= sizeof layouts / sizeof layouts[0] ||
        layouts[type].name == NULL)
        return NULL;
    return &layouts[type];
}
