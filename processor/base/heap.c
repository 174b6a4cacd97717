#include "base/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

void heap_free(struct heap *heap)
{
    free(heap->nodes);
    heap->nodes = NULL;
    heap->count = heap->capacity = 0;
}

struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count == 0 ? NULL : heap->nodes[0];
}

static void put(struct heap *heap, size_t index, struct heap_node *node)
{
    heap->nodes[index] = node;
    node->place = index + 1;
}

static void sift_up(struct heap *heap, size_t index, struct heap_node *node)
{
    while (index > 0 && heap->precedes(node, heap->nodes[(index - 1) / 2])) {
        put(heap, index, heap->nodes[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    put(heap, index, node);
}

static void sift_down(struct heap *heap, size_t index, struct heap_node *node)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->precedes(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!heap->precedes(heap->nodes[child], node))
            break;
        put(heap, index, heap->nodes[child]);
        index = child;
    }
    put(heap, index, node);
}

void heap_insert(struct heap *heap, struct heap_node *node)
{
    assert(node->place == 0);
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity == 0 ? 64 : heap->capacity * 2;
        struct heap_node **larger =
            memory_checked(realloc(heap->nodes, capacity * sizeof(struct heap_node *)));
        heap->nodes = larger;
        heap->capacity = capacity;
    }
    heap->count++;
    sift_up(heap, heap->count - 1, node);
}

void heap_update(struct heap *heap, struct heap_node *node)
{
    assert(node->place != 0 && heap->nodes[node->place - 1] == node);
    size_t index = node->place - 1;
    if (index > 0 && heap->precedes(node, heap->nodes[(index - 1) / 2]))
        sift_up(heap, index, node);
    else
        sift_down(heap, index, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    assert(node->place != 0 && heap->nodes[node->place - 1] == node);
    size_t index = node->place - 1;
    struct heap_node *last = heap->nodes[--heap->count];
    node->place = 0;
    if (last == node)
        return;
    put(heap, index, last);
    heap_update(heap, last);
}
