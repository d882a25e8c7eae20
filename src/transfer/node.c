#include "transfer/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "fasp/packet.h"
#include "transfer/node_internal.h"
#include "transfer/session.h"

#define CONTROL_TIMEOUT_MS 20000u
#define DATAGRAM_TIMEOUT_MS 15000u
#define STALL_TIMEOUT_MS 60000u
#define LOST_TIMEOUT_MS 60000u

/* ---- connection ids ---- */

uint32_t node_take_slot(struct transfer_node *node,
                        struct transfer_session *session)
{
    for (uint32_t i = 0; i < NODE_SLOTS; i++) {
        uint32_t index = node->slot_next++ % NODE_SLOTS;
        struct node_slot *slot = &node->slots[index];
        if (slot->session != NULL)
            continue;
        slot->session = session;
        slot->generation++;
        uint32_t id = slot->generation << NODE_SLOT_BITS | index;
        if (id != 0)
            return id;
        slot->session = NULL; /* all bits of both came round */
    }
    return 0;
}

static struct node_slot *find_slot(struct transfer_node *node, uint32_t id)
{
    struct node_slot *slot = &node->slots[id % NODE_SLOTS];

    if (slot->session == NULL ||
        (slot->generation << NODE_SLOT_BITS | id % NODE_SLOTS) != id)
        return NULL;
    return slot;
}

void node_give_slot(struct transfer_node *node, uint32_t connection_id)
{
    struct node_slot *slot = find_slot(node, connection_id);

    CHECK(slot != NULL);
    slot->session = NULL;
}

/* ---- datagrams ---- */

void node_touch(struct transfer_node *node, struct transfer_session *session)
{
    if (session->is_touched)
        return;
    session->is_touched = true;
    session->touched_next = node->touched;
    node->touched = session;
}

static struct transfer_session **trains_list(struct transfer_node *node,
                                             uint32_t id)
{
    return &node->trains[id * node->trains_secret >> 24];
}

void node_add_trains(struct transfer_node *node,
                     struct transfer_session *session)
{
    struct transfer_session **first =
        trains_list(node, session_trains_id(session));

    session->trains_next = *first;
    *first = session;
}

void node_remove_trains(struct transfer_node *node,
                        struct transfer_session *session)
{
    struct transfer_session **at =
        trains_list(node, session_trains_id(session));

    while (*at != NULL && *at != session)
        at = &(*at)->trains_next;
    if (*at != NULL)
        *at = session->trains_next;
}

/* Anybody can send these: counted, and told of now and then. */
static void count_stray(struct transfer_node *node, uint64_t now_ns)
{
    node->strays++;
    if (node->strays_told_ns != 0 &&
        now_ns - node->strays_told_ns < NODE_STRAYS_LOG_NS)
        return;
    LOG(transfer_strays, node->strays - node->strays_told);
    node->strays_told = node->strays;
    node->strays_told_ns = now_ns;
}

/* Sessions whose order is being checked have no connection id yet.  Only a
 * datagram of a train makes us look, and sealed it is looked at once only. */
static void train_received(struct transfer_node *node,
                           const struct address *peer, uint32_t id,
                           const struct udp_datagram *datagram, uint64_t now_ns)
{
    struct transfer_session *session = *trains_list(node, id);

    /* A session with ourselves has two ends of one id. */
    for (; session != NULL; session = session->trains_next)
        if (session_trains_id(session) == id &&
            address_equal_ip(peer, &session->control_peer) &&
            session_trains_datagram(session, peer, datagram->data,
                                    datagram->size_bytes, now_ns))
            return;
    count_stray(node, now_ns);
}

static void udp_received(struct udp_port_owner *owner,
                         const struct address *peer, uint8_t ecn,
                         const struct udp_datagram *datagrams, uint32_t count)
{
    struct transfer_node *node =
        OWNER_OF(owner, struct transfer_node, udp_owner);
    uint64_t now_ns = clock_mono_ns();
    uint32_t id;

    (void)ecn; /* the rate law does not look at marks yet */
    for (uint32_t i = 0; i < count; i++) {
        if (!fasp_packet_connection(datagrams[i].data, datagrams[i].size_bytes,
                                    &id)) {
            count_stray(node, now_ns);
            continue;
        }
        if (datagrams[i].data[0] == FASP_PACKET_TRAIN) {
            train_received(node, peer, id, &datagrams[i], now_ns);
            continue;
        }
        struct node_slot *slot = find_slot(node, id);
        if (slot != NULL)
            session_datagram(slot->session, peer, datagrams[i].data,
                             datagrams[i].size_bytes, now_ns);
        else
            count_stray(node, now_ns);
    }
}

