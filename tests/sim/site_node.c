#include <stdio.h>
#include <stdlib.h>

#include "app/engine.h"
#include "app/intake.h"
#include "sim/sim_journal.h"
#include "sim/sim_outbox.h"
#include "sim/sim_source.h"
#include "sim/site.h"
#include "sim/start.h"

#define TURN_WAIT_MS 200
#define TURNS_A_SECOND 5000 /* more: it turns round and round for nothing */
#define BEGIN_AGAIN_US SECOND

struct node {
    struct site *site;
    struct process process;
    bool stop;
    bool engine_ended, intake_ended;

    struct task *engine_task;
    struct sim_journal *journal;
    struct sim_outbox *outbox;
    struct sim_connection connection;
    struct journal_port journal_port;
    struct outbox_port outbox_port;
    struct store_port store_port;
    struct engine *engine;
    struct metrics *metrics;

    struct task *intake_task;
    struct sim_registry registry;
};

static int64_t wall_ms(void *self)
{
    const struct process *process = self;
    return sim_start_ms + process->world->now_us / MS + process->skew_ms;
}

static int64_t monotonic_ms(void *self)
{
    const struct process *process = self;
    return process->world->now_us / MS + process->monotonic_at_ms;
}

static struct span outbound_topic(void *self, struct span channel)
{
    (void)self;
    (void)channel;
    return SPAN_LITERAL("sim.out.push");
}

static void wake_journal(void *self)
{
    sim_journal_wake(self);
}

static void node_ended(struct node *node)
{
    if (node->engine_ended && node->intake_ended)
        process_end(&node->process);
}

/* ---- the engine's thread ---- */

static void run_engine(void *self)
{
    struct node *node = self;
    bool stopping = false;
    int64_t second_us = 0;
    int turns = 0;
    while (!engine_stopped(node->engine)) {
        struct diag diag = {0};
        if (node->site->world.now_us >= second_us) {
            second_us = node->site->world.now_us + SECOND;
            turns = 0;
        }
        node->site->busy |= ++turns > TURNS_A_SECOND;
        if (!stopping && node->stop) {
            stopping = true;
            engine_stop(node->engine);
        }
        if (engine_turn(node->engine, TURN_WAIT_MS, &diag) != ERR_OK)
            abort(); /* the simulated journal refuses nothing for good */
    }
    engine_free(node->engine);
    metrics_free(node->metrics);
    node->engine_ended = true;
    node_ended(node);
}

/* Small and odd, so that what lies at the bounds is met often. */
static struct engine_bounds bounds(struct site *site)
{
    struct world *world = &site->world;
    if (world_chance(world, 300))
        return engine_bounds_live;
    if (site->crowd != 0 && world_chance(world, 700))
        return (struct engine_bounds){
            .horizon_ms = world_between(world, 500, 50000),
            .horizon_refill_ms = world_between(world, 0, 4000),
            .horizon_load = (size_t)world_between(world, 1, 60),
            .batch_records = (size_t)world_between(world, 1, 60),
            .batch_bytes = (size_t)world_between(world, 200, 20000),
            .batch_users = (size_t)world_between(world, 1, 60),
            .fire_users = (size_t)world_between(world, 1, 40),
            .block_bytes = (size_t)world_between(world, 1, 2000),
            .slice_users = (size_t)world_between(world, 1, 10),
            .walk_users = (size_t)world_between(world, 1, 40),
        };
    return (struct engine_bounds){
        .horizon_ms = world_between(world, 3000, 70000),
        .horizon_refill_ms = world_between(world, 0, 2500),
        .horizon_load = (size_t)world_between(world, 1, 4),
        .batch_records = (size_t)world_between(world, 1, 6),
        .batch_bytes = (size_t)world_between(world, 1, 2000),
        .batch_users = (size_t)world_between(world, 1, 4),
        .fire_users = (size_t)world_between(world, 1, 3),
        .block_bytes = (size_t)world_between(world, 1, 300),
        .slice_users = (size_t)world_between(world, 1, 3),
        .walk_users = (size_t)world_between(world, 1, 3),
        .sweep_users = (size_t)world_between(world, 1, 6),
        .sweep_bytes = (size_t)world_between(world, 1, 3000),
        .sweep_rest = (int)world_below(world, 4),
    };
}

