/* The background: a process of its own session, and the file that says which
 * one it is.
 *
 *   daemon_start() --.-- the caller's process: waits, exits with the code
 *                    '-- the server: opens everything, daemon_ready(code)
 *
 * Until daemon_ready() the server has the caller's standard output and error,
 * so that a failure is read where the command was given.
 *
 * Knows: processes, descriptors, one file.
 * Must not know: what the server does.
 */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include "base/check.h"

/* Goes on as a process without terminal in the folder "/"; what called exits
 * with the code that the server tells it.  To be called before any thread is
 * started and any lock is taken.  Returns 0, or -errno in the caller's
 * process. */
MUST_USE int daemon_start(void);

/* Tells the waiting process how the start ended, and lets go of the terminal.
 * Nothing happens in a server of the foreground. */
void daemon_ready(int code);

/* Makes `path` hold this process's number for as long as it runs.  Returns 0;
 * -EAGAIN with `*holder`, the number of the process that has it locked; or
 * -errno. */
MUST_USE int pid_file_take(const char *path, int *holder);
/* Removes it; nothing happens if none was taken. */
void pid_file_give(void);

/* What is cheap and never in the way: no core file (it would hold keys), no
 * look into this process's memory by others of its user, no rights by
 * set-user-id programs. */
void harden_process(void);

#endif
