#include "core/fold_parts.h"

static bool names_journey(const struct settled *settled, const struct journey *journey)
{
    return journey->version == settled->version && span_equal(journey->campaign, settled->campaign) &&
           span_equal(journey->key, settled->key) && span_equal(journey->trigger.id, settled->trigger_id);
}

static bool is_that_attempt(const struct settled *settled, const struct journey *journey, uint32_t step)
{
    return step < journey->step_count && journey->steps[step].status == STEP_PENDING &&
           journey->steps[step].attempt == settled->attempt;
}

/* The journey whose send was decided; SIZE_MAX when there is none. Of parallel ones by the same trigger
 * id, which only an id that came again after the time of deduplication makes, the due tells. */
static size_t find_journey(const struct user_state *state, const struct settled *settled, uint32_t step)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < state->journeys.count; i++) {
        const struct journey *journey = &state->journeys.items[i];
        if (!names_journey(settled, journey) || !is_that_attempt(settled, journey, step))
            continue;
        if (journey->steps[step].due_ms == settled->due_ms)
            return i;
        if (found == SIZE_MAX)
            found = i;
    }
    return found;
}

static void note_settled(struct fold_pass *pass, const struct settled *settled)
{
    fold_note_outcome(
        pass->fold, pass->state,
        &(struct outcome_note){
            .at_ms = settled->at_ms,
            .campaign = settled->campaign,
            .version = settled->version,
            .key = settled->key,
            .step = settled->step,
            .outcome = settled->outcome,
            .reason = settled->reason,
            .trigger_id = settled->trigger_id,
            .has_due = true,
            .due_ms = settled->outcome == OUTCOME_POSTPONED ? settled->new_due_ms : settled->due_ms,
        });
}

static void apply(struct fold_pass *pass, const struct settled *settled, const struct campaign *campaign,
                  struct journey *journey, uint32_t index)
{
    struct step_state *step = &journey->steps[index];
    note_settled(pass, settled);
    switch (settled->outcome) {
    case OUTCOME_POSTPONED: /* a mark survives, and makes it due at once */
        step->due_ms = settled->new_due_ms;
        step->attempt += 1;
        return;
    case OUTCOME_SENT:
        step->status = STEP_SENT;
        journey->was_sent = true;
        fold_note_sent(pass, campaign, &campaign->steps[index], settled->at_ms);
        break;
    default:
        step->status = STEP_OVER;
        break;
    }
    step->marked = false;
}

void fold_settled(struct fold *fold, struct user_state *state, const struct settled *settled,
                  int64_t append_ms)
{
    struct fold_pass pass = {.fold = fold, .state = state, .at_ms = settled->at_ms, .append_ms = append_ms};
    fold_forget_old(fold, state, settled->at_ms);
    if (settled->step.size == 0) {
        fold_date_woken(&pass, settled->campaign, settled->attempt);
        return;
    }
    const struct campaign *campaign =
        campaign_set_version(fold->campaigns, settled->campaign, settled->version);
    if (campaign == NULL)
        return;
    uint32_t step = 0;
    while (step < campaign->step_count && !span_equal(campaign->steps[step].id, settled->step))
        step++;
    size_t index = find_journey(state, settled, step);
    if (index == SIZE_MAX)
        return;
    apply(&pass, settled, campaign, &state->journeys.items[index], step);
    fold_journey_after(&pass, index);
    fold_dates_over(&pass);
}
