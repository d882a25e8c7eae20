#include "central/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "central/context.h"
#include "central/events.h"
#include "central/events_room.h"
#include "central/job_steps.h"
#include "central/order_defaults.h"
#include "central/steps.h"
#include "crypto/identity.h"

/* Orders name the port of SSH or none: then ours is meant (contract, section
 * 4). */
#define PORT_OF_SSH 22
#define PORT_DEFAULT 33001

/* ---- what an order says, in our terms ---- */

static bool is_push(const struct order *order)
{
    return order_is_push(order);
}

static uint16_t control_port(const struct order *order)
{
    if (order->remote_port == PORT_OF_SSH || order->remote_port == 0)
        return PORT_DEFAULT;
    return (uint16_t)order->remote_port;
}

static struct transfer_rates rates_of(const struct order *order)
{
    uint32_t cap = (uint32_t)order->bandwidth_cap;
    struct transfer_rates rates = {
        .target_kbps = (uint32_t)order->target_rate,
        .minimum_kbps = (uint32_t)order->minimum_rate,
        .cap_kbps = cap >= SESSION_NO_CAP_KBPS ? 0 : cap,
    };

    switch ((enum order_POLICY)order->policy) {
    case ORDER_POLICY_FIXED:
        rates.policy = TRANSFER_FIXED;
        break;
    case ORDER_POLICY_HIGH:
        rates.policy = TRANSFER_HIGH;
        break;
    case ORDER_POLICY_FAIR:
        rates.policy = TRANSFER_FAIR;
        break;
    case ORDER_POLICY_LOW:
        rates.policy = TRANSFER_LOW;
        break;
    }
    return rates;
}

/* AES-192 is read as a wish for more than 128 bits: docs/contract.md, section 4. */
static enum transfer_cipher cipher_of(const struct order *order)
{
    switch ((enum order_CIPHER)order->encryption_cipher) {
    case ORDER_CIPHER_NONE:
        return TRANSFER_CIPHER_NONE;
    case ORDER_CIPHER_AES_128:
        return TRANSFER_CIPHER_AES_128;
    case ORDER_CIPHER_AES_192:
    case ORDER_CIPHER_AES_256:
        return TRANSFER_CIPHER_AES_256;
    }
    NEVER("an order's cipher is none");
}

static enum transfer_overwrite overwrite_of(const struct order *order)
{
    switch ((enum order_OVERWRITE)order->overwrite) {
    case ORDER_OVERWRITE_ALWAYS:
        return TRANSFER_OVERWRITE_ALWAYS;
    case ORDER_OVERWRITE_NEVER:
        return TRANSFER_OVERWRITE_NEVER;
    case ORDER_OVERWRITE_DIFF:
        return TRANSFER_OVERWRITE_DIFF;
    case ORDER_OVERWRITE_OLDER:
        return TRANSFER_OVERWRITE_OLDER;
    case ORDER_OVERWRITE_DIFF_AND_OLDER:
        return TRANSFER_OVERWRITE_DIFF_AND_OLDER;
    }
    NEVER("an order's policy of overwriting is none");
}

static enum transfer_resume resume_of(const struct order *order)
{
    switch ((enum order_RESUME)order->resume_check) {
    case ORDER_RESUME_NONE:
        return TRANSFER_RESUME_NONE;
    case ORDER_RESUME_ATTRIBUTES:
        return TRANSFER_RESUME_ATTRIBUTES;
    case ORDER_RESUME_SPARSE:
        return TRANSFER_RESUME_SPARSE;
    case ORDER_RESUME_FULL:
        return TRANSFER_RESUME_FULL;
    }
    NEVER("an order's way to resume is none");
}

static enum transfer_links links_of(const struct order *order)
{
    switch ((enum order_LINKS)order->symbolic_links) {
    case ORDER_LINKS_FOLLOW:
        return TRANSFER_LINKS_FOLLOW;
    case ORDER_LINKS_COPY:
        return TRANSFER_LINKS_COPY;
    case ORDER_LINKS_SKIP:
        return TRANSFER_LINKS_SKIP;
    case ORDER_LINKS_COPY_FORCE:
        return TRANSFER_LINKS_COPY_FORCE;
    }
    NEVER("an order's policy of links is none");
}

static enum transfer_checksum checksum_of(const struct order *order)
{
    switch ((enum order_CHECKSUM)order->file_checksum) {
    case ORDER_CHECKSUM_NONE:
        return TRANSFER_CHECKSUM_NONE;
    case ORDER_CHECKSUM_SHA1:
        return TRANSFER_CHECKSUM_SHA1;
    case ORDER_CHECKSUM_MD5:
        return TRANSFER_CHECKSUM_MD5;
    case ORDER_CHECKSUM_SHA256:
        return TRANSFER_CHECKSUM_SHA256;
    }
    NEVER("an order's checksum is none");
}

