#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/loop.h"

void fixture_make_folder(struct fixture *fixture)
{
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/store-XXXXXX");
    cr_assert_not_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/%s", fixture->folder,
             STORE_FILE_NAME);
}

void fixture_open_store(struct fixture *fixture)
{
    char message[STORE_MESSAGE_BYTES];
    int ret =
        store_open(&fixture->store, fixture->loop, fixture->path, message);

    cr_assert_eq(ret, 0, "%d %s", ret, message);
}

void fixture_open(struct fixture *fixture)
{
    fixture_make_folder(fixture);
    cr_assert_eq(loop_open(&fixture->loop, 1), 0);
    fixture_open_store(fixture);
}

static void closed(void *user)
{
    *(bool *)user = true;
}

void fixture_close_store(struct fixture *fixture)
{
    bool done = false;

    store_close(fixture->store, &done, closed);
    fixture_wait(fixture, &done);
    fixture->store = NULL;
}

void fixture_reopen(struct fixture *fixture)
{
    fixture_close_store(fixture);
    fixture_open_store(fixture);
}

void fixture_remove_folder(struct fixture *fixture)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock",
                                          "-reserve"};
    char path[128];

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(path, sizeof path, "%s%s", fixture->path, endings[i]);
        unlink(path);
    }
    cr_assert_eq(rmdir(fixture->folder), 0);
}

void fixture_close(struct fixture *fixture)
{
    fixture_close_store(fixture);
    loop_free(fixture->loop);
    fixture_remove_folder(fixture);
}

void fixture_wait(struct fixture *fixture, const bool *flag)
{
    while (!*flag)
        loop_run_once(fixture->loop);
}

struct outcome {
    bool done;
    int result;
    struct store_rows *rows;
};

static void committed(void *user, int result)
{
    struct outcome *outcome = user;

    cr_assert(!outcome->done);
    outcome->done = true;
    outcome->result = result;
}

int fixture_commit(struct fixture *fixture, struct store_batch *batch)
{
    struct outcome outcome = {0};

    store_commit(fixture->store, batch, &outcome, committed);
    fixture_wait(fixture, &outcome.done);
    return outcome.result;
}

int fixture_purge(struct fixture *fixture, const struct store_purge *purge)
{
    struct outcome outcome = {0};

    store_purge(fixture->store, purge, &outcome, committed);
    fixture_wait(fixture, &outcome.done);
    return outcome.result;
}

static void answered(void *user, struct store_rows *rows)
{
    struct outcome *outcome = user;

    cr_assert(!outcome->done);
    outcome->done = true;
    outcome->rows = rows;
}

static struct store_rows *wait_rows(struct fixture *fixture,
                                    struct outcome *outcome)
{
    fixture_wait(fixture, &outcome->done);
    return outcome->rows;
}

struct store_rows *fixture_sessions(struct fixture *fixture,
                                    const struct store_session_filter *filter,
                                    enum store_order order,
                                    struct store_position from, uint32_t limit)
{
    struct outcome outcome = {0};

    store_query_sessions(fixture->store, filter, order, from, limit, &outcome,
                         answered);
    return wait_rows(fixture, &outcome);
}

struct store_rows *fixture_files(struct fixture *fixture,
                                 const struct store_file_filter *filter,
                                 enum store_order order,
                                 struct store_position from, uint32_t limit)
{
    struct outcome outcome = {0};

    store_query_files(fixture->store, filter, order, from, limit, &outcome,
                      answered);
    return wait_rows(fixture, &outcome);
}

struct store_rows *fixture_events(struct fixture *fixture,
                                  const struct store_event_filter *filter,
                                  uint32_t limit)
{
    struct outcome outcome = {0};

    store_query_events(fixture->store, filter, limit, &outcome, answered);
    return wait_rows(fixture, &outcome);
}

struct store_rows *fixture_job(struct fixture *fixture, struct uuid uuid)
{
    struct outcome outcome = {0};

    store_query_job(fixture->store, uuid, &outcome, answered);
    return wait_rows(fixture, &outcome);
}

struct store_rows *fixture_user(struct fixture *fixture, const char *name)
{
    struct outcome outcome = {0};

    store_query_user(fixture->store, text_of(name), &outcome, answered);
    return wait_rows(fixture, &outcome);
}

struct uuid id_of(uint32_t number)
{
    struct uuid uuid = {{0}};

    for (int i = 0; i < 4; i++)
        uuid.bytes[12 + i] = (uint8_t)(number >> 8 * (3 - i));
    return uuid;
}

uint32_t number_of(struct uuid uuid)
{
    uint32_t number = 0;

    for (int i = 0; i < 4; i++)
        number = number << 8 | uuid.bytes[12 + i];
    return number;
}

struct store_job job_of(uint32_t number)
{
    return (struct store_job){.uuid = id_of(number), .created_us = 1};
}

struct store_session session_of(uint32_t number, uint32_t job_number)
{
    return (struct store_session){
        .uuid = id_of(number), .job_uuid = id_of(job_number), .start_us = 1};
}

struct store_file file_of(uint32_t session_number, uint64_t local_id)
{
    return (struct store_file){.session_uuid = id_of(session_number),
                               .local_id = local_id,
                               .path = text_of("a/file")};
}

struct store_event event_of(uint64_t sequence)
{
    return (struct store_event){.sequence = sequence,
                                .uuid = id_of((uint32_t)sequence),
                                .time_us = (int64_t)sequence,
                                .topic = STORE_TOPIC_JOB_START,
                                .body = text_of("<Job/>")};
}
