#include <pthread.h>

#include "io_test.h"

static struct loop *loop;

static void set_up(void)
{
    loop = test_loop();
}

static void tear_down(void)
{
    loop_free(loop);
}

TestSuite(loop_post, .init = set_up, .fini = tear_down, .timeout = 30);

struct note {
    struct loop_post post;
    uint32_t order;
};

static uint32_t note_count;

static void note_run(struct loop_post *post)
{
    struct note *note = OWNER_OF(post, struct note, post);
    note->order = ++note_count;
}

Test(loop_post, posts_of_the_loops_own_thread_run_in_order_in_the_next_turn)
{
    struct note notes[3] = {0};

    for (int i = 0; i < 3; i++)
        loop_post(loop, &notes[i].post, note_run);
    cr_assert_eq(note_count, 0);
    loop_run_once(loop);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(notes[i].order, i + 1);
}

Test(loop_post, one_that_is_queued_already_runs_once)
{
    struct note note = {0};

    loop_post(loop, &note.post, note_run);
    loop_post(loop, &note.post, note_run);
    loop_run_once(loop);
    cr_assert_eq(note_count, 1);
    loop_post(loop, &note.post, note_run);
    loop_run_once(loop);
    cr_assert_eq(note_count, 2);
}

static uint32_t again_count;

static void again_run(struct loop_post *post)
{
    again_count++;
    loop_post(loop, post, again_run);
}

Test(loop_post, one_that_posts_itself_runs_once_a_turn)
{
    struct loop_post post = {0};

    loop_post(loop, &post, again_run);
    for (uint32_t turn = 1; turn <= 3; turn++) {
        loop_run_once(loop);
        cr_assert_eq(again_count, turn);
    }
}

enum { THREADS = 4, NOTES = 20000 };

struct numbered {
    struct loop_post post;
    uint32_t thread;
    uint32_t number;
};

static struct numbered numbered[THREADS][NOTES];
static uint32_t next_number[THREADS];
static uint32_t numbered_count;

static void numbered_run(struct loop_post *post)
{
    struct numbered *mine = OWNER_OF(post, struct numbered, post);

    cr_assert_eq(mine->number, next_number[mine->thread]);
    next_number[mine->thread]++;
    numbered_count++;
}

static void *post_all(void *argument)
{
    uint32_t thread = (uint32_t)(uintptr_t)argument;

    for (uint32_t i = 0; i < NOTES; i++) {
        numbered[thread][i].thread = thread;
        numbered[thread][i].number = i;
        loop_post(loop, &numbered[thread][i].post, numbered_run);
    }
    return NULL;
}

Test(loop_post, posts_from_threads_all_arrive_in_each_threads_order)
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, post_all, (void *)i);
    RUN_UNTIL(loop, numbered_count == THREADS * NOTES);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Ping-pong: each post must wake a loop that sleeps, or this never ends. */
static void *post_one(void *argument)
{
    loop_post(loop, argument, note_run);
    return NULL;
}

Test(loop_post, a_post_wakes_a_loop_that_sleeps)
{
    struct note note = {0};

    for (uint32_t i = 1; i <= 100; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, post_one, &note.post);
        RUN_UNTIL(loop, note_count == i);
        pthread_join(thread, NULL);
    }
}
