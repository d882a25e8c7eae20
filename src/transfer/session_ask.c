/* The end that connects: from the server's key to its ACCEPT. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "transfer/known_hosts.h"
#include "transfer/node_internal.h"
#include "transfer/route.h"
#include "transfer/session.h"
#include "transfer/signature.h"

/* ---- trust, and the order ---- */

static bool method_is_possible(const struct transfer_session *session,
                               enum transfer_method method)
{
    switch (method) {
    case TRANSFER_METHOD_PUBLIC_KEY:
        return session->has_key;
    case TRANSFER_METHOD_PASSWORD:
        return !text_is_absent(session->params.password);
    case TRANSFER_METHOD_TOKEN:
        return !text_is_absent(session->params.token);
    }
    NEVER("a method has no meaning");
}

/* The next way to log in, from method_index on; false when none is left. */
static bool next_method(struct transfer_session *session)
{
    const struct transfer_params *params = &session->params;

    while (session->method_index < params->method_count &&
           !method_is_possible(session, params->methods[session->method_index]))
        session->method_index++;
    return session->method_index < params->method_count;
}

/* Memory that the credentials of one message lie in. */
struct auth_room {
    uint8_t key[SIGNATURE_KEY_BYTES];
    uint8_t signature[SSH_SIGNATURE_BYTES];
};

static struct control_auth make_auth(struct transfer_session *session,
                                     struct auth_room *room)
{
    const struct transfer_params *params = &session->params;
    uint8_t message[SIGNATURE_MESSAGE_BYTES];
    struct control_auth auth = {0};

    switch (params->methods[session->method_index]) {
    case TRANSFER_METHOD_PASSWORD:
        auth.method = CONTROL_METHOD_PASSWORD;
        auth.password = params->password;
        break;
    case TRANSFER_METHOD_PUBLIC_KEY:
        auth.method = CONTROL_METHOD_PUBLIC_KEY;
        signature_message(session->conn, params->session_id, params->user,
                          message);
        ssh_sign(&session->key, message, sizeof message, room->signature);
        signature_write_key(&session->key.public_key, room->key);
        auth.key = text_from((const char *)room->key, sizeof room->key);
        auth.signature =
            text_from((const char *)room->signature, sizeof room->signature);
        break;
    case TRANSFER_METHOD_TOKEN:
        auth.method = CONTROL_METHOD_TOKEN;
        auth.token = params->token;
        break;
    }
    return auth;
}

static void fill_hello(struct transfer_session *session,
                       struct control_hello *hello)
{
    const struct transfer_params *params = &session->params;
    bool is_pull = params->operation == TRANSFER_PULL;
    struct control_rates rates = session_control_rates(&params->rates);

    *hello = (struct control_hello){
        .protocol_version = CONTROL_PROTOCOL_VERSION,
        .session_id = params->session_id,
        .job_id = params->job_id,
        .operation = is_pull ? CONTROL_PULL : CONTROL_PUSH,
        .user = params->user,
        /* In a push the server wants to know, and needs no more than one. */
        .sources = params->sources,
        .source_count = is_pull ? params->source_count : 1,
        .ordered_source_count = params->source_count,
        .destination = params->destination,
        .rates = rates,
        .datagram_bytes = session->datagram_bytes,
        .cipher = (uint8_t)params->cipher,
        .create_path = params->create_path,
        .preserve_times = params->preserve_times,
        .connection_id = session->connection_id,
        .cookie = params->cookie,
        .agent = text_of("ferry"),
    };
    session_files_to_hello(params, hello);
    hello->awaits_go =
        session->writer != NULL && file_writer_awaits_go(session->writer);
    if (text_is_absent(hello->destination))
        hello->destination = text_of("");
}

/* Says HELLO, or after a refusal AUTH. */
static void ask(struct transfer_session *session, bool again)
{
    struct auth_room room;
    struct control_message message = {.type = CONTROL_HELLO};
    struct control_auth auth = make_auth(session, &room);

    if (again) {
        message.type = CONTROL_AUTH;
        message.auth = auth;
    } else {
        fill_hello(session, &message.hello);
        message.hello.auth = auth;
        if (!session_join_excludes(session, &message.hello.excludes)) {
            session_fail(session, FASP_ERROR_MEMORY, NULL);
            return;
        }
    }
    if (again ? !control_auth_fits(&message.auth)
              : !control_hello_fits(&message.hello)) {
        session_fail(session, FASP_ERROR_USAGE,
                     "a path, the user or the credentials are too long");
        return;
    }
    session->attempt_count++;
    session->deadline_ns =
        loop_now_ns(session->node->loop) +
        session->node->config.control_timeout_ms * UINT64_C(1000000);
    session_say(session, &message);
    session_trains_begin(session);
}

/* The server proved to be whom we want: now secrets may be sent. */
static void start_asking(struct transfer_session *session)
{
    session_move(session, SESSION_ASKING);
    if (!next_method(session)) {
        session_fail(session, FASP_ERROR_AUTHENTICATION,
                     session->key_problem[0] != '\0'
                         ? session->key_problem
                         : "there is neither a password nor a key");
        return;
    }
    session->connection_id = node_take_slot(session->node, session);
    if (session->connection_id == 0) {
        session_fail(session, FASP_ERROR_MEMORY, "too many sessions");
        return;
    }
    session->datagram_bytes =
        route_datagram_bytes(&session->control_peer,
                             session->params.datagram_bytes, &session->local);
    ask(session, false);
}

