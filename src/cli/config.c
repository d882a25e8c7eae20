#include "cli/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/command.h"
#include "fasp/control.h"
#include "fasp/rate.h"
#include "soap/leaves.h"
#include "transfer/node.h"

#define USER_ELEMENT "aaa/realms/realm/users/user"
#define TRUNK_ELEMENT "trunks/trunk"
#define TRUNK_DEFAULT_KBPS 50000u
#define GROUP_ELEMENT "aaa/realms/realm/groups/group"
#define ROWS_MAX 1024u
#define WHY_BYTES 256u

/* The place of a setting. */
enum place { PLACE_NODE, PLACE_USER, PLACE_GROUP, PLACE_REALM, PLACE_TRUNK };

struct reading {
    struct config *config;
    config_fn found;
    void *user;
    struct config_user *current; /* the user that is being read */
    bool is_readable; /* by everybody */
    uint32_t refused_count;
    bool node_seen[ROWS_MAX];
    bool user_seen[ROWS_MAX]; /* of `current`, or of the last trunk */
};

/* ---- verdicts ---- */

const char *config_verdict_text(enum config_verdict verdict)
{
    switch (verdict) {
    case CONFIG_HONOURED:
        return "honoured";
    case CONFIG_IGNORED:
        return "ignored";
    case CONFIG_REFUSED:
        return "refused";
    }
    NEVER("a verdict is none");
}

static void tell(struct reading *reading, const struct leaf *leaf,
                 enum config_verdict verdict, const char *why)
{
    struct config_finding finding = {
        .verdict = verdict,
        .setting = leaf->path,
        .line = leaf->line,
        .column = leaf->column,
        .why = why,
    };

    if (verdict == CONFIG_REFUSED)
        reading->refused_count++;
    reading->found(reading->user, &finding);
}

static void tell_of_file(struct reading *reading, enum config_verdict verdict,
                         const char *why)
{
    struct leaf whole = {.path = text_of("")};

    tell(reading, &whole, verdict, why);
}

/* ---- values ---- */

/* A rate policy that the engine does not have yet is not promised. */
static bool policy_is_built(uint32_t policy)
{
    static const enum fasp_policy policies[] = {
        [TRANSFER_FIXED] = FASP_POLICY_FIXED,
        [TRANSFER_HIGH] = FASP_POLICY_HIGH,
        [TRANSFER_FAIR] = FASP_POLICY_FAIR,
        [TRANSFER_LOW] = FASP_POLICY_LOW,
    };
    struct fasp_rates rates = {.policy = policies[policy],
                               .target_bps = 1000000};

    return fasp_rates_supported(&rates);
}

static bool is_policy(const struct setting_row *row)
{
    return strstr(row->path, "/flow/policy/") != NULL &&
           row->words[0].word != NULL &&
           strcmp(row->words[0].word, "true") != 0;
}

/* Puts a text in its place, with a NUL.  Returns false with `why`. */
static bool store_text(struct reading *reading, const struct setting_row *row,
                       struct text value, const char **place,
                       char why[WHY_BYTES])
{
    struct address address;

    if (row->kind == SETTING_HOST && !address_parse_ip(value, 0, &address)) {
        snprintf(why, WHY_BYTES, "expected an IP address");
        return false;
    }
    if (row->kind == SETTING_SUFFIX &&
        (value.size_bytes > CONTROL_SUFFIX_BYTES_MAX ||
         memchr(value.data, '/', value.size_bytes) != NULL)) {
        snprintf(why, WHY_BYTES, "expected an end of names, without a slash");
        return false;
    }
    if (row->kind == SETTING_PATH && value.data[0] != '/') {
        snprintf(why, WHY_BYTES, "expected a path that begins with /");
        return false;
    }
    if (memchr(value.data, '\0', value.size_bytes) != NULL ||
        value.size_bytes >= PATH_MAX) {
        snprintf(why, WHY_BYTES, "the value is too long");
        return false;
    }
    struct text copy = text_copy(&reading->config->arena, value);
    if (text_is_absent(copy)) {
        snprintf(why, WHY_BYTES, "memory is used up");
        return false;
    }
    *place = copy.data;
    return true;
}

