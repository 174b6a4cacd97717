#include "core/fold_parts.h"
#include "core/schedule.h"

void fold_campaign_changed(struct fold *fold, struct user_state *state, const struct campaign_slot *slot,
                           int64_t at_ms, int64_t append_ms)
{
    struct fold_pass pass = {.fold = fold, .state = state, .at_ms = at_ms, .append_ms = append_ms};
    fold_forget_old(fold, state, at_ms);
    if (slot->has_dates)
        fold_dates(&pass, slot);
}

static void end_steps(struct fold_pass *pass, const struct campaign *campaign, struct journey *journey,
                      enum reason reason)
{
    if (journey->deferred != NULL)
        fold_record_ignored(pass, campaign, journey->key, journey->deferred->trigger.id, reason);
    journey->deferred = NULL;
    for (uint32_t i = 0; i < journey->step_count; i++) {
        if (journey->steps[i].status == STEP_PENDING)
            fold_end_step(pass, campaign, journey, i, OUTCOME_SKIPPED, reason_text(reason));
    }
}

static bool range_holds(const struct journey_range *range, const struct journey *journey)
{
    return journey->version < range->before_version &&
           journey->trigger.calendar_ms <= range->entered_upto_ms &&
           span_equal(journey->campaign, range->campaign);
}

bool fold_range_has(const struct user_state *state, const struct journey_range *range)
{
    for (size_t i = 0; i < state->journeys.count; i++) {
        if (range_holds(range, &state->journeys.items[i]))
            return true;
    }
    for (size_t i = 0; i < state->wakes.count; i++) {
        if (span_equal(state->wakes.items[i].campaign, range->campaign))
            return true;
    }
    return false;
}

/* No further year of an archived campaign enters. */
static void end_wakes(const struct fold *fold, struct user_state *state, struct span campaign)
{
    const struct campaign_slot *slot = campaign_set_find(fold->campaigns, campaign);
    if (slot == NULL || slot->life.status != CAMPAIGN_ARCHIVED)
        return;
    for (size_t i = state->wakes.count; i-- > 0;) {
        if (span_equal(state->wakes.items[i].campaign, campaign))
            USER_LIST_REMOVE(&state->wakes, i);
    }
}

void fold_campaign_end(struct fold *fold, struct user_state *state, const struct journey_range *range,
                       enum reason reason, int64_t at_ms, int64_t append_ms)
{
    struct fold_pass pass = {.fold = fold, .state = state, .at_ms = at_ms, .append_ms = append_ms};
    fold_forget_old(fold, state, at_ms);
    end_wakes(fold, state, range->campaign);
    for (size_t i = 0; i < state->journeys.count;) {
        struct journey *journey = &state->journeys.items[i];
        const struct campaign *campaign =
            campaign_set_version(fold->campaigns, journey->campaign, journey->version);
        if (campaign == NULL || !range_holds(range, journey)) {
            i++;
            continue;
        }
        end_steps(&pass, campaign, journey, reason);
        i += fold_journey_after(&pass, i, OUTCOME_SKIPPED) ? 0 : 1;
    }
    fold_dates_over(&pass);
}

void fold_campaign_shift(struct user_state *state, const struct journey_range *range, int64_t by_ms)
{
    for (size_t i = 0; i < state->journeys.count; i++) {
        struct journey *journey = &state->journeys.items[i];
        if (!range_holds(range, journey))
            continue;
        for (uint32_t step = 0; step < journey->step_count; step++) {
            if (journey->steps[step].status == STEP_PENDING)
                journey->steps[step].due_ms += by_ms;
        }
    }
}

/* --- migration -------------------------------------------------------------------------------------------
 */

static uint32_t step_named(const struct campaign *campaign, struct span id)
{
    uint32_t index = 0;
    while (index < campaign->step_count && !span_equal(campaign->steps[index].id, id))
        index++;
    return index;
}

