#include "central/session_row.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* What each kind of column adds to the bytes of the texts. */
#define SIZE_ID(name)
#define SIZE_CHANGE(name)
#define SIZE_UUID(name)
#define SIZE_U64(name)
#define SIZE_U32(name)
#define SIZE_I32(name)
#define SIZE_TIME(name)
#define SIZE_BOOL(name)
#define SIZE_TEXT(name) size_bytes += row->name.size_bytes;
#define SIZE_BLOB(name) SIZE_TEXT(name)

#define COPY_ID(name)
#define COPY_CHANGE(name)
#define COPY_UUID(name)
#define COPY_U64(name)
#define COPY_U32(name)
#define COPY_I32(name)
#define COPY_TIME(name)
#define COPY_BOOL(name)
#define COPY_TEXT(name) held->row.name = put_text(&at, row->name);
#define COPY_BLOB(name) COPY_TEXT(name)

static struct text put_text(char **at, struct text text)
{
    if (text_is_absent(text))
        return TEXT_ABSENT;
    char *start = *at;
    memcpy(start, text.data, text.size_bytes);
    *at += text.size_bytes;
    return text_from(start, text.size_bytes);
}

struct session_row *session_row_new(const struct store_session *row)
{
    size_t size_bytes = 0;

#define COLUMN(kind, name, constraint) SIZE_##kind(name)
#define KEPT(kind, name, constraint) COLUMN(kind, name, constraint)
#define WORD(type, name)
#include "store/session.def"
#undef COLUMN
#undef KEPT
#undef WORD

    struct session_row *held = malloc(sizeof *held + size_bytes + 1);
    CHECK(held != NULL); /* some hundred bytes: there is no going on without */
    char *at = (char *)(held + 1);

    held->holders = 1;
    held->row = *row;
#define COLUMN(kind, name, constraint) COPY_##kind(name)
#define KEPT(kind, name, constraint) COLUMN(kind, name, constraint)
#define WORD(type, name)
#include "store/session.def"
#undef COLUMN
#undef KEPT
#undef WORD
    return held;
}

struct session_row *session_row_hold(struct session_row *held)
{
    held->holders++;
    return held;
}

void session_row_drop(struct session_row *held)
{
    if (held == NULL)
        return;
    CHECK(held->holders > 0);
    if (--held->holders == 0)
        free(held);
}

const char *session_policy_word(enum transfer_policy policy)
{
    switch (policy) {
    case TRANSFER_FIXED:
        return "fixed";
    case TRANSFER_HIGH:
        return "high";
    case TRANSFER_FAIR:
        return "fair";
    case TRANSFER_LOW:
        return "low";
    }
    NEVER("a policy has no word");
}

static enum transfer_policy policy_of(struct text word)
{
    for (uint32_t policy = TRANSFER_FIXED; policy <= TRANSFER_LOW; policy++)
        if (text_is(word, session_policy_word((enum transfer_policy)policy)))
            return (enum transfer_policy)policy;
    return TRANSFER_FIXED; /* only of a file that somebody changed */
}

static uint32_t fit_kbps(uint64_t rate_kbps)
{
    return rate_kbps < UINT32_MAX ? (uint32_t)rate_kbps : UINT32_MAX;
}

struct transfer_rates session_row_rates(const struct store_session *row)
{
    return (struct transfer_rates){
        .policy = policy_of(row->policy),
        .target_kbps = fit_kbps(row->target_rate_kbps),
        .minimum_kbps = fit_kbps(row->minimum_rate_kbps),
        .cap_kbps = row->cap_rate_kbps >= SESSION_NO_CAP_KBPS
                        ? 0
                        : (uint32_t)row->cap_rate_kbps,
    };
}

const char *session_cipher_word(enum transfer_cipher cipher)
{
    switch (cipher) {
    case TRANSFER_CIPHER_NONE:
        return "None";
    case TRANSFER_CIPHER_AES_128:
        return "AES-128";
    case TRANSFER_CIPHER_AES_256:
        return "AES-256";
    }
    NEVER("a cipher has no word");
}

void session_row_count(struct store_session *row,
                       const struct transfer_stats *stats)
{
    row->expected_file_count = stats->expected_file_count;
    row->expected_dir_count = stats->expected_folder_count;
    row->expected_bytes = stats->expected_bytes;
    row->file_count = stats->file_count;
    row->complete_count = stats->files_complete;
    row->failed_count = stats->files_failed;
    row->transferring_count = stats->files_transferring;
    row->written_bytes = stats->bytes_written;
    row->transferred_bytes = stats->bytes_transferred;
    row->lost_bytes = stats->bytes_lost;
    row->elapsed_us = stats->elapsed_us;
    row->delay_ms = stats->network_delay_us / 1000;
}

void session_row_end(struct store_session *row, int32_t error_code,
                     struct text error_text, int64_t end_us)
{
    row->error_code = error_code;
    row->error_text = error_text;
    row->end_us = end_us;
    if (error_code == 0)
        return;
    row->failed_count += row->transferring_count;
    row->transferring_count = 0;
}

/* An address is there once the connection is; until then the row says what it
 * was told to begin with. */
static void measure_addresses(struct store_session *row,
                              const struct transfer_stats *stats,
                              struct session_row_scratch *scratch)
{
    const struct address *server = &stats->local_address;
    const struct address *client = &stats->peer_address;

    if (stats->is_client) {
        server = &stats->peer_address;
        client = &stats->local_address;
    }
    if (!address_is_any(server)) {
        address_format_ip(server, scratch->server_address);
        row->server_address = text_of(scratch->server_address);
    }
    if (!address_is_any(client)) {
        address_format_ip(client, scratch->client_address);
        row->client_address = text_of(scratch->client_address);
    }
    if (stats->control_port != 0)
        row->server_control_port = stats->control_port;
    row->server_udp_port = stats->server_udp_port;
    row->client_udp_port = stats->client_udp_port;
}

void session_row_measure(struct store_session *row,
                         const struct transfer_stats *stats,
                         struct session_row_scratch *scratch)
{
    const struct transfer_rates *rates = &stats->rates;

    measure_addresses(row, stats, scratch);
    row->policy = text_of(session_policy_word(rates->policy));
    row->target_rate_kbps = rates->target_kbps;
    row->minimum_rate_kbps = rates->minimum_kbps;
    row->cap_rate_kbps =
        rates->cap_kbps == 0 ? SESSION_NO_CAP_KBPS : rates->cap_kbps;
    row->cipher = text_of(session_cipher_word(stats->cipher));
    session_row_count(row, stats);
}
