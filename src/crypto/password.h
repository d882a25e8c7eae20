/* Passwords as salted, slow hashes.
 *
 * Knows: Argon2id and its text form.
 * Must not know: users, files.
 *
 * password_hash() and password_verify() take some 50 to 100 ms and 32 MiB by
 * intent: call them in a worker, never on the loop.
 *
 *   $argon2id$v=19$m=32768,t=2,p=1$<salt>$<hash>      (base64 without padding)
 *
 * Source: RFC 9106; the PHC string format.
 */
#ifndef CRYPTO_PASSWORD_H
#define CRYPTO_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

/* Without the NUL; what password_hash() makes is shorter. */
#define PASSWORD_HASH_TEXT_BYTES_MAX 127u
#define PASSWORD_BYTES_MAX 1024u

/* Hashes `password` (0 to PASSWORD_BYTES_MAX bytes, any) with a new salt into
 * a text with a NUL.  Returns 0 or -ENOMEM. */
MUST_USE int password_hash(struct text password,
                           char text[PASSWORD_HASH_TEXT_BYTES_MAX + 1]);

/* What verifying came to; all but PASSWORD_RIGHT refuse the login. */
enum password_result {
    PASSWORD_RIGHT,
    PASSWORD_WRONG,
    PASSWORD_BAD_HASH,  /* the stored text is none of ours */
    PASSWORD_NO_MEMORY, /* the login may be tried again */
};

/* Checks `password` against a stored text.  An absent `stored` (there is no
 * such user) costs as much time as any other and gives PASSWORD_WRONG, so that
 * nobody learns names by the clock.  A password that is too long is
 * PASSWORD_WRONG. */
MUST_USE enum password_result password_verify(struct text password,
                                              struct text stored);

#endif
