#include "central/login.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/random.h"
#include "crypto/base64.h"
#include "crypto/password.h"
#include "store/query.h"

#define SECOND_NS UINT64_C(1000000000)
/* RFC 7617 section 2: user-id ":" password. */
#define CREDENTIALS_BYTES_MAX (LIMIT_USER_NAME_BYTES + 1 + PASSWORD_BYTES_MAX)

/* A password that is being looked at. */
struct check {
    struct logins *logins;
    void *user;
    login_done_fn done;
    uint8_t digest[HASH_SHA256_BYTES];
    char name[LIMIT_USER_NAME_BYTES + 1];
    struct text password; /* in `credentials` */
    char stored[PASSWORD_HASH_TEXT_BYTES_MAX + 1];
    bool is_user;
    enum password_result result;
    struct loop_work work;
    uint8_t credentials[CREDENTIALS_BYTES_MAX];
};

void logins_init(struct logins *logins, struct loop *loop, struct store *store)
{
    *logins = (struct logins){.loop = loop, .store = store};
    random_system(logins->key, sizeof logins->key);
}

/* ---- what is known ---- */

static const struct login_known *
find_known(const struct logins *logins, const uint8_t digest[HASH_SHA256_BYTES])
{
    uint64_t now_ns = loop_now_ns(logins->loop);

    for (uint32_t i = 0; i < LIMIT_LOGINS_KNOWN; i++)
        if (logins->known[i].until_ns > now_ns &&
            hash_equal(logins->known[i].digest, digest, HASH_SHA256_BYTES))
            return &logins->known[i];
    return NULL;
}

static void remember(struct logins *logins, const struct check *check)
{
    struct login_known *known = &logins->known[logins->oldest];

    logins->oldest = (logins->oldest + 1) % LIMIT_LOGINS_KNOWN;
    memcpy(known->digest, check->digest, sizeof known->digest);
    memcpy(known->name, check->name, sizeof known->name);
    known->until_ns =
        loop_now_ns(logins->loop) + LIMIT_LOGIN_KNOWN_S * SECOND_NS;
}

/* ---- checking ---- */

static void finish(struct check *check, enum login_result result)
{
    struct logins *logins = check->logins;

    logins->checking_count--;
    if (result == LOGIN_RIGHT)
        remember(logins, check);
    check->done(check->user, result, check->name);
    explicit_bzero(check, sizeof *check);
    free(check);
}

static void login_verify(struct loop_work *work)
{
    struct check *check = OWNER_OF(work, struct check, work);

    check->result = password_verify(
        check->password, check->is_user ? text_of(check->stored) : TEXT_ABSENT);
}

static void login_verify_done(struct loop_work *work)
{
    struct check *check = OWNER_OF(work, struct check, work);

    switch (check->result) {
    case PASSWORD_RIGHT:
        finish(check, LOGIN_RIGHT);
        break;
    case PASSWORD_NO_MEMORY:
        finish(check, LOGIN_BUSY);
        break;
    case PASSWORD_WRONG:
    case PASSWORD_BAD_HASH:
        finish(check, LOGIN_WRONG);
        break;
    }
}

/* A name that is unknown costs the time of one that is. */
static void user_found(void *user, struct store_rows *rows)
{
    struct check *check = user;
    bool failed = rows->result != 0;

    check->is_user = !failed && rows->count == 1 &&
                     text_to_string(rows->users[0].password_hash, check->stored,
                                    sizeof check->stored) &&
                     check->stored[0] != '\0';
    store_rows_free(rows);
    if (failed)
        finish(check, LOGIN_BUSY);
    else
        loop_work_start(check->logins->loop, &check->logins->strand,
                        &check->work, login_verify, login_verify_done);
}

/* ---- reading ---- */

/* Fills in name and password; false for what is no Basic field. */
static bool read_basic(struct check *check, struct text authorization)
{
    static const char scheme[] = "Basic ";
    const uint32_t scheme_bytes = sizeof scheme - 1;
    uint32_t size;

    if (authorization.size_bytes < scheme_bytes ||
        !text_is_nocase(text_from(authorization.data, scheme_bytes), scheme))
        return false;
    struct text encoded =
        text_trim(text_from(authorization.data + scheme_bytes,
                            authorization.size_bytes - scheme_bytes));
    if (!base64_decode(encoded, check->credentials, sizeof check->credentials,
                       &size))
        return false;
    const char *data = (const char *)check->credentials;
    const char *colon = memchr(data, ':', size);
    if (colon == NULL || colon == data)
        return false;
    check->password = text_from(colon + 1, size - (size_t)(colon + 1 - data));
    return text_to_string(text_from(data, (size_t)(colon - data)), check->name,
                          sizeof check->name);
}

static enum login_result look(struct logins *logins, struct check *check,
                              struct text authorization, const char **name)
{
    if (!read_basic(check, authorization))
        return LOGIN_WRONG;
    hash_hmac_sha256(
        logins->key, sizeof logins->key, check->credentials,
        (uint32_t)(check->password.data - (const char *)check->credentials) +
            check->password.size_bytes,
        check->digest);
    const struct login_known *known = find_known(logins, check->digest);
    if (known != NULL) {
        *name = known->name;
        return LOGIN_RIGHT;
    }
    return logins->checking_count == LIMIT_LOGINS_CHECKING ? LOGIN_BUSY
                                                           : LOGIN_LATER;
}

enum login_result login_check(struct logins *logins, struct text authorization,
                              const char **name, void *user, login_done_fn done)
{
    struct check on_stack;
    enum login_result result = LOGIN_WRONG;

    if (text_is_absent(authorization))
        return LOGIN_WRONG;
    result = look(logins, &on_stack, authorization, name);
    if (result == LOGIN_LATER) {
        struct check *check = calloc(1, sizeof *check);
        result = LOGIN_BUSY;
        if (check != NULL && read_basic(check, authorization)) {
            memcpy(check->digest, on_stack.digest, sizeof check->digest);
            check->logins = logins;
            check->user = user;
            check->done = done;
            logins->checking_count++;
            store_query_user(logins->store, text_of(check->name), check,
                             user_found);
            result = LOGIN_LATER;
        } else {
            free(check);
        }
    }
    explicit_bzero(&on_stack, sizeof on_stack);
    return result;
}