/* Positive is a time, negative is counted back from now. */
static int64_t bound_of(int64_t seconds)
{
    int64_t now_s = clock_wall_us() / 1000000;

    if (seconds >= 0)
        return seconds;
    return seconds < -now_s ? 0 : now_s + seconds;
}

/* "Yes" leaves the suffix to us. */
static struct text save_suffix_of(const struct order *order)
{
    if (text_is_nocase(order->save_before_overwrite, "No"))
        return TEXT_ABSENT;
    if (text_is_nocase(order->save_before_overwrite, "Yes"))
        return text_of(".saved");
    return order->save_before_overwrite;
}

static enum transfer_method method_of(uint8_t method)
{
    switch ((enum order_METHOD)method) {
    case ORDER_METHOD_PUBLIC_KEY:
        return TRANSFER_METHOD_PUBLIC_KEY;
    case ORDER_METHOD_PASSWORD:
        return TRANSFER_METHOD_PASSWORD;
    case ORDER_METHOD_TOKEN:
        return TRANSFER_METHOD_TOKEN;
    }
    NEVER("an order's method is none");
}

/* RootPath is joined with '/'.  Absent when both are, or memory is used up. */
static struct text join_path(struct arena *arena, struct text root,
                             struct text path)
{
    if (root.size_bytes == 0)
        return path;
    if (path.size_bytes == 0)
        return root;
    uint32_t size_bytes = root.size_bytes + 1 + path.size_bytes;
    char *joined = arena_take(arena, size_bytes);
    if (joined == NULL)
        return TEXT_ABSENT;
    memcpy(joined, root.data, root.size_bytes);
    joined[root.size_bytes] = '/';
    memcpy(joined + root.size_bytes + 1, path.data, path.size_bytes);
    return text_from(joined, size_bytes);
}

static struct text destination_of(const struct order *order,
                                  struct arena *arena)
{
    bool push = is_push(order);
    uint32_t count = push ? order->remote_path_count : order->local_path_count;
    const struct text *paths = push ? order->remote_path : order->local_path;

    return join_path(arena, push ? order->remote_root : order->local_root,
                     count > 0 ? paths[0] : TEXT_ABSENT);
}

static struct text source_of(const struct order *order, uint32_t i,
                             struct arena *arena)
{
    if (is_push(order))
        return join_path(arena, order->local_root, order->local_path[i]);
    return join_path(arena, order->remote_root, order->remote_path[i]);
}

static uint32_t source_count(const struct order *order)
{
    return is_push(order) ? order->local_path_count : order->remote_path_count;
}

void submit_set_defaults(const struct central *central, struct job_work *work)
{
    const struct central_config *config = &central->config;
    struct order *order = &work->order;

    order_defaults_apply(&config->settings, work);
    if (!order->has_target_rate)
        order->target_rate = config->default_target_rate_kbps;
    work->described.rate_parameters.target_rate = (uint32_t)order->target_rate;
}

/* ---- what is refused at once ---- */

/* Where SOAP is open to other machines, a client may only name keys that were
 * laid out for it, and cannot find out which other files there are. */
static bool find_key(const struct central *central, struct text key_path,
                     char *path, size_t path_bytes)
{
    if (central->soap_is_loopback)
        return text_to_string(key_path, path, path_bytes);

    size_t folder_bytes = strlen(central->keys_dir);
    if (text_starts_with(key_path, central->keys_dir) &&
        key_path.size_bytes > folder_bytes)
        key_path = text_from(key_path.data + folder_bytes,
                             key_path.size_bytes - folder_bytes);
    while (key_path.size_bytes > 0 && key_path.data[0] == '/')
        key_path = text_from(key_path.data + 1, key_path.size_bytes - 1);
    if (key_path.size_bytes == 0 || key_path.data[0] == '.' ||
        memchr(key_path.data, '/', key_path.size_bytes) != NULL)
        return false;
    int written = snprintf(path, path_bytes, "%s/%.*s", central->keys_dir,
                           (int)key_path.size_bytes, key_path.data);
    return written > 0 && (size_t)written < path_bytes &&
           strlen(path) == folder_bytes + 1 + key_path.size_bytes;
}

static bool wants_key_only(const struct order *order)
{
    return order->method_count == 1 &&
           order->method[0] == ORDER_METHOD_PUBLIC_KEY;
}