static void open_engine(struct node *node)
{
    static const struct log silent = {LOG_ERROR + 1, 2}, loud = {LOG_DEBUG, 1};
    struct site *site = node->site;
    node->journal = sim_journal_open(&node->process, &site->cluster);
    node->outbox = sim_outbox_open(&node->process, &site->cluster, wake_journal, node->journal);
    node->connection = (struct sim_connection){.process = &node->process, .store = site->cluster.store};
    node->journal_port = sim_journal_port(node->journal);
    node->outbox_port = sim_outbox_port(node->outbox);
    node->store_port = sim_store_port(&node->connection);
    struct engine_options options = {.bounds = bounds(site),
                                     .log = site->world.trace ? &loud : &silent,
                                     .prefix = SPAN_LITERAL("sim."),
                                     .journal_topic = SPAN_LITERAL("sim.journal"),
                                     .decisions_topic = SPAN_LITERAL("sim.decisions"),
                                     .outbound_topic = outbound_topic,
                                     .limits = fold_limits_default,
                                     .mark_window_ms = ENGINE_MARK_WINDOW_MS,
                                     .sweep_every_ms = site->sweep_every_ms,
                                     .worker = node->process.number % 256};
    struct engine_ports ports = {.journal = &node->journal_port,
                                 .outbox = &node->outbox_port,
                                 .store = &node->store_port,
                                 .clock = {&node->process, wall_ms, monotonic_ms},
                                 .locale = &site->shared->locale};
    node->metrics = metrics_new();
    node->engine = engine_new(&options, &ports, site->shared->definitions, node->metrics);
    node->engine_task = task_start(&node->process, run_engine, node);
    node->connection.task = node->engine_task;
    sim_journal_bind(node->journal, node->engine_task);
    sim_outbox_bind(node->outbox, node->engine_task);
}

/* ---- the intake's thread ---- */

/* Incarnations need to differ, between runs of the same seed they need not. */
static uint64_t incarnation(void)
{
    static uint64_t last;
    return ++last * UINT64_C(0x9E3779B97F4A7C15);
}

/* One life of an intake; true when it stopped in order. */
static bool run_intake_once(struct node *node)
{
    struct site *site = node->site;
    struct sim_source *source = sim_source_open(&node->process, &site->cluster, node->intake_task);
    struct sim_appender *appender = sim_appender_open(&node->process, &site->cluster, node->intake_task);
    struct intake_source topics[] = {
        {.topic = SPAN_LITERAL("shop"), .mapping = site->shared->mapping},
        {.topic = SPAN_LITERAL("people"), .profiles = true, .mapping = site->shared->mapping}};
    struct intake_settings settings = {.sources = topics,
                                       .source_count = 2,
                                       .partitions = site->cluster.journal_partitions,
                                       .connector = SPAN_LITERAL("sim.intake"),
                                       .limits = record_limits_default,
                                       .max_age_ms = INT64_C(7) * 86400 * 1000,
                                       .max_future_ms = INT64_C(300) * 1000,
                                       .random = incarnation};
    intake_settings_turn(&settings);
    struct intake_ports ports = {.source = sim_source_port(source),
                                 .appender = sim_appender_port(appender),
                                 .interest = sim_interest_port(&node->registry),
                                 .clock = {&node->process, wall_ms, monotonic_ms}};
    struct intake *intake = intake_new(&settings, &ports);
    enum err error = ERR_OK;
    while (error == ERR_OK && !intake_stopped(intake)) {
        if (node->stop)
            intake_stop(intake);
        error = intake_step(intake, TURN_WAIT_MS);
    }
    intake_free(intake);
    sim_source_close(source);
    sim_appender_close(appender);
    return error == ERR_OK;
}

