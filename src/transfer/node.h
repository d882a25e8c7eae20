/* A node: the UDP port and the control listener of one process, and the
 * sessions that run over them.
 *
 * Knows: the loop, sockets, TLS control connections, fasp's machines, the file
 * system beneath docroots.
 * Must not know: SOAP, jobs, the store, who is told of events.
 *
 * A session is one transfer between this node and another one, or between
 * this node and itself (then it has two ends here, and two transfer_sessions
 * of one id).  Whoever connects is the client; files go from the client (push)
 * or to it (pull).
 *
 *   client end:  transfer_start() ------------------.
 *   server end:  login() -> transfer_login_answer() -+-> opened() -> changed(),
 *                                                        file() ... -> ended()
 *
 * Everything runs on the loop's thread.  Callbacks come from the loop, never
 * from inside a call of this header.  ended() is the last for a session; after
 * it returns, the session is gone.
 */
#ifndef TRANSFER_NODE_H
#define TRANSFER_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/text.h"
#include "base/uuid.h"
#include "fasp/error.h"
#include "transfer/rules.h"

struct loop;
struct identity;
struct transfer_node;
struct transfer_session;
struct transfer_login;

#define TRANSFER_METHODS_MAX 3
#define TRANSFER_HOST_BYTES 256
#define TRANSFER_ERROR_TEXT_BYTES 512

enum transfer_operation { TRANSFER_PUSH, TRANSFER_PULL };
enum transfer_policy {
    TRANSFER_FIXED,
    TRANSFER_HIGH,
    TRANSFER_FAIR,
    TRANSFER_LOW,
};
enum transfer_cipher {
    TRANSFER_CIPHER_NONE, /* authenticated, not encrypted */
    TRANSFER_CIPHER_AES_128,
    TRANSFER_CIPHER_AES_256,
};
enum transfer_method {
    TRANSFER_METHOD_PUBLIC_KEY,
    TRANSFER_METHOD_PASSWORD,
    TRANSFER_METHOD_TOKEN,
};
enum transfer_overwrite {
    TRANSFER_OVERWRITE_DIFF, /* skip where size and modification time agree */
    TRANSFER_OVERWRITE_ALWAYS,
    TRANSFER_OVERWRITE_NEVER,
    TRANSFER_OVERWRITE_OLDER, /* where the receiver's is older */
    TRANSFER_OVERWRITE_DIFF_AND_OLDER,
};
enum transfer_links {
    TRANSFER_LINKS_FOLLOW,
    TRANSFER_LINKS_COPY,
    TRANSFER_LINKS_SKIP,
    TRANSFER_LINKS_COPY_FORCE, /* also in place of a file */
};
enum transfer_checksum {
    TRANSFER_CHECKSUM_NONE,
    TRANSFER_CHECKSUM_SHA1,
    TRANSFER_CHECKSUM_MD5,
    TRANSFER_CHECKSUM_SHA256,
};
/* What is done with a part, or the whole, of a file that is there already. */
enum transfer_resume {
    TRANSFER_RESUME_NONE,       /* nothing is kept for later, either */
    TRANSFER_RESUME_ATTRIBUTES, /* the source has the same size and times */
    TRANSFER_RESUME_SPARSE,     /* and samples of it are the same */
    TRANSFER_RESUME_FULL,       /* and all that is there is the same */
};

/* Rates in kbit/s, as on the SOAP side; cap 0 = none; target 0 = paused. */
struct transfer_rates {
    enum transfer_policy policy;
    uint32_t target_kbps;
    uint32_t minimum_kbps;
    uint32_t cap_kbps;
};

/* What a client end needs to start.  All texts are copied. */
struct transfer_params {
    struct uuid session_id;
    struct uuid job_id; /* zero = none */
    enum transfer_operation operation;

    struct text host; /* name or address literal */
    uint16_t port;    /* control port (TCP) */
    struct text user;
    enum transfer_method methods[TRANSFER_METHODS_MAX]; /* tried in order */
    uint32_t method_count; /* 0 = password if given, else key if given */
    struct text password;
    struct text
        key_path; /* private key file on this node, read as the process */
    struct text key_passphrase;
    struct text token;
    struct text fingerprint; /* "SHA256:..."; absent = known hosts decide */
    struct text known_hosts_path; /* file; created at first contact */

    /* The folder that local paths are resolved beneath; "/" for a command
     * that runs with its caller's own rights. */
    struct text local_docroot;
    const struct text *sources; /* at the sending node; 1 or more */
    uint32_t source_count;
    struct text destination; /* at the receiving node; absent = its docroot */

