#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "central/signature.h"
#include "io/loop.h"
#include "store/query.h"

struct world world;

/* ---- the clock and what is due ---- */

struct loop {
    int nothing;
};

struct store {
    int nothing;
};

static struct loop the_loop;
static struct store the_store;

struct task {
    struct heap_node node;
    void (*run)(struct task *task);
};

uint64_t clock_mono_ns(void)
{
    return world.now_ns;
}

int64_t clock_wall_us(void)
{
    return (int64_t)(world.now_ns / 1000) + 1000000;
}

uint64_t loop_now_ns(const struct loop *loop)
{
    (void)loop;
    return world.now_ns;
}

static void put_task(struct task *task, uint64_t due_ns,
                     void (*run)(struct task *task))
{
    task->run = run;
    heap_put(&world.tasks, &task->node, due_ns);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer,
                      uint64_t due_ns, loop_timer_fn fired)
{
    (void)loop;
    heap_take(&world.timers, &timer->node);
    timer->fired = fired;
    heap_put(&world.timers, &timer->node, due_ns);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    heap_take(&world.timers, &timer->node);
}

void loop_post(struct loop *loop, struct loop_post *post, loop_post_fn run)
{
    (void)loop;
    if (post->queued)
        return;
    post->queued = true;
    post->run = run;
    post->next = NULL;
    if (world.posts == NULL)
        world.posts = post;
    else
        world.posts_last->next = post;
    world.posts_last = post;
}

static bool run_post(void)
{
    struct loop_post *post = world.posts;

    if (post == NULL)
        return false;
    world.posts = post->next;
    post->queued = false;
    post->run(post);
    return true;
}

static void run_task(struct heap_node *node)
{
    struct task *task = OWNER_OF(node, struct task, node);

    heap_take(&world.tasks, node);
    task->run(task);
}

bool world_step(uint64_t until_ns)
{
    struct heap_node *timer = heap_first(&world.timers);
    struct heap_node *task = heap_first(&world.tasks);

    if (run_post())
        return true;
    bool is_timer =
        timer != NULL && (task == NULL || timer->due_ns < task->due_ns);
    struct heap_node *first = is_timer ? timer : task;
    if (first == NULL || first->due_ns > until_ns) {
        world.now_ns = until_ns;
        return false;
    }
    if (first->due_ns > world.now_ns)
        world.now_ns = first->due_ns;
    if (is_timer) {
        struct loop_timer *of = OWNER_OF(first, struct loop_timer, node);
        heap_take(&world.timers, first);
        of->fired(of);
    } else {
        run_task(first);
    }
    return true;
}

bool world_step_dead(void)
{
    struct heap_node *task = heap_first(&world.tasks);

    CHECK(world.dead);
    if (run_post())
        return true;
    if (task == NULL)
        return false;
    run_task(task);
    return true;
}

/* ---- the store ---- */

enum op_kind { OP_EVENT, OP_PUT, OP_REMOVE, OP_CURSOR, OP_PURGE };

struct op {
    struct op *next;
    enum op_kind kind;
    struct store_event event;
    struct store_subscription row;
    uint64_t sequence;
    uint64_t before_ns;
};

struct store_batch {
    struct task task;
    struct op *first;
    struct op **last;
    uint64_t told_ns;
    int result;
    void *user;
    store_done_fn done;
};

struct store *world_store(void)
{
    return &the_store;
}

struct loop *world_loop(void)
{
    return &the_loop;
}

static void *must(void *memory)
{
    CHECK(memory != NULL);
    return memory;
}

static struct text keep(struct text text)
{
    if (text_is_absent(text))
        return text;
    char *copy = must(malloc((size_t)text.size_bytes + 1));
    memcpy(copy, text.data, text.size_bytes);
    copy[text.size_bytes] = '\0';
    return text_from(copy, text.size_bytes);
}

static void drop(struct text text)
{
    free((void *)(uintptr_t)text.data);
}

struct store_batch *store_batch_new(void)
{
    struct store_batch *batch = must(calloc(1, sizeof *batch));

    batch->last = &batch->first;
    return batch;
}

static struct op *add_op(struct store_batch *batch, enum op_kind kind)
{
    struct op *op = must(calloc(1, sizeof *op));

    op->kind = kind;
    *batch->last = op;
    batch->last = &op->next;
    return op;
}

void store_batch_add_event(struct store_batch *batch,
                           const struct store_event *event)
{
    struct op *op = add_op(batch, OP_EVENT);

    op->event = *event;
    op->event.body = keep(event->body);
}

static void keep_row(struct store_subscription *row,
                     const struct store_subscription *from)
{
    *row = *from;
    row->observer_url = keep(from->observer_url);
    row->observer_action = keep(from->observer_action);
    row->ender_url = TEXT_ABSENT;
    row->ender_action = TEXT_ABSENT;
    row->owner = TEXT_ABSENT;
    row->caller = TEXT_ABSENT;
    row->secret = TEXT_ABSENT;
    row->secret_before = TEXT_ABSENT;
}

