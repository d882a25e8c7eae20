#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

#define BAR_COLUMNS_MIN 12u
#define BAR_COLUMNS_MAX 42u
/* A longer time is no estimate. */
#define LEFT_S_MAX (100u * 3600u)

void progress_bytes(uint64_t bytes, char text[16])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    uint32_t unit = 0;

    /* 999.95 would round to 1000.0. */
    while (value >= 999.95 && unit < 5) {
        value /= 1000;
        unit++;
    }
    snprintf(text, 16, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void add_rate(char *text, size_t room, uint64_t kbps)
{
    if (kbps < 1000)
        snprintf(text, room, "%llu kbit/s", (unsigned long long)kbps);
    else if (kbps < 10000000)
        snprintf(text, room, "%llu Mbit/s", (unsigned long long)(kbps / 1000));
    else
        snprintf(text, room, "%.1f Gbit/s", (double)kbps / 1e6);
}

/* "1:02:03 left", or nothing where it cannot be said. */
static void add_left(char *text, size_t room, const struct progress *progress)
{
    uint64_t left_bytes = progress->total_bytes > progress->done_bytes
                              ? progress->total_bytes - progress->done_bytes
                              : 0;

    text[0] = '\0';
    if (!progress->total_known || progress->rate_kbps == 0 ||
        progress->is_paused)
        return;
    uint64_t left_s = left_bytes * 8 / 1000 / progress->rate_kbps;
    if (left_s > LEFT_S_MAX)
        return;
    uint32_t s = (uint32_t)left_s;
    if (s >= 3600)
        snprintf(text, room, "  %u:%02u:%02u left", s / 3600, s / 60 % 60,
                 s % 60);
    else
        snprintf(text, room, "  %u:%02u left", s / 60, s % 60);
}

static uint32_t percent(const struct progress *progress)
{
    if (progress->total_bytes == 0)
        return progress->total_known ? 100 : 0;
    if (progress->done_bytes >= progress->total_bytes)
        return 100;
    return (uint32_t)((double)progress->done_bytes * 100 /
                      (double)progress->total_bytes);
}

static void add_bar(char *bar, uint32_t columns, uint32_t done_percent)
{
    uint32_t inner = columns - 3; /* brackets and a space */
    uint32_t filled = inner * done_percent / 100;

    bar[0] = '[';
    memset(bar + 1, ' ', inner);
    memset(bar + 1, '=', filled);
    if (filled < inner)
        bar[1 + filled] = '>';
    strcpy(bar + 1 + inner, "] ");
}

void progress_line(const struct progress *progress, uint32_t columns,
                   char line[PROGRESS_BYTES])
{
    const char *more = progress->total_known ? "" : "+";
    char figures[PROGRESS_BYTES];
    char bar[BAR_COLUMNS_MAX + 1] = "";
    char rate[24];
    char left[24];
    char done[16];
    char total[16];
    char retries[24] = "";
    uint32_t done_percent = percent(progress);

    if (columns >= PROGRESS_BYTES)
        columns = PROGRESS_BYTES - 1;
    progress_bytes(progress->done_bytes, done);
    progress_bytes(progress->total_bytes, total);
    add_rate(rate, sizeof rate, progress->rate_kbps);
    add_left(left, sizeof left, progress);
    if (progress->retry_count > 0)
        snprintf(retries, sizeof retries, "  retry %u", progress->retry_count);
    int size = snprintf(figures, sizeof figures,
                        "%3u %%  %s of %s%s  %s%s  %u of %u%s files%s",
                        done_percent, done, total, more,
                        progress->is_paused ? "paused" : rate, left,
                        progress->done_files, progress->total_files, more,
                        retries);
    uint32_t used = size > 0 ? (uint32_t)size : 0;
    if (used + BAR_COLUMNS_MIN <= columns) {
        uint32_t room = columns - used;
        add_bar(bar, room < BAR_COLUMNS_MAX ? room : BAR_COLUMNS_MAX,
                done_percent);
    }
    snprintf(line, PROGRESS_BYTES, "%.42s%.200s", bar, figures);
    if (columns < strlen(line))
        line[columns] = '\0';
}
