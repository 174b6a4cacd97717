/* The users of a simulation: a hash map from id to the encoded state. */
#ifndef DECLIC_MEMORY_SIM_USERS_H
#define DECLIC_MEMORY_SIM_USERS_H

#include "base/arena.h"

struct sim_user {
    struct span id;
    struct span state; /* encoded; owned */
    size_t capacity;
};

struct sim_users {
    struct sim_user_slot {
        uint64_t hash;         /* of the id, so that others need not be looked at */
        struct sim_user *user; /* NULL: empty */
    } * slots;
    size_t count, size; /* size: a power of two, or 0 */
};

/* Finds or adds the user; new ones live in `arena`. */
struct sim_user *sim_users_get(struct sim_users *users, struct arena *arena, struct span id);
void sim_user_set_state(struct sim_user *user, struct span state);

/* What is known of a user lies in memory that is long in coming. These ask for it without waiting, in three
 * steps with some work in between: his place in the map; him, who is NULL when he seems to be new; his
 * state. All may be wrong without harm. */
uint64_t sim_users_ask(const struct sim_users *users, struct span id);
const struct sim_user *sim_users_asked(const struct sim_users *users, uint64_t answer);
void sim_user_ask_state(const struct sim_user *user);

void sim_users_free(struct sim_users *users);

/* Ids seen, each for a while after it first came: for events about things. */
struct sim_seen {
    struct sim_seen_id {
        uint64_t hash; /* 0: empty */
        int64_t arrived_ms;
    } * slots;
    size_t count, size;
};
/* True when the id came less than within_ms before; otherwise it now counts from at_ms. */
bool sim_seen_take(struct sim_seen *seen, struct span id, int64_t at_ms, int64_t within_ms);
void sim_seen_free(struct sim_seen *seen);

#endif
