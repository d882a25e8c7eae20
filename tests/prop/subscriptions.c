/* Every event of its topics reaches every surviving subscriber at least once,
 * in order, with one EventID: whatever the observers do, whenever the server is
 * killed, whenever the disk is full.
 *
 *   prop-subscriptions [SEEDS [FIRST]]
 *
 * Each seed is a life: observers that take, fail, hang, answer late, lose their
 * answers, and go away for a while; events; subscriptions that change; purges,
 * replays, full disks, kills.  Then all is well again, and everything that is
 * due has to arrive.  What is checked, at each arrival:
 *   - the event is on the disk, under this EventID, word for word
 *   - every earlier event that is due was taken before it
 *   - it was not taken before, unless the server could not know of that (the
 *     answer was lost, it was killed before the cursor could be on the disk,
 *     the disk was full, or a replay was asked for)
 * and at the end: everything due was taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "central/changes.h"
#include "central/subscriptions_private.h"
#include "world.h"

#define WATCHERS_MAX 6u
#define LIFE_NS (600 * SECOND)
#define HAPPENINGS_MAX 202u
/* A cursor is on the disk this long after its success at the latest: the
 * flush, its commit, and one that was under way before it. */
#define CURSOR_NS (20 * MS + 6 * WORLD_COMMIT_NS_MAX)

enum mood {
    MOOD_GOOD,
    MOOD_SLOW,
    MOOD_HANGS,
    MOOD_FAILS,
    MOOD_FAULT,
    MOOD_LATER, /* 503 with Retry-After */
    MOOD_GONE_AWAY, /* nobody listens: it restarts */
    MOOD_LOSES,     /* takes, but its answer does not get through */
    MOOD_COUNT,
};

struct watcher {
    struct uuid id;
    bool live; /* its Subscribe was answered */
    enum store_kind kind;
    uint64_t since[STORE_TOPIC_COUNT]; /* due above it; 0 = not wanted */
    enum mood mood;
    bool taken[WORLD_EVENTS_MAX];
    uint64_t taken_ns[WORLD_EVENTS_MAX]; /* the last time */
    uint64_t heard_ns[WORLD_EVENTS_MAX]; /* the server heard a success; 0 */
    struct {
        uint64_t at_ns;
        uint64_t after;
    } replays[HAPPENINGS_MAX];
    uint32_t replay_count;
    bool due_again[WORLD_EVENTS_MAX]; /* by a replay */
};

static struct life {
    uint64_t seed;
    struct changes changes;
    struct subscriptions *subs;
    struct watcher watchers[WATCHERS_MAX];
    uint32_t watcher_count;
    uint64_t killed_ns[HAPPENINGS_MAX];
    uint32_t kill_count;
    uint64_t purged_sequence; /* that a purge may reach */
    uint64_t full_until_ns; /* the last time that the disk was full */
    bool changes_idle, subs_stopped;
} life;

static struct {
    uint64_t events, arrivals, repeats, kills, replays;
} sums;

#define MUST(condition, ...)                                            \
    do {                                                                \
        if (!(condition)) {                                             \
            printf("seed %llu at %.3f s: ",                             \
                   (unsigned long long)life.seed,                       \
                   (double)(world.now_ns - 1000 * SECOND) / 1e9);       \
            printf(__VA_ARGS__);                                        \
            printf("\n");                                               \
            exit(1);                                                    \
        }                                                               \
    } while (0)

static uint64_t below(uint64_t bound)
{
    return random_below(&world.random, bound);
}

/* ---- the observers ---- */

static bool is_due(const struct watcher *watcher, uint64_t sequence)
{
    const struct store_event *event = &world.disk.events[sequence];

    return world.disk.has[sequence] && watcher->since[event->topic] != 0 &&
           sequence >= watcher->since[event->topic];
}

/* Whether the server may not know, or may not want to know, that this event was
 * taken. */
