#include "memory/simulate.h"

#include <stdlib.h>

#include "base/hash.h"
#include "memory/sim_calendar.h"
#include "memory/sim_followers.h"
#include "memory/sim_hand.h"
#include "memory/sim_line.h"
#include "memory/sim_users.h"

#define INPUTS 3

/* A line is read before the one before it is taken, so that what is known of its user can be on its way
 * from memory meanwhile. */
struct line_ahead {
    bool there; /* false: nothing to take, as for a blank line */
    enum err error;
    struct diag diag;
    struct sim_line line;
    struct arena *input;
    uint64_t asked; /* of the user, see sim_users_ask */
    const struct sim_user *user;
};

struct simulation {
    struct simulation_options options;
    struct record_limits record_limits;
    struct fold_limits limits;
    struct mapping mapping;
    struct arena lasting; /* the mapping, users' ids, appointments */
    /* The line that is read ahead, the one that is being taken, and the one before it: what follows from
     * that at once is decided when the next one comes, and the state in hand may still point into it. */
    struct arena inputs[INPUTS];
    struct arena *input;
    uint64_t inputs_used;
    struct line_ahead ahead[2];
    const struct arena *hand_input; /* that the state in hand may point into */
    struct sim_hand hand;           /* its arena also takes what one fold or one decision needs */
    struct fold fold;
    struct sim_users users;
    struct sim_followers followers;
    struct sim_seen things; /* ids of events about things */
    struct sim_calendar calendar;
    bool has_clock;
    bool is_past_until; /* a line arrived after `until`: so do all that follow */
    int64_t clock_ms;
    uint64_t line;
};

/* --- the calendar ----------------------------------------------------------------------------------------
 */

/* Tells a journey from the user's others in the campaign; 64 bits are enough, as they are for the ids of
 * events. */
static uint64_t journey_hash(struct span key, struct span trigger_id)
{
    return hash_bytes(trigger_id, hash_bytes(key, 0));
}

static uint32_t step_place(const struct campaign *campaign, struct span step)
{
    uint32_t place = 0;
    while (!span_equal(campaign->steps[place].id, step))
        place++;
    return place;
}

static void put_send(struct simulation *simulation, const struct decision_record *record)
{
    const struct campaign_set *campaigns = simulation->options.campaigns;
    const struct campaign_slot *slot = campaign_set_find(campaigns, record->campaign);
    const struct campaign *campaign = campaign_slot_version(slot, record->version);
    struct appointment appointment = {
        .due_ms = record->due_ms,
        .user = simulation->hand.user,
        .journey = journey_hash(record->key, record->trigger_id),
        .campaign = (uint32_t)(slot - campaigns->slots),
        .step = step_place(campaign, record->step),
        .priority = (uint8_t)campaign->priority,
    };
    memcpy(appointment.send_id, record->send_id, SEND_ID_BYTES);
    sim_calendar_add(&simulation->calendar, &appointment);
}

/* Everything that happens passes here: new dues go into the calendar. */
static void take_decision(void *self, const struct decision_record *record)
{
    struct simulation *simulation = self;
    if (record->outcome == OUTCOME_SCHEDULED || record->outcome == OUTCOME_POSTPONED)
        put_send(simulation, record);
    simulation->options.decisions.record(simulation->options.decisions.self, record);
}

/* The state in hand was folded: the days that it waits for go into the calendar. */
static void note_change(struct simulation *simulation)
{
    const struct date_wake *wake;
    size_t at = 0;
    sim_hand_changed(&simulation->hand);
    while ((wake = sim_hand_next_wake(&simulation->hand, &at)) != NULL)
        sim_calendar_add(
            &simulation->calendar,
            &(struct appointment){.due_ms = wake->at_ms, .user = simulation->hand.user, .wake = true});
}

/* --- deciding
 * ---------------------------------------------------------------------------------------------- */

static bool find_wake(struct simulation *simulation, const struct appointment *appointment,
                      const struct user_state *state, struct due_send *send)
{
    struct due_send *sends;
    size_t count =
        decide_collect(&simulation->fold, state, appointment->due_ms, &simulation->hand.arena, &sends);
    for (size_t i = 0; i < count; i++) {
        if (sends[i].step == DUE_WAKE && sends[i].due_ms == appointment->due_ms) {
            *send = sends[i];
            return true;
        }
    }
    return false;
}

