/* The end that is connected to: from HELLO to its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/password.h"
#include "transfer/node_internal.h"
#include "transfer/route.h"
#include "transfer/session.h"
#include "transfer/signature.h"

/* Outlives the session when the owner answers late. */
struct transfer_login {
    struct transfer_session *session; /* NULL = it is gone */
};

static void set_deadline(struct transfer_session *session)
{
    session->deadline_ns =
        loop_now_ns(session->node->loop) +
        session->node->config.control_timeout_ms * UINT64_C(1000000);
}

void session_serve(struct transfer_session *session, struct tls_conn *conn)
{
    session->conn = conn;
    session->conn_ready = true;
    session->control_peer = *tls_conn_peer(conn);
    tls_conn_adopt(conn, &session_conn_events, session);
    set_deadline(session);
}

/* ---- HELLO ---- */

/* Copies what the session needs of the message for its whole life.  Returns
 * false when memory is used up. */
static bool copy_hello(struct transfer_session *session,
                       const struct control_hello *hello)
{
    struct transfer_params *params = &session->params;
    struct text *sources = arena_take_zeroed(
        &session->arena, hello->source_count + 1, sizeof *sources);

    if (sources == NULL)
        return false;
    for (uint32_t i = 0; i < hello->source_count; i++) {
        sources[i] = text_copy(&session->arena, hello->sources[i]);
        if (text_is_absent(sources[i]))
            return false;
    }
    params->sources = sources;
    params->source_count = hello->source_count;
    params->user = text_copy(&session->arena, hello->user);
    params->destination = text_copy(&session->arena, hello->destination);
    params->cookie = text_copy(&session->arena, hello->cookie);
    return session_files_of_hello(session, hello) &&
           !text_is_absent(params->user) &&
           !text_is_absent(params->destination) &&
           !text_is_absent(params->cookie);
}

static bool copy_auth(struct transfer_session *session,
                      const struct control_auth *auth)
{
    arena_reset(&session->auth_arena);
    session->auth = *auth;
    session->auth.password = text_copy(&session->auth_arena, auth->password);
    session->auth.key = text_copy(&session->auth_arena, auth->key);
    session->auth.signature = text_copy(&session->auth_arena, auth->signature);
    session->auth.token = text_copy(&session->auth_arena, auth->token);
    return session->auth.password.size_bytes == auth->password.size_bytes &&
           session->auth.key.size_bytes == auth->key.size_bytes &&
           session->auth.signature.size_bytes == auth->signature.size_bytes;
}

static enum transfer_overwrite overwrite_of(uint8_t overwrite)
{
    switch ((enum control_overwrite)overwrite) {
    case CONTROL_OVERWRITE_ALWAYS:
        return TRANSFER_OVERWRITE_ALWAYS;
    case CONTROL_OVERWRITE_DIFF:
        return TRANSFER_OVERWRITE_DIFF;
    case CONTROL_OVERWRITE_NEVER:
        return TRANSFER_OVERWRITE_NEVER;
    case CONTROL_OVERWRITE_OLDER:
        return TRANSFER_OVERWRITE_OLDER;
    case CONTROL_OVERWRITE_DIFF_AND_OLDER:
        return TRANSFER_OVERWRITE_DIFF_AND_OLDER;
    }
    NEVER("control_decode() lets known values through only");
}

static enum transfer_resume resume_of(uint8_t resume)
{
    switch ((enum control_resume)resume) {
    case CONTROL_RESUME_NONE:
        return TRANSFER_RESUME_NONE;
    case CONTROL_RESUME_ATTRIBUTES:
        return TRANSFER_RESUME_ATTRIBUTES;
    case CONTROL_RESUME_SPARSE:
        return TRANSFER_RESUME_SPARSE;
    case CONTROL_RESUME_FULL:
        return TRANSFER_RESUME_FULL;
    }
    NEVER("control_decode() lets known values through only");
}

/* What the order asks for that this node does not do; NULL when it does all. */
static const char *not_built(const struct control_hello *hello,
                             struct transfer_rates *rates)
{
    if (hello->protocol_version < CONTROL_PROTOCOL_VERSION)
        return "the protocol's version";
    if (!session_rates_from(&hello->rates, rates))
        return "the rate policy";
    return NULL;
}

