/* The users, for a command that runs beside the server or without one.
 *
 * Knows: the same file as store.h, opened for a moment in the caller's thread;
 * another process may write to it at the same time (waits of up to 5 seconds).
 * Must not know: how passwords are hashed, what a key looks like.
 *
 * The server looks a user up at each login, so a change holds for the next.
 */
#ifndef STORE_USERS_H
#define STORE_USERS_H

#include "store/store.h"

struct store_users;

/* Opens or makes the file at `path`, as store_open() does. */
MUST_USE int store_users_open(struct store_users **users, const char *path,
                              char message[STORE_MESSAGE_BYTES]);
void store_users_close(struct store_users *users);

/* -EEXIST when there is a user of that name. */
MUST_USE int store_users_add(struct store_users *users,
                             const struct store_user *user);
/* -ENOENT when there is none. */
MUST_USE int store_users_remove(struct store_users *users, struct text name);

/* Calls `each` for every user, by name; the row is valid during the call. */
typedef void (*store_users_fn)(void *user, const struct store_user *row);
MUST_USE int store_users_list(struct store_users *users, void *user,
                              store_users_fn each);

#endif