static void udp_turn_over(struct udp_port_owner *owner)
{
    struct transfer_node *node =
        OWNER_OF(owner, struct transfer_node, udp_owner);
    struct transfer_session *session;

    while ((session = node->touched) != NULL) {
        node->touched = session->touched_next;
        session->touched_next = NULL;
        session->is_touched = false;
        session_pump(session);
    }
}

static void untouch(struct transfer_node *node,
                    struct transfer_session *session)
{
    struct transfer_session **at = &node->touched;

    while (*at != NULL && *at != session)
        at = &(*at)->touched_next;
    if (*at != NULL)
        *at = session->touched_next;
}

/* ---- opening ---- */

/* Who never says HELLO keeps nobody out: makes room for one more. */
static void end_silent(struct transfer_node *node)
{
    const uint64_t patience_ns = LIMIT_GREETING_S * UINT64_C(1000000000);
    struct transfer_session *oldest = NULL;
    uint32_t count = 0;

    for (struct transfer_session *session = node->sessions; session != NULL;
         session = session->next)
        if (session->state == SESSION_GREETING &&
            uuid_is_zero(session->params.session_id)) {
            count++;
            oldest = session; /* the newest is the list's first */
        }
    if (count >= LIMIT_SESSIONS_GREETING ||
        (count > 0 && node->session_count >= node->config.sessions_max &&
         loop_now_ns(node->loop) - oldest->start_ns > patience_ns))
        session_cut(oldest, "others wait, and this one says nothing");
}

static void accepted(struct tls_conn *conn, void *user)
{
    struct transfer_node *node = user;
    char peer[ADDRESS_TEXT_BYTES];

    end_silent(node);
    if (node->session_count >= node->config.sessions_max || node->is_stopping) {
        address_format(tls_conn_peer(conn), peer);
        LOG(transfer_refused, peer, "too many sessions");
        return; /* not adopted: it is closed, and the client tries again */
    }
    struct transfer_session *session = session_new(node, false);
    if (session != NULL)
        session_serve(session, conn);
}

static void set_defaults(struct transfer_node *node)
{
    struct transfer_node_config *config = &node->config;

    if (config->sessions_max == 0)
        config->sessions_max = LIMIT_SESSIONS;
    if (config->control_timeout_ms == 0)
        config->control_timeout_ms = CONTROL_TIMEOUT_MS;
    if (config->datagram_timeout_ms == 0)
        config->datagram_timeout_ms = DATAGRAM_TIMEOUT_MS;
    if (config->stall_timeout_ms == 0)
        config->stall_timeout_ms = STALL_TIMEOUT_MS;
    if (config->lost_timeout_ms == 0)
        config->lost_timeout_ms = LOST_TIMEOUT_MS;
}

static int open_listener(struct transfer_node *node)
{
    const struct transfer_node_config *config = &node->config;

    node->server_context = tls_context_open_server(config->identity);
    if (node->server_context == NULL)
        return -EINVAL;
    int ret = tls_listener_open(&node->listener, node->loop,
                                node->server_context, &config->listen,
                                config->control_timeout_ms, accepted, node);
    if (ret != 0)
        return ret;
    node->listen_address = *tls_listener_address(node->listener);
    return 0;
}

static void unopened_stopped(void *user)
{
    struct transfer_node *node = user;

    tls_context_close(node->server_context);
    tls_context_close(node->client_context);
    free(node);
}

int transfer_node_open(struct transfer_node **opened,
                       const struct transfer_node_config *config)
{
    struct transfer_node *node = calloc(1, sizeof *node);
    int ret = -ENOMEM;

    if (node == NULL)
        return ret;
    node->config = *config;
    node->loop = config->loop;
    node->udp_owner.received = udp_received;
    node->udp_owner.turn_over = udp_turn_over;
    password_known_init(&node->passwords);
    random_system(&node->slot_next, sizeof node->slot_next);
    random_system(&node->trains_secret, sizeof node->trains_secret);
    node->trains_secret |= 1;
    set_defaults(node);

    node->client_context = tls_context_open_client();
    if (node->client_context == NULL)
        goto free_node;
    if (config->identity != NULL) {
        ret = open_listener(node);
        if (ret != 0)
            goto close_contexts;
    }
    /* Of one number with TCP's, so that a client that knows no other yet
     * reaches it. */
    struct address udp_listen = config->listen;
    if (node->listener != NULL)
        udp_listen.port = node->listen_address.port;
    ret = udp_port_open(&node->udp, node->loop, &udp_listen, &node->udp_owner);
    if (ret != 0 && config->listen.port == 0)
        ret = udp_port_open(&node->udp, node->loop, &config->listen,
                            &node->udp_owner);
    if (ret != 0)
        goto stop_listener;
    node->udp_address = *udp_port_address(node->udp);
    node->announced_udp_port = node->udp_address.port;
    *opened = node;
    return 0;

stop_listener:
    if (node->listener != NULL) {
        /* Its end comes from the loop: the node's memory goes with it. */
        tls_listener_stop(node->listener, unopened_stopped, node);
        return ret;
    }
close_contexts:
    if (node->server_context != NULL)
        tls_context_close(node->server_context);
    tls_context_close(node->client_context);
free_node:
    free(node);
    return ret;
}

