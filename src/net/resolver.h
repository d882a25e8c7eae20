/* Finds the addresses of a host name, on a worker of the loop.
 *
 * Knows: getaddrinfo(), the loop's workers.
 * Must not know: who asks, and what may be connected to.
 *
 * Answers are not kept: who may be called is decided anew from what a name
 * means now (an observer's name can be moved to an inner address).
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/text.h"
#include "io/loop.h"

/* The first of a name's addresses that are tried. */
#define RESOLVER_ADDRESSES_MAX 8

/* DNS names end at 253 characters. */
#define RESOLVER_NAME_BYTES_MAX 255

struct resolver_query;
typedef void (*resolver_fn)(struct resolver_query *query);

/* Zero-initialise it; it stays in place until `done`. */
struct resolver_query {
    /* May be set before the start: queries of one strand run one at a time, so
     * that names which are slow to resolve do not hold all workers. */
    struct loop_strand *strand;

    /* The result, for `done`: no addresses when the name has none, or cannot
     * be resolved; `error` says why (static text), else NULL. */
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    uint32_t address_count;
    const char *error;

    /* Private. */
    struct loop_work work;
    char name[RESOLVER_NAME_BYTES_MAX + 1];
    uint16_t port;
    resolver_fn done;
};

static inline bool resolver_busy(const struct resolver_query *query)
{
    return loop_work_busy(&query->work);
}

/* Resolves `name`, at most RESOLVER_NAME_BYTES_MAX bytes without a NUL, and
 * calls `done` from the loop.  It cannot be cancelled. */
void resolver_start(struct loop *loop, struct resolver_query *query,
                    struct text name, uint16_t port, resolver_fn done);

#endif
