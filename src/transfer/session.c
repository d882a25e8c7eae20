#include "transfer/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "transfer/node_internal.h"

/* Texts of an order: paths above all; its message is 1 MiB at most. */
#define ARENA_BYTES (16u << 20)
#define MESSAGE_ARENA_BYTES (4u << 20)

static const struct state_rule rules[] = {
    [SESSION_PREPARING] = {"preparing",
                           NEXT(SESSION_RESOLVING) | NEXT(SESSION_ENDING)},
    [SESSION_RESOLVING] = {"resolving",
                           NEXT(SESSION_CONNECTING) | NEXT(SESSION_ENDING)},
    [SESSION_CONNECTING] = {"connecting", NEXT(SESSION_REMEMBERING) |
                                              NEXT(SESSION_ASKING) |
                                              NEXT(SESSION_ENDING)},
    [SESSION_REMEMBERING] = {"remembering",
                             NEXT(SESSION_ASKING) | NEXT(SESSION_ENDING)},
    [SESSION_ASKING] = {"asking", NEXT(SESSION_RUNNING) | NEXT(SESSION_ENDING)},
    [SESSION_GREETING] = {"greeting", NEXT(SESSION_LOGIN) |
                                          NEXT(SESSION_CHECKING) |
                                          NEXT(SESSION_ENDING)},
    [SESSION_LOGIN] = {"login", NEXT(SESSION_CHECKING) | NEXT(SESSION_ENDING)},
    [SESSION_CHECKING] = {"checking", NEXT(SESSION_GREETING) |
                                          NEXT(SESSION_ADMITTING) |
                                          NEXT(SESSION_ENDING)},
    [SESSION_ADMITTING] = {"admitting",
                           NEXT(SESSION_RUNNING) | NEXT(SESSION_ENDING)},
    [SESSION_RUNNING] = {"running",
                         NEXT(SESSION_FINISHING) | NEXT(SESSION_ENDING)},
    [SESSION_FINISHING] = {"finishing", NEXT(SESSION_ENDING)},
    [SESSION_ENDING] = {"ending", NEXT(SESSION_CLEANING)},
    [SESSION_CLEANING] = {"cleaning", NEXT(SESSION_ENDED)},
    [SESSION_ENDED] = {"ended", 0},
};

void session_move(struct transfer_session *session, enum session_state next)
{
    char id[UUID_TEXT_BYTES + 1];

    if (log_is_on(LOG_DEBUG)) {
        uuid_format(session->params.session_id, id);
        LOG(transfer_moved, id, rules[session->state].name, rules[next].name);
    }
    state_move(&session->state, (uint8_t)next, rules);
}

bool session_is_ending(const struct transfer_session *session)
{
    return session->state >= SESSION_ENDING;
}

static void session_kicked(struct loop_timer *timer);
static void session_ticked(struct loop_timer *timer);

struct transfer_session *session_new(struct transfer_node *node, bool is_client)
{
    struct transfer_session *session =
        aligned_alloc(_Alignof(struct transfer_session), sizeof *session);

    if (session == NULL)
        return NULL;
    memset(session, 0, sizeof *session);
    session->node = node;
    session->is_client = is_client;
    session->state = is_client ? SESSION_PREPARING : SESSION_GREETING;
    session->outcome = TRANSFER_CONNECTING;
    session->start_us = clock_wall_us();
    session->start_ns = clock_mono_ns();
    session->heard_ns = session->start_ns;
    session->deadline_error = FASP_ERROR_CONTROL_TIMEOUT;
    arena_init(&session->arena, ARENA_BYTES);
    arena_init(&session->auth_arena, MESSAGE_ARENA_BYTES);
    arena_init(&session->message_arena, MESSAGE_ARENA_BYTES);
    session->prepare_work.session = session;
    session->check_work.session = session;
    session->clean_work.session = session;
    session->scan_work.session = session;

    session->next = node->sessions;
    if (session->next != NULL)
        session->next->previous = session;
    node->sessions = session;
    node->session_count++;
    loop_timer_start(node->loop, &session->tick,
                     session->start_ns + SESSION_TICK_NS, session_ticked);
    return session;
}

void session_kick(struct transfer_session *session)
{
    loop_timer_start(session->node->loop, &session->kick, 0, session_kicked);
}

int64_t session_now_us(const struct transfer_session *session)
{
    uint64_t age_ns = clock_mono_ns() - session->start_ns;

    return session->start_us + (int64_t)(age_ns / 1000);
}

/* ---- how it ends ---- */

static void end(struct transfer_session *session, enum transfer_state outcome,
                enum fasp_error error, const char *detail)
{
    if (session_is_ending(session))
        return;
    session->outcome = outcome;
    session->error = error;
    session->end_us = session_now_us(session);
    if (error != FASP_ERROR_NONE) {
        bool has_detail = detail != NULL && detail[0] != '\0';
        snprintf(session->error_text, sizeof session->error_text,
                 has_detail ? "%s (%s)" : "%s", fasp_error_text(error), detail);
    }
    session_move(session, SESSION_ENDING);
    session_kick(session);
}

