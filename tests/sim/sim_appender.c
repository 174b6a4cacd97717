#include "sim/sim_appender.h"

#include <assert.h>
#include <stdlib.h>

struct append {
    struct sim_appender *appender;
    struct sim_log *log;
    struct sim_record record;
    uint64_t cookie;
    enum err error;
    struct append *next;
};

/* Appends of one log are done in order: one at a time is under way. */
struct lane {
    struct append *first, **last;
    bool busy;
};

struct sim_appender {
    struct process *process;
    struct cluster *cluster;
    struct task *task;
    bool closed, broken;
    struct lane lanes[JOURNAL_MAX + 1];
    struct append *reports, **reports_end;
};

struct sim_appender *sim_appender_open(struct process *process, struct cluster *cluster, struct task *task)
{
    struct sim_appender *a = ARENA_NEW(&cluster->world->arena, struct sim_appender);
    *a = (struct sim_appender){.process = process, .cluster = cluster, .task = task};
    for (size_t i = 0; i < JOURNAL_MAX + 1; i++)
        a->lanes[i].last = &a->lanes[i].first;
    a->reports_end = &a->reports;
    return a;
}

void sim_appender_close(struct sim_appender *appender)
{
    appender->closed = true;
}

static struct lane *lane_of(struct sim_appender *a, const struct sim_log *log)
{
    return &a->lanes[log == &a->cluster->dead_letters ? JOURNAL_MAX : log->partition];
}

static void lane_next(struct sim_appender *a, struct lane *lane);

static void reported(void *self)
{
    struct append *append = self;
    struct sim_appender *a = append->appender;
    if (a->closed)
        return;
    append->next = NULL;
    *a->reports_end = append;
    a->reports_end = &append->next;
    task_wake(a->task, 0);
}

/* On the broker. */
static void arrives(void *self)
{
    struct append *append = self;
    struct sim_appender *a = append->appender;
    struct world *world = a->cluster->world;
    struct lane *lane = lane_of(a, append->log);
    bool fails = a->broken || (!a->closed && world_strikes(world, FAULT_APPEND_FAIL, 60));
    /* A failed one may be in the log all the same, and so may those after it. */
    if (!fails || world_chance(world, 500)) {
        int64_t offset = sim_log_append(append->log, &append->record);
        world_trace(world, "process %d: intake: %s[%d] %ld", a->process->number, append->log->name,
                    append->log->partition, (long)offset);
    }
    if (fails) {
        a->broken = true;
        append->error = ERR_REFUSED;
    }
    int64_t delay_us = world_latency(world, MS);
    if (world_strikes(world, FAULT_APPEND_SLOW, 20))
        delay_us = world_between(world, 0, 5 * SECOND);
    world_answer(world, delay_us, a->process, reported, append);
    lane->busy = false;
    lane_next(a, lane);
}

static void lane_next(struct sim_appender *a, struct lane *lane)
{
    struct world *world = a->cluster->world;
    struct append *append = lane->first;
    if (lane->busy || append == NULL)
        return;
    /* What a dead process had not sent is gone; what was under way may arrive. */
    if ((!a->process->alive || a->closed) && world_chance(world, 500)) {
        lane->first = NULL;
        lane->last = &lane->first;
        return;
    }
    lane->first = append->next;
    if (lane->first == NULL)
        lane->last = &lane->first;
    lane->busy = true;
    int64_t delay_us = world_latency(world, 2 * MS);
    if (world_strikes(world, FAULT_APPEND_SLOW, 20))
        delay_us = world_between(world, 0, 5 * SECOND);
    world_ask(world, delay_us, arrives, append);
}

static enum err appender_append(void *self, const struct appender_record *record)
{
    struct sim_appender *a = self;
    struct arena *arena = &a->cluster->world->arena;
    process_step(a->process, 10);
    assert(!a->closed);
    if (a->broken)
        return ERR_REFUSED;
    struct append *append = ARENA_NEW(arena, struct append);
    append->appender = a;
    append->log = record->target == APPENDER_JOURNAL ? &a->cluster->journal[record->partition]
                                                     : &a->cluster->dead_letters;
    append->record = (struct sim_record){.key = arena_copy(arena, record->key),
                                         .value = arena_copy(arena, record->value)};
    append->cookie = record->cookie;
    struct lane *lane = lane_of(a, append->log);
    *lane->last = append;
    lane->last = &append->next;
    lane_next(a, lane);
    return ERR_OK;
}

static size_t appender_poll(void *self, struct appender_report *reports, size_t capacity)
{
    struct sim_appender *a = self;
    size_t count = 0;
    while (a->reports != NULL && count < capacity) {
        reports[count++] = (struct appender_report){a->reports->error, a->reports->cookie};
        a->reports = a->reports->next;
    }
    if (a->reports == NULL)
        a->reports_end = &a->reports;
    return count;
}

static struct span appender_trouble(void *self)
{
    const struct sim_appender *a = self;
    return a->broken ? SPAN_LITERAL("refused") : SPAN_LITERAL("");
}

struct appender_port sim_appender_port(struct sim_appender *appender)
{
    return (struct appender_port){
        .self = appender, .append = appender_append, .poll = appender_poll, .trouble = appender_trouble};
}

/* ---- the registry ---- */

struct ticket {
    struct sim_registry *registry;
    uint64_t number;
    int published; /* as of the broker's answer */
};

static void ticket_passes(void *self)
{
    struct ticket *ticket = self;
    struct sim_registry *r = ticket->registry;
    if (ticket->published > r->seen)
        r->seen = ticket->published;
    if (ticket->number > r->passed)
        r->passed = ticket->number;
}

static uint64_t interest_ask(void *self)
{
    struct sim_registry *r = self;
    struct world *world = r->topic->world;
    struct ticket *ticket = ARENA_NEW(&world->arena, struct ticket);
    *ticket = (struct ticket){r, ++r->asked, r->topic->published};
    int64_t delay_us = world_latency(world, 3 * MS);
    if (world_strikes(world, FAULT_REGISTRY_SLOW, 10))
        delay_us = world_between(world, 0, 5 * SECOND);
    world_answer(world, delay_us, r->process, ticket_passes, ticket);
    return ticket->number;
}

static bool interest_passed(void *self, uint64_t ticket)
{
    const struct sim_registry *r = self;
    return r->passed >= ticket;
}

static const struct interest *interest_acquire(void *self, void **hold)
{
    const struct sim_registry *r = self;
    *hold = NULL;
    return r->topic->sets[r->seen];
}

static void interest_release(void *self, void *hold)
{
    (void)self;
    (void)hold;
}

struct interest_port sim_interest_port(struct sim_registry *registry)
{
    return (struct interest_port){.self = registry,
                                  .ask = interest_ask,
                                  .passed = interest_passed,
                                  .acquire = interest_acquire,
                                  .release = interest_release};
}
