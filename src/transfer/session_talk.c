/* The control connection: bytes become messages, and messages find who they
 * are for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transfer/node_internal.h"
#include "transfer/session.h"

/* A message with its header, and as much again of the next one. */
#define INPUT_BYTES_MAX (2u * (LIMIT_CONTROL_MESSAGE_BYTES + 64u))

/* ---- saying ---- */

void session_say(struct transfer_session *session,
                 const struct control_message *message)
{
    if (session->conn == NULL)
        return;
    text_builder_reset(&session->output);
    control_encode(message, &session->output);
    if (session->output.failed) {
        session_fail(session, FASP_ERROR_MEMORY, "a message is too long");
        return;
    }
    tls_conn_send(session->conn, session->output.data,
                  session->output.size_bytes);
    if (message->type == CONTROL_HELLO || message->type == CONTROL_AUTH)
        explicit_bzero(session->output.data, session->output.size_bytes);
}

void session_say_end(struct transfer_session *session)
{
    struct control_message message = {
        .type = session->running_ns != 0 || session->is_client ? CONTROL_ABORT
                                                               : CONTROL_REFUSE,
        .failure = {.error = session->error,
                    .text = text_of(session->error_text)},
    };

    if (session->peer_knows || !session->conn_ready ||
        session->error == FASP_ERROR_NONE)
        return;
    session->peer_knows = true;
    session_say(session, &message);
}

struct control_rates session_control_rates(const struct transfer_rates *rates)
{
    struct control_rates told = {
        .target_kbps = rates->target_kbps,
        .minimum_kbps = rates->minimum_kbps,
        .cap_kbps = rates->cap_kbps,
    };

    switch (rates->policy) {
    case TRANSFER_FIXED:
        told.policy = CONTROL_FIXED;
        break;
    case TRANSFER_HIGH:
        told.policy = CONTROL_HIGH;
        break;
    case TRANSFER_FAIR:
        told.policy = CONTROL_FAIR;
        break;
    case TRANSFER_LOW:
        told.policy = CONTROL_LOW;
        break;
    }
    return told;
}

