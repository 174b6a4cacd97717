#include "sim/cluster.h"
#include "sim/sim_store.h"

#include <assert.h>
#include <stdlib.h>

static void grown(void *self, struct sim_log *log)
{
    struct cluster *cluster = self;
    for (size_t i = 0; i < cluster->reader_count;) {
        struct reader *reader = &cluster->readers[i];
        if (!reader->process->alive) {
            *reader = cluster->readers[--cluster->reader_count];
            continue;
        }
        reader->grown(reader->self, log);
        i++;
    }
}

static void log_init(struct cluster *cluster, struct sim_log *log, const char *name, int32_t partition)
{
    sim_log_init(log, cluster->world, name, partition);
    log->grown = grown;
    log->grown_self = cluster;
}

/* ---- accidents ---- */

static void sessions_begin(void *self)
{
    struct cluster *cluster = self;
    group_begin_sessions(&cluster->engines);
    group_begin_sessions(&cluster->intakes);
}

/* One that stands still goes on with the clock as it is: sessions and transactions may have run out. One
 * that died has lost what it had answered but not sent, and gives members time to find it again. */
static void broker_goes(struct cluster *cluster)
{
    struct world *world = cluster->world;
    int64_t away_us = world_chance(world, 500) ? world_between(world, 20 * MS, SECOND)
                                               : world_between(world, SECOND, 12 * SECOND);
    if (world_broker_is_away(world))
        return;
    world->broker->frozen_until_us = world->now_us + away_us;
    world->answers_lost = world_chance(world, 600);
    world_trace(world, "the broker %s until %.3f", world->answers_lost ? "is dead" : "stands still",
                (double)world->broker->frozen_until_us / (double)SECOND);
    if (world->answers_lost)
        world_call(world, away_us, NULL, sessions_begin, cluster);
}

static void accidents(void *self)
{
    struct cluster *cluster = self;
    struct world *world = cluster->world;
    bool disaster = world->crashes != cluster->crashes_seen && world_strikes(world, FAULT_DISASTER, 2);
    cluster->crashes_seen = world->crashes;
    if (world_strikes(world, FAULT_BROKER_AWAY, 150) || (disaster && world_chance(world, 600)))
        broker_goes(cluster);
    if (disaster && world_chance(world, 600))
        sim_store_die(cluster->store);
    if (cluster->broker.count != 0 && world_strikes(world, FAULT_FENCED, 100))
        transactional_fence(cluster->broker.list[world_below(world, (int64_t)cluster->broker.count)], 0);
    world_call(world, 100 * MS, NULL, accidents, cluster);
}

void cluster_init(struct cluster *cluster, struct world *world, int journal_partitions)
{
    *cluster = (struct cluster){
        .world = world, .journal_partitions = journal_partitions, .broker = {.world = world}};
    for (int32_t p = 0; p < journal_partitions; p++)
        log_init(cluster, &cluster->journal[p], "journal", p);
    for (int32_t p = 0; p < SOURCE_PARTITIONS; p++)
        log_init(cluster, &cluster->source[p], "source", p);
    log_init(cluster, &cluster->out, "out", 0);
    log_init(cluster, &cluster->decisions, "decisions", 0);
    log_init(cluster, &cluster->dead_letters, "dlq", 0);
    group_init(&cluster->engines, world, "engines", journal_partitions);
    group_init(&cluster->intakes, world, "intakes", SOURCE_PARTITIONS);
    world_call(world, 100 * MS, NULL, accidents, cluster);
}

void cluster_watch(struct cluster *cluster, struct process *process,
                   void (*grown_call)(void *self, struct sim_log *log), void *self)
{
    assert(cluster->reader_count < READERS_MAX);
    cluster->readers[cluster->reader_count++] = (struct reader){grown_call, self, process};
}

struct sim_log *cluster_log(struct cluster *cluster, struct span topic, int32_t partition)
{
    if (span_equal_text(topic, "sim.journal")) {
        assert(partition >= 0 && partition < cluster->journal_partitions);
        return &cluster->journal[partition];
    }
    if (span_equal_text(topic, "sim.decisions"))
        return &cluster->decisions;
    assert(span_starts_with(topic, SPAN_LITERAL("sim.out.")));
    return &cluster->out;
}