static void take_hello(struct transfer_session *session,
                       const struct control_hello *hello)
{
    struct transfer_params *params = &session->params;
    struct transfer_node *node = session->node;
    char text[128];

    params->session_id = hello->session_id;
    params->job_id = hello->job_id;
    params->operation =
        hello->operation == CONTROL_PULL ? TRANSFER_PULL : TRANSFER_PUSH;
    session->is_sender = params->operation == TRANSFER_PULL;
    params->create_path = hello->create_path;
    params->preserve_times = hello->preserve_times;
    params->overwrite = overwrite_of(hello->overwrite);
    params->resume = resume_of(hello->resume);
    session->awaits_go = session->is_sender && hello->awaits_go;
    params->cipher = (enum transfer_cipher)hello->cipher;
    if (params->cipher == TRANSFER_CIPHER_NONE && !node->config.allow_plain)
        params->cipher = TRANSFER_CIPHER_AES_128;
    session->ordered_source_count = hello->ordered_source_count;
    session->peer_connection_id = hello->connection_id;

    const char *missing = not_built(hello, &params->rates);
    transfer_rules_apply(node_rules(node, session->is_sender), &params->rates);
    if (missing != NULL) {
        snprintf(text, sizeof text, "not built yet: %s", missing);
        session_fail(session, FASP_ERROR_USAGE, text);
        return;
    }
    if (session->is_sender && hello->source_count == 0) {
        session_fail(session, FASP_ERROR_NOTHING, NULL);
        return;
    }
    session->login = calloc(1, sizeof *session->login);
    if (session->login == NULL || !copy_hello(session, hello) ||
        !copy_auth(session, &hello->auth)) {
        session_fail(session, FASP_ERROR_MEMORY, NULL);
        return;
    }
    if (!session_files_are_good(params)) {
        session_fail(session, FASP_ERROR_USAGE, "a suffix has a slash");
        return;
    }
    session->datagram_bytes = route_datagram_bytes(
        &session->control_peer, hello->datagram_bytes, &session->local);
    session->login->session = session;
    session_trains_begin(session);
    session_move(session, SESSION_LOGIN);
    node->config.events->login(node->config.owner, session->login,
                               params->user);
}

void session_forget_login(struct transfer_session *session)
{
    if (session->login == NULL)
        return;
    session->login->session = NULL;
    session->login = NULL;
}

/* ---- who is it? ---- */

void transfer_login_answer(struct transfer_login *login,
                           const struct transfer_user *user)
{
    struct transfer_session *session = login->session;

    free(login);
    if (session == NULL)
        return;
    session->login = NULL;
    if (session_is_ending(session))
        return;
    if (user != NULL) {
        struct arena *arena = &session->arena;
        session->has_account = true;
        session->account.docroot = text_copy(arena, user->docroot);
        session->account.password_hash = text_copy(arena, user->password_hash);
        session->account.public_keys = text_copy(arena, user->public_keys);
        session->account.no_pull = user->no_pull;
        session->account.no_push = user->no_push;
    }
    session_move(session, SESSION_CHECKING);
    session_kick(session);
}

/* Whether one of the user's lines has the key. */
static bool has_line(struct text lines, const struct ssh_public_key *key)
{
    struct ssh_public_key listed;
    bool found = false;

    while (lines.size_bytes > 0) {
        const char *stop = memchr(lines.data, '\n', lines.size_bytes);
        uint32_t size_bytes =
            stop != NULL ? (uint32_t)(stop - lines.data) : lines.size_bytes;
        if (ssh_public_key_parse(text_from(lines.data, size_bytes), &listed) ==
            SSH_KEY_OK)
            found |= ssh_public_key_equal(&listed, key);
        size_bytes += stop != NULL ? 1 : 0;
        lines.data += size_bytes;
        lines.size_bytes -= size_bytes;
    }
    return found;
}

static enum fasp_error check_key(const struct transfer_session *session)
{
    const struct control_auth *auth = &session->auth;
    struct ssh_public_key key;

