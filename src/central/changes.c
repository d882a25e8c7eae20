#include "central/changes.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"

/* Often enough that a disk which was cleared is noticed at once by people. */
#define RETRY_NS UINT64_C(1000000000)
/* The largest order and the rows around it; file rows are far below. */
#define CHANGE_BYTES_MAX (64u << 20)

enum write_kind { WRITE_JOB, WRITE_SESSION, WRITE_FILE, WRITE_EVENT };

struct write {
    struct write *next;
    enum write_kind kind;
    union {
        struct store_job job;
        struct store_session session;
        struct store_file file;
        struct store_event event;
    };
};

struct change {
    struct change *next;
    struct changes *changes;
    struct arena arena;
    struct write *first;
    struct write *last;
    uint32_t write_count;
    enum change_need need;
    bool no_memory;
    void *user;
    change_done_fn done;
};

static void run(struct changes *changes);

void changes_init(struct changes *changes, struct loop *loop,
                  struct store *store, change_told_fn told, void *owner)
{
    *changes = (struct changes){
        .loop = loop,
        .store = store,
        .sequence = store_last_sequence(store),
        .stored_sequence = store_last_sequence(store),
        .told = told,
        .owner = owner,
    };
}

struct change *change_begin(struct changes *changes)
{
    struct change *change = calloc(1, sizeof *change);
    CHECK(change != NULL);
    change->changes = changes;
    arena_init(&change->arena, CHANGE_BYTES_MAX);
    return change;
}

struct arena *change_arena(struct change *change)
{
    return &change->arena;
}

uint32_t change_row_count(const struct change *change)
{
    return change->write_count;
}

/* ---- what a change holds ---- */

static struct text keep_text(struct change *change, struct text text)
{
    struct text copy = text_copy(&change->arena, text);

    if (text_is_absent(copy) && !text_is_absent(text))
        change->no_memory = true;
    return copy;
}

/* NULL, and the change has failed, when memory is used up. */
static struct write *add_write(struct change *change, enum write_kind kind)
{
    struct write *write = arena_take_zeroed(&change->arena, 1, sizeof *write);

    if (write == NULL) {
        change->no_memory = true;
        return NULL;
    }
    write->kind = kind;
    if (change->last == NULL)
        change->first = write;
    else
        change->last->next = write;
    change->last = write;
    change->write_count++;
    return write;
}

#define KEEP_ID(name)
#define KEEP_CHANGE(name)
#define KEEP_UUID(name)
#define KEEP_U64(name)
#define KEEP_U32(name)
#define KEEP_I32(name)
#define KEEP_TIME(name)
#define KEEP_BOOL(name)
#define KEEP_TEXT(name) copy->name = keep_text(change, row->name);
#define KEEP_BLOB(name) KEEP_TEXT(name)
#define COLUMN(kind, name, constraint) KEEP_##kind(name)
#define KEPT(kind, name, constraint) KEEP_##kind(name)
#define WORD(type, name)

void change_put_job(struct change *change, const struct store_job *row)
{
    struct write *write = add_write(change, WRITE_JOB);
    if (write == NULL)
        return;
    struct store_job *copy = &write->job;
    *copy = *row;
#include "store/job.def"
}

void change_put_session(struct change *change, const struct store_session *row)
{
    struct write *write = add_write(change, WRITE_SESSION);
    if (write == NULL)
        return;
    struct store_session *copy = &write->session;
    *copy = *row;
#include "store/session.def"
}

void change_put_file(struct change *change, const struct store_file *row)
{
    struct write *write = add_write(change, WRITE_FILE);
    if (write == NULL)
        return;
    struct store_file *copy = &write->file;
    *copy = *row;
#include "store/file.def"
}

#undef COLUMN
#undef KEPT
#undef WORD

struct store_event *change_tell(struct change *change, enum store_topic topic,
                                struct uuid job_uuid, struct uuid session_uuid)
{
    struct changes *changes = change->changes;
    struct write *write = add_write(change, WRITE_EVENT);

    /* Or a later Sequence could become durable before an earlier one. */
    CHECK(changes->open == NULL || changes->open == change);
    CHECK(write != NULL);
    changes->open = change;
    write->event = (struct store_event){
        .sequence = ++changes->sequence,
        .uuid = uuid_new(),
        .time_us = clock_wall_us(),
        .topic = topic,
        .job_uuid = job_uuid,
        .session_uuid = session_uuid,
    };
    return &write->event;
}

static void free_change(struct change *change)
{
    arena_free(&change->arena);
    free(change);
}

