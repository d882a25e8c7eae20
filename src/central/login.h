/* HTTP Basic against the users of this node: who calls, beyond loopback.
 *
 * Knows: the store's users, password hashes on a worker.
 * Must not know: exchanges, SOAP.
 *
 * A password costs some 70 ms by intent, so what was right is remembered for
 * LIMIT_LOGIN_KNOWN_S, as a keyed hash of name and password and nothing that
 * could be turned back into them.  A change by `ferry user` holds from then on.
 * Passwords are looked at one after another, on one strand: those who guess
 * keep one worker busy at most, and transfers have the others.
 */
#ifndef CENTRAL_LOGIN_H
#define CENTRAL_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "crypto/hash.h"
#include "io/loop.h"

struct store;

struct login_known {
    uint8_t digest[HASH_SHA256_BYTES];
    uint64_t until_ns; /* 0: none */
    char name[LIMIT_USER_NAME_BYTES + 1];
};

struct logins {
    struct loop *loop;
    struct store *store;
    struct loop_strand strand;
    uint8_t key[HASH_SHA256_BYTES]; /* of the hashes; this process's */
    uint32_t checking_count;
    uint32_t oldest; /* known one to be replaced next */
    struct login_known known[LIMIT_LOGINS_KNOWN];
};

enum login_result {
    LOGIN_RIGHT,
    LOGIN_WRONG, /* 401: none, malformed, unknown user, wrong password */
    LOGIN_BUSY,  /* 503: too many are being checked, or there is no memory */
    LOGIN_LATER, /* done() will come */
};

/* `name` is the user's when `result` is LOGIN_RIGHT; valid during the call. */
typedef void (*login_done_fn)(void *user, enum login_result result,
                              const char *name);

void logins_init(struct logins *logins, struct loop *loop,
                 struct store *store);

/* Looks at an Authorization field, absent or not.  `*name` is set for
 * LOGIN_RIGHT, and valid until the next call. */
enum login_result login_check(struct logins *logins, struct text authorization,
                              const char **name, void *user,
                              login_done_fn done);

#endif
