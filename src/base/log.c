#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/datetime.h"

struct event_row {
    const char *name;
    enum log_level level;
};

static const struct event_row events[] = {
#define EVENT(module, name, level, format, meaning) \
    {#module "." #name, LOG_##level},
#include "base/log_events.def"
#undef EVENT
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* The only mutable globals of the program: set once at the start. */
static enum log_level level_max = LOG_INFO;
static log_sink_fn sink_fn;

void log_set_level(enum log_level level)
{
    level_max = level;
}

bool log_is_on(enum log_level level)
{
    return level <= level_max;
}

void log_set_sink(log_sink_fn sink)
{
    sink_fn = sink;
}

/* Copies `from` into `to` with \xHH for every byte that is not plain ASCII. */
static void escape(char *to, size_t room_bytes, const char *from)
{
    static const char digits[] = "0123456789abcdef";
    char *end = to + room_bytes - 5; /* an escape and the NUL */

    for (; *from != '\0' && to < end; from++) {
        unsigned char c = (unsigned char)*from;
        if (c >= 0x20 && c < 0x7f) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '\\';
        *to++ = 'x';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    *to = '\0';
}

void log_write(enum log_event event, const char *format, ...)
{
    char fields[LOG_LINE_BYTES_MAX];
    char line[LOG_LINE_BYTES_MAX + 8];
    char time[DATETIME_TEXT_BYTES + 1];
    const struct event_row *row = &events[event];
    va_list args;

    if (!log_is_on(row->level))
        return;
    va_start(args, format);
    vsnprintf(fields, sizeof fields, format, args);
    va_end(args);

    datetime_format(clock_wall_us(), time);
    int head = snprintf(line, LOG_LINE_BYTES_MAX, "%s %s %s%s", time,
                        level_names[row->level], row->name,
                        fields[0] != '\0' ? " " : "");
    escape(line + head, LOG_LINE_BYTES_MAX - (size_t)head, fields);
    if (sink_fn != NULL) {
        sink_fn(row->level, line);
        return;
    }
    /* One write, so that lines of several threads do not mix. */
    size_t size = strlen(line);
    line[size++] = '\n';
    (void)!write(STDERR_FILENO, line, size);
}
