/* The service: accepts orders over SOAP, runs their transfers, keeps what
 * became of them, and tells subscribers.
 *
 * Knows: every layer below, put together here.
 * Must not know: command lines, configuration files, daemons, signals: the
 * caller hands down plain values and asks for the end.
 *
 *   central_open() -- serving --- central_stop() -- no more accepted,
 *                                   sessions ended, store flushed -- stopped()
 *
 * Order of parts, from below: state folder (lock, identity), store, node,
 * HTTP client, subscriptions, jobs and sessions, HTTP server.
 */
#ifndef CENTRAL_CENTRAL_H
#define CENTRAL_CENTRAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "central/callback_policy.h"
#include "central/settings.h"
#include "transfer/node.h"

struct central;
struct loop;

/* What central_open() returns for a configuration that cannot be served; it is
 * EX_CONFIG of sysexits.h. */
#define CENTRAL_BAD_CONFIG 78

/* Room for the sentence that says what is wrong and what to do. */
#define CENTRAL_ERROR_BYTES 512
/* "SHA256:" and 43 characters of base64. */
#define CENTRAL_FINGERPRINT_BYTES 64

struct central_config {
    struct loop *loop;
    const char *state_dir;          /* made if it does not exist */
    const char *docroot;            /* local paths of orders are beneath it */
    struct address soap_listen;     /* port 0 = a free one */
    struct address transfer_listen; /* TCP and UDP; port 0 = a free one */
    bool insecure_soap; /* listen beyond loopback without TLS and password */
    /* PEM files: a chain, and its key (NULL: in the same file).  Without them
     * SOAP beyond loopback shows this node's own certificate. */
    const char *soap_certificate;
    const char *soap_key;

    /* 0 = the default in brackets. */
    uint32_t sessions_running_max;     /* [100] of jobs, at once */
    uint32_t control_timeout_ms;       /* [20000] as transfer/node.h */
    uint32_t datagram_timeout_ms;      /* [15000] */
    uint32_t stall_timeout_ms;         /* [60000] */
    uint32_t lost_timeout_ms;          /* [60000] */
    uint32_t default_target_rate_kbps; /* [10000] of an order without one */
    uint32_t subscriptions_per_caller_max; /* [1000] */
    uint32_t events_max; /* [0] events kept; 0 = as many as the disk holds */
    bool drops_events;   /* the oldest beyond it; else jobs are refused */
    /* Which observers may be called; the two addresses are set here, what the
     * lists point to stays the caller's. */
    struct callback_policy callbacks;
    /* PEM: who may sign the certificates of https observers; [the system's] */
    const char *callback_authorities;
    uint32_t sessions_max;             /* [LIMIT_SESSIONS] of remote nodes */
    uint32_t backlog;                  /* [4096] of SOAP's listener */
    bool allows_plain; /* the cipher None, where the other node does, too */
    uint8_t synchronous; /* [full] enum store_sync */
    bool compacts;       /* the store gives free pages back, at the start */
    const char *known_hosts; /* [STATE/known_hosts] */
    const char *resume_suffix;  /* [.ferry-resume] of side files */
    const char *partial_suffix; /* of partial files, unless an order says it;
                                 * [hidden names] */
    struct transfer_made made;
    const char *keys_dir;    /* [STATE/keys] */
    struct central_settings settings;
};

/* Opens everything.  On 0, `*central` serves as soon as the loop runs, and the
 * addresses and the fingerprint can be read.  Otherwise nothing is held and
 * `error` holds a sentence for the user: CENTRAL_BAD_CONFIG for an unsafe SOAP
 * address, a docroot that does not exist, a state folder that cannot be
 * written, is open to other users, or is in use by another server; -errno for
 * all else (a port in use, a store that cannot be read).  The strings of
 * `config` are copied.  What ran when the server went down has ended: its
 * events are the first to be told.  The loop runs inside until that is on
 * disk. */
int central_open(struct central **central, const struct central_config *config,
                 char error[CENTRAL_ERROR_BYTES]);

/* Takes from `config` what may change while the service runs: settings, the
 * docroot, time-outs, numbers of sessions and of kept events, known hosts and
 * keys, which observers may be called and who signs for them.  New jobs, sessions
 * and logins go by it; the rules of rates hold for running ones from the next
 * change on.  The rest of `config` is not looked at.  False, and nothing has
 * changed, for a docroot that is none or authorities that cannot be read. */
bool central_change(struct central *central,
                    const struct central_config *config,
                    char error[CENTRAL_ERROR_BYTES]);

/* The addresses with the ports that were taken. */
struct address central_soap_address(const struct central *central);
struct address central_transfer_address(const struct central *central);
/* "http" or "https". */
const char *central_soap_scheme(const struct central *central);
/* "SHA256:..." of this node's key. */
const char *central_fingerprint(const struct central *central);

/* Stops: no new connection and no new job is accepted, running sessions end
 * with error 16, their last events and counters are committed.  `stopped` comes from the loop when everything is closed and
 * `central` is gone. */
void central_stop(struct central *central, void (*stopped)(void *owner),
                  void *owner);

#endif
