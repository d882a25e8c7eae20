/* Which datagrams go out next. */
#include <string.h>

#include "fasp/sender_parts.h"

#define MS UINT64_C(1000000)
/* Empty datagrams that show the last gaps: RTT / 16 within these. */
#define TAIL_NS_MIN (5 * MS)
#define TAIL_NS_MAX (25 * MS)
/* With nothing on its way: keeps the peer and address translators awake. */
#define IDLE_NS (250 * MS)
/* Copies of repeats: this share of the session, or of a small one more, up to
 * these bytes. */
#define COPIES_SHARE 200
#define COPIES_SHARE_SMALL 8
#define COPIES_BYTES_SMALL_MIN 4096u
#define COPIES_BYTES_SMALL_MAX 65536u

/* The train that is being put together. */
struct builder {
    uint8_t *buffer;
    uint32_t room_bytes;
    uint32_t wire_bytes_max;
    uint32_t wire_bytes;
    uint64_t room_new_bytes; /* the receiver's, for data that is new */
    uint32_t count_max;
    uint32_t time_us;
    uint64_t now_ns;
    struct fasp_train *train;
};

_Static_assert(PIECES_PART_BYTES + FASP_DATA_OVERHEAD_BYTES ==
                   FASP_DATAGRAM_BYTES_MIN,
               "any path carries a part");
_Static_assert(PIECES_PARTS_MAX * PIECES_PART_BYTES >= FASP_DATAGRAM_BYTES_MAX,
               "and all parts are all of a piece");

/* Data is worth the few datagrams of a search from here on. */
#define SEARCH_BYTES 262144u
/* A budget frees itself within a round trip, or not at all. */
#define WAIT_S_MAX 60.0

/* One datagram's worth that could go out. */
struct load {
    enum fasp_space space;
    uint64_t place;
    const uint8_t *data;
    uint32_t size_bytes;
};

/* The newest report every other time, and older ones in turn, so that the
 * receiver learns of each that came. */
static uint32_t next_seen(struct fasp_sender *sender)
{
    uint32_t turn = sender->seen_next++;

    if (turn % 2 == 0 || sender->seen_count == 0)
        return (uint32_t)sender->report_number;
    uint32_t known = sender->seen_count < SENDER_SEEN_COUNT ? sender->seen_count
                                                            : SENDER_SEEN_COUNT;
    return sender->seen[turn / 2 % known];
}

/* Whether a datagram of this size can be added. */
static bool fits(const struct builder *builder, uint32_t datagram_bytes)
{
    const struct fasp_train *train = builder->train;

    if (train->count == 0)
        return datagram_bytes <= builder->room_bytes;
    return train->count < builder->count_max &&
           /* all are of one size, but the last may be shorter */
           train->size_bytes == train->count * train->segment_bytes &&
           datagram_bytes <= train->segment_bytes &&
           datagram_bytes <= builder->room_bytes - train->size_bytes &&
           datagram_bytes + FASP_WIRE_BYTES <=
               builder->wire_bytes_max - builder->wire_bytes;
}

/* Seals a datagram at the end of the train. */
static void add(struct fasp_sender *sender, struct builder *builder,
                enum fasp_packet_type type, const struct load *load,
                uint32_t piece, uint32_t part)
{
    const struct fasp_cipher *cipher = &sender->options.cipher;
    struct fasp_train *train = builder->train;
    uint8_t *out = builder->buffer + train->size_bytes;
    struct fasp_packet packet = {
        .type = type,
        .connection = sender->options.connection,
        .number = sender->flights.next,
        .space = load->space,
        .place = load->place,
        .time_us = builder->time_us,
        .seen = next_seen(sender),
    };
    uint32_t size_bytes = FASP_DATA_OVERHEAD_BYTES + load->size_bytes;
    uint32_t wire_bytes = size_bytes + FASP_WIRE_BYTES;

    fasp_packet_write(&packet, out);
    cipher->seal(cipher->context, packet.number, out, FASP_DATA_HEADER_BYTES,
                 load->data, load->size_bytes, out + FASP_DATA_HEADER_BYTES);
    flights_add(&sender->flights,
                (struct flight){
                    .piece = piece,
                    .wire_bytes = (uint16_t)wire_bytes,
                    .space = type == FASP_PACKET_DATA ? (uint8_t)load->space
                                                      : FLIGHT_EMPTY,
                    .part = (uint8_t)(part & 15),
                });
    if (train->count++ == 0)
        train->segment_bytes = size_bytes;
    train->size_bytes += size_bytes;
    builder->wire_bytes += wire_bytes;
    sender_count(sender, wire_bytes);
}

/* Nothing, or `padding_bytes` of no meaning. */
static void add_probe(struct fasp_sender *sender, struct builder *builder,
                      uint32_t padding_bytes)
{
    static const uint8_t padding[FASP_DATAGRAM_BYTES_MAX];
    struct load load = {.data = padding, .size_bytes = padding_bytes};

    add(sender, builder, FASP_PACKET_PROBE, &load, 0, 0);
    sender->statistics.probe_packets++;
}

