/* What a session tells of itself. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "transfer/node_internal.h"
#include "transfer/session.h"

uint64_t session_bytes_transferred(const struct transfer_session *session)
{
    if (session->is_sender)
        return session->source != NULL ? session->source->new_bytes : 0;
    return session->sink != NULL ? session->sink->arrived_bytes : 0;
}

static uint64_t written_bytes(const struct transfer_session *session)
{
    if (session->is_sender)
        return session->peer_totals.bytes_written;
    return session->sink != NULL ? session->sink->status.written_bytes : 0;
}

void session_stats_tick(struct transfer_session *session, uint64_t now_ns)
{
    uint32_t index = (session->rate_index + 1) % (SESSION_RATE_TICKS + 1);

    session->rate_index = index;
    session->rate_samples[index] = session_bytes_transferred(session);
    session->rate_times[index] = now_ns;
}

/* Over the samples that are kept: about a second. */
static uint64_t rate_kbps(const struct transfer_session *session)
{
    uint32_t newest = session->rate_index;
    uint32_t oldest = (newest + 1) % (SESSION_RATE_TICKS + 1);

    while (session->rate_times[oldest] == 0 && oldest != newest)
        oldest = (oldest + 1) % (SESSION_RATE_TICKS + 1);
    uint64_t time_ns =
        session->rate_times[newest] - session->rate_times[oldest];
    uint64_t bytes =
        session->rate_samples[newest] - session->rate_samples[oldest];
    return time_ns == 0 ? 0 : bytes * 8 / (time_ns / 1000 + 1) * 1000;
}

/* Remembers the file that moved last. */
static void set_moved(struct transfer_session *session,
                      const struct transfer_file *told, uint64_t file_id,
                      uint64_t place)
{
    uint32_t path_bytes = told->path.size_bytes;

    if (path_bytes >= sizeof session->file_path)
        path_bytes = sizeof session->file_path - 1;
    memcpy(session->file_path, told->path.data, path_bytes);
    session->file_path[path_bytes] = '\0';
    session->file = *told;
    session->file.path = text_from(session->file_path, path_bytes);
    session->file.checksum = TEXT_ABSENT;
    session->file.checksum_type = TEXT_ABSENT;
    session->file_id = file_id;
    session->file_place = place;
}

void session_tell_checksum(const struct transfer_session *session,
                           const uint8_t *digest,
                           char hex[2 * HASH_BYTES_MAX + 1],
                           struct transfer_file *told)
{
    static const enum hash_kind kinds[] = {
        [TRANSFER_CHECKSUM_SHA1] = HASH_SHA1,
        [TRANSFER_CHECKSUM_MD5] = HASH_MD5,
        [TRANSFER_CHECKSUM_SHA256] = HASH_SHA256,
    };

    if (session->params.checksum == TRANSFER_CHECKSUM_NONE)
        return;
    enum hash_kind kind = kinds[session->params.checksum];
    for (uint32_t i = 0; i < hash_bytes(kind); i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    told->checksum = text_of(hex);
    told->checksum_type = text_of(hash_name(kind));
}

void session_tell_file(struct transfer_session *session,
                       const struct transfer_file *file, uint64_t file_id,
                       uint64_t place)
{
    const struct transfer_node_config *config = &session->node->config;
    struct session_counts *counts = &session->counts;
    struct transfer_file told = *file;

    told.bytes_contiguous = told.bytes_written;
    if (told.end_us > told.start_us)
        told.elapsed_us = (uint64_t)(told.end_us - told.start_us);
    switch (file->state) {
    case TRANSFER_FILE_RUNNING:
        break;
    case TRANSFER_FILE_SKIPPED:
        counts->skipped++;
        counts->done++;
        break;
    case TRANSFER_FILE_COMPLETED:
        counts->done++;
        break;
    case TRANSFER_FILE_FAILED:
        counts->failed_alike =
            counts->failed == 0 ||
            (counts->failed_alike && counts->failed_error == file->error);
        if (counts->failed++ == 0)
            counts->failed_error = file->error;
        told.error_text = text_of(fasp_error_text((uint32_t)file->error));
        break;
    }
    if (!text_is_absent(file->path))
        set_moved(session, &told, file_id, place);
    if (file->state != TRANSFER_FILE_RUNNING &&
        manifest_is_open(&session->manifest))
        manifest_add(&session->manifest, &told);
    if (session->is_shown)
        config->events->file(config->owner, session, &told);
}

/* What the two halves of fasp know. */
static void add_fasp(const struct transfer_session *session,
                     struct transfer_stats *stats)
{
    if (session->sender != NULL) {
        struct fasp_sender_statistics fasp;
        fasp_sender_statistics(session->sender, clock_mono_ns(), &fasp);
        stats->bytes_lost = fasp.lost_bytes;
        stats->rtt_us = (uint32_t)(fasp.rtt_ns / 1000);
        stats->network_delay_us = (uint32_t)(fasp.queue_ns / 1000);
    } else if (session->receiver != NULL) {
        struct fasp_receiver_statistics fasp;
        fasp_receiver_statistics(session->receiver, &fasp);
        if (fasp.data_packets > 0)
            stats->bytes_lost =
                fasp.missing_packets *
                ((fasp.received_bytes + fasp.duplicate_bytes) /
                 fasp.data_packets);
        stats->rtt_us = (uint32_t)(fasp.rtt_ns / 1000);
    }
}

/* How much of the file lies below `delivered` in the data space; what an
 * earlier session had of it counts. */
static uint64_t contiguous(const struct transfer_session *session,
                           uint64_t delivered)
{
    const struct transfer_file *file = &session->file;
    uint64_t bytes = 0;

    if (delivered > session->file_place)
        bytes = delivered - session->file_place;
    if (bytes < file->bytes_contiguous)
        bytes = file->bytes_contiguous;
    return bytes < file->size_bytes ? bytes : file->size_bytes;
}

/* A file that is on its way was told when it began: what it has now.  The
 * sending end knows what the receiver has, and of what it has written the
 * total only. */
static void add_progress(const struct transfer_session *session,
                         struct transfer_file *file)
{
    int64_t now_us = session->end_us != 0 ? session->end_us : clock_wall_us();
    struct scan_batch *batch;

