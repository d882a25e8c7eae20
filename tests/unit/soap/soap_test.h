/* What the tests of soap/ share: a reader with its arena, and ways to feed it.
 */
#ifndef SOAP_TEST_H
#define SOAP_TEST_H

#include "soap/reader.h"
#include "soap/writer.h"

#define ENV11 "http://schemas.xmlsoap.org/soap/envelope/"
#define ENV12 "http://www.w3.org/2003/05/soap-envelope"
#define NS_JOB "urn:Aspera:XML:JobNET:2006/01:Types"
#define NS_ISC "urn:Aspera:XML:IScpTransferNET:2006/04:Types"
#define NS_F06 "urn:Aspera:XML:FASPSessionNET:2006/01:Types"
#define NS_F09 "urn:Aspera:XML:FASPSessionNET:2009/11:Types"

/* An envelope of SOAP 1.1 around `body`. */
#define ENVELOPE(body) \
    "<s:Envelope xmlns:s=\"" ENV11 "\"><s:Body>" body "</s:Body></s:Envelope>"

struct soap_test {
    struct soap_reader reader;
    struct arena arena;
};

extern struct soap_test test;

void soap_test_set_up(void);
void soap_test_tear_down(void);

/* Reads the request `text` in pieces of `piece_bytes` (0: at once). */
enum soap_reader_result soap_test_read(struct text text, uint32_t piece_bytes);
enum soap_reader_result soap_test_read_as(struct text text,
                                          uint32_t piece_bytes,
                                          enum soap_reader_mode mode,
                                          const struct soap_type *expected);

/* What the reader made of the last message, as text: the message written
 * again, or the fault.  On the heap of `out`. */
void soap_test_outcome(struct text_builder *out);

/* The outcome is the same whole, byte by byte, and cut at each position. */
void soap_test_every_cut(struct text text, enum soap_reader_mode mode,
                         const struct soap_type *expected);

/* Fills the struct of `type` with values that differ from each other, every
 * optional child there and lists of `list_count`. */
void *soap_test_fill(struct arena *arena, const struct soap_type *type,
                     uint32_t list_count);

#endif