    bool create_path;
    bool preserve_times;
    enum transfer_overwrite overwrite;
    enum transfer_resume resume;
    enum transfer_links links;
    enum transfer_checksum checksum; /* of whole files, made at both ends */
    bool preserve_access_times;
    bool preserve_uid;
    bool preserve_gid;
    bool preserve_source_access_times; /* where the node may: reading a file
                                        * does not show in it */
    bool skip_special_files;
    bool remove_sources;        /* what arrived */
    bool remove_folders;        /* below the sources, once they are empty */
    bool precalculate;          /* the size of all is known before data moves */
    struct text partial_suffix; /* absent = hidden names */
    struct text save_suffix;    /* absent = what is overwritten is gone */
    struct text source_base;    /* arrived paths begin behind it */
    struct text manifest_folder; /* below local_docroot; absent = none */
    struct text manifest_suffix; /* until it is whole; absent = the usual one */
    const struct text *excludes; /* patterns: glob.h */
    uint32_t exclude_count;
    bool has_oldest; /* files modified before are left out */
    bool has_newest; /* files modified later */
    int64_t oldest_s;
    int64_t newest_s;
    struct transfer_rates rates;
    uint32_t datagram_bytes; /* 0 = as the path allows */
    enum transfer_cipher cipher;
    struct text cookie;
};

enum transfer_state {
    TRANSFER_CONNECTING, /* until the server end has let the session in */
    TRANSFER_RUNNING,
    TRANSFER_PAUSED,
    TRANSFER_COMPLETED, /* every byte and attribute is on disk, both ends know
                         */
    TRANSFER_CANCELLED,
    TRANSFER_FAILED,
};

enum transfer_file_state {
    TRANSFER_FILE_RUNNING,
    TRANSFER_FILE_COMPLETED,
    TRANSFER_FILE_SKIPPED, /* completed without moving a byte */
    TRANSFER_FILE_FAILED,
};

/* One file of a session, when its first byte is read or written, and at its
 * end; a file without bytes to move (empty, skipped, not to be had) is told
 * once.  Texts are borrowed for the duration of the call. */
struct transfer_file {
    uint64_t local_id; /* from 0, in the order of the catalogue */
    struct text path;  /* below the docroot of this end */
    enum transfer_file_state state;
    enum fasp_error error;
    struct text error_text;
    uint64_t size_bytes;
    uint64_t start_offset; /* bytes that an earlier session had written */
    uint64_t bytes_written;
    uint64_t bytes_contiguous; /* from its start on, of what arrived */
    uint64_t bytes_lost;       /* sent again; 0 at the receiving end, which
                                * knows them by session only */
    /* Of the whole file, the same at both ends; absent unless asked for. */
    struct text checksum;      /* hexadecimal */
    struct text checksum_type; /* "sha-256", "sha1", "md5" */
    int64_t start_us;
    int64_t end_us; /* 0 = running */
    uint64_t elapsed_us;
};

/* Everything a query asks of a session, as it is now.  Texts are borrowed
 * from the session until its ended() returns. */
struct transfer_stats {
    struct uuid session_id;
    struct uuid job_id;
    enum transfer_state state;
    enum fasp_error error;
    struct text error_text;
    bool is_client; /* this end connected */
    bool is_sender; /* this end sends the files */
    enum transfer_operation operation;
    struct address local_address;
    struct address peer_address;
    uint16_t control_port; /* TCP, at the server end */
    uint16_t server_udp_port;
    uint16_t client_udp_port;
    struct text user;
    struct text cookie;
    struct text token;
    struct text source_path; /* the first one */
    struct text destination_path;
    enum transfer_cipher cipher;
    struct transfer_rates rates;
    int64_t start_us; /* wall clock */
    int64_t end_us;   /* 0 = still going */
    uint64_t elapsed_us;
    bool scan_finished; /* the expected_ figures are final */
    uint32_t expected_file_count;
    uint32_t expected_folder_count;
    uint64_t expected_bytes;
    uint32_t file_count; /* met so far */
    uint32_t files_complete;
    uint32_t files_failed;
    uint32_t files_transferring;
    uint64_t bytes_written;     /* on disk at the receiving node */
    uint64_t bytes_transferred; /* over the network in this session */
    uint64_t bytes_lost;        /* asked for again */
    uint32_t rtt_us;
    uint32_t network_delay_us; /* queueing delay */
    uint64_t rate_kbps;        /* over about the last second */
    struct transfer_file file; /* that moved last; path absent before it */
};

/* What a login is checked against; NULL texts = none.  Copied. */
struct transfer_user {
    struct text docroot;
    struct text password_hash;
    struct text public_keys; /* lines of an authorized_keys file */
    bool no_pull;            /* may not fetch files: 34 */
    bool no_push;            /* may not send files: 34 */
};

