#include "cli/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "store/store.h"
#include "transfer/node.h"

static struct config config;
static struct central_config central;
static char error[CENTRAL_ERROR_BYTES];
static char refused[512];

static void found(void *user, const struct config_finding *finding)
{
    (void)user;
    if (finding->verdict == CONFIG_REFUSED)
        snprintf(refused, sizeof refused, "%s", finding->why);
}

static void read_text(const char *text)
{
    char path[] = "/tmp/ferry-conf-XXXXXX";
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    config_init(&config);
    int code = config_read(&config, path, NULL, found);
    unlink(path);
    cr_assert_eq(code, EXIT_DONE, "%s", refused);
    central = (struct central_config){0};
    cr_assert(config_fill(&config, &central, error), "%s", error);
}

Test(config, nothing_given_is_the_default_of_everything)
{
    struct central_settings none = {0};

    read_text("<CONF/>");
    cr_expect_eq(central.soap_listen.port, 40001);
    cr_expect(address_is_loopback(&central.soap_listen));
    cr_expect_eq(central.transfer_listen.port, 33001);
    cr_expect(address_is_any(&central.transfer_listen));
    cr_expect_eq(central.synchronous, STORE_SYNC_FULL);
    cr_expect_null(central.docroot);
    cr_expect_null(central.state_dir);
    central.settings.users = NULL;
    central.settings.in_defaults.policy = 0;
    central.settings.out_defaults.policy = 0;
    central.settings.in.policy = 0;
    central.settings.out.policy = 0;
    cr_expect_eq(memcmp(&central.settings, &none, sizeof none), 0);
    config_free(&config);
}

Test(config, seconds_become_milliseconds)
{
    read_text("<CONF><default><connection_timeout_sec>1</connection_timeout_sec>"
              "<session_timeout_sec>86400</session_timeout_sec></default>"
              "<ferry><datagram_timeout_sec>3</datagram_timeout_sec>"
              "<stall_timeout_sec>4</stall_timeout_sec></ferry></CONF>");
    cr_expect_eq(central.control_timeout_ms, 1000);
    cr_expect_eq(central.lost_timeout_ms, 86400000);
    cr_expect_eq(central.datagram_timeout_ms, 3000);
    cr_expect_eq(central.stall_timeout_ms, 4000);
    config_free(&config);
}

Test(config, no_retries_are_not_the_usual_ones)
{
    read_text("<C><ferry><retry_count>0</retry_count></ferry></C>");
    cr_expect_eq(central.settings.retry_count, CENTRAL_NO_RETRY);
    cr_expect_eq(central.settings.retry_base_s, 0, "the default");
    config_free(&config);
    read_text("<C><ferry><retry_count>255</retry_count><retry_base_sec>2"
              "</retry_base_sec><retry_max_sec>9</retry_max_sec></ferry></C>");
    cr_expect_eq(central.settings.retry_count, 255);
    cr_expect_eq(central.settings.retry_base_s, 2);
    cr_expect_eq(central.settings.retry_max_s, 9);
    config_free(&config);
}

Test(config, ages_may_have_no_end)
{
    read_text("<C><central_server><persistent_store_max_age>Unlimited"
              "</persistent_store_max_age></central_server><ferry>"
              "<events_max_age>604800</events_max_age></ferry></C>");
    cr_expect_eq(central.settings.history_s, CENTRAL_FOR_EVER);
    cr_expect_eq(central.settings.events_s, 604800);
    config_free(&config);
    read_text("<C><central_server><persistent_store_max_age>0"
              "</persistent_store_max_age></central_server></C>");
    cr_expect_eq(central.settings.history_s, 1, "0 would be the default");
    config_free(&config);
}