/* What one value asks another one for. */
static const char *check_files(const struct order *order)
{
    if (order->manifest_policy == ORDER_MANIFEST_TEXT &&
        order->manifest_path.size_bytes == 0)
        return "FileParameters/ManifestPath: expected the folder of the "
               "manifest that ManifestPolicy asks for";
    if (memchr(order->manifest_inprogress_suffix.data != NULL
                   ? order->manifest_inprogress_suffix.data
                   : "",
               '/', order->manifest_inprogress_suffix.size_bytes) != NULL)
        return "FileParameters/ManifestInprogressSuffix: expected a part of a "
               "name, without a slash";
    return NULL;
}

const char *submit_refusal(const struct central *central, struct job_work *work)
{
    struct order *order = &work->order;
    struct fingerprint fingerprint;
    const char *wrong = check_files(order);
    char path[PATH_MAX];

    if (wrong != NULL)
        return wrong;

    if (order->key_path.size_bytes > 0) {
        if (!find_key(central, order->key_path, path, sizeof path) ||
            access(path, R_OK) != 0)
            return "RemoteLocation/Authentication/KeyPath: there is no key "
                   "file at this path that the server can read";
        order->key_path = text_copy(&work->arena, text_of(path));
    } else if (wants_key_only(order)) {
        return "RemoteLocation/Authentication/KeyPath: expected the path of a "
               "private key file for the method Public Key";
    }
    if (order->ssh_fingerprint.size_bytes > 0 &&
        !fingerprint_parse(order->ssh_fingerprint, &fingerprint))
        return "SecurityParameters/SSHFingerprint: expected SHA256: and the "
               "base64 of a SHA-256";
    return NULL;
}

static const char *check_room(const struct central *central)
{
    if (central->stopping)
        return "the server is stopping";
    if (central->jobs.active_count >= LIMIT_JOBS ||
        central->jobs.work_bytes >= LIMIT_JOBS_BYTES)
        return "as many jobs as the server takes are queued or running; "
               "submit again when some have ended";
    if (events_room_is_used(central))
        return "as many events as may be kept wait for subscribers; ferry "
               "subscriptions shows who takes none";
    if (store_is_full(central->store))
        return "there is no room left on the server's disk";
    return NULL;
}

/* ---- the job ---- */

struct submission {
    struct central *central;
    struct job *job;
    void *user;
    submit_done_fn done;
};

static void remove_job(struct central *central, struct job *job)
{
    struct session *session = job->session;

    jobs_remove(&central->jobs, job);
    sessions_remove(&central->sessions, session);
}

static void submitted(void *user, int result)
{
    struct submission *submission = user;
    struct central *central = submission->central;
    struct job *job = submission->job;
    struct uuid uuid = job->uuid;
    char job_id[UUID_TEXT_BYTES + 1];
    char session_id[UUID_TEXT_BYTES + 1];

    if (result == 0) {
        uuid_format(uuid, job_id);
        uuid_format(job->session_uuid, session_id);
        LOG(job_submitted, job_id, session_id);
    } else {
        remove_job(central, job);
    }
    submission->done(submission->user, uuid, result);
    free(submission);
}

static struct session *add_session(struct central *central, struct job *job,
                                   struct transfer_rates rates)
{
    struct job_work *work = job->work;
    const struct order *order = &work->order;
    struct store_session row = {
        .uuid = job->session_uuid,
        .job_uuid = job->uuid,
        .state = STORE_SESSION_WAITING,
        .direction = is_push(order) ? STORE_OUTGOING : STORE_INCOMING,
        .start_us = job->created_us,
        .user_name = order->remote_user,
        .cookie = order->cookie,
        .token = order->token,
        .private_key = order->private_key,
        .source_path = source_of(order, 0, &work->arena),
        .destination_path = destination_of(order, &work->arena),
        .server_end = STORE_REMOTE,
        .server_address = order->remote_address,
        .server_control_port = control_port(order),
        .client_end = STORE_LOCAL,
        .policy = text_of(session_policy_word(rates.policy)),
        .target_rate_kbps = rates.target_kbps,
        .minimum_rate_kbps = rates.minimum_kbps,
        .cap_rate_kbps =
            rates.cap_kbps == 0 ? SESSION_NO_CAP_KBPS : rates.cap_kbps,
        .cipher = text_of(session_cipher_word(cipher_of(order))),
        .retry_count = job->retry_count,
        .retry_count_max = (uint32_t)order->retry_count,
    };
    struct session *session = sessions_add(&central->sessions, &row);

    session->job = job;
    job->session = session;
    return session;
}

struct session *submit_add_retry(struct central *central, struct job *job)
{
    struct session *last = job->session;
    struct transfer_rates rates = session_row_rates(&last->latest->row);

