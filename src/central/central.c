#include "central/central.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "central/callback_tls.h"
#include "central/context.h"
#include "central/soap_listener.h"
#include "central/events_room.h"
#include "central/job_steps.h"
#include "central/reports.h"
#include "central/submit.h"
#include "central/subscriptions.h"
#include "central/upkeep.h"

/* Some fsyncs, on a disk that is busy. */
#define RECOVERY_NS_MAX UINT64_C(10000000000)

/* ---- what is refused at once ---- */

static int bad_config(char *error, const char *format, const char *what)
{
    snprintf(error, CENTRAL_ERROR_BYTES, format, what);
    return CENTRAL_BAD_CONFIG;
}

static int check_docroot(const char *docroot, char found[PATH_MAX],
                         char *error)
{
    struct stat stat_of;

    if (docroot == NULL || docroot[0] == '\0')
        return bad_config(error,
                          "no docroot is given%s: say --docroot DIR, the "
                          "folder that transfers may read and write",
                          "");
    if (stat(docroot, &stat_of) != 0)
        return bad_config(error, "the docroot %s does not exist", docroot);
    if (!S_ISDIR(stat_of.st_mode))
        return bad_config(error, "the docroot %s is no folder", docroot);
    if (realpath(docroot, found) == NULL)
        return bad_config(error, "the docroot %s cannot be opened", docroot);
    return 0;
}

static int set_path(char *path, const char *folder, const char *name,
                    char *error)
{
    int size = name != NULL
                   ? snprintf(path, PATH_MAX, "%s/%s", folder, name)
                   : snprintf(path, PATH_MAX, "%s", folder);

    if (size < 0 || size >= PATH_MAX)
        return bad_config(error, "this path is too long: %s",
                          folder);
    return 0;
}

/* known_hosts and keys/ are in the state folder unless it is said. */
static int set_trust_paths(struct central *central,
                           const struct central_config *config, char *error)
{
    const char *state = central->state_dir;
    int ret = config->known_hosts != NULL
                  ? set_path(central->known_hosts, config->known_hosts, NULL,
                             error)
                  : set_path(central->known_hosts, state, "known_hosts",
                             error);

    if (ret != 0)
        return ret;
    if (config->keys_dir != NULL)
        return set_path(central->keys_dir, config->keys_dir, NULL, error);
    return set_path(central->keys_dir, state, "keys", error);
}

static int check_config(struct central *central, char *error)
{
    struct central_config *config = &central->config;

    if (config->state_dir == NULL || config->state_dir[0] == '\0')
        return bad_config(error, "no state folder is given%s: say --state DIR",
                          "");
    central->soap_is_loopback = address_is_loopback(&config->soap_listen);
    int ret = check_docroot(config->docroot, central->docroot, error);
    if (ret == 0)
        ret = set_path(central->state_dir, config->state_dir, "", error);
    if (ret == 0)
        ret = set_trust_paths(central, config, error);
    if (ret == 0)
        ret = set_path(central->store_path, config->state_dir, STORE_FILE_NAME,
                       error);
    config->state_dir = central->state_dir;
    config->docroot = central->docroot;
    if (config->sessions_running_max == 0)
        config->sessions_running_max = LIMIT_SESSIONS_RUNNING;
    if (config->default_target_rate_kbps == 0)
        config->default_target_rate_kbps = CENTRAL_TARGET_RATE_KBPS;
    return ret;
}

/* ---- the parts ---- */

static void event_told(void *owner, const struct store_event *event)
{
    struct central *central = owner;

    subscriptions_event(central->subscriptions, event);
    event_polls_told(&central->polls, event);
}

static void copy_suffix(const char *from,
                        char to[CONTROL_SUFFIX_BYTES_MAX + 1])
{
    snprintf(to, CONTROL_SUFFIX_BYTES_MAX + 1, "%s", from != NULL ? from : "");
}

