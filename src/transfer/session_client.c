/* The end that connects: from the order to the connection. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/known_hosts.h"
#include "transfer/node_internal.h"
#include "transfer/session.h"

/* ---- preparing: what must be known before anybody is called ---- */

static bool wants_key(const struct transfer_params *params)
{
    for (uint32_t i = 0; i < params->method_count; i++) {
        if (params->methods[i] == TRANSFER_METHOD_PUBLIC_KEY)
            return true;
    }
    return false;
}

/* Reads the private key.  One that cannot be read is no end yet: another
 * method may serve. */
static void read_key(struct transfer_session *session)
{
    char file[SSH_KEY_FILE_BYTES_MAX + 1];
    const struct transfer_params *params = &session->params;
    char *problem = session->key_problem;
    const uint32_t problem_bytes = sizeof session->key_problem;

    if (text_is_absent(params->key_path)) {
        snprintf(problem, problem_bytes, "no private key was named");
        return;
    }
    int fd = open(params->key_path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        snprintf(problem, problem_bytes, "key file: %s", strerror(errno));
        return;
    }
    ssize_t have = read(fd, file, sizeof file);
    close(fd);
    if (have < 0) {
        snprintf(problem, problem_bytes, "key file: %s", strerror(errno));
        return;
    }
    enum ssh_key_result result = ssh_private_key_parse(
        text_from(file, (size_t)have), params->key_passphrase, &session->key);
    explicit_bzero(file, sizeof file);
    session->has_key = result == SSH_KEY_OK;
    if (!session->has_key)
        snprintf(problem, problem_bytes, "key file: %s",
                 ssh_key_result_text(result));
}

/* Finds out whose key the server must show. */
static void find_host_key(struct transfer_session *session)
{
    struct transfer_params *params = &session->params;
    struct session_work *work = &session->prepare_work;

    if (!text_is_absent(params->fingerprint)) {
        session->host_key_known =
            fingerprint_parse(params->fingerprint, &session->host_key);
        if (!session->host_key_known) {
            work->error = FASP_ERROR_HOST_KEY;
            snprintf(work->text, sizeof work->text,
                     "the order's fingerprint is not of the form SHA256:...");
        }
        return;
    }
    if (text_is_absent(params->known_hosts_path)) {
        work->error = FASP_ERROR_HOST_KEY;
        snprintf(work->text, sizeof work->text,
                 "there is neither a fingerprint nor a known-hosts file");
        return;
    }
    int ret = known_hosts_find(params->known_hosts_path.data, params->host,
                               params->port, &session->host_key);
    session->host_key_known = ret == 1;
    if (ret < 0) {
        work->error = FASP_ERROR_HOST_KEY;
        snprintf(work->text, sizeof work->text, "known hosts: %s",
                 strerror(-ret));
    }
}

static void prepare_run(struct loop_work *work)
{
    struct transfer_session *session =
        OWNER_OF(work, struct session_work, work)->session;

    session_prepare_files(session);
    if (session->prepare_work.error == FASP_ERROR_NONE)
        find_host_key(session);
    if (session->prepare_work.error == FASP_ERROR_NONE &&
        wants_key(&session->params))
        read_key(session);
}

enum step session_step_preparing(struct transfer_session *session)
{
    struct session_work *work = &session->prepare_work;

    if (!work->busy_since_start) {
        if (!session_make_files(session)) {
            session_fail(session, FASP_ERROR_MEMORY, NULL);
            return STEP_AGAIN;
        }
        work->busy_since_start = true;
        loop_work_start(session->node->loop, NULL, &work->work, prepare_run,
                        session_work_done);
        return STEP_WAIT;
    }
    if (loop_work_busy(&work->work))
        return STEP_WAIT;
    if (work->error != FASP_ERROR_NONE)
        session_fail(session, work->error, work->text);
    else
        session_move(session, SESSION_RESOLVING);
    return STEP_AGAIN;
}

/* ---- resolving, connecting ---- */

static void resolved(struct resolver_query *query)
{
    session_run(OWNER_OF(query, struct transfer_session, resolver));
}

enum step session_step_resolving(struct transfer_session *session)
{
    const struct transfer_params *params = &session->params;
    struct resolver_query *query = &session->resolver;

    if (query->done == NULL) {
        if (params->host.size_bytes == 0 ||
            params->host.size_bytes > RESOLVER_NAME_BYTES_MAX) {
            session_fail(session, FASP_ERROR_CONTROL, "no usable host name");
            return STEP_AGAIN;
        }
        resolver_start(session->node->loop, query, params->host, params->port,
                       resolved);
        return STEP_WAIT;
    }
    if (resolver_busy(query))
        return STEP_WAIT;
    if (query->address_count == 0) {
        session_fail(session, FASP_ERROR_CONTROL, query->error);
        return STEP_AGAIN;
    }
    session->connect_ns = loop_now_ns(session->node->loop);
    session_move(session, SESSION_CONNECTING);
    return STEP_AGAIN;
}

/* The next address that our UDP port can reach, too. */
static const struct address *next_address(struct transfer_session *session)
{
    struct resolver_query *query = &session->resolver;

    while (session->address_index < query->address_count) {
        const struct address *address =
            &query->addresses[session->address_index];
        if (udp_port_reaches(session->node->udp, address))
            return address;
        session->address_index++;
    }
    return NULL;
}

enum step session_step_connecting(struct transfer_session *session)
{
    struct transfer_node *node = session->node;

    if (session->conn != NULL)
        return STEP_WAIT;

    const struct address *address = next_address(session);
    if (address == NULL) {
        session_fail(session, FASP_ERROR_CONTROL,
                     "none of the host's addresses can be used from here");
        return STEP_AGAIN;
    }
    session->control_peer = *address;
    session->conn = tls_conn_start_client(
        node->loop, node->client_context, address,
        node->config.control_timeout_ms, &session_conn_events, session);
    if (session->conn == NULL) {
        session_fail(session, FASP_ERROR_MEMORY, NULL);
        return STEP_AGAIN;
    }
    return STEP_WAIT;
}

static enum fasp_error error_of_end(enum tls_conn_end end)
{
    switch (end) {
    case TLS_CONN_END_CONNECT_TIMEOUT:
    case TLS_CONN_END_HANDSHAKE_TIMEOUT:
        return FASP_ERROR_CONTROL_TIMEOUT;
    case TLS_CONN_END_MEMORY:
        return FASP_ERROR_MEMORY;
    case TLS_CONN_END_PEER:
        return FASP_ERROR_PEER_ENDED;
    case TLS_CONN_END_OURS:
    case TLS_CONN_END_ABORTED:
    case TLS_CONN_END_REFUSED:
    case TLS_CONN_END_LOST:
    case TLS_CONN_END_HANDSHAKE:
    case TLS_CONN_END_TLS:
    case TLS_CONN_END_OVERFLOW:
        return FASP_ERROR_CONTROL;
    }
    NEVER("a connection ended in no way");
}

void session_closed_early(struct transfer_session *session,
                          enum tls_conn_end end, int error)
{
    char text[160];

    if (session->state == SESSION_CONNECTING && !session->conn_ready &&
        end == TLS_CONN_END_REFUSED &&
        session->address_index + 1 < session->resolver.address_count) {
        session->address_index++; /* a host may listen on one of several */
        session_run(session);
        return;
    }
    tls_conn_end_format(end, error, text, sizeof text);
    session_fail(session, error_of_end(end), text);
}