/* Makes room for one more in a list, which doubles when it is full.  Returns the
 * list, or NULL with `why`. */
static void *make_room(struct reading *reading, void *items, uint32_t count,
                       size_t item_bytes, char why[WHY_BYTES])
{
    if ((count & (count - 1)) != 0)
        return items;
    void *more = arena_take_zeroed(&reading->config->arena,
                                   count == 0 ? 1 : count * 2, item_bytes);
    if (more == NULL)
        snprintf(why, WHY_BYTES, "memory is used up");
    else if (count > 0)
        memcpy(more, items, count * item_bytes);
    return more;
}

static bool store_network(struct reading *reading, struct text value,
                          struct config_networks *list, char why[WHY_BYTES])
{
    struct callback_prefix prefix;

    if (!callback_prefix_parse(value, &prefix)) {
        snprintf(why, WHY_BYTES,
                 "expected a network, as 10.0.0.0/8 or fd00::/8, without bits "
                 "beyond its length");
        return false;
    }
    void *room =
        make_room(reading, list->items, list->count, sizeof prefix, why);
    if (room == NULL)
        return false;
    list->items = room;
    list->items[list->count++] = prefix;
    return true;
}

static bool store_destination(struct reading *reading, struct text value,
                              struct config_destinations *list,
                              char why[WHY_BYTES])
{
    struct callback_destination destination;
    struct text host;

    if (!callback_destination_parse(value, &host, &destination.port)) {
        snprintf(why, WHY_BYTES,
                 "expected a name or an address, as observer.example.org:8443");
        return false;
    }
    void *room =
        make_room(reading, list->items, list->count, sizeof destination, why);
    struct text copy = text_copy(&reading->config->arena, host);
    if (room == NULL || text_is_absent(copy)) {
        snprintf(why, WHY_BYTES, "memory is used up");
        return false;
    }
    destination.host = copy.data;
    list->items = room;
    list->items[list->count++] = destination;
    return true;
}

static bool store(struct reading *reading, const struct setting_row *row,
                  struct text value, bool of_user, char why[WHY_BYTES])
{
    unsigned char *base = (unsigned char *)reading->config;

    if (row->scope == SETTING_TRUNK)
        base = (unsigned char *)&reading->config
                   ->trunks[reading->config->trunk_count - 1];
    else if (row->scope != SETTING_NODE)
        base = (unsigned char *)(of_user ? reading->current
                                         : &reading->config->everyone);
    void *place = base + row->offset;
    if (row->kind == SETTING_TEXT || row->kind == SETTING_HOST ||
        row->kind == SETTING_PATH || row->kind == SETTING_SUFFIX)
        return store_text(reading, row, value, place, why);
    if (row->kind == SETTING_LIST)
        return store_network(reading, value, place, why);
    if (row->kind == SETTING_DESTINATIONS)
        return store_destination(reading, value, place, why);
    if (!setting_read_number(row, value, place, why, WHY_BYTES))
        return false;
    if (row->kind == SETTING_WORD && is_policy(row) &&
        !policy_is_built(*(uint32_t *)place)) {
        snprintf(why, WHY_BYTES, "this policy is not built yet");
        return false;
    }
    return true;
}

/* ---- one setting ---- */

/* Finds out whose it is; `*name` is what it would be called in "default". */
static enum place place_of(struct text path, char name[LEAVES_PATH_BYTES + 16])
{
    static const struct {
        const char *prefix;
        enum place place;
    } elements[] = {
        {USER_ELEMENT "/", PLACE_USER},
        {GROUP_ELEMENT "/", PLACE_GROUP},
    };

    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
        uint32_t size = (uint32_t)strlen(elements[i].prefix);
        if (!text_starts_with(path, elements[i].prefix))
            continue;
        snprintf(name, LEAVES_PATH_BYTES + 16, "default/%.*s",
                 (int)(path.size_bytes - size), path.data + size);
        return elements[i].place;
    }
    snprintf(name, LEAVES_PATH_BYTES + 16, "%.*s", (int)path.size_bytes,
             path.data);
    if (text_starts_with(path, TRUNK_ELEMENT "/"))
        return PLACE_TRUNK;
    return text_starts_with(path, "aaa/") ? PLACE_REALM : PLACE_NODE;
}

