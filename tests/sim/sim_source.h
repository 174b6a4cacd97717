/* The source port over the simulated cluster: one group member that reads the source topic.
 */
#ifndef DECLIC_SIM_SOURCE_H
#define DECLIC_SIM_SOURCE_H

#include "ports/source.h"
#include "sim/cluster.h"

struct sim_source;

struct sim_source *sim_source_open(struct process *process, struct cluster *cluster, struct task *task);
struct source_port sim_source_port(struct sim_source *source);
/* As when the client is destroyed: the coordinator notices by the session's time-out. */
void sim_source_close(struct sim_source *source);

#endif
