/* `declic run` as a whole: waits for its services, starts the workers, ends them in order.
 *
 * A worker is two threads: an engine (journal, outbox, store of its own) and an intake. They share only
 * the registry, the compiled definitions and the metrics. Everything here may be called from any
 * thread after process_start.
 */
#ifndef DECLIC_APP_PROCESS_H
#define DECLIC_APP_PROCESS_H

#include "app/config.h"
#include "app/metrics.h"
#include "base/log.h"

struct process;
struct registry;
struct definitions;

/* `config` and `log` outlive the process. */
struct process *process_new(const struct config *config, const struct log *log);
void process_free(struct process *process);

/* Waits for Kafka, the topics and Redis (saying so every few seconds), checks what they must be, then
 * starts the threads. ERR_OK; ERR_ABORTED: process_stop was called meanwhile; ERR_INVALID: something is
 * not as it must be (diag says what, and the remedy). */
WARN_UNUSED enum err process_start(struct process *process, struct diag *diag);

/* Asks for an orderly end; returns at once. */
void process_stop(struct process *process);
/* Waits until all threads have ended, at most timeout_ms, some 4 s when Kafka does not answer (an orderly
 * end needs it, and what is not committed comes later); false when some have not, or left a client behind:
 * then only _exit is left. process_start must have returned. */
bool process_join(struct process *process, int64_t timeout_ms);

struct process_status {
    bool started; /* threads run */
    bool ready;   /* every worker has its assignment and every partition owned is attached */
    bool failed;  /* a thread ended by an error that waiting cannot mend */
    int owned, attached, workers;
    char trouble[512]; /* what is being waited for, empty: nothing */
};
void process_status_read(struct process *process, struct process_status *status);

struct metrics *process_metrics(struct process *process);
/* What is known of campaigns, and their compiled definitions; NULL until the process has started. */
struct registry *process_registry(struct process *process);
struct definitions *process_definitions(struct process *process);

#endif
