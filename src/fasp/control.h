/* The messages of the control connection, as bytes and as structs.
 *
 * Knows: the format of each message and the range of each field.
 * Must not know: TLS, sockets, sessions, who may say what when.
 *
 * A message is {u32 size of what follows it, u16 type, u8 version, fields},
 * big-endian.  The fields are those of the structs below, in their order, each
 * as wide as there; a bool is a u8 of 0 or 1, a text is {u16 size, bytes}, and
 * a list, {u32 count, items}, comes last.  Rules that let later versions add to
 * this one:
 *  - a type of CONTROL_TYPE_OPTIONAL or above that is not known is skipped;
 *    another unknown type is refused;
 *  - a version above CONTROL_VERSION has the same fields in front, and what
 *    follows them is skipped; version 0 is refused.
 *
 * "Client" is the node that connected, "server" the other one.  In a push the
 * client has the files, in a pull the server has them.
 *
 *   client  HELLO ------------------------------------>  server
 *           <---------------- ACCEPT, or REFUSE (19 may be
 *           AUTH ------------------------------------>    answered by AUTH,
 *           <---------------------------- ACCEPT, REFUSE  CONTROL_AUTH_MAX in
 * all)
 *
 *   receiving end  CHECK ------------------------------> sending end
 *                  <---------------------------- CHECKED
 *                  SKIP, GO, FILE_RESULTS, PROGRESS --->
 *                  DONE -------------------------------->
 *                  <------------------------------- DONE_ACK
 *   either end     RATE, ABORT
 *
 * Texts that go to people or to the file system hold no NUL.
 */
#ifndef FASP_CONTROL_H
#define FASP_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/uuid.h"

#define CONTROL_VERSION 1u
#define CONTROL_TYPE_OPTIONAL 0x8000u
/* What HELLO calls the protocol of the whole session. */
#define CONTROL_PROTOCOL_VERSION 1u
/* HELLO's attempt and two AUTH messages. */
#define CONTROL_AUTH_MAX 3u
/* Size, type and version. */
#define CONTROL_HEADER_BYTES 7u

/* Limits of the fields.  Longer than any real name, key or token. */
#define CONTROL_USER_BYTES_MAX 255u
#define CONTROL_PASSWORD_BYTES_MAX 1024u
#define CONTROL_KEY_BYTES_MAX 2048u
#define CONTROL_SIGNATURE_BYTES_MAX 2048u
#define CONTROL_TOKEN_BYTES_MAX 16384u
#define CONTROL_COOKIE_BYTES_MAX 4096u
#define CONTROL_AGENT_BYTES_MAX 128u
#define CONTROL_ERROR_TEXT_BYTES_MAX 1024u
/* 100 Tbit/s: sums of many sessions stay far from 2^63 bit/s. */
#define CONTROL_RATE_KBPS_MAX UINT64_C(100000000000)
/* A datagram that every IPv4 host takes, less 28 bytes; and the largest that
 * IPv4 carries. */
#define CONTROL_DATAGRAM_BYTES_MIN 548u
#define CONTROL_DATAGRAM_BYTES_MAX 65507u
/* Items of one FILE_RESULTS, SKIP, CHECK or CHECKED. */
#define CONTROL_ITEMS_MAX 16384u
/* Suffixes of file names. */
#define CONTROL_SUFFIX_BYTES_MAX 64u
/* Patterns that exclude files, a NUL behind each. */
#define CONTROL_EXCLUDES_BYTES_MAX 16384u
/* The longest digest of a CHECK: SHA-256. */
#define CONTROL_DIGEST_BYTES_MAX 32u
/* Bytes of files that one CHECK is about, unless it is about one whole file. */
#define CONTROL_CHECK_BYTES_MAX (UINT64_C(64) << 20)
/* Places in a space are 48 bits (packet format). */
#define CONTROL_PLACE_MAX ((UINT64_C(1) << 48) - 1)

enum control_type {
    CONTROL_HELLO = 1,
    CONTROL_AUTH = 2,
    CONTROL_ACCEPT = 3,
    CONTROL_REFUSE = 4,
    CONTROL_FILE_RESULTS = 5,
    CONTROL_SKIP = 6,
    CONTROL_PROGRESS = 7,
    CONTROL_DONE = 8,
    CONTROL_DONE_ACK = 9,
    CONTROL_ABORT = 10,
    CONTROL_RATE = 11,
    CONTROL_CHECK = 12,
    CONTROL_CHECKED = 13,
    CONTROL_GO = 14,
};

enum control_operation {
    CONTROL_PUSH = 0, /* the client sends files */
    CONTROL_PULL = 1, /* the client receives them */
};

enum control_policy {
    CONTROL_FIXED = 0,
    CONTROL_HIGH = 1,
    CONTROL_FAIR = 2,
    CONTROL_LOW = 3,
};

enum control_cipher {
    CONTROL_CIPHER_NONE = 0, /* datagrams are authenticated only */
    CONTROL_CIPHER_AES_128 = 1,
    CONTROL_CIPHER_AES_256 = 2,
};

