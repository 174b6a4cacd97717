#include "sim/cluster.h"

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
