/* What goes into a datagram: repeats, new data, copies, or nothing. */
#include <string.h>

#include "fasp/sender_parts.h"

/* Copies of repeats: this share of the session, or of a small one more, up to
 * these bytes. */
#define COPIES_SHARE 200
#define COPIES_SHARE_SMALL 8
#define COPIES_BYTES_SMALL_MIN 4096u
#define COPIES_BYTES_SMALL_MAX 65536u

_Static_assert(PIECES_PART_BYTES + FASP_DATA_OVERHEAD_BYTES ==
                   FASP_DATAGRAM_BYTES_MIN,
               "any path carries a part");
_Static_assert(PIECES_PARTS_MAX * PIECES_PART_BYTES >= FASP_DATAGRAM_BYTES_MAX,
               "and all parts are all of a piece");

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
static bool fits(const struct sender_builder *builder, uint32_t datagram_bytes)
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
static void add(struct fasp_sender *sender, struct sender_builder *builder,
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

void sender_add_probe(struct fasp_sender *sender,
                      struct sender_builder *builder, uint32_t padding_bytes)
{
    static const uint8_t padding[FASP_DATAGRAM_BYTES_MAX];
    struct load load = {.data = padding, .size_bytes = padding_bytes};

    add(sender, builder, FASP_PACKET_PROBE, &load, 0, 0);
    sender->statistics.probe_packets++;
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
static bool add_part(struct fasp_sender *sender, struct sender_builder *builder,
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

static bool add_repeat(struct fasp_sender *sender,
                       struct sender_builder *builder, enum fasp_space space)
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

static bool add_new(struct fasp_sender *sender, struct sender_builder *builder,
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

static bool add_copy(struct fasp_sender *sender, struct sender_builder *builder)
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

bool sender_add_next(struct fasp_sender *sender,
                     struct sender_builder *builder)
{
    if (!flights_have_room(&sender->flights))
        return false;
    return add_repeat(sender, builder, FASP_SPACE_CATALOGUE) ||
           add_repeat(sender, builder, FASP_SPACE_DATA) ||
           add_new(sender, builder, FASP_SPACE_CATALOGUE) ||
           add_new(sender, builder, FASP_SPACE_DATA) ||
           add_copy(sender, builder);
}
