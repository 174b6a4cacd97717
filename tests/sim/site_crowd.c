/* Hundreds of users with one journey each, whose sends fall due together: what is near does not fit into
 * the horizon, a transaction takes some of what is due, and some sends lie long beyond both. The judge
 * reads journal, messages and decisions by itself:
 *
 *     each step of a trigger that is in the journal has one outcome, sent or cancelled; it is sent exactly
 *     when a message says so, and no message comes twice or before its due; without a cancel it is sent;
 *     with one that reached the journal before the due (or before the trigger) it is not.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/journal.h"
#include "sim/site.h"
#include "sim/start.h"

#define USERS_MAX 400
#define STEPS 3

/* As CROWD_CAMPAIGN has them: keep both alike. */
static const struct {
    const char *id;
    int64_t after_ms;
} steps[STEPS] = {{"soon", 3000}, {"then", 14000}, {"last", 41000}};

/* ---- what happens ---- */

struct act {
    struct site *site;
    int user;
    const char *name;
    int64_t time_us; /* when it occurred; -1: as it is written */
};

static void write_act(void *self)
{
    const struct act *act = self;
    struct site *site = act->site;
    struct world *world = &site->world;
    struct sim_log *log = &site->cluster.source[world_below(world, SHOP_PARTITIONS)];
    int64_t time_us = act->time_us < 0 ? world->now_us : act->time_us;
    struct span json = arena_printf(&world->arena,
                                    "{\"id\":\"%s%d\",\"user\":\"u%d\",\"name\":\"%s\",\"time\":%lld,"
                                    "\"attributes\":{\"c\":\"\",\"n\":%d}}",
                                    act->name, act->user, act->user, act->name,
                                    (long long)(sim_start_ms + time_us / MS), act->user);
    (void)sim_log_append(log, &(struct sim_record){.value = json});
    world_trace(world, "shop: %s of u%d", act->name, act->user);
    site->planned--;
}

static void plan_act(struct site *site, const char *name, int user, int64_t at_us, int64_t time_us)
{
    struct act *act = ARENA_NEW(&site->world.arena, struct act);
    *act = (struct act){site, user, name, time_us};
    site->planned++;
    world_ask(&site->world, at_us, write_act, act);
}

/* Some are sorry: early, or about when one of their sends falls due. */
static void plan_regret(struct site *site, int user, int64_t at_us, int64_t time_us)
{
    static const int64_t spans_us[] = {4 * MS, 40 * MS, 1200 * MS, 6 * SECOND};
    struct world *world = &site->world;
    if (!world_chance(world, 250))
        return;
    int64_t span_us = spans_us[world_below(world, 4)];
    int64_t due_us = time_us + steps[world_below(world, STEPS)].after_ms * MS;
    int64_t regret_us = due_us + world_between(world, -span_us, span_us);
    plan_act(site, "crowdless", user, regret_us > at_us ? regret_us : at_us + MS, -1);
}

void site_crowd_open(struct site *site)
{
    struct world *world = &site->world;
    if (!site_has(site, PART_CROWD, 150))
        return;
    site->crowd = (int)world_between(world, 20, world_chance(world, 300) ? USERS_MAX : 120);
    int user = 0;
    while (user < site->crowd) {
        int64_t wave_us = world_between(world, SECOND, 55 * SECOND);
        int64_t takes_us = world_between(world, 0, 4) * SECOND;
        int count = (int)world_between(world, 1, site->crowd - user);
        bool together = world_chance(world, 500);
        for (int i = 0; i < count; i++, user++) {
            int64_t at_us = wave_us + world_between(world, 0, takes_us);
            int64_t time_us = together ? wave_us : at_us;
            plan_act(site, "crowd", user, at_us, time_us);
            if (world_chance(world, 40)) /* once more, the same */
                plan_act(site, "crowd", user, at_us + world_between(world, 0, 10 * SECOND), time_us);
            plan_regret(site, user, at_us, time_us);
        }
    }
}

/* ---- who is who ---- */

/* The number of a crowd's user; -1: none of them. */
static int user_number(struct span user)
{
    int number = 0;
    if (user.size < 2 || user.size > 4 || user.data[0] != 'u')
        return -1;
    for (size_t i = 1; i < user.size; i++) {
        if (user.data[i] < '0' || user.data[i] > '9')
            return -1;
        number = number * 10 + (user.data[i] - '0');
    }
    return number < USERS_MAX ? number : -1;
}

bool site_crowd_is_user(struct span user)
{
    return user_number(user) >= 0;
}

/* ---- what it must come to ---- */

struct tally {
    int messages, scheduled, sent, cancelled, others;
    int64_t message_at_ms;
};

struct member {
    bool triggered, cancelled;
    int triggers_at, cancels_at; /* places in the order of his partition */
    int64_t time_ms, cancel_at_ms;
    struct tally outcomes[STEPS];
    int ignored; /* as cancelled */
};

struct crowd {
    const struct site *site;
    struct member members[USERS_MAX];
    int places;
    char *why;
    size_t why_bytes;
    bool broken;
};

static void read_event(struct crowd *crowd, const struct event *event, int64_t at_ms)
{
    int number = user_number(event->user);
    if (number < 0)
        return;
    struct member *member = &crowd->members[number];
    crowd->places++;
    if (span_equal_text(event->name, "crowd") && !member->triggered) {
        member->triggered = true;
        member->triggers_at = crowd->places;
        member->time_ms = event->time_ms;
    } else if (span_equal_text(event->name, "crowdless") && !member->cancelled) {
        member->cancelled = true;
        member->cancels_at = crowd->places;
        member->cancel_at_ms = at_ms;
    }
}

