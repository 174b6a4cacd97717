/* What all processes of a simulation talk to: the logs, the groups, the coordinator, the store.
 */
#ifndef DECLIC_SIM_CLUSTER_H
#define DECLIC_SIM_CLUSTER_H

#include "sim/broker.h"
#include "sim/group.h"

#define JOURNAL_MAX 8
#define SHOP_PARTITIONS 2   /* of the topic of events */
#define SOURCE_PARTITIONS 3 /* and the only one of the topic of profiles */
#define READERS_MAX 64

struct sim_store;

struct cluster {
    struct world *world;
    int journal_partitions;
    struct sim_log journal[JOURNAL_MAX];
    struct sim_log source[SOURCE_PARTITIONS];
    struct sim_log out, decisions, dead_letters;
    struct broker broker;
    struct group engines, intakes;
    struct sim_store *store;
    int crashes_seen;
    /* Tasks that may be waiting for a log to grow. */
    struct reader {
        void (*grown)(void *self, struct sim_log *log);
        void *self;
        struct process *process;
    } readers[READERS_MAX];
    size_t reader_count;
};

void cluster_init(struct cluster *cluster, struct world *world, int journal_partitions);
/* `grown` is called for every log that grows, as long as the process lives. */
void cluster_watch(struct cluster *cluster, struct process *process,
                   void (*grown)(void *self, struct sim_log *log), void *self);
/* The log that a produced record goes to; partition is for the journal. */
struct sim_log *cluster_log(struct cluster *cluster, struct span topic, int32_t partition);

#endif
