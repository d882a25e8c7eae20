#include "crypto/password_known.h"

#include <string.h>

#include "base/check.h"
#include "base/random.h"
#include "crypto/password.h"

#define SECOND_NS UINT64_C(1000000000)

void password_known_init(struct password_known *known)
{
    *known = (struct password_known){0};
    random_system(known->key, sizeof known->key);
}

/* Returns false for what cannot have been right. */
static bool digest_of(const struct password_known *known, struct text stored,
                      struct text password, uint8_t digest[HASH_SHA256_BYTES])
{
    /* A stored text has no NUL: no two pairs look alike. */
    uint8_t both[PASSWORD_HASH_TEXT_BYTES_MAX + 1 + PASSWORD_BYTES_MAX];

    if (text_is_absent(stored) || stored.size_bytes == 0 ||
        stored.size_bytes > PASSWORD_HASH_TEXT_BYTES_MAX ||
        password.size_bytes > PASSWORD_BYTES_MAX)
        return false;
    memcpy(both, stored.data, stored.size_bytes);
    both[stored.size_bytes] = '\0';
    if (password.size_bytes > 0)
        memcpy(both + stored.size_bytes + 1, password.data,
               password.size_bytes);
    hash_hmac_sha256(known->key, sizeof known->key, both,
                     stored.size_bytes + 1 + password.size_bytes, digest);
    explicit_bzero(both, sizeof both);
    return true;
}

bool password_known_has(const struct password_known *known, struct text stored,
                        struct text password, uint64_t now_ns)
{
    uint8_t digest[HASH_SHA256_BYTES];

    if (!digest_of(known, stored, password, digest))
        return false;
    for (uint32_t i = 0; i < LIMIT_LOGINS_KNOWN; i++)
        if (known->items[i].until_ns > now_ns &&
            hash_equal(known->items[i].digest, digest, sizeof digest))
            return true;
    return false;
}

void password_known_add(struct password_known *known, struct text stored,
                        struct text password, uint64_t now_ns)
{
    struct password_known_item *item = &known->items[known->oldest];

    CHECK(digest_of(known, stored, password, item->digest));
    known->oldest = (known->oldest + 1) % LIMIT_LOGINS_KNOWN;
    item->until_ns = now_ns + LIMIT_LOGIN_KNOWN_S * SECOND_NS;
}
