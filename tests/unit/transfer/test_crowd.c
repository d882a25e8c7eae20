/* Many sessions at once through one port. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/identity.h"
#include "crypto/ssh_key.h"
#include "folder.h"
#include "io/loop.h"
#include "transfer/node.h"

#define SESSIONS 40u

static struct loop *loop;
static struct transfer_node *node;
static struct transfer_user user;
static char fingerprint[FINGERPRINT_TEXT_BYTES + 1];
static char key_path[FOLDER_PATH_BYTES + 8];
static char key_line[SSH_PUBLIC_KEY_TEXT_BYTES + 1];
static char here[FOLDER_PATH_BYTES + 8];
static char there[FOLDER_PATH_BYTES + 8];
static uint32_t ended_count; /* ends, both of each session */
static uint32_t good_count;
static bool is_stopped;

/* PKCS#8 (RFC 8410) of a key made for these tests. */
static const char private_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n";

static void login(void *owner, struct transfer_login *asked, struct text name)
{
    (void)owner;
    (void)name;
    transfer_login_answer(asked, &user);
}

static void opened(void *owner, struct transfer_session *session)
{
    (void)owner;
    (void)session;
}

static void changed(void *owner, struct transfer_session *session,
                    enum transfer_change change)
{
    (void)owner;
    (void)session;
    (void)change;
}

static void file(void *owner, struct transfer_session *session,
                 const struct transfer_file *told)
{
    (void)owner;
    (void)session;
    (void)told;
}

static void ended(void *owner, struct transfer_session *session)
{
    struct transfer_stats stats;

    (void)owner;
    transfer_stats(session, &stats);
    ended_count++;
    good_count += stats.state == TRANSFER_COMPLETED ? 1 : 0;
}

static const struct transfer_node_events events = {
    .login = login,
    .opened = opened,
    .changed = changed,
    .file = file,
    .ended = ended,
};

static void set_up(void)
{
    struct identity identity;
    struct ssh_private_key key;
    struct transfer_node_config config = {.events = &events,
                                          .identity = &identity};

    folder_open();
    snprintf(here, sizeof here, "%s/here", folder);
    snprintf(there, sizeof there, "%s/there", folder);
    snprintf(key_path, sizeof key_path, "%s/key", folder);
    folder_shell("mkdir here there");
    FILE *out = fopen(key_path, "w");
    cr_assert_not_null(out);
    fputs(private_key, out);
    fclose(out);
    cr_assert_eq(ssh_private_key_parse(text_of(private_key), TEXT_ABSENT, &key),
                 SSH_KEY_OK);
    ssh_public_key_format(&key.public_key, key_line);
    user = (struct transfer_user){.docroot = text_of(there),
                                  .public_keys = text_of(key_line)};
    identity_make(&identity);
    fingerprint_format(identity.fingerprint, fingerprint);
    cr_assert_eq(loop_open(&loop, 4), 0);
    config.loop = loop;
    cr_assert(address_parse(text_of("127.0.0.1:0"), &config.listen));
    cr_assert_eq(transfer_node_open(&node, &config), 0);
}

static void ticked(struct loop_timer *timer)
{
    (void)timer;
}

static void run_for(uint64_t wait_ns, const bool *flag, uint32_t ends)
{
    uint64_t until_ns = clock_mono_ns() + wait_ns;
    struct loop_timer tick = {0};

    while (clock_mono_ns() < until_ns && !*flag && ended_count < ends) {
        loop_timer_start(loop, &tick, loop_now_ns(loop) + 50000000, ticked);
        loop_run_once(loop);
        loop_timer_stop(loop, &tick);
    }
}

static void stopped(void *owner)
{
    (void)owner;
    is_stopped = true;
}

static void stop(void)
{
    transfer_node_stop(node, stopped, NULL);
    run_for(UINT64_C(20000000000), &is_stopped, UINT32_MAX);
    cr_assert(is_stopped);
}

static void tear_down(void)
{
    loop_free(loop);
    folder_close();
}

TestSuite(crowd, .init = set_up, .fini = tear_down, .timeout = 60);

static void start(uint32_t number, uint32_t target_kbps)
{
    char name[16];
    struct text source;
    struct transfer_params params = {
        .session_id = uuid_new(),
        .operation = TRANSFER_PUSH,
        .host = text_of("127.0.0.1"),
        .port = transfer_node_address(node).port,
        .user = text_of("ada"),
        .key_path = text_of(key_path),
        .fingerprint = text_of(fingerprint),
        .local_docroot = text_of(here),
        .sources = &source,
        .source_count = 1,
        .rates = {.policy = TRANSFER_FIXED, .target_kbps = target_kbps},
    };

    snprintf(name, sizeof name, "f%u", number);
    source = text_of(name);
    transfer_start(node, &params, NULL);
}

static const bool never = false;

Test(crowd, forty_sessions_of_a_node_with_itself_do_not_mix)
{
    folder_shell("cd here && for i in $(seq 0 39); do "
                 "seq $i $((i * 3000 + 10)) > f$i; done");
    for (uint32_t i = 0; i < SESSIONS; i++)
        start(i, 100000);
    run_for(UINT64_C(30000000000), &never, 2 * SESSIONS);
    cr_assert_eq(ended_count, 2 * SESSIONS);
    cr_assert_eq(good_count, 2 * SESSIONS);
    folder_shell("diff -r here there");
    stop();
}

Test(crowd, a_stop_in_the_middle_ends_them_all_and_leaves_nothing)
{
    folder_shell("cd here && for i in $(seq 0 39); do "
                 "head -c 10000000 /dev/zero > f$i; done");
    for (uint32_t i = 0; i < SESSIONS; i++)
        start(i, 10000);
    run_for(UINT64_C(1000000000), &never, UINT32_MAX);
    stop();
    cr_assert_geq(ended_count, SESSIONS);
    cr_assert_eq(good_count, 0);
    folder_shell("test $(ls -A there | wc -l) = 0");
}
