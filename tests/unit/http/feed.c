#include "feed.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void trace(struct feed *feed, const char *data, size_t size_bytes)
{
    if (size_bytes > sizeof feed->trace - 1 - feed->trace_bytes)
        size_bytes = sizeof feed->trace - 1 - feed->trace_bytes;
    memcpy(feed->trace + feed->trace_bytes, data, size_bytes);
    feed->trace_bytes += (uint32_t)size_bytes;
}

static void trace_string(struct feed *feed, const char *string)
{
    trace(feed, string, strlen(string));
}

static void trace_head(struct feed *feed)
{
    static const char *const methods[] = {"GET ", "HEAD ", "POST "};
    const struct http_head *head = &feed->parser.head;
    char status[8];

    if (feed->parser.kind == HTTP_KIND_RESPONSE) {
        snprintf(status, sizeof status, "%u ", head->status);
        trace_string(feed, status);
    } else {
        trace_string(feed, methods[head->method]);
        trace(feed, head->path.data, head->path.size_bytes);
        if (!text_is_absent(head->query)) {
            trace_string(feed, "?");
            trace(feed, head->query.data, head->query.size_bytes);
        }
        trace_string(feed, " ");
    }
    if (!head->keep_alive)
        trace_string(feed, "close ");
    if (head->expects_continue)
        trace_string(feed, "expects ");
    trace_string(feed, "|");
}

static void trace_event(struct feed *feed, enum http_event event)
{
    char status[8];

    switch (event) {
    case HTTP_EVENT_MORE:
        break;
    case HTTP_EVENT_HEAD:
        trace_head(feed);
        break;
    case HTTP_EVENT_BODY:
        trace(feed, (const char *)feed->parser.body, feed->parser.body_bytes);
        break;
    case HTTP_EVENT_END:
        trace_string(feed, ".");
        http_parser_next(&feed->parser);
        break;
    case HTTP_EVENT_REFUSED:
        snprintf(status, sizeof status, "!%u", feed->parser.status);
        trace_string(feed, status);
        cr_assert_not_null(feed->parser.reason);
        feed->refused = true;
        break;
    }
}

void feed_open(struct feed *feed, enum http_kind kind,
               const struct http_limits *limits)
{
    memset(feed, 0, sizeof *feed);
    http_parser_init(&feed->parser, kind, limits);
}

void feed_bytes(struct feed *feed, const char *data, size_t size_bytes)
{
    uint8_t *copy = malloc(size_bytes ? size_bytes : 1);
    uint32_t at = 0;
    enum http_event event = HTTP_EVENT_END;

    cr_assert_not_null(copy);
    memcpy(copy, data, size_bytes);
    while (!feed->refused && (event != HTTP_EVENT_MORE || at < size_bytes)) {
        if (event == HTTP_EVENT_END && at == size_bytes)
            break;
        uint32_t used;
        event = http_parser_feed(&feed->parser, copy + at,
                                 (uint32_t)size_bytes - at, &used);
        at += used;
        trace_event(feed, event);
    }
    free(copy);
}

void feed_end(struct feed *feed)
{
    if (!feed->refused)
        trace_event(feed, http_parser_finish(&feed->parser));
}

void feed_close(struct feed *feed)
{
    if (!feed->refused && !http_parser_is_idle(&feed->parser))
        trace_string(feed, "~");
    http_parser_free(&feed->parser);
}

static void feed_cut(enum http_kind kind, const struct http_limits *limits,
                     const char *data, size_t size_bytes, size_t piece_bytes,
                     bool with_end, const char *expected, const char *how)
{
    struct feed feed;

    feed_open(&feed, kind, limits);
    /* piece_bytes 1: every byte alone; else two pieces. */
    for (size_t at = 0; at < size_bytes;) {
        size_t piece = piece_bytes;
        if (piece > size_bytes - at || (at > 0 && piece_bytes != 1))
            piece = size_bytes - at;
        feed_bytes(&feed, data + at, piece);
        at += piece;
    }
    if (with_end)
        feed_end(&feed);
    feed_close(&feed);
    cr_expect_str_eq(feed.trace, expected,
                     "%s at %zu of \"%.60s\": got %s, not %s", how, piece_bytes,
                     data, feed.trace, expected);
}

void feed_all_ways(enum http_kind kind, const struct http_limits *limits,
                   const char *data, size_t size_bytes, bool with_end,
                   const char *expected)
{
    feed_cut(kind, limits, data, size_bytes, size_bytes, with_end, expected,
             "whole");
    feed_cut(kind, limits, data, size_bytes, 1, with_end, expected, "bytes");
    for (size_t cut = 2; cut < size_bytes; cut++)
        feed_cut(kind, limits, data, size_bytes, cut, with_end, expected,
                 "cut");
}
