/* The datagrams of a running session: keys, addresses, pacing, time-outs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "transfer/node_internal.h"
#include "transfer/route.h"
#include "transfer/session.h"

#define MS UINT64_C(1000000)
/* The client of a pull opens the way for the server's data so often. */
#define OPENING_NS (100 * MS)
/* A receiving end cannot tell a slow source from a stalled one, nor a sender
 * that is done a slow disk: they wait this many times longer, so long as the
 * peer is heard, which speaks each 250 ms. */
#define STALL_FACTOR_BLIND 10u

#define KEY_LABEL "EXPORTER-ferry-data"

/* ---- keys ---- */

static enum aead_kind kind_of(enum transfer_cipher cipher)
{
    switch (cipher) {
    case TRANSFER_CIPHER_NONE:
        return AEAD_AES_128_GMAC_ONLY;
    case TRANSFER_CIPHER_AES_128:
        return AEAD_AES_128_GCM;
    case TRANSFER_CIPHER_AES_256:
        return AEAD_AES_256_GCM;
    }
    NEVER("a cipher has no AEAD");
}

static void make_keys(struct transfer_session *session)
{
    session_keys_make(&session->keys, session->conn, KEY_LABEL,
                      &session->params.session_id,
                      kind_of(session->params.cipher), session->is_client);
    session->has_keys = true;
}

/* ---- opening and closing ---- */

struct fasp_rates session_fasp_rates(const struct transfer_rates *rates)
{
    static const enum fasp_policy policies[] = {
        [TRANSFER_FIXED] = FASP_POLICY_FIXED,
        [TRANSFER_HIGH] = FASP_POLICY_HIGH,
        [TRANSFER_FAIR] = FASP_POLICY_FAIR,
        [TRANSFER_LOW] = FASP_POLICY_LOW,
    };
    struct fasp_rates fasp = {
        .policy = policies[rates->policy],
        .target_bps = UINT64_C(1000) * rates->target_kbps,
        .minimum_bps = UINT64_C(1000) * rates->minimum_kbps,
        .cap_bps = UINT64_C(1000) * rates->cap_kbps,
    };

    if (fasp.target_bps > FASP_RATE_BPS_MAX)
        fasp.target_bps = FASP_RATE_BPS_MAX;
    if (fasp.cap_bps > FASP_RATE_BPS_MAX)
        fasp.cap_bps = FASP_RATE_BPS_MAX;
    if (fasp.minimum_bps > fasp.target_bps)
        fasp.minimum_bps = fasp.target_bps;
    return fasp;
}

bool session_data_open(struct transfer_session *session)
{
    uint64_t now_ns = clock_mono_ns();
    struct fasp_cipher cipher = session_keys_cipher(&session->keys);

    make_keys(session);
    session->path.peer = session->control_peer;
    session->path.peer.port = session->peer_udp_port;
    session->path.is_proven = session->is_client;
    random_system(session->path.token, sizeof session->path.token);

    if (!session->is_sender) {
        if (!session_receive_open(session))
            return false;
        struct fasp_receiver_options options = {
            .connection = session->peer_connection_id,
            .datagram_bytes = FASP_DATAGRAM_BYTES_MIN, /* any path has them */
            .cipher = cipher,
            .sink = {session->sink, sink_place, sink_arrived},
            .rtt_ns = session->rtt_ns,
        };
        session->receiver = fasp_receiver_open(&options, now_ns);
        if (session->receiver == NULL)
            return false;
        session_trains_join(session);
        return true;
    }

    session->train_data = malloc(UDP_PORT_TRAIN_BYTES_MAX);
    if (session->train_data == NULL || !session_send_open(session))
        return false;
    struct fasp_sender_options options = {
        .connection = session->peer_connection_id,
        .datagram_bytes = route_first_bytes(&session->control_peer,
                                            session->datagram_bytes),
        .datagram_bytes_max = session->datagram_bytes,
        .cipher = cipher,
        .source = {session->source, source_data},
        .rates = session_fasp_rates(&session->params.rates),
        .rtt_ns = session->rtt_ns,
        /* Nobody hears trains at another port than that of TCP. */
        .train_bytes = session->is_client && session->peer_udp_port !=
                                                 session->control_peer.port
                           ? 0
                           : session_trains_bytes(session),
    };
    session_trains_join(session);
    session->sender = fasp_sender_open(&options, now_ns);
    return session->sender != NULL;
}

