/* The receiving end: the sink tells how each file fared, and the sender is
 * told in turn. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transfer/node_internal.h"
#include "transfer/session.h"

static struct transfer_session *session_of(struct sink_owner *owner)
{
    return OWNER_OF(owner, struct transfer_session, sink_owner);
}

static void tell_file(struct transfer_session *session,
                      const struct file_writer_file *file,
                      enum transfer_file_state state)
{
    bool ended = state != TRANSFER_FILE_RUNNING;
    struct transfer_file told = {
        .local_id = file->local_id,
        .path = text_of(file->path),
        .state = state,
        .error = ended ? file->error : FASP_ERROR_NONE,
        .size_bytes = file->size_bytes,
        .start_offset = file->resumed_bytes,
        .bytes_written = state == TRANSFER_FILE_COMPLETED ? file->size_bytes
                         : ended                          ? 0
                                                          : file->resumed_bytes,
        .start_us = file->start_us,
        .end_us = ended ? file->end_us : 0,
    };

    char hex[2 * HASH_BYTES_MAX + 1];
    if (state == TRANSFER_FILE_COMPLETED && file->has_checksum)
        session_tell_checksum(session, file->checksum, hex, &told);
    session_tell_file(session, &told, file->file_id, file->place);
}

/* ---- what the sink tells ---- */

static void file_started(struct sink_owner *owner,
                         const struct file_writer_file *file)
{
    struct transfer_session *session = session_of(owner);

    session->counts.started++;
    tell_file(session, file, TRANSFER_FILE_RUNNING);
}

static void file_ended(struct sink_owner *owner,
                       const struct file_writer_file *file)
{
    struct transfer_session *session = session_of(owner);
    enum control_file_status status = CONTROL_FILE_DONE;
    enum transfer_file_state state = TRANSFER_FILE_COMPLETED;

    if (file->state == WRITER_FILE_FAILED) {
        status = CONTROL_FILE_FAILED;
        state = TRANSFER_FILE_FAILED;
    } else if (file->state == WRITER_FILE_SKIPPED) {
        status = CONTROL_FILE_SKIPPED;
        state = TRANSFER_FILE_SKIPPED;
    }
    if (file->is_started)
        session->counts.started--;
    tell_file(session, file, state);
    if (file->file_id != WRITER_NO_FILE_ID)
        session_add_result(&session->results, file->file_id, status,
                           file->error);
}

static void data_skipped(struct sink_owner *owner, uint64_t from_place,
                         uint64_t to_place)
{
    struct transfer_session *session = session_of(owner);

    if (session->receiver == NULL)
        return;
    if (!fasp_receiver_skip(session->receiver, FASP_SPACE_DATA, from_place,
                            to_place)) {
        session_fail(session, FASP_ERROR_MEMORY, NULL);
        return;
    }
    session_add_skip(&session->skips, from_place, to_place);
}

static void ask_sender(struct sink_owner *owner,
                       const struct file_writer_event *event)
{
    session_add_check(session_of(owner), event);
}

static struct control_totals totals_of(const struct transfer_session *session)
{
    return (struct control_totals){
        .files_done = session->counts.done,
        .files_failed = session->counts.failed,
        .files_skipped = session->counts.skipped,
        .bytes_written = session->sink->status.written_bytes,
    };
}

static void say_progress(struct transfer_session *session)
{
    struct control_message message = {.type = CONTROL_PROGRESS,
                                      .totals = totals_of(session)};
    const struct control_totals *told = &session->told_totals;

    if (message.totals.bytes_written == told->bytes_written &&
        message.totals.files_done == told->files_done &&
        message.totals.files_failed == told->files_failed)
        return;
    session->told_totals = message.totals;
    session_say(session, &message);
}

static void sink_failed(struct sink_owner *owner)
{
    struct transfer_session *session = session_of(owner);
    const struct file_writer_status *status = &session->sink->status;

    if (session->state == SESSION_RUNNING)
        say_progress(session); /* what is on disk, to the last byte */
    session_fail(session, status->error, status->text);
}

