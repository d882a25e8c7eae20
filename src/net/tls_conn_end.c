#include <stdio.h>
#include <string.h>

#include "net/tls_conn.h"

void tls_conn_end_format(enum tls_conn_end end, int error, char *text,
                         uint32_t text_bytes)
{
    static const char *const texts[] = {
        [TLS_CONN_END_OURS] = "closed by this side",
        [TLS_CONN_END_ABORTED] = "given up by this side",
        [TLS_CONN_END_PEER] = "closed by the peer",
        [TLS_CONN_END_REFUSED] = "the connection could not be made",
        [TLS_CONN_END_LOST] = "the connection was lost",
        [TLS_CONN_END_HANDSHAKE] = "no TLS session was agreed",
        [TLS_CONN_END_TLS] = "the TLS session failed",
        [TLS_CONN_END_CONNECT_TIMEOUT] = "the peer does not answer",
        [TLS_CONN_END_HANDSHAKE_TIMEOUT] =
            "the peer answers, but not with TLS in time",
        [TLS_CONN_END_OVERFLOW] = "the peer does not read what it is sent",
        [TLS_CONN_END_MEMORY] = "no memory for the connection",
    };

    if (end == TLS_CONN_END_HANDSHAKE || end == TLS_CONN_END_TLS)
        snprintf(text, text_bytes, "%s: %s", texts[end],
                 tls_error_text((enum tls_error)error));
    else if (end == TLS_CONN_END_LOST && error == 0)
        snprintf(text, text_bytes, "%s: the peer hung up", texts[end]);
    else if (error != 0)
        snprintf(text, text_bytes, "%s: %s", texts[end], strerror(error));
    else
        snprintf(text, text_bytes, "%s", texts[end]);
}