/* The send that the appointment was made for, unless it was cancelled, replaced or moved since. */
static bool find_send(const struct simulation *simulation, const struct appointment *appointment,
                      const struct user_state *state, struct due_send *send)
{
    struct span campaign = simulation->options.campaigns->slots[appointment->campaign].current->id;
    for (size_t i = 0; i < state->journeys.count; i++) {
        const struct journey *journey = &state->journeys.items[i];
        if (appointment->step >= journey->step_count)
            continue;
        const struct step_state *step = &journey->steps[appointment->step];
        if (step->status != STEP_PENDING || step->due_ms != appointment->due_ms ||
            !span_equal(journey->campaign, campaign) ||
            journey_hash(journey->key, journey->trigger.id) != appointment->journey)
            continue;
        *send = (struct due_send){
            .due_ms = step->due_ms,
            .priority = appointment->priority,
            .journey = (uint32_t)i,
            .step = appointment->step,
            .steps = journey->steps,
            .attempt = step->attempt,
        };
        memcpy(send->send_id, appointment->send_id, SEND_ID_BYTES);
        return true;
    }
    return false;
}

static void keep_appointment(struct simulation *simulation, const struct appointment *appointment)
{
    struct due_send send;
    struct decided decided;
    sim_calendar_prefetch(&simulation->calendar, CALENDAR_APPOINTMENTS);
    struct user_state *state = sim_hand_take(&simulation->hand, appointment->user);
    sim_calendar_prefetch(&simulation->calendar, CALENDAR_USER);
    if (!(appointment->wake ? find_wake(simulation, appointment, state, &send)
                            : find_send(simulation, appointment, state, &send)))
        return;
    decide_send(&simulation->fold, state, &send, simulation->clock_ms, &decided);
    sim_calendar_prefetch(&simulation->calendar, CALENDAR_STATE);
    if (decided.has_record)
        take_decision(simulation, &decided.record);
    fold_settled(&simulation->fold, state, &decided.settled, simulation->clock_ms);
    note_change(simulation);
}

static bool is_interrupted(const struct simulation *simulation)
{
    const struct simulation_options *options = &simulation->options;
    return options->interrupted != NULL && options->interrupted(options->interrupted_self);
}

/* Decides whatever is due up to the instant (or, with `before`, before it). */
static void run_calendar(struct simulation *simulation, int64_t upto_ms, bool before)
{
    for (;;) {
        int64_t due_ms = sim_calendar_next_ms(&simulation->calendar);
        if (simulation->calendar.count == 0 || due_ms > upto_ms || (before && due_ms == upto_ms))
            return;
        if (is_interrupted(simulation))
            return;
        const struct appointment appointment = sim_calendar_take(&simulation->calendar);
        if (due_ms > simulation->clock_ms)
            simulation->clock_ms = due_ms;
        keep_appointment(simulation, &appointment);
    }
}

/* --- lines
 * ------------------------------------------------------------------------------------------------- */

/* The state of a user whom a line is about. The one in hand goes first: it may point into the line before.
 */
static struct user_state *open_user(struct simulation *simulation, struct sim_user *user)
{
    sim_hand_put_back(&simulation->hand);
    simulation->hand_input = simulation->input;
    return sim_hand_take(&simulation->hand, user);
}

static void take_profile(struct simulation *simulation, struct profile_update *update)
{
    update->arrived_ms = simulation->clock_ms;
    struct sim_user *user = sim_users_get(&simulation->users, &simulation->lasting, update->user);
    struct user_state *state = open_user(simulation, user);
    fold_profile(&simulation->fold, state, update, simulation->clock_ms);
    note_change(simulation);
}

/* A fan-out, campaign by campaign, in each the followers in order of id. */
static void take_thing(struct simulation *simulation, const struct event *event)
{
    const struct event_interest *interest =
        campaign_set_interest(simulation->options.campaigns, event->name);
    bool duplicate =
        sim_seen_take(&simulation->things, event->id, simulation->clock_ms, simulation->limits.dedupe_ms);
    sim_hand_put_back(&simulation->hand);
    for (size_t i = 0; i < interest->slot_count; i++) {
        size_t count;
        struct sim_user **users = sim_followers_of(&simulation->followers, &simulation->fold,
                                                   interest->slots[i], event, simulation->input, &count);
        for (size_t j = 0; j < count; j++) {
            struct user_state *state = open_user(simulation, users[j]);
            fold_thing(&simulation->fold, state, interest->slots[i], event, duplicate,
                       simulation->clock_ms);
            note_change(simulation);
        }
    }
}

static void take_user_event(struct simulation *simulation, const struct event *event)
{
    struct sim_user *user = sim_users_get(&simulation->users, &simulation->lasting, event->user);
    struct user_state *state = open_user(simulation, user);
    fold_event(&simulation->fold, state, event, simulation->clock_ms);
    const struct event_interest *interest =
        campaign_set_interest(simulation->options.campaigns, event->name);
    /* A rule that matched has its thing at the end of the list. */
    for (size_t i = 0; interest != NULL && i < interest->follow_count && i < state->follows.count; i++) {
        const struct follow_state *follow = &state->follows.items[state->follows.count - 1 - i];
        sim_followers_add(&simulation->followers, &simulation->lasting, follow->name, follow->thing, user);
    }
    note_change(simulation);
}

