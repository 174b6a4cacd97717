#include "core/fold_parts.h"

static struct value_member *member_find(struct value_member *members, size_t count, struct value name)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal(value_span(members[i].key), value_span(name)))
            return &members[i];
    }
    return NULL;
}

/* The profile with the update's attributes merged in by name; a null removes one. */
static struct value merge(struct arena *arena, struct value profile, struct value update,
                          const struct name_set *kept)
{
    struct value_member *members = ARENA_ARRAY(arena, struct value_member, profile.size + update.size);
    size_t count = 0;
    for (uint32_t i = 0; i < profile.size; i++)
        members[count++] = profile.members[i];
    for (uint32_t i = 0; i < update.size; i++) {
        const struct value_member *change = &update.members[i];
        struct value_member *old = member_find(members, count, change->key);
        if (change->value.kind == VALUE_NULL) {
            if (old != NULL) {
                size_t rest = count - (size_t)(old - members) - 1;
                memmove(old, old + 1, rest * sizeof *old);
                count--;
            }
        } else if (old != NULL) {
            old->value = change->value;
        } else if (kept == NULL || kept->all || name_set_has(kept, value_span(change->key))) {
            members[count++] = *change;
        }
    }
    return value_map(members, count);
}

void fold_profile(struct fold *fold, struct user_state *state, const struct profile_update *update,
                  int64_t append_ms)
{
    struct fold_pass pass = {
        .fold = fold, .state = state, .at_ms = update->arrived_ms, .append_ms = append_ms};
    fold_forget_old(fold, state, pass.at_ms);
    if (update->tombstone) {
        state->profile = value_map(NULL, 0);
    } else {
        state->profile = merge(fold->arena, state->profile, update->attributes, fold->profile_attributes);
    }
    state->has_profile = state->profile.size != 0;
    for (size_t i = 0; i < fold->campaigns->slot_count; i++) {
        if (fold->campaigns->slots[i].has_dates)
            fold_dates(&pass, &fold->campaigns->slots[i]);
    }
}