static bool may_repeat(const struct watcher *watcher, uint64_t sequence)
{
    uint64_t heard_ns = watcher->heard_ns[sequence];

    for (uint32_t i = 0; i < life.kill_count; i++)
        if (life.killed_ns[i] >= heard_ns &&
            life.killed_ns[i] - heard_ns <= CURSOR_NS)
            return true;
    /* A replay is asked for also while the event is on its way. */
    for (uint32_t i = 0; i < watcher->replay_count; i++)
        if (watcher->replays[i].at_ns + WORLD_WAY_NS_MAX >=
                watcher->taken_ns[sequence] &&
            sequence > watcher->replays[i].after)
            return true;
    /* What a full disk refused is tried again a second later. */
    return life.full_until_ns + SECOND + CURSOR_NS >= heard_ns;
}

static void check_arrival(struct watcher *watcher, uint64_t sequence,
                          struct text body)
{
    uint64_t heard_ns = watcher->heard_ns[sequence];
    char id[UUID_TEXT_BYTES + 1];
    char expected[256];

    MUST(sequence < WORLD_EVENTS_MAX && world.disk.has[sequence],
         "event %llu was told before it was on the disk",
         (unsigned long long)sequence);
    struct text_builder stored = {0};
    delivery_address_body(&stored, world.disk.events[sequence].body,
                          watcher->id);
    MUST(text_equal(text_built(&stored), body), "event %llu has changed",
         (unsigned long long)sequence);
    uuid_format(world.disk.events[sequence].uuid, id);
    snprintf(expected, sizeof expected, "<EventID>%s</EventID>", id);
    MUST(strstr(stored.data, expected) != NULL, "another EventID");
    text_builder_free(&stored);

    for (uint64_t i = 1; i < sequence; i++)
        MUST(!is_due(watcher, i) || watcher->taken[i],
             "event %llu came before %llu", (unsigned long long)sequence,
             (unsigned long long)i);
    if (heard_ns == 0)
        return;
    sums.repeats++;
    MUST(may_repeat(watcher, sequence),
         "event %llu came again, %.3f s after it was acknowledged",
         (unsigned long long)sequence, (double)(world.now_ns - heard_ns) / 1e9);
}

struct heard {
    struct watcher *watcher;
    uint64_t sequence;
};

static struct heard *heard_new(struct watcher *watcher, uint64_t sequence)
{
    struct heard *heard = malloc(sizeof *heard);

    CHECK(heard != NULL);
    *heard = (struct heard){watcher, sequence};
    return heard;
}

static const char fault[] =
    "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\">"
    "<e:Body><e:Fault><faultcode>e:Server</faultcode><faultstring>no"
    "</faultstring></e:Fault></e:Body></e:Envelope>";

static struct world_answer answer_of(struct watcher *watcher, bool *takes)
{
    struct world_answer answer = {.after_ns = below(5 * MS), .status = 200};

    *takes = false;
    switch (watcher->mood) {
    case MOOD_SLOW:
        answer.after_ns = below(29 * SECOND);
        *takes = true;
        break;
    case MOOD_GOOD:
        *takes = true;
        break;
    case MOOD_LOSES:
        *takes = true;
        answer.error = HTTP_CALL_CLOSED;
        answer.status = 0;
        break;
    case MOOD_HANGS:
        answer.after_ns = 30 * SECOND;
        answer.error = HTTP_CALL_TIMEOUT;
        answer.status = 0;
        break;
    case MOOD_FAILS:
        answer.status = below(2) ? 500 : 302;
        break;
    case MOOD_FAULT:
        answer.body = fault;
        break;
    case MOOD_LATER:
        answer.status = 503;
        answer.retry_after_s = 1 + (uint32_t)below(400);
        break;
    case MOOD_GONE_AWAY:
    case MOOD_COUNT:
        answer.error = HTTP_CALL_CONNECT;
        answer.status = 0;
        break;
    }
    return answer;
}

struct world_answer world_arrived(const struct http_call_request *request)
{
    uint32_t place = (uint32_t)(request->url.host.data[1] - '0');
    struct watcher *watcher = &life.watchers[place];
    uint64_t sequence = 0;
    bool takes;