static int open_node(struct central *central, char *error)
{
    const struct central_config *config = &central->config;

    copy_suffix(config->resume_suffix, central->resume_suffix);
    copy_suffix(config->partial_suffix, central->partial_suffix);
    struct transfer_node_config node = {
        .loop = central->loop,
        .identity = &central->folder.identity,
        .listen = config->transfer_listen,
        .events = &reports_events,
        .owner = central,
        .control_timeout_ms = config->control_timeout_ms,
        .datagram_timeout_ms = config->datagram_timeout_ms,
        .stall_timeout_ms = config->stall_timeout_ms,
        .lost_timeout_ms = config->lost_timeout_ms,
        .resume_suffix = text_of(central->resume_suffix),
        .partial_suffix = text_of(central->partial_suffix),
        .made = config->made,
        .sessions_max = config->sessions_max,
        .allow_plain = config->allows_plain,
        .in = config->settings.in,
        .out = config->settings.out,
    };
    char text[ADDRESS_TEXT_BYTES];

    int ret = transfer_node_open(&central->node, &node);
    if (ret != 0) {
        address_format(&config->transfer_listen, text);
        snprintf(error, CENTRAL_ERROR_BYTES,
                 "transfers cannot listen at %s: %s", text, strerror(-ret));
    }
    return ret;
}

/* ---- what was there before ---- */

static void load_job(void *user, const struct store_job *row)
{
    struct central *central = user;
    struct job *job = jobs_restore(&central->jobs, row);

    if (job->work != NULL)
        submit_set_defaults(central, job->work);
}

static void load_session(void *user, const struct store_session *row)
{
    struct central *central = user;
    struct session *session = sessions_add(&central->sessions, row);

    session_show(session, session_row_hold(session->latest));
    struct job *job = uuid_is_zero(row->job_uuid)
                          ? NULL
                          : jobs_find(&central->jobs, row->job_uuid);
    if (job != NULL && uuid_equal(job->session_uuid, session->uuid)) {
        session->job = job;
        job->session = session;
    } else if (job != NULL) {
        session_supersede(session);
    }
    if (central->sessions.count > 2 * LIMIT_SESSIONS_IN_MEMORY)
        upkeep_trim(central, 0);
}

static void load_subscription(void *user, const struct store_subscription *row)
{
    struct central *central = user;

    subscriptions_restore(central->subscriptions, row);
}

static int load(struct central *central, char *error)
{
    struct store_loader loader = {
        .user = central,
        .job = load_job,
        .session = load_session,
        .subscription = load_subscription,
    };

    int ret = store_load(central->store, &loader);
    if (ret != 0) {
        snprintf(error, CENTRAL_ERROR_BYTES, "%s cannot be read: %s",
                 central->store_path, strerror(-ret));
        return ret;
    }
    upkeep_trim(central, 0);
    subscriptions_start(central->subscriptions,
                        store_last_sequence(central->store));
    jobs_recover(central);
    return 0;
}

static struct subscriptions *open_subscriptions(struct central *central)
{
    struct subscriptions_config config = {
        .loop = central->loop,
        .store = central->store,
        .client = &central->client,
        .policy = central->config.callbacks,
        .per_caller_max = central->config.subscriptions_per_caller_max,
    };

    config.policy.soap_address = central->server.address;
    config.policy.transfer_address = transfer_node_address(central->node);
    return subscriptions_open(&config);
}

/* ---- open ---- */

static void nothing_closed(void *owner)
{
    *(bool *)owner = true;
}

static void run_until(struct loop *loop, const bool *reached)
{
    while (!*reached)
        loop_run_once(loop);
}

/* For an open that fails: the parts that are open end through the loop. */
static void close_store(struct central *central)
{
    bool closed = false;

    store_close(central->store, &closed, nothing_closed);
    run_until(central->loop, &closed);
}

static void close_node(struct central *central)
{
    bool closed = false;

    transfer_node_stop(central->node, nothing_closed, &closed);
    run_until(central->loop, &closed);
}