void change_abandon(struct change *change)
{
    CHECK(change->changes->open != change);
    free_change(change);
}

void change_commit(struct change *change, enum change_need need, void *user,
                   change_done_fn done)
{
    struct changes *changes = change->changes;

    /* What must be told was a few KiB; an order too large is refused. */
    CHECK(need == CHANGE_MAY || !change->no_memory);
    if (changes->open == change)
        changes->open = NULL;
    change->need = need;
    change->user = user;
    change->done = done;
    if (changes->first == NULL)
        changes->first = change;
    else
        changes->last->next = change;
    changes->last = change;
    run(changes);
}

/* ---- the way to the disk ---- */

static void put_writes(struct store_batch *batch, const struct change *change)
{
    for (struct write *write = change->first; write != NULL;
         write = write->next) {
        switch (write->kind) {
        case WRITE_JOB:
            store_batch_put_job(batch, &write->job);
            break;
        case WRITE_SESSION:
            store_batch_put_session(batch, &write->session);
            break;
        case WRITE_FILE:
            store_batch_put_file(batch, &write->file);
            break;
        case WRITE_EVENT:
            store_batch_add_event(batch, &write->event);
            break;
        }
    }
}

/* Shows the oldest change to its owner and to those who wait for its events,
 * in this order: who is told of an event may ask for the state. */
static void finish_first(struct changes *changes, int result)
{
    struct change *change = changes->first;

    changes->first = change->next;
    if (changes->first == NULL)
        changes->last = NULL;
    if (change->done != NULL)
        change->done(change->user, result);
    for (struct write *write = change->first; result == 0 && write != NULL;
         write = write->next) {
        if (write->kind != WRITE_EVENT)
            continue;
        changes->stored_sequence = write->event.sequence;
        changes->told(changes->owner, &write->event);
    }
    free_change(change);
}

static void retry_fired(struct loop_timer *timer)
{
    run(OWNER_OF(timer, struct changes, retry));
}

/* What failed together is tried one by one: only the culprit is given up. */
static void take_failure(struct changes *changes, uint32_t count, int result)
{
    if (count > 1) {
        changes->single_count = count;
    } else if (changes->first->need == CHANGE_MAY || changes->stopping) {
        if (changes->single_count > 0)
            changes->single_count--;
        finish_first(changes, result);
    } else {
        if (!changes->failing)
            LOG(changes_failing, result);
        if (changes->exits_on_failure != NULL && *changes->exits_on_failure) {
            LOG(changes_fatal, result);
            _exit(1); /* as after kill -9: the next start knows what was */
        }
        changes->failing = true;
        loop_timer_start(changes->loop, &changes->retry,
                         loop_now_ns(changes->loop) + RETRY_NS, retry_fired);
    }
}

static void commit_done(void *user, int result)
{
    struct changes *changes = user;
    uint32_t count = changes->flying_count;

    if (result < 0) {
        changes->flying_count = 0;
        take_failure(changes, count, result);
        run(changes);
        return;
    }
    if (changes->failing)
        LOG(changes_mended, count);
    changes->failing = false;
    /* `flying_count` falls at the end: an owner that commits more from its
     * done() must not start the next transaction in between. */
    for (uint32_t i = 0; i < count; i++)
        finish_first(changes, 0);
    changes->flying_count = 0;
    changes->single_count -=
        changes->single_count < count ? changes->single_count : count;
    run(changes);
}

static void idle_run(struct loop_post *post)
{
    struct changes *changes = OWNER_OF(post, struct changes, idle_post);

    if (changes->first == NULL)
        changes->idle(changes->owner);
}

static void run(struct changes *changes)
{
    uint32_t writes = 0;
    uint32_t count = 0;

    if (changes->first == NULL && changes->stopping)
        loop_post(changes->loop, &changes->idle_post, idle_run);
    if (changes->first == NULL || changes->flying_count > 0 ||
        loop_timer_running(&changes->retry))
        return;

    struct store_batch *batch = store_batch_new();
    for (struct change *change = changes->first; change != NULL;
         change = change->next) {
        writes += change->write_count;
        if (count > 0 &&
            (changes->single_count > 0 || writes > LIMIT_WRITES_TOGETHER))
            break;
        put_writes(batch, change);
        count++;
    }
    changes->flying_count = count;
    store_commit(changes->store, batch, changes, commit_done);
}

void changes_stop(struct changes *changes, void (*idle)(void *owner))
{
    changes->stopping = true;
    changes->idle = idle;
    if (loop_timer_running(&changes->retry))
        loop_timer_stop(changes->loop, &changes->retry);
    run(changes);
}
