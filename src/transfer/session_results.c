/* Results and skips on their way to the peer, as runs. */
#include <stdlib.h>
#include <string.h>

#include "transfer/session.h"

static bool follows(const struct control_file_result *last, uint64_t file_id,
                    enum control_file_status status, enum fasp_error error)
{
    return last->first_id + last->count == file_id &&
           last->status == (uint8_t)status && last->error == (uint32_t)error &&
           last->count < UINT32_MAX;
}

void session_add_result(struct session_results *results, uint64_t file_id,
                        enum control_file_status status, enum fasp_error error)
{
    if (results->count > 0 &&
        follows(&results->items[results->count - 1], file_id, status, error)) {
        results->items[results->count - 1].count++;
        return;
    }
    if (results->count == results->room) {
        uint32_t room = results->room ? results->room * 2 : 64;
        struct control_file_result *items =
            realloc(results->items, room * sizeof *items);
        CHECK(items != NULL);
        results->items = items;
        results->room = room;
    }
    results->items[results->count++] = (struct control_file_result){
        .first_id = file_id,
        .count = 1,
        .status = (uint8_t)status,
        .error = (uint32_t)error,
    };
}

void session_add_skip(struct session_skips *skips, uint64_t from_place,
                      uint64_t to_place)
{
    if (skips->count > 0 &&
        skips->items[skips->count - 1].to_place == from_place) {
        skips->items[skips->count - 1].to_place = to_place;
        return;
    }
    if (skips->count == skips->room) {
        uint32_t room = skips->room ? skips->room * 2 : 64;
        struct control_range *items =
            realloc(skips->items, room * sizeof *items);
        CHECK(items != NULL);
        skips->items = items;
        skips->room = room;
    }
    skips->items[skips->count++] = (struct control_range){from_place, to_place};
}

static uint32_t at_most_items(uint32_t count)
{
    return count < CONTROL_ITEMS_MAX ? count : CONTROL_ITEMS_MAX;
}

/* ---- checks ---- */

static void say_checks(struct transfer_session *session)
{
    struct session_checks *checks = &session->checks;
    struct control_message message = {.type = CONTROL_CHECK};

    if (checks->count == 0)
        return;
    if (session->is_sender) {
        message.type = CONTROL_CHECKED;
        message.checked =
            (struct control_checked){checks->checked, checks->count};
    } else {
        message.check = (struct control_check){checks->items, checks->count};
    }
    session_say(session, &message);
    checks->count = 0;
    checks->size_bytes = 0;
}

void session_add_check(struct transfer_session *session,
                       const struct file_writer_event *event)
{
    struct session_checks *checks = &session->checks;
    uint64_t size_bytes = event->to_place - event->from_place;
    static const uint32_t digest_bytes[] = {
        [CONTROL_CHECKSUM_SHA1] = HASH_SHA1_BYTES,
        [CONTROL_CHECKSUM_MD5] = HASH_MD5_BYTES,
        [CONTROL_CHECKSUM_SHA256] = HASH_SHA256_BYTES,
    };

    if (checks->items == NULL) {
        checks->items = calloc(LIMIT_CHECKS_ITEMS, sizeof *checks->items);
        checks->digests =
            calloc(LIMIT_CHECKS_ITEMS, CONTROL_DIGEST_BYTES_MAX);
        CHECK(checks->items != NULL && checks->digests != NULL);
    }
    if (checks->count == LIMIT_CHECKS_ITEMS ||
        checks->size_bytes + size_bytes > CONTROL_CHECK_BYTES_MAX)
        say_checks(session);
    uint8_t *digest =
        checks->digests + checks->count * CONTROL_DIGEST_BYTES_MAX;
    uint32_t bytes = digest_bytes[event->checksum];
    memcpy(digest, event->digest, bytes);
    checks->items[checks->count++] = (struct control_check_item){
        .file_id = event->file_id,
        .offset = event->from_place,
        .size_bytes = size_bytes,
        .checksum = event->checksum,
        .digest = text_from((const char *)digest, bytes),
    };
    checks->size_bytes += size_bytes;
}

void session_add_checked(struct transfer_session *session, uint64_t file_id,
                         bool equal)
{
    struct session_checks *checks = &session->checks;

    if (checks->checked == NULL)
        checks->checked = calloc(LIMIT_CHECKS_ITEMS, sizeof *checks->checked);
    CHECK(checks->checked != NULL);
    if (checks->count > 0) {
        struct control_checked_item *last = &checks->checked[checks->count - 1];
        if (last->file_id == file_id && last->equal == equal &&
            last->count < UINT32_MAX) {
            last->count++;
            return;
        }
    }
    if (checks->count == LIMIT_CHECKS_ITEMS)
        say_checks(session);
    checks->checked[checks->count++] =
        (struct control_checked_item){file_id, 1, equal};
}

void session_say_results(struct transfer_session *session)
{
    struct session_skips *skips = &session->skips;
    struct session_results *results = &session->results;

    say_checks(session);
    for (uint32_t at = 0; at < skips->count;) {
        struct control_message message = {
            .type = CONTROL_SKIP,
            .skip = {skips->items + at, at_most_items(skips->count - at)},
        };
        session_say(session, &message);
        at += message.skip.count;
    }
    for (uint32_t at = 0; at < results->count;) {
        struct control_message message = {
            .type = CONTROL_FILE_RESULTS,
            .file_results = {results->items + at,
                             at_most_items(results->count - at)},
        };
        session_say(session, &message);
        at += message.file_results.count;
    }
    skips->count = 0;
    results->count = 0;
}