enum control_overwrite {
    CONTROL_OVERWRITE_ALWAYS = 0,
    CONTROL_OVERWRITE_DIFF =
        1, /* skip where size and modification time agree */
    CONTROL_OVERWRITE_NEVER = 2,
    CONTROL_OVERWRITE_OLDER = 3, /* where the receiver's is older */
    CONTROL_OVERWRITE_DIFF_AND_OLDER = 4, /* both of DIFF and OLDER */
};

enum control_links {
    CONTROL_LINKS_FOLLOW = 0,
    CONTROL_LINKS_COPY = 1,
    CONTROL_LINKS_SKIP = 2,
    CONTROL_LINKS_COPY_FORCE = 3, /* replaces what is there, but a folder */
};

enum control_checksum {
    CONTROL_CHECKSUM_NONE = 0,
    CONTROL_CHECKSUM_SHA1 = 1,
    CONTROL_CHECKSUM_MD5 = 2,
    CONTROL_CHECKSUM_SHA256 = 3,
};

/* Bits of HELLO's `file_flags`.  One that is not here is out of range. */
enum control_file_flag {
    CONTROL_FILE_ACCESS_TIME = 1 << 0, /* kept, as preserve_times */
    CONTROL_FILE_UID = 1 << 1,
    CONTROL_FILE_GID = 1 << 2,
    CONTROL_FILE_SKIP_SPECIAL = 1 << 3,   /* not listed, not failed */
    CONTROL_FILE_REMOVE_SOURCES = 1 << 4, /* what arrived goes */
    CONTROL_FILE_REMOVE_FOLDERS = 1 << 5, /* source folders left empty go */
    CONTROL_FILE_SOURCE_ACCESS_TIME = 1 << 6, /* reading leaves it alone */
    CONTROL_FILE_PRECALCULATE = 1 << 7, /* the scan ends before data begins */
};
#define CONTROL_FILE_FLAGS_ALL 0xffu

enum control_resume {
    CONTROL_RESUME_NONE = 0,
    CONTROL_RESUME_ATTRIBUTES = 1,
    CONTROL_RESUME_SPARSE = 2,
    CONTROL_RESUME_FULL = 3,
};

enum control_method {
    CONTROL_METHOD_PASSWORD = 0,
    CONTROL_METHOD_PUBLIC_KEY = 1,
    CONTROL_METHOD_TOKEN = 2,
};

enum control_file_status {
    CONTROL_FILE_DONE = 0,    /* every byte and attribute is on disk */
    CONTROL_FILE_FAILED = 1,  /* `error` says why */
    CONTROL_FILE_SKIPPED = 2, /* it was there already */
};

/* Rates in kbit/s: target 0 = paused, minimum 0 = none, cap 0 = none. */
struct control_rates {
    uint8_t policy; /* enum control_policy */
    uint64_t target_kbps;
    uint64_t minimum_kbps;
    uint64_t cap_kbps;
};

/* One attempt to prove who the user is.  Texts that the method does not use
 * are empty; key, signature and token are not empty where they are used. */
struct control_auth {
    uint8_t method; /* enum control_method */
    struct text password;
    struct text key;       /* public, in SSH wire form (RFC 8709, section 4) */
    struct text signature; /* over the exporter value, see docs/protocol.md */
    struct text token;
};

struct control_hello {
    uint16_t protocol_version;
    struct uuid session_id; /* chosen by the client, not zero */
    struct uuid job_id;     /* zero = none */
    uint8_t operation;      /* enum control_operation */
    struct text user;
    struct control_auth auth;
    /* Pull: paths at the server.  Push: none is needed, `source_count` may be
     * 0.  1 to LIMIT_PATH_BYTES each, without NUL. */
    const struct text *sources;
    uint32_t source_count;
    /* How many the order names, whichever end has them: with more than one,
     * the destination is a folder. */
    uint32_t ordered_source_count;
    struct text destination; /* push: at the server; empty = its docroot */
    struct control_rates rates;
    uint32_t datagram_bytes; /* 0 = as the path allows */
    uint8_t cipher;          /* enum control_cipher */
    uint8_t overwrite;       /* enum control_overwrite */
    uint8_t links;           /* enum control_links */
    uint8_t resume;          /* enum control_resume */
    bool create_path;
    bool preserve_times;
    /* Pull: the client may have parts of the files, and the server waits for
     * GO before it sends data. */
    bool awaits_go;
    uint32_t file_flags; /* of enum control_file_flag */
    uint8_t checksum;    /* enum control_checksum: of whole files */
    struct text partial_suffix;
    struct text save_suffix; /* what is overwritten is kept under it */
    struct text source_base; /* paths at the receiver begin behind it */
    struct text excludes;    /* patterns, a NUL behind each */
    /* Files whose modification time is outside are left out: seconds since
     * 1970 as a two's complement number, INT64_MIN and _MAX = no bound. */
    uint64_t oldest_s;
    uint64_t newest_s;
    /* What datagrams to the client carry as their connection id; not 0. */
    uint32_t connection_id;
    struct text cookie;
    struct text agent; /* "ferry 0.1", for the log */
};

