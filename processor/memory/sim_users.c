#include "memory/sim_users.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

#define LINE_BYTES 64
#define ASKED_BYTES 512

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "declic: out of memory (%zu users or ids)\n", count);
        memory_exhausted();
    }
    return memory;
}

static struct sim_user_slot *place_of(struct sim_user_slot *slots, size_t size, uint64_t hash,
                                      struct span id)
{
    size_t at = hash & (size - 1);
    while (slots[at].user != NULL && (slots[at].hash != hash || !span_equal(slots[at].user->id, id)))
        at = (at + 1) & (size - 1);
    return &slots[at];
}

static void grow(struct sim_users *users)
{
    size_t size = users->size == 0 ? 1024 : users->size * 2;
    struct sim_user_slot *slots = allocate(size, sizeof *slots);
    for (size_t i = 0; i < users->size; i++) {
        const struct sim_user_slot *old = &users->slots[i];
        if (old->user != NULL)
            *place_of(slots, size, old->hash, old->user->id) = *old;
    }
    free(users->slots);
    users->slots = slots;
    users->size = size;
}

struct sim_user *sim_users_get(struct sim_users *users, struct arena *arena, struct span id)
{
    if (users->count * 2 >= users->size)
        grow(users);
    uint64_t hash = hash_bytes(id, 0);
    struct sim_user_slot *place = place_of(users->slots, users->size, hash, id);
    if (place->user == NULL) {
        struct sim_user *user = ARENA_NEW(arena, struct sim_user);
        user->id = arena_copy(arena, id);
        *place = (struct sim_user_slot){hash, user};
        users->count += 1;
    }
    return place->user;
}

uint64_t sim_users_ask(const struct sim_users *users, struct span id)
{
    uint64_t hash = hash_bytes(id, 0);
    if (users->size != 0)
        __builtin_prefetch(&users->slots[hash & (users->size - 1)]);
    return hash;
}

const struct sim_user *sim_users_asked(const struct sim_users *users, uint64_t answer)
{
    if (users->size == 0)
        return NULL;
    const struct sim_user_slot *slot = &users->slots[answer & (users->size - 1)];
    if (slot->user != NULL)
        __builtin_prefetch(slot->user);
    return slot->user;
}

void sim_user_ask_state(const struct sim_user *user)
{
    for (size_t at = 0; at < user->state.size && at < ASKED_BYTES; at += LINE_BYTES)
        __builtin_prefetch(user->state.data + at);
}

void sim_user_set_state(struct sim_user *user, struct span state)
{
    char *bytes = (char *)user->state.data;
    if (state.size > user->capacity) {
        free(bytes);
        user->capacity = state.size + state.size / 8;
        bytes = allocate(user->capacity, 1);
    }
    if (state.size != 0)
        memcpy(bytes, state.data, state.size);
    user->state = span_make(bytes, state.size);
}

void sim_users_free(struct sim_users *users)
{
    for (size_t i = 0; i < users->size; i++) {
        if (users->slots[i].user != NULL)
            free((char *)users->slots[i].user->state.data);
    }
    free(users->slots);
    *users = (struct sim_users){0};
}

/* --- ids
 * --------------------------------------------------------------------------------------------------- */

static struct sim_seen_id *seen_place(struct sim_seen_id *slots, size_t size, uint64_t hash)
{
    size_t at = hash & (size - 1);
    while (slots[at].hash != 0 && slots[at].hash != hash)
        at = (at + 1) & (size - 1);
    return &slots[at];
}

/* Makes room, leaving out what is too old. */
static void seen_grow(struct sim_seen *seen, int64_t at_ms, int64_t within_ms)
{
    size_t size = seen->size == 0 ? 256 : seen->size * 2;
    struct sim_seen_id *slots = allocate(size, sizeof *slots);
    seen->count = 0;
    for (size_t i = 0; i < seen->size; i++) {
        struct sim_seen_id id = seen->slots[i];
        if (id.hash == 0 || at_ms - id.arrived_ms >= within_ms)
            continue;
        *seen_place(slots, size, id.hash) = id;
        seen->count += 1;
    }
    free(seen->slots);
    seen->slots = slots;
    seen->size = size;
}

bool sim_seen_take(struct sim_seen *seen, struct span id, int64_t at_ms, int64_t within_ms)
{
    uint64_t hash = hash_bytes(id, 0) | 1;
    if (seen->count * 2 >= seen->size)
        seen_grow(seen, at_ms, within_ms);
    struct sim_seen_id *place = seen_place(seen->slots, seen->size, hash);
    if (place->hash != 0 && at_ms - place->arrived_ms < within_ms)
        return true;
    seen->count += place->hash == 0;
    *place = (struct sim_seen_id){hash, at_ms};
    return false;
}

void sim_seen_free(struct sim_seen *seen)
{
    free(seen->slots);
    *seen = (struct sim_seen){0};
}