void session_fail(struct transfer_session *session, enum fasp_error error,
                  const char *detail)
{
    end(session,
        error == FASP_ERROR_CANCELLED ? TRANSFER_CANCELLED : TRANSFER_FAILED,
        error, detail);
}

void session_finish(struct transfer_session *session)
{
    session->peer_knows = true;
    if (session->counts.failed > 0)
        end(session, TRANSFER_FAILED, FASP_ERROR_SOME_FILES, NULL);
    else
        end(session, TRANSFER_COMPLETED, FASP_ERROR_NONE, NULL);
}

void session_cut(struct transfer_session *session, const char *why)
{
    session->peer_knows = true;
    session_fail(session, FASP_ERROR_LOST, why);
    if (session->conn != NULL)
        tls_conn_abort(session->conn);
}

static bool is_busy(const struct transfer_session *session)
{
    return session->conn != NULL || resolver_busy(&session->resolver) ||
           loop_work_busy(&session->prepare_work.work) ||
           loop_work_busy(&session->check_work.work) ||
           loop_work_busy(&session->scan_work.work) ||
           (session->source != NULL && source_is_busy(session->source)) ||
           checker_is_busy(&session->checker) ||
           remover_is_busy(&session->remover) ||
           manifest_is_busy(&session->manifest) ||
           (session->sink != NULL && sink_is_busy(session->sink));
}

static enum step step_ending(struct transfer_session *session)
{
    loop_timer_stop(session->node->loop, &session->tick);
    session_data_stop(session);
    session_forget_login(session);
    checker_stop(&session->checker);
    if (session->conn != NULL) {
        session_say_end(session);
        tls_conn_close(session->conn);
    }
    if (is_busy(session))
        return STEP_WAIT; /* what ends calls session_run() */
    session_move(session, SESSION_CLEANING);
    return STEP_AGAIN;
}

/* Closing thousands of files, and removing hidden ones, may wait for a disk. */
static void clean_run(struct loop_work *work)
{
    struct transfer_session *session =
        OWNER_OF(work, struct session_work, work)->session;

    const struct transfer_params *params = &session->params;
    bool empties = session->is_sender && params->remove_folders &&
                   params->remove_sources &&
                   session->outcome == TRANSFER_COMPLETED;

    for (uint32_t i = 0; empties && i < params->source_count; i++)
        remover_empty_folders(session->docroot, params->sources[i]);
    if (manifest_is_open(&session->manifest))
        session_close_manifest(session);
    scan_close(session->scan);
    scan_close(session->count);
    scan_batch_free(session->scanned);
    file_writer_free(session->writer);
}

static void clean_done(struct loop_work *work)
{
    struct transfer_session *session =
        OWNER_OF(work, struct session_work, work)->session;

    session_move(session, SESSION_ENDED);
    session_run(session);
}

static enum step step_cleaning(struct transfer_session *session)
{
    struct session_work *work = &session->clean_work;

    if (work->busy_since_start)
        return STEP_WAIT;
    if (session->sink != NULL)
        session->writer = sink_take_writer(session->sink);
    work->busy_since_start = true;
    loop_work_start(session->node->loop, NULL, &work->work, clean_run,
                    clean_done);
    return STEP_WAIT;
}

static void log_datagrams(const struct transfer_session *session,
                          const char *id)
{
    const char *end = session->is_client ? "client" : "server";

    if (session->sender != NULL) {
        struct fasp_sender_statistics count;
        fasp_sender_statistics(session->sender, clock_mono_ns(), &count);
        LOG(transfer_datagrams, id, end, count.sent_packets, count.reports,
            count.lost_packets, count.repeated_packets,
            count.duplicate_packets, count.refused_packets,
            (unsigned)count.datagram_bytes);
    } else if (session->receiver != NULL) {
        struct fasp_receiver_statistics count;
        fasp_receiver_statistics(session->receiver, &count);
        LOG(transfer_datagrams, id, end, count.reports, count.packets,
            count.missing_packets, UINT64_C(0), count.duplicate_packets,
            count.malformed_packets + count.forged_packets +
                count.no_room_packets,
            (unsigned)count.datagram_bytes);
    }
}

static void log_end(const struct transfer_session *session)
{
    char id[UUID_TEXT_BYTES + 1];

    uuid_format(session->params.session_id, id);
    log_datagrams(session, id);
    LOG(transfer_ended, id, session->is_client ? "client" : "server",
        session->is_sender ? "sender" : "receiver", (int)session->error,
        fasp_error_name(session->error), session->counts.done,
        session->counts.failed, session_bytes_transferred(session),
        (uint64_t)(session->end_us - session->start_us) / 1000);
}

static void free_session(struct transfer_session *session)
{
    session_data_close(session);
    checker_close(&session->checker, session->source);
    remover_close(&session->remover);
    if (session->source != NULL)
        source_close(session->source);
    if (session->sink != NULL)
        sink_close(session->sink);
    free(session->source);
    free(session->sink);
    free(session->results.items);
    free(session->skips.items);
    free(session->checks.items);
    free(session->checks.digests);
    free(session->checks.checked);
    free(session->input);
    text_builder_free(&session->output);
    ssh_private_key_wipe(&session->key);
    arena_free(&session->arena);
    arena_free(&session->auth_arena);
    arena_free(&session->message_arena);
    node_session_gone(session->node, session);
    free(session);
}