void store_batch_put_subscription(struct store_batch *batch,
                                  const struct store_subscription *row)
{
    keep_row(&add_op(batch, OP_PUT)->row, row);
}

void store_batch_remove_subscription(struct store_batch *batch,
                                     struct uuid uuid)
{
    add_op(batch, OP_REMOVE)->row.uuid = uuid;
}

/* There is no loss of power here, only of the process. */
void store_batch_may_lag(struct store_batch *batch)
{
    (void)batch;
}

void store_batch_set_cursor(struct store_batch *batch, struct uuid uuid,
                            uint64_t cursor)
{
    struct op *op = add_op(batch, OP_CURSOR);

    op->row.uuid = uuid;
    op->sequence = cursor;
}

void store_batch_put_job(struct store_batch *batch, const struct store_job *job)
{
    (void)batch, (void)job;
}

void store_batch_put_session(struct store_batch *batch,
                             const struct store_session *session)
{
    (void)batch, (void)session;
}

void store_batch_put_file(struct store_batch *batch,
                          const struct store_file *file)
{
    (void)batch, (void)file;
}

static struct store_subscription *find_row(struct uuid uuid)
{
    for (uint32_t i = 0; i < world.disk.row_count; i++)
        if (uuid_equal(world.disk.rows[i].uuid, uuid))
            return &world.disk.rows[i];
    return NULL;
}

static void drop_row(struct store_subscription *row)
{
    drop(row->observer_url);
    drop(row->observer_action);
}

static void apply_op(struct op *op)
{
    struct world_disk *disk = &world.disk;
    struct store_subscription *row = find_row(op->row.uuid);

    switch (op->kind) {
    case OP_EVENT:
        CHECK(op->event.sequence > disk->last_sequence);
        CHECK(op->event.sequence < WORLD_EVENTS_MAX);
        disk->last_sequence = op->event.sequence;
        disk->events[op->event.sequence] = op->event;
        disk->has[op->event.sequence] = true;
        disk->kept[op->event.sequence] = true;
        op->event.body = TEXT_ABSENT; /* it is the disk's now */
        break;
    case OP_PUT:
        if (row == NULL) {
            CHECK(disk->row_count < WORLD_ROWS_MAX);
            row = &disk->rows[disk->row_count++];
        } else {
            drop_row(row);
        }
        *row = op->row;
        op->row.observer_url = op->row.observer_action = TEXT_ABSENT;
        break;
    case OP_REMOVE:
        if (row == NULL)
            break;
        drop_row(row);
        *row = disk->rows[--disk->row_count];
        break;
    case OP_CURSOR:
        if (row != NULL)
            row->cursor = op->sequence;
        break;
    case OP_PURGE:
        for (uint64_t i = 0; i < WORLD_EVENTS_MAX && i <= op->sequence; i++)
            if (disk->kept[i] && disk->events[i].time_us <
                                     (int64_t)(op->before_ns / 1000) + 1000000)
                disk->kept[i] = false;
        break;
    }
}

static void free_batch(struct store_batch *batch)
{
    for (struct op *op = batch->first, *next; op; op = next) {
        next = op->next;
        drop(op->event.body);
        drop_row(&op->row);
        free(op);
    }
    free(batch);
}

static void commit_told(struct task *task)
{
    struct store_batch *batch = OWNER_OF(task, struct store_batch, task);
    store_done_fn done = batch->done;
    void *user = batch->user;
    int result = world.dead ? -EIO : batch->result;

    free_batch(batch);
    if (done != NULL)
        done(user, result);
}

/* It is on the disk, or it is not: a moment before anybody hears of it. */
static void commit_applied(struct task *task)
{
    struct store_batch *batch = OWNER_OF(task, struct store_batch, task);

    if (world.dead) {
        commit_told(task);
        return;
    }
    batch->result = world.disk.full && batch->first != NULL ? -ENOSPC : 0;
    for (struct op *op = batch->first; op != NULL && batch->result == 0;
         op = op->next)
        apply_op(op);
    world.commits++;
    put_task(task, batch->told_ns, commit_told);
}

void store_commit(struct store *store, struct store_batch *batch, void *user,
                  store_done_fn done)
{
    uint64_t begin_ns =
        world.now_ns > world.written_ns ? world.now_ns : world.written_ns + 1;
    uint64_t took_ns = random_below(&world.random, WORLD_COMMIT_NS_MAX);

    (void)store;
    batch->user = user;
    batch->done = done;
    /* One after another, and in order, as the writer does. */
    batch->told_ns = begin_ns + took_ns;
    world.written_ns = batch->told_ns;
    put_task(&batch->task, begin_ns + random_below(&world.random, took_ns + 1),
             commit_applied);
}

void world_purge(uint64_t sequence, uint64_t before_ns)
{
    struct store_batch *batch = store_batch_new();
    struct op *op = add_op(batch, OP_PURGE);

    op->sequence = sequence;
    op->before_ns = before_ns;
    store_commit(&the_store, batch, NULL, NULL);
}