static enum err check_thing(const struct simulation *simulation, const struct event *event,
                            struct diag *diag)
{
    const struct event_interest *interest =
        campaign_set_interest(simulation->options.campaigns, event->name);
    if (interest != NULL && interest->thing)
        return ERR_OK;
    return diag_set(diag, ERR_NOT_FOUND, 0, 0,
                    "user: is missing, and no campaign is about things by the event %.*s",
                    SPAN_PRINTF(event->name));
}

static enum err take_event(struct simulation *simulation, struct event *event, struct diag *diag)
{
    event->arrived_ms = simulation->clock_ms;
    enum err error =
        event_check_age(event, simulation->limits.max_age_ms, simulation->options.max_future_ms, diag);
    if (error == ERR_OK && event->user.size == 0)
        error = check_thing(simulation, event, diag);
    if (error != ERR_OK)
        return error;
    if (event->user.size == 0)
        take_thing(simulation, event);
    else
        take_user_event(simulation, event);
    return ERR_OK;
}

static enum err take_profile_line(struct simulation *simulation, const struct sim_line *line,
                                  struct diag *diag)
{
    struct profile_update update;
    enum err error =
        source_value_read_profile(line->value, line->arrives_ms, true, &simulation->mapping,
                                  &simulation->record_limits.attributes, simulation->input, &update, diag);
    if (error == ERR_OK)
        take_profile(simulation, &update);
    return error;
}

/* `"attributes": null` stands for a record without a value. */
static enum err check_value(const struct sim_line *line, struct diag *diag)
{
    const struct value *attributes = value_member_find(line->value, SPAN_LITERAL("attributes"));
    if (attributes != NULL && attributes->kind == VALUE_NULL)
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "attributes: null stands for a record without a value, which is no event");
    return ERR_OK;
}

static enum err take_event_line(struct simulation *simulation, const struct sim_line *line,
                                struct diag *diag)
{
    const struct source_record record = {
        .topic = SPAN_LITERAL("simulate"),
        .offset = (int64_t)simulation->line,
        .timestamp_ms = line->arrives_ms,
    };
    struct event event;
    enum err error = check_value(line, diag);
    if (error == ERR_OK)
        error =
            source_value_read_event(&record, line->value, &simulation->mapping,
                                    &simulation->record_limits.attributes, simulation->input, &event, diag);
    return error == ERR_OK ? take_event(simulation, &event, diag) : error;
}

static bool is_blank(struct span line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    }
    return true;
}

/* Moves the clock to the line's arrival; false when that lies beyond the end. */
static bool move_clock(struct simulation *simulation, int64_t arrives_ms)
{
    if (simulation->has_clock && arrives_ms < simulation->clock_ms)
        arrives_ms = simulation->clock_ms;
    if (simulation->options.has_until && arrives_ms > simulation->options.until_ms)
        simulation->is_past_until = true;
    if (simulation->is_past_until)
        return false;
    if (!simulation->has_clock) {
        simulation->clock_ms = arrives_ms;
        sim_calendar_begin(&simulation->calendar, arrives_ms);
    }
    simulation->has_clock = true;
    run_calendar(simulation, arrives_ms, true);
    simulation->clock_ms = arrives_ms;
    return true;
}

static enum err take_line(struct simulation *simulation, const struct sim_line *line, struct diag *diag)
{
    bool profile;
    if (!move_clock(simulation, line->arrives_ms))
        return ERR_OK;
    enum err error = sim_line_kind(line->value, &profile, diag);
    if (error != ERR_OK)
        return error;
    return profile ? take_profile_line(simulation, line, diag) : take_event_line(simulation, line, diag);
}

static struct arena *next_input(struct simulation *simulation)
{
    struct arena *input = &simulation->inputs[simulation->inputs_used++ % INPUTS];
    if (simulation->hand_input == input)
        sim_hand_put_back(&simulation->hand);
    arena_reset(input);
    return input;
}

static void tell_refused(const struct simulation *simulation, const struct diag *diag)
{
    simulation->options.refused(simulation->options.refused_self, simulation->line,
                                diag->column > 0 ? diag->column : 1, diag->text);
}

static struct span user_of(struct value line)
{
    const struct value *user = value_member_find(line, SPAN_LITERAL("user"));
    return user != NULL && user->kind == VALUE_STRING ? value_span(*user) : span_make(NULL, 0);
}

