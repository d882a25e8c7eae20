/* A session's row as a value that never changes: many hold it, the last one
 * frees it.
 *
 * Knows: the store's row of a session, what the transfer layer measures.
 * Must not know: who shows a row, and when.
 *
 * What is on its way to the disk and what queries may show are different rows
 * for a moment (central/sessions.h); neither may change under the other, so a
 * change makes a new row.
 */
#ifndef CENTRAL_SESSION_ROW_H
#define CENTRAL_SESSION_ROW_H

#include <stdint.h>

#include "store/rows.h"
#include "transfer/node.h"

struct session_row {
    uint32_t holders;
    struct store_session row; /* its texts follow this struct */
};

/* A copy of `row` and its texts, held once. */
struct session_row *session_row_new(const struct store_session *row);
struct session_row *session_row_hold(struct session_row *held);
/* NULL is let pass. */
void session_row_drop(struct session_row *held);

/* Lays what the transfer layer knows now over `row`: addresses, ports, rates,
 * counters.  State, error and times of its life stay as they are.  Texts are
 * borrowed from `stats` and from `scratch`. */
struct session_row_scratch {
    char server_address[ADDRESS_TEXT_BYTES];
    char client_address[ADDRESS_TEXT_BYTES];
};
void session_row_measure(struct store_session *row,
                         const struct transfer_stats *stats,
                         struct session_row_scratch *scratch);
/* The counters alone: what moves from second to second. */
void session_row_count(struct store_session *row,
                       const struct transfer_stats *stats);

/* The end.  With an error, what is on its way has failed, and the store ends
 * the rows of these files as well. */
void session_row_end(struct store_session *row, int32_t error_code,
                     struct text error_text, int64_t end_us);

/* The rates of a row, as transfer_start() takes them. */
struct transfer_rates session_row_rates(const struct store_session *row);

/* "fixed", "high", "fair", "low", as the queries show them. */
const char *session_policy_word(enum transfer_policy policy);
/* "None", "AES-128", "AES-256", as orders name them. */
const char *session_cipher_word(enum transfer_cipher cipher);

/* BandwidthCap of an order and of a query: no cap (contract, section 4). */
#define SESSION_NO_CAP_KBPS 10000000u

#endif
