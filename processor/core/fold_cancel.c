#include "core/fold_parts.h"

/* The left sides of a rule's match pairs, on the cancel event. False when one has no value: no match. */
static bool left_sides(struct fold_pass *pass, const struct scope *scope, const struct cancel_rule *rule,
                       struct value *sides)
{
    struct value *items = ARENA_ARRAY(pass->fold->arena, struct value, rule->match_count);
    for (size_t i = 0; i < rule->match_count; i++) {
        if (!scope_value(scope, &rule->matches[i].cancel_side, &items[i]))
            return false;
    }
    *sides = value_list(items, rule->match_count);
    return true;
}

/* Whether the right sides, on the journey, are equal to them. */
static bool sides_match(const struct scope *scope, const struct cancel_rule *rule, struct value sides)
{
    for (size_t i = 0; i < rule->match_count; i++) {
        struct value right;
        if (!scope_value(scope, &rule->matches[i].journey_side, &right) ||
            !scope_equal(sides.items[i], right))
            return false;
    }
    return true;
}

/* The instant of the journey that must not be later than the cancel's time. */
static int64_t compared_ms(const struct trigger_facts *trigger)
{
    return trigger_is_date(trigger->kind) ? trigger->calendar_ms : trigger->time_ms;
}

static bool rule_hits(const struct cancel_rule *rule, const struct trigger_facts *trigger,
                      int64_t cancel_ms, struct value sides, struct scope *scope)
{
    if (compared_ms(trigger) > cancel_ms)
        return false;
    scope_bind_trigger(scope, trigger);
    if (rule->where_names_trigger && !scope_holds(scope, &rule->where))
        return false;
    /* `where` saw the profile as of the cancel's arrival, the journey's side sees it as it is. */
    scope_bind(scope, VARIABLE_PROFILE, scope->state->profile);
    return sides_match(scope, rule, sides);
}

static void cancel_journey(struct fold_pass *pass, const struct campaign *campaign, struct journey *journey)
{
    for (uint32_t i = 0; i < journey->step_count; i++) {
        if (journey->steps[i].status == STEP_PENDING)
            fold_end_step(pass, campaign, journey, i, OUTCOME_CANCELLED, pass->event->id);
    }
}

static void cancel_journeys(struct fold_pass *pass, const struct campaign *campaign,
                            const struct cancel_rule *rule, struct value sides, struct scope *scope)
{
    struct user_state *state = pass->state;
    for (size_t i = 0; i < state->journeys.count;) {
        struct journey *journey = &state->journeys.items[i];
        if (!span_equal(journey->campaign, campaign->id) || journey->version != campaign->version) {
            i++;
            continue;
        }
        int64_t cancel_ms = pass->event->time_ms;
        struct deferred_restart *deferred = journey->deferred;
        if (deferred != NULL && rule_hits(rule, &deferred->trigger, cancel_ms, sides, scope)) {
            fold_record_ignored(pass, campaign, journey->key, deferred->trigger.id, REASON_WAS_CANCELLED);
            journey->deferred = NULL;
        }
        if (rule_hits(rule, &journey->trigger, cancel_ms, sides, scope)) {
            cancel_journey(pass, campaign, journey);
            i += fold_journey_after(pass, i, OUTCOME_CANCELLED) ? 0 : 1;
        } else {
            i++;
        }
    }
}

static void remember(struct fold_pass *pass, const struct campaign *campaign, uint32_t rule,
                     struct value sides)
{
    struct user_state *state = pass->state;
    if (pass->fold->limits->lateness_ms <= 0)
        return;
    if (state->cancels.count >= pass->fold->limits->remembered) {
        USER_LIST_REMOVE(&state->cancels, 0);
        fold_forgot(pass->fold, 1);
    }
    struct remembered_cancel *cancel = USER_LIST_PUSH(pass->fold->arena, &state->cancels);
    *cancel = (struct remembered_cancel){
        .campaign = campaign->id,
        .version = campaign->version,
        .rule = rule,
        .event_id = pass->event->id,
        .event_name = pass->event->name,
        .time_ms = pass->event->time_ms,
        .arrived_ms = pass->at_ms,
        .sides = sides,
        .has_facts = campaign->cancels[rule].where_names_trigger,
        .event = value_map(NULL, 0),
        .profile = value_map(NULL, 0),
    };
    if (cancel->has_facts) {
        cancel->event = pass->event->attributes;
        cancel->profile = state->profile;
    }
}

static bool names_event(const struct campaign *campaign, struct span event)
{
    for (uint32_t i = 0; i < campaign->cancel_count; i++) {
        if (span_equal(campaign->cancels[i].event, event))
            return true;
    }
    return false;
}

static void cancel_version(struct fold_pass *pass, const struct campaign *campaign, bool current)
{
    struct scope scope;
    if (!names_event(campaign, pass->event->name))
        return;
    scope_init(&scope, pass->fold, pass->state, pass->event->time_ms);
    scope_bind_event(&scope, pass->event->attributes, pass->event->id, pass->event->name,
                     pass->event->time_ms);
    for (uint32_t i = 0; i < campaign->cancel_count; i++) {
        const struct cancel_rule *rule = &campaign->cancels[i];
        if (!span_equal(rule->event, pass->event->name))
            continue;
        scope_unbind(&scope, VARIABLE_TRIGGER);
        scope_unbind(&scope, VARIABLE_FOLLOW);
        struct value sides;
        if ((!rule->where_names_trigger && !scope_allows(&scope, &rule->where)) ||
            !left_sides(pass, &scope, rule, &sides))
            continue;
        cancel_journeys(pass, campaign, rule, sides, &scope);
        if (current)
            remember(pass, campaign, i, sides);
    }
}

void fold_cancel(struct fold_pass *pass, const struct campaign_slot *slot)
{
    for (size_t i = 0; i < slot->life.version_count; i++)
        cancel_version(pass, slot->life.versions[i],
                       i + 1 == slot->life.version_count && slot->life.status != CAMPAIGN_ARCHIVED);
    fold_dates_over(pass);
}

/* The event that is being folded does not cancel its own entry. */
static bool is_own(const struct fold_pass *pass, const struct remembered_cancel *cancel)
{
    return pass->event != NULL && cancel->arrived_ms == pass->at_ms &&
           span_equal(cancel->event_id, pass->event->id);
}

bool fold_was_cancelled(struct fold_pass *pass, const struct entering *entering)
{
    const struct campaign *campaign = entering->slot->current;
    for (size_t i = 0; i < pass->state->cancels.count; i++) {
        const struct remembered_cancel *cancel = &pass->state->cancels.items[i];
        if (!span_equal(cancel->campaign, campaign->id) || cancel->version != campaign->version ||
            pass->at_ms - cancel->arrived_ms >= pass->fold->limits->lateness_ms || is_own(pass, cancel))
            continue;
        const struct cancel_rule *rule = &campaign->cancels[cancel->rule];
        struct scope scope;
        scope_init(&scope, pass->fold, pass->state, cancel->time_ms);
        scope_bind_event(&scope, cancel->event, cancel->event_id, cancel->event_name, cancel->time_ms);
        if (cancel->has_facts)
            scope_bind(&scope, VARIABLE_PROFILE, cancel->profile);
        if (rule_hits(rule, &entering->trigger, cancel->time_ms, cancel->sides, &scope))
            return true;
    }
    return false;
}