    if (!signature_read_key(auth->key, &key) ||
        auth->signature.size_bytes != SSH_SIGNATURE_BYTES)
        return FASP_ERROR_AUTHENTICATION;
    /* Verified first, so that a listed key cannot be told by the clock. */
    bool is_right =
        ssh_verify(&key, session->auth_message, sizeof session->auth_message,
                   (const uint8_t *)auth->signature.data);
    bool is_listed = has_line(session->account.public_keys, &key);
    return is_right && is_listed ? FASP_ERROR_NONE : FASP_ERROR_AUTHENTICATION;
}

static enum fasp_error check_password(const struct transfer_session *session)
{
    switch (password_verify(session->auth.password,
                            session->account.password_hash)) {
    case PASSWORD_RIGHT:
        return FASP_ERROR_NONE;
    case PASSWORD_WRONG:
    case PASSWORD_BAD_HASH:
        return FASP_ERROR_AUTHENTICATION;
    case PASSWORD_NO_MEMORY:
        return FASP_ERROR_MEMORY;
    }
    NEVER("password_verify() gave none of its results");
}

static void check_run(struct loop_work *work)
{
    struct transfer_session *session =
        OWNER_OF(work, struct session_work, work)->session;
    enum fasp_error error = FASP_ERROR_NOT_AUTHORISED; /* tokens: not built */

    if (session->auth.method == CONTROL_METHOD_PASSWORD)
        error = check_password(session);
    else if (session->auth.method == CONTROL_METHOD_PUBLIC_KEY)
        error = check_key(session);
    if (error == FASP_ERROR_NONE && !session->has_account)
        error = FASP_ERROR_AUTHENTICATION;
    session->auth_error = error;
}

/* Who logs in with what was right a moment ago does not wait for the slow
 * hash again. */
static bool knows_password(const struct transfer_session *session)
{
    return session->has_account &&
           session->auth.method == CONTROL_METHOD_PASSWORD &&
           password_known_has(&session->node->passwords,
                              session->account.password_hash,
                              session->auth.password,
                              loop_now_ns(session->node->loop));
}

static void remember_password(struct transfer_session *session)
{
    if (session->auth.method == CONTROL_METHOD_PASSWORD &&
        session->auth_error == FASP_ERROR_NONE)
        password_known_add(&session->node->passwords,
                           session->account.password_hash,
                           session->auth.password,
                           loop_now_ns(session->node->loop));
}

static void wipe_auth(struct transfer_session *session)
{
    struct text password = session->auth.password;

    if (password.size_bytes > 0)
        explicit_bzero((char *)(uintptr_t)password.data, password.size_bytes);
    session->auth = (struct control_auth){0};
    arena_reset(&session->auth_arena);
}

/* Wrong credentials: another attempt may follow, up to CONTROL_AUTH_MAX. */
static void refuse_login(struct transfer_session *session)
{
    char peer[ADDRESS_TEXT_BYTES];
    enum fasp_error error = session->auth_error;

    address_format(&session->control_peer, peer);
    LOG(transfer_login_failed, session->params.user.data, peer,
        (unsigned)session->attempt_count);
    if (session->attempt_count >= CONTROL_AUTH_MAX ||
        error == FASP_ERROR_MEMORY) {
        session_fail(session, error, NULL);
        return;
    }
    struct control_message message = {
        .type = CONTROL_REFUSE,
        .failure = {.error = error, .text = text_of(fasp_error_text(error))},
    };
    session_move(session, SESSION_GREETING);
    set_deadline(session);
    session_say(session, &message);
}

enum step session_step_checking(struct transfer_session *session)
{
    struct session_work *work = &session->check_work;

