#include "fasp/flights.h"

#include <stdlib.h>

#include "base/check.h"

#define ROOM_FIRST 256u

void flights_init(struct flights *flights)
{
    *flights = (struct flights){.oldest = 1, .next = 1};
}

void flights_free(struct flights *flights)
{
    free(flights->ring);
    flights_init(flights);
}

bool flights_have_room(struct flights *flights)
{
    if (flights->next - flights->oldest < flights->room)
        return true;
    if (flights->room == FLIGHTS_COUNT_MAX)
        return false;

    uint32_t room = flights->room == 0 ? ROOM_FIRST : 2 * flights->room;
    struct flight *ring = malloc(room * sizeof *ring);
    if (ring == NULL)
        return false;
    for (uint64_t i = flights->oldest; i < flights->next; i++)
        ring[i & (room - 1)] = *flights_at(flights, i);
    free(flights->ring);
    flights->ring = ring;
    flights->room = room;
    return true;
}

void flights_add(struct flights *flights, struct flight flight)
{
    CHECK(flights->next - flights->oldest < flights->room);
    *flights_at(flights, flights->next) = flight;
    flights->next++;
}

void flights_advance(struct flights *flights)
{
    while (flights->oldest < flights->next &&
           flights_at(flights, flights->oldest)->state != FLIGHT_FLYING)
        flights->oldest++;
}