    if (now_us > file->start_us)
        file->elapsed_us = (uint64_t)(now_us - file->start_us);
    if (session->is_sender && session->source != NULL) {
        const struct scan_file *sent =
            source_file(session->source, session->file_id, &batch);
        uint64_t written = written_bytes(session);
        if (sent == NULL)
            return;
        file->bytes_lost = sent->repeated_bytes;
        file->bytes_contiguous =
            contiguous(session, session->source->delivered);
        if (written > file->bytes_contiguous)
            written = file->bytes_contiguous;
        if (written > file->bytes_written)
            file->bytes_written = written;
    } else if (session->sink != NULL && session->receiver != NULL &&
               session->sink->status.moved_file_id == session->file_id) {
        file->bytes_written = session->sink->status.moved_file_bytes;
        file->bytes_contiguous =
            contiguous(session, fasp_receiver_contiguous(session->receiver,
                                                         FASP_SPACE_DATA));
    }
    if (file->bytes_contiguous > file->bytes_written)
        file->bytes_contiguous = file->bytes_written;
}

static void add_files(const struct transfer_session *session,
                      struct transfer_stats *stats)
{
    const struct session_counts *counts = &session->counts;
    const struct catalogue_totals *totals = &session->totals;

    if (session->is_counted && !session->scan_finished)
        totals = &session->counted;
    stats->scan_finished = session->scan_finished || session->is_counted;
    stats->expected_file_count = (uint32_t)(totals->files + totals->failed);
    stats->expected_folder_count = (uint32_t)totals->folders;
    stats->expected_bytes = totals->bytes;
    stats->file_count = (uint32_t)(totals->files + totals->failed);
    stats->files_complete = (uint32_t)counts->done;
    stats->files_failed = (uint32_t)counts->failed;
    stats->files_transferring = (uint32_t)counts->started;
    stats->file = session->file;
    if (!text_is_absent(stats->file.path) &&
        stats->file.state == TRANSFER_FILE_RUNNING)
        add_progress(session, &stats->file);
}

static enum transfer_state state_of(const struct transfer_session *session)
{
    if (session_is_ending(session))
        return session->outcome;
    if (session->state < SESSION_RUNNING)
        return TRANSFER_CONNECTING;
    return session->is_paused ? TRANSFER_PAUSED : TRANSFER_RUNNING;
}

void transfer_stats(const struct transfer_session *session,
                    struct transfer_stats *stats)
{
    const struct transfer_params *params = &session->params;
    const struct transfer_node *node = session->node;
    int64_t until_us =
        session->end_us != 0 ? session->end_us : session_now_us(session);

    *stats = (struct transfer_stats){
        .session_id = params->session_id,
        .job_id = params->job_id,
        .state = state_of(session),
        .error = session->error,
        .error_text = text_of(session->error_text),
        .is_client = session->is_client,
        .is_sender = session->is_sender,
        .operation = params->operation,
        .local_address = session->local,
        .peer_address = session->control_peer,
        .control_port =
            session->is_client ? params->port : node->listen_address.port,
        .server_udp_port = session->is_client ? session->peer_udp_port
                                              : node->udp_address.port,
        .client_udp_port = session->is_client ? node->udp_address.port
                                              : session->path.peer.port,
        .user = params->user,
        .cookie = params->cookie,
        .token = params->token,
        .destination_path = params->destination,
        .cipher = params->cipher,
        .rates = params->rates,
        .start_us = session->start_us,
        .end_us = session->end_us,
        .bytes_written = written_bytes(session),
        .bytes_transferred = session_bytes_transferred(session),
        .rate_kbps = rate_kbps(session),
    };
    if (until_us > session->start_us)
        stats->elapsed_us = (uint64_t)(until_us - session->start_us);
    if (params->source_count > 0)
        stats->source_path = params->sources[0];
    add_files(session, stats);
    add_fasp(session, stats);
}
