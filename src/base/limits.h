/* Every limit of the program, with the reason for its number.  Reaching one
 * refuses that one request with a clear answer; see the module that checks it.
 * A module adds its own below, under its name. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* ---- http, soap: ../schemas and docs say these to clients ---- */

/* The largest order: some 60,000 source paths of 128 bytes. */
#define LIMIT_HTTP_BODY_BYTES (8u << 20)
/* As nginx and Node.js take them together: 16 KiB of headers in all. */
#define LIMIT_HTTP_HEADER_BYTES 16384u
#define LIMIT_HTTP_HEADER_COUNT 100u
/* A request target is a service path, never a file name. */
#define LIMIT_HTTP_TARGET_BYTES 2048u
/* A slow but honest client sends a request within this. */
#define LIMIT_HTTP_REQUEST_S 30u
/* Longer than the pause between two polls of the clients that poll most. */
#define LIMIT_HTTP_IDLE_S 60u
/* Connections at once; each holds at most a few KiB while idle. */
#define LIMIT_HTTP_CONNECTIONS 4096u

/* The contract's schemas nest 12 deep at most. */
#define LIMIT_XML_DEPTH 64u
#define LIMIT_XML_ATTRIBUTES 256u
/* expat 2.7 scans an unfinished token again with each piece that arrives. */
#define LIMIT_XML_TOKEN_BYTES 65536u

/* ---- fasp, transfer ---- */

/* Design goal: 1,000 sessions on one loop, with some room. */
#define LIMIT_SESSIONS 1024u
/* Control messages are small; the largest is a request with its paths. */
#define LIMIT_CONTROL_MESSAGE_BYTES (1u << 20)
/* Linux refuses longer names in one path component, and longer paths. */
#define LIMIT_NAME_BYTES 255u
#define LIMIT_PATH_BYTES 4096u
/* Source paths of one order. */
#define LIMIT_SOURCE_PATHS 65536u

/* ---- central ---- */

/* Jobs that are queued or running at once. */
#define LIMIT_JOBS 10000u
/* Subscriptions in all: each has a cursor and a timer. */
#define LIMIT_SUBSCRIPTIONS 10000u
/* Connections to one observer's address at a time. */
#define LIMIT_DELIVERIES_PER_ADDRESS 8u
/* A callback address longer than this is somebody's attempt to leak data. */
#define LIMIT_CALLBACK_URL_BYTES 2048u

#endif
