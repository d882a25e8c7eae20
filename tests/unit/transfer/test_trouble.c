/* What goes wrong while files move. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/random.h"
#include "pair.h"

#define MEBIBYTE (UINT64_C(1) << 20)

/* As root, and not in every container; tests that need it are left out. */
static bool may_mount;

static void set_up(void)
{
    /* A time-out of half a second is long on one machine. */
    struct transfer_node_config config = {.datagram_timeout_ms = 500};

    /* So that a test may mount something, seen by nobody else. */
    may_mount = unshare(CLONE_NEWNS) == 0 &&
                mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    pair_open(&config);
}

static void tear_down(void)
{
    pair_close();
}

TestSuite(trouble, .init = set_up, .fini = tear_down, .timeout = 90);

static uint64_t bytes_at(struct transfer_session *session)
{
    struct transfer_stats stats;

    if (session == NULL)
        return 0;
    transfer_stats(session, &stats);
    return stats.bytes_transferred;
}

static bool is_under_way(void)
{
    cr_assert_not(pair.client_end.has_ended, "%s", pair.client_end.error_text);
    return bytes_at(pair.client_end.session) > MEBIBYTE &&
           bytes_at(pair.server_end.session) > MEBIBYTE;
}

/* Starts a file of 32 MiB at 100 Mbit/s and waits until some of it came. */
static void start_slow(enum transfer_operation operation)
{
    static struct text source;
    struct transfer_params params;

    source = text_of("big");
    params = pair_params(operation, &source, "/");
    params.rates.target_kbps = 100000;
    pair_fill(operation == TRANSFER_PUSH ? "here/big" : "there/big",
              32 * MEBIBYTE, 1);
    pair_start(&params);
    pair_run_until(is_under_way);
}

static void expect_both(enum fasp_error error, enum transfer_state state)
{
    cr_expect_eq(pair.client_end.stats.error, error, "client: %s",
                 pair.client_end.error_text);
    cr_expect_eq(pair.server_end.stats.error, error, "server: %s",
                 pair.server_end.error_text);
    cr_expect_eq(pair.client_end.stats.state, state);
    cr_expect_eq(pair.server_end.stats.state, state);
}

Test(trouble, a_cancel_at_the_client_ends_both_and_leaves_nothing)
{
    start_slow(TRANSFER_PUSH);
    transfer_cancel(pair.client_end.session);
    pair_run();
    expect_both(FASP_ERROR_CANCELLED, TRANSFER_CANCELLED);
    cr_assert_eq(pair_count("there"), 0);
}

Test(trouble, a_cancel_at_the_server_ends_both_and_leaves_nothing)
{
    start_slow(TRANSFER_PULL);
    transfer_cancel(pair.server_end.session);
    pair_run();
    expect_both(FASP_ERROR_CANCELLED, TRANSFER_CANCELLED);
    cr_assert_eq(pair_count("here"), 0);
}

Test(trouble, a_cancel_before_anything_happened_is_one)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");

    pair_start(&params);
    transfer_cancel(pair.client_end.session);
    cr_assert_not(pair.client_end.has_ended, "never from inside a call");
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_CANCELLED);
    cr_assert_eq(pair.logins, 0);
}

static void stopped(void *owner)
{
    *(bool *)owner = true;
}

static bool client_has_ended(void)
{
    return pair.client_end.has_ended;
}

Test(trouble, a_peer_that_dies_is_error_16)
{
    start_slow(TRANSFER_PUSH);
    transfer_node_stop(pair.server, stopped, &pair.server_stopped);
    pair.server = NULL;
    pair_run_until(client_has_ended);
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_LOST);
    pair_run();
    cr_assert_eq(pair.server_end.stats.error, FASP_ERROR_LOST);
}

static bool server_has_ended(void)
{
    return pair.server_end.has_ended;
}

