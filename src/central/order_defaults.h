/* What the configuration says for an order that does not.
 *
 * Knows: orders, settings.
 * Must not know: jobs' lives.
 */
#ifndef CENTRAL_ORDER_DEFAULTS_H
#define CENTRAL_ORDER_DEFAULTS_H

struct central_settings;
struct job_work;

/* Fills rates and policy in, in the order and in what is shown of it. */
void order_defaults_apply(const struct central_settings *settings,
                          struct job_work *work);

#endif
