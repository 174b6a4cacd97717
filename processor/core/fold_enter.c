#include "core/fold_parts.h"
#include "core/schedule.h"

/* The journey that is open for (campaign, key): the latest that entered, where several are. */
static struct journey *open_journey(const struct user_state *state, struct span campaign, struct span key)
{
    for (size_t i = state->journeys.count; i-- > 0;) {
        struct journey *journey = &state->journeys.items[i];
        if (span_equal(journey->campaign, campaign) && span_equal(journey->key, key))
            return journey;
    }
    return NULL;
}

/* True when another owner may be sending what is due then: the fold must not settle it by itself. */
static bool may_be_under_way(const struct fold_pass *pass, int64_t due_ms)
{
    int64_t window_ms = pass->fold->mark_window_ms;
    return window_ms != 0 && pass->append_ms > due_ms - window_ms;
}

void fold_end_step(struct fold_pass *pass, const struct campaign *campaign, struct journey *journey,
                   uint32_t index, enum outcome outcome, struct span reason)
{
    struct step_state *step = &journey->steps[index];
    assert(step->status == STEP_PENDING);
    if (step->marked || may_be_under_way(pass, step->due_ms)) {
        /* The first mark stands, but for that of a restart which came to nothing, or may: then nothing else
         * would tell that the send was cancelled. */
        if (!step->marked || (step->mark_outcome == OUTCOME_RESTARTED &&
                              (journey->deferred == NULL || outcome == OUTCOME_CANCELLED))) {
            step->marked = true;
            step->mark_outcome = outcome;
            step->mark_reason = reason;
        }
        return;
    }
    step->status = STEP_OVER;
    fold_record_step(pass, journey, &campaign->steps[index], outcome, reason, &step->due_ms);
}

/* --- putting into the calendar --------------------------------------------------------------------------
 */

/* The dues of all steps, NO_DUE where there is no date; false when there is none at all. */
static bool work_out_dues(struct fold_pass *pass, const struct entering *entering, int64_t **dues)
{
    const struct campaign *campaign = entering->slot->current;
    bool any = false;
    *dues = ARENA_ARRAY(pass->fold->arena, int64_t, campaign->step_count);
    for (size_t i = 0; i < campaign->step_count; i++) {
        int64_t due_ms;
        bool has_date =
            schedule_due(entering->scope, &campaign->steps[i].send, &entering->trigger, &due_ms) == ERR_OK;
        (*dues)[i] = has_date ? due_ms : NO_DUE;
        any = any || has_date;
    }
    return any;
}

static void put_in_calendar(struct fold_pass *pass, const struct campaign *campaign,
                            struct journey *journey, const int64_t *dues)
{
    journey->steps = ARENA_ARRAY(pass->fold->arena, struct step_state, campaign->step_count);
    journey->step_count = (uint32_t)campaign->step_count;
    for (size_t i = 0; i < campaign->step_count; i++) {
        const struct step *step = &campaign->steps[i];
        if (dues[i] == NO_DUE) {
            journey->steps[i].status = STEP_OVER;
            fold_record_step(pass, journey, step, OUTCOME_SKIPPED, reason_text(REASON_NO_DATE), NULL);
            continue;
        }
        journey->steps[i].due_ms = dues[i];
        fold_record_step(pass, journey, step, OUTCOME_SCHEDULED, span_make(NULL, 0), &dues[i]);
    }
    if (trigger_is_date(journey->trigger.kind))
        fold_date_note(pass, journey->campaign, journey->key, &journey->trigger);
}

static void begin_journey(struct fold_pass *pass, const struct campaign *campaign, struct span key,
                          const struct trigger_facts *trigger, const int64_t *dues)
{
    struct journey *journey = USER_LIST_PUSH(pass->fold->arena, &pass->state->journeys);
    journey->campaign = campaign->id;
    journey->version = campaign->version;
    journey->key = key;
    journey->trigger = *trigger;
    fold_note_entry(pass, campaign, journey->key, journey->trigger.time_ms, false);
    put_in_calendar(pass, campaign, journey, dues);
}

