/* The log as messages of the system's log, facility local2: what rsyslog's
 * files for the original split off.
 *
 * Knows: syslog(3).
 * Must not know: what a line means.
 */
#ifndef BASE_LOG_SYSLOG_H
#define BASE_LOG_SYSLOG_H

#include <stdbool.h>

/* True where something takes messages at all. */
bool log_syslog_is_there(void);
/* Sends the log there, under the name `program`, which stays in place. */
void log_syslog_open(const char *program);

#endif
