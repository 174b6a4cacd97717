/* The outbox port over the simulated cluster: see ports/outbox.h and sim/broker.h.
 *
 * Does in virtual time what kafka/kafka_producer does with its thread: flush, offsets, EndTxn, and after
 * anything doubtful a client made anew, before which an unknown outcome is not reported.
 */
#ifndef DECLIC_SIM_OUTBOX_H
#define DECLIC_SIM_OUTBOX_H

#include "ports/outbox.h"
#include "sim/cluster.h"

struct sim_outbox;

struct sim_outbox *sim_outbox_open(struct process *process, struct cluster *cluster,
                                   void (*wake)(void *self), void *wake_self);
void sim_outbox_bind(struct sim_outbox *outbox, struct task *task);
struct outbox_port sim_outbox_port(struct sim_outbox *outbox);

#endif
