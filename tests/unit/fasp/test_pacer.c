/* Checks the pacer against its invariant, with a clock made of integers. */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/random.h"
#include "fasp/pacer.h"

#define MS UINT64_C(1000000)

enum { DATAGRAM = 1200 };

static struct pacer pacer;

static void set_up(void)
{
    /* 9.6 Mb/s is one datagram a millisecond, so every time below is exact. */
    pacer_init(&pacer, 9600000, 100 * MS);
}

TestSuite(pacer, .init = set_up);

Test(pacer, each_datagram_makes_the_next_wait)
{
    cr_assert(pacer_is_due(&pacer, 100 * MS));
    pacer_spend(&pacer, DATAGRAM, 100 * MS);
    cr_assert_not(pacer_is_due(&pacer, 101 * MS - 1));
    cr_assert(pacer_is_due(&pacer, 101 * MS + 1));
}

Test(pacer, a_late_wake_is_made_up_for_up_to_the_debt)
{
    pacer_spend(&pacer, DATAGRAM, 100 * MS);
    pacer_spend(&pacer, DATAGRAM, 101 * MS + MS / 2);
    cr_assert_leq(pacer.due_ns, 102 * MS + 2);

    pacer_spend(&pacer, DATAGRAM, 900 * MS);
    cr_assert_geq(pacer.due_ns, 900 * MS);
    cr_assert_leq(pacer.due_ns, 900 * MS + 2);
}

Test(pacer, a_debt_is_charged_at_the_new_rate)
{
    pacer_spend(&pacer, 10 * DATAGRAM, 100 * MS);
    pacer_set_rate(&pacer, 960000, 105 * MS);
    cr_assert_geq(pacer.due_ns, 155 * MS);
    cr_assert_leq(pacer.due_ns, 155 * MS + 10);
    pacer_set_rate(&pacer, 96000000, 105 * MS);
    cr_assert_leq(pacer.due_ns, 106 * MS);
}

static const uint64_t rates_bps[] = {PACER_RATE_BPS_MIN, 64000, 12345678,
                                     999999937, PACER_RATE_BPS_MAX};

Test(pacer, never_exceeds_the_rate_by_more_than_burst_and_debt)
{
    for (size_t i = 0; i < sizeof rates_bps / sizeof rates_bps[0]; i++) {
        struct random random;
        uint64_t now_ns = 5 * MS;
        double sent_bytes = 0;

        random_seed(&random, i);
        pacer_init(&pacer, rates_bps[i], now_ns);
        for (int j = 0; j < 20000; j++) {
            uint32_t burst = 1 + (uint32_t)random_below(&random, 65507);
            if (pacer.due_ns > now_ns)
                now_ns = pacer.due_ns;
            now_ns += random_below(&random, 2 * MS);
            pacer_spend(&pacer, burst, now_ns);
            sent_bytes += burst;
            double span_s = (double)(now_ns - 5 * MS + PACER_DEBT_NS) * 1e-9;
            cr_assert_leq(sent_bytes,
                          span_s * (double)rates_bps[i] / 8 + 65507 + 1);
        }
    }
}

Test(pacer, a_sender_that_is_never_late_gets_the_whole_rate)
{
    uint64_t rate_bps = 999999937;
    uint64_t now_ns = 0;
    uint64_t sent_bytes = 0;

    pacer_init(&pacer, rate_bps, 0);
    while (now_ns < 1000 * MS) {
        pacer_spend(&pacer, DATAGRAM, now_ns);
        sent_bytes += DATAGRAM;
        now_ns = pacer.due_ns;
    }
    cr_assert_geq((double)sent_bytes * 8, (double)rate_bps * 0.9999);
}

Test(pacer, sending_too_early_is_a_bug, .signal = SIGABRT)
{
    pacer_spend(&pacer, DATAGRAM, 100 * MS);
    pacer_spend(&pacer, 1, 100 * MS);
}

Test(pacer, a_rate_of_0_is_a_bug, .signal = SIGABRT)
{
    pacer_set_rate(&pacer, 0, 100 * MS);
}
