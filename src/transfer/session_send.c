/* The sending end: the scan feeds the source, the source feeds the sender, and
 * the receiver's results come back. */
#include <stdlib.h>
#include <string.h>

#include "transfer/node_internal.h"
#include "transfer/session.h"

static struct transfer_session *session_of(struct source_owner *owner)
{
    return OWNER_OF(owner, struct transfer_session, source_owner);
}

static bool is_running(const struct transfer_session *session)
{
    return session->state == SESSION_RUNNING;
}

/* ---- what the source tells ---- */

static void tell_file(struct transfer_session *session,
                      const struct scan_batch *batch,
                      const struct scan_file *file,
                      enum transfer_file_state state, enum fasp_error error)
{
    uint64_t file_id = batch->file_id + (uint64_t)(file - batch->files);
    struct transfer_file told = {
        .local_id = file->local_id,
        .path = text_of(scan_batch_path(batch, file->path_at)),
        .state = state,
        .error = error,
        .size_bytes = file->size_bytes,
        .start_us = file->start_us,
        .bytes_lost = file->repeated_bytes,
    };

    char hex[2 * HASH_BYTES_MAX + 1];
    if (state == TRANSFER_FILE_COMPLETED && file->checksum != NULL)
        session_tell_checksum(session, file->checksum, hex, &told);
    if (state == TRANSFER_FILE_RUNNING || state == TRANSFER_FILE_COMPLETED)
        told.start_offset = file->skipped_bytes;
    if (state == TRANSFER_FILE_RUNNING)
        told.bytes_written = file->skipped_bytes;
    if (state != TRANSFER_FILE_RUNNING)
        told.end_us = session_now_us(session);
    if (state == TRANSFER_FILE_COMPLETED)
        told.bytes_written = file->size_bytes;
    session_tell_file(session, &told, file_id, file->place);
}

static void file_started(struct source_owner *owner,
                         const struct scan_batch *batch, struct scan_file *file)
{
    struct transfer_session *session = session_of(owner);

    file->start_us = session_now_us(session);
    session->counts.started++;
    tell_file(session, batch, file, TRANSFER_FILE_RUNNING, FASP_ERROR_NONE);
}

static void file_failed(struct source_owner *owner, uint64_t file_id,
                        enum fasp_error error)
{
    struct transfer_session *session = session_of(owner);

    if (!is_running(session)) {
        session_kick(session);
        return;
    }
    /* The receiver gives up the file, and answers with its result. */
    session_add_result(&session->results, file_id, CONTROL_FILE_FAILED, error);
    session_pump_soon(session);
}

static void data_ready(struct source_owner *owner)
{
    struct transfer_session *session = session_of(owner);

    if (!is_running(session)) {
        session_kick(session); /* ending: it waits for the source */
        return;
    }
    fasp_sender_ready(session->sender);
    session_pump_soon(session);
}

static void no_memory(struct source_owner *owner)
{
    session_fail(session_of(owner), FASP_ERROR_MEMORY, NULL);
    session_kick(session_of(owner));
}

static void file_checked(struct checker_owner *owner, uint64_t file_id,
                         bool equal)
{
    session_add_checked(OWNER_OF(owner, struct transfer_session, checker_owner),
                        file_id, equal);
}

static void checks_done(struct checker_owner *owner)
{
    struct transfer_session *session =
        OWNER_OF(owner, struct transfer_session, checker_owner);

    if (is_running(session))
        session_pump_soon(session);
    else
        session_kick(session);
}

static void removals_done(struct remover *remover)
{
    session_kick(OWNER_OF(remover, struct transfer_session, remover));
}

bool session_send_open(struct transfer_session *session)
{
    session->checker_owner = (struct checker_owner){
        .checked = file_checked,
        .done = checks_done,
    };
    remover_init(&session->remover, session->node->loop, session->docroot,
                 removals_done);
    checker_init(&session->checker, session->node->loop, session->docroot,
                 &session->checker_owner);
    session->checker.no_access_time =
        session->params.preserve_source_access_times;
    session->source_owner = (struct source_owner){
        .started = file_started,
        .failed = file_failed,
        .ready = data_ready,
        .no_memory = no_memory,
    };
    return true;
}