static enum reason check_limits(struct fold_pass *pass, const struct campaign *campaign, struct span key,
                                int64_t time_ms)
{
    const struct entry_rule *rule = &campaign->entry;
    const struct user_state *state = pass->state;
    const struct entry_note *last = fold_last_entry(state, campaign->id, key);
    if (rule->cooldown_ms != 0 && last != NULL && time_ms - last->time_ms < rule->cooldown_ms)
        return REASON_COOLDOWN;
    uint32_t within = 0;
    for (size_t i = 0; rule->at_most_count != 0 && i < state->entries.count; i++) {
        const struct entry_note *entry = &state->entries.items[i];
        within += span_equal(entry->campaign, campaign->id) && entry->time_ms <= time_ms &&
                  time_ms - entry->time_ms < rule->at_most_within_ms;
    }
    if (rule->at_most_count != 0 && within >= rule->at_most_count)
        return REASON_ENTRY_LIMIT;
    return state->journeys.count >= pass->fold->limits->journeys ? REASON_LIMIT : REASON_NONE;
}

/* --- restarting
 * --------------------------------------------------------------------------------------------- */

static void restart(struct fold_pass *pass, struct journey *journey, const struct campaign *campaign,
                    const struct trigger_facts *trigger, const int64_t *dues)
{
    const struct campaign *old =
        campaign_set_version(pass->fold->campaigns, journey->campaign, journey->version);
    for (uint32_t i = 0; old != NULL && i < journey->step_count; i++) {
        if (journey->steps[i].status == STEP_PENDING)
            fold_record_step(pass, journey, &old->steps[i], OUTCOME_RESTARTED, trigger->id,
                             &journey->steps[i].due_ms);
    }
    fold_date_replaced(pass, journey);
    journey->version = campaign->version;
    journey->trigger = *trigger;
    journey->was_sent = false;
    journey->deferred = NULL;
    fold_note_entry(pass, campaign, journey->key, trigger->time_ms, true);
    put_in_calendar(pass, campaign, journey, dues);
}

/* Marks what may be under way; false when nothing is. */
static bool mark_for_restart(struct fold_pass *pass, struct journey *journey, struct span trigger_id)
{
    bool any = false;
    for (uint32_t i = 0; i < journey->step_count; i++) {
        struct step_state *step = &journey->steps[i];
        if (step->status != STEP_PENDING || !(step->marked || may_be_under_way(pass, step->due_ms)))
            continue;
        any = true;
        if (step->marked && step->mark_outcome != OUTCOME_RESTARTED)
            continue;
        step->marked = true;
        step->mark_outcome = OUTCOME_RESTARTED;
        step->mark_reason = trigger_id;
    }
    return any;
}

static void defer(struct fold_pass *pass, struct journey *journey, const struct entering *entering,
                  const int64_t *dues, bool afresh)
{
    const struct campaign *campaign = entering->slot->current;
    if (journey->deferred != NULL)
        fold_record_ignored(pass, campaign, journey->key, journey->deferred->trigger.id, REASON_SUPERSEDED);
    struct deferred_restart *deferred = ARENA_NEW(pass->fold->arena, struct deferred_restart);
    deferred->version = campaign->version;
    deferred->trigger = entering->trigger;
    deferred->due_ms = dues;
    deferred->step_count = (uint32_t)campaign->step_count;
    deferred->afresh = afresh;
    journey->deferred = deferred;
}

static void restart_or_defer(struct fold_pass *pass, struct journey *journey,
                             const struct entering *entering, const int64_t *dues)
{
    const struct campaign *campaign = entering->slot->current;
    if (mark_for_restart(pass, journey, entering->trigger.id))
        defer(pass, journey, entering, dues, false);
    else
        restart(pass, journey, campaign, &entering->trigger, dues);
}

static void restart_deferred(struct fold_pass *pass, struct journey *journey,
                             const struct campaign *campaign)
{
    const struct deferred_restart *deferred = journey->deferred;
    journey->deferred = NULL;
    restart(pass, journey, campaign, &deferred->trigger, deferred->due_ms);
}

static void drop_restart_marks(struct journey *journey)
{
    for (uint32_t i = 0; i < journey->step_count; i++) {
        if (journey->steps[i].marked && journey->steps[i].mark_outcome == OUTCOME_RESTARTED)
            journey->steps[i].marked = false;
    }
}

