/* One end of a transfer: everything that transfer_session is made of.
 *
 * Knows: its node, one control connection, the two halves of fasp, the files.
 * Must not know: jobs, SOAP, who listens to its events.
 *
 *   client end                              server end
 *
 *   PREPARING    files, key, known hosts    GREETING    waits for HELLO, AUTH
 *   RESOLVING    the name                   LOGIN       who is the user?
 *   CONNECTING   TCP and TLS                CHECKING    password or signature
 *   REMEMBERING  a host met first           ADMITTING   files
 *   ASKING       HELLO or AUTH                  |
 *       |                                       |
 *       +------------> RUNNING <----------------+
 *                         |
 *                     FINISHING   receiving end: DONE said, waits for the ACK
 *                         |
 *       any state ---> ENDING     connection, works and timers come to an end
 *                         |
 *                      CLEANING   a worker closes files, removes hidden ones
 *                         |
 *                      ENDED      the owner was told; the memory goes
 *
 * session_run() walks along these; what happens within RUNNING is in
 * session_data.c (datagrams), session_send.c and session_receive.c (files),
 * session_talk.c (control messages).  Nothing is told to the owner from inside
 * one of its own calls: such things wait for the `kick` timer.
 */
#ifndef TRANSFER_SESSION_H
#define TRANSFER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/state.h"
#include "base/text.h"
#include "crypto/ssh_key.h"
#include "fasp/control.h"
#include "fasp/receiver.h"
#include "fasp/sender.h"
#include "io/loop.h"
#include "net/resolver.h"
#include "net/tls_conn.h"
#include "net/udp_port.h"
#include "transfer/checker.h"
#include "transfer/manifest.h"
#include "transfer/node.h"
#include "transfer/peer_path.h"
#include "transfer/remover.h"
#include "transfer/scan.h"
#include "transfer/session_keys.h"
#include "transfer/sink.h"
#include "transfer/source.h"

/* How often a running session looks at time-outs, flushes and reports. */
#define SESSION_TICK_NS UINT64_C(250000000)
/* Trains that a session sends in one turn of the loop: 1 MiB at most, so that
 * others get theirs. */
#define SESSION_TURN_TRAINS 16u
/* Ticks over which `rate_kbps` is measured: one second. */
#define SESSION_RATE_TICKS 4u

enum session_state {
    SESSION_PREPARING,
    SESSION_RESOLVING,
    SESSION_CONNECTING,
    SESSION_REMEMBERING,
    SESSION_ASKING,
    SESSION_GREETING,
    SESSION_LOGIN,
    SESSION_CHECKING,
    SESSION_ADMITTING,
    SESSION_RUNNING,
    SESSION_FINISHING,
    SESSION_ENDING,
    SESSION_CLEANING,
    SESSION_ENDED,
};

enum step { STEP_AGAIN, STEP_WAIT };

/* What a worker finds out before the session runs. */
struct session_work {
    struct loop_work work;
    struct transfer_session *session;
    enum fasp_error error;
    char text[TRANSFER_ERROR_TEXT_BYTES];
    bool busy_since_start; /* it was started once */
};

/* Results that wait to be sent in one message. */
struct session_results {
    struct control_file_result *items; /* owned */
    uint32_t count;
    uint32_t room;
};

struct session_skips {
    struct control_range *items; /* owned */
    uint32_t count;
    uint32_t room;
};

/* Items of CHECK or CHECKED that wait to be sent in one message. */
struct session_checks {
    struct control_check_item *items;     /* owned; receiver */
    uint8_t *digests;                     /* owned; of the items */
    struct control_checked_item *checked; /* owned; sender */
    uint32_t count;
    uint64_t size_bytes;
};

/* What both ends count of files; stats are made of it. */
struct session_counts {
    uint64_t done; /* skipped ones included */
    uint64_t failed;
    uint64_t skipped;
    uint64_t started;             /* and not ended */
    enum fasp_error failed_error; /* of the first; all alike: */
    bool failed_alike;
};

struct transfer_session {
    struct transfer_node *node;
    struct transfer_session *next; /* the node's list */
    struct transfer_session *previous;
    struct transfer_session *touched_next; /* sessions of this turn */
    bool is_touched;
    struct transfer_session *trains_next; /* of one list of the node */

    uint8_t state; /* enum session_state */
    bool is_client;
    bool is_sender;
    bool is_shown;      /* the owner knows it, and is told of its end */
    bool rates_changed; /* client: since HELLO, before its answer */
    void *user_data;