    session_supersede(last);
    job->session_uuid = uuid_new();
    job->retry_count++;
    return add_session(central, job, rates);
}

enum submit_result submit_order(struct central *central, struct text order_text,
                                struct arena *arena, struct text *detail,
                                void *user, submit_done_fn done)
{
    bool no_memory;

    struct job_work *work = job_work_new(order_text, arena, detail, &no_memory);
    if (work == NULL)
        return no_memory ? SUBMIT_NO_MEMORY : SUBMIT_FORMAT_INVALID;
    submit_set_defaults(central, work);

    *detail = text_copy(arena, order_unsupported(&work->order, &work->arena));
    if (text_is_absent(*detail))
        *detail = text_of(check_room(central));
    if (text_is_absent(*detail))
        *detail = text_of(submit_refusal(central, work));
    if (!text_is_absent(*detail)) {
        job_work_free(work);
        return SUBMIT_CANNOT_RUN;
    }

    struct job *job =
        jobs_add(&central->jobs, uuid_new(), work, clock_wall_us());
    job->session_uuid = uuid_new();
    struct session *session = add_session(central, job, rates_of(&work->order));
    if (!events_fit(job)) {
        remove_job(central, job);
        *detail = text_of("the order is too large to be shown to subscribers");
        return SUBMIT_CANNOT_RUN;
    }

    struct submission *submission = malloc(sizeof *submission);
    CHECK(submission != NULL);
    *submission = (struct submission){central, job, user, done};
    struct step *step = step_begin(central, session);
    step_commit(step, CHANGE_MAY, order_text, submission, submitted);
    return SUBMIT_GOOD;
}

void submit_fill_params(struct central *central, struct job *job,
                        struct transfer_params *params)
{
    struct job_work *work = job->work;
    const struct order *order = &work->order;
    uint32_t count = source_count(order);
    struct text *sources = calloc(count, sizeof *sources);
    CHECK(sources != NULL);

    for (uint32_t i = 0; i < count; i++)
        sources[i] = source_of(order, i, &work->arena);
    *params = (struct transfer_params){
        .session_id = job->session_uuid,
        .job_id = job->uuid,
        .operation = is_push(order) ? TRANSFER_PUSH : TRANSFER_PULL,
        .host = order->remote_address,
        .port = control_port(order),
        .user = order->remote_user,
        .method_count = order->method_count,
        .password = order->remote_password,
        .key_path = order->key_path,
        .key_passphrase = order->key_passphrase,
        .token = order->token,
        .fingerprint = order->ssh_fingerprint,
        .known_hosts_path = text_of(central->known_hosts),
        .local_docroot = text_of(central->docroot),
        .sources = sources,
        .source_count = count,
        .destination = destination_of(order, &work->arena),
        .create_path = order->create_path,
        .preserve_times =
            order->preserve_timestamps || order->preserve_modification_time,
        .overwrite = overwrite_of(order),
        .resume = resume_of(order),
        .links = links_of(order),
        .checksum = checksum_of(order),
        .preserve_access_times =
            order->preserve_timestamps || order->preserve_access_time,
        .preserve_uid = order->preserve_uid,
        .preserve_gid = order->preserve_gid,
        .preserve_source_access_times = order->preserve_source_access_time,
        .skip_special_files = order->skip_special_files,
        .remove_sources = order->remove_after_transfer,
        .remove_folders = order->remove_empty_directories,
        .precalculate = order->pre_calculate_job_size,
        .partial_suffix = order->partial_file_suffix,
        .save_suffix = save_suffix_of(order),
        .source_base = order->source_base,
        .manifest_folder = order->manifest_policy == ORDER_MANIFEST_TEXT
                               ? order->manifest_path
                               : TEXT_ABSENT,
        .manifest_suffix = order->manifest_inprogress_suffix,
        .excludes = order->exclude,
        .exclude_count = order->exclude_count,
        .has_oldest = order->exclude_older_than != 0,
        .has_newest = order->exclude_newer_than != 0,
        .oldest_s = bound_of(order->exclude_older_than),
        .newest_s = bound_of(order->exclude_newer_than),
        .rates = session_row_rates(&job->session->latest->row),
        .cipher = cipher_of(order),
        .cookie = order->cookie,
    };
    for (uint32_t i = 0; i < order->method_count; i++)
        params->methods[i] = method_of(order->method[i]);
    /* DatagramSize alone implies that the path is not asked. */
    if (!order->has_auto_detect_path_mtu || !order->auto_detect_path_mtu)
        params->datagram_bytes = (uint32_t)order->datagram_size;
}