    CHECK(place < life.watcher_count);
    struct world_answer answer = answer_of(watcher, &takes);
    if (watcher->mood == MOOD_GONE_AWAY)
        return answer;
    const char *at =
        memmem(request->body.data, request->body.size_bytes, "<Sequence>", 10);
    CHECK(at != NULL);
    sequence = strtoull(at + 10, NULL, 10);
    check_arrival(watcher, sequence, request->body);
    sums.arrivals++;
    watcher->heard_ns[sequence] = 0; /* until this time is over */
    if (takes) {
        watcher->taken[sequence] = true;
        watcher->due_again[sequence] = false;
        watcher->taken_ns[sequence] = world.now_ns;
        if (answer.error == HTTP_CALL_GOOD)
            answer.user = heard_new(watcher, sequence);
    }
    return answer;
}

void world_heard(const struct world_answer *answer)
{
    struct heard *heard = answer->user;

    if (heard == NULL)
        return;
    heard->watcher->heard_ns[heard->sequence] = world.now_ns;
    free(heard);
}

/* ---- the server ---- */

static void told(void *owner, const struct store_event *event)
{
    (void)owner;
    if (!world.dead)
        subscriptions_event(life.subs, event);
}

static void start(void)
{
    struct subscriptions_config config = {
        .loop = world_loop(),
        .store = world_store(),
    };

    changes_init(&life.changes, world_loop(), world_store(), told, NULL);
    life.subs = subscriptions_open(&config);
    random_seed(&life.subs->random, random_u64(&world.random));
    for (uint32_t i = 0; i < world.disk.row_count; i++)
        subscriptions_restore(life.subs, &world.disk.rows[i]);
    subscriptions_start(life.subs, store_last_sequence(world_store()));
}

static void changes_idle(void *owner)
{
    (void)owner;
    life.changes_idle = true;
}

static void subs_stopped(void *owner)
{
    (void)owner;
    life.subs_stopped = true;
}

/* The process ends between two steps; what it would still do has no effect. */
static void kill_server(void)
{
    sums.kills++;
    life.killed_ns[life.kill_count++] = world.now_ns;
    world.dead = true;
    life.changes_idle = life.subs_stopped = false;
    changes_stop(&life.changes, changes_idle);
    while (!life.changes_idle)
        MUST(world_step_dead(), "a stop of changes hangs");
    subscriptions_stop(life.subs, subs_stopped, NULL);
    while (!life.subs_stopped)
        MUST(world_step_dead(), "a stop of subscriptions hangs");
    while (world_step_dead())
        ;
    world.dead = false;
    world.written_ns = world.now_ns;
    world.now_ns += below(20 * SECOND);
    start();
}

/* ---- what happens to it ---- */

static void tell_events(void)
{
    struct change *change = change_begin(&life.changes);
    uint32_t count = 1 + (uint32_t)below(4);

    for (uint32_t i = 0; i < count; i++) {
        struct store_event *event = change_tell(
            change, (enum store_topic)below(STORE_TOPIC_SESSION_STATISTICS),
            uuid_new(), uuid_new());
        struct text_builder body = {0};
        char id[UUID_TEXT_BYTES + 1];
        uuid_format(event->uuid, id);
        text_add_format(&body,
                        "<N><SubscriptionID>" SUBSCRIPTION_PLACEHOLDER
                        "</SubscriptionID><EventID>%s</EventID>"
                        "<Sequence>%llu</Sequence></N>",
                        id, (unsigned long long)event->sequence);
        event->body = text_copy(change_arena(change), text_built(&body));
        text_builder_free(&body);
        sums.events++;
    }
    change_commit(change, below(3) ? CHANGE_MUST : CHANGE_MAY, NULL, NULL);
}

struct subscribing {
    struct watcher *watcher;
    struct store_subscription row;
    char url[16];
};