    struct arena arena;            /* texts of `params`, for its whole life */
    struct transfer_params params; /* the server end's are made from HELLO */
    struct text docroot;
    uint32_t ordered_source_count;

    /* How it ended, or NONE and CONNECTING. */
    enum transfer_state outcome;
    enum fasp_error error;
    char error_text[TRANSFER_ERROR_TEXT_BYTES];
    bool peer_knows; /* it ended by the peer's word, or told it already */

    int64_t start_us; /* wall clock */
    int64_t end_us;
    uint64_t start_ns;
    uint64_t running_ns;  /* since when datagrams may come */
    uint64_t deadline_ns; /* of the state, 0 = none */
    enum fasp_error deadline_error;

    struct loop_timer kick; /* runs session_run() and what waits to be told */
    struct loop_timer tick;
    struct loop_timer pump; /* the next train, the next report */
    uint64_t pump_due_ns;
    uint32_t changes; /* bit set of enum transfer_change, to be told */
    bool is_paused;

    /* ---- the control connection ---- */
    struct tls_conn *conn;
    bool conn_ready;
    struct address control_peer;
    struct address local;
    struct resolver_query resolver;
    uint32_t address_index;
    uint64_t connect_ns;
    uint64_t rtt_ns;   /* of the handshake; 0 = unknown */
    uint64_t heard_ns; /* anything genuine, TCP or UDP */
    uint8_t *input;    /* owned; of messages that are not complete */
    uint32_t input_bytes;
    uint32_t input_room;
    struct arena message_arena;
    struct text_builder output;

    /* ---- trust ---- */
    uint32_t method_index; /* client: the one that was tried last */
    uint32_t attempt_count;
    struct ssh_private_key key; /* client */
    bool has_key;
    char key_problem[128]; /* why not */
    struct fingerprint host_key;
    bool host_key_known;
    struct transfer_login *login; /* server: the owner's answer is awaited */
    bool has_account;
    struct transfer_user account; /* in `arena` */
    struct control_auth auth;     /* in `auth_arena`, until it is checked */
    struct arena auth_arena;
    uint8_t auth_message[32];   /* that a key has to have signed */
    enum fasp_error auth_error; /* what the check came to */
    struct session_work prepare_work;
    struct session_work check_work;
    struct session_work clean_work;

    /* ---- datagrams ---- */
    uint32_t connection_id; /* ours */
    uint32_t peer_connection_id;
    uint16_t peer_udp_port; /* client: announced by the server */
    uint32_t datagram_bytes; /* at most; the sender finds what the path carries */
    struct session_keys keys;
    bool has_keys;
    struct peer_path path;
    struct session_trains *trains; /* owned; NULL = none */
    uint64_t datagram_ns;          /* the last genuine datagram; 0 = none yet */
    uint64_t opening_next_ns;      /* client of a pull: the next challenge */
    struct fasp_sender *sender;
    struct fasp_receiver *receiver;
    struct udp_port_waiter waiter;
    struct fasp_train train; /* waits for the socket */
    uint8_t *train_data;     /* owned */
    uint32_t train_sent;     /* datagrams of it */

    /* ---- files ---- */
    struct scan *scan;  /* sender; owned */
    struct scan *count; /* owned; runs first, for the totals alone */
    bool is_counted;
    struct catalogue_totals counted;
    struct source *source; /* sender; owned */
    struct source_owner source_owner;
    struct session_work scan_work;
    struct scan_batch *scanned; /* by the work */
    bool scan_finished;
    struct catalogue_totals totals; /* of the catalogue so far */
    struct file_writer *writer;     /* receiver; owned until the sink has it */
    struct sink *sink;              /* receiver; owned */
    struct sink_owner sink_owner;
    struct checker checker; /* sender */
    struct checker_owner checker_owner;
    struct remover remover; /* sender */
    struct manifest manifest; /* client, where the order wants one */
    struct manifest_owner manifest_owner;
    bool says_go;           /* receiver: the sender waits for it */
    bool awaits_go;         /* sender: data waits for the receiver's word */
    uint64_t go_count;      /* files that may be sent; receiver: as told */
    struct session_checks checks;
    struct session_results results;
    struct session_skips skips;
    struct session_counts counts;
    struct control_totals peer_totals; /* sender: as PROGRESS had it last */
    struct control_totals told_totals; /* receiver: as last told */

