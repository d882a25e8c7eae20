#include "folder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char folder[FOLDER_PATH_BYTES];

void folder_open(void)
{
    snprintf(folder, sizeof folder, "%s/ferry-files-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert_not_null(mkdtemp(folder));
}

void folder_shell(const char *command)
{
    char line[2048];

    snprintf(line, sizeof line, "cd %s && %s", folder, command);
    cr_assert_eq(system(line), 0, "%s", command);
}

void folder_close(void)
{
    char line[2 * FOLDER_PATH_BYTES + 40];

    snprintf(line, sizeof line, "chmod -R u+rwx %s; rm -rf %s", folder, folder);
    cr_assert_eq(system(line), 0);
}