/* ---- the scan ---- */

static void tell_failures(struct transfer_session *session,
                          const struct scan_batch *batch)
{
    for (uint32_t i = 0; i < batch->failure_count; i++) {
        const struct scan_failure *failure = &batch->failures[i];
        struct transfer_file told = {
            .local_id = failure->local_id,
            .path = text_of(scan_batch_path(batch, failure->path_at)),
            .state = TRANSFER_FILE_FAILED,
            .error = failure->error,
            .start_us = session_now_us(session),
            .end_us = session_now_us(session),
        };
        session_tell_file(session, &told, UINT64_MAX, 0);
    }
}

/* Lets the data be sent that may be sent. */
static void open_data(struct transfer_session *session)
{
    struct source *source = session->source;
    struct scan_batch *batch;
    uint64_t end = source->data_end;

    if (session->awaits_go && session->go_count < session->totals.files) {
        const struct scan_file *file =
            source_file(source, session->go_count, &batch);
        if (file == NULL)
            return; /* it ended already, so its data is behind us */
        end = file->place;
    }
    source->data_open = end;
    fasp_sender_limit(session->sender, FASP_SPACE_DATA, end,
                      session->scan_finished && end == source->data_end);
}

static void take_batch(struct transfer_session *session,
                       struct scan_batch *batch)
{
    tell_failures(session, batch);
    session->totals = batch->totals;
    session->scan_finished = batch->last;
    if (batch->last &&
        batch->totals.files + batch->totals.folders + batch->totals.symlinks ==
            0) {
        enum fasp_error error = scan_first_error(session->scan);
        scan_batch_free(batch);
        session_fail(session,
                     error != FASP_ERROR_NONE ? error : FASP_ERROR_NOTHING,
                     NULL);
        return;
    }
    bool last = batch->last;
    uint64_t catalogue_end = batch->catalogue_place + batch->catalogue_bytes;
    source_add(session->source, batch);
    fasp_sender_limit(session->sender, FASP_SPACE_CATALOGUE, catalogue_end,
                      last);
    open_data(session);
    session_pump_soon(session);
}

static void scan_run(struct loop_work *work)
{
    struct transfer_session *session =
        OWNER_OF(work, struct session_work, work)->session;

    session->scanned = scan_next(session->count != NULL && !session->is_counted
                                     ? session->count
                                     : session->scan);
}

static void scan_done(struct loop_work *work)
{
    struct transfer_session *session =
        OWNER_OF(work, struct session_work, work)->session;
    struct scan_batch *batch = session->scanned;

    if (is_running(session)) {
        session->scanned = NULL;
        if (batch == NULL) {
            session_fail(session, FASP_ERROR_MEMORY, NULL);
        } else if (session->count != NULL && !session->is_counted) {
            session->counted = batch->totals;
            session->is_counted = batch->last;
            scan_batch_free(batch);
            session_pump_soon(session);
        } else {
            take_batch(session, batch);
        }
    }
    session_run(session);
}

static void start_scan(struct transfer_session *session)
{
    struct loop_work *work = &session->scan_work.work;

    if (session->scan_finished || loop_work_busy(work) ||
        source_batch_count(session->source) >= LIMIT_SCAN_BATCHES)
        return;
    loop_work_start(session->node->loop, NULL, work, scan_run, scan_done);
}

void session_send_turn(struct transfer_session *session)
{
    uint64_t rate_bps = UINT64_C(1000) * session->params.rates.target_kbps;

    source_turn(session->source,
                fasp_sender_delivered(session->sender, FASP_SPACE_CATALOGUE),
                fasp_sender_delivered(session->sender, FASP_SPACE_DATA),
                rate_bps);
    start_scan(session);
    session_say_results(session);
}

