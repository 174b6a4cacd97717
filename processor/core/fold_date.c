#include "base/civil.h"
#include "core/fold_parts.h"
#include "core/schedule.h"

/* One day on which a date trigger occurs. */
struct occurrence {
    int64_t day;
    struct span trigger_id;
};

static int64_t yearly_day(int64_t year, struct civil_date date)
{
    if (date.month == 2 && date.day == 29 && !civil_is_leap_year(year))
        date.day = 28;
    return civil_to_days((struct civil_date){year, date.month, date.day});
}

static struct occurrence yearly_occurrence(struct arena *arena, int64_t year, struct civil_date date)
{
    return (struct occurrence){yearly_day(year, date),
                               arena_printf(arena, "yearly:%04lld", (long long)year)};
}

static struct occurrence date_occurrence(struct arena *arena, int64_t day)
{
    struct civil_date date = civil_from_days(day);
    return (struct occurrence){
        day, arena_printf(arena, "date:%04lld-%02d-%02d", (long long)date.year, date.month, date.day)};
}

/* --- what has entered ------------------------------------------------------------------------------------
 */

static size_t note_index(const struct user_state *state, struct span campaign, struct span key,
                         struct span trigger_id)
{
    for (size_t i = 0; i < state->dates.count; i++) {
        const struct date_note *note = &state->dates.items[i];
        if (span_equal(note->trigger_id, trigger_id) && span_equal(note->campaign, campaign) &&
            span_equal(note->key, key))
            return i;
    }
    return SIZE_MAX;
}

void fold_date_replaced(struct fold_pass *pass, const struct journey *journey)
{
    size_t index = note_index(pass->state, journey->campaign, journey->key, journey->trigger.id);
    if (index != SIZE_MAX && !journey->was_sent)
        USER_LIST_REMOVE(&pass->state->dates, index);
}

void fold_date_note(struct fold_pass *pass, struct span campaign, struct span key,
                    const struct trigger_facts *trigger)
{
    if (note_index(pass->state, campaign, key, trigger->id) != SIZE_MAX)
        return;
    /* A yearly one can occur again, by a changed date, until its year is over; two days are more than
     * zones differ. */
    int64_t last_day = trigger->day;
    if (trigger->kind == TRIGGER_YEARLY)
        last_day = civil_to_days((struct civil_date){civil_from_days(trigger->day).year, 12, 31});
    *USER_LIST_PUSH(pass->fold->arena, &pass->state->dates) = (struct date_note){
        .campaign = campaign,
        .key = key,
        .trigger_id = trigger->id,
        .forget_ms = (last_day + 3) * DAY_MS,
    };
}

static size_t wake_index(const struct user_state *state, struct span campaign, uint32_t alternative)
{
    for (size_t i = 0; i < state->wakes.count; i++) {
        const struct date_wake *wake = &state->wakes.items[i];
        if (wake->alternative == alternative && span_equal(wake->campaign, campaign))
            return i;
    }
    return SIZE_MAX;
}

/* A yearly journey is over before its day: the next year's waits for that. */
static void wait_for_day(struct fold_pass *pass, const struct campaign_slot *slot,
                         const struct journey *journey)
{
    uint32_t alternative = journey->trigger.alternative;
    if (wake_index(pass->state, slot->current->id, alternative) == SIZE_MAX)
        *USER_LIST_PUSH(pass->fold->arena, &pass->state->wakes) = (struct date_wake){
            .campaign = slot->current->id, .alternative = alternative, .at_ms = journey->trigger.time_ms};
}

/* --- one alternative ------------------------------------------------------------------------------------
 */

struct dating {
    struct fold_pass *pass;
    const struct campaign_slot *slot;
    uint32_t alternative;
    const struct trigger *trigger;
    struct scope scope;
    const struct locale_zone *zone; /* the user's */
    int64_t today;
    struct span key;
    int64_t day; /* of the profile's date */
};