uint64_t store_last_sequence(const struct store *store)
{
    (void)store;
    return world.disk.last_sequence;
}

struct query {
    struct task task;
    struct store_event_filter filter;
    uint32_t limit;
    void *user;
    store_rows_fn done;
    struct store_rows *rows;
};

void store_rows_free(struct store_rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++)
        drop(rows->events[i].body);
    free(rows->memory);
    free(rows);
}

static void query_told(struct task *task)
{
    struct query *query = OWNER_OF(task, struct query, task);
    store_rows_fn done = query->done;
    struct store_rows *rows = query->rows;
    void *user = query->user;

    free(query);
    done(user, rows);
}

static void query_read(struct task *task)
{
    struct query *query = OWNER_OF(task, struct query, task);
    struct store_rows *rows = must(calloc(1, sizeof *rows));
    struct store_event *events = must(calloc(query->limit, sizeof *events));

    query->rows = rows;
    rows->memory = events;
    rows->events = events;
    rows->result = world.dead || random_below(&world.random, 50) == 0 ? -EIO : 0;
    rows->sequence = world.disk.last_sequence;
    for (uint64_t i = query->filter.after_sequence + 1;
         rows->result == 0 && i <= world.disk.last_sequence &&
         rows->count < query->limit;
         i++) {
        const struct store_event *event = &world.disk.events[i];
        if (!world.disk.kept[i] ||
            !(query->filter.topics & STORE_TOPIC_BIT(event->topic)))
            continue;
        events[rows->count] = *event;
        events[rows->count++].body = keep(event->body);
        if (random_below(&world.random, 8) == 0)
            break; /* its bodies were large */
    }
    put_task(task, world.now_ns + random_below(&world.random, 30 * MS),
             query_told);
}

void store_query_events(struct store *store,
                        const struct store_event_filter *filter, uint32_t limit,
                        void *user, store_rows_fn done)
{
    struct query *query = must(calloc(1, sizeof *query));

    (void)store;
    query->filter = *filter;
    query->limit = limit;
    query->user = user;
    query->done = done;
    put_task(&query->task, world.now_ns + random_below(&world.random, 30 * MS),
             query_read);
}

/* ---- the client ---- */

struct carried {
    struct task task;
    struct http_call *call;
    struct world_answer answer;
};

const char *http_call_error_text(const struct http_call_result *result)
{
    (void)result;
    return "simulated";
}

static void call_told(struct task *task)
{
    struct carried *carried = OWNER_OF(task, struct carried, task);
    struct http_call *call = carried->call;
    struct world_answer answer = carried->answer;
    struct http_call_result result = {
        .error = answer.error,
        .status = answer.status,
        .retry_after_s = answer.retry_after_s,
        .body = text_of(answer.body),
    };

    free(carried);
    call->state = 0;
    call->conn = NULL;
    if (!world.dead)
        world_heard(&answer);
    call->done(call, &result);
}

static void call_arrived(struct task *task)
{
    struct carried *carried = OWNER_OF(task, struct carried, task);

    if (world.dead)
        carried->answer.error = HTTP_CALL_CANCELLED;
    else
        carried->answer = world_arrived(&carried->call->request);
    put_task(task, world.now_ns + carried->answer.after_ns, call_told);
}

void http_call_start(struct http_client *client, struct http_call *call,
                     const struct http_call_request *request,
                     http_call_fn done)
{
    struct carried *carried = must(calloc(1, sizeof *carried));

    (void)client;
    CHECK(call->state == 0);
    call->state = 1;
    call->request = *request;
    call->done = done;
    call->conn = (struct client_conn *)(void *)carried;
    carried->call = call;
    world.calls++;
    put_task(&carried->task,
             world.now_ns + random_below(&world.random, WORLD_WAY_NS_MAX),
             call_arrived);
}

void http_call_cancel(struct http_call *call)
{
    struct carried *carried = (struct carried *)(void *)call->conn;

    if (call->state == 0)
        return;
    carried->answer = (struct world_answer){.error = HTTP_CALL_CANCELLED};
    heap_take(&world.tasks, &carried->task.node);
    put_task(&carried->task, world.now_ns, call_told);
}

/* Notifications of this world are not signed. */
void signature_add(struct text_builder *fields,
                   struct http_call_request *request,
                   const struct signature_secrets *secrets, struct uuid id)
{
    (void)fields, (void)request, (void)id;
    CHECK(text_is_absent(secrets->secret)); /* nothing is signed here */
}

/* ---- begin and end ---- */

void world_begin(uint64_t seed)
{
    memset(&world, 0, sizeof world);
    random_seed(&world.random, seed);
    world.now_ns = 1000 * SECOND;
}

void world_end(void)
{
    for (uint32_t i = 0; i < WORLD_EVENTS_MAX; i++)
        drop(world.disk.events[i].body);
    for (uint32_t i = 0; i < world.disk.row_count; i++)
        drop_row(&world.disk.rows[i]);
    heap_free(&world.timers);
    heap_free(&world.tasks);
}