static void step_ended(struct transfer_session *session)
{
    loop_timer_stop(session->node->loop, &session->kick);
    log_end(session);
    if (session->is_shown)
        session->node->config.events->ended(session->node->config.owner,
                                            session);
    free_session(session);
}

/* ---- its life ---- */

/* The whole life of a session, in the order in which it happens. */
void session_run(struct transfer_session *session)
{
    enum step step = STEP_AGAIN;

    while (step == STEP_AGAIN) {
        switch ((enum session_state)session->state) {
        case SESSION_PREPARING:
            step = session_step_preparing(session);
            break;
        case SESSION_RESOLVING:
            step = session_step_resolving(session);
            break;
        case SESSION_CONNECTING:
            step = session_step_connecting(session);
            break;
        case SESSION_REMEMBERING:
            step = session_step_remembering(session);
            break;
        case SESSION_CHECKING:
            step = session_step_checking(session);
            break;
        case SESSION_ADMITTING:
            step = session_step_admitting(session);
            break;
        case SESSION_ASKING:
        case SESSION_GREETING:
        case SESSION_LOGIN:
        case SESSION_RUNNING:
        case SESSION_FINISHING:
            step = STEP_WAIT; /* for messages, datagrams, works */
            break;
        case SESSION_ENDING:
            step = step_ending(session);
            break;
        case SESSION_CLEANING:
            step = step_cleaning(session);
            break;
        case SESSION_ENDED:
            step_ended(session);
            return;
        }
    }
}

void session_work_done(struct loop_work *work)
{
    session_run(OWNER_OF(work, struct session_work, work)->session);
}

static void tell_changes(struct transfer_session *session)
{
    const struct transfer_node_config *config = &session->node->config;
    uint32_t changes = session->changes;

    session->changes = 0;
    if (!session->is_shown)
        return;
    for (uint32_t i = 0; i <= TRANSFER_CHANGE_RESUMED; i++) {
        if (changes & NEXT(i))
            config->events->changed(config->owner, session,
                                    (enum transfer_change)i);
    }
}

static void session_kicked(struct loop_timer *timer)
{
    struct transfer_session *session =
        OWNER_OF(timer, struct transfer_session, kick);

    tell_changes(session);
    session_run(session);
}

void session_tell_change(struct transfer_session *session,
                         enum transfer_change change)
{
    session->changes |= NEXT(change);
    session_kick(session);
}

static void session_ticked(struct loop_timer *timer)
{
    struct transfer_session *session =
        OWNER_OF(timer, struct transfer_session, tick);
    /* Datagrams are stamped with the clock itself, which may be ahead of the
     * turn's time. */
    uint64_t now_ns = clock_mono_ns();

    loop_timer_start(session->node->loop, timer, now_ns + SESSION_TICK_NS,
                     session_ticked);
    if (session->deadline_ns != 0 && now_ns >= session->deadline_ns) {
        session_fail(session, session->deadline_error, NULL);
        return;
    }
    if (session->state == SESSION_RUNNING ||
        session->state == SESSION_FINISHING)
        session_data_tick(session, now_ns);
}

void session_begin(struct transfer_session *session)
{
    uint64_t now_ns = clock_mono_ns();

    session_move(session, SESSION_RUNNING);
    session->deadline_ns = 0;
    session->running_ns = now_ns;
    session->heard_ns = now_ns;
    session->progress_ns = now_ns;
    session->is_paused = session->params.rates.target_kbps == 0;
    if (!session_data_open(session)) {
        session_fail(session, FASP_ERROR_MEMORY, NULL);
        return;
    }
    session_pump_soon(session);
}

void session_take_rates(struct transfer_session *session,
                        const struct transfer_rates *rates)
{
    uint64_t now_ns = clock_mono_ns();
    bool paused = rates->target_kbps == 0;
    bool was_paused = session->is_paused;

    session->params.rates = *rates;
    transfer_rules_apply(node_rules(session->node, session->is_sender),
                         &session->params.rates);
    session->is_paused = paused;
    if (session->sender != NULL) {
        struct fasp_rates fasp = session_fasp_rates(&session->params.rates);
        if (!paused && !fasp_sender_set_rates(session->sender, &fasp, now_ns))
            session_fail(session, FASP_ERROR_USAGE,
                         "the rate policy is not built");
        fasp_sender_pause(session->sender, paused, now_ns);
        session_pump_soon(session);
    }
    session->progress_ns = now_ns;
    if (session->state != SESSION_RUNNING || paused == was_paused)
        session_tell_change(session, TRANSFER_CHANGE_RATES);
    else
        session_tell_change(session, paused ? TRANSFER_CHANGE_PAUSED
                                            : TRANSFER_CHANGE_RESUMED);
}
