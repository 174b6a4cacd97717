/* The appender port over the simulated cluster: intake's idempotent producer, and the registry's view of
 * which events anything needs.
 */
#ifndef DECLIC_SIM_APPENDER_H
#define DECLIC_SIM_APPENDER_H

#include "app/interest.h"
#include "ports/appender.h"
#include "sim/cluster.h"

struct sim_appender;

struct sim_appender *sim_appender_open(struct process *process, struct cluster *cluster, struct task *task);
struct appender_port sim_appender_port(struct sim_appender *appender);
/* Nothing is handed out any more; what is under way may still be written. */
void sim_appender_close(struct sim_appender *appender);

/* The campaigns topic: sets of names, each containing what was published before. */
#define INTEREST_SETS 4
struct sim_topic {
    struct world *world;
    const struct interest *sets[INTEREST_SETS];
    int published; /* sets below are in the topic */
};

/* One process' reading of it. */
struct sim_registry {
    struct process *process;
    struct sim_topic *topic;
    int seen; /* sets below were read */
    uint64_t asked, passed;
};
struct interest_port sim_interest_port(struct sim_registry *registry);

#endif