static bool is_of(const struct dating *dating, const struct journey *journey)
{
    return journey->trigger.kind == dating->trigger->kind &&
           journey->trigger.alternative == dating->alternative &&
           span_equal(journey->campaign, dating->slot->current->id);
}

static struct journey *open_of(const struct dating *dating)
{
    struct user_state *state = dating->pass->state;
    for (size_t i = state->journeys.count; i-- > 0;) {
        struct journey *journey = &state->journeys.items[i];
        if (is_of(dating, journey) && span_equal(journey->key, dating->key))
            return journey;
    }
    return NULL;
}

/* The date is gone: what it put in the calendar is cancelled. */
static void cancel_dated(struct dating *dating)
{
    struct fold_pass *pass = dating->pass;
    struct user_state *state = pass->state;
    for (size_t i = 0; i < state->journeys.count;) {
        struct journey *journey = &state->journeys.items[i];
        const struct campaign *campaign =
            is_of(dating, journey) ? campaign_slot_version(dating->slot, journey->version) : NULL;
        if (campaign == NULL) {
            i++;
            continue;
        }
        journey->deferred = NULL;
        for (uint32_t step = 0; step < journey->step_count; step++) {
            if (journey->steps[step].status == STEP_PENDING)
                fold_end_step(pass, campaign, journey, step, OUTCOME_CANCELLED,
                              reason_text(REASON_NO_DATE));
        }
        if (journey_is_open(journey)) {
            i++;
            continue;
        }
        /* A date that is back by then has its next year's. */
        if (journey->trigger.kind == TRIGGER_YEARLY && pass->at_ms < journey->trigger.time_ms)
            wait_for_day(pass, dating->slot, journey);
        USER_LIST_REMOVE(&state->journeys, i);
    }
}

static bool id_is_taken(const struct dating *dating, const struct journey *open, struct span id)
{
    return note_index(dating->pass->state, dating->slot->current->id, dating->key, id) != SIZE_MAX &&
           (open == NULL || !span_equal(open->trigger.id, id));
}

/* The first yearly occurrence today or later; with `passing`, that has not entered (but for the open
 * journey's own). */
static struct occurrence next_year(const struct dating *dating, const struct journey *open, bool passing)
{
    struct arena *arena = dating->pass->fold->arena;
    struct civil_date date = civil_from_days(dating->day);
    int64_t year = civil_from_days(dating->today).year;
    if (yearly_day(year, date) < dating->today)
        year++;
    struct occurrence occurrence = yearly_occurrence(arena, year, date);
    while (passing && id_is_taken(dating, open, occurrence.trigger_id))
        occurrence = yearly_occurrence(arena, ++year, date);
    return occurrence;
}

static void enter_occurrence(struct dating *dating, const struct occurrence *occurrence, bool changed)
{
    const struct fold *fold = dating->pass->fold;
    struct entering entering = {
        .slot = dating->slot,
        .scope = &dating->scope,
        .key = dating->key,
        .trigger = {.kind = dating->trigger->kind,
                    .alternative = dating->alternative,
                    .day = (int32_t)occurrence->day,
                    .id = occurrence->trigger_id,
                    .time_ms = zone_day_start_ms(fold->locale, dating->zone, occurrence->day),
                    .calendar_ms = dating->pass->at_ms,
                    .attributes = value_map(NULL, 0),
                    .follow = value_map(NULL, 0)},
        .date_changed = changed,
    };
    fold_enter(dating->pass, &entering);
}

static bool still_the_same(const struct dating *dating, const struct journey *open)
{
    const struct trigger_facts *facts = open->deferred != NULL ? &open->deferred->trigger : &open->trigger;
    if (dating->trigger->kind == TRIGGER_DATE)
        return dating->day == facts->day;
    return yearly_day(civil_from_days(facts->day).year, civil_from_days(dating->day)) == facts->day;
}

