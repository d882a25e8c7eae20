/* What a query asks for, in the store's terms, and whether a session in memory
 * is among it.
 *
 * Knows: the contract's filters, the store's.
 * Must not know: positions, tokens, where rows come from.
 */
#ifndef CENTRAL_FILTER_H
#define CENTRAL_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "soap/types.h"
#include "store/query.h"

/* Fills `filter`, which borrows from `asked` and from `arena`.  False when
 * memory is used up. */
bool filter_read_sessions(const struct f09_session_filter *asked,
                          struct arena *arena,
                          struct store_session_filter *filter);
bool filter_read_files(const struct f09_file_transfer_filter *asked,
                       struct arena *arena, struct store_file_filter *filter);

/* The same number for the same filter: a token is good for one filter only. */
uint64_t filter_hash(const struct store_file_filter *filter);

/* Whether the session is among those that `filter` asks for.  `is_newest` says
 * that it is the newest of its job. */
bool filter_matches(const struct store_session_filter *filter,
                    const struct store_session *row, bool is_newest);

#endif