/* It is known now that others are still to come beside what went out before: the trigger came too late, or
 * too early. */
static void give_up_deferred(struct fold_pass *pass, struct journey *journey,
                             const struct campaign *campaign)
{
    enum when_pending rule = campaign->entry.when_pending;
    enum reason reason =
        rule == PENDING_KEEP || rule == PENDING_UPDATE ? REASON_PENDING : REASON_IN_PROGRESS;
    struct span trigger_id = journey->deferred->trigger.id;
    journey->deferred = NULL;
    drop_restart_marks(journey);
    fold_record_ignored(pass, campaign, journey->key, trigger_id, reason);
}

static bool any_pending(const struct journey *journey, bool marked)
{
    for (uint32_t i = 0; i < journey->step_count; i++) {
        if (journey->steps[i].status == STEP_PENDING && journey->steps[i].marked == marked)
            return true;
    }
    return false;
}

/* A step went out before the trigger came, or was due then. What is marked was due as well: once all of it
 * is over, the trigger has met no open journey. True when it is. */
static bool is_over_before(struct fold_pass *pass, struct journey *journey, const struct campaign *campaign,
                           enum outcome outcome)
{
    struct deferred_restart *deferred = journey->deferred;
    bool of_date = trigger_is_date(journey->trigger.kind);
    if (of_date || outcome == OUTCOME_POSTPONED || (!deferred->afresh && any_pending(journey, false))) {
        give_up_deferred(pass, journey, campaign);
        return false;
    }
    drop_restart_marks(journey);
    deferred->afresh = true;
    return !journey_is_open(journey);
}

/* Carries out or gives up the deferred restart, or lets it wait. True when nothing of the journey was
 * pending as its trigger came: it enters as a new one. */
static bool resolve_deferred(struct fold_pass *pass, struct journey *journey,
                             const struct campaign *campaign, enum outcome outcome)
{
    bool too_late = journey->was_sent && campaign->entry.when_pending != PENDING_RESTART_ALWAYS;
    if (too_late || journey->deferred->afresh)
        return is_over_before(pass, journey, campaign, outcome);
    if (any_pending(journey, true))
        return false;
    if (!trigger_is_date(journey->trigger.kind) && outcome != OUTCOME_RESTARTED &&
        !journey_is_open(journey))
        return true;
    restart_deferred(pass, journey, campaign);
    return false;
}

static void enter_deferred(struct fold_pass *pass, const struct campaign *campaign, struct span key,
                           const struct deferred_restart *deferred)
{
    enum reason reason = check_limits(pass, campaign, key, deferred->trigger.time_ms);
    if (reason != REASON_NONE)
        fold_record_ignored(pass, campaign, key, deferred->trigger.id, reason);
    else
        begin_journey(pass, campaign, key, &deferred->trigger, deferred->due_ms);
}

bool fold_journey_after(struct fold_pass *pass, size_t index, enum outcome outcome)
{
    struct journey *journey = &pass->state->journeys.items[index];
    const struct campaign *campaign = NULL;
    bool enters = false;
    if (journey->deferred != NULL) {
        campaign =
            campaign_set_version(pass->fold->campaigns, journey->campaign, journey->deferred->version);
        if (campaign == NULL)
            journey->deferred = NULL;
        else
            enters = resolve_deferred(pass, journey, campaign, outcome);
    }
    if (!enters && (journey_is_open(journey) || journey->deferred != NULL))
        return false;
    struct journey over = *journey;
    USER_LIST_REMOVE(&pass->state->journeys, index);
    if (over.trigger.kind == TRIGGER_YEARLY)
        *USER_LIST_PUSH(pass->fold->arena, &pass->over) = over;
    if (enters)
        enter_deferred(pass, campaign, over.key, over.deferred);
    return true;
}

/* --- the checks
 * --------------------------------------------------------------------------------------------- */

