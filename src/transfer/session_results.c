/* Results and skips on their way to the peer, as runs. */
#include <stdlib.h>

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

void session_say_results(struct transfer_session *session)
{
    struct session_skips *skips = &session->skips;
    struct session_results *results = &session->results;

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
