#include "transfer/rules.h"

#include <criterion/criterion.h>

#include "transfer/node.h"

static const struct transfer_rates asked = {
    .policy = TRANSFER_FAIR, .target_kbps = 1000, .minimum_kbps = 100};

struct rule_case {
    const char *name;
    struct transfer_rules rules;
    struct transfer_rates asked;
    struct transfer_rates allowed;
};

static const struct rule_case cases[] = {
    {"no rule", {0}, {TRANSFER_FIXED, 1000, 100, 0},
     {TRANSFER_FIXED, 1000, 100, 0}},
    {"at the cap", {.target_cap_kbps = 1000}, {TRANSFER_FIXED, 1000, 100, 0},
     {TRANSFER_FIXED, 1000, 100, 0}},
    {"beyond the cap", {.target_cap_kbps = 999}, {TRANSFER_FIXED, 1000, 100, 0},
     {TRANSFER_FIXED, 999, 100, 0}},
    {"the minimum never exceeds a cut target",
     {.target_cap_kbps = 50}, {TRANSFER_FAIR, 1000, 100, 0},
     {TRANSFER_FAIR, 50, 50, 0}},
    {"no minimum at all", {.caps_minimum = true},
     {TRANSFER_FAIR, 1000, 100, 0}, {TRANSFER_FAIR, 1000, 0, 0}},
    {"locked", {.locks_target = true, .target_kbps = 7, .locks_minimum = true,
                .minimum_kbps = 5, .locks_policy = true,
                .policy = TRANSFER_FIXED},
     {TRANSFER_FAIR, 1000, 100, 0}, {TRANSFER_FIXED, 7, 5, 0}},
    {"a pause stays one", {.locks_target = true, .target_kbps = 7},
     {TRANSFER_FAIR, 0, 0, 0}, {TRANSFER_FAIR, 0, 0, 0}},
    {"too strong a policy", {.policy_max = TRANSFER_FAIR},
     {TRANSFER_FIXED, 1000, 100, 0}, {TRANSFER_FAIR, 1000, 100, 0}},
    {"a weaker policy stays", {.policy_max = TRANSFER_HIGH},
     {TRANSFER_LOW, 1000, 100, 0}, {TRANSFER_LOW, 1000, 100, 0}},
};

Test(rules, each_makes_of_the_rates_what_it_says)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct rule_case *row = &cases[i];
        struct transfer_rates rates = row->asked;
        bool changed = transfer_rules_apply(&row->rules, &rates);
        cr_expect_eq(rates.policy, row->allowed.policy, "%s", row->name);
        cr_expect_eq(rates.target_kbps, row->allowed.target_kbps, "%s",
                     row->name);
        cr_expect_eq(rates.minimum_kbps, row->allowed.minimum_kbps, "%s",
                     row->name);
        bool differs = row->asked.policy != row->allowed.policy ||
                       row->asked.target_kbps != row->allowed.target_kbps ||
                       row->asked.minimum_kbps != row->allowed.minimum_kbps;
        cr_expect_eq(changed, differs, "%s", row->name);
    }
}

Test(rules, what_they_made_they_leave)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct transfer_rates rates = asked;
        transfer_rules_apply(&cases[i].rules, &rates);
        cr_expect_not(transfer_rules_apply(&cases[i].rules, &rates), "%s",
                      cases[i].name);
    }
}
