/* The process is killed while it commits.  What was acknowledged is there; of
 * what was on its way, each batch is there as a whole or not at all, and none
 * without all those before it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "fixture.h"
#include "io/loop.h"

#define ROUNDS 12
#define IN_FLIGHT 16
#define ACKNOWLEDGED_MAX 400

static struct fixture fixture;

static void set_up(void)
{
    fixture_make_folder(&fixture);
}

static void tear_down(void)
{
    fixture_remove_folder(&fixture);
}

TestSuite(crash, .init = set_up, .fini = tear_down, .timeout = 120);

struct child {
    uint64_t next;
    int pipe_fd;
};

static void commit_next(struct child *child);

static void told(void *user, int result)
{
    struct child *child = user;
    char byte = 1;

    if (result != 0)
        _exit(2);
    if (write(child->pipe_fd, &byte, 1) != 1)
        _exit(0); /* the parent has what it wants */
    commit_next(child);
}

/* An event, its session and two files: four tables and their indexes. */
static void commit_next(struct child *child)
{
    struct store_batch *batch = store_batch_new();
    uint64_t number = child->next++;
    struct store_event event = event_of(number);
    struct store_session session = session_of((uint32_t)number, 1);

    store_batch_put_session(batch, &session);
    for (uint64_t i = 0; i < 2; i++) {
        struct store_file file = file_of((uint32_t)number, i);
        store_batch_put_file(batch, &file);
    }
    store_batch_add_event(batch, &event);
    store_commit(fixture.store, batch, child, told);
}

/* Commits until it is killed. */
_Noreturn static void run_child(int pipe_fd)
{
    struct child child = {.pipe_fd = pipe_fd};

    if (loop_open(&fixture.loop, 1) != 0)
        _exit(3);
    fixture_open_store(&fixture);
    child.next = store_last_sequence(fixture.store) + 1;
    for (int i = 0; i < IN_FLIGHT; i++)
        commit_next(&child);
    loop_run(fixture.loop);
    _exit(4);
}

/* Kills a child after `wanted` acknowledgements; returns how many it made. */
static uint64_t run_round(uint64_t wanted)
{
    int ends[2];
    int status;
    char byte;
    uint64_t count = 0;

    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        close(ends[0]);
        run_child(ends[1]);
    }
    close(ends[1]);
    while (count < wanted && read(ends[0], &byte, 1) == 1)
        count++;
    cr_assert_eq(kill(pid, SIGKILL), 0);
    while (read(ends[0], &byte, 1) == 1)
        count++;
    close(ends[0]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status), "the child failed by itself: %d", status);
    return count;
}

struct seen {
    uint64_t sessions;
    uint64_t last;
};

static void see_session(void *user, const struct store_session *session)
{
    struct seen *seen = user;

    seen->sessions++;
    cr_expect_eq(number_of(session->uuid), seen->last + 1);
    seen->last = number_of(session->uuid);
}

static uint64_t count_files(void)
{
    const struct store_file_filter any = {0};
    struct store_position from = {0};
    struct store_rows *rows =
        fixture_files(&fixture, &any, STORE_BY_AGE, from, STORE_PAGE_ROWS_MAX);
    uint64_t count = rows->count + rows->remaining;

    store_rows_free(rows);
    return count;
}

static uint64_t count_events(void)
{
    struct store_event_filter filter = {
        .topics = STORE_TOPIC_BIT(STORE_TOPIC_COUNT) - 1};
    uint64_t count = 0;
    bool more = true;

    while (more) {
        struct store_rows *rows =
            fixture_events(&fixture, &filter, STORE_PAGE_ROWS_MAX);
        cr_assert_eq(rows->result, 0);
        count += rows->count;
        more = rows->count == STORE_PAGE_ROWS_MAX;
        if (more)
            filter.after_sequence = rows->events[rows->count - 1].sequence;
        store_rows_free(rows);
    }
    return count;
}

static void expect_whole(uint64_t at_least)
{
    struct seen seen = {0};
    struct store_loader loader = {.user = &seen, .session = see_session};

    cr_assert_eq(loop_open(&fixture.loop, 1), 0);
    fixture_open_store(&fixture);
    uint64_t last = store_last_sequence(fixture.store);
    cr_assert_eq(store_load(fixture.store, &loader), 0);
    cr_expect_geq(last, at_least, "acknowledged, and lost");
    cr_expect_eq(seen.sessions, last);
    cr_expect_eq(count_files(), 2 * last);

    cr_expect_eq(count_events(), last);
    fixture_close_store(&fixture);
    loop_free(fixture.loop);
}

Test(crash, what_was_acknowledged_is_there_whole_and_in_order)
{
    struct random random;
    uint64_t acknowledged = 0;

    signal(SIGPIPE, SIG_IGN);
    random_seed(&random, 7);
    for (int i = 0; i < ROUNDS; i++) {
        acknowledged += run_round(1 + random_below(&random, ACKNOWLEDGED_MAX));
        expect_whole(acknowledged);
    }
}
