#include "store/users.h"

#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "store/database.h"
#include "store/schema.h"

struct store_users {
    struct database database;
};

int store_users_open(struct store_users **users, const char *path,
                     char message[STORE_MESSAGE_BYTES])
{
    struct store_users *opened = calloc(1, sizeof *opened);

    CHECK(opened != NULL);
    int ret = database_open(&opened->database, path, DATABASE_WRITE, message);
    if (ret != 0) {
        free(opened);
        return ret;
    }
    *users = opened;
    return 0;
}

void store_users_close(struct store_users *users)
{
    database_close(&users->database);
    free(users);
}

int store_users_add(struct store_users *users, const struct store_user *user)
{
    struct database *database = &users->database;
    struct text_builder sql = {0};
    sqlite3_stmt *statement;

    schema_add_insert(&tables[TABLE_USERS], &sql);
    int ret = database_prepare(database, text_built(&sql), &statement);
    text_builder_free(&sql);
    if (ret != 0)
        return ret;
    int code = table_bind(&tables[TABLE_USERS], statement, user, 0);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    database_reset(statement);
    if (code == SQLITE_CONSTRAINT_UNIQUE)
        return -EEXIST;
    return database_error(database, code);
}

int store_users_remove(struct store_users *users, struct text name)
{
    struct database *database = &users->database;
    sqlite3_stmt *statement;
    int ret = database_prepare(
        database, text_of("DELETE FROM users WHERE name = ?1"), &statement);

    if (ret != 0)
        return ret;
    int code = sqlite3_bind_text64(statement, 1, name.data, name.size_bytes,
                                   SQLITE_STATIC, SQLITE_UTF8);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    database_reset(statement);
    ret = database_error(database, code);
    if (ret == 0 && sqlite3_changes(database->handle) == 0)
        return -ENOENT;
    return ret;
}

int store_users_list(struct store_users *users, void *user, store_users_fn each)
{
    struct database *database = &users->database;
    struct text_builder sql = {0};
    sqlite3_stmt *statement;
    struct store_user row;
    struct arena texts;
    int code = SQLITE_DONE;

    arena_init(&texts, LIMIT_STORE_BATCH_BYTES);
    text_add_string(&sql, "SELECT ");
    table_add_columns(&tables[TABLE_USERS], "u", &sql);
    text_add_string(&sql, " FROM users u ORDER BY u.name");
    int ret = database_prepare(database, text_built(&sql), &statement);
    text_builder_free(&sql);
    while (ret == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        ret = table_read(&tables[TABLE_USERS], statement, &row, &texts);
        if (ret == 0)
            each(user, &row);
        arena_reset(&texts);
    }
    if (ret == 0)
        ret = database_error(database, code);
    arena_free(&texts);
    return ret;
}
