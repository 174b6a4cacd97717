#include "app/horizon.h"

#include <stdlib.h>

#include "base/memory.h"

#define ENTRY(node) HEAP_ITEM(node, struct horizon_entry, in_heap)

static bool due_first(const struct heap_node *a, const struct heap_node *b)
{
    return ENTRY(a)->due_ms < ENTRY(b)->due_ms;
}

void horizon_init(struct horizon *horizon)
{
    *horizon = (struct horizon){.heap = {.precedes = due_first}, .loaded_until_ms = INT64_MIN};
}

void horizon_clear(struct horizon *horizon)
{
    for (size_t i = 0; i < horizon->heap.count; i++)
        free(ENTRY(horizon->heap.nodes[i]));
    heap_free(&horizon->heap);
    user_map_free(&horizon->users);
    horizon_init(horizon);
}

static void take_out(struct horizon *horizon, struct horizon_entry *entry)
{
    user_map_remove(&horizon->users, &entry->node);
    heap_remove(&horizon->heap, &entry->in_heap);
}

static void add(struct horizon *horizon, uint64_t hash, struct span user, int64_t due_ms)
{
    struct horizon_entry *entry = memory_checked(malloc(sizeof *entry + user.size));
    memcpy(entry + 1, user.data, user.size);
    *entry = (struct horizon_entry){.node = {hash, span_make(entry + 1, user.size)}, .due_ms = due_ms};
    user_map_add(&horizon->users, &entry->node);
    heap_insert(&horizon->heap, &entry->in_heap);
}

void horizon_load(struct horizon *horizon, struct span user, int64_t due_ms)
{
    uint64_t hash = user_hash(user);
    struct user_node *node = user_map_find(&horizon->users, hash, user);
    if (node == NULL) {
        add(horizon, hash, user, due_ms);
        return;
    }
    struct horizon_entry *entry = (struct horizon_entry *)node;
    entry->due_ms = due_ms;
    heap_update(&horizon->heap, &entry->in_heap);
}

void horizon_set(struct horizon *horizon, struct span user, int64_t due_ms)
{
    if (due_ms != INT64_MAX && due_ms <= horizon->loaded_until_ms) {
        horizon_load(horizon, user, due_ms);
        return;
    }
    struct user_node *node = user_map_find(&horizon->users, user_hash(user), user);
    if (node != NULL) {
        take_out(horizon, (struct horizon_entry *)node);
        free(node);
    }
}

int64_t horizon_next_ms(const struct horizon *horizon)
{
    const struct heap_node *first = heap_first(&horizon->heap);
    return first == NULL ? INT64_MAX : ENTRY(first)->due_ms;
}

struct horizon_entry *horizon_pop(struct horizon *horizon)
{
    struct heap_node *first = heap_first(&horizon->heap);
    if (first == NULL)
        return NULL;
    struct horizon_entry *entry = ENTRY(first);
    take_out(horizon, entry);
    return entry;
}
