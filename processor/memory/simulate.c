#include "memory/simulate.h"

#include <stdlib.h>

#include "codec/user_state_bin.h"
#include "memory/sim_calendar.h"
#include "memory/sim_followers.h"
#include "memory/sim_line.h"
#include "memory/sim_users.h"

struct simulation {
    struct simulation_options options;
    struct record_limits record_limits;
    struct fold_limits limits;
    struct mapping mapping;
    struct arena lasting; /* the mapping, users' ids, appointments */
    struct arena input;   /* the line that is being taken */
    struct arena batch;   /* what one fold or one decision needs */
    struct fold fold;
    struct sim_users users;
    struct sim_followers followers;
    struct sim_seen things; /* ids of events about things */
    struct sim_calendar calendar;
    struct appointment *free_appointments;
    bool has_clock;
    bool is_past_until; /* a line arrived after `until`: so do all that follow */
    int64_t clock_ms;
    uint64_t line;
    struct sim_user *current; /* whose state is being folded: who `scheduled` records are about */
    const struct date_wake *known_wakes; /* his, as they were before */
    size_t known_wake_count;
    struct buf encoded;
};

/* --- the calendar ----------------------------------------------------------------------------------------
 */

static struct appointment *new_appointment(struct simulation *simulation, int64_t due_ms)
{
    struct appointment *appointment = simulation->free_appointments;
    if (appointment != NULL)
        simulation->free_appointments = appointment->next_free;
    else
        appointment = ARENA_NEW(&simulation->lasting, struct appointment);
    *appointment = (struct appointment){.due_ms = due_ms, .user = simulation->current};
    return appointment;
}

static void put_send(struct simulation *simulation, const struct decision_record *record)
{
    struct appointment *appointment = new_appointment(simulation, record->due_ms);
    const struct campaign *campaign =
        campaign_set_version(simulation->options.campaigns, record->campaign, record->version);
    appointment->priority = campaign->priority;
    memcpy(appointment->send_id, record->send_id, SEND_ID_BYTES);
    sim_calendar_add(&simulation->calendar, appointment);
}

static void put_wake(struct simulation *simulation, int64_t at_ms)
{
    struct appointment *appointment = new_appointment(simulation, at_ms);
    appointment->wake = true;
    sim_calendar_add(&simulation->calendar, appointment);
}

/* Everything that happens passes here: new dues go into the calendar. */
static void take_decision(void *self, const struct decision_record *record)
{
    struct simulation *simulation = self;
    if (record->outcome == OUTCOME_SCHEDULED || record->outcome == OUTCOME_POSTPONED)
        put_send(simulation, record);
    simulation->options.decisions.record(simulation->options.decisions.self, record);
}

/* --- users
 * ------------------------------------------------------------------------------------------------- */

static void load(struct simulation *simulation, struct sim_user *user, struct user_state *state)
{
    simulation->current = user;
    enum err error = user_state_decode(user->state, user->id, &simulation->batch, state);
    assert(error == ERR_OK);
    (void)error;
    struct date_wake *wakes = ARENA_ARRAY(&simulation->batch, struct date_wake, state->wakes.count);
    for (size_t i = 0; i < state->wakes.count; i++)
        wakes[i] = state->wakes.items[i];
    simulation->known_wakes = wakes;
    simulation->known_wake_count = state->wakes.count;
}

static bool wake_is_known(const struct simulation *simulation, const struct date_wake *wake)
{
    for (size_t i = 0; i < simulation->known_wake_count; i++) {
        const struct date_wake *known = &simulation->known_wakes[i];
        if (known->at_ms == wake->at_ms && known->alternative == wake->alternative &&
            span_equal(known->campaign, wake->campaign))
            return true;
    }
    return false;
}

static void store(struct simulation *simulation, struct sim_user *user, const struct user_state *state)
{
    for (size_t i = 0; i < state->wakes.count; i++) {
        if (!wake_is_known(simulation, &state->wakes.items[i]))
            put_wake(simulation, state->wakes.items[i].at_ms);
    }
    buf_clear(&simulation->encoded);
    user_state_encode(state, &simulation->encoded);
    /* The state pointed into the former bytes: it is over with this. */
    sim_user_set_state(user, buf_span(&simulation->encoded));
}

/* --- deciding
 * ---------------------------------------------------------------------------------------------- */

static const struct due_send *find_due(const struct appointment *appointment, const struct due_send *sends,
                                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool wake = sends[i].step == DUE_WAKE;
        if (wake == appointment->wake && sends[i].due_ms == appointment->due_ms &&
            (wake || memcmp(sends[i].send_id, appointment->send_id, SEND_ID_BYTES) == 0))
            return &sends[i];
    }
    return NULL;
}

static void keep_appointment(struct simulation *simulation, const struct appointment *appointment)
{
    struct user_state state;
    struct due_send *sends;
    struct decided decided;
    arena_reset(&simulation->batch);
    load(simulation, appointment->user, &state);
    size_t count =
        decide_collect(&simulation->fold, &state, appointment->due_ms, &simulation->batch, &sends);
    const struct due_send *send = find_due(appointment, sends, count);
    if (send == NULL)
        return;
    decide_send(&simulation->fold, &state, send, simulation->clock_ms, &decided);
    if (decided.has_record)
        take_decision(simulation, &decided.record);
    fold_settled(&simulation->fold, &state, &decided.settled, simulation->clock_ms);
    store(simulation, appointment->user, &state);
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
        struct appointment *appointment = sim_calendar_first(&simulation->calendar);
        if (appointment == NULL || appointment->due_ms > upto_ms ||
            (before && appointment->due_ms == upto_ms))
            return;
        if (is_interrupted(simulation))
            return;
        sim_calendar_drop_first(&simulation->calendar);
        if (appointment->due_ms > simulation->clock_ms)
            simulation->clock_ms = appointment->due_ms;
        keep_appointment(simulation, appointment);
        appointment->next_free = simulation->free_appointments;
        simulation->free_appointments = appointment;
    }
}

