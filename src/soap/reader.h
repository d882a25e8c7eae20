/* Turns the bytes of one SOAP message into the struct of its element.
 *
 * Knows: expat, the two envelopes, the tables of types.h.
 * Must not know: HTTP, sockets, what an operation does.
 *
 * Streaming: bytes may be split anywhere, inside a tag or a character, and
 * the result is the same, save which of two reasons is told for text that is
 * where none may be and holds "]]>", which no text may hold.  The struct and
 * its texts lie in the arena that soap_reader_start() was given and live as
 * long as that.  Memory is bounded: the arena's limit for what is kept,
 * LIMIT_XML_... for what is looked at.
 *
 *     start --feed--> MORE --feed--> ... --feed(last)--> DONE
 *                      |                                  |
 *                      +--> REFUSED (fault) <-------------+
 *
 * A reader serves any number of messages, one after another; it keeps its
 * parser (some 10 KiB), so share a few among many idle connections.
 *
 * Source: SOAP 1.1 sections 3 and 4; SOAP 1.2 part 1 section 5; the contract,
 * section 1.
 */
#ifndef SOAP_READER_H
#define SOAP_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/text.h"
#include "soap/fault.h"
#include "soap/markup_guard.h"
#include "soap/operations.h"

enum soap_reader_mode {
    /* A server: the Body holds a request of soap_operations. */
    SOAP_READ_REQUEST,
    /* A client: the Body holds the response of one operation, or a Fault. */
    SOAP_READ_RESPONSE,
    /* Delivery: whatever the body is, is there a Fault in it?  Anything but a
     * Fault ends in DONE without a message, XML or not. */
    SOAP_READ_ANY,
};

enum soap_reader_result {
    SOAP_READER_MORE,    /* nothing wrong so far */
    SOAP_READER_DONE,    /* the message is complete: see `message` */
    SOAP_READER_REFUSED, /* see `fault`; the rest of the body is not looked at
                          */
};

/* What a Content-Type asks for. */
enum soap_charset {
    SOAP_CHARSET_ABSENT, /* the document's BOM or declaration decides */
    SOAP_CHARSET_UTF_8,
    SOAP_CHARSET_UTF_16,
    SOAP_CHARSET_UTF_16LE,
    SOAP_CHARSET_UTF_16BE,
    SOAP_CHARSET_REFUSED, /* 415 */
};

/* Reads a Content-Type's value: text/xml, application/soap+xml, or absent
 * (which counts as text/xml).  Returns false for any other media type (415),
 * and for a charset that is neither UTF-8 nor UTF-16 (415 too). */
bool soap_media_type_parse(struct text content_type,
                           enum soap_charset *charset);

/* One open element. */
struct soap_reader_frame {
    const struct soap_type *type;   /* of the children; NULL for a leaf */
    const struct soap_field *field; /* that this element is; NULL at the top */
    unsigned char *value;           /* its place in the message */
    uint64_t seen;                  /* children so far, a bit a row */
    uint8_t kind;                   /* enum frame_kind */
    bool has_child;                 /* a leaf of kind XML: its one element */
};

struct soap_reader {
    /* What came of it.  `version` is known from the Envelope's start tag on
     * and says how to answer; 1.1 before that. */
    enum soap_reader_result result;
    enum soap_version version;
    /* DONE: the element that the Body holds and its struct (NULL where it has
     * no children); both NULL for SOAP_READ_ANY. */
    const struct soap_type *type;
    void *message;
    enum soap_operation operation; /* DONE in SOAP_READ_REQUEST */
    /* DONE in SOAP_READ_RESPONSE and SOAP_READ_ANY: the peer answered a Fault,
     * and `fault` is that one. */
    bool is_peer_fault;
    /* REFUSED: what is wrong; to be answered with in SOAP_READ_REQUEST. */
    struct soap_fault fault;

    /* The rest is the reader's own. */
    struct XML_ParserStruct *parser; /* expat's; owned */
    struct arena *arena;             /* borrowed */
    const struct soap_type *expected;
    enum soap_reader_mode mode;
    struct markup_guard guard;
    struct text_builder value; /* the text of the open leaf; owned */
    uint32_t depth;            /* open elements */
    uint32_t namespace_count;  /* declared by the next start tag */
    bool is_charset_known; /* from outside: the declaration does not count */
    bool has_header;
    bool has_body;
    bool has_element;        /* in the Body */
    bool is_skipping;        /* SOAP_READ_ANY: it is no SOAP, never mind */
    unsigned long hash_salt; /* of expat's tables; secret */
    struct soap_reader_frame frames[LIMIT_XML_DEPTH];
};

/* Makes a reader that is not started.  Returns 0 or -ENOMEM. */
MUST_USE int soap_reader_open(struct soap_reader *reader);
void soap_reader_close(struct soap_reader *reader);

/* Prepares for one message, whatever became of the one before.  `arena` must
 * stay until the message is no longer used.  `expected` is the element that
 * SOAP_READ_RESPONSE waits for, else NULL. */
void soap_reader_start(struct soap_reader *reader, struct arena *arena,
                       enum soap_reader_mode mode, enum soap_charset charset,
                       const struct soap_type *expected);

/* Feeds the next bytes; `last` marks the end of the body, and only then the
 * result is DONE.  A result other than MORE is final: later calls return the
 * same and look at nothing. */
enum soap_reader_result soap_reader_feed(struct soap_reader *reader,
                                         const char *data, uint32_t size_bytes,
                                         bool last);

#endif
