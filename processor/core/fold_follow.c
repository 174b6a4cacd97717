#include "core/fold_parts.h"

static size_t follow_index(const struct user_state *state, struct span rule, struct span thing)
{
    for (size_t i = 0; i < state->follows.count; i++) {
        const struct follow_state *follow = &state->follows.items[i];
        if (span_equal(follow->thing, thing) && span_equal(follow->name, rule))
            return i;
    }
    return SIZE_MAX;
}

const struct follow_state *fold_follow_find(const struct user_state *state, struct span rule,
                                            struct span thing, int64_t at_ms)
{
    size_t index = follow_index(state, rule, thing);
    return index != SIZE_MAX && state->follows.items[index].expires_ms > at_ms
               ? &state->follows.items[index]
               : NULL;
}

/* The thing that the event starts or ends to follow by this side of a rule; false when it does not. */
static bool side_matches(const struct scope *scope, const struct follow_side *side, struct span event_name,
                         struct span *thing)
{
    return span_equal(side->event, event_name) && scope_allows(scope, &side->where) &&
           scope_text(scope, &side->thing, thing);
}

static void follow_off(struct fold_pass *pass, const struct follow_rule *rule, struct span thing)
{
    size_t index = follow_index(pass->state, rule->name, thing);
    if (index != SIZE_MAX)
        USER_LIST_REMOVE(&pass->state->follows, index);
}

/* Following again renews everything, so the list stays in the order of arrival. */
static void follow_on(struct fold_pass *pass, const struct follow_rule *rule, struct span thing)
{
    static const struct name_set none = {0};
    struct user_state *state = pass->state;
    int64_t expires_ms;
    follow_off(pass, rule, thing);
    if (rule->expires_ms == 0 ||
        __builtin_add_overflow(pass->event->time_ms, rule->expires_ms, &expires_ms))
        expires_ms = INT64_MAX;
    if (expires_ms <= pass->at_ms)
        return;
    if (state->follows.count >= pass->fold->limits->remembered) {
        USER_LIST_REMOVE(&state->follows, 0);
        fold_forgot(pass->fold, 1);
    }
    *USER_LIST_PUSH(pass->fold->arena, &state->follows) = (struct follow_state){
        .name = rule->name,
        .thing = thing,
        .time_ms = pass->event->time_ms,
        .expires_ms = expires_ms,
        .attributes = fold_keep_members(pass->fold->arena, pass->event->attributes,
                                        &pass->fold->campaigns->kept_follow, &none),
    };
}

void fold_follow_event(struct fold_pass *pass, const struct event_interest *interest)
{
    if (interest->follow_count == 0)
        return;
    struct scope scope;
    scope_init(&scope, pass->fold, pass->state, pass->event->time_ms);
    scope_bind_event(&scope, pass->event->attributes, pass->event->id, pass->event->name,
                     pass->event->time_ms);
    for (size_t i = 0; i < interest->follow_count; i++) {
        const struct follow_rule *rule = interest->follows[i].rule;
        struct span thing;
        if (side_matches(&scope, &rule->off, pass->event->name, &thing))
            follow_off(pass, rule, thing);
        if (side_matches(&scope, &rule->on, pass->event->name, &thing))
            follow_on(pass, rule, thing);
    }
}
