/* From what a file says to what the service wants to know. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/secret.h"
#include "store/store.h"
#include "transfer/node.h"

#define DEFAULT_SOAP_HOST "127.0.0.1"
#define DEFAULT_SOAP_PORT 40001u
#define DEFAULT_TRANSFER_HOST "0.0.0.0"
#define DEFAULT_TRANSFER_PORT 33001u
#define USER_KEYS_BYTES 65536u

static uint32_t or_else(uint32_t value, uint32_t otherwise)
{
    return value == CONFIG_UNSET ? otherwise : value;
}

static bool is_yes(uint32_t value)
{
    return value == true;
}

static bool is_no(uint32_t value)
{
    return value == false;
}

static void fill_address(const char *host, const char *other_host,
                         uint32_t port, uint32_t other_port,
                         struct address *address)
{
    bool good = address_parse_ip(text_of(host != NULL ? host : other_host),
                                 (uint16_t)or_else(port, other_port), address);

    CHECK(good); /* config_read() has looked at it */
}

static void set_ms(uint32_t seconds, uint32_t *ms)
{
    if (seconds != CONFIG_UNSET)
        *ms = seconds * 1000; /* at most a day: settings.def */
}

static void fill_direction(const struct config_direction *from,
                           struct transfer_rules *rules,
                           struct central_defaults *defaults)
{
    if (from->target_rate_cap < CONFIG_UNSET)
        rules->target_cap_kbps = from->target_rate_cap;
    if (from->min_rate_cap < CONFIG_UNSET) {
        rules->caps_minimum = true;
        rules->minimum_cap_kbps = from->min_rate_cap;
    }
    rules->policy_max = (uint8_t)or_else(from->policy_allowed, TRANSFER_FIXED);
    if (from->target_rate_default < CONFIG_UNSET)
        defaults->target_kbps = from->target_rate_default;
    if (from->min_rate_default < CONFIG_UNSET)
        defaults->minimum_kbps = from->min_rate_default;
    defaults->has_policy = from->policy_default != CONFIG_UNSET;
    defaults->policy = (uint8_t)or_else(from->policy_default, TRANSFER_FAIR);

    /* What is locked is what stands as the default beside it. */
    rules->locks_target = is_yes(from->target_rate_lock);
    if (rules->locks_target && defaults->target_kbps == 0)
        defaults->target_kbps = CENTRAL_TARGET_RATE_KBPS;
    rules->target_kbps = defaults->target_kbps;
    rules->locks_minimum = is_yes(from->min_rate_lock);
    rules->minimum_kbps = defaults->minimum_kbps;
    rules->locks_policy = is_yes(from->policy_lock);
    rules->policy = defaults->policy;
}

/* Both directions share a trunk that ignores them. */
static void fill_trunk(const struct config *config, uint32_t id,
                       struct transfer_rules *rules)
{
    rules->vlink_kbps = 0;
    for (uint32_t i = 0; i < config->trunk_count; i++) {
        const struct config_trunk *trunk = &config->trunks[i];
        if (id == 0 || trunk->id != id || !is_yes(trunk->on))
            continue;
        rules->vlink_kbps = trunk->capacity_kbps;
        rules->vlink_is_shared = is_yes(trunk->ignores_direction) &&
                                 config->in.trunk_id == config->out.trunk_id;
    }
}

/* ---- users ---- */

/* "/data/$(name)" of "lab" is "/data/lab".  NULL when memory is used up. */
static const char *docroot_of(struct config *config, const char *docroot,
                              const char *name)
{
    static const char variable[] = "$(name)";
    struct text_builder built = {.size_bytes_max = PATH_MAX};
    const char *at;

    while ((at = strstr(docroot, variable)) != NULL) {
        text_add(&built, text_from(docroot, (size_t)(at - docroot)));
        text_add_string(&built, name);
        docroot = at + strlen(variable);
    }
    text_add_string(&built, docroot);
    struct text copy = TEXT_ABSENT;
    if (!built.failed)
        copy = text_copy(&config->arena, text_built(&built));
    text_builder_free(&built);
    return copy.data;
}

/* FOLDER/NAME.pub, if it is there. */
static bool read_keys(struct config *config, const char *name,
                      const char **keys, char *error)
{
    struct text_builder file = {.size_bytes_max = USER_KEYS_BYTES};
    char path[PATH_MAX];

    *keys = NULL;
    if (config->user_keys == NULL)
        return true;
    int size = snprintf(path, sizeof path, "%s/%s.pub", config->user_keys, name);
    if (size < 0 || (size_t)size >= sizeof path)
        return true; /* no file can have that name */
    int result = read_file(path, &file);
    if (result == 0)
        *keys = text_copy(&config->arena, text_built(&file)).data;
    text_builder_free(&file);
    if (result == 0 || result == -ENOENT)
        return true;
    snprintf(error, CENTRAL_ERROR_BYTES, "%.400s: %s", path,
             strerror(-result));
    return false;
}

static bool fill_user(struct config *config, const struct config_user *from,
                      struct central_user *to, char *error)
{
    const struct config_user *every = &config->everyone;
    const char *docroot = from->docroot ? from->docroot : every->docroot;

