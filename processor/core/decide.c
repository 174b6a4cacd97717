#include "core/decide.h"

#include <assert.h>
#include <stdlib.h>

#include "core/campaign_set.h"
#include "core/caps.h"
#include "core/quiet.h"
#include "core/render.h"

#define DEFAULT_TOLERANCE_MS ((int64_t)3600000)

int64_t decide_next_due(const struct user_state *state)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < state->journeys.count; i++) {
        const struct journey *journey = &state->journeys.items[i];
        for (uint32_t j = 0; j < journey->step_count; j++) {
            const struct step_state *step = &journey->steps[j];
            if (step->status != STEP_PENDING)
                continue;
            if (step->marked)
                return INT64_MIN;
            if (step->due_ms < next_ms)
                next_ms = step->due_ms;
        }
    }
    for (size_t i = 0; i < state->wakes.count; i++) {
        if (state->wakes.items[i].at_ms < next_ms)
            next_ms = state->wakes.items[i].at_ms;
    }
    return next_ms;
}

int64_t decide_next_free(const struct fold *fold, const struct user_state *state)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < state->journeys.count; i++) {
        const struct journey *journey = &state->journeys.items[i];
        const struct campaign_slot *slot = campaign_set_find(fold->campaigns, journey->campaign);
        if (slot == NULL || campaign_slot_version(slot, journey->version) == NULL ||
            campaign_slot_holds(slot, journey->version))
            continue;
        for (uint32_t j = 0; j < journey->step_count; j++) {
            const struct step_state *step = &journey->steps[j];
            if (step->status == STEP_PENDING && step->due_ms < next_ms)
                next_ms = step->due_ms;
        }
    }
    for (size_t i = 0; i < state->wakes.count; i++) {
        if (state->wakes.items[i].at_ms < next_ms)
            next_ms = state->wakes.items[i].at_ms;
    }
    return next_ms;
}

/* --- collecting ------------------------------------------------------------------------------------------
 */

static int order_of_deciding(const void *left, const void *right)
{
    const struct due_send *a = left, *b = right;
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms ? -1 : 1;
    /* A day that has come goes before the sends of its first instant. */
    if ((a->step == DUE_WAKE) != (b->step == DUE_WAKE))
        return a->step == DUE_WAKE ? -1 : 1;
    if (a->step == DUE_WAKE) {
        int campaigns = span_compare(a->wake.campaign, b->wake.campaign);
        return campaigns != 0 ? campaigns : (int)a->wake.alternative - (int)b->wake.alternative;
    }
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    return memcmp(a->send_id, b->send_id, SEND_ID_BYTES);
}

struct collecting {
    struct arena *arena;
    struct due_send *sends;
    size_t count, capacity;
};

static void collect_journey(struct collecting *collecting, const struct fold *fold,
                            const struct user_state *state, size_t index, int64_t upto_ms)
{
    const struct journey *journey = &state->journeys.items[index];
    const struct campaign_slot *slot = NULL;
    const struct campaign *campaign = NULL;
    for (uint32_t i = 0; i < journey->step_count; i++) {
        const struct step_state *step = &journey->steps[i];
        if (step->status != STEP_PENDING || !(step->marked || step->due_ms <= upto_ms))
            continue;
        if (campaign == NULL) {
            slot = campaign_set_find(fold->campaigns, journey->campaign);
            campaign = slot == NULL ? NULL : campaign_slot_version(slot, journey->version);
            if (campaign == NULL)
                return;
        }
        if (campaign_slot_holds(slot, journey->version) && !step->marked)
            continue;
        struct due_send *send =
            ARENA_PUSH(collecting->arena, &collecting->sends, &collecting->count, &collecting->capacity);
        send->due_ms = step->due_ms;
        send->priority = campaign->priority;
        send->journey = (uint32_t)index;
        send->step = i;
        send->steps = journey->steps;
        send->attempt = step->attempt;
        send->marked = step->marked;
        send_id_make(journey->campaign, state->user, journey->key, journey->trigger.id,
                     campaign->steps[i].id, send->send_id);
    }
}

