/* Tells a service manager how the server stands: systemd's protocol, datagrams
 * of lines to the socket that $NOTIFY_SOCKET names.
 *
 * Knows: that socket, the loop's timers.
 * Must not know: what the server does.
 *
 * Without a manager nothing happens.  Nothing here blocks or fails: a message
 * that cannot be sent is lost.
 *
 * Source: sd_notify(3), systemd.service(5).
 */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

#include "io/loop.h"

/* Reads $NOTIFY_SOCKET and $WATCHDOG_USEC and takes them out of the
 * environment.  The watchdog is fed from `loop`, which proves that it turns. */
void notify_open(struct loop *loop);
/* Everything listens; `status` is a line for `systemctl status`. */
void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);

#endif
