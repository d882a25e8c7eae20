#include "store/lane.h"

#include <errno.h>
#include <signal.h>

void lane_list_add(struct lane_list *list, struct lane_item *item)
{
    item->next = NULL;
    if (list->first == NULL)
        list->first = item;
    else
        list->last->next = item;
    list->last = item;
}

struct lane_item *lane_list_take(struct lane_list *list)
{
    struct lane_item *item = list->first;

    if (item != NULL)
        list->first = item->next;
    return item;
}

/* Moves all of `from` behind all of `to`. */
static void append(struct lane_list *to, struct lane_list *from)
{
    if (from->first == NULL)
        return;
    if (to->first == NULL)
        to->first = from->first;
    else
        to->last->next = from->first;
    to->last = from->last;
    *from = (struct lane_list){0};
}

static void join(struct lane *lane)
{
    pthread_join(lane->thread, NULL);
    pthread_cond_destroy(&lane->wake);
    pthread_mutex_destroy(&lane->mutex);
}

static void lane_posted(struct loop_post *post)
{
    struct lane *lane = OWNER_OF(post, struct lane, post);
    struct lane_list done = {0};
    struct lane_item *item;

    pthread_mutex_lock(&lane->mutex);
    append(&done, &lane->done);
    bool ended = lane->ended;
    pthread_mutex_unlock(&lane->mutex);

    while ((item = lane_list_take(&done)) != NULL) {
        CHECK(lane->waiting_count > 0);
        lane->waiting_count--;
        lane->finish(lane, item);
    }
    if (!ended)
        return;

    CHECK(lane->waiting_count == 0);
    join(lane);
    lane->stopped(lane);
}

static void *lane_main(void *user)
{
    struct lane *lane = user;

    pthread_mutex_lock(&lane->mutex);
    for (;;) {
        struct lane_list items = {0};

        while (lane->put.first == NULL && !lane->stopping)
            pthread_cond_wait(&lane->wake, &lane->mutex);
        if (lane->put.first == NULL)
            break;
        append(&items, &lane->put);
        pthread_mutex_unlock(&lane->mutex);
        lane->run(lane, &items);
        pthread_mutex_lock(&lane->mutex);
    }
    lane->ended = true;
    /* Inside the lock: what the loop does next is to free the lane, and it has
     * to wait for the thread anyway. */
    if (lane->stopped != NULL)
        loop_post(lane->loop, &lane->post, lane_posted);
    pthread_mutex_unlock(&lane->mutex);
    return NULL;
}

int lane_start(struct lane *lane, struct loop *loop, const char *name,
               lane_run_fn run, lane_finish_fn finish)
{
    sigset_t all;
    sigset_t old;

    *lane = (struct lane){.loop = loop, .run = run, .finish = finish};
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_cond_init(&lane->wake, NULL);

    /* Signals are the loop's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&lane->thread, NULL, lane_main, lane);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error != 0) {
        pthread_cond_destroy(&lane->wake);
        pthread_mutex_destroy(&lane->mutex);
        return -error;
    }
    pthread_setname_np(lane->thread, name);
    return 0;
}

void lane_put(struct lane *lane, struct lane_item *item)
{
    lane->waiting_count++;
    pthread_mutex_lock(&lane->mutex);
    CHECK(!lane->stopping);
    bool idle = lane->put.first == NULL;
    lane_list_add(&lane->put, item);
    pthread_mutex_unlock(&lane->mutex);
    if (idle)
        pthread_cond_signal(&lane->wake);
}

void lane_give_back(struct lane *lane, struct lane_list *items)
{
    pthread_mutex_lock(&lane->mutex);
    append(&lane->done, items);
    pthread_mutex_unlock(&lane->mutex);
    loop_post(lane->loop, &lane->post, lane_posted);
}

static void stop(struct lane *lane, lane_stopped_fn stopped)
{
    pthread_mutex_lock(&lane->mutex);
    CHECK(!lane->stopping);
    lane->stopped = stopped;
    lane->stopping = true;
    pthread_mutex_unlock(&lane->mutex);
    pthread_cond_signal(&lane->wake);
}

void lane_stop(struct lane *lane, lane_stopped_fn stopped)
{
    CHECK(stopped != NULL);
    stop(lane, stopped);
}

void lane_cancel(struct lane *lane)
{
    CHECK(lane->waiting_count == 0);
    stop(lane, NULL);
    join(lane);
}
