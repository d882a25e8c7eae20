/* The end of the service, part by part: what others still need goes last.
 *
 *     SESSIONS       node and HTTP server end side by side: a Cancel that
 *                    waits is answered when its session has ended
 *     CHANGES        the last events and counters become durable
 *     SUBSCRIBERS    deliveries stop, cursors are stored
 *     CLIENT         no connection to an observer is left
 *     STORE          flushed and closed; then the folder is unlocked
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/state.h"
#include "central/callback_tls.h"
#include "central/context.h"
#include "central/soap_listener.h"
#include "central/job_steps.h"
#include "central/subscriptions.h"
#include "central/upkeep.h"
#include "transfer/node.h"

static const struct state_rule rules[] = {
    [CENTRAL_SERVING] = {"serving", NEXT(CENTRAL_STOPPING_SESSIONS)},
    [CENTRAL_STOPPING_SESSIONS] = {"sessions", NEXT(CENTRAL_STOPPING_CHANGES)},
    [CENTRAL_STOPPING_CHANGES] = {"changes",
                                  NEXT(CENTRAL_STOPPING_SUBSCRIBERS)},
    [CENTRAL_STOPPING_SUBSCRIBERS] = {"subscribers",
                                      NEXT(CENTRAL_STOPPING_CLIENT)},
    [CENTRAL_STOPPING_CLIENT] = {"client", NEXT(CENTRAL_STOPPING_STORE)},
    [CENTRAL_STOPPING_STORE] = {"store", 0},
};

static void move(struct central *central, enum central_state state)
{
    state_move(&central->state, (uint8_t)state, rules);
}

static void store_closed(void *owner)
{
    struct central *central = owner;
    void (*stopped)(void *owner) = central->stopped;
    void *stopped_owner = central->stopped_owner;

    service_free(&central->service);
    event_polls_close(&central->polls);
    files_close(&central->files);
    jobs_free(&central->jobs);
    sessions_free(&central->sessions);
    state_folder_close(&central->folder);
    free(central);
    stopped(stopped_owner);
}

static void client_stopped(struct http_client *client)
{
    struct central *central = OWNER_OF(client, struct central, client);

    callback_tls_close(central);
    move(central, CENTRAL_STOPPING_STORE);
    store_close(central->store, central, store_closed);
}

static void subscriptions_stopped(void *owner)
{
    struct central *central = owner;

    move(central, CENTRAL_STOPPING_CLIENT);
    http_client_stop(&central->client, client_stopped);
}

static void changes_idle(void *owner)
{
    struct central *central = owner;

    move(central, CENTRAL_STOPPING_SUBSCRIBERS);
    subscriptions_stop(central->subscriptions, subscriptions_stopped, central);
}

/* Goes on once nobody is left who could make a change or ask the store. */
void central_go_on_stopping(struct central *central)
{
    if (central->state != CENTRAL_STOPPING_SESSIONS || !central->node_stopped ||
        !central->server_stopped || central->service.call_count > 0 ||
        central->purging)
        return;
    move(central, CENTRAL_STOPPING_CHANGES);
    changes_stop(&central->changes, changes_idle);
}

static void server_stopped(struct http_server *server)
{
    struct central *central = OWNER_OF(server, struct central, server);

    central->server_stopped = true;
    soap_listener_close(central);
    central_go_on_stopping(central);
}

static void node_stopped(void *owner)
{
    struct central *central = owner;

    central->node = NULL;
    central->node_stopped = true;
    files_flush(&central->files);
    central_go_on_stopping(central);
}

void central_stop(struct central *central, void (*stopped)(void *owner),
                  void *owner)
{
    central->stopping = true;
    central->stopped = stopped;
    central->stopped_owner = owner;
    move(central, CENTRAL_STOPPING_SESSIONS);
    upkeep_stop(central);
    event_polls_stop(&central->polls);
    jobs_stop(central);
    http_server_stop(&central->server, server_stopped);
    transfer_node_stop(central->node, node_stopped, central);
}
