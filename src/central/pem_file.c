#include "central/pem_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "central/central.h"

int pem_file_read(const char *path, uint32_t bytes_max, bool is_key,
                  struct text_builder *pem, char *error)
{
    char buffer[4096];
    struct stat status;
    ssize_t count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) != 0) {
        snprintf(error, CENTRAL_ERROR_BYTES, "%s cannot be read: %s", path,
                 strerror(errno));
        if (fd >= 0)
            close(fd);
        return CENTRAL_BAD_CONFIG;
    }
    pem->size_bytes_max = bytes_max;
    while ((count = read(fd, buffer, sizeof buffer)) > 0)
        text_add(pem, text_from(buffer, (size_t)count));
    close(fd);
    explicit_bzero(buffer, sizeof buffer);
    if (count < 0 || pem->failed || pem->size_bytes == 0) {
        snprintf(error, CENTRAL_ERROR_BYTES,
                 "%s cannot be read, is empty, or is too large for PEM", path);
        return CENTRAL_BAD_CONFIG;
    }
    if (is_key && (status.st_mode & S_IRWXO) != 0) {
        snprintf(error, CENTRAL_ERROR_BYTES,
                 "the key %s can be read by every user of this machine: "
                 "chmod o= it",
                 path);
        return CENTRAL_BAD_CONFIG;
    }
    return 0;
}

/* Where systems keep it: Debian and Alpine, Fedora, openSUSE, and others. */
static const char *const system_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

const char *pem_file_system_bundle(void)
{
    for (size_t i = 0; i < sizeof system_bundles / sizeof system_bundles[0];
         i++)
        if (access(system_bundles[i], R_OK) == 0)
            return system_bundles[i];
    return NULL;
}