/* Whether larger datagrams come through, while there is data for them.  Such
 * a probe is a train of its own. */
static bool search_size(struct fasp_sender *sender, struct builder *builder)
{
    uint64_t ready = pieces_ready(&sender->spaces[FASP_SPACE_DATA]);

    if (sender->last.delivered_bytes == 0 || ready < SEARCH_BYTES ||
        !flights_have_room(&sender->flights))
        return false;
    uint32_t size = mtu_probe(&sender->mtu, builder->now_ns);
    if (size == 0 || size > builder->room_bytes)
        return false;
    add_probe(sender, builder, size - FASP_DATA_OVERHEAD_BYTES);
    mtu_sent(&sender->mtu, size);
    return true;
}

/* Nothing new will come: what is lost now costs a round trip each time, so
 * what is left of a small budget buys copies of the repeats. */
static void plan_copies(struct fasp_sender *sender, enum fasp_space space,
                        uint32_t piece, uint32_t size_bytes)
{
    uint64_t waiting = sender->spaces[0].repeats_bytes +
                       sender->spaces[1].repeats_bytes + size_bytes;
    uint64_t budget = sender->statistics.new_bytes / COPIES_SHARE;
    uint64_t small = sender->statistics.new_bytes / COPIES_SHARE_SMALL;

    for (int i = 0; i < FASP_SPACE_COUNT; i++)
        if (!sender->spaces[i].final || pieces_ready(&sender->spaces[i]) > 0)
            return;
    if (small < COPIES_BYTES_SMALL_MIN)
        small = COPIES_BYTES_SMALL_MIN;
    if (small > COPIES_BYTES_SMALL_MAX)
        small = COPIES_BYTES_SMALL_MAX;
    if (budget < small)
        budget = small;
    if (budget <= sender->copied_bytes)
        return;
    uint64_t copies = (budget - sender->copied_bytes) / waiting;
    for (uint32_t i = 0; i < copies && i < 2; i++) {
        if (sender->copies_count == SENDER_COPIES_COUNT)
            return;
        uint32_t place = sender->copies_head + sender->copies_count++;
        sender->copies[place % SENDER_COPIES_COUNT] =
            (struct sender_copy){piece, (uint8_t)space};
        sender->copied_bytes += size_bytes;
    }
}

static bool load_piece(struct fasp_sender *sender, enum fasp_space space,
                       const struct piece *piece, struct load *load)
{
    const struct fasp_source *source = &sender->options.source;
    uint32_t have = 0;
    const uint8_t *data = source->data(source->user, space, piece->place,
                                       piece->size_bytes, &have);

    if (data == NULL)
        return false;
    CHECK(have == piece->size_bytes); /* as it was given before */
    *load = (struct load){space, piece->place, data, have};
    return true;
}

static bool is_too_large(const struct fasp_sender *sender,
                         const struct piece *piece)
{
    return piece->size_bytes + FASP_DATA_OVERHEAD_BYTES > sender->mtu.good;
}

/* The next part of the first piece that is to be sent again, which the path
 * does not carry as a whole any more. */
static bool add_part(struct fasp_sender *sender, struct builder *builder,
                     enum fasp_space space, struct piece *piece,
                     uint32_t number, struct load *load)
{
    struct pieces *pieces = &sender->spaces[space];

    if (sender->part_piece[space] != number)
        sender->part_next[space] = 0;
    sender->part_piece[space] = number;
    uint32_t part = pieces_part_missing(piece, sender->part_next[space]);
    if (part == PIECES_PARTS_MAX) { /* the last ones came meanwhile */
        part = pieces_part_missing(piece, 0);
        CHECK(part < PIECES_PARTS_MAX);
    }
    uint32_t at = part * PIECES_PART_BYTES;
    uint32_t left = piece->size_bytes - at;
    load->place += at;
    load->data += at;
    load->size_bytes = left < PIECES_PART_BYTES ? left : PIECES_PART_BYTES;
    if (!fits(builder, FASP_DATA_OVERHEAD_BYTES + load->size_bytes))
        return false;
    sender->part_next[space] = part + 1;
    if (pieces_part_missing(piece, part + 1) == PIECES_PARTS_MAX) {
        pieces_repeat_taken(pieces);
        sender->part_next[space] = 0;
    }
    piece->flying++;
    add(sender, builder, FASP_PACKET_DATA, load, number, part + 1);
    sender->statistics.repeated_bytes += load->size_bytes;
    sender->statistics.repeated_packets++;
    return true;
}

static bool add_repeat(struct fasp_sender *sender, struct builder *builder,
                       enum fasp_space space)
{
    struct pieces *pieces = &sender->spaces[space];
    uint32_t number;
    struct load load;
    struct piece *piece = pieces_repeat(pieces, &number);