void session_data_stop(struct transfer_session *session)
{
    struct transfer_node *node = session->node;

    loop_timer_stop(node->loop, &session->pump);
    session_trains_end(session);
    if (node->udp != NULL)
        udp_port_stop_waiting(node->udp, &session->waiter);
    if (session->connection_id != 0)
        node_give_slot(node, session->connection_id);
    session->connection_id = 0;
}

void session_data_close(struct transfer_session *session)
{
    if (session->sender != NULL)
        fasp_sender_close(session->sender);
    if (session->receiver != NULL)
        fasp_receiver_close(session->receiver);
    free(session->train_data);
    if (session->has_keys)
        session_keys_wipe(&session->keys);
}

/* ---- addresses ---- */

static void send_one(struct transfer_session *session,
                     const struct address *peer, const uint8_t *data,
                     uint32_t size_bytes)
{
    /* A path datagram or a report that the socket does not take is as one
     * that the network lost. */
    int sent =
        udp_port_send(session->node->udp, peer, data, size_bytes, size_bytes);
    (void)sent;
}

static void send_path(struct transfer_session *session,
                      const struct address *peer, enum fasp_packet_type type,
                      const uint8_t *token)
{
    uint8_t datagram[FASP_PATH_DATAGRAM_BYTES];

    if (session->sender == NULL)
        fasp_receiver_path(session->receiver, type, token, datagram);
    else if (!fasp_sender_path(session->sender, type, token, datagram,
                               clock_mono_ns()))
        return;
    send_one(session, peer, datagram, sizeof datagram);
}

/* A genuine datagram came from `peer`. */
static void meet_peer(struct transfer_session *session,
                      const struct address *peer, uint64_t number,
                      bool answers, uint64_t now_ns)
{
    struct peer_path *path = &session->path;

    if (!peer_path_meet(path, &session->control_peer, peer, number, answers,
                        now_ns))
        return;
    random_system(path->token, sizeof path->token);
    send_path(session, peer, FASP_PACKET_PATH_CHALLENGE, path->token);
}

void session_datagram(struct transfer_session *session,
                      const struct address *peer, const uint8_t *data,
                      uint32_t size_bytes, uint64_t now_ns)
{
    uint8_t token[FASP_PATH_TOKEN_BYTES];
    struct fasp_packet packet;
    enum fasp_taken taken;
    bool answers = false;

    if (session->sender == NULL && session->receiver == NULL)
        return;
    if (session->sender != NULL)
        taken = fasp_sender_datagram(session->sender, data, size_bytes, now_ns,
                                     clock_wall_us(), token);
    else
        taken = fasp_receiver_datagram(session->receiver, data, size_bytes,
                                       now_ns, token);
    switch (taken) {
    case FASP_TAKEN_CHALLENGE:
        send_path(session, peer, FASP_PACKET_PATH_RESPONSE, token);
        break;
    case FASP_TAKEN_RESPONSE:
        answers = hash_equal(token, session->path.token, sizeof token);
        break;
    case FASP_TAKEN:
    case FASP_NO_ROOM:
        break;
    case FASP_DUPLICATE:
    case FASP_MALFORMED:
    case FASP_FORGED:
        return; /* counted, and nothing else */
    case FASP_NONSENSE:
        session_fail(session, FASP_ERROR_PROTOCOL,
                     "the peer's datagrams contradict each other");
        return;
    }
    session->heard_ns = now_ns;
    session->datagram_ns = now_ns;
    if (session->receiver != NULL)
        node_vlink_queue_ns(session->node, false, size_bytes + FASP_WIRE_BYTES,
                            now_ns);
    CHECK(fasp_packet_read(data, size_bytes, &packet)); /* as it was above */
    meet_peer(session, peer, packet.number, answers, now_ns);
    node_touch(session->node, session);
}