Test(trouble, a_client_that_dies_is_error_16_too)
{
    start_slow(TRANSFER_PULL);
    transfer_node_stop(pair.client, stopped, &pair.client_stopped);
    pair.client = NULL;
    pair_run_until(server_has_ended);
    cr_assert_eq(pair.server_end.stats.error, FASP_ERROR_LOST);
    pair_run();
}

Test(trouble, nobody_at_the_port_is_error_12)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");

    pair_write("here/a", "a", 1);
    params.port = 1; /* tcpmux: nobody has it */
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_CONTROL);
}

Test(trouble, blocked_udp_is_error_15_at_both_ends)
{
    static const enum transfer_operation operations[] = {TRANSFER_PUSH,
                                                         TRANSFER_PULL};

    pair_write("here/a", "hello", 5);
    pair_write("there/b", "hello", 5);
    transfer_node_announce(pair.server, 9);
    for (int i = 0; i < 2; i++) {
        pair_transfer(operations[i], i == 0 ? "a" : "b", "/");
        cr_expect_eq(pair.client_end.stats.error, FASP_ERROR_DATA_TIMEOUT);
        cr_expect_eq(pair.server_end.stats.error, FASP_ERROR_DATA_TIMEOUT);
        cr_expect_not_null(strstr(pair.client_end.error_text, "port 9"));
    }
}

Test(trouble, a_full_disk_is_error_25)
{
    if (!may_mount || mount("tmpfs", pair.there, "tmpfs", 0, "size=4m") != 0)
        cr_skip_test("no right to mount");
    pair_fill("here/big", 16 * MEBIBYTE, 1);
    pair_transfer(TRANSFER_PUSH, "big", "/");
    expect_both(FASP_ERROR_NO_SPACE, TRANSFER_FAILED);
    cr_expect_eq(pair_count("there"), 0, "no hidden file is left");
    cr_assert_eq(umount(pair.there), 0);
}

Test(trouble, a_read_only_disk_is_error_26)
{
    if (!may_mount || mount("tmpfs", pair.there, "tmpfs", MS_RDONLY, "size=4m") != 0)
        cr_skip_test("no right to mount");
    pair_fill("here/a", 100, 1);
    pair_transfer(TRANSFER_PUSH, "a", "/");
    expect_both(FASP_ERROR_READ_ONLY, TRANSFER_FAILED);
    cr_assert_eq(umount(pair.there), 0);
}

