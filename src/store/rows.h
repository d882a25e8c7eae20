/* What the store keeps, as plain structs: one a table.
 *
 * Knows: the columns, from job.def, session.def, file.def, event.def,
 * subscription.def and user.def; those files are the place to read what a
 * member means.  Each is also the table's definition in SQL, so that a column
 * is written down once.
 * Must not know: SQL, the wire, who fills a row.
 *
 * Rows borrow their texts.  On the way in the batch copies the row and all of
 * its texts; on the way out they are valid until store_rows_free().  Absent
 * texts, zero ids and zero times are stored as NULL.  Words (states, topics)
 * are stored as text, so that a person with the sqlite3 tool reads them.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "base/uuid.h"

enum store_job_state {
    STORE_JOB_QUEUED,
    STORE_JOB_CONNECTING,
    STORE_JOB_RUNNING,
    STORE_JOB_WAITING, /* to retry */
    STORE_JOB_COMPLETED,
    STORE_JOB_FAILED,
    STORE_JOB_CANCELLED,
    STORE_JOB_STATE_COUNT,
};

/* The words of the wire: see the contract's queries. */
enum store_session_state {
    STORE_SESSION_WAITING, /* its job is queued */
    STORE_SESSION_RUNNING,
    STORE_SESSION_PAUSED,
    STORE_SESSION_COMPLETED,
    STORE_SESSION_CANCELLED,
    STORE_SESSION_ERROR,
    STORE_SESSION_WILLRETRY,
    STORE_SESSION_ORPHANED, /* it ended while the server was down */
    STORE_SESSION_STATE_COUNT,
};

enum store_file_state {
    STORE_FILE_RUNNING,
    STORE_FILE_COMPLETED,
    STORE_FILE_ERROR,
    STORE_FILE_STATE_COUNT,
};

enum store_direction {
    STORE_INCOMING,
    STORE_OUTGOING,
    STORE_DIRECTION_COUNT,
};

/* An end of a session as the answering node sees it. */
enum store_end {
    STORE_LOCAL,
    STORE_REMOTE,
    STORE_END_COUNT,
};

/* What an event is about and what happened.  Statistics are never stored, but
 * subscriptions ask for them. */
enum store_topic {
    STORE_TOPIC_JOB_CONNECTING,
    STORE_TOPIC_JOB_START,
    STORE_TOPIC_JOB_STATUS,
    STORE_TOPIC_JOB_ERROR,
    STORE_TOPIC_JOB_STOP,
    STORE_TOPIC_SESSION_START,
    STORE_TOPIC_SESSION_STATUS,
    STORE_TOPIC_SESSION_ERROR,
    STORE_TOPIC_SESSION_STOP,
    STORE_TOPIC_SESSION_STATISTICS,
    STORE_TOPIC_COUNT,
};

/* A set of topics: STORE_TOPIC_BIT(a) | STORE_TOPIC_BIT(b). */
#define STORE_TOPIC_BIT(topic) (UINT32_C(1) << (topic))

enum store_kind {
    STORE_KIND_JOB,
    STORE_KIND_SESSION,
    STORE_KIND_COUNT,
};

/* The stored words, by value: "queued", "willretry", "job.connecting"... */
extern const char *const store_job_state_names[STORE_JOB_STATE_COUNT];
extern const char *const store_session_state_names[STORE_SESSION_STATE_COUNT];
extern const char *const store_file_state_names[STORE_FILE_STATE_COUNT];
extern const char *const store_direction_names[STORE_DIRECTION_COUNT];
extern const char *const store_end_names[STORE_END_COUNT];
extern const char *const store_topic_names[STORE_TOPIC_COUNT];
extern const char *const store_kind_names[STORE_KIND_COUNT];

/* COLUMN(kind, name, "constraint"); KEPT is a column that keeps what the first
 * put gave it; WORD(enum, name) is one of the enums above.  The type in C of
 * each kind: */
#define STORE_TYPE_ID uint64_t      /* the store numbers rows by it */
#define STORE_TYPE_NUMBER uint64_t  /* the key, given by the caller */
#define STORE_TYPE_CHANGE uint64_t  /* the store sets it with each put */
#define STORE_TYPE_UUID struct uuid /* zero = none */
#define STORE_TYPE_TEXT struct text /* any bytes */
#define STORE_TYPE_BLOB struct text /* any bytes, shown as such */
#define STORE_TYPE_U64 uint64_t     /* all 64 bits come back */
#define STORE_TYPE_U32 uint32_t
#define STORE_TYPE_I32 int32_t
#define STORE_TYPE_TIME int64_t /* microseconds since 1970; 0 = none */
#define STORE_TYPE_BOOL bool

#define COLUMN(kind, name, constraint) STORE_TYPE_##kind name;
#define KEPT(kind, name, constraint) COLUMN(kind, name, constraint)
#define WORD(type, name) enum store_##type name;

struct store_job {
#include "store/job.def"
};

struct store_session {
#include "store/session.def"
};

struct store_file {
#include "store/file.def"
};

struct store_event {
#include "store/event.def"
};

struct store_subscription {
#include "store/subscription.def"
};

struct store_user {
#include "store/user.def"
};

#undef COLUMN
#undef KEPT
#undef WORD

#endif
