/* Room on the disk that is kept for the day when it is full.
 *
 * Knows: one file, its size.
 * Must not know: what the room is used for once it is given up.
 */
#ifndef STORE_RESERVE_H
#define STORE_RESERVE_H

#include <stdbool.h>

#include "base/check.h"

struct reserve {
    int fd; /* -1 = closed */
    bool held;
    bool useless; /* the file system cannot promise room */
};

/* Opens the file and asks for the room.  Only the opening can fail: to have no
 * room is a state. */
MUST_USE int reserve_open(struct reserve *reserve, const char *path);
void reserve_close(struct reserve *reserve);

/* Gives the room to others.  False when there is none left to give. */
MUST_USE bool reserve_give_up(struct reserve *reserve);

/* Takes the room again when the disk has plenty.  True when it is held, or can
 * never be. */
bool reserve_take(struct reserve *reserve);

#endif