static void subscribed(void *user, int result)
{
    struct subscribing *subscribing = user;
    struct watcher *watcher = subscribing->watcher;
    struct store_subscription *row = &subscribing->row;

    if (result == 0 && !world.dead) {
        struct subscription *added = subscriptions_add(life.subs, row);
        watcher->live = true;
        for (uint32_t i = 0; i < STORE_TOPIC_COUNT; i++)
            if (row->topics & STORE_TOPIC_BIT(i))
                watcher->since[i] = row->cursor + 1;
        subscription_wake(added);
        subscription_run(added);
    }
    free(subscribing);
}

static uint32_t some_topics(enum store_kind kind)
{
    uint32_t topics = 0;

    for (uint32_t i = 0; i < STORE_TOPIC_SESSION_STATISTICS; i++)
        if ((i < STORE_TOPIC_SESSION_START) == (kind == STORE_KIND_JOB) &&
            below(2))
            topics |= STORE_TOPIC_BIT(i);
    return topics != 0 ? topics : subscription_topics_default(kind);
}

static void subscribe_watcher(void)
{
    if (life.watcher_count == WATCHERS_MAX)
        return;
    struct watcher *watcher = &life.watchers[life.watcher_count];
    struct subscribing *subscribing = calloc(1, sizeof *subscribing);
    CHECK(subscribing != NULL);

    *watcher = (struct watcher){
        .id = uuid_new(),
        .kind = below(2) ? STORE_KIND_JOB : STORE_KIND_SESSION,
    };
    snprintf(subscribing->url, sizeof subscribing->url, "http://o%u/",
             life.watcher_count++);
    subscribing->watcher = watcher;
    subscribing->row = (struct store_subscription){
        .uuid = watcher->id,
        .kind = watcher->kind,
        .topics = some_topics(watcher->kind),
        .observer_url = text_of(subscribing->url),
        .expires_us = INT64_C(4000000000000000),
        .cursor = life.subs->newest,
    };
    struct store_batch *batch = store_batch_new();
    store_batch_put_subscription(batch, &subscribing->row);
    store_commit(world_store(), batch, subscribing, subscribed);
}

static struct watcher *some_watcher(struct subscription **found)
{
    if (life.watcher_count == 0)
        return NULL;
    struct watcher *watcher = &life.watchers[below(life.watcher_count)];
    *found = subscriptions_find(life.subs, watcher->id);
    return *found != NULL ? watcher : NULL;
}

static void updated(void *user, int result)
{
    struct subscribing *updating = user;
    struct watcher *watcher = updating->watcher;
    struct subscription *found =
        world.dead ? NULL : subscriptions_find(life.subs, watcher->id);

    if (result == 0 && found != NULL) {
        uint32_t added = updating->row.topics & ~found->interest.topics;
        subscription_set_topics(found, updating->row.topics);
        for (uint32_t i = 0; i < STORE_TOPIC_COUNT; i++)
            if (added & STORE_TOPIC_BIT(i))
                watcher->since[i] = life.subs->newest + 1;
        subscription_change_ended(found);
        subscription_run(found);
    } else if (found != NULL) {
        subscription_change_ended(found);
    }
    free(updating);
}

static void update_watcher(void)
{
    struct subscription *found;
    struct watcher *watcher = some_watcher(&found);

    if (watcher == NULL)
        return;
    struct subscribing *updating = calloc(1, sizeof *updating);
    CHECK(updating != NULL);
    updating->watcher = watcher;
    subscription_settle(found);
    subscription_row(found, &updating->row);
    updating->row.topics = found->latest.topics | some_topics(watcher->kind);
    found->latest.topics = updating->row.topics;
    subscription_change_started(found);
    struct store_batch *batch = store_batch_new();
    store_batch_put_subscription(batch, &updating->row);
    store_commit(world_store(), batch, updating, updated);
}

/* Only a replay that was answered is a promise. */
static void replay_stored(void *user, int result)
{
    struct watcher *watcher = user;

    if (result != 0)
        memset(watcher->due_again, 0, sizeof watcher->due_again);
}

