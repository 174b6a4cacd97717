#include "core/campaign_set.h"

#include <stdlib.h>

#include "base/hash.h"
#include "core/cel/cel.h"

/* A change of the user's zone may move a calendar period by a day at each end. */
#define PERIOD_KEEP_MS(days) ((int64_t)((days) + 2) * 86400000)
#define HASH_SEED 0x6465636c6963ull

/* Growing form of struct event_interest. */
struct draft {
    struct span name;
    const struct campaign_slot **slots;
    size_t slot_count, slot_capacity;
    const struct counter_spec **counters;
    size_t counter_count, counter_capacity;
    struct follow_interest *follows;
    size_t follow_count, follow_capacity;
    bool thing;
};

struct builder {
    struct arena *arena;
    struct draft *drafts;
    size_t draft_count, draft_capacity;
    struct counter_spec *counters;
    size_t counter_count, counter_capacity;
    int64_t entry_keep_ms;
    struct name_set kept_follow;
};

static struct draft *draft_of(struct builder *builder, struct span name)
{
    for (size_t i = 0; i < builder->draft_count; i++) {
        if (span_equal(builder->drafts[i].name, name))
            return &builder->drafts[i];
    }
    struct draft *draft =
        ARENA_PUSH(builder->arena, &builder->drafts, &builder->draft_count, &builder->draft_capacity);
    draft->name = name;
    return draft;
}

/* Slots come in order of id, so one that is there already is the last. */
static void add_slot(struct builder *builder, struct span name, const struct campaign_slot *slot)
{
    struct draft *draft = draft_of(builder, name);
    if (draft->slot_count != 0 && draft->slots[draft->slot_count - 1] == slot)
        return;
    *ARENA_PUSH(builder->arena, &draft->slots, &draft->slot_count, &draft->slot_capacity) = slot;
}

static struct counter_spec *add_counter(struct builder *builder, struct span name,
                                        struct span predicate_text)
{
    for (size_t i = 0; i < builder->counter_count; i++) {
        struct counter_spec *spec = &builder->counters[i];
        if (span_equal(spec->name, name) && span_equal(spec->predicate_text, predicate_text))
            return spec;
    }
    struct counter_spec *spec =
        ARENA_PUSH(builder->arena, &builder->counters, &builder->counter_count, &builder->counter_capacity);
    spec->name = name;
    spec->predicate_text = predicate_text;
    return spec;
}

static void add_program_counters(struct builder *builder, struct cel_program *const *programs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t counter_count, last_count;
        const struct cel_counter *counters = cel_counters(programs[i], &counter_count);
        for (size_t j = 0; j < counter_count; j++) {
            struct counter_spec *spec = add_counter(builder, counters[j].name, counters[j].predicate_text);
            spec->predicate = counters[j].predicate;
            if (spec->window_ms < counters[j].window_ms)
                spec->window_ms = counters[j].window_ms;
        }
        const struct span *names = cel_last_names(programs[i], &last_count);
        for (size_t j = 0; j < last_count; j++)
            add_counter(builder, names[j], span_make(NULL, 0))->wants_last = true;
    }
}

static void add_triggers(struct builder *builder, struct campaign_slot *slot)
{
    const struct campaign *campaign = slot->current;
    for (size_t i = 0; i < campaign->trigger_count; i++) {
        const struct trigger *trigger = &campaign->triggers[i];
        switch (trigger->kind) {
        case TRIGGER_YEARLY:
        case TRIGGER_DATE:
            slot->has_dates = true;
            break;
        case TRIGGER_THING:
            draft_of(builder, trigger->event)->thing = true;
            add_slot(builder, trigger->event, slot);
            break;
        case TRIGGER_EVENT:
            add_slot(builder, trigger->event, slot);
            break;
        }
    }
}

static void add_entry_rule(struct builder *builder, const struct entry_rule *rule)
{
    if (builder->entry_keep_ms < rule->cooldown_ms)
        builder->entry_keep_ms = rule->cooldown_ms;
    if (rule->at_most_count != 0 && builder->entry_keep_ms < rule->at_most_within_ms)
        builder->entry_keep_ms = rule->at_most_within_ms;
}