/* ---- what the receiver tells ---- */

static void take_result(struct transfer_session *session,
                        struct scan_batch *batch, struct scan_file *file,
                        const struct control_file_result *result)
{
    enum transfer_file_state state = TRANSFER_FILE_COMPLETED;
    enum fasp_error error = FASP_ERROR_NONE;

    if (result->status == CONTROL_FILE_FAILED) {
        state = TRANSFER_FILE_FAILED;
        error = fasp_error_is_known(result->error)
                    ? (enum fasp_error)result->error
                    : FASP_ERROR_DISK_WRITE;
    } else if (result->status == CONTROL_FILE_SKIPPED) {
        state = TRANSFER_FILE_SKIPPED;
    }
    if (file->state == SCAN_FILE_STARTED)
        session->counts.started--;
    else
        file->start_us = session_now_us(session); /* empty, or skipped */
    source_file_ended(session->source, batch, file);
    tell_file(session, batch, file, state, error);
    if (session->params.remove_sources && state == TRANSFER_FILE_COMPLETED)
        remover_add(&session->remover, scan_batch_path(batch, file->path_at),
                    file->size_bytes, file->mtime_ns);
}

void session_send_results(struct transfer_session *session,
                          const struct control_file_results *results)
{
    for (uint32_t i = 0; i < results->count; i++) {
        const struct control_file_result *result = &results->items[i];
        for (uint64_t at = 0; at < result->count; at++) {
            struct scan_batch *batch;
            struct scan_file *file =
                source_file(session->source, result->first_id + at, &batch);
            if (file == NULL || file->state == SCAN_FILE_ENDED) {
                session_fail(session, FASP_ERROR_PROTOCOL,
                             "the result of a file that was not sent");
                return;
            }
            take_result(session, batch, file, result);
        }
    }
    session_pump_soon(session);
}

void session_send_check(struct transfer_session *session,
                        const struct control_check *check)
{
    if (!checker_add(&session->checker, session->source, check))
        session_fail(session, FASP_ERROR_PROTOCOL,
                     "the receiver asks about what is not there, or too much");
}

void session_send_go(struct transfer_session *session,
                     const struct control_go *go)
{
    if (!session->awaits_go || go->file_count < session->go_count ||
        go->file_count > session->totals.files) {
        session_fail(session, FASP_ERROR_PROTOCOL,
                     "the receiver's GO is out of place");
        return;
    }
    session->go_count = go->file_count;
    open_data(session);
    session_pump_soon(session);
}

void session_send_skips(struct transfer_session *session,
                        const struct control_skip *skip)
{
    for (uint32_t i = 0; i < skip->count; i++) {
        const struct control_range *range = &skip->items[i];
        if (range->to_place > session->totals.bytes) {
            session_fail(session, FASP_ERROR_PROTOCOL,
                         "the receiver skips what is not there");
            return;
        }
        source_skipped(session->source, range->from_place, range->to_place);
        if (!fasp_sender_skip(session->sender, FASP_SPACE_DATA,
                              range->from_place, range->to_place)) {
            session_fail(session, FASP_ERROR_MEMORY, NULL);
            return;
        }
    }
    session_pump_soon(session);
}

void session_send_done(struct transfer_session *session,
                       const struct control_totals *totals)
{
    const struct session_counts *counts = &session->counts;
    struct control_message message = {.type = CONTROL_DONE_ACK,
                                      .totals = *totals};

    if (!session->scan_finished ||
        counts->done + counts->failed !=
            session->totals.files + session->totals.failed ||
        totals->files_done != counts->done ||
        totals->files_failed != counts->failed) {
        session_fail(session, FASP_ERROR_PROTOCOL,
                     "the receiver says DONE, and files are missing");
        return;
    }
    session->peer_totals = *totals;
    session_say(session, &message);
    session_finish(session);
}
