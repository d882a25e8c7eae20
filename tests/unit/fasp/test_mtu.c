#include "fasp/mtu.h"

#include <criterion/criterion.h>

#define LEAST 1232u
#define JUMBO 8948u
#define MINUTE UINT64_C(60000000000)

static struct mtu mtu;

/* Sends probes over a path that carries `path_bytes` until none is wanted;
 * returns how many. */
static uint32_t search(uint32_t path_bytes, uint64_t now_ns)
{
    uint32_t count = 0;

    for (uint32_t size; (size = mtu_probe(&mtu, now_ns)) > 0; count++) {
        cr_assert_gt(size, mtu.good);
        cr_assert_leq(size, mtu.most);
        mtu_sent(&mtu, size);
        cr_assert_eq(mtu_probe(&mtu, now_ns), 0, "one at a time");
        if (size <= path_bytes)
            mtu_came(&mtu, size);
        else
            mtu_lost(&mtu, size, true);
    }
    return count;
}

static void black_hole(void)
{
    for (uint32_t i = 0; i < MTU_LOST_RUN; i++)
        mtu_lost(&mtu, mtu.good, false);
    for (uint32_t i = 1; i < MTU_CAME_RUN; i++)
        cr_assert_not(mtu_came(&mtu, 100));
}

Test(mtu, a_search_finds_what_the_path_carries)
{
    static const struct {
        uint32_t start, most, path;
        uint32_t found_min;
        uint32_t probes_max;
    } rows[] = {
        {1472, 1472, 1472, 1472, 0},     /* nothing to look for */
        {1472, JUMBO, JUMBO, JUMBO, 1},  /* at once */
        {1472, JUMBO, 1472, 1472, 30},   /* in vain */
        {1472, JUMBO, 4000, 3985, 30},   /* */
        {LEAST, 1472, 1372, 1357, 15},   /* a tunnel */
        {LEAST, 1472, LEAST, LEAST, 15}, /* the least there is */
        {1472, 1473, 1473, 1473, 1},     /* one byte more */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mtu_init(&mtu, LEAST, rows[i].start, rows[i].most);
        uint32_t probes = search(rows[i].path, 1);
        cr_assert_geq(mtu.good, rows[i].found_min, "row %zu: %u", i, mtu.good);
        cr_assert_leq(mtu.good, rows[i].path, "row %zu: %u", i, mtu.good);
        cr_assert_leq(probes, rows[i].probes_max, "row %zu: %u", i, probes);
    }
}

Test(mtu, a_lost_probe_is_tried_again)
{
    mtu_init(&mtu, LEAST, 1472, JUMBO);
    for (uint32_t i = 1; i < MTU_TRIES; i++) {
        cr_assert_eq(mtu_probe(&mtu, 1), JUMBO);
        mtu_sent(&mtu, JUMBO);
        mtu_lost(&mtu, JUMBO, true);
    }
    cr_assert_eq(mtu_probe(&mtu, 1), JUMBO);
    mtu_sent(&mtu, JUMBO);
    cr_assert(mtu_came(&mtu, JUMBO));
    cr_assert_eq(mtu.good, JUMBO);
}

Test(mtu, a_black_hole_leads_back_to_what_any_path_carries)
{
    mtu_init(&mtu, LEAST, 1472, 1472);
    black_hole();
    cr_assert_eq(mtu.good, 1472);
    cr_assert(mtu_came(&mtu, LEAST));
    cr_assert_eq(mtu.good, LEAST);
    search(1400, 1);
    cr_assert_geq(mtu.good, 1385);
    cr_assert_leq(mtu.good, 1400);
}

Test(mtu, a_large_datagram_that_comes_is_no_black_hole)
{
    mtu_init(&mtu, LEAST, 1472, 1472);
    black_hole();
    cr_assert_not(mtu_came(&mtu, LEAST + 1));
    cr_assert_not(mtu_came(&mtu, LEAST));
    cr_assert_eq(mtu.good, 1472);
}

Test(mtu, what_is_small_may_get_lost)
{
    mtu_init(&mtu, LEAST, 1472, 1472);
    for (uint32_t i = 0; i < 2 * MTU_LOST_RUN; i++)
        mtu_lost(&mtu, LEAST, false);
    for (uint32_t i = 0; i < 2 * MTU_CAME_RUN; i++)
        cr_assert_not(mtu_came(&mtu, 100));
}

Test(mtu, after_an_outage_it_is_as_before_at_once)
{
    mtu_init(&mtu, LEAST, 1472, JUMBO);
    search(JUMBO, 1);
    black_hole();
    cr_assert(mtu_came(&mtu, 100));
    cr_assert_eq(search(JUMBO, 1), 1);
    cr_assert_eq(mtu.good, JUMBO);
}

Test(mtu, a_path_that_grew_is_found_ten_minutes_later)
{
    mtu_init(&mtu, LEAST, 1472, JUMBO);
    search(1472, 1);
    cr_assert_eq(search(JUMBO, 10 * MINUTE - 1), 0);
    cr_assert_eq(mtu.good, 1472);
    cr_assert_eq(search(JUMBO, 10 * MINUTE + 1), 1);
    cr_assert_eq(mtu.good, JUMBO);
}
