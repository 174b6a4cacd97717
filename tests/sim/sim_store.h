/* The store port with what may happen between a worker and Redis: no answer, an answer to a write that
 * was not done, a write done late, a full store; and what may happen to Redis: acknowledged writes
 * are lost (it goes back to an earlier point), it is emptied. The contents are memory/memory_store's.
 */
#ifndef DECLIC_SIM_STORE_H
#define DECLIC_SIM_STORE_H

#include "memory/memory_store.h"
#include "ports/store.h"
#include "sim/world.h"

#define STORE_POINTS 24

struct sim_store {
    struct world *world;
    struct memory_store *memory;
    struct store_port port;                    /* of memory */
    struct memory_store *points[STORE_POINTS]; /* earlier states of the whole */
    size_t point_count;
    int64_t full_until_us, away_until_us;
};

struct sim_store *sim_store_new(struct world *world);
void sim_store_free(struct sim_store *store);
/* It is away for some time, and what it had acknowledged last is lost, or all of it. */
void sim_store_die(struct sim_store *store);
/* A moment at which going back would be interesting. */
void sim_store_may_rewind(struct sim_store *store, int64_t one_in);

/* A worker's connection. */
struct sim_connection {
    struct process *process;
    struct task *task;
    struct sim_store *store;
};
struct store_port sim_store_port(struct sim_connection *connection);

#endif
