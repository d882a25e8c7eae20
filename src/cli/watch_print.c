#include <stdio.h>

#include "base/datetime.h"
#include "cli/json.h"
#include "cli/watch.h"

static void print_head(int64_t time_us, const char *kind, struct text topic,
                       uint64_t sequence)
{
    char date[DATETIME_TEXT_BYTES + 1];

    datetime_format(time_us, date);
    printf("%.12s  %-7s %-10.*s #%llu  ", date + 11, kind,
           (int)topic.size_bytes, topic.data, (unsigned long long)sequence);
}

static void print_text(const char *before, struct text text)
{
    if (text.size_bytes > 0)
        printf("%s%.*s", before, (int)text.size_bytes, text.data);
}

static void end_line(void)
{
    putchar('\n');
    fflush(stdout);
}

void watch_print_job(int64_t time_us, struct text topic, uint64_t sequence,
                     const struct isc_transfer *job)
{
    print_head(time_us, "job", topic, sequence);
    print_text("", job->id);
    print_text("  session ", job->status.session_id);
    end_line();
}

void watch_print_session(int64_t time_us, struct text topic, uint64_t sequence,
                         const struct f06_session *session)
{
    const struct f06_aggregate_statistics *figures =
        &session->statistics.aggregate;

    print_head(time_us, "session", topic, sequence);
    print_text("", session->session_id);
    printf("  %u/%u files, %llu bytes", figures->files_complete,
           figures->file_count, (unsigned long long)figures->bytes_written);
    if (session->error.code != 0) {
        printf(", error %d", session->error.code);
        print_text(": ", session->error.description);
    }
    end_line();
}

void watch_print_json(const struct soap_type *type, const void *value)
{
    struct text_builder line = {0};

    json_write(&line, type, value);
    fwrite(line.data, 1, line.size_bytes, stdout);
    text_builder_free(&line);
    end_line();
}