static int open_parts(struct central *central, char *error)
{
    char message[STORE_MESSAGE_BYTES];
    const struct store_options options = {
        .sync = (enum store_sync)central->config.synchronous,
        .compacts = central->config.compacts,
    };

    http_client_init(&central->client, central->loop, NULL);
    int ret = callback_tls_open(central, &central->config, error);
    if (ret != 0)
        return ret;
    ret = state_folder_open(&central->folder, central->state_dir, error,
                            CENTRAL_ERROR_BYTES);
    if (ret != 0)
        goto close_tls;
    fingerprint_format(central->folder.identity.fingerprint,
                       central->fingerprint);
    ret = store_open_with(&central->store, central->loop, central->store_path,
                          &options, message);
    if (ret != 0) {
        snprintf(error, CENTRAL_ERROR_BYTES, "%.*s", CENTRAL_ERROR_BYTES - 1,
                 message);
        goto close_folder;
    }
    ret = open_node(central, error);
    if (ret != 0)
        goto close_store;
    service_init(&central->service, central);
    ret = soap_listener_open(central, error);
    if (ret != 0)
        goto close_node;
    if (central->config.backlog != 0)
        http_server_set_backlog(&central->server, central->config.backlog);

    changes_init(&central->changes, central->loop, central->store, event_told,
                 central);
    event_polls_open(&central->polls, central);
    central->changes.exits_on_failure =
        &central->config.settings.exits_on_store_error;
    files_init(&central->files, &central->changes, central->loop,
               &central->config.settings);
    central->jobs.running_max = central->config.sessions_running_max;
    central->subscriptions = open_subscriptions(central);
    return 0;

close_node:
    close_node(central);
close_store:
    close_store(central);
close_folder:
    state_folder_close(&central->folder);
close_tls:
    callback_tls_close(central);
    return ret;
}

static void loop_stopped(void *owner)
{
    *(bool *)owner = true;
}

/* Who asks right after the start is not to see as running what is not.  A disk
 * that takes nothing now does not keep the server from its start: the changes
 * are tried on. */
static void wait_for_recovery(struct central *central)
{
    uint64_t give_up_ns = clock_mono_ns() + RECOVERY_NS_MAX;

    while (central->changes.first != NULL && clock_mono_ns() < give_up_ns)
        loop_run_once(central->loop);
}

int central_open(struct central **central, const struct central_config *config,
                 char error[CENTRAL_ERROR_BYTES])
{
    struct central *opened = calloc(1, sizeof *opened);
    CHECK(opened != NULL);
    opened->loop = config->loop;
    opened->config = *config;

    int ret = check_config(opened, error);
    if (ret == 0)
        ret = open_parts(opened, error);
    if (ret != 0) {
        free(opened);
        return ret;
    }
    ret = load(opened, error);
    if (ret != 0) {
        bool stopped = false;
        central_stop(opened, loop_stopped, &stopped);
        run_until(config->loop, &stopped);
        return ret;
    }
    events_room_learn(opened);
    upkeep_start(opened);
    wait_for_recovery(opened);
    *central = opened;
    return 0;
}

bool central_change(struct central *central,
                    const struct central_config *config,
                    char error[CENTRAL_ERROR_BYTES])
{
    struct central_config *ours = &central->config;
    char docroot[PATH_MAX];

    if (check_docroot(config->docroot, docroot, error) != 0 ||
        set_trust_paths(central, config, error) != 0 ||
        callback_tls_open(central, config, error) != 0)
        return false;
    ours->events_max = config->events_max;
    ours->drops_events = config->drops_events;
    ours->callbacks = config->callbacks;
    ours->callback_authorities = config->callback_authorities;
    snprintf(central->docroot, sizeof central->docroot, "%s", docroot);
    ours->settings = config->settings;
    ours->sessions_running_max = config->sessions_running_max != 0
                                     ? config->sessions_running_max
                                     : LIMIT_SESSIONS_RUNNING;
    central->jobs.running_max = ours->sessions_running_max;
    struct transfer_node_config node = {
        .control_timeout_ms = config->control_timeout_ms,
        .datagram_timeout_ms = config->datagram_timeout_ms,
        .stall_timeout_ms = config->stall_timeout_ms,
        .lost_timeout_ms = config->lost_timeout_ms,
        .sessions_max = config->sessions_max,
        .allow_plain = config->allows_plain,
        .in = config->settings.in,
        .out = config->settings.out,
    };
    transfer_node_change(central->node, &node);
    subscriptions_set_callbacks(central->subscriptions, &config->callbacks);
    jobs_run(central); /* more may run now */
    return true;
}

struct address central_soap_address(const struct central *central)
{
    return central->server.address;
}

const char *central_soap_scheme(const struct central *central)
{
    return central->soap_tls != NULL ? "https" : "http";
}

struct address central_transfer_address(const struct central *central)
{
    return transfer_node_address(central->node);
}

const char *central_fingerprint(const struct central *central)
{
    return central->fingerprint;
}
