/* Which datagrams go out next. */
#include "fasp/sender_parts.h"

#define MS UINT64_C(1000000)
/* Empty datagrams that show the last gaps: RTT / 16 within these. */
#define TAIL_NS_MIN (5 * MS)
#define TAIL_NS_MAX (25 * MS)
/* With nothing on its way: keeps the peer and address translators awake. */
#define IDLE_NS (250 * MS)
/* Data is worth the few datagrams of a search from here on. */
#define SEARCH_BYTES 262144u
/* A budget frees itself within a round trip, or not at all. */
#define WAIT_S_MAX 60.0

/* Whether larger datagrams come through, while there is data for them.  Such
 * a probe is a train of its own. */
static bool search_size(struct fasp_sender *sender,
                        struct sender_builder *builder)
{
    uint64_t ready = pieces_ready(&sender->spaces[FASP_SPACE_DATA]);

    if (sender->last.delivered_bytes == 0 || ready < SEARCH_BYTES ||
        !flights_have_room(&sender->flights))
        return false;
    uint32_t size = mtu_probe(&sender->mtu, builder->now_ns);
    if (size == 0 || size > builder->room_bytes)
        return false;
    sender_add_probe(sender, builder, size - FASP_DATA_OVERHEAD_BYTES);
    mtu_sent(&sender->mtu, size);
    return true;
}

static bool all_idle(const struct fasp_sender *sender)
{
    return pieces_idle(&sender->spaces[FASP_SPACE_CATALOGUE]) &&
           pieces_idle(&sender->spaces[FASP_SPACE_DATA]);
}

static uint64_t probe_interval_ns(const struct fasp_sender *sender)
{
    uint64_t interval = sender->rtt_ns / 16;

    if (all_idle(sender) || sender->rate.rate_bps == 0)
        return IDLE_NS;
    return interval < TAIL_NS_MIN   ? TAIL_NS_MIN
           : interval > TAIL_NS_MAX ? TAIL_NS_MAX
                                    : interval;
}

/* An empty datagram shows the receiver what is missing at the end. */
static void probe_if_due(struct fasp_sender *sender,
                         struct sender_builder *builder)
{
    sender->due_ns = sender->sent_ns + probe_interval_ns(sender);
    if (sender->due_ns > builder->now_ns)
        return;
    if (flights_have_room(&sender->flights))
        sender_add_probe(sender, builder, 0);
    else
        sender->due_ns = UINT64_MAX; /* a report makes room */
}

/* Without news for so long, what was sent may all be lost. */
static uint64_t nudge_due_ns(const struct fasp_sender *sender)
{
    uint64_t interval = 2 * sender_report_interval_ns(sender);
    uint64_t since = sender->progress_ns > sender->nudge_ns
                         ? sender->progress_ns
                         : sender->nudge_ns;

    if (interval < 50 * MS)
        interval = 50 * MS;
    return since + 2 * sender->rtt_ns + interval;
}

/* Without a budget data goes on and on: whether only large datagrams vanish
 * shows a small one. */
static bool nudge_small(struct fasp_sender *sender,
                        struct sender_builder *builder)
{
    if (sender->mtu.good == sender->mtu.least ||
        nudge_due_ns(sender) > builder->now_ns ||
        !flights_have_room(&sender->flights))
        return false;
    sender->nudge_ns = builder->now_ns;
    sender_add_probe(sender, builder, 0);
    return true;
}

static void nudge_if_due(struct fasp_sender *sender,
                         struct sender_builder *builder, uint64_t until_free_ns)
{
    uint64_t due = nudge_due_ns(sender);

    if (due > builder->now_ns || !flights_have_room(&sender->flights)) {
        sender->due_ns =
            due > builder->now_ns && due < until_free_ns ? due : until_free_ns;
        return;
    }
    sender->nudge_ns = builder->now_ns;
    builder->count_max = 1;
    /* Every third one small: large ones may vanish as such. */
    if (++sender->nudges % 3 == 0 || !sender_add_next(sender, builder))
        sender_add_probe(sender, builder, 0);
}

/* What the receiver has memory for beyond what it has been sent.  Repeats and
 * the catalogue go out while it has any at all: what fills its memory may be
 * waiting for just these. */