size_t decide_collect(const struct fold *fold, const struct user_state *state, int64_t upto_ms,
                      struct arena *arena, struct due_send **sends)
{
    struct collecting collecting = {.arena = arena};
    for (size_t i = 0; i < state->journeys.count; i++)
        collect_journey(&collecting, fold, state, i, upto_ms);
    for (size_t i = 0; i < state->wakes.count; i++) {
        if (state->wakes.items[i].at_ms > upto_ms)
            continue;
        struct due_send *send =
            ARENA_PUSH(arena, &collecting.sends, &collecting.count, &collecting.capacity);
        send->due_ms = state->wakes.items[i].at_ms;
        send->wake = state->wakes.items[i];
        send->step = DUE_WAKE;
    }
    if (collecting.count > 1)
        qsort(collecting.sends, collecting.count, sizeof *collecting.sends, order_of_deciding);
    *sends = collecting.sends;
    return collecting.count;
}

/* --- deciding
 * --------------------------------------------------------------------------------------------- */

/* What came out: an outcome, its reason, the new due of a postponed one. */
struct verdict {
    enum outcome outcome;
    struct span reason;
    int64_t new_due_ms;
};

struct deciding {
    const struct fold *fold;
    const struct user_state *state;
    const struct due_send *send;
    const struct journey *journey;
    const struct campaign_slot *slot;
    const struct campaign *campaign;
    const struct step *step;
    struct scope scope;
    int64_t now_ms;
    struct span address;
    const struct content *content;
};

static struct verdict skipped(enum reason reason)
{
    return (struct verdict){.outcome = OUTCOME_SKIPPED, .reason = reason_text(reason)};
}

static const struct verdict nothing_against = {.outcome = OUTCOME_SENT};

static bool goes_on(const struct verdict *verdict)
{
    return verdict->outcome == OUTCOME_SENT;
}

static const struct late_rule *late_rule_of(const struct deciding *deciding)
{
    static const struct late_rule by_default = {
        .given = true, .tolerance_ms = DEFAULT_TOLERANCE_MS, .then = LATE_SKIP};
    static const struct late_rule never = {.given = true, .then = LATE_SEND};
    if (deciding->step->late.given)
        return &deciding->step->late;
    if (deciding->campaign->late.given)
        return &deciding->campaign->late;
    if (deciding->campaign->type == CAMPAIGN_TRANSACTIONAL)
        return &never;
    return deciding->fold->policy->late.given ? &deciding->fold->policy->late : &by_default;
}

static struct verdict check_life(struct deciding *deciding)
{
    const struct campaign_life *life = &deciding->slot->life;
    if (life->status == CAMPAIGN_ARCHIVED)
        return skipped(REASON_ENDED);
    if (life->status == CAMPAIGN_PAUSED && life->treatment == PAUSE_EXPIRE)
        return skipped(REASON_PAUSED);
    return nothing_against;
}

static struct verdict check_late(struct deciding *deciding)
{
    const struct late_rule *late = late_rule_of(deciding);
    int64_t late_ms = deciding->now_ms - deciding->send->due_ms;
    return late->then == LATE_SKIP && late_ms > late->tolerance_ms ? skipped(REASON_LATE) : nothing_against;
}

static struct verdict check_conditions(struct deciding *deciding)
{
    const struct campaign *campaign = deciding->campaign;
    if (!scope_allows(&deciding->scope, &deciding->step->condition))
        return skipped(REASON_CONDITION);
    if (campaign->recheck && !scope_allows(&deciding->scope, &campaign->audience))
        return skipped(REASON_AUDIENCE);
    return nothing_against;
}

static struct verdict check_channel(struct deciding *deciding)
{
    const struct policy *policy = deciding->fold->policy;
    struct span channel = deciding->step->channel;
    const struct channel_rule *consent =
        channel_rule_find(policy->consents, policy->consent_count, channel);
    if (consent != NULL && !scope_holds(&deciding->scope, &consent->expression))
        return skipped(REASON_NO_CONSENT);
    const struct channel_rule *address =
        channel_rule_find(policy->addresses, policy->address_count, channel);
    if (address != NULL && (!scope_text(&deciding->scope, &address->expression, &deciding->address) ||
                            deciding->address.size == 0))
        return skipped(REASON_NO_ADDRESS);
    return nothing_against;
}

static struct verdict postponed(enum reason reason, int64_t new_due_ms)
{
    return (struct verdict){
        .outcome = OUTCOME_POSTPONED, .reason = reason_text(reason), .new_due_ms = new_due_ms};
}