    /* ---- progress ---- */
    uint64_t progress_ns;
    uint64_t progress_mark;
    uint64_t rate_samples[SESSION_RATE_TICKS + 1]; /* bytes, a tick apart */
    uint64_t rate_times[SESSION_RATE_TICKS + 1];
    uint32_t rate_index;
    /* The file that moved last, as it was told; its texts are not kept but
     * for the path. */
    struct transfer_file file;
    char file_path[LIMIT_PATH_BYTES];
    uint64_t file_id;    /* in the catalogue; UINT64_MAX = it has no data */
    uint64_t file_place; /* in the data space */
};

/* ---- session.c ---- */

/* A new session in the node's list; NULL when memory is used up. */
struct transfer_session *session_new(struct transfer_node *node,
                                     bool is_client);
/* Goes as far as it can; from the loop's callbacks only. */
void session_run(struct transfer_session *session);
/* The end of a struct session_work: runs the session. */
void session_work_done(struct loop_work *work);
/* Runs it in the next turn. */
void session_kick(struct transfer_session *session);
void session_move(struct transfer_session *session, enum session_state next);
bool session_is_ending(const struct transfer_session *session);
/* The wall clock of its start, and what has passed since: it goes on whatever
 * is done to the clock meanwhile. */
int64_t session_now_us(const struct transfer_session *session);

/* Ends it, in any state; the first end wins.  `detail` may be NULL. */
void session_fail(struct transfer_session *session, enum fasp_error error,
                  const char *detail);
void session_finish(struct transfer_session *session);
/* 16, and no time for farewells: the node closes, or nobody is there. */
void session_cut(struct transfer_session *session, const char *why);

/* Lets the session run: keys, fasp, files.  Both ends call it after ACCEPT. */
void session_begin(struct transfer_session *session);
/* Tells the owner of a change, later. */
void session_tell_change(struct transfer_session *session,
                         enum transfer_change change);
/* Takes new rates, ours or the peer's. */
void session_take_rates(struct transfer_session *session,
                        const struct transfer_rates *rates);

/* ---- session_files.c ---- */

/* What a worker does before a session may run: the docroot, and the sources or
 * the destination.  Fills prepare_work. */
bool session_make_files(struct transfer_session *session);
void session_prepare_files(struct transfer_session *session);

/* ---- session_manifest.c ---- */
/* Both in workers.  The first one fills prepare_work. */
void session_open_manifest(struct transfer_session *session);
void session_close_manifest(struct transfer_session *session);

/* ---- session_client.c ---- */
enum step session_step_preparing(struct transfer_session *session);
enum step session_step_resolving(struct transfer_session *session);
enum step session_step_connecting(struct transfer_session *session);
void session_closed_early(struct transfer_session *session,
                          enum tls_conn_end end, int error);

/* ---- session_ask.c ---- */
enum step session_step_remembering(struct transfer_session *session);
void session_client_ready(struct transfer_session *session);
void session_client_message(struct transfer_session *session,
                            const struct control_message *message);

/* ---- session_server.c ---- */
/* A connection came in: adopts it. */
void session_serve(struct transfer_session *session, struct tls_conn *conn);
enum step session_step_checking(struct transfer_session *session);
enum step session_step_admitting(struct transfer_session *session);
/* A session is gone that one in ADMITTING may wait for. */
void session_former_gone(struct transfer_node *node);
void session_server_message(struct transfer_session *session,
                            const struct control_message *message);
/* The session goes before its login was answered. */
void session_forget_login(struct transfer_session *session);

/* ---- session_trains.c ---- */
/* The order is on its way, or here: measures the path meanwhile. */
void session_trains_begin(struct transfer_session *session);
void session_trains_end(struct transfer_session *session);
/* Whether data is to wait until the trains of this end, a server that sends,
 * are out; then the session is kicked. */
bool session_trains_hold_up(const struct transfer_session *session);
/* Wire bytes of trains that this end sent. */
uint32_t session_trains_bytes(const struct transfer_session *session);
/* Tells what trains said to the session that runs now. */
void session_trains_join(struct transfer_session *session);
/* What the session's datagrams of trains carry as their connection id. */
uint32_t session_trains_id(const struct transfer_session *session);
/* Returns whether it was genuine and new. */
bool session_trains_datagram(struct transfer_session *session,
                             const struct address *peer, const uint8_t *data,
                             uint32_t size_bytes, uint64_t now_ns);

