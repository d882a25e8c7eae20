/* One call of the reliable query: gathers the rows of a page, from memory
 * where it can, else from the store.
 *
 * Knows: filters, tokens, the store's pages, live sessions.
 * Must not know: how rows are shown (api_query.c).
 *
 *     SESSIONS --> FILES --> COUNTING --> done
 *
 * The snapshot comes first, sessions before files; then what has changed.
 * Sessions that are named by their ids, or by those of their jobs, and that
 * are in memory, need no store.  Rows of sessions that run are shown with live
 * counters, whichever way they came.
 */
#ifndef CENTRAL_QUERY_H
#define CENTRAL_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "central/token.h"
#include "store/query.h"

struct central;
struct query;

enum query_result {
    QUERY_GOOD,
    QUERY_TOO_COSTLY,     /* a regular expression over all rows: Client fault */
    QUERY_TOO_MANY,       /* values in the filter: Client fault */
    QUERY_FILTER_CHANGED, /* FilterChangedErrorFault */
    QUERY_FAILED,         /* Server fault */
};

/* A page may come back before query_start() has returned. */
typedef void (*query_done_fn)(struct query *query, enum query_result result);

struct query {
    /* Set by the caller; `filter` stays as long as the query. */
    struct central *central;
    struct arena *arena;
    void *user;
    query_done_fn done;
    enum token_kind kind;
    struct store_file_filter filter;
    uint32_t limit;          /* 1 to STORE_PAGE_ROWS_MAX */
    struct text token_given; /* absent = the first page */

    /* The page; valid during done(). */
    struct store_session *sessions; /* with live counters */
    uint32_t session_count;
    const struct store_file *files;
    uint32_t file_count;
    uint64_t remaining;
    struct token token; /* of the next page */

    /* Private. */
    bool is_first;      /* no page before: the snapshot begins */
    bool tells_changes; /* the snapshot was through before this page */
    struct store_rows *session_rows; /* owned */
    struct store_rows *file_rows;    /* owned */
};

/* Answers with done(), now or later; the query is the caller's again then. */
void query_start(struct query *query);

#endif
