/* What the parts of the service share: each knows the others through this.
 *
 * Knows: the parts, in the order in which they are opened.
 * Must not know: what they do.
 */
#ifndef CENTRAL_CONTEXT_H
#define CENTRAL_CONTEXT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "central/central.h"
#include "central/changes.h"
#include "central/event_polls.h"
#include "central/files.h"
#include "central/jobs.h"
#include "central/service.h"
#include "central/sessions.h"
#include "central/state_folder.h"
#include "central/login.h"
#include "fasp/control.h"
#include "net/http_client.h"
#include "net/http_server.h"

struct subscriptions;
struct transfer_node;

/* How far a stop is; see stop.c. */
enum central_state {
    CENTRAL_SERVING,
    CENTRAL_STOPPING_SESSIONS,
    CENTRAL_STOPPING_CHANGES,
    CENTRAL_STOPPING_SUBSCRIBERS,
    CENTRAL_STOPPING_CLIENT,
    CENTRAL_STOPPING_STORE,
};

struct central {
    uint8_t state; /* enum central_state */
    struct loop *loop;
    struct central_config config; /* its strings are the two below */
    char docroot[PATH_MAX];
    char state_dir[PATH_MAX];
    char store_path[PATH_MAX];
    char known_hosts[PATH_MAX];
    char resume_suffix[CONTROL_SUFFIX_BYTES_MAX + 1];
    char partial_suffix[CONTROL_SUFFIX_BYTES_MAX + 1];
    char keys_dir[PATH_MAX];
    bool soap_is_loopback;
    bool soap_needs_login;
    struct tls_context *soap_tls; /* NULL: clear */
    struct logins logins;

    struct state_folder folder;
    char fingerprint[CENTRAL_FINGERPRINT_BYTES];
    struct store *store;
    struct transfer_node *node;
    struct http_client client;
    struct tls_context *observer_tls; /* NULL: no authorities are known */
    struct tls_context *observer_tls_unchecked;
    struct subscriptions *subscriptions;
    struct event_polls polls;
    struct changes changes;
    struct sessions sessions;
    struct jobs jobs;
    struct files files;
    struct service service;
    struct http_server server;

    struct loop_timer second; /* counters to the disk, statistics */
    struct loop_timer minute; /* history that is over */
    bool purging;
    uint64_t first_sequence; /* the oldest event kept, when last looked */
    uint64_t drop_sequence;  /* events up to it are being dropped */
    uint64_t dropped_count;  /* since the start */
    bool recovering; /* stored jobs are looked through: none starts */

    bool stopping;
    bool node_stopped;
    bool server_stopped;
    void (*stopped)(void *owner);
    void *stopped_owner;
};

/* A call or a purge has ended: a stop may be waiting for the last one. */
void central_go_on_stopping(struct central *central);

#endif
