/* Trains ahead of the data: the path is measured, and the way to the client
 * found, while the order is still being checked. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transfer/node_internal.h"
#include "transfer/session.h"

/* As for the data, but before it is known which cipher that takes. */
#define KEY_LABEL "EXPORTER-ferry-train"
#define KIND AEAD_AES_128_GCM
#define ALL_DATAGRAMS (FASP_TRAINS * FASP_TRAIN_DATAGRAMS)
/* A client's first knock leaves with its HELLO, and its last 8 ms later: who
 * was let in faster than these come waits for them. */
#define KNOCK_WAIT_NS UINT64_C(30000000)

struct session_trains {
    struct session_keys keys;
    struct transfer_session *session;
    struct train_meter meter;
    struct loop_timer timer;
    uint32_t datagram_bytes;
    uint32_t sent;       /* trains, or knocks */
    uint32_t wire_bytes; /* of trains */
    struct address peer; /* who knocked, or sent trains */
    bool peer_known;
    bool holds_up; /* the server's: ours are to be out before data is */
};

/* There is no connection id yet: the session's own begins with this one. */
uint32_t session_trains_id(const struct transfer_session *session)
{
    const uint8_t *bytes = session->params.session_id.bytes;

    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
           (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Whether we send trains: who sends the files, if they tell it anything. */
static bool sends_trains(const struct session_trains *trains)
{
    struct transfer_session *session = trains->session;
    struct fasp_rates rates = session_fasp_rates(&session->params.rates);
    uint64_t bytes =
        (uint64_t)ALL_DATAGRAMS * (trains->datagram_bytes + FASP_WIRE_BYTES);

    return session->is_sender &&
           fasp_rates_want_trains(&rates, bytes, session->rtt_ns);
}

/* A datagram or a train that the socket does not take is as one that the
 * network lost. */
static void send_all(struct session_trains *trains, uint32_t place,
                     uint32_t count, uint32_t datagram_bytes)
{
    static uint8_t buffer[FASP_TRAIN_DATAGRAMS * FASP_TRAIN_DATAGRAM_BYTES_MAX];
    const struct transfer_session *session = trains->session;
    struct fasp_cipher cipher = session_keys_cipher(&trains->keys);
    uint32_t time_us = (uint32_t)(clock_mono_ns() / 1000);

    for (uint32_t i = 0; i < count; i++)
        train_write(&cipher, session_trains_id(session), place + i,
                    datagram_bytes, time_us, buffer + i * datagram_bytes);
    int sent = udp_port_send(session->node->udp, &trains->peer, buffer,
                             count * datagram_bytes, datagram_bytes);
    (void)sent;
}

static void let_go(struct session_trains *trains)
{
    if (!trains->holds_up)
        return;
    trains->holds_up = false;
    session_kick(trains->session);
}

static void send_next(struct loop_timer *timer)
{
    struct session_trains *trains =
        OWNER_OF(timer, struct session_trains, timer);
    uint32_t turns = FASP_KNOCKS;

    if (!trains->peer_known) { /* nobody knocked */
        let_go(trains);
        return;
    }
    if (sends_trains(trains)) {
        turns = FASP_TRAINS;
        send_all(trains, trains->sent * FASP_TRAIN_DATAGRAMS,
                 FASP_TRAIN_DATAGRAMS, trains->datagram_bytes);
        trains->wire_bytes +=
            FASP_TRAIN_DATAGRAMS * (trains->datagram_bytes + FASP_WIRE_BYTES);
    } else {
        send_all(trains, FASP_KNOCK_PLACE + trains->sent, 1, FASP_KNOCK_BYTES);
    }
    if (++trains->sent < turns)
        loop_timer_start(trains->session->node->loop, timer,
                         clock_mono_ns() + FASP_TRAIN_GAP_NS, send_next);
    else
        let_go(trains);
}

/* The client speaks first: to the UDP port of the number of the server's TCP
 * port, since no other is known yet. */
void session_trains_begin(struct transfer_session *session)
{
    size_t room = (sizeof(struct session_trains) + 63) / 64 * 64;
    struct session_trains *trains;

    if (session->trains != NULL || session->conn == NULL)
        return;
    /* The client will be told of another port: it cannot know that yet. */
    if (!session->is_client &&
        session->node->announced_udp_port != session->node->listen_address.port)
        return;
    trains = aligned_alloc(64, room);
    if (trains == NULL)
        return; /* nobody needs them */
    memset(trains, 0, room);
    trains->session = session;
    trains->datagram_bytes = FASP_DATAGRAM_BYTES_MIN;
    session->trains = trains;
    session_keys_make(&trains->keys, session->conn, KEY_LABEL,
                      &session->params.session_id, KIND, session->is_client);
    node_add_trains(session->node, session);
    uint64_t now_ns = clock_mono_ns();
    if (session->is_client) {
        trains->peer = session->control_peer;
        trains->peer_known = true;
        loop_timer_start(session->node->loop, &trains->timer, now_ns,
                         send_next);
    } else if (sends_trains(trains)) {
        trains->holds_up = true;
        loop_timer_start(session->node->loop, &trains->timer,
                         now_ns + KNOCK_WAIT_NS, send_next);
    }
}

bool session_trains_hold_up(const struct transfer_session *session)
{
    return session->trains != NULL && session->trains->holds_up;
}

void session_trains_end(struct transfer_session *session)
{
    struct session_trains *trains = session->trains;

    if (trains == NULL)
        return;
    loop_timer_stop(session->node->loop, &trains->timer);
    node_remove_trains(session->node, session);
    session_keys_wipe(&trains->keys);
    free(trains);
    session->trains = NULL;
}

uint32_t session_trains_bytes(const struct transfer_session *session)
{
    return session->trains != NULL ? session->trains->wire_bytes : 0;
}

/* The session runs: what was learned so far, or just now, is for it. */
void session_trains_join(struct transfer_session *session)
{
    struct session_trains *trains = session->trains;

    if (trains == NULL)
        return;
    if (!session->is_client && trains->peer_known && !session->path.is_proven) {
        session->path.peer = trains->peer;
        session->path.is_proven = true;
    }
    if (session->receiver != NULL)
        fasp_receiver_trains(session->receiver, &trains->meter);
}

bool session_trains_datagram(struct transfer_session *session,
                             const struct address *peer, const uint8_t *data,
                             uint32_t size_bytes, uint64_t now_ns)
{
    struct session_trains *trains = session->trains;
    struct fasp_cipher cipher = session_keys_cipher(&trains->keys);

    if (train_meter_take(&trains->meter, &cipher, data, size_bytes, now_ns) !=
        FASP_TAKEN)
        return false;
    /* An address that is not that of the control connection has to answer a
     * challenge, and these come later. */
    if (!session->is_client && !trains->peer_known &&
        address_equal_ip(peer, &session->control_peer)) {
        trains->peer = *peer;
        trains->peer_known = true;
        if (sends_trains(trains) && session->sender == NULL)
            loop_timer_start(session->node->loop, &trains->timer, now_ns,
                             send_next);
    }
    if (session->sender != NULL || session->receiver != NULL) {
        session_trains_join(session);
        node_touch(session->node, session);
    }
    return true;
}
