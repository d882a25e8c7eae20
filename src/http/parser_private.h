/* What parser.c and head.c share: parser.c runs llhttp and gathers, head.c
 * checks what was gathered and fills in the head. */
#ifndef HTTP_PARSER_PRIVATE_H
#define HTTP_PARSER_PRIVATE_H

#include <llhttp.h>

#include "http/parser.h"

/* The fields that decide something here or above.  Each may come once: where
 * two come, two readers may take different ones. */
enum kept {
    KEPT_HOST,
    KEPT_CONTENT_TYPE,
    KEPT_CONTENT_LENGTH,
    KEPT_CONTENT_ENCODING,
    KEPT_TRANSFER_ENCODING,
    KEPT_SOAP_ACTION,
    KEPT_AUTHORIZATION,
    KEPT_EXPECT,
    KEPT_RETRY_AFTER,
};

/* Ends the message.  The first reason wins: what follows is its consequence.
 * The value is for llhttp, which stops. */
int http_parser_refuse(struct http_parser *parser, uint16_t status,
                       const char *reason);

/* Check a head that is complete and fill in parser->head.  Both return 0, or
 * what http_parser_refuse() gives. */
int http_head_check_request(struct http_parser *parser, llhttp_t *machine);
int http_head_check_response(struct http_parser *parser,
                             const llhttp_t *machine);

#endif
