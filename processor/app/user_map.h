/* A hash map from user ids to nodes of the caller: open addressing, intrusive keys.
 *
 * A node begins with a struct user_node whose `user` bytes the caller keeps alive while it is in the
 * map. The map owns only its table. Used for the horizon, for what is in flight, and for the users of
 * a batch.
 */
#ifndef DECLIC_APP_USER_MAP_H
#define DECLIC_APP_USER_MAP_H

#include "base/span.h"

struct user_node {
    uint64_t hash; /* user_hash(user) */
    struct span user;
};

struct user_map {
    struct user_node **slots;
    size_t count;
    size_t mask; /* slots - 1; 0: no table yet */
};

uint64_t user_hash(struct span user);
void user_map_free(struct user_map *map);
/* Forgets all nodes, keeps the table. */
void user_map_clear(struct user_map *map);
/* The node of this user, or NULL. */
struct user_node *user_map_find(const struct user_map *map, uint64_t hash, struct span user);
/* Adds a node whose user is not in the map; node->hash and node->user are set. */
void user_map_add(struct user_map *map, struct user_node *node);
/* Removes a node that is in the map. */
void user_map_remove(struct user_map *map, const struct user_node *node);
/* Calls `visit` for each node; `visit` must not change the map. */
void user_map_each(const struct user_map *map, void (*visit)(void *self, struct user_node *node),
                   void *self);

#endif
