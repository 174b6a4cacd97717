/* The user whose state a simulation has in hand: decoded as long as what happens concerns him, encoded
 * again when another user comes.
 *
 * What follows at once from an event, and a user's many sends of one instant, are so decided without
 * decoding and encoding his state each time.
 */
#ifndef DECLIC_MEMORY_SIM_HAND_H
#define DECLIC_MEMORY_SIM_HAND_H

#include "base/buf.h"
#include "core/user_state.h"
#include "memory/sim_users.h"

struct sim_hand {
    struct arena arena;    /* of the state, and of what is worked out from it until the next user */
    struct sim_user *user; /* NULL: nobody */
    struct user_state state;
    bool changed;
    size_t decoded_bytes; /* of the arena, as the state was taken */
    /* The days that the state waited for when sim_hand_new_wakes was last asked. */
    const struct date_wake *known_wakes;
    size_t known_wake_count;
    struct buf encoded;
};

void sim_hand_init(struct sim_hand *hand);
void sim_hand_free(struct sim_hand *hand);

/* The user's state, to be looked at. It stays where it is until the next call, but what was worked out in
 * the arena before may go. */
struct user_state *sim_hand_take(struct sim_hand *hand, struct sim_user *user);

/* The state was changed; it may from now on point to what it was given, until sim_hand_put_back. */
void sim_hand_changed(struct sim_hand *hand);

/* Encodes what changed; nobody is in hand any more. */
void sim_hand_put_back(struct sim_hand *hand);

/* The next of the days that the state waits for since it changed, or NULL; *at is 0 at first. When it is
 * through, all are known. */
const struct date_wake *sim_hand_next_wake(struct sim_hand *hand, size_t *at);

#endif
