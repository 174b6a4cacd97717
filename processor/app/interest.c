#include "app/interest.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"
#include "core/cel/cel.h"

enum { WANTED = 1, WANTED_THING = 2 };

struct slot {
    struct span name; /* data NULL: free */
    unsigned flags;
};

/* An open hash table of names, at most half full. */
struct interest {
    struct arena names;
    struct slot *slots;
    size_t mask; /* slots - 1, a power of two less one */
    size_t count;
    bool all;
};

#define FIRST_SLOTS 64

static struct slot *slots_new(size_t count)
{
    struct slot *slots = memory_checked(calloc(count, sizeof(*slots)));
    return slots;
}

struct interest *interest_new(void)
{
    struct interest *interest = memory_checked(calloc(1, sizeof(*interest)));
    arena_init(&interest->names, 4096);
    interest->slots = slots_new(FIRST_SLOTS);
    interest->mask = FIRST_SLOTS - 1;
    return interest;
}

void interest_free(struct interest *interest)
{
    if (interest == NULL)
        return;
    arena_destroy(&interest->names);
    free(interest->slots);
    free(interest);
}

/* The name's slot, or the free one where it belongs. */
static struct slot *slot_of(const struct slot *slots, size_t mask, struct span name)
{
    size_t at = (size_t)hash_bytes(name, 0) & mask;
    while (slots[at].name.data != NULL && !span_equal(slots[at].name, name))
        at = (at + 1) & mask;
    return (struct slot *)&slots[at];
}

static void grow(struct interest *interest)
{
    size_t count = (interest->mask + 1) * 2;
    struct slot *slots = slots_new(count);
    for (size_t i = 0; i <= interest->mask; i++)
        if (interest->slots[i].name.data != NULL)
            *slot_of(slots, count - 1, interest->slots[i].name) = interest->slots[i];
    free(interest->slots);
    interest->slots = slots;
    interest->mask = count - 1;
}

static void add(struct interest *interest, struct span name, unsigned flags)
{
    if (name.size == 0)
        return;
    struct slot *slot = slot_of(interest->slots, interest->mask, name);
    if (slot->name.data == NULL) {
        slot->name = arena_copy(&interest->names, name);
        interest->count++;
    }
    slot->flags |= flags;
    if (interest->count * 2 > interest->mask)
        grow(interest);
}

static void add_programs(struct interest *interest, struct cel_program *const *programs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t counters, lasts;
        const struct cel_counter *counter = cel_counters(programs[i], &counters);
        for (size_t c = 0; c < counters; c++)
            add(interest, counter[c].name, WANTED);
        const struct span *last = cel_last_names(programs[i], &lasts);
        for (size_t l = 0; l < lasts; l++)
            add(interest, last[l], WANTED);
    }
}

void interest_add_campaign(struct interest *interest, const struct campaign *campaign)
{
    for (size_t i = 0; i < campaign->trigger_count; i++) {
        const struct trigger *trigger = &campaign->triggers[i];
        if (trigger->kind == TRIGGER_EVENT)
            add(interest, trigger->event, WANTED);
        else if (trigger->kind == TRIGGER_THING)
            add(interest, trigger->event, WANTED_THING);
    }
    for (size_t i = 0; i < campaign->cancel_count; i++)
        add(interest, campaign->cancels[i].event, WANTED);
    add_programs(interest, campaign->programs, campaign->program_count);
}

void interest_add_policy(struct interest *interest, const struct policy *policy)
{
    for (size_t i = 0; i < policy->follow_count; i++) {
        add(interest, policy->follows[i].on.event, WANTED);
        add(interest, policy->follows[i].off.event, WANTED);
    }
    add_programs(interest, policy->programs, policy->program_count);
}

void interest_add_all(struct interest *interest)
{
    interest->all = true;
}

static bool has(const struct interest *interest, struct span name, unsigned flag)
{
    return (slot_of(interest->slots, interest->mask, name)->flags & flag) != 0;
}

bool interest_wants(const struct interest *interest, struct span name)
{
    return interest->all || has(interest, name, WANTED);
}

bool interest_wants_thing(const struct interest *interest, struct span name)
{
    return has(interest, name, WANTED_THING);
}
