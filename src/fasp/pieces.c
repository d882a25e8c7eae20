#include "fasp/pieces.h"

#include <stdlib.h>

#include "base/check.h"

#define ROOM_FIRST 256u

void pieces_init(struct pieces *pieces)
{
    *pieces = (struct pieces){0};
    ranges_init(&pieces->skips, PIECES_SKIPS_MAX);
}

void pieces_free(struct pieces *pieces)
{
    free(pieces->ring);
    free(pieces->repeats);
    ranges_free(&pieces->skips);
    pieces_init(pieces);
}

/* A number's low half is enough: at most PIECES_COUNT_MAX are known. */
static bool find(const struct pieces *pieces, uint32_t low, uint64_t *number)
{
    uint32_t ahead = low - (uint32_t)pieces->head;

    if (ahead >= pieces->tail - pieces->head)
        return false;
    *number = pieces->head + ahead;
    return true;
}

struct piece *pieces_find(const struct pieces *pieces, uint32_t number)
{
    uint64_t whole;

    return find(pieces, number, &whole) ? pieces_at(pieces, whole) : NULL;
}

uint64_t pieces_ready(struct pieces *pieces)
{
    struct range skip = {.first = UINT64_MAX};

    if (pieces->skips.count > 0) {
        pieces->next = ranges_end_of(&pieces->skips, pieces->next);
        if (!ranges_next(&pieces->skips, pieces->next, &skip))
            skip.first = UINT64_MAX;
    }
    uint64_t end = skip.first < pieces->end ? skip.first : pieces->end;
    return end > pieces->next ? end - pieces->next : 0;
}

bool pieces_have_room(struct pieces *pieces)
{
    if (pieces->tail - pieces->head < pieces->room)
        return true;
    if (pieces->room == PIECES_COUNT_MAX)
        return false;

    uint32_t room = pieces->room == 0 ? ROOM_FIRST : 2 * pieces->room;
    struct piece *ring = malloc(room * sizeof *ring);
    uint32_t *repeats = malloc(room * sizeof *repeats);
    if (ring == NULL || repeats == NULL) {
        free(ring);
        free(repeats);
        return false;
    }
    for (uint64_t i = pieces->head; i < pieces->tail; i++)
        ring[i & (room - 1)] = *pieces_at(pieces, i);
    for (uint32_t i = 0; i < pieces->repeats_count; i++)
        repeats[i] =
            pieces->repeats[(pieces->repeats_head + i) & (pieces->room - 1)];
    free(pieces->ring);
    free(pieces->repeats);
    pieces->ring = ring;
    pieces->repeats = repeats;
    pieces->repeats_head = 0;
    pieces->room = room;
    return true;
}

uint64_t pieces_cut(struct pieces *pieces, uint32_t size_bytes)
{
    uint64_t number = pieces->tail;

    CHECK(size_bytes > 0);
    CHECK(size_bytes <= UINT16_MAX);
    CHECK(number - pieces->head < pieces->room);
    *pieces_at(pieces, number) = (struct piece){
        .place = pieces->next,
        .size_bytes = (uint16_t)size_bytes,
        .state = PIECE_FLYING,
    };
    pieces->tail++;
    pieces->next += size_bytes;
    return number;
}

static void drop_delivered(struct pieces *pieces)
{
    while (pieces->head < pieces->tail &&
           pieces_at(pieces, pieces->head)->state == PIECE_DELIVERED)
        pieces->head++;
}

/* If it stands in the line of repeats, it is passed over there. */
static void close_piece(struct pieces *pieces, struct piece *piece)
{
    if (piece->state == PIECE_QUEUED)
        pieces->repeats_bytes -= piece->size_bytes;
    piece->state = PIECE_DELIVERED;
}

/* Counts a datagram that held the piece, or a part of it, as arrived.  Returns
 * the piece unless it was there already. */
static struct piece *land(struct pieces *pieces, uint32_t number,
                          uint64_t *whole)
{
    if (!find(pieces, number, whole))
        return NULL;
    struct piece *piece = pieces_at(pieces, *whole);
    if (piece->flying > 0)
        piece->flying--;
    return piece->state == PIECE_DELIVERED ? NULL : piece;
}

static void deliver(struct pieces *pieces, struct piece *piece, uint64_t whole)
{
    close_piece(pieces, piece);
    pieces->delivered_bytes += piece->size_bytes;
    if (whole == pieces->head)
        drop_delivered(pieces);
}