static void add_campaign(struct builder *builder, struct campaign_slot *slot)
{
    if (slot->life.status != CAMPAIGN_ARCHIVED)
        add_triggers(builder, slot);
    for (size_t v = 0; v < slot->life.version_count; v++) {
        const struct campaign *version = slot->life.versions[v];
        for (size_t i = 0; i < version->cancel_count; i++)
            add_slot(builder, version->cancels[i].event, slot);
        add_program_counters(builder, version->programs, version->program_count);
        add_entry_rule(builder, &version->entry);
        if (version->kept_follow.count != 0 || version->kept_follow.all)
            builder->kept_follow =
                name_set_union(&builder->kept_follow, &version->kept_follow, builder->arena);
    }
}

static void add_follow_side(struct builder *builder, const struct follow_rule *rule,
                            const struct follow_side *side, bool on)
{
    if (side->event.size == 0)
        return;
    struct draft *draft = draft_of(builder, side->event);
    struct follow_interest *last =
        draft->follow_count == 0 ? NULL : &draft->follows[draft->follow_count - 1];
    if (last == NULL || last->rule != rule) {
        last = ARENA_PUSH(builder->arena, &draft->follows, &draft->follow_count, &draft->follow_capacity);
        last->rule = rule;
    }
    if (on)
        last->on = true;
    else
        last->off = true;
}

static int64_t sent_keep(const struct policy *policy)
{
    int64_t keep_ms = 0;
    for (size_t i = 0; i < policy->cap_count; i++) {
        const struct cap_rule *cap = &policy->caps[i];
        int64_t wanted_ms = cap->within_ms != 0     ? cap->within_ms
                            : cap->per == CAP_MONTH ? PERIOD_KEEP_MS(31)
                            : cap->per == CAP_WEEK  ? PERIOD_KEEP_MS(7)
                                                    : PERIOD_KEEP_MS(1);
        if (keep_ms < wanted_ms)
            keep_ms = wanted_ms;
    }
    return keep_ms;
}

/* One entry for each trigger of the current version and each cancel of any version on that event name. */
static const struct match_index *index_of(struct arena *arena, const struct draft *draft)
{
    struct match_entry *entries = NULL;
    size_t count = 0, capacity = 0;
    for (uint32_t i = 0; i < draft->slot_count; i++) {
        const struct campaign_slot *slot = draft->slots[i];
        for (size_t j = 0; j < slot->current->trigger_count; j++) {
            const struct trigger *trigger = &slot->current->triggers[j];
            if ((trigger->kind == TRIGGER_EVENT || trigger->kind == TRIGGER_THING) &&
                span_equal(trigger->event, draft->name))
                *ARENA_PUSH(arena, &entries, &count, &capacity) =
                    (struct match_entry){draft->name, trigger->where.program, i};
        }
        for (size_t v = 0; v < slot->life.version_count; v++) {
            const struct campaign *version = slot->life.versions[v];
            for (size_t j = 0; j < version->cancel_count; j++)
                if (span_equal(version->cancels[j].event, draft->name))
                    *ARENA_PUSH(arena, &entries, &count, &capacity) =
                        (struct match_entry){draft->name, version->cancels[j].where.program, i};
        }
    }
    return match_index_build(entries, count, VARIABLE_EVENT, arena);
}

/* The finished table of drafts; power of two, at most half full. */
static const struct event_interest *build_interests(struct builder *builder, size_t *mask)
{
    size_t size = 4;
    while (size < builder->draft_count * 2)
        size *= 2;
    struct event_interest *table = ARENA_ARRAY(builder->arena, struct event_interest, size);
    for (size_t i = 0; i < builder->draft_count; i++) {
        const struct draft *draft = &builder->drafts[i];
        size_t at = hash_bytes(draft->name, HASH_SEED) & (size - 1);
        while (table[at].name.size != 0)
            at = (at + 1) & (size - 1);
        table[at] = (struct event_interest){
            .name = draft->name,
            .slots = draft->slots,
            .slot_count = draft->slot_count,
            .index = index_of(builder->arena, draft),
            .counters = draft->counters,
            .counter_count = draft->counter_count,
            .follows = draft->follows,
            .follow_count = draft->follow_count,
            .thing = draft->thing,
        };
    }
    *mask = size - 1;
    return table;
}

static size_t place_hash(const struct campaign_set *set, struct span id)
{
    return (size_t)(hash_name(id) >> (64 - set->place_bits));
}

