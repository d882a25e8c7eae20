#include "net/resolver.h"

#include <netdb.h>
#include <string.h>

#include "base/check.h"

static bool has(const struct resolver_query *query,
                const struct address *address)
{
    for (uint32_t i = 0; i < query->address_count; i++)
        if (address_equal(&query->addresses[i], address))
            return true;
    return false;
}

/* On a worker's thread: touches nothing but the query. */
static void resolver_run(struct loop_work *work)
{
    struct resolver_query *query = OWNER_OF(work, struct resolver_query, work);
    /* No AI_ADDRCONFIG: it hides 127.0.0.1 and ::1 from a machine without
     * other addresses. */
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *found = NULL;

    int error = getaddrinfo(query->name, NULL, &hints, &found);
    if (error != 0) {
        query->error = gai_strerror(error);
        return;
    }
    for (struct addrinfo *info = found;
         info != NULL && query->address_count < RESOLVER_ADDRESSES_MAX;
         info = info->ai_next) {
        struct address address;
        if (!address_from_sockaddr(info->ai_addr, info->ai_addrlen, &address))
            continue;
        address.port = query->port;
        if (!has(query, &address))
            query->addresses[query->address_count++] = address;
    }
    freeaddrinfo(found);
    if (query->address_count == 0)
        query->error = "the name has no address";
}

static void resolver_done(struct loop_work *work)
{
    struct resolver_query *query = OWNER_OF(work, struct resolver_query, work);

    query->done(query);
}

void resolver_start(struct loop *loop, struct resolver_query *query,
                    struct text name, uint16_t port, resolver_fn done)
{
    CHECK(!resolver_busy(query));

    query->address_count = 0;
    query->error = NULL;
    query->port = port;
    query->done = done;
    bool fits = text_to_string(name, query->name, sizeof query->name);
    CHECK(fits);
    loop_work_start(loop, query->strand, &query->work, resolver_run,
                    resolver_done);
}