static uint64_t room_new_bytes(const struct fasp_sender *sender)
{
    uint64_t reported = sender_inflight_reported(sender);

    return sender->free_bytes > reported ? sender->free_bytes - reported : 0;
}

/* Bytes that may go out in one burst now; 0, and in `*until_ns` when that may
 * change by itself, when the budget or the receiver's memory is full. */
static uint32_t allowance(const struct fasp_sender *sender, uint64_t now_ns,
                          uint64_t *until_ns)
{
    const struct rate *rate = &sender->rate;
    uint64_t burst = rate->burst_bytes;

    *until_ns = UINT64_MAX;
    if (sender->free_bytes == 0)
        return 0;
    if (rate->budget_bytes == UINT64_MAX)
        return (uint32_t)burst;

    uint64_t inflight = sender_inflight(sender, now_ns);
    if (inflight + burst <= rate->budget_bytes)
        return (uint32_t)burst;
    if (inflight > 0 && rate->arriving > 0) {
        double wait_s =
            (double)(inflight + burst - rate->budget_bytes) / rate->arriving;
        if (wait_s < WAIT_S_MAX)
            *until_ns = now_ns + (uint64_t)(wait_s * 1e9) + 1000;
        if (*until_ns > sender->report_ns + sender_trust_ns(sender))
            *until_ns = UINT64_MAX; /* only a report helps */
    }
    return 0;
}

/* New data is there, and the receiver has no memory for it. */
static bool waits_for_room(struct fasp_sender *sender,
                           const struct sender_builder *builder)
{
    return pieces_ready(&sender->spaces[FASP_SPACE_DATA]) > 0 &&
           builder->room_new_bytes < sender->mtu.good;
}

static void build(struct fasp_sender *sender, struct sender_builder *builder)
{
    uint64_t until_ns;

    if (sender->rate.rate_bps == 0) {
        probe_if_due(sender, builder);
        return;
    }
    builder->room_new_bytes = room_new_bytes(sender);
    builder->wire_bytes_max = allowance(sender, builder->now_ns, &until_ns);
    if (builder->wire_bytes_max == 0) {
        nudge_if_due(sender, builder, until_ns);
        return;
    }
    if (nudge_small(sender, builder) || search_size(sender, builder))
        return;
    while (builder->train->count < builder->count_max &&
           sender_add_next(sender, builder))
        continue;
    if (builder->train->count > 0)
        return;
    rate_limited(&sender->rate, builder->now_ns);
    if (waits_for_room(sender, builder))
        nudge_if_due(sender, builder, UINT64_MAX);
    else
        probe_if_due(sender, builder);
}

bool fasp_sender_train(struct fasp_sender *sender, uint64_t now_ns,
                       int64_t wall_us, uint8_t *buffer, uint32_t room_bytes,
                       struct fasp_train *train)
{
    struct sender_builder builder = {
        .buffer = buffer,
        .room_bytes = room_bytes < FASP_TRAIN_BYTES_MAX ? room_bytes
                                                        : FASP_TRAIN_BYTES_MAX,
        .count_max = FASP_TRAIN_COUNT_MAX,
        .time_us = (uint32_t)(now_ns / 1000),
        .now_ns = now_ns,
        .train = train,
    };

    CHECK(room_bytes >= sender->mtu.good);
    *train = (struct fasp_train){0};
    if (fasp_sender_done(sender)) {
        sender->due_ns = UINT64_MAX;
        return false;
    }
    rate_tick(&sender->rate, now_ns, wall_us, sender->flights.next);
    if (sender->rate.rate_bps > 0)
        pacer_set_rate(&sender->pacer, sender->rate.rate_bps, now_ns);
    if (!pacer_is_due(&sender->pacer, now_ns)) {
        sender->due_ns = sender->pacer.due_ns;
        return false;
    }
    build(sender, &builder);
    if (train->count == 0)
        return false;
    pacer_spend(&sender->pacer, builder.wire_bytes, now_ns);
    sender->sent_ns = now_ns;
    sender->due_ns = sender->pacer.due_ns;
    return true;
}
