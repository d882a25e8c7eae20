#include "pair.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"

struct pair pair;
const char *pair_client_address = "127.0.0.1:0";

static struct pair_end *end_of(const struct transfer_session *session)
{
    if (session == pair.client_end.session)
        return &pair.client_end;
    cr_assert_eq(session, pair.server_end.session);
    return &pair.server_end;
}

static void login(void *owner, struct transfer_login *login, struct text user)
{
    (void)owner;
    pair.logins++;
    transfer_login_answer(login, text_is(user, "ada") ? &pair.user : NULL);
}

static void opened(void *owner, struct transfer_session *session)
{
    (void)owner;
    cr_assert_null(pair.server_end.session);
    pair.server_end.session = session;
    pair.server_end.let_in++;
}

static void changed(void *owner, struct transfer_session *session,
                    enum transfer_change change)
{
    struct pair_end *end = end_of(session);

    (void)owner;
    if (change == TRANSFER_CHANGE_LET_IN)
        end->let_in++;
    else
        end->changes |= 1u << change;
}

static void file(void *owner, struct transfer_session *session,
                 const struct transfer_file *file)
{
    struct pair_end *end = end_of(session);

    (void)owner;
    if (file->state == TRANSFER_FILE_RUNNING)
        return;
    end->files_told++;
    cr_assert_neq(file->end_us, 0);
    if (file->state == TRANSFER_FILE_FAILED) {
        end->files_failed++;
        end->file_error = file->error;
    }
    if (file->state == TRANSFER_FILE_SKIPPED)
        end->files_skipped++;
}

static void ended(void *owner, struct transfer_session *session)
{
    struct pair_end *end = end_of(session);

    (void)owner;
    transfer_stats(session, &end->stats);
    cr_assert(text_to_string(end->stats.error_text, end->error_text,
                             sizeof end->error_text));
    end->has_ended = true;
    end->session = NULL;
}

static const struct transfer_node_events events = {
    .login = login,
    .opened = opened,
    .changed = changed,
    .file = file,
    .ended = ended,
};

static void make_folders(void)
{
    const char *shared = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(pair.root, sizeof pair.root, "%s/ferry-transfer-XXXXXX", shared);
    cr_assert_not_null(mkdtemp(pair.root));
    snprintf(pair.here, sizeof pair.here, "%.200s/here", pair.root);
    snprintf(pair.there, sizeof pair.there, "%.200s/there", pair.root);
    pair_folder("here");
    pair_folder("there");
}

void pair_open(const struct transfer_node_config *given)
{
    struct transfer_node_config config = {0};

    pair = (struct pair){0};
    if (given != NULL)
        config = *given;
    make_folders();
    cr_assert_eq(loop_open(&pair.loop, 4), 0);
    identity_make(&pair.identity);
    fingerprint_format(pair.identity.fingerprint, pair.fingerprint);
    cr_assert_eq(password_hash(text_of("secret"), pair.password_hash), 0);
    pair.user = (struct transfer_user){
        .docroot = text_of(pair.there),
        .password_hash = text_of(pair.password_hash),
    };
    config.loop = pair.loop;
    config.events = &events;
    cr_assert(address_parse(text_of(pair_client_address), &config.listen));
    cr_assert_eq(transfer_node_open(&pair.client, &config), 0);
    cr_assert(address_parse(text_of("127.0.0.1:0"), &config.listen));
    config.identity = &pair.identity;
    cr_assert_eq(transfer_node_open(&pair.server, &config), 0);
}

static void node_stopped(void *owner)
{
    *(bool *)owner = true;
}

static bool both_stopped(void)
{
    return pair.client_stopped && pair.server_stopped;
}

void pair_close(void)
{
    char command[PAIR_PATH_BYTES + 40];

    if (pair.client != NULL)
        transfer_node_stop(pair.client, node_stopped, &pair.client_stopped);
    else
        pair.client_stopped = true;
    if (pair.server != NULL)
        transfer_node_stop(pair.server, node_stopped, &pair.server_stopped);
    else
        pair.server_stopped = true;
    pair_run_until(both_stopped);
    loop_free(pair.loop);
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", pair.root,
             pair.root);
    cr_assert_eq(system(command), 0);
}

struct transfer_params pair_params(enum transfer_operation operation,
                                   const struct text *source,
                                   const char *destination)
{
    struct transfer_params params = {
        .session_id = uuid_new(),
        .operation = operation,
        .host = text_of("127.0.0.1"),
        .port = transfer_node_address(pair.server).port,
        .user = text_of("ada"),
        .password = text_of("secret"),
        .fingerprint = text_of(pair.fingerprint),
        .local_docroot = text_of(pair.here),
        .sources = source,
        .source_count = 1,
        .destination = text_of(destination),
        .overwrite = TRANSFER_OVERWRITE_DIFF,
        .rates = {.policy = TRANSFER_FIXED, .target_kbps = 2000000},
        .cipher = TRANSFER_CIPHER_AES_128,
    };

    return params;
}