static void read_ahead(struct simulation *simulation, struct span text, struct line_ahead *next)
{
    next->there = !is_blank(text);
    next->input = next_input(simulation);
    next->user = NULL;
    next->diag.column = 0;
    if (!next->there)
        return;
    next->error = sim_line_read(text, &simulation->record_limits, next->input, &next->line, &next->diag);
    if (next->error == ERR_OK)
        next->asked = sim_users_ask(&simulation->users, user_of(next->line.value));
}

static void take_ahead(struct simulation *simulation, struct line_ahead *ahead)
{
    if (!ahead->there)
        return;
    simulation->input = ahead->input;
    if (ahead->user != NULL)
        sim_user_ask_state(ahead->user);
    if (ahead->error == ERR_OK)
        ahead->error = take_line(simulation, &ahead->line, &ahead->diag);
    if (ahead->error != ERR_OK)
        tell_refused(simulation, &ahead->diag);
    ahead->there = false;
}

void simulation_take(struct simulation *simulation, struct span text)
{
    uint64_t number = simulation->inputs_used;
    struct line_ahead *next = &simulation->ahead[number % 2];
    read_ahead(simulation, text, next);
    if (number > 0) {
        take_ahead(simulation, &simulation->ahead[(number - 1) % 2]);
        simulation->line += 1;
    }
    if (next->there && next->error == ERR_OK)
        next->user = sim_users_asked(&simulation->users, next->asked);
}

static enum err take_record(struct simulation *simulation, const struct source_record *record,
                            const struct mapping *mapping, bool profile, struct diag *diag)
{
    struct event event;
    struct profile_update update;
    if (!move_clock(simulation, record->timestamp_ms))
        return ERR_OK;
    enum err error = profile ? source_record_read_profile(record, mapping, &simulation->record_limits,
                                                          simulation->input, &update, diag)
                             : source_record_read_event(record, mapping, &simulation->record_limits,
                                                        simulation->input, &event, diag);
    if (error != ERR_OK)
        return error;
    if (!profile)
        return take_event(simulation, &event, diag);
    take_profile(simulation, &update);
    return ERR_OK;
}

void simulation_take_record(struct simulation *simulation, const struct source_record *record,
                            const struct mapping *mapping, bool profile)
{
    struct diag diag = {0};
    simulation->input = next_input(simulation);
    if (take_record(simulation, record, mapping, profile, &diag) != ERR_OK)
        tell_refused(simulation, &diag);
    simulation->line += 1;
}

void simulation_finish(struct simulation *simulation)
{
    take_ahead(simulation, &simulation->ahead[(simulation->inputs_used + 1) % 2]);
    simulation->fold.no_further_year = !simulation->options.has_until;
    run_calendar(simulation, simulation->options.has_until ? simulation->options.until_ms : INT64_MAX,
                 false);
}

size_t simulation_user_count(const struct simulation *simulation)
{
    return simulation->users.count;
}

/* --- beginning and end ---------------------------------------------------------------------------------
 */

struct simulation *simulation_new(const struct simulation_options *options)
{
    struct arena lasting;
    arena_init(&lasting, 256 * 1024);
    struct simulation *simulation = ARENA_NEW(&lasting, struct simulation);
    simulation->options = *options;
    simulation->limits = options->limits != NULL ? *options->limits : fold_limits_default;
    if (options->limits == NULL)
        simulation->limits.history = 0;
    simulation->record_limits =
        options->record_limits != NULL ? *options->record_limits : record_limits_default;
    simulation->lasting = lasting;
    for (int i = 0; i < INPUTS; i++)
        arena_init(&simulation->inputs[i], 64 * 1024);
    sim_hand_init(&simulation->hand);
    const struct mapping_spec defaults = {.format = MAPPING_JSON};
    enum err error = mapping_compile(&defaults, &simulation->lasting, &simulation->mapping, NULL);
    assert(error == ERR_OK);
    (void)error;
    simulation->fold = (struct fold){
        .campaigns = options->campaigns,
        .policy = options->campaigns->policy,
        .limits = &simulation->limits,
        .locale = options->locale,
        .arena = &simulation->hand.arena,
        .decisions = {simulation, take_decision},
    };
    return simulation;
}

void simulation_free(struct simulation *simulation)
{
    if (simulation == NULL)
        return;
    sim_users_free(&simulation->users);
    sim_followers_free(&simulation->followers);
    sim_seen_free(&simulation->things);
    sim_calendar_free(&simulation->calendar);
    sim_hand_free(&simulation->hand);
    for (int i = 0; i < INPUTS; i++)
        arena_destroy(&simulation->inputs[i]);
    struct arena lasting = simulation->lasting; /* the simulation itself lies in it */
    arena_destroy(&lasting);
}