/* What the row says of itself, before its value is read.  Returns false when
 * that is all. */
static bool may_be_set(struct reading *reading, const struct leaf *leaf,
                       const struct setting_row *row, enum place place)
{
    if (row->kind == SETTING_IGNORED) {
        tell(reading, leaf, CONFIG_IGNORED, row->why);
    } else if (row->kind == SETTING_REFUSED) {
        if (setting_is_harmless(row, leaf->value))
            tell(reading, leaf, CONFIG_HONOURED, "");
        else
            tell(reading, leaf, CONFIG_REFUSED, row->why);
    } else if (place == PLACE_GROUP && row->scope != SETTING_USER) {
        tell(reading, leaf, CONFIG_REFUSED,
             "groups are not built: say it of each user");
    } else if (place == PLACE_GROUP) {
        tell(reading, leaf, CONFIG_IGNORED, "groups are not built");
    } else if (place == PLACE_USER && row->scope == SETTING_NODE) {
        tell(reading, leaf, CONFIG_REFUSED,
             "it holds for all users: say it in default");
    } else if (place == PLACE_NODE && row->scope == SETTING_USER) {
        tell(reading, leaf, CONFIG_IGNORED, "it is a user's");
    } else {
        return true;
    }
    return false;
}

static void set(struct reading *reading, const struct leaf *leaf,
                const struct setting_row *row, enum place place)
{
    bool of_user = place == PLACE_USER;
    bool *seen = of_user || place == PLACE_TRUNK ? reading->user_seen
                                                 : reading->node_seen;
    char why[WHY_BYTES] = "";

    if (!may_be_set(reading, leaf, row, place))
        return;
    if (leaf->value.size_bytes == 0) {
        tell(reading, leaf, CONFIG_HONOURED, "");
        return;
    }
    if (seen[row - setting_rows] && row->kind != SETTING_LIST &&
        row->kind != SETTING_DESTINATIONS)
        tell(reading, leaf, CONFIG_REFUSED, "it is given twice");
    else if (store(reading, row, leaf->value, of_user, why))
        tell(reading, leaf, CONFIG_HONOURED, "");
    else
        tell(reading, leaf, CONFIG_REFUSED, why);
    seen[row - setting_rows] = true;
}

static bool on_leaf(void *user, const struct leaf *leaf)
{
    struct reading *reading = user;
    char name[LEAVES_PATH_BYTES + 16];

    enum place place = place_of(leaf->path, name);
    const struct setting_row *row = setting_find(text_of(name));
    if (row != NULL) {
        set(reading, leaf, row, place);
        if (reading->is_readable && leaf->value.size_bytes > 0 &&
            setting_is_secret(leaf->path))
            tell_of_file(reading, CONFIG_IGNORED,
                         "everybody can read it, and a secret is in it: "
                         "chmod o-r");
    } else if (place == PLACE_REALM) {
        tell(reading, leaf, CONFIG_IGNORED, "realms say nothing but users");
    } else if (strncmp(name, "ferry/", 6) == 0) {
        tell(reading, leaf, CONFIG_REFUSED, "there is no setting of this name");
    } else {
        tell(reading, leaf, CONFIG_IGNORED,
             "no setting of this name is known: is it spelt right?");
    }
    return true;
}

/* ---- users ---- */

static void user_init(struct config_user *user)
{
    *user = (struct config_user){
        .read_allowed = CONFIG_UNSET,
        .write_allowed = CONFIG_UNSET,
        .in_value = CONFIG_UNSET,
        .out_value = CONFIG_UNSET,
    };
}

