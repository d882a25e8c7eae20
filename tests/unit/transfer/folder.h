/* A temporary folder for tests of files. */
#ifndef TESTS_TRANSFER_FOLDER_H
#define TESTS_TRANSFER_FOLDER_H

#define FOLDER_PATH_BYTES 128

extern char folder[FOLDER_PATH_BYTES];

void folder_open(void);
void folder_close(void);
/* Runs a shell command in it; fails the test when it fails. */
void folder_shell(const char *command);

#endif