static struct verdict check_quiet(struct deciding *deciding)
{
    const struct fold *fold = deciding->fold;
    const struct quiet_rule *rule = deciding->step->quiet.given       ? &deciding->step->quiet
                                    : deciding->campaign->quiet.given ? &deciding->campaign->quiet
                                                                      : &fold->policy->quiet;
    if (!rule->given)
        return nothing_against;
    const struct locale_zone *zone = zone_of_spec(&deciding->scope, &rule->zone);
    int64_t end_ms;
    if (!quiet_at(rule, fold->locale, zone, deciding->now_ms))
        return nothing_against;
    if (rule->then == THEN_SKIP || !quiet_end(rule, fold->locale, zone, deciding->now_ms, &end_ms))
        return skipped(REASON_QUIET);
    return postponed(REASON_QUIET, end_ms);
}

static const struct labels *labels_of(const struct deciding *deciding)
{
    return deciding->step->labels.given       ? &deciding->step->labels
           : deciding->campaign->labels.given ? &deciding->campaign->labels
                                              : &deciding->fold->policy->labels;
}

static struct verdict check_caps(struct deciding *deciding)
{
    const struct fold *fold = deciding->fold;
    const struct cap_rule *cap = caps_exceeded(fold, deciding->state, deciding->step->channel,
                                               labels_of(deciding), deciding->now_ms);
    int64_t from_ms;
    if (cap == NULL)
        return nothing_against;
    if (cap->then == THEN_SKIP ||
        !caps_allowed_from(fold, deciding->state, cap, deciding->now_ms, &from_ms))
        return skipped(REASON_CAPPED);
    return postponed(REASON_CAPPED, from_ms);
}

static struct verdict check_holdout(struct deciding *deciding)
{
    const struct campaign *campaign = deciding->campaign;
    return campaign->holdout_bp != 0 && bucket_of(SPAN_LITERAL("holdout"), campaign->id,
                                                  deciding->state->user) < campaign->holdout_bp
               ? skipped(REASON_HOLDOUT)
               : nothing_against;
}

static struct verdict check_rendering(struct deciding *deciding)
{
    const struct render_request request = {
        .scope = &deciding->scope,
        .campaign = deciding->campaign,
        .step = deciding->step,
        .send_id = deciding->send->send_id,
        .now_ms = deciding->now_ms,
    };
    switch (render_message(&request, &deciding->content)) {
    case ERR_OK:
        return nothing_against;
    case ERR_ABORTED:
        return skipped(REASON_ABORTED);
    default:
        return skipped(REASON_RENDER_FAILED);
    }
}

static struct verdict decide_verdict(struct deciding *deciding)
{
    /* In the order in which they apply: the first that is against decides. */
    static const struct check {
        struct verdict (*check)(struct deciding *deciding);
        bool spares_transactional;
    } checks[] = {
        {check_life, false}, {check_late, false}, {check_conditions, false}, {check_channel, false},
        {check_quiet, true}, {check_caps, true},  {check_holdout, true},     {check_rendering, false},
    };
    bool transactional = deciding->campaign->type == CAMPAIGN_TRANSACTIONAL;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (transactional && checks[i].spares_transactional)
            continue;
        struct verdict verdict = checks[i].check(deciding);
        if (!goes_on(&verdict))
            return verdict;
    }
    return nothing_against;
}

/* --- the answer
 * -------------------------------------------------------------------------------------------- */

static void fill_settled(const struct deciding *deciding, const struct verdict *verdict,
                         struct settled *settled)
{
    const struct journey *journey = deciding->journey;
    *settled = (struct settled){
        .user = deciding->state->user,
        .campaign = journey->campaign,
        .version = journey->version,
        .key = journey->key,
        .trigger_id = journey->trigger.id,
        .step = deciding->step->id,
        .attempt = deciding->send->attempt,
        .outcome = verdict->outcome,
        .reason = verdict->reason,
        .due_ms = deciding->send->due_ms,
        .new_due_ms = verdict->new_due_ms,
        .at_ms = deciding->now_ms,
    };
}

