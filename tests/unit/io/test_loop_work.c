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

TestSuite(loop_work, .init = set_up, .fini = tear_down, .timeout = 30);

struct job {
    struct loop_work work;
    uint32_t number;
    uint32_t *ran;  /* the next number of its strand that may run */
    uint32_t *told; /* the same for being told */
    pthread_t thread;
};

static uint32_t told_count;
static pthread_barrier_t barrier;

static void job_run(struct loop_work *work)
{
    struct job *job = OWNER_OF(work, struct job, work);

    job->thread = pthread_self();
    if (job->ran != NULL) {
        /* Not atomic on purpose: a strand alone must keep this right, and the
         * thread sanitizer would see where it does not. */
        CHECK(*job->ran == job->number);
        (*job->ran)++;
    }
}

static void job_done(struct loop_work *work)
{
    struct job *job = OWNER_OF(work, struct job, work);

    cr_assert_not(loop_work_busy(work));
    if (job->told != NULL) {
        cr_assert_eq(*job->told, job->number);
        (*job->told)++;
    }
    told_count++;
}

Test(loop_work, a_work_runs_on_another_thread_and_is_told_on_the_loop)
{
    struct job job = {0};

    loop_work_start(loop, NULL, &job.work, job_run, job_done);
    cr_assert(loop_work_busy(&job.work));
    cr_assert_eq(loop_busy_count(loop), 1);
    RUN_UNTIL(loop, told_count == 1);
    cr_assert_not(pthread_equal(job.thread, pthread_self()));
    cr_assert_eq(loop_busy_count(loop), 0);
}

enum { STRANDS = 16, JOBS = 500 };

Test(loop_work, works_of_a_strand_run_one_after_another_in_order)
{
    static struct job jobs[STRANDS][JOBS];
    static struct loop_strand strands[STRANDS];
    static uint32_t ran[STRANDS], told[STRANDS];

    for (uint32_t i = 0; i < JOBS; i++) {
        for (uint32_t strand = 0; strand < STRANDS; strand++) {
            jobs[strand][i] = (struct job){
                .number = i, .ran = &ran[strand], .told = &told[strand]};
            loop_work_start(loop, &strands[strand], &jobs[strand][i].work,
                            job_run, job_done);
        }
    }
    RUN_UNTIL(loop, told_count == STRANDS * JOBS);
}

/* The first of a strand is held back until a work of no strand, started after
 * the second, is told: there are free workers, but not for the second. */
static bool first_ran;

static void held_run(struct loop_work *work)
{
    (void)work;
    pthread_barrier_wait(&barrier);
    first_ran = true;
}

static void second_run(struct loop_work *work)
{
    (void)work;
    CHECK(first_ran);
}

Test(loop_work, a_free_worker_leaves_the_next_of_a_busy_strand)
{
    struct job first = {0}, second = {0}, other = {0};
    struct loop_strand strand = {0};

    pthread_barrier_init(&barrier, NULL, 2);
    loop_work_start(loop, &strand, &first.work, held_run, job_done);
    loop_work_start(loop, &strand, &second.work, second_run, job_done);
    loop_work_start(loop, NULL, &other.work, job_run, job_done);
    RUN_UNTIL(loop, told_count == 1);
    cr_assert(loop_work_busy(&first.work));
    cr_assert(loop_work_busy(&second.work));
    cr_assert_not(loop_work_busy(&other.work));
    pthread_barrier_wait(&barrier);
    RUN_UNTIL(loop, told_count == 3);
    pthread_barrier_destroy(&barrier);
}

/* All of them wait for each other, which ends only where they run at once. */
static void meet_run(struct loop_work *work)
{
    (void)work;
    pthread_barrier_wait(&barrier);
}

Test(loop_work, different_strands_run_at_the_same_time)
{
    struct job jobs[LOOP_WORKERS] = {0};
    struct loop_strand strands[LOOP_WORKERS] = {0};

    pthread_barrier_init(&barrier, NULL, LOOP_WORKERS);
    for (uint32_t i = 0; i < LOOP_WORKERS; i++)
        loop_work_start(loop, i == 0 ? NULL : &strands[i], &jobs[i].work,
                        meet_run, job_done);
    RUN_UNTIL(loop, told_count == LOOP_WORKERS);
    pthread_barrier_destroy(&barrier);
}

static struct loop_strand chain_strand;

static void chain_done(struct loop_work *work)
{
    if (++told_count < 100)
        loop_work_start(loop, &chain_strand, work, job_run, chain_done);
}

Test(loop_work, a_work_may_be_started_again_when_it_is_told)
{
    struct job job = {0};

    loop_work_start(loop, &chain_strand, &job.work, job_run, chain_done);
    RUN_UNTIL(loop, told_count == 100);
}

Test(loop_work, freeing_the_loop_runs_what_was_queued_and_tells_nobody)
{
    static struct job jobs[JOBS];
    struct loop_strand strand = {0};
    uint32_t ran = 0;
    struct loop *other = test_loop();

    for (uint32_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.number = i, .ran = &ran};
        loop_work_start(other, &strand, &jobs[i].work, job_run, job_done);
    }
    loop_free(other);
    cr_assert_eq(ran, JOBS);
    cr_assert_eq(told_count, 0);
}

static void wait_run(struct loop_work *work)
{
    (void)work;
    pthread_barrier_wait(&barrier);
}

Test(loop_work, a_busy_work_cannot_be_started, .signal = SIGABRT)
{
    struct job job = {0};

    pthread_barrier_init(&barrier, NULL, 2);
    loop_work_start(loop, NULL, &job.work, wait_run, job_done);
    loop_work_start(loop, NULL, &job.work, wait_run, job_done);
}