/* ---- session_words.c ---- */
uint8_t session_control_overwrite(enum transfer_overwrite overwrite);
uint8_t session_control_resume(enum transfer_resume resume);
uint8_t session_control_links(enum transfer_links links);
uint8_t session_control_checksum(enum transfer_checksum checksum);
uint32_t session_file_flags(const struct transfer_params *params);
/* Suffixes are parts of names. */
bool session_files_are_good(const struct transfer_params *params);
/* All that the order says of files, but for the excludes. */
void session_files_to_hello(const struct transfer_params *params,
                            struct control_hello *hello);
/* Both return false when memory is used up. */
bool session_files_of_hello(struct transfer_session *session,
                            const struct control_hello *hello);
bool session_join_excludes(struct transfer_session *session,
                           struct text *joined);

/* ---- session_talk.c ---- */
extern const struct tls_conn_events session_conn_events;
void session_say(struct transfer_session *session,
                 const struct control_message *message);
/* Says ABORT or REFUSE, if there is anybody to say it to. */
void session_say_end(struct transfer_session *session);
void session_say_rates(struct transfer_session *session);
struct control_rates session_control_rates(const struct transfer_rates *rates);
/* Returns false for rates that are out of range or not built. */
bool session_rates_from(const struct control_rates *from,
                        struct transfer_rates *rates);

/* ---- session_data.c ---- */
/* Returns false when memory is used up. */
bool session_data_open(struct transfer_session *session);
void session_data_close(struct transfer_session *session);
void session_data_stop(struct transfer_session *session);
/* A datagram with our connection id came. */
void session_datagram(struct transfer_session *session,
                      const struct address *peer, const uint8_t *data,
                      uint32_t size_bytes, uint64_t now_ns);
/* Sends what may be sent now, and sets the timer for the rest. */
void session_pump(struct transfer_session *session);
/* The same in the next turn; from anywhere. */
void session_pump_soon(struct transfer_session *session);
void session_data_tick(struct transfer_session *session, uint64_t now_ns);
struct fasp_rates session_fasp_rates(const struct transfer_rates *rates);

/* ---- session_send.c ---- */
bool session_send_open(struct transfer_session *session);
void session_send_turn(struct transfer_session *session);
void session_send_results(struct transfer_session *session,
                          const struct control_file_results *results);
void session_send_skips(struct transfer_session *session,
                        const struct control_skip *skip);
void session_send_check(struct transfer_session *session,
                        const struct control_check *check);
void session_send_go(struct transfer_session *session,
                     const struct control_go *go);
void session_send_done(struct transfer_session *session,
                       const struct control_totals *totals);

/* ---- session_receive.c ---- */
bool session_receive_open(struct transfer_session *session);
void session_receive_turn(struct transfer_session *session, bool flush);
void session_receive_failures(struct transfer_session *session,
                              const struct control_file_results *results);
void session_receive_answers(struct transfer_session *session,
                             const struct control_checked *checked);
void session_receive_done_ack(struct transfer_session *session);
void session_receive_tick(struct transfer_session *session);

/* ---- session_stats.c ---- */
uint64_t session_bytes_transferred(const struct transfer_session *session);
void session_stats_tick(struct transfer_session *session, uint64_t now_ns);
/* Adds the checksum to what is told; `hex` has to live as long. */
void session_tell_checksum(const struct transfer_session *session,
                           const uint8_t *digest,
                           char hex[2 * HASH_BYTES_MAX + 1],
                           struct transfer_file *told);
/* Tells the owner of a file, and counts its end.  `file_id` is UINT64_MAX, and
 * `place` 0, for one that is not in the catalogue. */
void session_tell_file(struct transfer_session *session,
                       const struct transfer_file *file, uint64_t file_id,
                       uint64_t place);

/* ---- session_results.c ---- */
void session_add_result(struct session_results *results, uint64_t file_id,
                        enum control_file_status status, enum fasp_error error);
void session_add_skip(struct session_skips *skips, uint64_t from_place,
                      uint64_t to_place);
void session_add_check(struct transfer_session *session,
                       const struct file_writer_event *event);
void session_add_checked(struct transfer_session *session, uint64_t file_id,
                         bool equal);
/* Says all that waits: checks, answers, skips, results. */
void session_say_results(struct transfer_session *session);

#endif
