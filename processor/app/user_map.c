#include "app/user_map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

#define FIRST_SLOTS 64

uint64_t user_hash(struct span user)
{
    return hash_bytes(user, 0);
}

void user_map_free(struct user_map *map)
{
    free(map->slots);
    *map = (struct user_map){0};
}

void user_map_clear(struct user_map *map)
{
    if (map->count != 0)
        memset(map->slots, 0, (map->mask + 1) * sizeof *map->slots);
    map->count = 0;
}

struct user_node *user_map_find(const struct user_map *map, uint64_t hash, struct span user)
{
    if (map->count == 0)
        return NULL;
    for (size_t at = hash & map->mask; map->slots[at] != NULL; at = (at + 1) & map->mask)
        if (map->slots[at]->hash == hash && span_equal(map->slots[at]->user, user))
            return map->slots[at];
    return NULL;
}

static void place(struct user_map *map, struct user_node *node)
{
    size_t at = node->hash & map->mask;
    for (; map->slots[at] != NULL; at = (at + 1) & map->mask)
        assert(map->slots[at]->hash != node->hash || !span_equal(map->slots[at]->user, node->user));
    map->slots[at] = node;
}

static void grow(struct user_map *map)
{
    struct user_map old = *map;
    size_t slots = old.slots == NULL ? FIRST_SLOTS : (old.mask + 1) * 2;
    map->slots = memory_checked(calloc(slots, sizeof *map->slots));
    map->mask = slots - 1;
    if (old.slots != NULL)
        for (size_t at = 0; at <= old.mask; at++)
            if (old.slots[at] != NULL)
                place(map, old.slots[at]);
    free(old.slots);
}

void user_map_add(struct user_map *map, struct user_node *node)
{
    if (map->slots == NULL || map->count * 2 > map->mask)
        grow(map);
    place(map, node);
    map->count++;
}

void user_map_remove(struct user_map *map, const struct user_node *node)
{
    size_t hole = node->hash & map->mask;
    while (map->slots[hole] != node) {
        assert(map->slots[hole] != NULL);
        hole = (hole + 1) & map->mask;
    }
    /* Backward-shift deletion: move up what would no longer be found past the hole. */
    for (size_t at = (hole + 1) & map->mask; map->slots[at] != NULL; at = (at + 1) & map->mask) {
        size_t home = map->slots[at]->hash & map->mask;
        if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole] = NULL;
    map->count--;
}

void user_map_each(const struct user_map *map, void (*visit)(void *self, struct user_node *node),
                   void *self)
{
    if (map->count == 0)
        return;
    for (size_t at = 0; at <= map->mask; at++)
        if (map->slots[at] != NULL)
            visit(self, map->slots[at]);
}
