/* What this node allows sessions of one direction: rates and policies.
 *
 * Knows: rates.
 * Must not know: sessions, configuration files.
 *
 * Both ends of a session keep to their own node's rules, whoever asked for the
 * rates: an order, the other node, or a Set operation while it runs.  All zero
 * is no rule.
 */
#ifndef TRANSFER_RULES_H
#define TRANSFER_RULES_H

#include <stdbool.h>
#include <stdint.h>

struct transfer_rates;

struct transfer_rules {
    uint32_t target_cap_kbps; /* 0 = none */
    bool caps_minimum;
    uint32_t minimum_cap_kbps;
    /* Nobody may ask for other values than these. */
    bool locks_target;
    bool locks_minimum;
    bool locks_policy;
    uint32_t target_kbps;
    uint32_t minimum_kbps;
    uint8_t policy; /* enum transfer_policy */
    /* A policy that takes more of a link than this one becomes this one. */
    /* All sessions of the direction together keep to this; 0 = no vlink. */
    uint32_t vlink_kbps;
    bool vlink_is_shared; /* by both directions */
    uint8_t policy_max; /* enum transfer_policy; 0 = TRANSFER_FIXED = any */
};

/* Makes `rates` what the rules allow; a pause stays a pause.  Returns true if
 * it had to change them. */
bool transfer_rules_apply(const struct transfer_rules *rules,
                          struct transfer_rates *rates);

#endif
