#include "crypto/password.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/argon2.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "base/random.h"
#include "crypto/base64.h"
#include "crypto/hash.h"
#include "crypto/library.h"

/* What new hashes get.  RFC 9106 section 4 would have 64 MiB and 3 passes on
 * 4 lanes where a login may take long; OWASP's least is 19 MiB and 2 passes.
 * Four workers may hash at once. */
#define MEMORY_KIB 32768u
#define PASSES 2u
#define LANES 1u
#define SALT_BYTES 16u
#define TAG_BYTES 32u

/* What stored texts may ask for: no more than a login may cost. */
#define MEMORY_KIB_MAX (256u << 10)
#define PASSES_MAX 16u
#define LANES_MAX 16u
#define SALT_BYTES_MIN 8u
#define SALT_BYTES_MAX 32u

struct hashed {
    uint32_t memory_kib;
    uint32_t passes;
    uint32_t lanes;
    uint8_t salt[SALT_BYTES_MAX];
    uint32_t salt_bytes;
    uint8_t tag[TAG_BYTES];
};

/* Cost of a user who does not exist: the same work as for new hashes. */
static const struct hashed nobody = {
    .memory_kib = MEMORY_KIB,
    .passes = PASSES,
    .lanes = LANES,
    .salt_bytes = SALT_BYTES,
};

static int derive(struct text password, const struct hashed *hashed,
                  uint8_t tag[TAG_BYTES])
{
    library_start();
    int ret =
        wc_Argon2(WC_ARGON2_ID, tag, TAG_BYTES, (const uint8_t *)password.data,
                  password.size_bytes, hashed->salt, hashed->salt_bytes,
                  hashed->lanes, hashed->memory_kib, hashed->passes);
    /* Arguments are in range by now. */
    CHECK(ret == 0 || ret == MEMORY_E);
    return ret == 0 ? 0 : -ENOMEM;
}

int password_hash(struct text password,
                  char text[PASSWORD_HASH_TEXT_BYTES_MAX + 1])
{
    struct hashed hashed = nobody;
    char salt[BASE64_TEXT_BYTES(SALT_BYTES) + 1];
    char tag[BASE64_TEXT_BYTES(TAG_BYTES) + 1];

    CHECK(password.size_bytes <= PASSWORD_BYTES_MAX);
    random_system(hashed.salt, SALT_BYTES);
    int ret = derive(password, &hashed, hashed.tag);
    if (ret != 0)
        return ret;
    base64_encode(hashed.salt, SALT_BYTES, false, salt);
    base64_encode(hashed.tag, TAG_BYTES, false, tag);
    int size =
        snprintf(text, PASSWORD_HASH_TEXT_BYTES_MAX + 1,
                 "$argon2id$v=19$m=%u,t=%u,p=%u$%s$%s", hashed.memory_kib,
                 hashed.passes, hashed.lanes, salt, tag);
    CHECK(size > 0 && size <= (int)PASSWORD_HASH_TEXT_BYTES_MAX);
    return 0;
}

/* Takes what stands before the next `until` off `rest`, and `until` with it.
 * An absent text where there is no such character. */
static struct text take_until(struct text *rest, char until)
{
    struct text all = *rest;

    for (uint32_t i = 0; i < all.size_bytes; i++) {
        if (all.data[i] == until) {
            *rest = text_from(all.data + i + 1, all.size_bytes - i - 1);
            return text_from(all.data, i);
        }
    }
    return TEXT_ABSENT;
}

static bool read_number(struct text *rest, const char *name, char until,
                        uint32_t min, uint32_t max, uint32_t *number)
{
    struct text field = take_until(rest, until);
    uint64_t value;
    uint32_t name_bytes = (uint32_t)strlen(name);

    if (text_is_absent(field) || !text_starts_with(field, name))
        return false;
    field = text_from(field.data + name_bytes, field.size_bytes - name_bytes);
    if (!text_to_u64(field, max, &value) || value < min)
        return false;
    *number = (uint32_t)value;
    return true;
}

static bool parse(struct text stored, struct hashed *hashed)
{
    static const char prefix[] = "$argon2id$v=19$";
    uint32_t tag_bytes;

    if (stored.size_bytes > PASSWORD_HASH_TEXT_BYTES_MAX ||
        !text_starts_with(stored, prefix))
        return false;
    struct text rest = text_from(stored.data + sizeof prefix - 1,
                                 stored.size_bytes - (sizeof prefix - 1));
    if (!read_number(&rest, "m=", ',', 0, MEMORY_KIB_MAX,
                     &hashed->memory_kib) ||
        !read_number(&rest, "t=", ',', 1, PASSES_MAX, &hashed->passes) ||
        !read_number(&rest, "p=", '$', 1, LANES_MAX, &hashed->lanes) ||
        /* RFC 9106 section 3.1. */
        hashed->memory_kib < 8 * hashed->lanes)
        return false;

    struct text salt = take_until(&rest, '$');
    return !text_is_absent(salt) &&
           base64_decode(salt, hashed->salt, SALT_BYTES_MAX,
                         &hashed->salt_bytes) &&
           hashed->salt_bytes >= SALT_BYTES_MIN &&
           base64_decode(rest, hashed->tag, TAG_BYTES, &tag_bytes) &&
           tag_bytes == TAG_BYTES;
}

enum password_result password_verify(struct text password, struct text stored)
{
    struct hashed hashed = nobody;
    uint8_t tag[TAG_BYTES];

    if (!text_is_absent(stored) && !parse(stored, &hashed))
        return PASSWORD_BAD_HASH;
    if (password.size_bytes > PASSWORD_BYTES_MAX)
        return PASSWORD_WRONG;
    if (derive(password, &hashed, tag) != 0)
        return PASSWORD_NO_MEMORY;

    bool equal = hash_equal(tag, hashed.tag, TAG_BYTES);
    explicit_bzero(tag, sizeof tag);
    return equal && !text_is_absent(stored) ? PASSWORD_RIGHT : PASSWORD_WRONG;
}
