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
    enum store_order order_kind;
    struct store_position position;
    uint32_t limit;
    bool is_long; /* it may look at every row of a table */
    uint32_t bytes_max; /* of texts, before the last row; 0 = no limit */
    uint32_t count_max; /* 0: rows are wanted; else only their number */
    struct conditions conditions;
    struct conditions of_files;  /* BY_AGE: of each session's files */
    struct conditions all_files; /* BY_AGE: true for a session all of whose
                                    files of the states match */
    struct text file_sum;        /* BY_AGE: SQL: files of these states */
    const uint64_t *numbers;     /* BY_AGE: those asked for, ascending; or */
    uint32_t number_count;       /* 0: all */
    struct arena arena;

    void *user;
    store_rows_fn done;
    struct store_rows *rows; /* filled by the thread */
    uint32_t room;           /* in rows */
};

MUST_USE int store_reader_open(struct reader *reader, const char *path,
                         char message[STORE_MESSAGE_BYTES]);
void store_reader_close(struct reader *reader);

/* Rows of reader.c's queries, one by one.  Returns -ENOMEM or what is wrong
 * with the file; at the end, 0. */
MUST_USE int reader_take_rows(struct reader *reader, struct query *query,
                              sqlite3_stmt *statement, uint32_t most);

/* reader_files.c: a page of files by age, and how many are left.  -EAGAIN when
 * that takes longer than others may be kept waiting. */
MUST_USE int reader_answer_files(struct reader *reader, struct query *query);

/* The lane's work: answers the queries of `items`. */
void store_reader_run(struct lane *lane, struct lane_list *items);

#endif
