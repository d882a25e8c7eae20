/* A heap of events, and the datagrams they carry. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "sim_parts.h"

#define TRACE_BYTES (1u << 20)

static bool before(const struct sim_event *left, const struct sim_event *right)
{
    return left->time_ns != right->time_ns ? left->time_ns < right->time_ns
                                           : left->order < right->order;
}

void sim_push(struct sim *sim, struct sim_event event)
{
    if (sim->event_count == sim->event_room) {
        sim->event_room = sim->event_room == 0 ? 1024 : 2 * sim->event_room;
        sim->events =
            realloc(sim->events, sim->event_room * sizeof *sim->events);
        CHECK(sim->events != NULL);
    }
    event.order = sim->order++;
    uint32_t place = sim->event_count++;
    while (place > 0 && before(&event, &sim->events[(place - 1) / 2])) {
        sim->events[place] = sim->events[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    sim->events[place] = event;
}

struct sim_event sim_pop(struct sim *sim)
{
    struct sim_event first = sim->events[0];
    struct sim_event moved = sim->events[--sim->event_count];
    uint32_t place = 0;

    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= sim->event_count)
            break;
        if (child + 1 < sim->event_count &&
            before(&sim->events[child + 1], &sim->events[child]))
            child++;
        if (!before(&sim->events[child], &moved))
            break;
        sim->events[place] = sim->events[child];
        place = child;
    }
    sim->events[place] = moved;
    return first;
}

struct sim_blob *sim_blob_take(struct sim *sim, uint32_t bytes)
{
    uint32_t is_large = bytes > SIM_BLOB_SMALL;
    struct sim_blob *blob = sim->blobs[is_large];

    if (blob != NULL) {
        sim->blobs[is_large] = blob->next;
        return blob;
    }
    blob = malloc(sizeof *blob + (is_large ? SIM_BLOB_LARGE : SIM_BLOB_SMALL));
    CHECK(blob != NULL);
    blob->is_large = is_large;
    return blob;
}

void sim_blob_give(struct sim *sim, struct sim_blob *blob)
{
    blob->next = sim->blobs[blob->is_large];
    sim->blobs[blob->is_large] = blob;
}

void sim_trace(struct sim *sim)
{
    sim->trace = calloc(1, TRACE_BYTES);
    CHECK(sim->trace != NULL);
}

void sim_say(struct sim *sim, const char *what, uint64_t number,
             const char *more)
{
    if (sim->trace == NULL)
        return;
    int size =
        snprintf(sim->trace + sim->trace_bytes, TRACE_BYTES - sim->trace_bytes,
                 "[%7.3f] %s %llu%s\n", (double)sim->now_ns * 1e-6, what,
                 (unsigned long long)number, more);
    CHECK(size > 0 && (uint32_t)size < TRACE_BYTES - sim->trace_bytes);
    sim->trace_bytes += (uint32_t)size;
}
