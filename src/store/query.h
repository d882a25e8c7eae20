/* Questions to the store: asked on the loop, answered by the reader thread.
 *
 * Knows: rows, filters, positions.
 * Must not know: tokens, the wire, what is still only in memory.
 *
 * Queries that have to look at all rows (patterns, paths of files) have a
 * thread of their own, so that they hold up only each other.
 *
 * A filter mirrors the contract's SessionFilter and FileTransferFilter: the
 * values of a list are alternatives, different members combine with AND, and a
 * list that is empty does not filter.  Filters are copied during the call.
 *
 * Two orders serve the reliable query:
 * - STORE_BY_AGE, the snapshot: newest session first; files in the order of
 *   their session, then by local_id.  Each page continues with the `next` of
 *   the page before.
 * - STORE_BY_CHANGE: what has a `changed` above the position's, oldest change
 *   first.  The position is {.changed = n}.
 * `rows->change` of the first page is where the changes start once the
 * snapshot is through: nothing that is committed later can be missed.
 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include <stdint.h>

#include "base/arena.h"
#include "store/store.h"

/* The most rows of one page: the contract's MaxResults. */
#define STORE_PAGE_ROWS_MAX 1000

struct store_texts {
    const struct text *values; /* none of them absent */
    uint32_t count;
};

/* Both bounds are inclusive; 0 = open.  A row without the time is outside. */
struct store_interval {
    int64_t min_us;
    int64_t max_us;
};

/* Ids are lower case, states and directions as in store_..._names.  Words that
 * no row has match nothing. */
struct store_session_filter {
    struct store_texts session_uuids;
    struct store_texts job_uuids;
    struct store_texts states;
    struct store_texts server_addresses;
    struct store_texts client_addresses;
    struct store_texts cookies;
    struct store_texts private_keys;
    struct store_texts user_names;
    struct text direction; /* absent = both */
    struct store_interval start;
    struct store_interval end;
    /* Of a job's sessions only the newest takes part, before all else. */
    bool last_session_only;
    struct text cookie_pattern; /* see store/pattern.h; absent = any */
};

struct store_file_filter {
    struct store_session_filter session; /* of the file's session */
    const uint64_t *local_ids;
    uint32_t local_id_count;
    struct store_texts states;
    struct store_texts paths;
    struct store_interval start;
    struct store_interval end;
    struct text name_pattern; /* as cookie_pattern */
};

enum store_order {
    STORE_BY_AGE,
    STORE_BY_CHANGE,
};

/* Where a page starts; all zero = at the beginning. */
struct store_position {
    uint64_t session_id; /* STORE_BY_AGE */
    uint64_t local_id;   /* STORE_BY_AGE, files */
    uint64_t changed;    /* STORE_BY_CHANGE */
};

/* The answer.  The receiver owns it and frees it. */
struct store_rows {
    int result; /* 0, or why there are no rows: see store.h; also -E2BIG for
                 * a filter with more than LIMIT_STORE_FILTER_VALUES values,
                 * -EINVAL for a pattern that is none and -ETIME for one that
                 * costs more than LIMIT_PATTERN_WORK over all rows */
    uint32_t count;
    union {
        const struct store_job *jobs;
        const struct store_session *sessions;
        const struct store_file *files;
        const struct store_event *events;
        const struct store_user *users;
    };
    uint64_t remaining;         /* rows that match behind these; 0 for events */
    struct store_position next; /* of the following page */
    uint64_t change;   /* the highest `changed` that the query could see */
    uint64_t sequence; /* the highest Sequence that the query could see */
    uint64_t first_sequence; /* the lowest that is kept, `sequence` + 1 if none
                              * is; of events only */

    /* Private to store/. */
    void *memory;
    struct arena texts;
};

void store_rows_free(struct store_rows *rows);

typedef void (*store_rows_fn)(void *user, struct store_rows *rows);

/* `limit` is 1 to STORE_PAGE_ROWS_MAX. */
void store_query_sessions(struct store *store,
                          const struct store_session_filter *filter,
                          enum store_order order, struct store_position from,
                          uint32_t limit, void *user, store_rows_fn done);
void store_query_files(struct store *store,
                       const struct store_file_filter *filter,
                       enum store_order order, struct store_position from,
                       uint32_t limit, void *user, store_rows_fn done);

/* Events above `after_sequence`, in order.  A full page says that there may be
 * more: what remains is not counted, since that can be a week of events.
 * `rows->sequence` lets a caller that got none move on over what did not
 * match. */
struct store_event_filter {
    uint64_t after_sequence;
    uint32_t topics;          /* STORE_TOPIC_BIT of each; at least one */
    struct uuid job_uuid;     /* zero = any */
    struct uuid session_uuid; /* zero = any */
    struct store_texts job_uuids;
    struct store_texts session_uuids;
    /* A page ends behind the event with which its bodies reach this; 0 = no
     * limit. */
    uint32_t bytes_max;
};
void store_query_events(struct store *store,
                        const struct store_event_filter *filter, uint32_t limit,
                        void *user, store_rows_fn done);
/* No rows: `rows->remaining` is how many there are, counted up to `most`. */
void store_count_events(struct store *store,
                        const struct store_event_filter *filter, uint32_t most,
                        void *user, store_rows_fn done);

/* One row or none. */
void store_query_job(struct store *store, struct uuid uuid, void *user,
                     store_rows_fn done);
void store_query_user(struct store *store, struct text name, void *user,
                      store_rows_fn done);

#endif