static void read_journal(struct crowd *crowd, const struct sim_log *log)
{
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < log->count; i++) {
        const struct sim_record *record = &log->records[i];
        struct journal_reader reader;
        struct entry entry;
        arena_reset(&arena);
        if (record->state != RECORD_COMMITTED ||
            journal_reader_init(&reader, record->value, &arena) != ERR_OK)
            continue;
        while (journal_reader_next(&reader, &entry) == ERR_OK)
            if (entry.kind == ENTRY_EVENT)
                read_event(crowd, &entry.event, sim_start_ms + record->at_us / MS);
    }
    arena_destroy(&arena);
}

/* Whose and which the record is; NULL: not of the crowd. */
static struct member *member_of(struct crowd *crowd, struct span json, int *step)
{
    char user[ORACLE_TEXT], id[ORACLE_TEXT];
    site_member_text(json, "user", user);
    site_member_text(json, "step", id);
    int number = user_number(span_from_text(user));
    for (*step = 0; *step < STEPS && strcmp(steps[*step].id, id) != 0;)
        ++*step;
    return number < 0 ? NULL : &crowd->members[number];
}

static void read_messages(struct crowd *crowd)
{
    const struct sim_log *out = &crowd->site->cluster.out;
    for (size_t i = 0; i < out->count; i++) {
        int step;
        struct member *member = out->records[i].state == RECORD_COMMITTED
                                    ? member_of(crowd, out->records[i].value, &step)
                                    : NULL;
        if (member == NULL || step == STEPS)
            continue;
        member->outcomes[step].messages++;
        member->outcomes[step].message_at_ms = sim_start_ms + out->records[i].at_us / MS;
    }
}

static int order_of_ids(const void *left, const void *right)
{
    const struct sim_record *const *a = left, *const *b = right;
    return span_compare((*a)->headers[0].value, (*b)->headers[0].value);
}

static void read_decision(struct crowd *crowd, const struct sim_record *record)
{
    int step;
    char outcome[ORACLE_TEXT], reason[ORACLE_TEXT];
    struct member *member = member_of(crowd, record->value, &step);
    if (member == NULL)
        return;
    site_member_text(record->value, "outcome", outcome);
    site_member_text(record->value, "reason", reason);
    if (step == STEPS) {
        member->ignored += strcmp(reason, "cancelled") == 0;
        return;
    }
    struct tally *of = &member->outcomes[step];
    of->scheduled += strcmp(outcome, "scheduled") == 0;
    of->sent += strcmp(outcome, "sent") == 0;
    of->cancelled += strcmp(outcome, "cancelled") == 0;
    of->others += strcmp(outcome, "skipped") == 0 || strcmp(outcome, "restarted") == 0 ||
                  strcmp(outcome, "postponed") == 0;
}

/* Those with the same id are one. */
static void read_decisions(struct crowd *crowd)
{
    const struct sim_log *log = &crowd->site->cluster.decisions;
    const struct sim_record **records = calloc(log->count + 1, sizeof(struct sim_record *));
    size_t count = 0;
    if (records == NULL)
        abort();
    for (size_t i = 0; i < log->count; i++)
        if (log->records[i].state == RECORD_COMMITTED)
            records[count++] = &log->records[i];
    if (count > 0)
        qsort(records, count, sizeof *records, order_of_ids);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || order_of_ids(&records[i], &records[i - 1]) != 0)
            read_decision(crowd, records[i]);
    free(records);
}

static void judge_step(struct crowd *crowd, int number, int step)
{
    const struct member *member = &crowd->members[number];
    const struct tally *of = &member->outcomes[step];
    int64_t due_ms = member->time_ms + steps[step].after_ms, slack_ms = crowd->site->slack_ms;
    bool before = member->cancelled && member->cancels_at < member->triggers_at;
    bool in_time = member->cancelled && member->cancel_at_ms + slack_ms <= due_ms;
    const char *what = NULL;
    if (of->messages > 1 || of->scheduled > 1)
        what = "REPEATED";
    else if (of->messages != 0 && of->message_at_ms + slack_ms < due_ms)
        what = "EARLY";
    else if (of->messages != 0 && (before || in_time))
        what = "CANCEL LOST";
    else if (of->messages == 0 && !member->cancelled)
        what = "LOST";
    else if (of->messages != of->sent)
        what = "CONTRADICTION";
    else if (before && (of->scheduled != 0 || member->ignored != 1))
        what = "CANCELLED before, yet not ignored";
    else if (!before && (of->scheduled != 1 || of->sent + of->cancelled != 1 || of->others != 0))
        what = "OUTCOME: not one";
    if (what == NULL || crowd->broken)
        return;
    crowd->broken = true;
    snprintf(crowd->why, crowd->why_bytes,
             "CROWD %s: u%d, step %s, due %ld: %d messages, %d scheduled, %d sent, %d cancelled, %d others",
             what, number, steps[step].id, (long)due_ms, of->messages, of->scheduled, of->sent,
             of->cancelled, of->others);
}

bool site_crowd_judge(const struct site *site, char *why, size_t why_bytes)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    if (crowd == NULL)
        abort();
    crowd->site = site;
    crowd->why = why;
    crowd->why_bytes = why_bytes;
    for (int32_t p = 0; p < site->cluster.journal_partitions; p++)
        read_journal(crowd, &site->cluster.journal[p]);
    read_messages(crowd);
    read_decisions(crowd);
    for (int user = 0; user < site->crowd && !crowd->broken; user++) {
        if (!crowd->members[user].triggered) {
            crowd->broken = true;
            snprintf(why, why_bytes, "CROWD EVENT LOST: the trigger of u%d is not in the journal", user);
        }
        for (int step = 0; step < STEPS && !crowd->broken; step++)
            judge_step(crowd, user, step);
    }
    bool kept = !crowd->broken;
    free(crowd);
    return kept;
}