/* A user begins.  Returns false when memory is used up. */
static bool add_user(struct reading *reading, uint32_t line)
{
    struct config *config = reading->config;
    uint32_t count = config->user_count;

    if ((count & (count - 1)) == 0) {
        uint32_t room = count == 0 ? 1 : count * 2;
        struct config_user *more =
            arena_take_zeroed(&config->arena, room, sizeof *more);
        if (more == NULL)
            return false;
        if (count > 0)
            memcpy(more, config->users, count * sizeof *more);
        config->users = more;
    }
    reading->current = &config->users[config->user_count++];
    user_init(reading->current);
    reading->current->line = line;
    memset(reading->user_seen, 0, sizeof reading->user_seen);
    return true;
}

/* A trunk begins.  Returns false when memory is used up. */
static bool add_trunk(struct reading *reading, uint32_t line)
{
    struct config *config = reading->config;
    char why[WHY_BYTES];

    void *room = make_room(reading, config->trunks, config->trunk_count,
                           sizeof *config->trunks, why);
    if (room == NULL)
        return false;
    config->trunks = room;
    config->trunks[config->trunk_count++] = (struct config_trunk){
        .on = CONFIG_UNSET,
        .ignores_direction = CONFIG_UNSET,
        .capacity_kbps = TRUNK_DEFAULT_KBPS,
        .line = line,
    };
    memset(reading->user_seen, 0, sizeof reading->user_seen);
    return true;
}

static bool on_begin(void *user, const struct leaf *leaf)
{
    struct reading *reading = user;

    if (text_is(leaf->path, TRUNK_ELEMENT))
        return add_trunk(reading, leaf->line);
    if (!text_is(leaf->path, USER_ELEMENT) || add_user(reading, leaf->line))
        return true;
    tell(reading, leaf, CONFIG_REFUSED, "there are too many users");
    return false;
}

static const char *user_problem(const struct config *config,
                                const struct config_user *user)
{
    if (user->name == NULL)
        return "a user has no name";
    if (strchr(user->name, '/') != NULL || user->name[0] == '.')
        return "a user's name holds / or begins with a dot";
    if (user->docroot == NULL && config->everyone.docroot == NULL)
        return "a user has no docroot: give file_system/access/paths/path/"
               "absolute, here or in default";
    for (const struct config_user *other = config->users; other < user; other++)
        if (other->name != NULL && strcmp(other->name, user->name) == 0)
            return "a user is there twice";
    return NULL;
}

static void check_users(struct reading *reading)
{
    struct config *config = reading->config;

    for (uint32_t i = 0; i < config->user_count; i++) {
        struct leaf leaf = {.path = text_of(USER_ELEMENT),
                            .line = config->users[i].line,
                            .column = 1};
        const char *problem = user_problem(config, &config->users[i]);
        if (problem != NULL)
            tell(reading, &leaf, CONFIG_REFUSED, problem);
    }
}

/* ---- trunks ---- */

static const struct config_trunk *trunk_of(const struct config *config,
                                           uint32_t id)
{
    for (uint32_t i = 0; i < config->trunk_count; i++)
        if (config->trunks[i].id == id)
            return &config->trunks[i];
    return NULL;
}

static void refuse_trunk(struct reading *reading, uint32_t line,
                         const char *setting, const char *problem)
{
    struct leaf leaf = {.path = text_of(setting), .line = line, .column = 1};

    tell(reading, &leaf, CONFIG_REFUSED, problem);
}

static void check_trunks(struct reading *reading)
{
    const struct config *config = reading->config;

    for (uint32_t i = 0; i < config->trunk_count; i++) {
        const struct config_trunk *trunk = &config->trunks[i];
        if (trunk->id == 0 && trunk->on == true)
            refuse_trunk(reading, trunk->line, TRUNK_ELEMENT,
                         "a trunk has no id");
        else if (trunk->id > 0 && trunk_of(config, trunk->id) != trunk)
            refuse_trunk(reading, trunk->line, TRUNK_ELEMENT,
                         "a trunk's id is there twice");
    }
    if (config->in.trunk_id < CONFIG_UNSET && config->in.trunk_id > 0 &&
        trunk_of(config, config->in.trunk_id) == NULL)
        refuse_trunk(reading, 0,
                     "default/transfer/in/bandwidth/aggregate/trunk_id",
                     "there is no trunk of this id");
    if (config->out.trunk_id < CONFIG_UNSET && config->out.trunk_id > 0 &&
        trunk_of(config, config->out.trunk_id) == NULL)
        refuse_trunk(reading, 0,
                     "default/transfer/out/bandwidth/aggregate/trunk_id",
                     "there is no trunk of this id");
}

