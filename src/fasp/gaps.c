#include "fasp/gaps.h"

#include <stdlib.h>

#include "base/check.h"
#include "fasp/report.h"

#define QUEUE_COUNT_FIRST 64u
/* Stretches of lists that were read out of order; more are listed again. */
#define CONFIRMED_COUNT_MAX 1024u

static struct gaps_hole *queue_at(const struct gaps_queue *queue,
                                  uint32_t place)
{
    return &queue->holes[(queue->head + place) & (queue->room - 1)];
}

static bool queue_has_room(struct gaps_queue *queue)
{
    if (queue->count < queue->room)
        return true;
    if (queue->room == GAPS_COUNT_MAX)
        return false;

    uint32_t room = queue->room == 0 ? QUEUE_COUNT_FIRST : 2 * queue->room;
    struct gaps_hole *holes = malloc(room * sizeof *holes);
    if (holes == NULL)
        return false;
    for (uint32_t i = 0; i < queue->count; i++)
        holes[i] = *queue_at(queue, i);
    free(queue->holes);
    *queue = (struct gaps_queue){holes, room, 0, queue->count};
    return true;
}

/* There is room. */
static void queue_push(struct gaps_queue *queue, struct gaps_hole hole)
{
    *queue_at(queue, queue->count) = hole;
    queue->count++;
}

static void queue_pop(struct gaps_queue *queue)
{
    queue->head++;
    queue->count--;
}

bool gaps_init(struct gaps *gaps)
{
    uint64_t *words = malloc(GAPS_WINDOW_BITS / 8);

    if (words == NULL)
        return false;
    *gaps = (struct gaps){.confirmed_end = 1, .judged = 1};
    window_init(&gaps->window, words, GAPS_WINDOW_BITS, 1);
    ranges_init(&gaps->confirmed, CONFIRMED_COUNT_MAX);
    return true;
}

void gaps_free(struct gaps *gaps)
{
    free(gaps->window.words);
    free(gaps->open.holes);
    free(gaps->declared.holes);
    ranges_free(&gaps->confirmed);
    *gaps = (struct gaps){0};
}

/* What fell out of the window and did not come in time never came. */
static bool came(const struct gaps *gaps, uint64_t number)
{
    return number >= window_floor(&gaps->window) &&
           window_has(&gaps->window, number);
}

/* The end of the numbers from `first` on, below `end`, that came (or that did
 * not) like it. */
static uint64_t end_of_alike(const struct gaps *gaps, uint64_t first,
                             uint64_t end)
{
    uint64_t floor = window_floor(&gaps->window);
    bool like = came(gaps, first);
    uint64_t number = first + 1;

    /* A jump can leave a hole far larger than the window. */
    if (number < floor)
        number = floor < end ? floor : end;
    while (number < end && came(gaps, number) == like)
        number++;
    return number;
}

/* Moves the oldest open hole to the declared ones.  Returns false when not all
 * of it found room. */
static bool declare_oldest(struct gaps *gaps)
{
    struct gaps_hole *hole = queue_at(&gaps->open, 0);

    while (hole->first < hole->end) {
        uint64_t end = end_of_alike(gaps, hole->first, hole->end);
        if (!came(gaps, hole->first)) {
            if (!queue_has_room(&gaps->declared))
                return false;
            queue_push(&gaps->declared,
                       (struct gaps_hole){hole->first, end, 0});
            gaps->lost += end - hole->first;
            gaps->runs++;
        }
        hole->first = end;
        gaps->judged = end;
    }
    queue_pop(&gaps->open);
    gaps->judged = gaps->open.count > 0 ? queue_at(&gaps->open, 0)->first
                                        : gaps->window.next;
    return true;
}

/* Makes room for numbers up to `number`: holes that would leave the window are
 * declared now, because afterwards nobody knows what of them came. */
static bool make_way(struct gaps *gaps, uint64_t number)
{
    uint64_t floor =
        number >= GAPS_WINDOW_BITS ? number + 1 - GAPS_WINDOW_BITS : 0;

    while (gaps->open.count > 0 && queue_at(&gaps->open, 0)->first < floor)
        if (!declare_oldest(gaps))
            return false;
    if (number == gaps->window.next)
        return true;
    return queue_has_room(&gaps->open) ||
           (declare_oldest(gaps) && queue_has_room(&gaps->open));
}

enum gaps_arrival gaps_arrive(struct gaps *gaps, uint64_t number,
                              uint64_t now_ns)
{
    uint64_t next = gaps->window.next;

    CHECK(gaps_is_new(gaps, number));
    if (number < next) {
        gaps->reordered = true;
        window_mark(&gaps->window, number);
        return number < gaps->judged ? GAPS_LATE : GAPS_ON_TIME;
    }
    if ((number > next || gaps->open.count > 0) && !make_way(gaps, number))
        return GAPS_REFUSED;
    if (number > next)
        queue_push(&gaps->open, (struct gaps_hole){next, number, now_ns});
    window_mark(&gaps->window, number);
    if (gaps->open.count == 0)
        gaps->judged = number + 1;
    return GAPS_ON_TIME;
}

void gaps_declare(struct gaps *gaps, uint64_t seen_ns_max)
{
    while (gaps->open.count > 0 &&
           queue_at(&gaps->open, 0)->seen_ns <= seen_ns_max)
        if (!declare_oldest(gaps))
            return;
}

/* The place of the first declared range that ends above `from`. */
static uint32_t find_declared(const struct gaps *gaps, uint64_t from)
{
    uint32_t low = 0;
    uint32_t high = gaps->declared.count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (queue_at(&gaps->declared, middle)->end <= from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t gaps_list(struct gaps *gaps, uint64_t from,
                   struct bytes_writer *writer)
{
    uint64_t at = from;

    for (uint32_t i = find_declared(gaps, from); i < gaps->declared.count;
         i++) {
        const struct gaps_hole *hole = queue_at(&gaps->declared, i);
        uint64_t first = hole->first > from ? hole->first : from;

        if (gaps->confirmed.count > 0 &&
            ranges_hold(&gaps->confirmed, first, hole->end))
            continue;
        if (!report_write_range(
                writer, &at, (struct report_range){first, hole->end - first}))
            return at;
    }
    return gaps->judged;
}

void gaps_confirm(struct gaps *gaps, uint64_t from, uint64_t to)
{
    CHECK(to <= gaps->judged);
    if (to <= gaps->confirmed_end || from >= to)
        return;
    if (from > gaps->confirmed_end) {
        (void)ranges_add(&gaps->confirmed, from, to);
        return; /* when there is no room it is listed again */
    }
    gaps->confirmed_end = ranges_end_of(&gaps->confirmed, to);
    ranges_drop_below(&gaps->confirmed, gaps->confirmed_end);

    while (gaps->declared.count > 0) {
        struct gaps_hole *hole = queue_at(&gaps->declared, 0);
        if (hole->end > gaps->confirmed_end)
            return;
        queue_pop(&gaps->declared);
    }
}
