#include "central/users.h"

#include "store/query.h"
#include "transfer/node.h"

static void query_done(void *user, struct store_rows *rows)
{
    struct transfer_login *login = user;

    if (rows->result == 0 && rows->count == 1) {
        struct transfer_user found = {
            .docroot = rows->users[0].docroot,
            .password_hash = rows->users[0].password_hash,
            .public_keys = rows->users[0].public_keys,
        };
        transfer_login_answer(login, &found);
    } else {
        transfer_login_answer(login, NULL);
    }
    store_rows_free(rows);
}

void users_login(struct store *store, struct transfer_login *login,
                 struct text user)
{
    store_query_user(store, user, login, query_done);
}