/* The one occurrence of a `date`: over, entered already, or to enter. */
static void enter_date(struct dating *dating, const struct journey *open)
{
    struct occurrence occurrence = date_occurrence(dating->pass->fold->arena, dating->day);
    if (dating->day < dating->today) {
        if (open != NULL)
            cancel_dated(dating);
    } else if (!id_is_taken(dating, open, occurrence.trigger_id)) {
        enter_occurrence(dating, &occurrence, open != NULL);
    } else if (open != NULL) {
        fold_record_ignored(dating->pass, dating->slot->current, dating->key, occurrence.trigger_id,
                            REASON_IN_PROGRESS);
    }
}

static void date_alternative(struct dating *dating)
{
    struct fold_pass *pass = dating->pass;
    struct value value;
    int64_t instant_ms;
    if (!scope_value(&dating->scope, &dating->trigger->date, &value) ||
        schedule_date(pass->fold->locale, dating->zone, value, &instant_ms, &dating->day) != ERR_OK) {
        cancel_dated(dating);
        return;
    }
    struct journey *open = open_of(dating);
    if (open != NULL && still_the_same(dating, open))
        return;
    if (dating->trigger->kind == TRIGGER_DATE) {
        enter_date(dating, open);
        return;
    }
    bool waits =
        open == NULL && wake_index(pass->state, dating->slot->current->id, dating->alternative) != SIZE_MAX;
    struct occurrence occurrence = next_year(dating, open, !waits);
    /* The year after one that has entered waits until its day has come. */
    if (!waits || !id_is_taken(dating, open, occurrence.trigger_id))
        enter_occurrence(dating, &occurrence, open != NULL);
}

static void look_at_alternative(struct fold_pass *pass, const struct campaign_slot *slot,
                                uint32_t alternative)
{
    struct dating dating = {
        .pass = pass,
        .slot = slot,
        .alternative = alternative,
        .trigger = &slot->current->triggers[alternative],
        .zone = zone_of_user(pass->fold, pass->state),
    };
    dating.today = zone_day(pass->fold->locale, dating.zone, pass->at_ms);
    scope_init(&dating.scope, pass->fold, pass->state, pass->at_ms);
    scope_bind(&dating.scope, VARIABLE_EVENT, value_map(NULL, 0));
    scope_bind(&dating.scope, VARIABLE_TRIGGER, value_map(NULL, 0));
    scope_text(&dating.scope, &slot->current->entry.key, &dating.key);
    date_alternative(&dating);
}

static bool is_dated(const struct campaign_slot *slot, uint32_t alternative)
{
    if (slot == NULL || slot->life.status == CAMPAIGN_ARCHIVED ||
        alternative >= slot->current->trigger_count)
        return false;
    return trigger_is_date(slot->current->triggers[alternative].kind);
}

void fold_dates(struct fold_pass *pass, const struct campaign_slot *slot)
{
    for (uint32_t i = 0; i < slot->current->trigger_count; i++) {
        if (is_dated(slot, i))
            look_at_alternative(pass, slot, i);
    }
}

static void date_over(struct fold_pass *pass, const struct journey *journey)
{
    const struct campaign_slot *slot = campaign_set_find(pass->fold->campaigns, journey->campaign);
    uint32_t alternative = journey->trigger.alternative;
    if (pass->fold->no_further_year || !is_dated(slot, alternative))
        return;
    if (pass->at_ms >= journey->trigger.time_ms) {
        look_at_alternative(pass, slot, alternative);
        return;
    }
    wait_for_day(pass, slot, journey);
}

void fold_dates_over(struct fold_pass *pass)
{
    for (size_t i = 0; i < pass->over.count; i++)
        date_over(pass, &pass->over.items[i]);
    pass->over.count = 0;
}

void fold_date_woken(struct fold_pass *pass, struct span campaign, uint32_t alternative)
{
    size_t index = wake_index(pass->state, campaign, alternative);
    if (index == SIZE_MAX)
        return;
    USER_LIST_REMOVE(&pass->state->wakes, index);
    const struct campaign_slot *slot = campaign_set_find(pass->fold->campaigns, campaign);
    if (!pass->fold->no_further_year && is_dated(slot, alternative))
        look_at_alternative(pass, slot, alternative);
}