static void remember_run(struct loop_work *work)
{
    struct transfer_session *session =
        OWNER_OF(work, struct session_work, work)->session;
    const struct transfer_params *params = &session->params;
    int ret = known_hosts_add(params->known_hosts_path.data, params->host,
                              params->port, session->host_key);

    session->check_work.error =
        ret == 0 ? FASP_ERROR_NONE : FASP_ERROR_HOST_KEY;
    if (ret == -EEXIST)
        snprintf(session->check_work.text, sizeof session->check_work.text,
                 "known hosts: another key was recorded just now");
    else if (ret != 0)
        snprintf(session->check_work.text, sizeof session->check_work.text,
                 "known hosts: %s", strerror(-ret));
}

static void log_host(enum log_event event,
                     const struct transfer_session *session,
                     struct fingerprint key)
{
    char digest[FINGERPRINT_TEXT_BYTES + 1];
    const struct transfer_params *params = &session->params;

    fingerprint_format(key, digest);
    if (event == LOG_transfer_first_contact)
        LOG(transfer_first_contact, params->host.data, (unsigned)params->port,
            digest);
    else
        LOG(transfer_host_key_changed, params->host.data,
            (unsigned)params->port, digest);
}

enum step session_step_remembering(struct transfer_session *session)
{
    struct session_work *work = &session->check_work;

    if (!work->busy_since_start) {
        work->busy_since_start = true;
        loop_work_start(session->node->loop, NULL, &work->work, remember_run,
                        session_work_done);
        return STEP_WAIT;
    }
    if (loop_work_busy(&work->work))
        return STEP_WAIT;
    if (work->error != FASP_ERROR_NONE) {
        session_fail(session, work->error, work->text);
        return STEP_AGAIN;
    }
    log_host(LOG_transfer_first_contact, session, session->host_key);
    start_asking(session);
    return STEP_AGAIN;
}

void session_client_ready(struct transfer_session *session)
{
    struct fingerprint shown = tls_conn_fingerprint(session->conn);

    session->conn_ready = true;
    /* TCP and TLS took a round trip each. */
    session->rtt_ns =
        (loop_now_ns(session->node->loop) - session->connect_ns) / 2;
    if (!session->host_key_known) {
        session->host_key = shown;
        session_move(session, SESSION_REMEMBERING);
        session_run(session);
        return;
    }
    if (!fingerprint_equal(shown, session->host_key)) {
        log_host(LOG_transfer_host_key_changed, session, shown);
        session->peer_knows = true; /* an impostor is told nothing */
        session_fail(session, FASP_ERROR_HOST_KEY, NULL);
        return;
    }
    start_asking(session);
}

/* ---- the answer ---- */

static void take_accept(struct transfer_session *session,
                        const struct control_accept *accept)
{
    struct transfer_params *params = &session->params;
    struct transfer_rates rates;

    if (!uuid_equal(accept->session_id, params->session_id) ||
        !session_rates_from(&accept->rates, &rates) ||
        (enum transfer_cipher)accept->cipher < params->cipher) {
        session_fail(session, FASP_ERROR_PROTOCOL,
                     "the server's ACCEPT does not fit what was asked");
        return;
    }
    params->cipher = (enum transfer_cipher)accept->cipher;
    if (!session->rates_changed)
        params->rates = rates;
    session->awaits_go = session->is_sender && accept->awaits_go;
    session->peer_connection_id = accept->connection_id;
    session->peer_udp_port = accept->udp_port;
    if (accept->datagram_bytes != 0 &&
        accept->datagram_bytes < session->datagram_bytes)
        session->datagram_bytes = accept->datagram_bytes;
    if (session->datagram_bytes < FASP_DATAGRAM_BYTES_MIN)
        session->datagram_bytes = FASP_DATAGRAM_BYTES_MIN;
    session_begin(session);
    if (session->state != SESSION_RUNNING)
        return;
    session_tell_change(session, TRANSFER_CHANGE_LET_IN);
    if (session->rates_changed)
        session_say_rates(session);
}

static void take_refusal(struct transfer_session *session,
                         const struct control_failure *failure)
{
    char text[256];
    bool may_retry = failure->error == FASP_ERROR_AUTHENTICATION ||
                     failure->error == FASP_ERROR_NOT_AUTHORISED;

    session->method_index++;
    if (may_retry && session->attempt_count < CONTROL_AUTH_MAX &&
        next_method(session)) {
        ask(session, true);
        return;
    }
    if (session->key_problem[0] != '\0')
        snprintf(text, sizeof text, "%s", session->key_problem);
    else
        snprintf(text, sizeof text, "the server: %.*s",
                 (int)(failure->text.size_bytes < 200 ? failure->text.size_bytes
                                                      : 200),
                 failure->text.data);
    session->peer_knows = true;
    session_fail(session,
                 fasp_error_is_known(failure->error)
                     ? (enum fasp_error)failure->error
                     : FASP_ERROR_PEER_ENDED,
                 text);
}

void session_client_message(struct transfer_session *session,
                            const struct control_message *message)
{
    if (message->type == CONTROL_ACCEPT)
        take_accept(session, &message->accept);
    else if (message->type == CONTROL_REFUSE)
        take_refusal(session, &message->failure);
    else
        session_fail(session, FASP_ERROR_PROTOCOL,
                     "the server answered with neither ACCEPT nor REFUSE");
}
