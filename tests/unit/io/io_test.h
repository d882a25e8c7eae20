/* What the tests of io/ share: a loop for each test, and waiting for things. */
#ifndef IO_TEST_H
#define IO_TEST_H

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop.h"
#include "io/socket.h"

/* A test that does not end fails by the suite's .timeout. */
#define RUN_UNTIL(loop, condition) \
    do {                           \
        while (!(condition))       \
            loop_run_once(loop);   \
    } while (0)

/* Remembers what an operation's callback was told. */
struct seen {
    struct loop_op op;
    uint32_t count;
    int result; /* of the last call */
};

static inline void seen_done(struct loop_op *op, int result)
{
    struct seen *seen = OWNER_OF(op, struct seen, op);
    seen->count++;
    seen->result = result;
}

static inline struct loop *test_loop(void)
{
    struct loop *loop = NULL;
    cr_assert_eq(loop_open(&loop, LOOP_WORKERS), 0);
    return loop;
}

#endif
