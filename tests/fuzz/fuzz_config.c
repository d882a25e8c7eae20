/* The configuration file: any bytes get a verdict, and what is accepted can be
 * filled in. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/config.h"
#include "fuzz.h"

/* Commands say things; here nobody listens. */
void say(const char *format, ...)
{
    (void)format;
}

static void told(void *user, const struct config_finding *finding)
{
    uint32_t *refused = user;

    CHECK(config_verdict_text(finding->verdict) != NULL);
    if (finding->verdict == CONFIG_REFUSED) {
        CHECK(finding->why != NULL);
        CHECK(finding->why[0] != '\0');
        (*refused)++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    char path[64];
    char error[CENTRAL_ERROR_BYTES] = "";
    struct config config;
    struct central_config central = {0};
    uint32_t refused = 0;
    int fd = memfd_create("config", MFD_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(fchmod(fd, 0600) == 0);
    CHECK(write(fd, data, size_bytes) == (ssize_t)size_bytes);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    config_init(&config);
    int code = config_read(&config, path, &refused, told);
    CHECK(code == EXIT_DONE || code == EXIT_CONFIG);
    CHECK((code == EXIT_CONFIG) == (refused > 0));
    if (code == EXIT_DONE && !config_fill(&config, &central, error))
        CHECK(error[0] != '\0');
    config_free(&config);
    close(fd);
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const seeds[] = {
        "",
        "<CONF/>",
        "<CONF version=\"2\"><ferry><state>/s</state><stall_timeout_sec>2"
        "</stall_timeout_sec><callback_allow>10.0.0.0/8</callback_allow>"
        "</ferry></CONF>",
        "<CONF><central_server><address>127.0.0.1</address><port>40001</port>"
        "<persistent_store_max_age>Unlimited</persistent_store_max_age>"
        "<db_synchronous>off</db_synchronous></central_server></CONF>",
        "<CONF><default><transfer><in><bandwidth><flow><target_rate><cap>5"
        "</cap><lock>true</lock></target_rate><policy><allowed>fair</allowed>"
        "</policy></flow></bandwidth></in></transfer><file_system>"
        "<resume_suffix>.side</resume_suffix><access><paths><path><absolute>"
        "/a/$(name)</absolute></path></paths></access></file_system></default>"
        "</CONF>",
        "<CONF><aaa><realms><realm><users><user><name>lab</name><file_system>"
        "<access><paths><path><absolute>/d</absolute></path></paths></access>"
        "</file_system></user></users></realm></realms></aaa></CONF>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><CONF>&b;</CONF>",
        "<CONF><ferry><unknown>1</unknown></ferry></CONF>",
    };

    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        fuzz_seed_string("", 0, seeds[i]);
}
