#include "central/order_defaults.h"

#include "central/jobs.h"
#include "central/settings.h"
#include "transfer/node.h"

static uint8_t order_policy(uint8_t policy)
{
    static const uint8_t policies[] = {
        [TRANSFER_FIXED] = ORDER_POLICY_FIXED,
        [TRANSFER_HIGH] = ORDER_POLICY_HIGH,
        [TRANSFER_FAIR] = ORDER_POLICY_FAIR,
        [TRANSFER_LOW] = ORDER_POLICY_LOW,
    };

    return policies[policy];
}

/* The row of the order has the contract's values already. */
static void apply_retry(const struct central_settings *settings,
                        struct job_work *work)
{
    struct order *order = &work->order;
    struct isc_retry_parameters *shown = &work->described.retry_parameters;

    if (!order->has_retry_count && settings->retry_count == CENTRAL_NO_RETRY)
        order->retry_count = 0;
    else if (!order->has_retry_count && settings->retry_count != 0)
        order->retry_count = settings->retry_count;
    if (!order->has_retry_base_s && settings->retry_base_s != 0)
        order->retry_base_s = settings->retry_base_s;
    if (!order->has_retry_max_s && settings->retry_max_s != 0)
        order->retry_max_s = settings->retry_max_s;
    shown->count = (uint8_t)order->retry_count;
    shown->base_interval = (uint32_t)order->retry_base_s;
    shown->maximum_interval = (uint32_t)order->retry_max_s;
}

void order_defaults_apply(const struct central_settings *settings,
                          struct job_work *work)
{
    struct order *order = &work->order;
    struct isc_rate_parameters *shown = &work->described.rate_parameters;
    const struct central_defaults *defaults = order_is_push(order)
                                                  ? &settings->out_defaults
                                                  : &settings->in_defaults;

    if (!order->has_target_rate && defaults->target_kbps != 0) {
        order->target_rate = defaults->target_kbps;
        shown->target_rate = defaults->target_kbps;
        /* Or the rate below would be the one that is kept to. */
        order->has_target_rate = true;
    }
    if (!order->has_minimum_rate && defaults->minimum_kbps != 0) {
        int64_t minimum_kbps = defaults->minimum_kbps;
        if (minimum_kbps > order->target_rate)
            minimum_kbps = order->target_rate;
        order->minimum_rate = minimum_kbps;
        shown->minimum_rate = (uint32_t)minimum_kbps;
    }
    if (!order->has_policy && defaults->has_policy) {
        order->policy = order_policy(defaults->policy);
        shown->policy = text_of(order_word_policy(order->policy));
    }
    apply_retry(settings, work);
}
