/* Trains: the sender hears of the path, in both operations. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "pair.h"
#include "transfer/node_internal.h"
#include "transfer/session.h"

#define MEBIBYTE (1u << 20)

static void open_pair(void)
{
    pair_open(NULL);
}

TestSuite(trains, .init = open_pair, .fini = pair_close, .timeout = 120);

static bool is_pull;
static uint64_t train_bps;

static bool measured(void)
{
    const struct pair_end *end = is_pull ? &pair.server_end : &pair.client_end;
    struct fasp_sender_statistics statistics;

    if (end->session != NULL && end->session->sender != NULL) {
        fasp_sender_statistics(end->session->sender, clock_mono_ns(),
                               &statistics);
        train_bps = statistics.train_bps;
    }
    return train_bps > 0 || pair.client_end.has_ended;
}

static void run(enum transfer_operation operation, enum transfer_policy policy)
{
    static struct text source;
    struct transfer_params params;

    is_pull = operation == TRANSFER_PULL;
    train_bps = 0;
    source = text_of(is_pull ? "b" : "a");
    params = pair_params(operation, &source, "/");
    params.rates.policy = policy;
    params.rates.target_kbps = 100000;
    pair_start(&params);
    pair_run_until(measured);
    pair_run();
    cr_expect_eq(pair.client_end.stats.error, FASP_ERROR_NONE);
}

Test(trains, the_sender_hears_what_they_said)
{
    pair_fill("here/a", 8 * MEBIBYTE, 1);
    pair_fill("there/b", 8 * MEBIBYTE, 2);
    run(TRANSFER_PUSH, TRANSFER_FAIR);
    cr_expect_gt(train_bps, 10000000, "push");
    run(TRANSFER_PULL, TRANSFER_FAIR);
    cr_expect_gt(train_bps, 10000000, "pull");
    /* Fixed needs none. */
    run(TRANSFER_PUSH, TRANSFER_FIXED);
    cr_expect_eq(train_bps, 0);
}

/* A client knows no other port yet. */
Test(trains, the_udp_port_has_the_number_of_the_tcp_port)
{
    cr_assert_eq(pair.server->udp_address.port,
                 transfer_node_address(pair.server).port);
}

Test(trains, the_other_policies_carry_it_too)
{
    pair_fill("here/a", MEBIBYTE, 1);
    pair_fill("there/b", MEBIBYTE, 2);
    run(TRANSFER_PUSH, TRANSFER_LOW);
    run(TRANSFER_PULL, TRANSFER_HIGH);
}
