/* TLS between a transport's clear bytes and its socket; private to
 * http_transport.c and http_tls.c.
 *
 * Knows: one TLS session, the two operations of the socket.
 * Must not know: HTTP, who trusts whom.
 *
 *   receive: socket --> in --> session --> where the caller wants it
 *   send:    the caller's bytes, 16 KiB at a time --> session --> out --> socket
 *
 * What can be answered at once is answered by a timer that is due now, since
 * no callback comes from inside a call.
 */
#ifndef NET_HTTP_TLS_H
#define NET_HTTP_TLS_H

#include "net/http_transport.h"

/* A server where `host` is NULL. */
struct http_tls *http_tls_open(struct http_transport *transport,
                               struct tls_context *context, const char *host);
void http_tls_free(struct http_tls *tls);
enum tls_error http_tls_error(const struct http_tls *tls);

void http_tls_recv(struct http_transport *transport, void *data,
                   uint32_t room_bytes);
void http_tls_send(struct http_transport *transport, const void *data,
                   uint32_t size_bytes);
bool http_tls_recv_busy(const struct http_tls *tls);
bool http_tls_send_busy(const struct http_tls *tls);
void http_tls_end(struct http_transport *transport);
/* On the way to closed: nothing is called back any more; the peer is told if
 * the socket takes it at once. */
void http_tls_stop(struct http_transport *transport);

/* Of http_transport.c: for operations that end while it closes. */
void http_transport_close_when_idle(struct http_transport *transport);

#endif