Test(trouble, a_file_above_the_limit_fails_alone)
{
    struct rlimit limit = {.rlim_cur = 4 * MEBIBYTE, .rlim_max = RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    pair_folder("here/dir");
    pair_fill("here/dir/1", 1000, 1);
    pair_fill("here/dir/2", 6 * MEBIBYTE, 2);
    pair_fill("here/dir/3", 3 * MEBIBYTE, 3);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    pair_transfer(TRANSFER_PUSH, "dir", "/");
    expect_both(FASP_ERROR_SOME_FILES, TRANSFER_FAILED);
    cr_expect_eq(pair.client_end.file_error, FASP_ERROR_FILE_TOO_BIG);
    cr_expect_eq(pair.client_end.stats.files_complete, 2);
    cr_expect_eq(pair.client_end.stats.files_failed, 1);
    pair_same("here/dir/1", "there/dir/1");
    pair_same("here/dir/3", "there/dir/3");
    cr_expect_eq(pair_count("there/dir"), 2);
}

Test(trouble, a_file_that_cannot_be_created_fails_alone)
{
    pair_folder("here/dir");
    pair_write("here/dir/1", "1", 1);
    pair_write("here/dir/2", "22", 2);
    pair_folder("there/dir");
    pair_folder("there/dir/1"); /* in the way */
    pair_transfer(TRANSFER_PUSH, "dir", "/");
    expect_both(FASP_ERROR_SOME_FILES, TRANSFER_FAILED);
    cr_expect_eq(pair.server_end.file_error, FASP_ERROR_IS_FOLDER);
    pair_same("here/dir/2", "there/dir/2");
}

static void shell(const char *command)
{
    char line[1024];

    snprintf(line, sizeof line, "cd %s && %s", pair.root, command);
    cr_assert_eq(system(line), 0, "%s", command);
}

static void run_vanishing(enum transfer_operation operation, const char *from,
                          const char *to)
{
    /* Several sources, since the order within a folder is the disk's. */
    const struct text sources[] = {text_of("1"), text_of("2"), text_of("3"),
                                   text_of("4")};
    struct transfer_params params = pair_params(operation, sources, "/");
    char line[200];

    params.source_count = 4;
    params.rates.target_kbps = 200000;
    snprintf(line, sizeof line,
             "cd %s && head -c 20000000 /dev/urandom > 1 && cp 1 2 && "
             "echo 3 > 3 && echo 4 > 4",
             from);
    shell(line);
    pair_start(&params);
    pair_run_until(is_under_way);
    snprintf(line, sizeof line, "cd %s && truncate -s 100 2 && rm 3", from);
    shell(line);
    pair_run();
    expect_both(FASP_ERROR_SOME_FILES, TRANSFER_FAILED);
    cr_expect_eq(pair.client_end.stats.files_complete, 2);
    cr_expect_eq(pair.client_end.stats.files_failed, 2);
    cr_expect_eq(pair.server_end.stats.files_failed, 2);
    snprintf(line, sizeof line,
             "cmp %s/1 %s/1 && cmp %s/4 %s/4 && test $(ls -A %s | wc -l) = 2",
             from, to, from, to, to);
    shell(line);
}

Test(trouble, a_source_that_changes_while_it_is_pushed_fails_alone)
{
    run_vanishing(TRANSFER_PUSH, "here", "there");
}

Test(trouble, a_source_that_changes_while_it_is_pulled_fails_alone)
{
    run_vanishing(TRANSFER_PULL, "there", "here");
}

Test(trouble, special_files_and_link_loops_fail_alone)
{
    pair_folder("here/dir");
    pair_write("here/dir/good", "good", 4);
    shell("cd here/dir && mkfifo fifo && ln -s . loop && ln -s nowhere dead && "
          "ln -s self self && ln -s /etc out && ln -s good alias");
    pair_transfer(TRANSFER_PUSH, "dir", "/");
    expect_both(FASP_ERROR_SOME_FILES, TRANSFER_FAILED);
    cr_expect_eq(pair.client_end.stats.files_complete, 2);
    cr_expect_eq(pair.client_end.stats.files_failed, 5);
    cr_expect_eq(pair.server_end.files_failed, 5);
    pair_same("here/dir/good", "there/dir/alias");
    cr_expect_eq(pair_count("there/dir"), 2);
}

Test(trouble, an_empty_source_folder_arrives_and_no_entry_is_no_transfer)
{
    pair_folder("here/empty");
    cr_expect_eq(pair_transfer(TRANSFER_PUSH, "empty", "/"), 0);
    cr_expect(pair_exists("there/empty"));
    shell("mkfifo here/fifo");
    cr_expect_eq(pair_transfer(TRANSFER_PUSH, "fifo", "/"),
                 FASP_ERROR_SPECIAL_FILE);
}

/* Forgers know everything but the keys: the ids of a first session are of
 * generation 1. */
static void send_garbage(uint16_t port, uint32_t seed)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct random random;
    uint8_t data[1500];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    random_seed(&random, seed);
    for (uint32_t i = 0; i < 4096; i++) {
        uint32_t size_bytes = (uint32_t)random_below(&random, sizeof data);
        for (uint32_t at = 0; at < size_bytes; at++)
            data[at] = (uint8_t)random_u64(&random);
        struct bytes_writer writer = bytes_write_to(data, sizeof data);
        bytes_put_u8(&writer, (uint8_t)(1 + i % 5));
        bytes_put_u8(&writer, i % 2);
        bytes_put_u32(&writer, 1u << 12 | i);
        if (i % 3 == 0)
            bytes_put_u48(&writer, i / 8); /* a number that may be due */
        (void)sendto(fd, data, size_bytes, MSG_DONTWAIT,
                     (const struct sockaddr *)&to, sizeof to);
        if (i % 64 == 0)
            loop_run_once(pair.loop);
    }
    close(fd);
}