static void sink_progress(struct sink_owner *owner)
{
    struct transfer_session *session = session_of(owner);

    session->totals = session->sink->status.totals;
    session->scan_finished = session->sink->status.catalogue_complete;
    if (session_is_ending(session))
        session_kick(session); /* it waits for the sink */
    else
        session_pump_soon(session);
}

/* Everything is on disk.  Where nothing arrived and one cause explains all,
 * that cause is the session's error; else the sender is told DONE. */
static void sink_finished(struct sink_owner *owner)
{
    struct transfer_session *session = session_of(owner);
    const struct session_counts *counts = &session->counts;

    if (session->state != SESSION_RUNNING)
        return;
    session_say_results(session);
    if (counts->done == 0 && counts->failed > 0 && counts->failed_alike) {
        session_fail(session, counts->failed_error, NULL);
        return;
    }
    struct control_message message = {.type = CONTROL_DONE,
                                      .totals = totals_of(session)};
    session_move(session, SESSION_FINISHING);
    session->deadline_ns =
        loop_now_ns(session->node->loop) +
        session->node->config.control_timeout_ms * UINT64_C(1000000);
    session->deadline_error = FASP_ERROR_LOST;
    session_say(session, &message);
}

bool session_receive_open(struct transfer_session *session)
{
    session->says_go = file_writer_awaits_go(session->writer);
    session->sink = calloc(1, sizeof *session->sink);
    if (session->sink == NULL)
        return false;
    session->sink_owner = (struct sink_owner){
        .file_started = file_started,
        .file_ended = file_ended,
        .skip = data_skipped,
        .ask = ask_sender,
        .failed = sink_failed,
        .progress = sink_progress,
        .finished = sink_finished,
    };
    if (sink_open(session->sink, session->node->loop, &session->node->pool,
                  session->writer, &session->sink_owner) != 0) {
        free(session->sink);
        session->sink = NULL;
        return false;
    }
    session->writer = NULL; /* the sink has it */
    return true;
}

/* ---- turns ---- */

/* Lets the sender go on up to the first file that is still being compared. */
static void say_go(struct transfer_session *session)
{
    uint64_t judged = session->sink->status.judged_count;
    struct control_message message = {.type = CONTROL_GO,
                                      .go = {.file_count = judged}};

    if (!session->says_go || judged == session->go_count ||
        session->state != SESSION_RUNNING)
        return;
    session->go_count = judged;
    session_say(session, &message);
}

void session_receive_turn(struct transfer_session *session, bool flush)
{
    struct sink *sink = session->sink;

    if (sink->status.catalogue_complete) {
        fasp_receiver_limit(session->receiver, FASP_SPACE_DATA,
                            sink->status.totals.bytes);
        fasp_receiver_limit(session->receiver, FASP_SPACE_CATALOGUE,
                            sink->catalogue_taken);
    }
    sink_turn(sink, session->receiver, flush);
    session_say_results(session);
    say_go(session);
}

void session_receive_tick(struct transfer_session *session)
{
    if (session->state != SESSION_RUNNING)
        return;
    session_receive_turn(session, true);
    say_progress(session);
}

/* ---- what the sender tells ---- */

void session_receive_failures(struct transfer_session *session,
                              const struct control_file_results *results)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < results->count; i++) {
        const struct control_file_result *result = &results->items[i];
        enum fasp_error error = fasp_error_is_known(result->error)
                                    ? (enum fasp_error)result->error
                                    : FASP_ERROR_DISK_READ;
        count += result->count;
        if (result->status != CONTROL_FILE_FAILED ||
            count > LIMIT_WRITER_FILES) {
            session_fail(session, FASP_ERROR_PROTOCOL,
                         "the sender told results that are not its own");
            return;
        }
        for (uint64_t at = 0; at < result->count; at++)
            sink_fail_file(session->sink, result->first_id + at, error);
    }
    session_pump_soon(session);
}

void session_receive_answers(struct transfer_session *session,
                             const struct control_checked *checked)
{
    for (uint32_t i = 0; i < checked->count; i++)
        sink_answer(session->sink, checked->items[i].file_id,
                    checked->items[i].count, checked->items[i].equal);
    session_pump_soon(session);
}

void session_receive_done_ack(struct transfer_session *session)
{
    session_finish(session);
}