/* --- lines
 * ------------------------------------------------------------------------------------------------- */

static void take_profile(struct simulation *simulation, struct profile_update *update)
{
    struct user_state state;
    update->arrived_ms = simulation->clock_ms;
    struct sim_user *user = sim_users_get(&simulation->users, &simulation->lasting, update->user);
    load(simulation, user, &state);
    fold_profile(&simulation->fold, &state, update, simulation->clock_ms);
    store(simulation, user, &state);
}

/* A fan-out, campaign by campaign, in each the followers in order of id. */
static void take_thing(struct simulation *simulation, const struct event *event)
{
    const struct event_interest *interest =
        campaign_set_interest(simulation->options.campaigns, event->name);
    bool duplicate =
        sim_seen_take(&simulation->things, event->id, simulation->clock_ms, simulation->limits.dedupe_ms);
    for (size_t i = 0; i < interest->slot_count; i++) {
        size_t count;
        struct sim_user **users = sim_followers_of(&simulation->followers, &simulation->fold,
                                                   interest->slots[i], event, &simulation->input, &count);
        for (size_t j = 0; j < count; j++) {
            struct user_state state;
            arena_reset(&simulation->batch);
            load(simulation, users[j], &state);
            fold_thing(&simulation->fold, &state, interest->slots[i], event, duplicate,
                       simulation->clock_ms);
            store(simulation, users[j], &state);
        }
    }
}

static void take_user_event(struct simulation *simulation, const struct event *event)
{
    struct user_state state;
    struct sim_user *user = sim_users_get(&simulation->users, &simulation->lasting, event->user);
    load(simulation, user, &state);
    fold_event(&simulation->fold, &state, event, simulation->clock_ms);
    const struct event_interest *interest =
        campaign_set_interest(simulation->options.campaigns, event->name);
    /* A rule that matched has its thing at the end of the list. */
    for (size_t i = 0; interest != NULL && i < interest->follow_count && i < state.follows.count; i++) {
        const struct follow_state *follow = &state.follows.items[state.follows.count - 1 - i];
        sim_followers_add(&simulation->followers, &simulation->lasting, follow->name, follow->thing, user);
    }
    store(simulation, user, &state);
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
    enum err error = source_value_read_profile(line->value, line->arrives_ms, true, &simulation->mapping,
                                               &simulation->record_limits.attributes, &update, diag);
    if (error == ERR_OK)
        take_profile(simulation, &update);
    return error;
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
    enum err error =
        source_value_read_event(&record, line->value, &simulation->mapping,
                                &simulation->record_limits.attributes, &simulation->input, &event, diag);
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
    if (!simulation->has_clock)
        simulation->clock_ms = arrives_ms;
    simulation->has_clock = true;
    run_calendar(simulation, arrives_ms, true);
    simulation->clock_ms = arrives_ms;
    return true;
}

static enum err take_line(struct simulation *simulation, struct span text, struct diag *diag)
{
    struct sim_line line;
    bool profile;
    enum err error = sim_line_read(text, &simulation->record_limits, &simulation->input, &line, diag);
    if (error != ERR_OK || !move_clock(simulation, line.arrives_ms))
        return error;
    error = sim_line_kind(line.value, &profile, diag);
    if (error != ERR_OK)
        return error;
    arena_reset(&simulation->batch);
    return profile ? take_profile_line(simulation, &line, diag) : take_event_line(simulation, &line, diag);
}

void simulation_take(struct simulation *simulation, struct span text)
{
    struct diag diag = {0};
    arena_reset(&simulation->input);
    if (!is_blank(text) && take_line(simulation, text, &diag) != ERR_OK)
        simulation->options.refused(simulation->options.refused_self, simulation->line, diag.text);
    simulation->line += 1;
}

static enum err take_record(struct simulation *simulation, const struct source_record *record,
                            const struct mapping *mapping, bool profile, struct diag *diag)
{
    struct event event;
    struct profile_update update;
    if (!move_clock(simulation, record->timestamp_ms))
        return ERR_OK;
    arena_reset(&simulation->batch);
    enum err error = profile ? source_record_read_profile(record, mapping, &simulation->record_limits,
                                                          &simulation->input, &update, diag)
                             : source_record_read_event(record, mapping, &simulation->record_limits,
                                                        &simulation->input, &event, diag);
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
    arena_reset(&simulation->input);
    if (take_record(simulation, record, mapping, profile, &diag) != ERR_OK)
        simulation->options.refused(simulation->options.refused_self, simulation->line, diag.text);
    simulation->line += 1;
}

void simulation_finish(struct simulation *simulation)
{
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
    arena_init(&simulation->input, 64 * 1024);
    arena_init(&simulation->batch, 256 * 1024);
    const struct mapping_spec defaults = {.format = MAPPING_JSON};
    enum err error = mapping_compile(&defaults, &simulation->lasting, &simulation->mapping, NULL);
    assert(error == ERR_OK);
    (void)error;
    simulation->fold = (struct fold){
        .campaigns = options->campaigns,
        .policy = options->campaigns->policy,
        .limits = &simulation->limits,
        .locale = options->locale,
        .arena = &simulation->batch,
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
    buf_free(&simulation->encoded);
    arena_destroy(&simulation->input);
    arena_destroy(&simulation->batch);
    struct arena lasting = simulation->lasting; /* the simulation itself lies in it */
    arena_destroy(&lasting);
}
