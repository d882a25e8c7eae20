#include "central/events_room.h"

#include "base/log.h"
#include "central/context.h"
#include "central/subscriptions.h"
#include "store/query.h"

static uint64_t kept_count(const struct central *central)
{
    uint64_t newest = central->changes.stored_sequence;

    return central->first_sequence == 0 || newest < central->first_sequence
               ? 0
               : newest - central->first_sequence + 1;
}

static void learned(void *user, struct store_rows *rows)
{
    struct central *central = user;

    if (rows->result == 0)
        central->first_sequence = rows->first_sequence;
    store_rows_free(rows);
}

void events_room_learn(struct central *central)
{
    struct store_event_filter filter = {
        .after_sequence = central->changes.stored_sequence,
        .topics = STORE_TOPIC_BIT(STORE_TOPIC_COUNT) - 1,
    };

    if (!central->stopping)
        store_query_events(central->store, &filter, 1, central, learned);
}

bool events_room_is_used(const struct central *central)
{
    uint64_t max = central->config.events_max;

    return max != 0 && !central->config.drops_events &&
           kept_count(central) >= max;
}

static void drop(struct central *central);

static void dropped(void *user, int result)
{
    struct central *central = user;

    central->purging = false;
    if (result > 0) {
        central->dropped_count += (uint64_t)result;
        LOG(events_dropped, result, central->first_sequence,
            central->dropped_count);
        subscriptions_dropped(central->subscriptions,
                              central->drop_sequence);
    }
    if (result > 0 && !central->stopping) {
        drop(central);
    } else {
        events_room_learn(central);
        central_go_on_stopping(central);
    }
}

static void drop(struct central *central)
{
    struct store_purge what = {
        .events_before_us = INT64_MAX,
        .events_sequence_max = central->drop_sequence,
    };

    central->purging = true;
    store_purge(central->store, &what, central, dropped);
}

void events_room_look(struct central *central)
{
    uint64_t max = central->config.events_max;

    if (max == 0 || !central->config.drops_events || central->purging ||
        kept_count(central) <= max)
        return;
    central->drop_sequence = central->changes.stored_sequence - max;
    drop(central);
}
