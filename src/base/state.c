#include "base/state.h"

#include "base/check.h"

void state_move(uint8_t *state, uint8_t next, const struct state_rule *rules)
{
    CHECK(*state < 32);
    CHECK(next < 32);
    CHECK(rules[*state].next & NEXT(next));
    *state = next;
}
