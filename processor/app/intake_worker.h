/* A worker's intake thread: opens the ports and steps the intake until it is told to stop. When an intake
 * ends by an error it begins again from what was committed, after a while.
 */
#ifndef DECLIC_APP_INTAKE_WORKER_H
#define DECLIC_APP_INTAKE_WORKER_H

#include "app/registry.h"
#include "app/worker.h"

struct intake_worker {
    const struct worker_shared *shared;
    struct registry *registry;
    int number;
    pthread_t thread;
    bool running;     /* thread was started and not joined */
    bool left_client; /* once ended: see kafka_consumer_destroy */
    atomic_bool stop;
    atomic_bool ended;
    atomic_bool failed;
};

void intake_worker_start(struct intake_worker *worker);
/* Asks for an orderly end. */
void intake_worker_stop(struct intake_worker *worker);

#endif