    to->name = from->name;
    to->docroot = docroot_of(config, docroot, from->name);
    to->no_pull = is_no(or_else(from->read_allowed, every->read_allowed)) ||
                  is_no(or_else(from->out_value, every->out_value));
    to->no_push = is_no(or_else(from->write_allowed, every->write_allowed)) ||
                  is_no(or_else(from->in_value, every->in_value));
    if (to->docroot == NULL) {
        snprintf(error, CENTRAL_ERROR_BYTES, "the docroot of %.200s is too long",
                 from->name);
        return false;
    }
    return read_keys(config, from->name, &to->public_keys, error);
}

static bool fill_users(struct config *config, struct central_settings *settings,
                       char *error)
{
    const struct config_user *every = &config->everyone;
    struct central_user *users = arena_take_zeroed(
        &config->arena, config->user_count + 1, sizeof *users);

    if (users == NULL) {
        snprintf(error, CENTRAL_ERROR_BYTES, "memory is used up");
        return false;
    }
    for (uint32_t i = 0; i < config->user_count; i++)
        if (!fill_user(config, &config->users[i], &users[i], error))
            return false;
    settings->users = users;
    settings->user_count = config->user_count;
    settings->no_pull = is_no(every->read_allowed) || is_no(every->out_value);
    settings->no_push = is_no(every->write_allowed) || is_no(every->in_value);
    return true;
}

/* ---- all ---- */

static void fill_settings(const struct config *config,
                          struct central_settings *settings)
{
    fill_direction(&config->in, &settings->in, &settings->in_defaults);
    fill_direction(&config->out, &settings->out, &settings->out_defaults);
    fill_trunk(config, config->in.trunk_id, &settings->in);
    fill_trunk(config, config->out.trunk_id, &settings->out);
    if (config->history_s != CONFIG_UNSET)
        settings->history_s = config->history_s == 0 ? 1 : config->history_s;
    settings->retry_count =
        config->retry_count == 0 ? CENTRAL_NO_RETRY
                                 : or_else(config->retry_count, 0);
    settings->retry_base_s = or_else(config->retry_base_s, 0);
    settings->retry_max_s = or_else(config->retry_max_s, 0);
    settings->events_s = or_else(config->events_s, 0);
    settings->files_per_session = or_else(config->files_per_session, 0);
    settings->hides_failed_files = is_no(config->file_errors);
    settings->hides_empty_files = is_yes(config->ignore_empty_files);
    settings->hides_skipped_files = is_yes(config->ignore_skipped_files);
    settings->hides_untransferred_files =
        is_yes(config->ignore_no_transfer_files);
    settings->exits_on_store_error = is_yes(config->exit_on_store_error);
}

bool config_fill(struct config *config, struct central_config *central,
                 char error[CENTRAL_ERROR_BYTES])
{
    fill_address(config->soap_host, DEFAULT_SOAP_HOST, config->soap_port,
                 DEFAULT_SOAP_PORT, &central->soap_listen);
    fill_address(config->transfer_host, DEFAULT_TRANSFER_HOST,
                 config->transfer_port, DEFAULT_TRANSFER_PORT,
                 &central->transfer_listen);
    central->insecure_soap = is_yes(config->insecure_soap);
    central->state_dir =
        config->state != NULL ? config->state : config->store_path;
    central->docroot = config->everyone.docroot;
    if (central->docroot != NULL && strstr(central->docroot, "$(") != NULL)
        central->docroot = NULL; /* it is users', not that of orders */
    central->soap_certificate = config->soap_cert;
    central->soap_key = config->soap_key;
    central->known_hosts = config->known_hosts;
    central->resume_suffix = config->resume_suffix;
    central->partial_suffix = config->partial_suffix;
    central->made = (struct transfer_made){
        .file_mode = (uint16_t)or_else(config->file_mode, 0),
        .file_grant = (uint16_t)or_else(config->file_grant, 0),
        .folder_mode = (uint16_t)or_else(config->folder_mode, 0),
        .folder_grant = (uint16_t)or_else(config->folder_grant, 0),
        .forbids_links = (uint8_t)~or_else(config->links, UINT8_MAX),
        .checksum = (enum transfer_checksum)or_else(config->checksum, 0),
    };
    central->keys_dir = config->keys_dir;

    set_ms(config->connection_timeout_s, &central->control_timeout_ms);
    set_ms(config->session_timeout_s, &central->lost_timeout_ms);
    set_ms(config->datagram_timeout_s, &central->datagram_timeout_ms);
    set_ms(config->stall_timeout_s, &central->stall_timeout_ms);
    central->sessions_running_max = or_else(config->jobs_running_max, 0);
    central->sessions_max = or_else(config->sessions_max, 0);
    central->allows_plain = is_yes(config->plain_sessions);
    central->backlog = or_else(config->backlog, 0);
    central->synchronous = (uint8_t)or_else(config->synchronous, STORE_SYNC_FULL);
    central->compacts = is_yes(config->compact);
    central->events_max = or_else(config->events_max, 0);
    central->drops_events = is_yes(config->drops_events);
    central->subscriptions_per_caller_max =
        or_else(config->subscriptions_per_caller_max, 0);
    central->callbacks.allow = (struct callback_list){
        config->callback_allow.items, config->callback_allow.count};
    central->callbacks.deny = (struct callback_list){
        config->callback_deny.items, config->callback_deny.count};
    central->callbacks.proves = is_yes(config->callback_proof);
    central->callbacks.unchecked = config->callback_insecure.items;
    central->callbacks.unchecked_count = config->callback_insecure.count;
    central->callback_authorities = config->callback_ca;
    fill_settings(config, &central->settings);
    return fill_users(config, &central->settings, error);
}
