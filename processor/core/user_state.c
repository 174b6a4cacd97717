#include "core/user_state.h"

void user_state_init(struct user_state *state, struct span user)
{
    *state = (struct user_state){.user = user, .folded_offset = -1, .profile = value_map(NULL, 0)};
}

bool user_state_is_empty(const struct user_state *state)
{
    return !state->has_profile && state->journeys.count == 0 && state->cancels.count == 0 &&
           state->counters.count == 0 && state->times.count == 0 && state->entries.count == 0 &&
           state->sent.count == 0 && state->seen.count == 0 && state->follows.count == 0 &&
           state->dates.count == 0 && state->wakes.count == 0 && state->history.count == 0;
}

/* A sweep ends when every user is covered by it, so two that follow one another are all that occur. */
bool user_state_is_swept(const struct user_state *state, uint64_t sweep)
{
    return state->sweep == (sweep & 0x7F);
}

void user_state_set_swept(struct user_state *state, uint64_t sweep)
{
    state->sweep = (uint8_t)(sweep & 0x7F);
}

void user_list_remove(void *items, size_t *count, size_t index, size_t item_bytes)
{
    assert(index < *count);
    char *at = (char *)items + index * item_bytes;
    *count -= 1;
    memmove(at, at + item_bytes, (*count - index) * item_bytes);
}

bool journey_is_open(const struct journey *journey)
{
    for (uint32_t i = 0; i < journey->step_count; i++) {
        if (journey->steps[i].status == STEP_PENDING)
            return true;
    }
    return false;
}
