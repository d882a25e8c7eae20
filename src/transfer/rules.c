#include "transfer/rules.h"

#include "transfer/node.h"

static void cap(uint32_t *kbps, uint32_t cap_kbps)
{
    if (*kbps > cap_kbps)
        *kbps = cap_kbps;
}

bool transfer_rules_apply(const struct transfer_rules *rules,
                          struct transfer_rates *rates)
{
    struct transfer_rates asked = *rates;
    bool is_paused = asked.target_kbps == 0;

    if (rules->locks_policy)
        rates->policy = (enum transfer_policy)rules->policy;
    if (rates->policy < (enum transfer_policy)rules->policy_max)
        rates->policy = (enum transfer_policy)rules->policy_max;
    if (rules->locks_target && !is_paused)
        rates->target_kbps = rules->target_kbps;
    if (rules->target_cap_kbps != 0)
        cap(&rates->target_kbps, rules->target_cap_kbps);
    if (rules->locks_minimum)
        rates->minimum_kbps = rules->minimum_kbps;
    if (rules->caps_minimum)
        cap(&rates->minimum_kbps, rules->minimum_cap_kbps);
    if (!is_paused && rates->target_kbps < asked.target_kbps)
        cap(&rates->minimum_kbps, rates->target_kbps);
    return rates->policy != asked.policy ||
           rates->target_kbps != asked.target_kbps ||
           rates->minimum_kbps != asked.minimum_kbps;
}