Test(trouble, garbage_datagrams_change_nothing)
{
    start_slow(TRANSFER_PUSH);
    for (uint32_t i = 0; i < 3 && !pair.client_end.has_ended; i++) {
        struct transfer_stats stats;
        transfer_stats(pair.client_end.session, &stats);
        send_garbage(stats.server_udp_port, i);
        send_garbage(stats.client_udp_port, 100 + i);
    }
    pair_run();
    expect_both(FASP_ERROR_NONE, TRANSFER_COMPLETED);
    pair_same("here/big", "there/big");
}

static bool server_is_paused(void)
{
    return (pair.server_end.changes & 1u << TRANSFER_CHANGE_PAUSED) != 0;
}

Test(trouble, a_pause_holds_and_a_rate_goes_on)
{
    struct transfer_rates rates = {.policy = TRANSFER_FIXED};
    struct transfer_stats stats;

    start_slow(TRANSFER_PUSH);
    transfer_set_rates(pair.client_end.session, &rates);
    pair_run_until(server_is_paused);
    transfer_stats(pair.server_end.session, &stats);
    cr_expect_eq(stats.state, TRANSFER_PAUSED);
    transfer_stats(pair.client_end.session, &stats);
    cr_expect_eq(stats.state, TRANSFER_PAUSED);
    cr_expect(pair.client_end.changes & 1u << TRANSFER_CHANGE_PAUSED);

    rates.target_kbps = 1000000; /* at the other end this time */
    transfer_set_rates(pair.server_end.session, &rates);
    pair_run();
    expect_both(FASP_ERROR_NONE, TRANSFER_COMPLETED);
    cr_expect(pair.client_end.changes & 1u << TRANSFER_CHANGE_RESUMED);
    cr_expect_eq(pair.client_end.stats.rates.target_kbps, 1000000);
    pair_same("here/big", "there/big");
}

Test(trouble, every_policy_carries_a_file)
{
    static const enum transfer_policy policies[] = {
        TRANSFER_FIXED, TRANSFER_HIGH, TRANSFER_FAIR, TRANSFER_LOW};
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");

    pair_write("here/a", "a", 1);
    params.overwrite = TRANSFER_OVERWRITE_ALWAYS;
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        params.rates.policy = policies[i];
        params.session_id = uuid_new();
        pair_start(&params);
        pair_run();
        expect_both(FASP_ERROR_NONE, TRANSFER_COMPLETED);
    }
}

Test(trouble, a_node_may_talk_to_itself)
{
    struct transfer_node *client = pair.client;
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");

    pair_write("here/a", "a", 1);
    pair.client = pair.server;
    pair_start(&params);
    pair_run();
    pair.client = client;
    cr_assert_eq(pair.client_end.stats.error, 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/a", "there/a");
}

Test(trouble, every_cipher_carries_a_file)
{
    static const enum transfer_cipher ciphers[] = {
        TRANSFER_CIPHER_NONE, TRANSFER_CIPHER_AES_128, TRANSFER_CIPHER_AES_256};

    for (uint32_t i = 0; i < 3; i++) {
        struct text source = text_of("a");
        struct transfer_params params =
            pair_params(TRANSFER_PUSH, &source, "/");
        params.cipher = ciphers[i];
        pair_fill("here/a", 100000 + i, i);
        pair_start(&params);
        pair_run();
        cr_expect_eq(pair.client_end.stats.error, 0);
        pair_same("here/a", "there/a");
        /* Nobody allowed plain text here. */
        cr_expect_eq(pair.server_end.stats.cipher,
                     i == 0 ? TRANSFER_CIPHER_AES_128 : ciphers[i]);
    }
}