static void run_intake(void *self)
{
    struct node *node = self;
    while (!run_intake_once(node) && !node->stop)
        do /* one that begins while the clock is wrong cannot know it */
            task_sleep(node->intake_task, BEGIN_AGAIN_US);
        while (node->process.clock_wrong);
    node->intake_ended = true;
    node_ended(node);
}

/* ---- the life of a process ---- */

void site_node_start(struct site *site)
{
    struct world *world = &site->world;
    struct node *node = ARENA_NEW(&world->arena, struct node);
    if (site->node_count == sizeof site->nodes / sizeof *site->nodes)
        return;
    site->nodes[site->node_count++] = node;
    node->site = site;
    node->process = (struct process){.world = world, .number = ++site->last_process, .alive = true};
    node->process.monotonic_at_ms = world_between(world, 0, 100000);
    if (world->faults[FAULT_SKEW].on)
        node->process.skew_ms = world_between(world, -300, 300);
    node->registry = (struct sim_registry){.process = &node->process, .topic = &site->topic};
    world_trace(world, "process %d starts", node->process.number);
    open_engine(node);
    node->intake_task = task_start(&node->process, run_intake, node);
}

int site_nodes_alive(const struct site *site)
{
    int alive = 0;
    for (size_t i = 0; i < site->node_count; i++)
        alive += site->nodes[i]->process.alive && !site->nodes[i]->stop;
    return alive;
}

struct mend {
    struct process *process;
    int64_t by_ms;
};

static void watch_clock_again(void *self)
{
    struct process *process = self;
    process->clock_wrong = false;
}

static void mend_clock(void *self)
{
    struct mend *mend = self;
    mend->process->skew_ms -= mend->by_ms;
    /* Another mistake of the same size at once would look like this one, lasting. */
    world_call(mend->process->world, 10 * SECOND, NULL, watch_clock_again, mend->process);
    world_trace(mend->process->world, "the clock of process %d is mended", mend->process->number);
}

/* An operator sets a clock wrong and notices: within the time for which firing is held. */
static void set_clock(struct site *site, struct process *process)
{
    struct world *world = &site->world;
    struct mend *mend = ARENA_NEW(&world->arena, struct mend);
    *mend = (struct mend){process, world_between(world, 6000, 100000)};
    if (world_chance(world, 400))
        mend->by_ms = -mend->by_ms;
    process->skew_ms += mend->by_ms;
    process->clock_wrong = true;
    world_trace(world, "the clock of process %d is set wrong by %ld ms", process->number,
                (long)mend->by_ms);
    world_call(world, world_between(world, 0, 9 * SECOND), NULL, mend_clock, mend);
}

void site_tend(void *self)
{
    struct site *site = self;
    struct world *world = &site->world;
    for (size_t i = 0; i < site->node_count; i++) {
        struct node *node = site->nodes[i];
        if (!node->process.alive || node->stop)
            continue;
        if (!node->process.clock_wrong && world_strikes(world, FAULT_CLOCK_STEP, 60))
            set_clock(site, &node->process);
        if (world_strikes(world, FAULT_RESTART, 30)) {
            world_trace(world, "process %d is asked to end", node->process.number);
            node->stop = true;
        }
    }
    for (int32_t p = 0; p < site->cluster.journal_partitions; p++)
        if (world->faults[FAULT_SKEW].on && world_chance(world, 20))
            site->cluster.journal[p].skew_ms = world_between(world, -300, 300);
    int wanted = 2 + (int)(world->seed % 2);
    if (site_nodes_alive(site) < wanted &&
        (world->now_us >= world->faults_until_us || world_chance(world, 300)))
        site_node_start(site);
    world_call(world, 500 * MS, NULL, site_tend, site);
}
