/* The error numbers of transfers, as jobs, sessions, files and peers show them.
 *
 * Knows: numbers, their names, what they tell a person.
 * Must not know: where an error comes from, how a retry is made.
 *
 * The numbers are those of the system that ferry stands in for, so that
 * clients that act upon an ErrorCode keep working.  Some of its numbers are
 * not here since nothing of ours can mean them.
 */
#ifndef FASP_ERROR_H
#define FASP_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum fasp_error {
    FASP_ERROR_NONE = 0,
    FASP_ERROR_PROTOCOL = 1,
    FASP_ERROR_ENGINE = 2,
    FASP_ERROR_AMBIGUOUS_TARGET = 3,
    FASP_ERROR_NO_SUCH_FILE = 4,
    FASP_ERROR_PERMISSION = 5,
    FASP_ERROR_TARGET_NO_FOLDER = 6,
    FASP_ERROR_IS_FOLDER = 7,
    FASP_ERROR_USAGE = 8,
    FASP_ERROR_INTERNAL = 11,
    FASP_ERROR_CONTROL = 12,               /* retried */
    FASP_ERROR_CONTROL_TIMEOUT = 13,       /* retried */
    FASP_ERROR_DATA = 14,                  /* retried */
    FASP_ERROR_DATA_TIMEOUT = 15,          /* retried */
    FASP_ERROR_LOST = 16,                  /* retried */
    FASP_ERROR_RECEIVER_CANNOT_SEND = 17,  /* retried */
    FASP_ERROR_RECEIVER_GETS_NOTHING = 18, /* retried */
    FASP_ERROR_AUTHENTICATION = 19,
    FASP_ERROR_NOTHING = 20,
    FASP_ERROR_SPECIAL_FILE = 21,
    FASP_ERROR_FILE_TABLE_FULL = 22,
    FASP_ERROR_TOO_MANY_OPEN_FILES = 23, /* retried */
    FASP_ERROR_FILE_TOO_BIG = 24,
    FASP_ERROR_NO_SPACE = 25,
    FASP_ERROR_READ_ONLY = 26,
    FASP_ERROR_SOME_FILES = 27,
    FASP_ERROR_CANCELLED = 28,
    FASP_ERROR_SOCKET = 31,
    FASP_ERROR_MEMORY = 32, /* retried */
    FASP_ERROR_THREAD = 33, /* retried */
    FASP_ERROR_NOT_AUTHORISED = 34,
    FASP_ERROR_DISK_READ = 35,     /* retried */
    FASP_ERROR_DISK_WRITE = 36,    /* retried */
    FASP_ERROR_AUTHORISATION = 37, /* retried */
    FASP_ERROR_PEER_ENDED = 39,    /* retried */
    FASP_ERROR_STALLED = 40,       /* retried */
    FASP_ERROR_OUTSIDE_DOCROOT = 41,
    FASP_ERROR_EXISTS = 42,
    FASP_ERROR_STAT = 43,
    FASP_ERROR_UDP_START = 44, /* retried */
    FASP_ERROR_BANDWIDTH = 45, /* retried */
    FASP_ERROR_VLINK = 46,
    FASP_ERROR_FILE_ENCRYPTION = 48,
    FASP_ERROR_PASSPHRASE = 49,
    FASP_ERROR_CONFIGURATION = 50,
    FASP_ERROR_HOST_KEY = 51,
    FASP_ERROR_PATH_TOO_LONG = 55,
    FASP_ERROR_ILLEGAL_CHARACTERS = 56,
    FASP_ERROR_REMOTE_STORAGE = 59,
    FASP_ERROR_LINK_LOOP = 63,
    FASP_ERROR_RENAME_PARTIAL = 64,
};

/* Every number above is at most this. */
#define FASP_ERROR_MAX 64u

/* True for the numbers of the enum, 0 included; a peer may send any other. */
bool fasp_error_is_known(uint32_t number);

/* A short name for logs: "no_such_file"; "unknown" for other numbers. */
const char *fasp_error_name(uint32_t number);

/* A sentence for people, which says which side had the trouble and what to do
 * about it.  There is one for unknown numbers too. */
const char *fasp_error_text(uint32_t number);

/* True when the job may try again, because time alone may mend it. */
bool fasp_error_is_retryable(uint32_t number);

/* The number that fits what the system refused on a file: `error` is an errno,
 * positive.  `otherwise` is for one that no number is about, and is DISK_READ
 * or DISK_WRITE as a rule. */
enum fasp_error fasp_error_of_errno(int error, enum fasp_error otherwise);

#endif