void pair_start(const struct transfer_params *params)
{
    pair.client_end = (struct pair_end){0};
    pair.server_end = (struct pair_end){0};
    pair.client_end.session = transfer_start(pair.client, params, NULL);
}

/* Keeps a turn of the loop from waiting for ever. */
static void ticked(struct loop_timer *timer)
{
    (void)timer;
}

static void tell_where_it_hangs(void)
{
    struct transfer_stats ends[2] = {0};

    if (pair.client_end.session != NULL)
        transfer_stats(pair.client_end.session, &ends[0]);
    if (pair.server_end.session != NULL)
        transfer_stats(pair.server_end.session, &ends[1]);
    for (int i = 0; i < 2; i++)
        cr_log_error("%s: state %d, %llu of %llu bytes over, %llu written, "
                     "%u of %u files, %u failed",
                     i == 0 ? "client" : "server", (int)ends[i].state,
                     (unsigned long long)ends[i].bytes_transferred,
                     (unsigned long long)ends[i].expected_bytes,
                     (unsigned long long)ends[i].bytes_written,
                     ends[i].files_complete, ends[i].expected_file_count,
                     ends[i].files_failed);
    cr_assert_fail("this takes too long");
}

void pair_run_until(bool (*done)(void))
{
    uint64_t end_ns = clock_mono_ns() + UINT64_C(10000000000);
    struct loop_timer tick = {0};

    while (!done()) {
        if (clock_mono_ns() >= end_ns)
            tell_where_it_hangs();
        loop_timer_start(pair.loop, &tick, loop_now_ns(pair.loop) + 100000000,
                         ticked);
        loop_run_once(pair.loop);
        loop_timer_stop(pair.loop, &tick);
    }
}

static bool both_ended(void)
{
    return pair.client_end.has_ended && pair.server_end.session == NULL;
}

void pair_run(void)
{
    pair_run_until(both_ended);
}

enum fasp_error pair_transfer(enum transfer_operation operation,
                              const char *source, const char *destination)
{
    struct text text = text_of(source);
    struct transfer_params params = pair_params(operation, &text, destination);

    pair_start(&params);
    pair_run();
    return pair.client_end.stats.error;
}

static void full_path(const char *path, char full[PAIR_PATH_BYTES * 2])
{
    snprintf(full, PAIR_PATH_BYTES * 2, "%s/%s", pair.root, path);
}

void pair_write(const char *path, const void *data, uint64_t size_bytes)
{
    char full[PAIR_PATH_BYTES * 2];

    full_path(path, full);
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    cr_assert_geq(fd, 0, "%s: %s", full, strerror(errno));
    for (uint64_t at = 0; at < size_bytes;) {
        ssize_t done = write(fd, (const char *)data + at, size_bytes - at);
        cr_assert_gt(done, 0);
        at += (uint64_t)done;
    }
    close(fd);
}

void pair_fill(const char *path, uint64_t size_bytes, uint64_t seed)
{
    uint64_t *data = malloc(size_bytes + 8);
    struct random random;

    cr_assert_not_null(data);
    random_seed(&random, seed);
    for (uint64_t i = 0; i < size_bytes / 8 + 1; i++)
        data[i] = random_u64(&random);
    pair_write(path, data, size_bytes);
    free(data);
}

void pair_folder(const char *path)
{
    char full[PAIR_PATH_BYTES * 2];

    full_path(path, full);
    cr_assert_eq(mkdir(full, 0755), 0, "%s: %s", full, strerror(errno));
}

bool pair_exists(const char *path)
{
    char full[PAIR_PATH_BYTES * 2];
    struct stat info;

    full_path(path, full);
    return lstat(full, &info) == 0;
}

void pair_same(const char *a, const char *b)
{
    char command[PAIR_PATH_BYTES * 4];

    snprintf(command, sizeof command, "cd %s && diff -r '%s' '%s'", pair.root,
             a, b);
    cr_assert_eq(system(command), 0, "%s and %s differ", a, b);
}

uint32_t pair_count(const char *path)
{
    char full[PAIR_PATH_BYTES * 2];
    uint32_t count = 0;

    full_path(path, full);
    DIR *folder = opendir(full);
    cr_assert_not_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count - 2;
}