    if (!work->busy_since_start && knows_password(session)) {
        session->attempt_count++;
        session->auth_error = FASP_ERROR_NONE;
    } else if (!work->busy_since_start) {
        work->busy_since_start = true;
        session->attempt_count++;
        signature_message(session->conn, session->params.session_id,
                          session->params.user, session->auth_message);
        loop_work_start(session->node->loop, &session->node->login_strand,
                        &work->work, check_run, session_work_done);
        return STEP_WAIT;
    }
    if (loop_work_busy(&work->work))
        return STEP_WAIT;
    if (work->busy_since_start)
        remember_password(session);
    work->busy_since_start = false;
    wipe_auth(session);
    if (session->auth_error != FASP_ERROR_NONE) {
        refuse_login(session);
    } else if (session->is_sender ? session->account.no_pull
                                  : session->account.no_push) {
        session_fail(session, FASP_ERROR_NOT_AUTHORISED,
                     session->is_sender
                         ? "this user may not fetch files from here"
                         : "this user may not send files here");
    } else {
        session->docroot = session->account.docroot;
        session_move(session, SESSION_ADMITTING);
    }
    return STEP_AGAIN;
}

/* ---- letting it in ---- */

/* A job has one session at a time: when its next one is here, the client has
 * given up the one before, whatever this end has heard of it.  It must let go
 * of its files, so that they can be taken up.  Returns whether there is one. */
static bool end_former(const struct transfer_session *session)
{
    const struct transfer_params *params = &session->params;
    struct transfer_session *other = session->node->sessions;
    bool is_there = false;

    if (uuid_is_zero(params->job_id))
        return false;
    for (; other != NULL; other = other->next) {
        if (other == session || other->is_client || !other->has_account ||
            other->start_ns > session->start_ns ||
            !uuid_equal(other->params.job_id, params->job_id) ||
            !text_equal(other->params.user, params->user))
            continue;
        is_there = true;
        session_cut(other, "the job's next session is here");
    }
    return is_there;
}

void session_former_gone(struct transfer_node *node)
{
    struct transfer_session *session = node->sessions;

    for (; session != NULL; session = session->next) {
        if (session->state == SESSION_ADMITTING)
            session_kick(session);
    }
}

static void prepare_run(struct loop_work *work)
{
    session_prepare_files(OWNER_OF(work, struct session_work, work)->session);
}

static void accept_session(struct transfer_session *session)
{
    struct transfer_node *node = session->node;
    const struct transfer_params *params = &session->params;
    char id[UUID_TEXT_BYTES + 1];
    char peer[ADDRESS_TEXT_BYTES];

    session->connection_id = node_take_slot(node, session);
    if (session->connection_id == 0) {
        session_fail(session, FASP_ERROR_MEMORY, "too many sessions");
        return;
    }
    struct control_message message = {
        .type = CONTROL_ACCEPT,
        .accept =
            {
                .session_id = params->session_id,
                .udp_port = node->announced_udp_port,
                .connection_id = session->connection_id,
                .rates = session_control_rates(&params->rates),
                .datagram_bytes = session->datagram_bytes,
                .cipher = (uint8_t)params->cipher,
                .awaits_go = session->writer != NULL &&
                             file_writer_awaits_go(session->writer),
            },
    };
    session_say(session, &message);
    session_begin(session);
    if (session->state != SESSION_RUNNING)
        return;
    uuid_format(params->session_id, id);
    address_format(&session->control_peer, peer);
    LOG(transfer_let_in, id, params->user.data, peer);
    session->is_shown = true;
    node->config.events->opened(node->config.owner, session);
}

enum step session_step_admitting(struct transfer_session *session)
{
    struct session_work *work = &session->prepare_work;

    if (!work->busy_since_start) {
        if (end_former(session))
            return STEP_WAIT; /* for session_former_gone() */
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
    else if (session_trains_hold_up(session))
        return STEP_WAIT;
    else
        accept_session(session);
    return STEP_AGAIN;
}

void session_server_message(struct transfer_session *session,
                            const struct control_message *message)
{
    bool is_first = session->attempt_count == 0;

    if (session->state == SESSION_GREETING && is_first &&
        message->type == CONTROL_HELLO) {
        take_hello(session, &message->hello);
    } else if (session->state == SESSION_GREETING && !is_first &&
               message->type == CONTROL_AUTH) {
        if (!copy_auth(session, &message->auth)) {
            session_fail(session, FASP_ERROR_MEMORY, NULL);
            return;
        }
        session_move(session, SESSION_CHECKING);
        session_run(session);
    } else {
        session_fail(session, FASP_ERROR_PROTOCOL,
                     "the client's message is out of turn");
    }
}