void transfer_node_change(struct transfer_node *node,
                          const struct transfer_node_config *config)
{
    struct transfer_node_config *ours = &node->config;

    ours->allow_plain = config->allow_plain;
    ours->sessions_max = config->sessions_max;
    ours->control_timeout_ms = config->control_timeout_ms;
    ours->datagram_timeout_ms = config->datagram_timeout_ms;
    ours->stall_timeout_ms = config->stall_timeout_ms;
    ours->lost_timeout_ms = config->lost_timeout_ms;
    ours->in = config->in;
    ours->out = config->out;
    set_defaults(node);
}

const struct transfer_rules *node_rules(const struct transfer_node *node,
                                        bool is_sender)
{
    return is_sender ? &node->config.out : &node->config.in;
}

uint64_t node_vlink_queue_ns(struct transfer_node *node, bool is_sender,
                             uint64_t wire_bytes, uint64_t now_ns)
{
    const struct transfer_rules *rules = node_rules(node, is_sender);
    struct vlink *vlink =
        &node->vlinks[is_sender && !rules->vlink_is_shared ? 1 : 0];
    uint64_t capacity_bps = UINT64_C(1000) * rules->vlink_kbps;

    if (capacity_bps == 0)
        return 0;
    if (vlink->capacity_bps == 0)
        vlink_init(vlink, capacity_bps, now_ns);
    else if (vlink->capacity_bps != capacity_bps)
        vlink_set(vlink, capacity_bps, now_ns);
    if (wire_bytes > 0)
        vlink_sent(vlink, wire_bytes, now_ns);
    return vlink_queue_ns(vlink, now_ns);
}

struct address transfer_node_address(const struct transfer_node *node)
{
    return node->listener != NULL ? node->listen_address : node->udp_address;
}

void transfer_node_announce(struct transfer_node *node, uint16_t udp_port)
{
    node->announced_udp_port = udp_port;
}

/* ---- stopping ---- */

static void node_gone(struct loop_timer *timer)
{
    struct transfer_node *node = OWNER_OF(timer, struct transfer_node, gone);
    void (*stopped)(void *owner) = node->stopped;
    void *owner = node->stopped_owner;

    block_pool_free(&node->pool);
    if (node->server_context != NULL)
        tls_context_close(node->server_context);
    tls_context_close(node->client_context);
    free(node);
    if (stopped != NULL)
        stopped(owner);
}

/* Goes on with the stop, as far as it can. */
static void run_stop(struct transfer_node *node);

static void udp_closed(struct udp_port_owner *owner)
{
    struct transfer_node *node =
        OWNER_OF(owner, struct transfer_node, udp_owner);

    node->udp_gone = true;
    run_stop(node);
}

static void listener_stopped(void *user)
{
    struct transfer_node *node = user;

    node->listener_gone = true;
    node->listener = NULL;
    run_stop(node);
}

static void run_stop(struct transfer_node *node)
{
    if (!node->is_stopping || node->sessions != NULL)
        return;
    if (node->udp != NULL) {
        struct udp_port *udp = node->udp;
        node->udp = NULL;
        udp_port_close(udp, udp_closed);
    }
    if (node->udp_gone && node->listener_gone)
        loop_timer_start(node->loop, &node->gone, 0, node_gone);
}

void node_session_gone(struct transfer_node *node,
                       struct transfer_session *session)
{
    untouch(node, session);
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        node->sessions = session->next;
    if (session->next != NULL)
        session->next->previous = session->previous;
    node->session_count--;
    session_former_gone(node);
    run_stop(node);
}

void transfer_node_stop(struct transfer_node *node,
                        void (*stopped)(void *owner), void *owner)
{
    CHECK(!node->is_stopping);
    node->is_stopping = true;
    node->stopped = stopped;
    if (node->strays != node->strays_told)
        LOG(transfer_strays, node->strays - node->strays_told);
    node->stopped_owner = owner;
    for (struct transfer_session *session = node->sessions; session != NULL;
         session = session->next)
        session_cut(session, "this node stops");
    if (node->listener != NULL)
        tls_listener_stop(node->listener, listener_stopped, node);
    else
        node->listener_gone = true;
    run_stop(node);
}