void pieces_delivered(struct pieces *pieces, uint32_t number)
{
    uint64_t whole;
    struct piece *piece = land(pieces, number, &whole);

    if (piece != NULL)
        deliver(pieces, piece, whole);
}

static bool is_queued(const struct pieces *pieces, uint32_t number)
{
    const struct piece *piece = pieces_find(pieces, number);

    return piece != NULL && piece->state == PIECE_QUEUED;
}

/* Those passed over may fill the line; the others always fit. */
static void compact(struct pieces *pieces)
{
    uint32_t mask = pieces->room - 1;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < pieces->repeats_count; i++) {
        uint32_t number = pieces->repeats[(pieces->repeats_head + i) & mask];
        if (is_queued(pieces, number))
            pieces->repeats[(pieces->repeats_head + kept++) & mask] = number;
    }
    pieces->repeats_count = kept;
}

/* What is left of the piece goes again, unless more of it is on its way. */
static void queue(struct pieces *pieces, struct piece *piece, uint32_t number)
{
    /* While a copy is on its way, only its loss makes the piece go again. */
    if (piece->state != PIECE_FLYING || piece->flying > 0)
        return;
    if (pieces->repeats_count == pieces->room)
        compact(pieces);
    piece->state = PIECE_QUEUED;
    CHECK(pieces->repeats_count < pieces->room);
    pieces->repeats[(pieces->repeats_head + pieces->repeats_count) &
                    (pieces->room - 1)] = number;
    pieces->repeats_count++;
    pieces->repeats_bytes += piece->size_bytes;
}

void pieces_lost(struct pieces *pieces, uint32_t number)
{
    struct piece *piece = pieces_find(pieces, number);

    if (piece == NULL)
        return;
    if (piece->flying > 0)
        piece->flying--;
    queue(pieces, piece, number);
}

uint32_t pieces_part_missing(const struct piece *piece, uint32_t part)
{
    for (; part * PIECES_PART_BYTES < piece->size_bytes; part++)
        if ((piece->parts & 1u << part) == 0)
            return part;
    return PIECES_PARTS_MAX;
}

void pieces_part_delivered(struct pieces *pieces, uint32_t number,
                           uint32_t part)
{
    uint64_t whole;
    struct piece *piece = land(pieces, number, &whole);

    CHECK(part < PIECES_PARTS_MAX);
    if (piece == NULL)
        return;
    piece->parts |= (uint8_t)(1u << part);
    if (pieces_part_missing(piece, 0) == PIECES_PARTS_MAX)
        deliver(pieces, piece, whole);
    else
        queue(pieces, piece, number);
}

static void pop_repeat(struct pieces *pieces)
{
    pieces->repeats_head++;
    pieces->repeats_count--;
}

struct piece *pieces_repeat(struct pieces *pieces, uint32_t *number)
{
    while (pieces->repeats_count > 0) {
        *number = pieces->repeats[pieces->repeats_head & (pieces->room - 1)];
        if (is_queued(pieces, *number))
            return pieces_find(pieces, *number);
        pop_repeat(pieces); /* came late, or is not wanted any more */
    }
    return NULL;
}

void pieces_repeat_taken(struct pieces *pieces)
{
    uint32_t number;
    struct piece *piece = pieces_repeat(pieces, &number);

    CHECK(piece != NULL);
    piece->state = PIECE_FLYING;
    pieces->repeats_bytes -= piece->size_bytes;
    pop_repeat(pieces);
}

/* The number of the first piece known at or above `place`. */
static uint64_t first_at(const struct pieces *pieces, uint64_t place)
{
    uint64_t low = pieces->head;
    uint64_t high = pieces->tail;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (pieces_at(pieces, middle)->place < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool pieces_skip(struct pieces *pieces, uint64_t from, uint64_t to)
{
    if (to > pieces->next &&
        !ranges_add(&pieces->skips, from > pieces->next ? from : pieces->next,
                    to))
        return false;
    for (uint64_t i = first_at(pieces, from); i < pieces->tail; i++) {
        struct piece *piece = pieces_at(pieces, i);
        if (piece->place + piece->size_bytes > to)
            break;
        if (piece->state != PIECE_DELIVERED)
            close_piece(pieces, piece);
    }
    drop_delivered(pieces);
    (void)pieces_ready(pieces); /* moves `next` */
    return true;
}

uint64_t pieces_delivered_end(const struct pieces *pieces)
{
    return pieces_idle(pieces) ? pieces->next
                               : pieces_at(pieces, pieces->head)->place;
}
