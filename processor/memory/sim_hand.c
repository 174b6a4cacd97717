#include "memory/sim_hand.h"

#include <assert.h>

#include "codec/user_state_bin.h"

/* What is worked out for one user in a row may take so much before it is given back. */
#define ROOM_BYTES ((size_t)1024 * 1024)

void sim_hand_init(struct sim_hand *hand)
{
    *hand = (struct sim_hand){0};
    arena_init(&hand->arena, 256 * 1024);
}

void sim_hand_free(struct sim_hand *hand)
{
    arena_destroy(&hand->arena);
    buf_free(&hand->encoded);
}

static void know_wakes(struct sim_hand *hand)
{
    const struct user_state *state = &hand->state;
    struct date_wake *wakes = ARENA_ARRAY(&hand->arena, struct date_wake, state->wakes.count);
    for (size_t i = 0; i < state->wakes.count; i++)
        wakes[i] = state->wakes.items[i];
    hand->known_wakes = wakes;
    hand->known_wake_count = state->wakes.count;
}

struct user_state *sim_hand_take(struct sim_hand *hand, struct sim_user *user)
{
    if (hand->user == user && hand->arena.used_bytes < 2 * hand->decoded_bytes + ROOM_BYTES)
        return &hand->state;
    sim_hand_put_back(hand);
    enum err error = user_state_decode(user->state, user->id, &hand->arena, &hand->state);
    assert(error == ERR_OK);
    (void)error;
    hand->user = user;
    hand->decoded_bytes = hand->arena.used_bytes;
    know_wakes(hand);
    return &hand->state;
}

void sim_hand_changed(struct sim_hand *hand)
{
    hand->changed = true;
}

void sim_hand_put_back(struct sim_hand *hand)
{
    if (hand->changed) {
        buf_clear(&hand->encoded);
        user_state_encode(&hand->state, &hand->encoded);
        /* The state pointed into the former bytes: it is over with this. */
        sim_user_set_state(hand->user, buf_span(&hand->encoded));
    }
    hand->user = NULL;
    hand->changed = false;
    arena_reset(&hand->arena);
}

static bool is_known(const struct sim_hand *hand, const struct date_wake *wake)
{
    for (size_t i = 0; i < hand->known_wake_count; i++) {
        const struct date_wake *known = &hand->known_wakes[i];
        if (known->at_ms == wake->at_ms && known->alternative == wake->alternative &&
            span_equal(known->campaign, wake->campaign))
            return true;
    }
    return false;
}

const struct date_wake *sim_hand_next_wake(struct sim_hand *hand, size_t *at)
{
    const struct user_state *state = &hand->state;
    while (*at < state->wakes.count) {
        const struct date_wake *wake = &state->wakes.items[(*at)++];
        if (!is_known(hand, wake))
            return wake;
    }
    if (state->wakes.count != 0 || hand->known_wake_count != 0)
        know_wakes(hand);
    return NULL;
}