/* The table of ids; at most half full. */
static void build_places(struct arena *arena, struct campaign_set *set)
{
    set->place_bits = 2;
    while ((size_t)1 << set->place_bits < set->slot_count * 2)
        set->place_bits++;
    size_t size = (size_t)1 << set->place_bits;
    struct campaign_place *places = ARENA_ARRAY(arena, struct campaign_place, size);
    for (size_t i = 0; i < set->slot_count; i++) {
        const struct campaign_slot *slot = &set->slots[i];
        size_t at = place_hash(set, slot->current->id);
        while (places[at].slot != NULL)
            at = (at + 1) & (size - 1);
        places[at] = (struct campaign_place){slot->current->id, slot};
    }
    set->places = places;
}

static int order_by_id(const void *a, const void *b)
{
    return span_compare(((const struct campaign_slot *)a)->current->id,
                        ((const struct campaign_slot *)b)->current->id);
}

const struct campaign_set *campaign_set_build(struct arena *arena, const struct campaign_life *lives,
                                              size_t count, const struct policy *policy)
{
    struct campaign_slot *slots = ARENA_ARRAY(arena, struct campaign_slot, count);
    for (size_t i = 0; i < count; i++)
        slots[i] = (struct campaign_slot){.current = lives[i].versions[lives[i].version_count - 1],
                                          .life = lives[i]};
    if (count != 0)
        qsort(slots, count, sizeof *slots, order_by_id);

    struct builder builder = {.arena = arena};
    for (size_t i = 0; i < count; i++)
        add_campaign(&builder, &slots[i]);
    add_program_counters(&builder, policy->programs, policy->program_count);
    for (size_t i = 0; i < policy->follow_count; i++) {
        add_follow_side(&builder, &policy->follows[i], &policy->follows[i].off, false);
        add_follow_side(&builder, &policy->follows[i], &policy->follows[i].on, true);
    }
    /* Only now, as adding a counter may move the array of them. */
    for (size_t i = 0; i < builder.counter_count; i++) {
        struct draft *draft = draft_of(&builder, builder.counters[i].name);
        *ARENA_PUSH(arena, &draft->counters, &draft->counter_count, &draft->counter_capacity) =
            &builder.counters[i];
    }

    struct campaign_set *set = ARENA_NEW(arena, struct campaign_set);
    set->slots = slots;
    set->slot_count = count;
    build_places(arena, set);
    set->policy = policy;
    set->counters = builder.counters;
    set->counter_count = builder.counter_count;
    set->interests = build_interests(&builder, &set->interest_mask);
    set->kept_follow = builder.kept_follow;
    set->entry_keep_ms = builder.entry_keep_ms;
    set->sent_keep_ms = sent_keep(policy);
    return set;
}

const struct event_interest *campaign_set_interest(const struct campaign_set *set, struct span event_name)
{
    size_t at = hash_bytes(event_name, HASH_SEED) & set->interest_mask;
    for (; set->interests[at].name.size != 0; at = (at + 1) & set->interest_mask) {
        if (span_equal(set->interests[at].name, event_name))
            return &set->interests[at];
    }
    return NULL;
}

const struct campaign_slot *campaign_set_find(const struct campaign_set *set, struct span id)
{
    size_t mask = ((size_t)1 << set->place_bits) - 1;
    for (size_t at = place_hash(set, id); set->places[at].slot != NULL; at = (at + 1) & mask) {
        if (span_equal(set->places[at].id, id))
            return set->places[at].slot;
    }
    return NULL;
}

const struct campaign *campaign_slot_version(const struct campaign_slot *slot, uint32_t version)
{
    for (size_t i = slot->life.version_count; i-- > 0;) {
        if (slot->life.versions[i]->version == version)
            return slot->life.versions[i];
    }
    return NULL;
}

const struct campaign *campaign_set_version(const struct campaign_set *set, struct span id,
                                            uint32_t version)
{
    const struct campaign_slot *slot = campaign_set_find(set, id);
    return slot == NULL ? NULL : campaign_slot_version(slot, version);
}

const struct counter_spec *campaign_set_counter(const struct campaign_set *set, struct span name,
                                                struct span predicate_text)
{
    for (size_t i = 0; i < set->counter_count; i++) {
        const struct counter_spec *spec = &set->counters[i];
        if (span_equal(spec->name, name) && span_equal(spec->predicate_text, predicate_text))
            return spec;
    }
    return NULL;
}

bool campaign_slot_holds(const struct campaign_slot *slot, uint32_t version)
{
    bool paused = slot->life.status == CAMPAIGN_PAUSED &&
                  (slot->life.treatment == PAUSE_HOLD || slot->life.treatment == PAUSE_SHIFT);
    return paused || version < slot->life.hold_below;
}