static enum reason check_campaign(struct fold_pass *pass, const struct entering *entering)
{
    const struct campaign *campaign = entering->slot->current;
    int64_t time_ms = entering->trigger.time_ms;
    if (entering->duplicate)
        return REASON_DUPLICATE;
    if (entering->slot->life.status == CAMPAIGN_PAUSED)
        return REASON_PAUSED;
    if (campaign->has_starts && time_ms < campaign->starts_ms)
        return REASON_NOT_STARTED;
    if (campaign->has_ends && time_ms >= campaign->ends_ms)
        return REASON_ENDED;
    if (!scope_allows(entering->scope, &campaign->audience))
        return REASON_AUDIENCE;
    if (fold_was_cancelled(pass, entering))
        return REASON_WAS_CANCELLED;
    return REASON_NONE;
}

/* Another trigger is to enter once this journey is over. */
static bool waits_afresh(const struct journey *open)
{
    return open->deferred != NULL && open->deferred->afresh;
}

/* What a restart of this journey runs into. */
static enum reason check_restart(const struct entering *entering, const struct journey *open)
{
    int64_t open_ms = open->deferred != NULL ? open->deferred->trigger.time_ms : open->trigger.time_ms;
    bool always = entering->slot->current->entry.when_pending == PENDING_RESTART_ALWAYS;
    if (entering->trigger.time_ms < open_ms && !entering->date_changed)
        return REASON_SUPERSEDED;
    /* A date trigger never repeats an id once something was sent. */
    if (open->was_sent && !waits_afresh(open) &&
        (!always || (entering->date_changed && span_equal(open->trigger.id, entering->trigger.id))))
        return REASON_IN_PROGRESS;
    return REASON_NONE;
}

static enum reason check_open(const struct entering *entering, const struct journey *open)
{
    switch (entering->slot->current->entry.when_pending) {
    case PENDING_KEEP:
        return REASON_PENDING;
    case PENDING_UPDATE:
        return entering->trigger.time_ms < open->trigger.time_ms ? REASON_SUPERSEDED : REASON_PENDING;
    default:
        return check_restart(entering, open);
    }
}

/* The schedule stays, what the trigger said is replaced. */
static void update_journey(struct journey *open, const struct trigger_facts *trigger)
{
    open->trigger.attributes = trigger->attributes;
    open->trigger.has_follow = trigger->has_follow;
    open->trigger.follow = trigger->follow;
}

/* All that is pending was due before the trigger arrived, or is marked: it is being decided or about to be,
 * and afterwards the journey is not open. */
static bool is_as_good_as_over(const struct fold_pass *pass, const struct journey *open)
{
    if (pass->fold->mark_window_ms == 0 || open->deferred != NULL || trigger_is_date(open->trigger.kind))
        return false;
    for (uint32_t i = 0; i < open->step_count; i++) {
        const struct step_state *step = &open->steps[i];
        if (step->status == STEP_PENDING && !step->marked && step->due_ms >= pass->at_ms)
            return false;
    }
    return true;
}

void fold_enter(struct fold_pass *pass, struct entering *entering)
{
    const struct campaign *campaign = entering->slot->current;
    enum reason reason = check_campaign(pass, entering);
    struct journey *open = NULL;
    bool afresh = false;
    if (reason == REASON_NONE && campaign->entry.when_pending != PENDING_PARALLEL)
        open = open_journey(pass->state, campaign->id, entering->key);
    if (open != NULL) {
        reason = check_open(entering, open);
        afresh =
            (reason == REASON_PENDING || reason == REASON_IN_PROGRESS) && is_as_good_as_over(pass, open);
        if (afresh)
            reason = REASON_NONE;
        afresh = afresh || waits_afresh(open);
        if (reason == REASON_PENDING && campaign->entry.when_pending == PENDING_UPDATE)
            update_journey(open, &entering->trigger);
    } else if (reason == REASON_NONE) {
        reason = check_limits(pass, campaign, entering->key, entering->trigger.time_ms);
    }
    int64_t *dues = NULL;
    if (reason == REASON_NONE && !work_out_dues(pass, entering, &dues))
        reason = REASON_NO_DATE;
    if (reason != REASON_NONE)
        fold_record_ignored(pass, campaign, entering->key, entering->trigger.id, reason);
    else if (open == NULL)
        begin_journey(pass, campaign, entering->key, &entering->trigger, dues);
    else if (afresh)
        defer(pass, open, entering, dues, true);
    else
        restart_or_defer(pass, open, entering, dues);
}