static uint32_t clamp_u32(uint64_t value)
{
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

bool session_rates_from(const struct control_rates *from,
                        struct transfer_rates *rates)
{
    static const enum transfer_policy policies[] = {
        [CONTROL_FIXED] = TRANSFER_FIXED,
        [CONTROL_HIGH] = TRANSFER_HIGH,
        [CONTROL_FAIR] = TRANSFER_FAIR,
        [CONTROL_LOW] = TRANSFER_LOW,
    };

    if (from->policy >= sizeof policies / sizeof policies[0])
        return false;
    *rates = (struct transfer_rates){
        .policy = policies[from->policy],
        .target_kbps = clamp_u32(from->target_kbps),
        .minimum_kbps = clamp_u32(from->minimum_kbps),
        .cap_kbps = clamp_u32(from->cap_kbps),
    };
    struct fasp_rates fasp = session_fasp_rates(rates);
    return fasp_rates_supported(&fasp);
}

void session_say_rates(struct transfer_session *session)
{
    struct control_message message = {
        .type = CONTROL_RATE,
        .rates = session_control_rates(&session->params.rates),
    };

    session_say(session, &message);
}

/* ---- hearing ---- */

static void take_peer_end(struct transfer_session *session,
                          const struct control_failure *failure)
{
    char text[300];
    uint32_t size_bytes = failure->text.size_bytes;

    snprintf(text, sizeof text, "the other node: %.*s",
             (int)(size_bytes < 256 ? size_bytes : 256),
             failure->text.data != NULL ? failure->text.data : "");
    session->peer_knows = true;
    session_fail(session,
                 fasp_error_is_known(failure->error)
                     ? (enum fasp_error)failure->error
                     : FASP_ERROR_PEER_ENDED,
                 text);
}

static void take_rates(struct transfer_session *session,
                       const struct control_rates *told)
{
    struct transfer_rates rates;

    if (!session_rates_from(told, &rates))
        session_fail(session, FASP_ERROR_PROTOCOL,
                     "the peer asked for rates that cannot be");
    else
        session_take_rates(session, &rates);
    /* Our rules may have made less of them; the other end is to know. */
    if (transfer_rules_apply(node_rules(session->node, session->is_sender),
                             &rates))
        session_say_rates(session);
}

/* What may be said while files move. */
static void take_running(struct transfer_session *session,
                         const struct control_message *message)
{
    switch (message->type) {
    case CONTROL_FILE_RESULTS:
        if (session->is_sender)
            session_send_results(session, &message->file_results);
        else
            session_receive_failures(session, &message->file_results);
        return;
    case CONTROL_SKIP:
        if (!session->is_sender)
            break;
        session_send_skips(session, &message->skip);
        return;
    case CONTROL_CHECK:
        if (!session->is_sender)
            break;
        session_send_check(session, &message->check);
        return;
    case CONTROL_GO:
        if (!session->is_sender)
            break;
        session_send_go(session, &message->go);
        return;
    case CONTROL_CHECKED:
        if (session->is_sender)
            break;
        session_receive_answers(session, &message->checked);
        return;
    case CONTROL_PROGRESS:
        if (!session->is_sender)
            break;
        session->peer_totals = message->totals;
        return;
    case CONTROL_DONE:
        if (!session->is_sender)
            break;
        session_send_done(session, &message->totals);
        return;
    case CONTROL_DONE_ACK:
        if (session->state != SESSION_FINISHING)
            break;
        session_receive_done_ack(session);
        return;
    case CONTROL_RATE:
        take_rates(session, &message->rates);
        return;
    case CONTROL_HELLO:
    case CONTROL_AUTH:
    case CONTROL_ACCEPT:
    case CONTROL_REFUSE:
    case CONTROL_ABORT:
        break;
    }
    session_fail(session, FASP_ERROR_PROTOCOL,
                 "the peer's message is out of turn");
}

static void take_message(struct transfer_session *session,
                         const struct control_message *message)
{
    session->heard_ns = clock_mono_ns();
    if (message->type == CONTROL_ABORT)
        take_peer_end(session, &message->failure);
    else if (session->state == SESSION_RUNNING ||
             session->state == SESSION_FINISHING)
        take_running(session, message);
    else if (session->is_client && session->state == SESSION_ASKING)
        session_client_message(session, message);
    else if (!session->is_client)
        session_server_message(session, message);
    else
        session_fail(session, FASP_ERROR_PROTOCOL,
                     "the server spoke before it was asked");
}

/* Takes the messages off the front of what came. */
static void take_input(struct transfer_session *session)
{
    uint32_t at = 0;

    while (!session_is_ending(session)) {
        struct control_message message;
        uint32_t used_bytes;
        arena_reset(&session->message_arena);
        enum control_result result = control_decode(
            session->input + at, session->input_bytes - at,
            &session->message_arena, &message, &used_bytes, NULL);
        if (result == CONTROL_MORE)
            break;
        at += used_bytes;
        if (result == CONTROL_SKIPPED)
            continue;
        if (result != CONTROL_OK) {
            session_fail(session,
                         result == CONTROL_MEMORY ? FASP_ERROR_MEMORY
                                                  : FASP_ERROR_PROTOCOL,
                         control_result_text(result));
            return;
        }
        take_message(session, &message);
    }
    session->input_bytes -= at;
    memmove(session->input, session->input + at, session->input_bytes);
    if (session->state < SESSION_RUNNING) /* a password may have been there */
        explicit_bzero(session->input + session->input_bytes, at);
}

static bool keep_input(struct transfer_session *session, const uint8_t *data,
                       uint32_t size_bytes)
{
    uint32_t need = session->input_bytes + size_bytes;

    if (need > session->input_room) {
        uint32_t room = session->input_room ? session->input_room : 4096;
        while (room < need)
            room *= 2;
        uint8_t *input =
            need <= INPUT_BYTES_MAX ? realloc(session->input, room) : NULL;
        if (input == NULL)
            return false;
        session->input = input;
        session->input_room = room;
    }
    memcpy(session->input + session->input_bytes, data, size_bytes);
    session->input_bytes = need;
    return true;
}

static void conn_ready(struct tls_conn *conn, void *owner)
{
    struct transfer_session *session = owner;

    (void)conn;
    if (!session_is_ending(session))
        session_client_ready(session);
}

static void conn_received(struct tls_conn *conn, const uint8_t *data,
                          uint32_t size_bytes, void *owner)
{
    struct transfer_session *session = owner;

    (void)conn;
    if (session_is_ending(session))
        return;
    if (keep_input(session, data, size_bytes))
        take_input(session);
    else
        session_fail(session, FASP_ERROR_MEMORY, NULL);
    if (session->state == SESSION_RUNNING)
        session_pump_soon(session);
}

static void conn_closed(struct tls_conn *conn, enum tls_conn_end end, int error,
                        void *owner)
{
    struct transfer_session *session = owner;
    char text[160];

    (void)conn;
    session->conn = NULL;
    if (session_is_ending(session)) {
        session_run(session);
        return;
    }
    if (session->state < SESSION_RUNNING) {
        session_closed_early(session, end, error);
        return;
    }
    session->peer_knows = true;
    tls_conn_end_format(end, error, text, sizeof text);
    session_fail(session, FASP_ERROR_LOST, text);
}

const struct tls_conn_events session_conn_events = {
    .ready = conn_ready,
    .received = conn_received,
    .closed = conn_closed,
};
