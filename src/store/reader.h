/* The reader thread: queries, on what is committed.
 *
 * Knows: conditions, its own connection.
 * Must not know: filters, the writer.
 *
 * All that an answer says was true at one moment: the rows, what remains, and
 * the highest numbers come from one snapshot.
 */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "store/condition.h"
#include "store/database.h"
#include "store/lane.h"

struct reader {
    struct lane lane;
    struct database database; /* the thread's alone */
    struct text_builder sql;  /* the thread's alone */
};

struct query {
    struct lane_item item;
    enum table_id table;
    const char *prefix;     /* the table's name in `from` */
    const char *from;       /* "files f CROSS JOIN sessions s ON ..." */
    const char *count_from; /* for counting, where no order matters */
    const char *order;      /* "f.changed"; NULL: there is one row at most */
    const char *session_id; /* one more column, or NULL */
    enum store_order order_kind;
    struct store_position position;
    uint32_t limit;
    bool is_long; /* it may look at every row of a table */
    uint32_t bytes_max; /* of texts, before the last row; 0 = no limit */
    uint32_t count_max; /* 0: rows are wanted; else only their number */
    struct conditions conditions;
    struct arena arena;

    void *user;
    store_rows_fn done;
    struct store_rows *rows; /* filled by the thread */
};

MUST_USE int store_reader_open(struct reader *reader, const char *path,
                         char message[STORE_MESSAGE_BYTES]);
void store_reader_close(struct reader *reader);

/* The lane's work: answers the queries of `items`. */
void store_reader_run(struct lane *lane, struct lane_list *items);

#endif