/* ---- sending ---- */

static void pump_fired(struct loop_timer *timer)
{
    struct transfer_session *session =
        OWNER_OF(timer, struct transfer_session, pump);

    session->pump_due_ns = 0;
    session_pump(session);
}

/* The timer moves only when its time changes: most turns leave it alone. */
static void pump_at(struct transfer_session *session, uint64_t due_ns)
{
    if (session_is_ending(session))
        return;
    if (loop_timer_running(&session->pump) && session->pump_due_ns == due_ns)
        return;
    session->pump_due_ns = due_ns;
    if (due_ns == UINT64_MAX)
        loop_timer_stop(session->node->loop, &session->pump);
    else
        loop_timer_start(session->node->loop, &session->pump, due_ns,
                         pump_fired);
}

void session_pump_soon(struct transfer_session *session)
{
    pump_at(session, 0);
}

static void socket_writable(struct udp_port_waiter *waiter)
{
    session_pump(OWNER_OF(waiter, struct transfer_session, waiter));
}

/* Sends what is left of the train.  Returns false while the socket is full. */
static bool send_train(struct transfer_session *session)
{
    struct fasp_train *train = &session->train;

    while (session->train_sent < train->count) {
        uint32_t offset = session->train_sent * train->segment_bytes;
        int sent =
            udp_port_send(session->node->udp, &session->path.peer,
                          session->train_data + offset,
                          train->size_bytes - offset, train->segment_bytes);
        if (sent == -EAGAIN) {
            udp_port_wait_writable(session->node->udp, &session->waiter,
                                   socket_writable);
            return false;
        }
        if (sent < 0 && session->datagram_ns == 0) {
            session_fail(session, FASP_ERROR_UDP_START, strerror(-sent));
            return false;
        }
        if (sent < 0)
            break; /* as if the network had lost it: it is asked for again */
        session->train_sent += (uint32_t)sent;
    }
    train->count = 0;
    session->train_sent = 0;
    return true;
}

/* A train counts once, when it is made. */
static void count_on_vlink(struct transfer_session *session,
                           uint64_t wire_bytes)
{
    if (session->train_sent > 0)
        return;
    fasp_sender_vlink_queue(session->sender,
                            node_vlink_queue_ns(session->node, true, wire_bytes,
                                                clock_mono_ns()));
}

/* Sends trains.  Returns when to go on. */
static uint64_t pump_trains(struct transfer_session *session)
{
    if (!session->path.is_proven || session->waiter.waiting)
        return UINT64_MAX;
    for (uint32_t i = 0; i < SESSION_TURN_TRAINS; i++) {
        if (session->train.count == 0 &&
            !fasp_sender_train(session->sender, clock_mono_ns(),
                               clock_wall_us(), session->train_data,
                               UDP_PORT_TRAIN_BYTES_MAX, &session->train))
            return fasp_sender_due(session->sender);
        count_on_vlink(session, session->train.size_bytes +
                                    session->train.count * FASP_WIRE_BYTES);
        if (!send_train(session))
            return UINT64_MAX;
    }
    return 0;
}

static uint64_t pump_reports(struct transfer_session *session)
{
    uint8_t report[FASP_DATAGRAM_BYTES_MAX];
    uint64_t now_ns = clock_mono_ns();
    uint32_t size_bytes;

    fasp_receiver_room(session->receiver, sink_room_bytes(session->sink),
                       sink_disk_queue_ns(session->sink), now_ns);
    fasp_receiver_vlink_queue(
        session->receiver,
        node_vlink_queue_ns(session->node, false, 0, now_ns));
    if (!session->path.is_proven)
        return UINT64_MAX;
    while (fasp_receiver_report(session->receiver, now_ns, report,
                                sizeof report, &size_bytes))
        send_one(session, &session->path.peer, report, size_bytes);
    return fasp_receiver_due(session->receiver);
}

/* The client of a pull speaks first, so that address translators let the
 * server's data in.  Returns when to speak again. */
