#include "core/fold.h"

#include "core/fold_parts.h"

const struct fold_limits fold_limits_default = {
    .journeys = 1000,
    .remembered = 1000,
    .history = 20,
    .dedupe_ms = 3600000,
    .lateness_ms = 3600000,
    .max_age_ms = 7 * (int64_t)86400000,
};

/* The first alternative that the event enters by; alternatives with `times` are counted all, or, for a
 * duplicate, passed over. NULL when it enters by none. */
static const struct trigger *choose_alternative(struct fold_pass *pass, const struct campaign *campaign,
                                                const struct scope *scope, bool duplicate)
{
    const struct trigger *chosen = NULL;
    for (uint32_t i = 0; i < campaign->trigger_count; i++) {
        const struct trigger *trigger = &campaign->triggers[i];
        bool counted = trigger->times_at_least != 0;
        if (trigger->kind != TRIGGER_EVENT || !span_equal(trigger->event, pass->event->name) ||
            (counted ? duplicate : chosen != NULL) || !scope_allows(scope, &trigger->where))
            continue;
        if (counted) {
            struct span same;
            scope_text(scope, &trigger->times_same, &same);
            if (!fold_times_reached(pass, campaign, i, same, pass->event->time_ms))
                continue;
        }
        if (chosen == NULL)
            chosen = trigger;
    }
    return chosen;
}

/* What the journey keeps of its trigger. */
static struct trigger_facts event_facts(const struct fold_pass *pass, const struct campaign *campaign,
                                        const struct trigger *trigger)
{
    const struct event *event = pass->event;
    return (struct trigger_facts){
        .kind = trigger->kind,
        .alternative = (uint32_t)(trigger - campaign->triggers),
        .id = event->id,
        .name = event->name,
        .time_ms = event->time_ms,
        .calendar_ms = pass->at_ms,
        .attributes = fold_keep_members(pass->fold->arena, event->attributes, &campaign->kept_trigger,
                                        &pass->fold->policy->kept_trigger),
        .follow = value_map(NULL, 0),
        .traceparent = event->traceparent,
        .tracestate = event->tracestate,
    };
}

static void event_scope(struct scope *scope, const struct fold_pass *pass)
{
    const struct event *event = pass->event;
    scope_init(scope, pass->fold, pass->state, event->time_ms);
    scope_bind_event(scope, event->attributes, event->id, event->name, event->time_ms);
}

/* `scope` is the event's; the campaign before may have bound `trigger` in it. */
static void trigger_campaign(struct fold_pass *pass, struct scope *scope, const struct campaign_slot *slot,
                             bool duplicate)
{
    const struct campaign *campaign = slot->current;
    if (slot->life.status == CAMPAIGN_ARCHIVED)
        return;
    scope_unbind(scope, VARIABLE_TRIGGER);
    const struct trigger *trigger = choose_alternative(pass, campaign, scope, duplicate);
    if (trigger == NULL)
        return;
    struct entering entering = {
        .slot = slot,
        .scope = scope,
        .trigger = event_facts(pass, campaign, trigger),
        .duplicate = duplicate,
    };
    scope_bind(scope, VARIABLE_TRIGGER, pass->event->attributes);
    scope_text(scope, &campaign->entry.key, &entering.key);
    fold_enter(pass, &entering);
}

void fold_event(struct fold *fold, struct user_state *state, const struct event *event, int64_t append_ms)
{
    struct fold_pass pass = {
        .fold = fold, .state = state, .at_ms = event->arrived_ms, .append_ms = append_ms, .event = event};
    fold_forget_old(fold, state, pass.at_ms);
    const struct event_interest *interest = campaign_set_interest(fold->campaigns, event->name);
    bool duplicate = fold_id_is_seen(&pass, event->id);
    if (!duplicate)
        fold_id_remember(&pass, event->id);
    if (interest == NULL)
        return;
    if (!duplicate) {
        fold_count_event(&pass, interest);
        fold_follow_event(&pass, interest);
    }
    const struct match *matches;
    size_t count = match_index_find(interest->index, event->name, event->attributes, fold->arena, &matches);
    struct scope scope;
    event_scope(&scope, &pass);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && matches[i].id == matches[i - 1].id)
            continue; /* another trigger or cancel of the same campaign */
        if (!duplicate)
            fold_cancel(&pass, interest->slots[matches[i].id]);
        trigger_campaign(&pass, &scope, interest->slots[matches[i].id], duplicate);
    }
}

bool fold_thing_repeats(struct fold *fold, struct user_state *state, const struct event *event)
{
    struct fold_pass pass = {.fold = fold, .state = state, .at_ms = event->arrived_ms, .event = event};
    fold_forget_old(fold, state, pass.at_ms);
    if (fold_id_is_seen(&pass, event->id))
        return true;
    fold_id_remember(&pass, event->id);
    return false;
}

bool fold_thing_name(const struct fold *fold, const struct trigger *trigger, const struct event *event,
                     struct span *thing)
{
    struct user_state nobody;
    struct scope scope;
    if (trigger->kind != TRIGGER_THING || !span_equal(trigger->event, event->name))
        return false;
    user_state_init(&nobody, span_make(NULL, 0));
    scope_init(&scope, fold, &nobody, event->time_ms);
    scope_bind_event(&scope, event->attributes, event->id, event->name, event->time_ms);
    return scope_text(&scope, &trigger->thing, thing);
}

/* The alternative by which the event about a thing enters, and how the user follows it. */
static const struct trigger *choose_thing(struct fold_pass *pass, const struct campaign *campaign,
                                          struct scope *scope, const struct follow_state **follow)
{
    for (uint32_t i = 0; i < campaign->trigger_count; i++) {
        const struct trigger *trigger = &campaign->triggers[i];
        struct span thing;
        if (!fold_thing_name(pass->fold, trigger, pass->event, &thing))
            continue;
        *follow = fold_follow_find(pass->state, trigger->followers, thing, pass->at_ms);
        if (*follow == NULL)
            continue;
        scope_bind(scope, VARIABLE_FOLLOW, (*follow)->attributes);
        if (scope_allows(scope, &trigger->where))
            return trigger;
    }
    return NULL;
}

void fold_thing(struct fold *fold, struct user_state *state, const struct campaign_slot *slot,
                const struct event *event, bool duplicate, int64_t append_ms)
{
    struct fold_pass pass = {
        .fold = fold, .state = state, .at_ms = event->arrived_ms, .append_ms = append_ms, .event = event};
    const struct campaign *campaign = slot->current;
    if (slot->life.status == CAMPAIGN_ARCHIVED)
        return;
    fold_forget_old(fold, state, pass.at_ms);
    struct scope scope;
    event_scope(&scope, &pass);
    const struct follow_state *follow;
    const struct trigger *trigger = choose_thing(&pass, campaign, &scope, &follow);
    if (trigger == NULL)
        return;
    static const struct name_set none = {0};
    struct entering entering = {
        .slot = slot,
        .scope = &scope,
        .key = follow->thing,
        .trigger = event_facts(&pass, campaign, trigger),
        .duplicate = duplicate,
    };
    entering.trigger.has_follow = true;
    entering.trigger.follow =
        fold_keep_members(fold->arena, follow->attributes, &campaign->kept_follow, &none);
    scope_bind(&scope, VARIABLE_TRIGGER, event->attributes);
    if (campaign->entry.key.program != NULL)
        scope_text(&scope, &campaign->entry.key, &entering.key);
    fold_enter(&pass, &entering);
}
