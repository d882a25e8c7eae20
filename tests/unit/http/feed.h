/* Feeds a parser and writes down what comes out, as one line:
 *
 *     POST /a?b |body.     a request, its body, its end
 *     GET /a close |.!400  one without a body, then something that is refused
 *     POST /a |bo~         a message that has begun and waits for more
 *
 * so that a test says what goes in and what comes out, in two strings.
 */
#ifndef TESTS_FEED_H
#define TESTS_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "http/parser.h"

struct feed {
    struct http_parser parser;
    char trace[4096];
    uint32_t trace_bytes;
    bool refused;
};

void feed_open(struct feed *feed, enum http_kind kind,
               const struct http_limits *limits);
/* A copy in memory of its exact size, so that an overrun shows in ASan. */
void feed_bytes(struct feed *feed, const char *data, size_t size_bytes);
/* The peer's end. */
void feed_end(struct feed *feed);
void feed_close(struct feed *feed);

/* Feeds `data` whole, byte by byte, and cut in two at every position; all must
 * give `expected`. */
void feed_all_ways(enum http_kind kind, const struct http_limits *limits,
                   const char *data, size_t size_bytes, bool with_end,
                   const char *expected);

#endif
