#include "central/describe.h"

/* Secrets are shown as this, so that one sees that there is one. */
#define SECRET_SHOWN "********"

struct text describe_uuid(struct arena *arena, struct uuid uuid)
{
    if (uuid_is_zero(uuid))
        return TEXT_ABSENT;
    char *text = arena_take(arena, UUID_TEXT_BYTES + 1);
    if (text == NULL)
        return TEXT_ABSENT;
    uuid_format(uuid, text);
    return text_from(text, UUID_TEXT_BYTES);
}

static uint32_t fit_u32(uint64_t value)
{
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static uint8_t fit_u8(uint32_t value)
{
    return value < UINT8_MAX ? (uint8_t)value : UINT8_MAX;
}

/* Optional texts that are empty say no more than absent ones. */
static struct text text_or_absent(struct text text)
{
    return text.size_bytes > 0 ? text : TEXT_ABSENT;
}

static struct text secret(struct text text)
{
    return text.size_bytes > 0 ? text_of(SECRET_SHOWN) : TEXT_ABSENT;
}

static struct text end_word(enum store_end end)
{
    return text_of(end == STORE_LOCAL ? "Local" : "Remote");
}

/* ---- 2009/11 ---- */

void describe_session_key(const struct store_session *row, struct arena *arena,
                          struct f09_session_key *key)
{
    *key = (struct f09_session_key){
        .uuid = describe_uuid(arena, row->uuid),
        .job_id = describe_uuid(arena, row->job_uuid),
    };
}

void describe_session_statistics(const struct store_session *row,
                                 struct arena *arena,
                                 struct f09_session_statistics *statistics)
{
    *statistics = (struct f09_session_statistics){
        .status = text_of(store_session_state_names[row->state]),
        .error_code = row->error_code,
        .error_description = text_or_absent(row->error_text),
        .expected_file_count = fit_u32(row->expected_file_count),
        .expected_dir_count = fit_u32(row->expected_dir_count),
        .expected_byte_count = row->expected_bytes,
        .file_count = fit_u32(row->file_count),
        .files_complete = fit_u32(row->complete_count),
        .files_failed = fit_u32(row->failed_count),
        .files_transferring = fit_u32(row->transferring_count),
        .bytes_written = row->written_bytes,
        .bytes_transferred = row->transferred_bytes,
        .bytes_lost = row->lost_bytes,
        .elapsed = row->elapsed_us,
        .network_delay = row->delay_ms,
        .rate_info = TEXT_ABSENT,
    };
    describe_session_key(row, arena, &statistics->key);
}

void describe_session_info(const struct store_session *row, struct arena *arena,
                           struct f09_session_info *info)
{
    *info = (struct f09_session_info){
        .start_date = row->start_us,
        .end_date = row->end_us,
        .has_end_date = row->end_us != 0,
        .token = secret(row->token),
        .cookie = text_or_absent(row->cookie),
        .direction = text_of(store_direction_names[row->direction]),
        .server_endpoint = end_word(row->server_end),
        .server_address = text_or_absent(row->server_address),
        .server_ssh_port = (uint16_t)row->server_control_port,
        .server_fasp_port = (uint16_t)row->server_udp_port,
        .user = row->user_name,
        .client_endpoint = end_word(row->client_end),
        .client_address = text_or_absent(row->client_address),
        .client_fasp_port = (uint16_t)row->client_udp_port,
        .rate_policy = row->policy,
        .target_rate = fit_u32(row->target_rate_kbps),
        .minimum_rate = fit_u32(row->minimum_rate_kbps),
        .bandwidth_cap = fit_u32(row->cap_rate_kbps),
        .encryption_cipher = row->cipher,
        .job_retry_count = fit_u8(row->retry_count),
        .job_max_retries = fit_u8(row->retry_count_max),
        .private_key = text_or_absent(row->private_key),
        .source_path = text_or_absent(row->source_path),
        .destination_path = text_or_absent(row->destination_path),
    };
    describe_session_statistics(row, arena, &info->statistics);
}

void describe_file_key(const struct store_file *row, struct arena *arena,
                       struct f09_file_transfer_key *key)
{
    *key = (struct f09_file_transfer_key){
        .session_uuid = describe_uuid(arena, row->session_uuid),
        .path = row->path,
        .local_id = (int64_t)row->local_id,
        .uuid = describe_uuid(arena, row->uuid),
    };
}

void describe_file_statistics(const struct store_file *row, struct arena *arena,
                              struct f09_file_transfer_statistics *statistics)
{
    *statistics = (struct f09_file_transfer_statistics){
        .status = text_of(store_file_state_names[row->state]),
        .error_code = row->error_code,
        .error_description = text_or_absent(row->error_text),
        .size = row->size_bytes,
        .start_offset = row->start_offset_bytes,
        .bytes_written = row->written_bytes,
        .bytes_contiguous = row->contiguous_bytes,
        .bytes_lost = row->lost_bytes,
        .elapsed = row->elapsed_us,
    };
    describe_file_key(row, arena, &statistics->key);
}

void describe_file_info(const struct store_file *row, struct arena *arena,
                        struct f09_file_transfer_info *info)
{
    *info = (struct f09_file_transfer_info){
        .start_date = row->start_us,
        .end_date = row->end_us,
        .has_end_date = row->end_us != 0,
        .checksum = text_or_absent(row->checksum),
        .checksum_type = text_or_absent(row->checksum_type),
        .file_type = text_or_absent(row->file_type),
        .action = text_or_absent(row->action),
        .content_protection = TEXT_ABSENT,
    };
    describe_file_statistics(row, arena, &info->statistics);
}

/* ---- 2006/01 ---- */

/* What the client was asked to do, seen from either end. */
static struct text operation_word(const struct store_session *row)
{
    bool client_is_here = row->client_end == STORE_LOCAL;
    bool files_go_out = row->direction == STORE_OUTGOING;

    return text_of(client_is_here == files_go_out ? "Push" : "Pull");
}

static void describe_statistics(const struct store_session *row,
                                const struct transfer_file *file,
                                struct f06_statistics *statistics)
{
    statistics->aggregate = (struct f06_aggregate_statistics){
        .file_count = fit_u32(row->file_count),
        .files_complete = fit_u32(row->complete_count),
        .files_failed = fit_u32(row->failed_count),
        .files_transferring = fit_u32(row->transferring_count),
        .bytes_written = row->written_bytes,
        .bytes_transferred = row->transferred_bytes,
        .bytes_lost = row->lost_bytes,
        .useconds_elapsed = row->elapsed_us,
    };
    statistics->file = (struct f06_file_statistics){
        .name = file->path,
        .size = file->size_bytes,
        .bytes_written = file->bytes_written,
        .bytes_contiguous = file->bytes_contiguous,
        .bytes_lost = file->bytes_lost,
        .start_byte = file->start_offset,
        .useconds_elapsed = file->elapsed_us,
        .error_code = (int32_t)file->error,
        .error_description = file->error_text,
    };
    /* What was on its way when its session failed, failed with it. */
    if (file->state == TRANSFER_FILE_RUNNING && row->end_us != 0 &&
        !text_is_absent(file->path)) {
        statistics->file.error_code = row->error_code;
        statistics->file.error_description = row->error_text;
        if (row->end_us > file->start_us)
            statistics->file.useconds_elapsed =
                (uint64_t)(row->end_us - file->start_us);
    }
    /* Of what went over the network, the part that had to: BytesTransferred
     * counts each byte once, BytesLost those that went again. */
    statistics->network.delay = row->delay_ms;
    if (row->transferred_bytes > 0)
        statistics->network.efficiency =
            (double)row->transferred_bytes /
            ((double)row->transferred_bytes + (double)row->lost_bytes);
}

void describe_session(const struct store_session *row,
                      const struct transfer_file *file, struct arena *arena,
                      struct f06_session *session)
{
    *session = (struct f06_session){
        .session_id = describe_uuid(arena, row->uuid),
        .application_data = {secret(row->token), row->cookie},
        .operation = {operation_word(row), row->source_path,
                      row->destination_path},
        .server = {end_word(row->server_end), row->server_address,
                   (uint16_t)row->server_control_port,
                   (uint16_t)row->server_udp_port, row->user_name},
        .client = {end_word(row->client_end), row->client_address,
                   (uint16_t)row->client_udp_port},
        .rate_parameters = {row->policy, fit_u32(row->target_rate_kbps),
                            fit_u32(row->minimum_rate_kbps),
                            fit_u32(row->cap_rate_kbps)},
        .security_parameters = {row->cipher},
        .error = {row->error_code, row->error_text},
    };
    describe_statistics(row, file, &session->statistics);
}
