/* Who may follow a thing in a simulation: by (follow rule, thing), the users who ever began to.
 *
 * Whether one still follows stands in his state; fold_thing looks there. */
#ifndef DECLIC_MEMORY_SIM_FOLLOWERS_H
#define DECLIC_MEMORY_SIM_FOLLOWERS_H

#include "core/fold.h"
#include "memory/sim_users.h"

struct sim_thing {
    struct span rule, thing;
    struct sim_user **users; /* the first `sorted` in order of id, each once; then those who came since */
    size_t count, capacity, sorted;
};

struct sim_followers {
    struct sim_thing **slots;
    size_t count, size;
};

void sim_followers_add(struct sim_followers *followers, struct arena *arena, struct span rule,
                       struct span thing, struct sim_user *user);
/* Everybody whom the event may make enter the campaign, in order of user id; the array lives in `arena`. */
struct sim_user **sim_followers_of(const struct sim_followers *followers, const struct fold *fold,
                                   const struct campaign_slot *slot, const struct event *event,
                                   struct arena *arena, size_t *count);
void sim_followers_free(struct sim_followers *followers);

#endif