static void replay_watcher(void)
{
    struct subscription *found;
    struct watcher *watcher = some_watcher(&found);

    if (watcher == NULL)
        return;
    subscription_settle(found);
    uint64_t after = below(found->cursor + 1);
    sums.replays++;
    for (uint64_t i = after + 1; i <= found->cursor; i++)
        watcher->due_again[i] = i > life.purged_sequence &&
                                world.disk.kept[i] && is_due(watcher, i);
    watcher->replays[watcher->replay_count].at_ns = world.now_ns;
    watcher->replays[watcher->replay_count++].after = after;
    subscription_replay(found, after);
    struct store_batch *batch = store_batch_new();
    store_batch_set_cursor(batch, found->id, after);
    store_commit(world_store(), batch, watcher, replay_stored);
}

static void purge(void)
{
    uint64_t min = subscriptions_cursor_min(life.subs);

    if (min > life.subs->newest)
        min = life.subs->newest;
    if (min > life.purged_sequence)
        life.purged_sequence = min;
    world_purge(min, world.now_ns - 60 * SECOND);
}

static void happen(void)
{
    uint64_t what = below(100);

    if (what < 45) {
        tell_events();
    } else if (what < 75 && life.watcher_count > 0) {
        life.watchers[below(life.watcher_count)].mood =
            below(2) ? MOOD_GOOD : (enum mood)below(MOOD_COUNT);
    } else if (what < 80) {
        subscribe_watcher();
    } else if (what < 84) {
        update_watcher();
        tell_events(); /* right behind it: some of the new topics */
    } else if (what < 87) {
        replay_watcher();
    } else if (what < 92) {
        purge();
    } else if (what < 96) {
        world.disk.full = !world.disk.full;
    } else {
        kill_server();
    }
    if (world.disk.full)
        life.full_until_ns = world.now_ns;
}

/* ---- a life ---- */

static void run_until(uint64_t until_ns)
{
    while (world_step(until_ns)) {
        if (world.disk.full)
            life.full_until_ns = world.now_ns;
    }
}

static void check_all_taken(void)
{
    for (uint32_t i = 0; i < life.watcher_count; i++) {
        const struct watcher *watcher = &life.watchers[i];
        for (uint64_t j = 1; j <= world.disk.last_sequence; j++)
            MUST(!is_due(watcher, j) ||
                     (watcher->taken[j] && !watcher->due_again[j]),
                 "event %llu was lost for o%u", (unsigned long long)j, i);
    }
}

static void live(uint64_t seed)
{
    memset(&life, 0, sizeof life);
    life.seed = seed;
    world_begin(seed);
    start();
    uint64_t end_ns = world.now_ns + LIFE_NS;
    uint64_t pause_ns = MS << below(12); /* events in bursts, or rarely */
    uint32_t count = 0;
    while (world.now_ns < end_ns && count++ < HAPPENINGS_MAX - 2) {
        run_until(world.now_ns + below(2 * pause_ns));
        happen();
    }
    /* All is well again. */
    world.disk.full = false;
    life.full_until_ns = world.now_ns;
    for (uint32_t i = 0; i < life.watcher_count; i++)
        life.watchers[i].mood = MOOD_GOOD;
    run_until(world.now_ns + 3600 * SECOND);
    check_all_taken();
    kill_server();
    run_until(world.now_ns + 60 * SECOND);
    kill_server();
    world_end();
}

static void no_log(enum log_level level, const char *line)
{
    (void)level;
    (void)line;
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 500;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

    log_set_sink(no_log);
    for (uint64_t seed = first; seed < first + count; seed++)
        live(seed);
    printf("%llu seeds: %llu events, %llu arrivals, %llu repeats, %llu kills, "
           "%llu replays: nothing lost, nothing out of order\n",
           (unsigned long long)count, (unsigned long long)sums.events,
           (unsigned long long)sums.arrivals, (unsigned long long)sums.repeats,
           (unsigned long long)sums.kills, (unsigned long long)sums.replays);
    return 0;
}