/* A step that the new version adds is scheduled as if it had been there when the journey entered. */
static struct step_state added_step(struct fold_pass *pass, const struct journey *journey,
                                    const struct step *step)
{
    struct scope scope;
    struct step_state state = {.status = STEP_OVER};
    scope_init(&scope, pass->fold, pass->state, journey->trigger.time_ms);
    scope_bind_decision(&scope, &journey->trigger);
    if (schedule_due(&scope, &step->send, &journey->trigger, &state.due_ms) == ERR_OK) {
        state.status = STEP_PENDING;
        fold_record_step(pass, journey, step, OUTCOME_SCHEDULED, span_make(NULL, 0), &state.due_ms);
    } else {
        fold_record_step(pass, journey, step, OUTCOME_SKIPPED, reason_text(REASON_NO_DATE), NULL);
    }
    return state;
}

/* False when a step that is gone may be under way: the journey then stays on its version. */
static bool can_migrate(const struct campaign *old, const struct campaign *current,
                        const struct journey *journey)
{
    for (uint32_t i = 0; i < journey->step_count; i++) {
        if (journey->steps[i].status == STEP_PENDING && journey->steps[i].marked &&
            step_named(current, old->steps[i].id) == current->step_count)
            return false;
    }
    return true;
}

static void migrate(struct fold_pass *pass, const struct campaign *old, const struct campaign *current,
                    struct journey *journey)
{
    for (uint32_t i = 0; i < journey->step_count; i++) {
        if (journey->steps[i].status == STEP_PENDING &&
            step_named(current, old->steps[i].id) == current->step_count)
            fold_end_step(pass, old, journey, i, OUTCOME_SKIPPED, reason_text(REASON_ENDED));
    }
    if (!can_migrate(old, current, journey))
        return;
    struct step_state *steps = ARENA_ARRAY(pass->fold->arena, struct step_state, current->step_count);
    journey->version = current->version;
    for (uint32_t i = 0; i < current->step_count; i++) {
        uint32_t before = step_named(old, current->steps[i].id);
        steps[i] = before < journey->step_count ? journey->steps[before]
                                                : added_step(pass, journey, &current->steps[i]);
    }
    journey->steps = steps;
    journey->step_count = (uint32_t)current->step_count;
}

void fold_campaign_migrate(struct fold *fold, struct user_state *state, const struct campaign_slot *slot,
                           int64_t at_ms, int64_t append_ms)
{
    struct fold_pass pass = {.fold = fold, .state = state, .at_ms = at_ms, .append_ms = append_ms};
    const struct campaign *current = slot->current;
    fold_forget_old(fold, state, at_ms);
    for (size_t i = 0; i < state->journeys.count;) {
        struct journey *journey = &state->journeys.items[i];
        const struct campaign *old = span_equal(journey->campaign, current->id)
                                         ? campaign_slot_version(slot, journey->version)
                                         : NULL;
        if (old == NULL || old == current || journey->deferred != NULL) {
            i++;
            continue;
        }
        migrate(&pass, old, current, journey);
        i += fold_journey_after(&pass, i, OUTCOME_SKIPPED) ? 0 : 1;
    }
    fold_dates_over(&pass);
}

void fold_erase(struct fold *fold, struct user_state *state, int64_t at_ms)
{
    struct fold_pass pass = {.fold = fold, .state = state, .at_ms = at_ms, .append_ms = at_ms};
    for (size_t i = 0; i < state->journeys.count; i++) {
        const struct journey *journey = &state->journeys.items[i];
        const struct campaign *campaign =
            campaign_set_version(fold->campaigns, journey->campaign, journey->version);
        for (uint32_t step = 0; campaign != NULL && step < journey->step_count; step++) {
            if (journey->steps[step].status == STEP_PENDING)
                fold_record_step(&pass, journey, &campaign->steps[step], OUTCOME_SKIPPED,
                                 reason_text(REASON_ERASED), &journey->steps[step].due_ms);
        }
    }
    user_state_init(state, state->user);
}