static uint64_t open_way(struct transfer_session *session)
{
    uint64_t now_ns = clock_mono_ns();

    if (!session->is_client || session->datagram_ns != 0)
        return UINT64_MAX;
    if (now_ns >= session->opening_next_ns) {
        session->opening_next_ns = now_ns + OPENING_NS;
        send_path(session, &session->path.peer, FASP_PACKET_PATH_CHALLENGE,
                  session->path.token);
    }
    return session->opening_next_ns;
}

void session_pump(struct transfer_session *session)
{
    if (session->state != SESSION_RUNNING &&
        session->state != SESSION_FINISHING)
        return;
    if (session->is_sender) {
        uint64_t due_ns = pump_trains(session);
        session_send_turn(session);
        pump_at(session, due_ns);
    } else {
        session_receive_turn(session, false);
        uint64_t due_ns = pump_reports(session);
        uint64_t opening_ns = open_way(session);
        pump_at(session, opening_ns < due_ns ? opening_ns : due_ns);
    }
}

/* ---- time ---- */

/* Anything that a session can make progress by, as one number that grows.
 * What a sender sends is none: nobody may be there. */
static uint64_t progress_mark(const struct transfer_session *session)
{
    uint64_t mark = session->counts.done + session->counts.failed +
                    session->totals.files + session->totals.folders +
                    session->totals.failed;

    if (session->is_sender)
        mark += fasp_sender_delivered(session->sender, FASP_SPACE_DATA) +
                fasp_sender_delivered(session->sender, FASP_SPACE_CATALOGUE) +
                session->peer_totals.bytes_written +
                session->checker.checked_bytes + session->counted.files +
                session->counted.folders;
    else
        mark += session_bytes_transferred(session) +
                session->sink->status.written_bytes +
                session->sink->status.checked_bytes;
    return mark;
}

/* Which side it is that nothing moves at; NULL while something does. */
static const char *stalled_side(struct transfer_session *session,
                                uint64_t now_ns)
{
    uint64_t wait_ns = session->node->config.stall_timeout_ms * MS;
    uint64_t mark = progress_mark(session);
    bool sent_all =
        session->is_sender && fasp_sender_done(session->sender);

    if (mark != session->progress_mark || session->is_paused) {
        session->progress_mark = mark;
        session->progress_ns = now_ns;
    }
    uint64_t idle_ns = now_ns - session->progress_ns;
    if (session->datagram_ns != 0 && idle_ns >= wait_ns &&
        now_ns - session->datagram_ns >= wait_ns)
        return session->is_sender
                   ? "no datagram of the receiving node arrives: it hangs, or "
                     "something blocks UDP"
                   : "no datagram of the sending node arrives: it hangs, or "
                     "something blocks UDP";
    if (!session->is_sender || sent_all)
        wait_ns *= STALL_FACTOR_BLIND;
    if (idle_ns < wait_ns)
        return NULL;
    if (!session->is_sender)
        return "the sending node is there and sends nothing: it waits for its "
               "disk";
    return sent_all ? "the receiving node has everything, and its disk does "
                      "not take it"
                    : "the receiving node is there and takes nothing in: it "
                      "waits for its disk";
}

void session_data_tick(struct transfer_session *session, uint64_t now_ns)
{
    const struct transfer_node_config *config = &session->node->config;
    char text[80];

    if (session->datagram_ns == 0 &&
        now_ns - session->running_ns >= config->datagram_timeout_ms * MS) {
        snprintf(text, sizeof text, "UDP port %u of the server",
                 (unsigned)(session->is_client
                                ? session->peer_udp_port
                                : session->node->announced_udp_port));
        session_fail(session, FASP_ERROR_DATA_TIMEOUT, text);
        return;
    }
    if (now_ns - session->heard_ns >= config->lost_timeout_ms * MS) {
        session_fail(session, FASP_ERROR_LOST, NULL);
        return;
    }
    const char *side = stalled_side(session, now_ns);
    if (side != NULL) {
        session_fail(session, FASP_ERROR_STALLED, side);
        return;
    }
    session_stats_tick(session, now_ns);
    if (!session->is_sender)
        session_receive_tick(session);
    session_pump_soon(session);
}
