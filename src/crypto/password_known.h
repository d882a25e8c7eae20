/* Remembers for a while which passwords were right, so that who logs in again
 * and again pays for the slow hash once.
 *
 * Knows: keyed hashes of stored text and password; time as an argument.
 * Must not know: users, what a login is for.
 *
 * Nothing in it can be turned back into a password.  A stored text that was
 * changed is another one: what was known of the old one is of no use.
 */
#ifndef CRYPTO_PASSWORD_KNOWN_H
#define CRYPTO_PASSWORD_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"
#include "crypto/hash.h"

struct password_known_item {
    uint8_t digest[HASH_SHA256_BYTES];
    uint64_t until_ns; /* 0 = none */
};

struct password_known {
    uint8_t key[HASH_SHA256_BYTES]; /* this process's */
    uint32_t oldest;                /* to be replaced next */
    struct password_known_item items[LIMIT_LOGINS_KNOWN];
};

void password_known_init(struct password_known *known);

/* Whether the password was right for `stored` less than LIMIT_LOGIN_KNOWN_S
 * ago.  An absent `stored` has none. */
bool password_known_has(const struct password_known *known, struct text stored,
                        struct text password, uint64_t now_ns);
/* password_verify() said PASSWORD_RIGHT. */
void password_known_add(struct password_known *known, struct text stored,
                        struct text password, uint64_t now_ns);

#endif
