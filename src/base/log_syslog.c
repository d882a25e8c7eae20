#include "base/log_syslog.h"

/* syslog.h has macros of the names that log.h gives to its levels. */
#include <syslog.h>
#include <unistd.h>

static const int priority_error = LOG_ERR;
static const int priority_warn = LOG_WARNING;
static const int priority_info = LOG_INFO;
static const int priority_debug = LOG_DEBUG;
static const int facility = LOG_LOCAL2;
static const int options = LOG_PID | LOG_NDELAY;
#undef LOG_INFO
#undef LOG_DEBUG

#include "base/log.h"

static int priority_of(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return priority_error;
    case LOG_WARN:
        return priority_warn;
    case LOG_INFO:
        return priority_info;
    case LOG_DEBUG:
        return priority_debug;
    }
    return priority_error;
}

static void send_line(enum log_level level, const char *line)
{
    syslog(priority_of(level), "%s", line);
}

bool log_syslog_is_there(void)
{
    return access("/dev/log", W_OK) == 0;
}

void log_syslog_open(const char *program)
{
    openlog(program, options, facility);
    log_set_sink(send_line);
}
