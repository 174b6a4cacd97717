#include "memory/sim_followers.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"
#include "core/campaign_set.h"

static struct sim_thing **place_of(struct sim_thing **slots, size_t size, struct span rule,
                                   struct span thing)
{
    size_t at = hash_bytes(thing, hash_bytes(rule, 0)) & (size - 1);
    while (slots[at] != NULL && !(span_equal(slots[at]->thing, thing) && span_equal(slots[at]->rule, rule)))
        at = (at + 1) & (size - 1);
    return &slots[at];
}

static void out_of_memory(void)
{
    fputs("declic: out of memory (the followers of things)\n", stderr);
    memory_exhausted();
}

static void grow(struct sim_followers *followers)
{
    size_t size = followers->size == 0 ? 256 : followers->size * 2;
    struct sim_thing **slots = calloc(size, sizeof(struct sim_thing *));
    if (slots == NULL)
        out_of_memory();
    for (size_t i = 0; i < followers->size; i++) {
        struct sim_thing *thing = followers->slots[i];
        if (thing != NULL)
            *place_of(slots, size, thing->rule, thing->thing) = thing;
    }
    free(followers->slots);
    followers->slots = slots;
    followers->size = size;
}

static int order_by_id(const void *a, const void *b)
{
    return span_compare((*(struct sim_user *const *)a)->id, (*(struct sim_user *const *)b)->id);
}

/* Puts them in order of id, each once; returns how many are left. */
static size_t sort_users(struct sim_user **users, size_t count)
{
    size_t kept = 0;
    if (count > 1)
        qsort(users, count, sizeof *users, order_by_id);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || users[i] != users[i - 1])
            users[kept++] = users[i];
    }
    return kept;
}

static void sort_thing(struct sim_thing *thing)
{
    if (thing->sorted < thing->count)
        thing->count = thing->sorted = sort_users(thing->users, thing->count);
}

static bool is_sorted_in(const struct sim_thing *thing, const struct sim_user *user)
{
    return thing->sorted != 0 &&
           bsearch(&user, thing->users, thing->sorted, sizeof *thing->users, order_by_id) != NULL;
}

/* Those who came are sorted in when they are as many as those before: one after the other would move all of
 * the others each time. */
static void make_room(struct sim_thing *thing)
{
    sort_thing(thing);
    if (thing->count < thing->capacity / 2)
        return;
    thing->capacity = thing->capacity == 0 ? 4 : thing->capacity * 2;
    struct sim_user **users = realloc(thing->users, thing->capacity * sizeof(struct sim_user *));
    if (users == NULL)
        out_of_memory();
    thing->users = users;
}

static void add_user(struct sim_thing *thing, struct sim_user *user)
{
    if (is_sorted_in(thing, user))
        return;
    if (thing->count == thing->capacity)
        make_room(thing);
    thing->users[thing->count++] = user;
}

void sim_followers_add(struct sim_followers *followers, struct arena *arena, struct span rule,
                       struct span thing, struct sim_user *user)
{
    if (followers->count * 2 >= followers->size)
        grow(followers);
    struct sim_thing **place = place_of(followers->slots, followers->size, rule, thing);
    if (*place == NULL) {
        *place = ARENA_NEW(arena, struct sim_thing);
        (*place)->rule = arena_copy(arena, rule);
        (*place)->thing = arena_copy(arena, thing);
        followers->count += 1;
    }
    add_user(*place, user);
}

struct sim_user **sim_followers_of(const struct sim_followers *followers, const struct fold *fold,
                                   const struct campaign_slot *slot, const struct event *event,
                                   struct arena *arena, size_t *count)
{
    struct sim_user **users = NULL;
    size_t found = 0, capacity = 0;
    for (size_t i = 0; followers->size != 0 && i < slot->current->trigger_count; i++) {
        const struct trigger *trigger = &slot->current->triggers[i];
        struct span name;
        if (!fold_thing_name(fold, trigger, event, &name))
            continue;
        struct sim_thing *thing = *place_of(followers->slots, followers->size, trigger->followers, name);
        if (thing == NULL)
            continue;
        sort_thing(thing);
        for (size_t j = 0; j < thing->count; j++)
            *ARENA_PUSH(arena, &users, &found, &capacity) = thing->users[j];
    }
    *count = found == 0 ? 0 : sort_users(users, found);
    return users;
}

void sim_followers_free(struct sim_followers *followers)
{
    for (size_t i = 0; i < followers->size; i++) {
        if (followers->slots[i] != NULL)
            free(followers->slots[i]->users);
    }
    free(followers->slots);
    *followers = (struct sim_followers){0};
}
