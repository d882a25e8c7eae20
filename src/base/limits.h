/* Every limit of the program, with the reason for its number.  Reaching one
 * refuses that one request with a clear answer; see the module that checks it.
 * A module adds its own below, under its name. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* ---- http, soap: ../schemas and docs say these to clients ---- */

/* The largest order: some 60,000 source paths of 128 bytes. */
#define LIMIT_HTTP_BODY_BYTES (8u << 20)
/* As nginx and Node.js take them together: 16 KiB of headers in all. */
#define LIMIT_HTTP_HEADER_BYTES 16384u
#define LIMIT_HTTP_HEADER_COUNT 100u
/* A request target is a service path, never a file name. */
#define LIMIT_HTTP_TARGET_BYTES 2048u
/* A slow but honest client sends a request within this. */
#define LIMIT_HTTP_REQUEST_S 30u
/* Longer than the pause between two polls of the clients that poll most. */
#define LIMIT_HTTP_IDLE_S 60u
/* Connections at once; each holds at most a few KiB while idle. */
#define LIMIT_HTTP_CONNECTIONS 4096u
/* A client takes an answer within this, and a large one at 16 KiB/s, which a
 * modem's successor manages. */
#define LIMIT_HTTP_WRITE_S 30u
#define LIMIT_HTTP_WRITE_BYTES_PER_S 16384u
/* For a client to notice that it was answered before it had sent all. */
#define LIMIT_HTTP_DRAIN_S 2u
/* What a handler may keep beside one request: the fields of the largest body,
 * and as much again for the answer's. */
#define LIMIT_HTTP_ARENA_BYTES (32u << 20)
/* Our own connections wait this long for their next call: shorter than the
 * 60 s after which most servers close them. */
#define LIMIT_HTTP_KEPT_S 30u
/* One address of several gets this; a whole call gets 30 s. */
#define LIMIT_HTTP_CONNECT_S 5u

/* The contract's schemas nest 12 deep at most. */
#define LIMIT_XML_DEPTH 64u
#define LIMIT_XML_ATTRIBUTES 256u
/* expat 2.7 scans an unfinished token again with each piece that arrives. */
#define LIMIT_XML_TOKEN_BYTES 65536u

/* ---- fasp, transfer ---- */

/* Design goal: 1,000 sessions on one loop, with some room. */
#define LIMIT_SESSIONS 1024u
/* Remote ends that have not said who they are: an honest one says it in the
 * round trip after its handshake.  Beyond it the one that has waited longest is
 * closed; also for who comes when all sessions are taken, if it has waited for
 * more than this. */
#define LIMIT_SESSIONS_GREETING 128u
#define LIMIT_GREETING_S 5u
/* Control messages are small; the largest is a request with its paths. */
#define LIMIT_CONTROL_MESSAGE_BYTES (1u << 20)
/* Linux refuses longer names in one path component, and longer paths. */
#define LIMIT_NAME_BYTES 255u
#define LIMIT_PATH_BYTES 4096u
/* Source paths of one order. */
#define LIMIT_SOURCE_PATHS 65536u
/* Blocks of 1 MiB that a sending session holds, so that all of it stays below
 * 64 MiB: 52 are 40 ms at 10 Gbit/s, 430 ms at 1, of which 8 are ahead; what
 * was lost earlier is read again.  And that a node holds, 4 GiB: what is beyond
 * waits. */
#define LIMIT_BLOCKS_A_SESSION 52u
#define LIMIT_BLOCKS_A_NODE 4096u
/* What a receiving session lets its sender have on its way, in blocks: 200 ms
 * at 10 Gbit/s, 2 s at 1.  It holds no more than the second, which wait for
 * what was lost (300 ms at 1 Gbit/s with 1 %), while its disk keeps up; and
 * the third more for repeats into blocks that went to disk with gaps. */
#define LIMIT_BLOCKS_RECEIVING 256u
#define LIMIT_BLOCKS_WAITING 24u
#define LIMIT_BLOCKS_REPEATS 16u
/* Runs of bytes in one block between its gaps: twice the gaps of a block of
 * full datagrams.  A sender of crumbs waits for the disk. */
#define LIMIT_BLOCK_RUNS 2048u
/* A hostile catalogue stops here until its files are done; an honest sender
 * has fewer on its way. */
