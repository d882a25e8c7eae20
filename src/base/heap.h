/* Times at which something is due, earliest first.
 *
 * Knows: numbers.
 * Must not know: clocks, what happens when a time comes.
 *
 * A binary heap of nodes that are embedded in the objects they wake.  A node
 * knows its place, so that taking one out of the middle costs O(log n).
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct heap_node {
    uint64_t due_ns;
    uint32_t place; /* 1-based; 0 = in no heap */
};

struct heap {
    struct heap_node **nodes; /* owned array of borrowed nodes */
    uint32_t count;
    uint32_t room;
};

static inline bool heap_holds(const struct heap_node *node)
{
    return node->place != 0;
}

/* Puts `node`, which is in no heap, at `due_ns`.  Aborts when memory is used
 * up: the count is bounded by the objects that hold nodes. */
void heap_put(struct heap *heap, struct heap_node *node, uint64_t due_ns);
/* Takes `node` out; nothing happens if it is in no heap. */
void heap_take(struct heap *heap, struct heap_node *node);
/* The earliest node, or NULL. */
struct heap_node *heap_first(const struct heap *heap);
void heap_free(struct heap *heap);

#endif
