/* What the transfer layer reports, handed to whom it concerns.
 *
 * Knows: the callbacks of transfer/node.h.
 * Must not know: what becomes of a report (job_steps.c, files.c, users.c).
 */
#ifndef CENTRAL_REPORTS_H
#define CENTRAL_REPORTS_H

#include "transfer/node.h"

/* The owner is the struct central. */
extern const struct transfer_node_events reports_events;

#endif
