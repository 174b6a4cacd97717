#include "core/fold_parts.h"

static bool names_journey(const struct settled *settled, const struct journey *journey)
{
    return span_equal(journey->campaign, settled->campaign) && span_equal(journey->key, settled->key) &&
           span_equal(journey->trigger.id, settled->trigger_id);
}

static bool is_that_attempt(const struct settled *settled, const struct journey *journey, uint32_t step)
{
    return step < journey->step_count && journey->steps[step].status == STEP_PENDING &&
           journey->steps[step].attempt == settled->attempt;
}

/* A step's place in a version of the campaign; beyond its steps when there is none such. */
static uint32_t step_place(const struct campaign *campaign, struct span step)
{
    uint32_t place = 0;
    while (place < campaign->step_count && !span_equal(campaign->steps[place].id, step))
        place++;
    return place;
}

struct settled_place {
    struct journey *journey; /* NULL: no pending send is named */
    size_t index;
    uint32_t step;
};

/* The send that was decided. Its journey may have migrated to another version meanwhile: to all others it
 * is the same send. Of parallel journeys by the same trigger id, which only an id that came again after the
 * time of deduplication makes, the version tells and then the due. */
static struct settled_place find_send(const struct fold *fold, const struct user_state *state,
                                      const struct settled *settled)
{
    struct settled_place found = {0};
    int found_likeness = -1;
    for (size_t i = 0; i < state->journeys.count; i++) {
        struct journey *journey = &state->journeys.items[i];
        if (!names_journey(settled, journey))
            continue;
        const struct campaign *campaign =
            campaign_set_version(fold->campaigns, journey->campaign, journey->version);
        uint32_t step = campaign == NULL ? UINT32_MAX : step_place(campaign, settled->step);
        if (!is_that_attempt(settled, journey, step))
            continue;
        int likeness =
            2 * (journey->version == settled->version) + (journey->steps[step].due_ms == settled->due_ms);
        if (likeness > found_likeness) {
            found = (struct settled_place){journey, i, step};
            found_likeness = likeness;
        }
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

/* For the caps: as it went out, which was by the version that decided it. */
static void note_sent(struct fold_pass *pass, const struct settled *settled)
{
    const struct campaign *campaign =
        campaign_set_version(pass->fold->campaigns, settled->campaign, settled->version);
    uint32_t step = campaign == NULL ? 0 : step_place(campaign, settled->step);
    if (campaign != NULL && step < campaign->step_count)
        fold_note_sent(pass, campaign, &campaign->steps[step], settled->at_ms);
}

static void apply(struct fold_pass *pass, const struct settled *settled, const struct settled_place *place)
{
    struct step_state *step = &place->journey->steps[place->step];
    note_settled(pass, settled);
    switch (settled->outcome) {
    case OUTCOME_POSTPONED: /* a mark survives, and makes it due at once */
        step->due_ms = settled->new_due_ms;
        step->attempt += 1;
        return;
    case OUTCOME_SENT:
        step->status = STEP_SENT;
        place->journey->was_sent = true;
        note_sent(pass, settled);
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
    struct settled_place place = find_send(fold, state, settled);
    if (place.journey == NULL)
        return;
    apply(&pass, settled, &place);
    fold_journey_after(&pass, place.index, settled->outcome);
    fold_dates_over(&pass);
}