    if (piece == NULL || sender->waiting_repeat[space] ||
        (!is_too_large(sender, piece) &&
         !fits(builder, FASP_DATA_OVERHEAD_BYTES + piece->size_bytes)))
        return false;
    if (!load_piece(sender, space, piece, &load)) {
        sender->waiting_repeat[space] = true;
        return false;
    }
    if (is_too_large(sender, piece))
        return add_part(sender, builder, space, piece, number, &load);
    pieces_repeat_taken(pieces);
    piece->flying++;
    add(sender, builder, FASP_PACKET_DATA, &load, number, 0);
    plan_copies(sender, space, number, piece->size_bytes);
    sender->statistics.repeated_bytes += load.size_bytes;
    sender->statistics.repeated_packets++;
    return true;
}

static bool add_new(struct fasp_sender *sender, struct builder *builder,
                    enum fasp_space space)
{
    const struct fasp_source *source = &sender->options.source;
    struct pieces *pieces = &sender->spaces[space];
    uint64_t ready = pieces_ready(pieces);
    uint32_t want = sender->mtu.good - FASP_DATA_OVERHEAD_BYTES;
    struct load load = {.space = space, .place = pieces->next};

    if (ready == 0 || sender->waiting[space] || !pieces_have_room(pieces))
        return false;
    if (want > ready)
        want = (uint32_t)ready;
    if (space == FASP_SPACE_DATA && builder->room_new_bytes < want)
        return false;
    if (!fits(builder, FASP_DATA_OVERHEAD_BYTES + want))
        return false;
    load.data =
        source->data(source->user, space, pieces->next, want, &load.size_bytes);
    if (load.data == NULL) {
        sender->waiting[space] = true;
        return false;
    }
    CHECK(load.size_bytes > 0);
    CHECK(load.size_bytes <= want);
    uint64_t number = pieces_cut(pieces, load.size_bytes);
    pieces_at(pieces, number)->flying = 1;
    if (space == FASP_SPACE_DATA)
        builder->room_new_bytes -= load.size_bytes;
    add(sender, builder, FASP_PACKET_DATA, &load, (uint32_t)number, 0);
    sender->statistics.new_bytes += load.size_bytes;
    return true;
}

static bool add_copy(struct fasp_sender *sender, struct builder *builder)
{
    struct load load;

    while (sender->copies_count > 0) {
        struct sender_copy copy =
            sender->copies[sender->copies_head % SENDER_COPIES_COUNT];
        enum fasp_space space = (enum fasp_space)copy.space;
        struct piece *piece = pieces_find(&sender->spaces[space], copy.piece);
        bool wanted = piece != NULL && piece->state == PIECE_FLYING &&
                      !is_too_large(sender, piece);

        if (wanted &&
            !fits(builder, FASP_DATA_OVERHEAD_BYTES + piece->size_bytes))
            return false;
        sender->copies_head++;
        sender->copies_count--;
        if (!wanted || !load_piece(sender, space, piece, &load))
            continue;
        piece->flying++;
        add(sender, builder, FASP_PACKET_DATA, &load, copy.piece, 0);
        sender->statistics.repeated_bytes += load.size_bytes;
        sender->statistics.repeated_packets++;
        return true;
    }
    return false;
}

static bool add_next(struct fasp_sender *sender, struct builder *builder)
{
    if (!flights_have_room(&sender->flights))
        return false;
    return add_repeat(sender, builder, FASP_SPACE_CATALOGUE) ||
           add_repeat(sender, builder, FASP_SPACE_DATA) ||
           add_new(sender, builder, FASP_SPACE_CATALOGUE) ||
           add_new(sender, builder, FASP_SPACE_DATA) ||
           add_copy(sender, builder);
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
static void probe_if_due(struct fasp_sender *sender, struct builder *builder)
{
    sender->due_ns = sender->sent_ns + probe_interval_ns(sender);
    if (sender->due_ns > builder->now_ns)
        return;
    if (flights_have_room(&sender->flights))
        add_probe(sender, builder, 0);
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
static bool nudge_small(struct fasp_sender *sender, struct builder *builder)
{
    if (sender->mtu.good == sender->mtu.least ||
        nudge_due_ns(sender) > builder->now_ns ||
        !flights_have_room(&sender->flights))
        return false;
    sender->nudge_ns = builder->now_ns;
    add_probe(sender, builder, 0);
    return true;
}

static void nudge_if_due(struct fasp_sender *sender, struct builder *builder,
                         uint64_t until_free_ns)
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
    if (++sender->nudges % 3 == 0 || !add_next(sender, builder))
        add_probe(sender, builder, 0);
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
                           const struct builder *builder)
{
    return pieces_ready(&sender->spaces[FASP_SPACE_DATA]) > 0 &&
           builder->room_new_bytes < sender->mtu.good;
}

static void build(struct fasp_sender *sender, struct builder *builder)
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
           add_next(sender, builder))
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
    struct builder builder = {
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
