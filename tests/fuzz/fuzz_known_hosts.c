/* The file of known nodes: what was looked up is what was added. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "transfer/known_hosts.h"

#define PORT 33001
#define OTHER "SHA256:MMj875/2TH/HD1DHGWAd6XVA88hN1pr+uxLaaRYbqIQ"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    char path[64];
    struct fingerprint found;
    const struct fingerprint mine = {{1, 2, 3}};
    int fd = memfd_create("known_hosts", MFD_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(write(fd, data, size_bytes) == (ssize_t)size_bytes);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int before = known_hosts_find(path, text_of("h"), PORT, &found);
    CHECK(before == 1 || before == 0 || before == -EBADMSG);
    int added = known_hosts_add(path, text_of("h"), PORT, mine);
    if (before == 0) {
        CHECK(added == 0);
        CHECK(known_hosts_find(path, text_of("h"), PORT, &found) == 1);
        CHECK(fingerprint_equal(found, mine));
    } else if (before == 1) {
        CHECK(added == (fingerprint_equal(found, mine) ? 0 : -EEXIST));
    } else {
        CHECK(added == before);
    }
    close(fd);
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const seeds[] = {
        "",
        "# remark\n\n",
        "[h]:33001 " OTHER "\n",
        "[g]:33001 x\n[h]:33001  " OTHER "=",
        "[h]:33001 nonsense\n",
        ("[g]:33001 " OTHER),
    };

    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        fuzz_seed_string("", 0, seeds[i]);
}