/* ---- the file ---- */

void config_init(struct config *config)
{
    uint32_t *numbers[] = {
        &config->soap_port,          &config->backlog,
        &config->transfer_port,      &config->insecure_soap,
        &config->history_s,          &config->events_s,
        &config->exit_on_store_error, &config->synchronous,
        &config->compact,            &config->files_per_session,
        &config->file_errors,        &config->ignore_empty_files,
        &config->ignore_skipped_files, &config->ignore_no_transfer_files,
        &config->connection_timeout_s, &config->session_timeout_s,
        &config->datagram_timeout_s, &config->stall_timeout_s,
        &config->retry_count,        &config->retry_base_s,
        &config->retry_max_s,
        &config->jobs_running_max,   &config->sessions_max,
        &config->callback_proof,     &config->subscriptions_per_caller_max,
        &config->events_max,         &config->drops_events,
        &config->plain_sessions,     &config->log_level,
        &config->log_size_mb,        &config->log_count,
        &config->links,
    };
    const struct config_direction unset = {
        CONFIG_UNSET, CONFIG_UNSET, CONFIG_UNSET, CONFIG_UNSET, CONFIG_UNSET,
        CONFIG_UNSET, CONFIG_UNSET, CONFIG_UNSET, CONFIG_UNSET, 0,
    };

    *config = (struct config){.in = unset, .out = unset};
    arena_init(&config->arena, LIMIT_CONFIG_BYTES);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        *numbers[i] = CONFIG_UNSET;
    user_init(&config->everyone);
}

void config_free(struct config *config)
{
    arena_free(&config->arena);
}

/* Adds all of `fd`, or says what is wrong. */
static const char *read_all(int fd, struct text_builder *document)
{
    char piece[65536];

    for (;;) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0)
            return strerror(errno);
        if (got == 0)
            return document->failed ? "it is too large" : NULL;
        text_add(document, text_from(piece, (size_t)got));
    }
}

static const char *open_file(struct reading *reading, const char *path,
                             struct text_builder *document)
{
    struct stat stat_of;
    const char *problem = NULL;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return strerror(errno);
    if (fstat(fd, &stat_of) != 0 || !S_ISREG(stat_of.st_mode))
        problem = "it is no file";
    else if ((stat_of.st_mode & S_IWOTH) != 0)
        problem = "everybody can write it, and so say what the server does: "
                  "chmod o-w";
    else
        problem = read_all(fd, document);
    reading->is_readable = (stat_of.st_mode & S_IROTH) != 0;
    close(fd);
    return problem;
}

int config_read(struct config *config, const char *path, void *user,
                config_fn found)
{
    struct text_builder document = {.size_bytes_max = LIMIT_CONFIG_BYTES};
    struct reading reading = {.config = config, .found = found, .user = user};
    struct leaves_error error;

    CHECK(setting_row_count <= ROWS_MAX);
    config->path = path;
    const char *problem = open_file(&reading, path, &document);
    if (problem != NULL) {
        tell_of_file(&reading, CONFIG_REFUSED, problem);
    } else if (!leaves_read(text_built(&document), &reading, on_begin, on_leaf,
                            &error)) {
        struct leaf leaf = {.path = text_of(""),
                            .line = error.line,
                            .column = error.column};
        tell(&reading, &leaf, CONFIG_REFUSED, error.message);
    } else {
        check_users(&reading);
    check_trunks(&reading);
    }
    text_builder_free(&document);
    return reading.refused_count == 0 ? EXIT_DONE : EXIT_CONFIG;
}
