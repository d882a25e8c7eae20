#include <criterion/criterion.h>
#include <signal.h>

#include "central/jobs.h"

static struct jobs jobs;

static void set_up(void)
{
    jobs = (struct jobs){.running_max = 2};
}

static void tear_down(void)
{
    jobs_free(&jobs);
}

TestSuite(jobs, .init = set_up, .fini = tear_down);

static struct job *add(void)
{
    struct job *job = jobs_add(&jobs, uuid_new(), NULL, 1);

    job->visible = true;
    jobs_make_ready(&jobs, job);
    return job;
}

Test(jobs, what_is_ready_for_the_longest_time_starts_first)
{
    jobs_add(&jobs, uuid_new(), NULL, 1); /* not durable yet: not ready */
    struct job *first = add();
    struct job *second = add();

    cr_assert_eq(jobs_next(&jobs), first);
    job_move(&jobs, first, STORE_JOB_CONNECTING);
    cr_assert_eq(jobs_next(&jobs), second);
    job_move(&jobs, second, STORE_JOB_CANCELLED);
    cr_assert_null(jobs_next(&jobs));
}

Test(jobs, one_that_waits_to_retry_gives_its_place_and_queues_again)
{
    struct job *job = add();
    struct job *others[] = {add(), add()};
    jobs.running_max = 1;

    job_move(&jobs, job, STORE_JOB_CONNECTING);
    job_move(&jobs, job, STORE_JOB_WAITING);
    cr_assert_eq(jobs.running_count, 0);
    cr_assert_eq(jobs_next(&jobs), others[0]);
    jobs_make_ready(&jobs, job);
    job_move(&jobs, others[0], STORE_JOB_CONNECTING);
    cr_assert_null(jobs_next(&jobs));
    job_move(&jobs, others[0], STORE_JOB_COMPLETED);
    cr_assert_eq(jobs_next(&jobs), others[1], "its turn comes after theirs");
    job_move(&jobs, others[1], STORE_JOB_CANCELLED);
    cr_assert_eq(jobs_next(&jobs), job);
}

Test(jobs, one_leaves_the_middle_of_those_that_are_ready)
{
    struct job *all[] = {add(), add(), add()};

    job_move(&jobs, all[1], STORE_JOB_CANCELLED);
    job_move(&jobs, all[0], STORE_JOB_CONNECTING);
    cr_assert_eq(jobs_next(&jobs), all[2]);
    jobs_remove(&jobs, all[2]);
    cr_assert_null(jobs_next(&jobs));
    cr_assert_null(jobs.ready_last);
}

Test(jobs, one_that_runs_cannot_be_made_ready, .signal = SIGABRT)
{
    struct job *job = add();

    job_move(&jobs, job, STORE_JOB_CONNECTING);
    jobs_make_ready(&jobs, job);
}

Test(jobs, the_wait_doubles_from_the_base_to_the_maximum)
{
    static const struct {
        int64_t base_s, max_s;
        uint32_t retry_count;
        int64_t wait_s;
    } cases[] = {
        {10, 300, 0, 10},
        {10, 300, 1, 20},
        {10, 300, 4, 160},
        {10, 300, 5, 300},
        {10, 300, 254, 300},
        {1, 1, 0, 1},
        {400, 300, 0, 300},
        {0, 300, 200, 0},
        {10, 0, 3, 0},
        {UINT32_MAX, UINT32_MAX, 254, UINT32_MAX},
        {1, UINT32_MAX, 254, UINT32_MAX},
    };

    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job_work work = {.order = {.retry_base_s = cases[i].base_s,
                                          .retry_max_s = cases[i].max_s}};
        struct job job = {.work = &work, .retry_count = cases[i].retry_count};
        cr_expect_eq(job_retry_wait_s(&job), cases[i].wait_s, "case %u", i);
    }
}

Test(jobs, no_more_run_than_the_limit)
{
    struct job *all[3] = {add(), add(), add()};

    job_move(&jobs, all[0], STORE_JOB_CONNECTING);
    job_move(&jobs, all[1], STORE_JOB_CONNECTING);
    cr_assert_null(jobs_next(&jobs));
    job_move(&jobs, all[0], STORE_JOB_RUNNING);
    cr_assert_null(jobs_next(&jobs));
    job_move(&jobs, all[0], STORE_JOB_COMPLETED);
    cr_assert_eq(jobs_next(&jobs), all[2]);
}

Test(jobs, one_that_is_over_is_active_until_its_end_is_durable)
{
    struct job *job = add();

    job_move(&jobs, job, STORE_JOB_CANCELLED);
    cr_assert_eq(jobs.active_count, 1);
    jobs_retire(&jobs, job);
    cr_assert_eq(jobs.active_count, 0);
    cr_assert_null(jobs.active_first);
    cr_assert_eq(jobs_find(&jobs, job->uuid), job, "still known");
}

Test(jobs, each_state_allows_what_the_drawing_shows)
{
    static const enum store_job_state lives[][5] = {
        {STORE_JOB_CONNECTING, STORE_JOB_RUNNING, STORE_JOB_COMPLETED},
        {STORE_JOB_CONNECTING, STORE_JOB_RUNNING, STORE_JOB_FAILED},
        {STORE_JOB_CONNECTING, STORE_JOB_FAILED},
        {STORE_JOB_CONNECTING, STORE_JOB_WAITING, STORE_JOB_CONNECTING,
         STORE_JOB_CANCELLED},
        {STORE_JOB_CONNECTING, STORE_JOB_RUNNING, STORE_JOB_WAITING,
         STORE_JOB_FAILED},
        {STORE_JOB_FAILED},
        {STORE_JOB_CANCELLED},
    };

    for (uint32_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
        struct job *job = add();
        for (uint32_t j = 0; lives[i][j] != STORE_JOB_QUEUED; j++)
            job_move(&jobs, job, lives[i][j]);
        cr_assert(job_state_is_over(job->state));
        cr_assert_eq(jobs.running_count, 0);
    }
}

Test(jobs, what_is_over_cannot_go_on, .signal = SIGABRT)
{
    struct job *job = add();

    job_move(&jobs, job, STORE_JOB_CANCELLED);
    job_move(&jobs, job, STORE_JOB_CONNECTING);
}

Test(jobs, a_queued_job_cannot_be_complete, .signal = SIGABRT)
{
    job_move(&jobs, add(), STORE_JOB_COMPLETED);
}

Test(jobs, a_restored_one_is_as_it_was)
{
    struct store_job row = {
        .uuid = uuid_new(),
        .state = STORE_JOB_RUNNING,
        .session_uuid = uuid_new(),
        .created_us = 5,
        .started = true,
        .retry_count = 2,
    };
    struct job *job = jobs_restore(&jobs, &row);
    struct store_job again = job_row(job);

    cr_assert_eq(jobs.running_count, 1);
    cr_assert(job->visible && job->started);
    cr_assert(uuid_equal(again.session_uuid, row.session_uuid));
    cr_assert_eq(again.state, STORE_JOB_RUNNING);
    cr_assert_eq(again.retry_count, 2);
    cr_assert_eq(again.session_count, 3);
    cr_assert_eq(again.retry_at_us, 0);
    row.uuid = uuid_new();
    row.state = STORE_JOB_FAILED;
    jobs_restore(&jobs, &row);
    cr_assert_eq(jobs.active_count, 1);
}
