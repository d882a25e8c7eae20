#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "central/central.h"
#include "central/state_folder.h"
#include "harness.h"

static char error[CENTRAL_ERROR_BYTES];

static void set_up(void)
{
    harness_make_folder();
}

static void tear_down(void)
{
    harness_remove_folder();
}

TestSuite(state_folder, .init = set_up, .fini = tear_down);

static int open_folder(struct state_folder *folder)
{
    return state_folder_open(folder, harness.state_dir, error, sizeof error);
}

static const char *in_folder(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", harness.state_dir, name);
    return path;
}

Test(state_folder, an_identity_is_made_once_and_kept)
{
    struct state_folder folder;
    struct stat stat_of;

    cr_assert_eq(open_folder(&folder), 0, "%s", error);
    struct fingerprint first = folder.identity.fingerprint;
    state_folder_close(&folder);
    cr_assert_eq(stat(in_folder("identity.pem"), &stat_of), 0);
    cr_assert_eq(stat_of.st_mode & 0777, 0600);
    cr_assert_eq(stat(harness.state_dir, &stat_of), 0);
    cr_assert_eq(stat_of.st_mode & 0777, 0700);

    cr_assert_eq(open_folder(&folder), 0, "%s", error);
    cr_assert(fingerprint_equal(first, folder.identity.fingerprint));
    state_folder_close(&folder);
}

Test(state_folder, one_server_uses_it_at_a_time)
{
    struct state_folder first;
    struct state_folder second;

    cr_assert_eq(open_folder(&first), 0);
    cr_assert_eq(open_folder(&second), CENTRAL_BAD_CONFIG);
    cr_assert_not_null(strstr(error, "in use"));
    state_folder_close(&first);
    cr_assert_eq(open_folder(&second), 0, "%s", error);
    state_folder_close(&second);
}

Test(state_folder, one_that_others_may_write_is_refused)
{
    struct state_folder folder;

    cr_assert_eq(mkdir(harness.state_dir, 0700), 0);
    for (mode_t mode = 0720; mode <= 0722; mode = mode == 0720 ? 0702 : 0723) {
        cr_assert_eq(chmod(harness.state_dir, mode), 0);
        cr_assert_eq(open_folder(&folder), CENTRAL_BAD_CONFIG);
        cr_assert_not_null(strstr(error, "chmod 700"));
    }
}

Test(state_folder, a_key_that_others_may_read_is_refused)
{
    struct state_folder folder;

    cr_assert_eq(open_folder(&folder), 0);
    state_folder_close(&folder);
    cr_assert_eq(chmod(in_folder("identity.pem"), 0640), 0);
    cr_assert_eq(open_folder(&folder), CENTRAL_BAD_CONFIG);
    cr_assert_not_null(strstr(error, "chmod 600"));
}

Test(state_folder, a_broken_identity_is_not_replaced_in_silence)
{
    struct state_folder folder;

    cr_assert_eq(open_folder(&folder), 0);
    state_folder_close(&folder);
    cr_assert_eq(truncate(in_folder("identity.pem"), 100), 0);
    cr_assert_eq(open_folder(&folder), CENTRAL_BAD_CONFIG);
    cr_assert_not_null(strstr(error, "identity.pem"));
}

Test(state_folder, a_path_that_cannot_be_is_refused)
{
    struct state_folder folder;

    cr_assert_eq(
        state_folder_open(&folder, "/no/such/place", error, sizeof error),
        CENTRAL_BAD_CONFIG);
    cr_assert_eq(state_folder_open(&folder, "/dev/null", error, sizeof error),
                 CENTRAL_BAD_CONFIG);
}

/* ---- what central_open() refuses ---- */

static int open_central(const char *docroot, const char *soap, bool insecure)
{
    struct central *central = NULL;
    struct central_config config = {
        .state_dir = harness.state_dir,
        .docroot = docroot,
        .insecure_soap = insecure,
    };

    cr_assert(address_parse(text_of(soap), &config.soap_listen));
    cr_assert(address_parse(text_of("127.0.0.1:0"), &config.transfer_listen));
    cr_assert_eq(loop_open(&config.loop, 1), 0);
    error[0] = '\0';
    int ret = central_open(&central, &config, error);
    if (ret == 0) {
        harness.loop = config.loop;
        harness.central = central;
        http_client_init(&harness.client, harness.loop, NULL);
        harness_close();
    } else {
        loop_free(config.loop);
    }
    return ret;
}

Test(state_folder, an_unsafe_or_impossible_configuration_is_refused)
{
    cr_assert_eq(open_central("/no/such/docroot", "127.0.0.1:0", false),
                 CENTRAL_BAD_CONFIG);
    cr_assert_not_null(strstr(error, "does not exist"));
    cr_assert_eq(open_central("/dev/null", "127.0.0.1:0", false),
                 CENTRAL_BAD_CONFIG);
    cr_assert_eq(open_central("", "127.0.0.1:0", false), CENTRAL_BAD_CONFIG);
    cr_assert_eq(open_central(NULL, "127.0.0.1:0", false), CENTRAL_BAD_CONFIG);
    cr_assert_eq(open_central(harness.docroot, "0.0.0.0:0", true), 0, "%s",
                 error);
}

Test(state_folder, a_port_in_use_is_an_error_and_nothing_stays_held)
{
    char address[ADDRESS_TEXT_BYTES];
    char other[128];
    harness_open(0);
    struct address soap = central_soap_address(harness.central);
    struct harness first = harness;

    address_format(&soap, address);
    snprintf(other, sizeof other, "%s/other", first.folder);
    snprintf(harness.state_dir, sizeof harness.state_dir, "%s", other);
    cr_assert_eq(open_central(first.docroot, address, false), -EADDRINUSE);
    cr_assert_not_null(strstr(error, address), "%s", error);
    cr_assert_eq(open_central(first.docroot, "127.0.0.1:0", false), 0, "%s",
                 error);
    harness = first;
    harness_close();
}
