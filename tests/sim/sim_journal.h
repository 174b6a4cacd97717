/* The journal port over the simulated cluster: see ports/journal.h and sim/cluster.h. */
#ifndef DECLIC_SIM_JOURNAL_H
#define DECLIC_SIM_JOURNAL_H

#include "ports/journal.h"
#include "sim/cluster.h"

struct sim_journal;

struct sim_journal *sim_journal_open(struct process *process, struct cluster *cluster);
/* The task that polls; set before the first poll. */
void sim_journal_bind(struct sim_journal *journal, struct task *task);
struct journal_port sim_journal_port(struct sim_journal *journal);
/* Ends a poll that waits. */
void sim_journal_wake(struct sim_journal *journal);

#endif