enum transfer_change {
    TRANSFER_CHANGE_LET_IN, /* CONNECTING -> RUNNING */
    TRANSFER_CHANGE_RATES,  /* policy, target, minimum, cap; also by the peer */
    TRANSFER_CHANGE_PAUSED,
    TRANSFER_CHANGE_RESUMED,
};

struct transfer_node_events {
    /* A remote node names a user.  The owner answers with
     * transfer_login_answer(), now or later, exactly once; passwords and
     * signatures are checked in here. */
    void (*login)(void *owner, struct transfer_login *login, struct text user);
    /* A session that a remote node started was let in; the owner may call
     * transfer_set_user_data(). */
    void (*opened)(void *owner, struct transfer_session *session);
    void (*changed)(void *owner, struct transfer_session *session,
                    enum transfer_change change);
    void (*file)(void *owner, struct transfer_session *session,
                 const struct transfer_file *file);
    void (*ended)(void *owner, struct transfer_session *session);
};

/* What may be made of links. */
enum transfer_may {
    TRANSFER_MAY_FOLLOW = 1,
    TRANSFER_MAY_CREATE = 2,
};
/* What a node makes, whatever orders and other nodes say.  Zeros: modes are
 * those of the source, less the umask; links as ordered; no digests. */
struct transfer_made {
    uint16_t file_mode;    /* of files that arrive; 0 = the source's and */
    uint16_t file_grant;   /* these bits */
    uint16_t folder_mode;  /* the same of folders; 0700 is part of it */
    uint16_t folder_grant;
    uint8_t forbids_links; /* of enum transfer_may */
    enum transfer_checksum checksum; /* where no order says it: of what is
                                      * ordered here, and of what comes */
};

struct transfer_node_config {
    struct loop *loop;
    const struct identity *identity; /* borrowed; NULL = client ends only */
    struct address listen;           /* UDP and TCP; port 0 = a free one */
    const struct transfer_node_events *events;
    void *owner;
    /* Suffix of the side files of partial files; absent = .ferry-resume. */
    struct text resume_suffix;
    /* Of partial files here, where the order has none; absent = hidden names. */
    struct text partial_suffix;
    struct transfer_made made;
    /* Cipher None is honoured where both nodes allow it; else such sessions
     * are encrypted with AES-128 all the same. */
    bool allow_plain;
    /* Ends of sessions; beyond it, remote nodes are turned away, and try
     * again (12).  0 = LIMIT_SESSIONS. */
    uint32_t sessions_max;
    uint32_t control_timeout_ms;  /* 0 = 20000 */
    uint32_t datagram_timeout_ms; /* no first datagram: 0 = 15000 */
    uint32_t stall_timeout_ms;    /* no progress: 0 = 60000 */
    uint32_t lost_timeout_ms;     /* peer silent: 0 = 60000 */
    struct transfer_rules in;     /* of files that come to this node */
    struct transfer_rules out;
};

/* Opens the sockets.  Returns 0, or -errno with nothing held. */
int transfer_node_open(struct transfer_node **node,
                       const struct transfer_node_config *config);
/* Takes time-outs, rules, sessions_max and allow_plain from `config`, and
 * nothing else of it: for sessions that begin, and for changes of rates. */
void transfer_node_change(struct transfer_node *node,
                          const struct transfer_node_config *config);
/* The address with the port that was taken. */
struct address transfer_node_address(const struct transfer_node *node);
/* Names another UDP port than its own to clients: for tests of a path that
 * lets TCP through and not UDP. */
void transfer_node_announce(struct transfer_node *node, uint16_t udp_port);
/* Stops listening and ends every session (client and server ends) with
 * FASP_ERROR 16 unless it has ended; `stopped` is called when all is closed
 * and the node's memory is gone. */
void transfer_node_stop(struct transfer_node *node,
                        void (*stopped)(void *owner), void *owner);

/* `user` NULL = there is no such user; takes the time of a wrong password. */
void transfer_login_answer(struct transfer_login *login,
                           const struct transfer_user *user);

/* Starts a client end.  Never fails here: what is wrong with `params` arrives
 * as the session's end.  `user_data` is the owner's own pointer. */
struct transfer_session *transfer_start(struct transfer_node *node,
                                        const struct transfer_params *params,
                                        void *user_data);

/* The owner's own pointer; NULL until set. */
void *transfer_user_data(const struct transfer_session *session);
void transfer_set_user_data(struct transfer_session *session, void *user_data);

void transfer_stats(const struct transfer_session *session,
                    struct transfer_stats *stats);
/* Ends it as cancelled (28) at both ends; ended() follows from the loop. */
void transfer_cancel(struct transfer_session *session);
/* Changes the rates while it runs; target 0 pauses. */
void transfer_set_rates(struct transfer_session *session,
                        const struct transfer_rates *rates);

#endif
