#include "io/loop_private.h"

void loop_timer_start(struct loop *loop, struct loop_timer *timer,
                      uint64_t due_ns, loop_timer_fn fired)
{
    CHECK(fired != NULL);
    heap_take(&loop->timers, &timer->node);
    timer->fired = fired;
    heap_put(&loop->timers, &timer->node, due_ns);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    heap_take(&loop->timers, &timer->node);
}

/* A timer that is started again for a time that is past waits for the next
 * turn, or it could hold up this one for ever: so no more than there were. */
void loop_timer_run(struct loop *loop)
{
    struct heap_node *first;

    for (uint32_t left = loop->timers.count; left > 0; left--) {
        first = heap_first(&loop->timers);
        if (first == NULL || first->due_ns > loop->now_ns)
            return;
        struct loop_timer *timer = OWNER_OF(first, struct loop_timer, node);
        heap_take(&loop->timers, first);
        timer->fired(timer);
    }
}