Test(config, words_of_the_store)
{
    static const struct {
        const char *word;
        enum store_sync sync;
    } cases[] = {{"full", STORE_SYNC_FULL},
                 {"Normal", STORE_SYNC_NORMAL},
                 {"off", STORE_SYNC_OFF}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "<C><central_server><db_synchronous>%s</db_synchronous>"
                 "<compact_on_startup>enable</compact_on_startup>"
                 "</central_server></C>",
                 cases[i].word);
        read_text(text);
        cr_expect_eq(central.synchronous, cases[i].sync);
        cr_expect(central.compacts);
        config_free(&config);
    }
}

Test(config, a_users_docroot_may_hold_its_name)
{
    read_text("<C><default><file_system><access><paths><path><absolute>"
              "/d/$(name)/$(name)</absolute></path></paths></access>"
              "</file_system></default><aaa><realms><realm><users>"
              "<user><name>a</name></user><user><name>b</name>"
              "<file_system><access><paths><path><absolute>/x</absolute>"
              "</path></paths></access></file_system></user>"
              "</users></realm></realms></aaa></C>");
    cr_assert_eq(central.settings.user_count, 2);
    cr_expect_str_eq(central.settings.users[0].docroot, "/d/a/a");
    cr_expect_str_eq(central.settings.users[1].docroot, "/x");
    cr_expect_null(central.docroot, "a pattern is not that of orders");
    config_free(&config);
}

Test(config, a_lock_without_a_value_locks_the_default)
{
    read_text("<C><default><transfer><in><bandwidth><flow><target_rate><lock>"
              "true</lock></target_rate></flow></bandwidth></in></transfer>"
              "</default></C>");
    cr_expect(central.settings.in.locks_target);
    cr_expect_eq(central.settings.in.target_kbps, CENTRAL_TARGET_RATE_KBPS);
    cr_expect_not(central.settings.out.locks_target);
    config_free(&config);
}

Test(config, many_users_and_networks)
{
    struct text_builder text = {0};

    text_add_string(&text, "<C><ferry>");
    for (unsigned i = 0; i < 200; i++)
        text_add_format(&text, "<callback_deny>10.%u.0.0/16</callback_deny>", i);
    text_add_string(&text, "</ferry><aaa><realms><realm><users>");
    for (unsigned i = 0; i < 200; i++)
        text_add_format(&text, "<user><name>u%u</name><file_system><access>"
                               "<paths><path><absolute>/d</absolute></path>"
                               "</paths></access></file_system></user>", i);
    text_add_string(&text, "</users></realm></realms></aaa></C>");
    text_add_char(&text, '\0');
    read_text(text.data);
    cr_expect_eq(central.settings.user_count, 200);
    cr_expect_str_eq(central.settings.users[199].name, "u199");
    cr_expect_eq(central.callbacks.deny.count, 200);
    text_builder_free(&text);
    config_free(&config);
}

Test(settings, no_two_rows_share_a_path)
{
    for (uint32_t i = 0; i < setting_row_count; i++)
        for (uint32_t j = i + 1; j < setting_row_count; j++)
            cr_expect_str_neq(setting_rows[i].path, setting_rows[j].path);
}

Test(settings, numbers_at_their_limits_and_beyond)
{
    for (uint32_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        char why[256];
        char text[32];
        uint32_t number;

        if (row->kind != SETTING_NUMBER && row->kind != SETTING_RATE)
            continue;
        snprintf(text, sizeof text, "%u", row->max);
        cr_expect(setting_read_number(row, text_of(text), &number, why, 256));
        cr_expect_eq(number, row->max);
        snprintf(text, sizeof text, "%llu", row->max + 1ull);
        cr_expect_not(
            setting_read_number(row, text_of(text), &number, why, 256));
        snprintf(text, sizeof text, "%u", row->min);
        cr_expect(setting_read_number(row, text_of(text), &number, why, 256));
        if (row->min > 0) {
            snprintf(text, sizeof text, "%u", row->min - 1);
            cr_expect_not(
                setting_read_number(row, text_of(text), &number, why, 256));
        }
    }
}
