#include "base/heap.h"

#include <stdlib.h>

#include "base/check.h"

static void set(struct heap *heap, uint32_t place, struct heap_node *node)
{
    heap->nodes[place - 1] = node;
    node->place = place;
}

static void rise(struct heap *heap, struct heap_node *node)
{
    uint32_t place = node->place;

    while (place > 1) {
        struct heap_node *parent = heap->nodes[place / 2 - 1];
        if (parent->due_ns <= node->due_ns)
            break;
        set(heap, place, parent);
        place /= 2;
    }
    set(heap, place, node);
}

static void sink(struct heap *heap, struct heap_node *node)
{
    uint32_t place = node->place;

    for (;;) {
        uint32_t child = place * 2;
        if (child > heap->count)
            break;
        if (child < heap->count && heap->nodes[child]->due_ns <
                                       heap->nodes[child - 1]->due_ns)
            child++;
        if (node->due_ns <= heap->nodes[child - 1]->due_ns)
            break;
        set(heap, place, heap->nodes[child - 1]);
        place = child;
    }
    set(heap, place, node);
}

void heap_put(struct heap *heap, struct heap_node *node, uint64_t due_ns)
{
    CHECK(!heap_holds(node));
    if (heap->count == heap->room) {
        heap->room = heap->room ? heap->room * 2 : 64;
        heap->nodes = realloc(heap->nodes, heap->room * sizeof *heap->nodes);
        CHECK(heap->nodes != NULL);
    }
    node->due_ns = due_ns;
    heap->count++;
    set(heap, heap->count, node);
    rise(heap, node);
}

void heap_take(struct heap *heap, struct heap_node *node)
{
    if (!heap_holds(node))
        return;
    CHECK(node->place <= heap->count);
    CHECK(heap->nodes[node->place - 1] == node);

    struct heap_node *last = heap->nodes[heap->count - 1];
    heap->count--;
    if (last != node) {
        set(heap, node->place, last);
        rise(heap, last);
        sink(heap, last);
    }
    node->place = 0;
}

struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

void heap_free(struct heap *heap)
{
    free(heap->nodes);
    *heap = (struct heap){0};
}
