#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/loop_private.h"

/* Being woken is all: the posts run at the end of each turn.  The counter is
 * never read: the poll tells of every write, and 2^64 writes do not happen. */
static void wake_done(struct loop_op *op, int result)
{
    (void)op;
    CHECK(result >= 0); /* it is ours, and waiting for it takes no memory */
}

int loop_posts_open(struct loop *loop)
{
    struct loop_posts *posts = &loop->posts;

    posts->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (posts->wake_fd < 0)
        return -errno;
    CHECK(pthread_mutex_init(&posts->lock, NULL) == 0);
    posts->thread = pthread_self();
    loop_poll_many(loop, &posts->wake_op, posts->wake_fd, POLLIN, wake_done);
    loop->busy_count--; /* our own: of no interest to loop_busy_count() */
    return 0;
}

void loop_posts_close(struct loop *loop)
{
    pthread_mutex_destroy(&loop->posts.lock);
    close(loop->posts.wake_fd);
}

void loop_post(struct loop *loop, struct loop_post *post, loop_post_fn run)
{
    struct loop_posts *posts = &loop->posts;

    CHECK(run != NULL);
    if (__atomic_exchange_n(&post->queued, true, __ATOMIC_ACQ_REL))
        return;
    post->run = run;
    post->next = NULL;

    pthread_mutex_lock(&posts->lock);
    bool was_empty = posts->first == NULL;
    if (was_empty)
        posts->first = post;
    else
        posts->last->next = post;
    posts->last = post;
    pthread_mutex_unlock(&posts->lock);

    /* The first one wakes the loop for all that follow; the loop's own thread
     * looks at the list before it sleeps. */
    if (was_empty && !pthread_equal(pthread_self(), posts->thread))
        CHECK(eventfd_write(posts->wake_fd, 1) == 0);
}

bool loop_posts_pending(struct loop *loop)
{
    pthread_mutex_lock(&loop->posts.lock);
    bool pending = loop->posts.first != NULL;
    pthread_mutex_unlock(&loop->posts.lock);
    return pending;
}

void loop_posts_run(struct loop *loop)
{
    pthread_mutex_lock(&loop->posts.lock);
    struct loop_post *post = loop->posts.first;
    loop->posts.first = NULL;
    loop->posts.last = NULL;
    pthread_mutex_unlock(&loop->posts.lock);

    while (post != NULL) {
        /* Once it is not queued, any thread may post it again: read first. */
        struct loop_post *next = post->next;
        loop_post_fn run = post->run;
        __atomic_store_n(&post->queued, false, __ATOMIC_RELEASE);
        run(post);
        post = next;
    }
}
