/* A worker's engine thread: opens the ports and turns the engine until it is told to stop.
 */
#ifndef DECLIC_APP_WORKER_H
#define DECLIC_APP_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/config.h"
#include "app/definitions.h"
#include "app/engine.h"
#include "app/metrics.h"
#include "kafka/kafka_client.h"

/* What all workers of the process share, read only. */
struct worker_shared {
    const struct config *config;
    const struct log *log;
    const struct kafka_properties *kafka;
    struct definitions *definitions;
    struct metrics *metrics;
    struct span avro_head;                              /* engine_options */
    const char *process_id;                             /* kafka_process_id */
    struct span prefix, journal_topic, decisions_topic; /* NUL-terminated */
};

struct worker {
    const struct worker_shared *shared;
    int number;
    pthread_t thread;
    bool running;     /* thread was started and not joined */
    bool left_client; /* once ended: see kafka_consumer_destroy */
    atomic_bool stop;
    atomic_bool ended;
    atomic_bool failed;
    atomic_int owned, attached;
    atomic_bool assigned_once, store_away;
};

/* What an engine of this configuration is told, but where messages go and whose it is. */
struct engine_options worker_engine_options(const struct worker_shared *shared);

void worker_start(struct worker *worker);
/* Asks for an end; the thread notices within some 10 ms. */
void worker_stop(struct worker *worker);

#endif
