/* The log: one line an event, each declared in log_events.def.
 *
 *   2026-11-24T03:39:12.123456Z info session.ended session=7f3a outcome=done
 *
 * Knows: the table of events, the wall clock, standard error.
 * Must not know: who logs.
 *
 * A line never holds key material or what a peer sent as payload.  Bytes below
 * space, and 0x7f and above, are written as \xHH, so that no peer can forge a
 * line; a line ends at LOG_LINE_BYTES_MAX.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <inttypes.h>
#include <stdbool.h>

#include "base/text.h"

/* As long as a line of syslog may safely be. */
#define LOG_LINE_BYTES_MAX 1024

enum log_level {
    LOG_ERROR, /* somebody must act */
    LOG_WARN,  /* a peer or the system misbehaved and we coped */
    LOG_INFO,  /* start and end of things */
    LOG_DEBUG, /* state moves */
};

enum log_event {
#define EVENT(module, name, level, format, meaning) LOG_##module##_##name,
#include "base/log_events.def"
#undef EVENT
    LOG_EVENT_COUNT,
};

#define EVENT(module, name, level, format, meaning) \
    static const char LOG_FORMAT_##module##_##name[] \
        __attribute__((unused)) = format;
#include "base/log_events.def"
#undef EVENT

/* LOG(session_ended, id, outcome): writes the line, with arguments as its
 * format in the table asks; the compiler checks them. */
#define LOG(event, ...) \
    log_write(LOG_##event, LOG_FORMAT_##event, ##__VA_ARGS__)

void log_write(enum log_event event, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Lines of a higher level than this are not written; LOG_INFO at the start. */
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);

/* Where lines go, in place of standard error; NULL sets it back. */
typedef void (*log_sink_fn)(enum log_level level, const char *line);
void log_set_sink(log_sink_fn sink);

#endif