struct control_accept {
    struct uuid session_id; /* HELLO's */
    uint16_t udp_port;      /* at the server; not 0 */
    /* What datagrams to the server carry as their connection id; not 0. */
    uint32_t connection_id;
    struct control_rates rates; /* after the server's caps */
    uint32_t datagram_bytes;    /* 0 = as the path allows */
    uint8_t cipher;
    /* The server will not send much before the client has answered its
     * challenge: the address of its datagrams is not that of the control
     * connection, or is not known yet. */
    bool challenges_address;
    bool awaits_go; /* push: as HELLO's in a pull */
};

/* REFUSE and ABORT. */
struct control_failure {
    uint32_t error; /* enum fasp_error, or a number of a later version; not 0 */
    struct text text;
};

/* `count` files, at least 1, from number `first_id` on, fared the same. */
struct control_file_result {
    uint64_t first_id;
    uint32_t count;
    uint8_t status; /* enum control_file_status */
    uint32_t error; /* FAILED: not 0; else 0 */
};

struct control_file_results {
    const struct control_file_result *items;
    uint32_t count; /* 1 to CONTROL_ITEMS_MAX */
};

/* Bytes of the data space that need not be sent, since the receiver has them
 * or will not write them: from_place <= place < to_place. */
struct control_range {
    uint64_t from_place;
    uint64_t to_place;
};

struct control_skip {
    const struct control_range *items;
    uint32_t count; /* 1 to CONTROL_ITEMS_MAX */
};

/* Bytes [offset, offset + size) of a file have this digest at the receiver. */
struct control_check_item {
    uint64_t file_id;
    uint64_t offset;
    uint64_t size_bytes; /* not 0 */
    uint8_t checksum;    /* enum control_checksum, not NONE */
    struct text digest;
};

struct control_check {
    const struct control_check_item *items;
    uint32_t count; /* 1 to CONTROL_ITEMS_MAX */
};

/* The answer to `count` items of CHECK, in order, all of one file. */
struct control_checked_item {
    uint64_t file_id;
    uint32_t count; /* not 0 */
    bool equal;     /* all of them */
};

struct control_checked {
    const struct control_checked_item *items;
    uint32_t count; /* 1 to CONTROL_ITEMS_MAX */
};

/* Of all files below this id, the receiver has said what it does not want:
 * their data may be sent. */
struct control_go {
    uint64_t file_count;
};

/* PROGRESS, DONE and DONE_ACK: what the receiving end has on disk. */
struct control_totals {
    uint64_t files_done; /* skipped ones included */
    uint64_t files_failed;
    uint64_t files_skipped;
    uint64_t bytes_written;
};

/* One message.  After a decode, texts borrow from the bytes that were decoded
 * and lists lie in the arena. */
struct control_message {
    enum control_type type;
    union {
        struct control_hello hello;
        struct control_auth auth;
        struct control_accept accept;
        struct control_failure failure; /* REFUSE, ABORT */
        struct control_file_results file_results;
        struct control_skip skip;
        struct control_totals totals; /* PROGRESS, DONE, DONE_ACK */
        struct control_rates rates;   /* RATE */
        struct control_check check;
        struct control_checked checked;
        struct control_go go;
    };
};

/* All but MORE, OK and SKIPPED end the connection with error 1 (protocol), or
 * 32 for MEMORY; control_result_text() says what was wrong. */
enum control_result {
    CONTROL_MORE,    /* the message is not complete yet */
    CONTROL_OK,      /* `message` is filled */
    CONTROL_SKIPPED, /* a message of a later version, to be ignored */
    CONTROL_BAD_SIZE,
    CONTROL_BAD_TYPE,
    CONTROL_BAD_VERSION,
    CONTROL_BAD_FIELD, /* out of its range, or the fields end too early */
    CONTROL_MEMORY,    /* the arena is used up */
};

const char *control_result_text(enum control_result result);
const char *control_type_name(enum control_type type);

/* Reads the message at the start of `data`, and sets `*used_bytes` to what it
 * took: 0 for MORE, its whole size for OK and SKIPPED.  With MORE,
 * `*needed_bytes`, which may be NULL, becomes the size that must be there at
 * least before it makes sense to call again. */
enum control_result control_decode(const uint8_t *data, uint32_t size_bytes,
                                   struct arena *arena,
                                   struct control_message *message,
                                   uint32_t *used_bytes,
                                   uint32_t *needed_bytes);

/* Adds the bytes of `message`, whose fields are in their ranges (CHECK), at
 * the end of `builder`.  Texts that only people read (cookie, agent, error
 * text) are cut to their limits.  `builder->failed` tells of a message above
 * LIMIT_CONTROL_MESSAGE_BYTES, or of no memory. */
void control_encode(const struct control_message *message,
                    struct text_builder *builder);

/* True when the fields that a user chose (user, password, token, paths and
 * their number) fit, so that control_encode() can be called. */
bool control_hello_fits(const struct control_hello *hello);
bool control_auth_fits(const struct control_auth *auth);

#endif