#define LIMIT_WRITER_FILES 131072u
/* Batches of a scan that a sender holds: 32,768 files at most. */
#define LIMIT_SCAN_BATCHES 32u
/* A known-hosts file: a few thousand nodes. */
#define LIMIT_KNOWN_HOSTS_BYTES (1u << 20)
/* A hidden file that nobody locks and nobody wrote to for so long is what a
 * crash left: a session writes to each of its files more often. */
#define LIMIT_HIDDEN_IDLE_S 60
/* Smaller files are not worth a side file: to send one again takes a moment. */
#define LIMIT_RESUME_FILE_BYTES (1u << 20)
/* What a crash of the machine can cost of a partial file. */
#define LIMIT_RESUME_UNSYNCED_BYTES (UINT64_C(256) << 20)
/* Partial files of a session at once, two descriptors each; and the memory of
 * their blocks: 24 bytes for each MiB, and at most 384 KiB a file. */
#define LIMIT_RESUMABLE_FILES 64u
#define LIMIT_RESUME_MEMORY_BYTES (16u << 20)
/* Pieces of files that a session has asked the sender about and not heard of:
 * as much as a session holds of data, or many small files in a round trip. */
#define LIMIT_CHECKS_ITEMS 1024u
#define LIMIT_CHECKS_BYTES (UINT64_C(64) << 20)
/* Partial files wait so long to be finished: a long weekend and some. */
#define LIMIT_PARTIAL_KEPT_S (7 * 86400)

/* ---- central ---- */

/* Jobs that are queued or running at once. */
#define LIMIT_JOBS 10000u
/* Subscriptions in all: each has a cursor and a timer. */
#define LIMIT_SUBSCRIPTIONS 10000u
/* What a Subscribe without Duration gets: a day. */
#define LIMIT_SUBSCRIPTION_DEFAULT_S 86400u
/* Longer ones are shortened: 30 days, so that no forgotten observer keeps
 * events for ever. */
#define LIMIT_SUBSCRIPTION_MAX_S 2592000u
/* Connections to one observer's address at a time. */
#define LIMIT_DELIVERIES_PER_ADDRESS 8u
/* A bundle of authorities in PEM: those of the browsers take 220 KiB. */
#define LIMIT_AUTHORITIES_BYTES (4u << 20)
/* A callback address longer than this is somebody's attempt to leak data. */
#define LIMIT_CALLBACK_URL_BYTES 2048u
/* Subscriptions of one user, or from one address: nobody takes all of them. */
#define LIMIT_SUBSCRIPTIONS_PER_CALLER 1000u
/* Bodies of the newest events in memory: some 1,000 usual ones. */
#define LIMIT_RECENT_BYTES (4u << 20)
/* Subscriptions that read from the store at once, and that keep more than the
 * one event they send; the others wait their turn. */
#define LIMIT_EVENT_READS 64u
/* Bodies of events that one read brings: 64 times this is 16 MiB. */
#define LIMIT_EVENT_READ_BYTES (256u << 10)
/* Bodies of notifications under way.  Those up to 16 KiB always go, which are
 * 160 MiB for all subscriptions; larger ones wait for room. */
#define LIMIT_NOTIFICATIONS_BYTES (256u << 20)
#define LIMIT_NOTIFICATION_SMALL_BYTES (16u << 10)
/* Clients that wait in GetEvents, and for how long: below the time-out of the
 * proxies that are between us. */
#define LIMIT_EVENT_POLLS 1000u
#define LIMIT_EVENT_WAIT_S 60u
/* Bodies of events in one answer to GetEvents: some 1,000 usual ones. */
#define LIMIT_EVENT_PAGE_BYTES (4u << 20)
/* A backlog is counted up to this: some 10 ms of the reader. */
#define LIMIT_BACKLOG_COUNTED 100000u

/* ---- crypto/tls, net/tls_conn ---- */

/* A flight with a chain of four RSA certificates is 8 KiB; ours is 1 KiB. */
#define LIMIT_TLS_HANDSHAKE_BYTES (32u << 10)
/* TCP and TLS together: the control connection's time-out, error 13. */
#define LIMIT_TLS_HANDSHAKE_MS 20000u
/* A request with all its paths is 1 MiB; a peer that leaves four of them
 * unread is not reading. */
#define LIMIT_TLS_CONN_QUEUE_BYTES (4u << 20)
/* Time for the last words to leave; the peer's kernel takes them in one round
 * trip, unless its process is stuck. */
