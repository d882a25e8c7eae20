#include <errno.h>
#include <signal.h>

#include "io/loop_private.h"

/* musl's default of 128 KiB is little for name resolution and key files. */
#define WORKER_STACK_BYTES (512u << 10)

static void append(struct loop_work **first, struct loop_work **last,
                   struct loop_work *work)
{
    work->next = NULL;
    if (*first == NULL)
        *first = work;
    else
        (*last)->next = work;
    *last = work;
}

static struct loop_work *take_first(struct loop_work **first,
                                    struct loop_work **last)
{
    struct loop_work *work = *first;

    *first = work->next;
    if (*first == NULL)
        *last = NULL;
    return work;
}

/* On the loop: tells the owners of all works that are done. */
static void workers_done(struct loop_post *post)
{
    struct loop_workers *workers =
        OWNER_OF(post, struct loop_workers, done_post);

    pthread_mutex_lock(&workers->lock);
    struct loop_work *work = workers->done_first;
    workers->done_first = NULL;
    workers->done_last = NULL;
    pthread_mutex_unlock(&workers->lock);

    while (work != NULL) {
        struct loop_work *next = work->next;
        work->busy = false;
        workers->loop->busy_count--;
        work->done(work);
        work = next;
    }
}

/* Under the lock.  A strand's next work goes to the end of the queue, so that
 * a long strand does not keep others from the threads. */
static void finish_work(struct loop_workers *workers, struct loop_work *work)
{
    struct loop_strand *strand = work->strand;

    append(&workers->done_first, &workers->done_last, work);
    if (strand == NULL)
        return;
    if (strand->first == NULL) {
        strand->running = false;
        return;
    }
    append(&workers->ready_first, &workers->ready_last,
           take_first(&strand->first, &strand->last));
    pthread_cond_signal(&workers->ready);
}

static void *worker_run(void *argument)
{
    struct loop_workers *workers = argument;

    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (workers->ready_first == NULL && !workers->ending)
            pthread_cond_wait(&workers->ready, &workers->lock);
        if (workers->ready_first == NULL)
            break;
        struct loop_work *work =
            take_first(&workers->ready_first, &workers->ready_last);
        pthread_mutex_unlock(&workers->lock);

        work->run(work);

        pthread_mutex_lock(&workers->lock);
        finish_work(workers, work);
        pthread_mutex_unlock(&workers->lock);
        loop_post(workers->loop, &workers->done_post, workers_done);
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

void loop_work_start(struct loop *loop, struct loop_strand *strand,
                     struct loop_work *work, loop_work_fn run,
                     loop_work_fn done)
{
    struct loop_workers *workers = &loop->workers;

    CHECK(!loop_work_busy(work));
    CHECK(run != NULL);
    CHECK(done != NULL);
    *work = (struct loop_work){
        .strand = strand, .run = run, .done = done, .busy = true};
    loop->busy_count++;

    pthread_mutex_lock(&workers->lock);
    if (strand != NULL && strand->running) {
        append(&strand->first, &strand->last, work);
    } else {
        if (strand != NULL)
            strand->running = true;
        append(&workers->ready_first, &workers->ready_last, work);
        pthread_cond_signal(&workers->ready);
    }
    pthread_mutex_unlock(&workers->lock);
}

static void end_threads(struct loop_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    workers->ending = true;
    pthread_cond_broadcast(&workers->ready);
    pthread_mutex_unlock(&workers->lock);
    for (uint32_t i = 0; i < workers->count; i++)
        pthread_join(workers->threads[i], NULL);
}

int loop_workers_open(struct loop *loop, uint32_t count)
{
    struct loop_workers *workers = &loop->workers;
    pthread_attr_t attributes;
    sigset_t all, before;
    int ret = 0;

    CHECK(pthread_mutex_init(&workers->lock, NULL) == 0);
    CHECK(pthread_cond_init(&workers->ready, NULL) == 0);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES) == 0);
    workers->loop = loop;

    /* Signals are the loop's: its thread reads them from a descriptor. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (workers->count < count && ret == 0) {
        ret = pthread_create(&workers->threads[workers->count], &attributes,
                             worker_run, workers);
        if (ret == 0)
            workers->count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);

    if (ret != 0)
        loop_workers_close(loop);
    return -ret;
}

void loop_workers_close(struct loop *loop)
{
    end_threads(&loop->workers);
    pthread_cond_destroy(&loop->workers.ready);
    pthread_mutex_destroy(&loop->workers.lock);
}
