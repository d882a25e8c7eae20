/* What the parts of the reader share: reader.c knows expat, reader_envelope.c
 * the envelope, reader_message.c what is described by tables, reader_fault.c a
 * peer's Fault.
 *
 * Not for users of the reader: they include reader.h. */
#ifndef SOAP_READER_FRAMES_H
#define SOAP_READER_FRAMES_H

#include "soap/reader.h"

/* What an open element is, which decides what may be in it. */
enum frame_kind {
    FRAME_ENVELOPE,
    FRAME_HEADER,
    FRAME_BODY,
    FRAME_STRUCT,       /* children as `type` has them */
    FRAME_LEAF,         /* text, for `field` */
    FRAME_XML,          /* an element that becomes part of a leaf's text */
    FRAME_SKIP,         /* whatever is in it, nobody asks */
    FRAME_FAULT,        /* a peer's Fault, or a group in it */
    FRAME_FAULT_CODE,   /* text */
    FRAME_FAULT_TEXT,   /* text */
    FRAME_DETAIL,       /* its children are typed faults or unknown */
    FRAME_TYPED_DETAIL, /* one of ours: its child is the value */
    FRAME_DETAIL_VALUE, /* text */
};

/* Longer pieces of a peer's text are cut in what we answer. */
#define SHOWN_BYTES_MAX 64

/* An argument pair for "%.*s". */
#define SHOWN(text)                                               \
    (int)((text).size_bytes < SHOWN_BYTES_MAX ? (text).size_bytes \
                                              : SHOWN_BYTES_MAX), \
        (text).data

/* Opens an element; NULL, and refused, when LIMIT_XML_DEPTH are open. */
struct soap_reader_frame *reader_push(struct soap_reader *reader,
                                      enum frame_kind kind);
struct soap_reader_frame *reader_top(struct soap_reader *reader);

/* Ends the parse.  The first reason wins: what follows is its consequence. */
void reader_refuse(struct soap_reader *reader, enum soap_fault_code code,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void reader_refuse_size(struct soap_reader *reader);

/* The text of the open leaf, copied to the arena; absent, and refused, when
 * that is used up. */
struct text reader_take_text(struct soap_reader *reader, bool is_trimmed);

/* Splits a name as expat reports it into its namespace and its local name; a
 * name in no namespace has an empty one. */
struct text reader_split_name(const char *full, struct text *uri);

/* reader_envelope.c: every tag and every text, the rules of the envelope. */
void envelope_start(struct soap_reader *reader, struct text uri,
                    struct text name, const char **attributes);
void envelope_end(struct soap_reader *reader, struct text name);
void envelope_text(struct soap_reader *reader, struct text text);

/* reader_message.c: an element inside the Body that `type` describes; its
 * children; the end of each. */
void message_start(struct soap_reader *reader, const struct soap_type *type);
void message_child(struct soap_reader *reader, struct text uri,
                   struct text name);
void message_inside_leaf(struct soap_reader *reader, struct text name);
void message_inside_xml(struct soap_reader *reader, struct text name);
void message_struct_text(struct soap_reader *reader, struct text text);
void message_leaf_text(struct soap_reader *reader, struct text text);
void message_end_struct(struct soap_reader *reader);
void message_end_leaf(struct soap_reader *reader);
void message_end_xml(struct soap_reader *reader, struct text name);

/* reader_fault.c: the Fault element and everything in it. */
void fault_start(struct soap_reader *reader);
void fault_child(struct soap_reader *reader, struct text name);
void fault_detail_child(struct soap_reader *reader, struct text uri,
                        struct text name);
void fault_end_text(struct soap_reader *reader, enum frame_kind kind);

#endif