#define LIMIT_TLS_CONN_FLUSH_MS 5000u
/* Twice the sessions: those that end and those that begin overlap. */
#define LIMIT_TLS_CONNECTIONS 2048u
/* Connections that have not proved to speak TLS cost some 30 KiB each. */
#define LIMIT_TLS_HANDSHAKES 256u

/* ---- central: jobs, sessions, requests ---- */

/* Sessions of jobs at once; more wait in their queue.  A session of 1 Gbit/s
 * fills a port, and a hundred share one loop well. */
#define LIMIT_SESSIONS_RUNNING 100u
/* Sessions whose records are kept in memory for queries by id, about 1 KiB
 * each; older ones are answered by the store. */
#define LIMIT_SESSIONS_IN_MEMORY 16384u
/* All orders of active jobs, parsed: 10,000 usual ones take a tenth of it. */
#define LIMIT_JOBS_BYTES (512u << 20)
/* A notification, which shows the whole order: 60,000 source paths of 128
 * bytes fit.  The end of a job tells four of them in one change. */
#define LIMIT_EVENT_BYTES (10u << 20)
/* A request's struct and answer: the largest body read, and as much again. */
#define LIMIT_CALL_ARENA_BYTES (32u << 20)
/* Requests whose memory is kept for the next ones. */
#define LIMIT_CALLS_KEPT 64u
/* File rows that one commit gathers, so that others never wait for long. */
#define LIMIT_FILE_ROWS_GATHERED 500u
/* Small files that have begun, of all sessions, whose rows wait for their end:
 * 100 ms of the fastest session; some 8 MiB with their paths. */
#define LIMIT_FILES_STARTING 16384u
/* Writes of one transaction of the store. */
#define LIMIT_WRITES_TOGETHER 4096u

/* A user's name, as `ferry user` takes it. */
#define LIMIT_USER_NAME_BYTES 255u
/* Logins that were right and are not looked at again, for this long: as many
 * as an organisation has programs, and no longer than an administrator who has
 * changed a password waits. */
#define LIMIT_LOGINS_KNOWN 256u
#define LIMIT_LOGIN_KNOWN_S 60u
/* Passwords that wait to be looked at: 5 s for the last one. */
#define LIMIT_LOGINS_CHECKING 64u

/* ---- store ---- */

/* One commit never makes the others wait for more than some 100 ms. */
#define LIMIT_STORE_GROUP_CHANGES 16384u
/* A batch that holds more is somebody's loop without an end. */
#define LIMIT_STORE_BATCH_BYTES (256u << 20)
/* Rows of one table that one purge removes: some milliseconds, for which a
 * commit has to wait. */
#define LIMIT_STORE_PURGE_ROWS 200u
/* design: given up when the disk is full, so that what runs can end. */
#define LIMIT_STORE_RESERVE_BYTES (64 << 20)
/* Queries that wait for the reader: at 20,000/s a quarter of a second. */
#define LIMIT_STORE_QUERIES 5000u
/* Values in all lists of one filter; as many as a page has rows. */
#define LIMIT_STORE_FILTER_VALUES 1000u
/* Rows that a query may have to look at before it goes to the thread of those
 * that take long: some 20 ms. */
#define LIMIT_STORE_QUICK_ROWS 100000u
/* A regular expression, and its program once repeats are written out: some
 * hundred times what people write, and a byte of text still costs only
 * microseconds at the worst. */
#define LIMIT_PATTERN_BYTES 1024u
#define LIMIT_PATTERN_STEPS 4096u
/* Steps and bytes of all matches of one query: a million paths of 120 bytes
 * take a tenth of it, and it is used up in some 5 s. */
#define LIMIT_PATTERN_WORK UINT64_C(1500000000)

/* ---- cli: the configuration ---- */

/* The file, and what is made of it: 10,000 users take 4 MiB. */
#define LIMIT_CONFIG_BYTES (64u << 20)

/* ---- net: the UDP port ---- */

/* The kernel counts true sizes: 32 MiB hold some 14,000 small datagrams, or
 * 40 ms of large ones at 5 Gbit/s. */
#define LIMIT_UDP_RECEIVE_BYTES (32u << 20)
/* Trains are paced, so that this fills only where the device is slow. */
#define LIMIT_UDP_SEND_BYTES (4u << 20)

#endif

