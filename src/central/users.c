#include "central/users.h"

#include <stdlib.h>

#include "base/check.h"
#include "central/context.h"
#include "store/query.h"
#include "transfer/node.h"

/* A login that the store is asked about. */
struct asking {
    struct central *central;
    struct transfer_login *login;
    struct text_builder name; /* owned */
};

static const struct central_user *
find_in_settings(const struct central_settings *settings, struct text name)
{
    for (uint32_t i = 0; i < settings->user_count; i++)
        if (text_is(name, settings->users[i].name))
            return &settings->users[i];
    return NULL;
}

/* Lines of both, one list after the other. */
static void add_keys(struct text_builder *keys, struct text lines)
{
    if (lines.size_bytes == 0)
        return;
    text_add(keys, lines);
    text_add_char(keys, '\n');
}

/* `row` NULL = the store has no such user; `listed` NULL = the settings. */
static void answer(const struct asking *asking, const struct store_user *row,
                   const struct central_user *listed)
{
    const struct central_settings *settings = &asking->central->config.settings;
    struct text_builder keys = {0};
    struct transfer_user found = {
        .no_pull = settings->no_pull,
        .no_push = settings->no_push,
    };

    if (row != NULL) {
        found.docroot = row->docroot;
        found.password_hash = row->password_hash;
        add_keys(&keys, row->public_keys);
    }
    if (listed != NULL) {
        found.docroot = text_of(listed->docroot);
        found.no_pull = listed->no_pull;
        found.no_push = listed->no_push;
        add_keys(&keys, text_of(listed->public_keys));
    }
    if (keys.size_bytes > 0)
        found.public_keys = text_built(&keys);
    bool is_there = (row != NULL || listed != NULL) && !keys.failed;
    transfer_login_answer(asking->login, is_there ? &found : NULL);
    text_builder_free(&keys);
}

static void query_done(void *user, struct store_rows *rows)
{
    struct asking *asking = user;
    const struct store_user *row =
        rows->result == 0 && rows->count == 1 ? &rows->users[0] : NULL;
    /* Looked up now: the settings may have changed meanwhile. */
    const struct central_user *listed = find_in_settings(
        &asking->central->config.settings, text_built(&asking->name));

    if (rows->result == 0)
        answer(asking, row, listed);
    else
        transfer_login_answer(asking->login, NULL);
    store_rows_free(rows);
    text_builder_free(&asking->name);
    free(asking);
}

void users_login(struct central *central, struct transfer_login *login,
                 struct text user)
{
    struct asking *asking = calloc(1, sizeof *asking);

    CHECK(asking != NULL);
    asking->central = central;
    asking->login = login;
    text_add(&asking->name, user);
    store_query_user(central->store, user, asking, query_done);
}
