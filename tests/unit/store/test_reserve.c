/* A disk that fills up: a small file system of the test's own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/limits.h"
#include "fixture.h"
#include "io/loop.h"

#define MIB (1 << 20)

static struct fixture fixture;

/* Mounts a file system of `size_mib` where nobody else sees it.  False where
 * that is not allowed: it takes root. */
static bool mount_small(const char *folder, unsigned size_mib)
{
    char options[32];

    snprintf(options, sizeof options, "size=%uM", size_mib);
    return unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", folder, "tmpfs", 0, options) == 0;
}

/* Commits a job with an order of 1 MiB. */
static int commit_large(uint32_t number)
{
    static char order[MIB];
    struct store_batch *batch = store_batch_new();
    struct store_job job = job_of(number);

    memset(order, 'x', sizeof order);
    job.order_text = text_from(order, sizeof order);
    store_batch_put_job(batch, &job);
    return fixture_commit(&fixture, batch);
}

static void count_job(void *user, const struct store_job *job)
{
    cr_expect_eq(job->order_text.size_bytes, MIB);
    ++*(uint32_t *)user;
}

/* Commits until `full` or a refusal; returns the result of the last. */
static int fill(uint32_t *number, bool stop_when_full)
{
    int ret = 0;

    while (ret == 0 && !(stop_when_full && store_is_full(fixture.store)))
        ret = commit_large(++*number);
    return ret;
}

Test(reserve, carries_on_when_the_disk_is_full_and_comes_back, .timeout = 60)
{
    struct store_loader loader = {.job = count_job};
    uint32_t number = 0;
    uint32_t found = 0;

    fixture_make_folder(&fixture);
    if (!mount_small(fixture.folder, 64 + 12)) {
        rmdir(fixture.folder);
        cr_skip_test("no right to mount");
    }
    cr_assert_eq(loop_open(&fixture.loop, 1), 0);
    fixture_open_store(&fixture);
    cr_expect(!store_is_full(fixture.store));

    /* The reserve is given up before anything is refused, ... */
    cr_expect_eq(fill(&number, true), 0);
    cr_expect(store_is_full(fixture.store));
    cr_expect_leq(number, 12);
    uint32_t first = number;

    /* ... and carries on for a good while, before all is used up. */
    cr_expect_eq(fill(&number, false), -ENOSPC);
    cr_expect_gt(number, first + 16);
    cr_expect(store_is_full(fixture.store));

    /* Room again: what was refused is not there, what was not is. */
    cr_assert_eq(
        mount("tmpfs", fixture.folder, "tmpfs", MS_REMOUNT, "size=400M"), 0);
    cr_expect_eq(commit_large(number), 0);
    cr_expect(!store_is_full(fixture.store));
    fixture_reopen(&fixture);
    loader.user = &found;
    cr_assert_eq(store_load(fixture.store, &loader), 0);
    cr_expect_eq(found, number);

    fixture_close_store(&fixture);
    loop_free(fixture.loop);
    umount(fixture.folder);
    rmdir(fixture.folder);
}
