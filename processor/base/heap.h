/* A binary min-heap of things that know their place in it, so that any of them can be taken out.
 *
 * Intrusive: the thing embeds a `struct heap_node` and gets itself back with HEAP_ITEM. The heap owns
 * only its array of pointers. Insert, remove and move cost O(log n).
 *
 *     static bool due_first(const struct heap_node *a, const struct heap_node *b) { … }
 *     struct heap heap = {.precedes = due_first};
 *     heap_insert(&heap, &send->node);
 *     struct send *next = HEAP_ITEM(heap_first(&heap), struct send, node);
 */
#ifndef DECLIC_BASE_HEAP_H
#define DECLIC_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#define HEAP_ITEM(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

struct heap_node {
    size_t place; /* 1 + index in the heap; 0: in none. Zero-initialise. */
};

struct heap {
    /* Whether a comes out before b: a strict weak order that does not change while they are inside. */
    bool (*precedes)(const struct heap_node *a, const struct heap_node *b);
    struct heap_node **nodes;
    size_t count;
    size_t capacity;
};

/* Gives the array back; the nodes are the caller's and keep their stale places. */
void heap_free(struct heap *heap);

/* The first node, or NULL when the heap is empty. It stays inside. */
struct heap_node *heap_first(const struct heap *heap);

/* The node must be in no heap. Out of memory ends the process, as in arena.h. */
void heap_insert(struct heap *heap, struct heap_node *node);

/* The node must be in this heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* Puts a node that is in this heap, and whose order has just changed, where it belongs. */
void heap_update(struct heap *heap, struct heap_node *node);

static inline bool heap_contains(const struct heap_node *node)
{
    return node->place != 0;
}

#endif