static void fill_record(const struct deciding *deciding, const struct verdict *verdict,
                        struct decision_record *record)
{
    const struct journey *journey = deciding->journey;
    *record = (struct decision_record){
        .at_ms = deciding->now_ms,
        .user = deciding->state->user,
        .campaign = journey->campaign,
        .version = journey->version,
        .key = journey->key,
        .step = deciding->step->id,
        .channel = deciding->step->channel,
        .outcome = verdict->outcome,
        .reason = verdict->reason,
        .has_due = true,
        .due_ms = verdict->outcome == OUTCOME_POSTPONED ? verdict->new_due_ms : deciding->send->due_ms,
        .trigger_id = journey->trigger.id,
        .has_send_id = true,
        .calendar_ms = journey->trigger.calendar_ms,
        .content = deciding->content,
    };
    memcpy(record->send_id, deciding->send->send_id, SEND_ID_BYTES);
}

static void fill_message(const struct deciding *deciding, struct outbound_message *message)
{
    const struct journey *journey = deciding->journey;
    const struct variant *variant =
        render_variant(deciding->campaign, deciding->step, deciding->state->user);
    *message = (struct outbound_message){
        .campaign = journey->campaign,
        .version = journey->version,
        .step = deciding->step->id,
        .channel = deciding->step->channel,
        .user = deciding->state->user,
        .key = journey->key,
        .address = deciding->address,
        .locale = render_locale(deciding->fold, deciding->state),
        .variant = variant == NULL ? span_make(NULL, 0) : variant->id,
        .due_ms = deciding->send->due_ms,
        .decided_ms = deciding->now_ms,
        .trigger_id = journey->trigger.id,
        .trigger_name = journey->trigger.name,
        .trigger_time_ms = journey->trigger.time_ms,
        .content = deciding->content,
        .traceparent = journey->trigger.traceparent,
        .tracestate = journey->trigger.tracestate,
    };
    memcpy(message->send_id, deciding->send->send_id, SEND_ID_BYTES);
}

/* A day that has come: the fold enters what follows. See fold_date_woken. */
static void decide_wake(const struct user_state *state, const struct due_send *send, int64_t now_ms,
                        struct decided *decided)
{
    const struct date_wake *wake = &send->wake;
    decided->settled = (struct settled){
        .user = state->user,
        .campaign = wake->campaign,
        .attempt = wake->alternative,
        .outcome = OUTCOME_SKIPPED,
        .due_ms = wake->at_ms,
        .at_ms = now_ms,
    };
}

static const struct journey *find_journey(const struct user_state *state, const struct due_send *send)
{
    const struct journey *journeys = state->journeys.items;
    if (send->journey < state->journeys.count && journeys[send->journey].steps == send->steps)
        return &journeys[send->journey];
    for (size_t i = 0; i < state->journeys.count; i++)
        if (journeys[i].steps == send->steps)
            return &journeys[i];
    return NULL;
}

bool decide_stands(const struct user_state *state, const struct due_send *send)
{
    if (send->step == DUE_WAKE)
        return true;
    const struct journey *journey = find_journey(state, send);
    return journey != NULL && journey->steps[send->step].status == STEP_PENDING &&
           journey->steps[send->step].attempt == send->attempt;
}

void decide_send(const struct fold *fold, const struct user_state *state, const struct due_send *send,
                 int64_t now_ms, struct decided *decided)
{
    *decided = (struct decided){0};
    if (send->step == DUE_WAKE) {
        decide_wake(state, send, now_ms, decided);
        return;
    }
    assert(decide_stands(state, send));
    const struct journey *journey = find_journey(state, send);
    struct deciding deciding = {
        .fold = fold,
        .state = state,
        .send = send,
        .journey = journey,
        .slot = campaign_set_find(fold->campaigns, journey->campaign),
        .now_ms = now_ms,
    };
    deciding.campaign = campaign_slot_version(deciding.slot, journey->version);
    deciding.step = &deciding.campaign->steps[send->step];
    const struct step_state *step = &journey->steps[send->step];
    struct verdict verdict;
    if (step->marked) {
        verdict = (struct verdict){.outcome = step->mark_outcome, .reason = step->mark_reason};
    } else {
        scope_init(&deciding.scope, fold, state, now_ms);
        scope_bind_decision(&deciding.scope, &journey->trigger);
        verdict = decide_verdict(&deciding);
    }
    fill_settled(&deciding, &verdict, &decided->settled);
    decided->has_record = true;
    fill_record(&deciding, &verdict, &decided->record);
    decided->has_message = verdict.outcome == OUTCOME_SENT;
    if (decided->has_message)
        fill_message(&deciding, &decided->message);
}
