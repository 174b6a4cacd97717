/* What the handlers share: the process they speak for, and what they keep open.
 */
#ifndef DECLIC_HTTP_CONTEXT_H
#define DECLIC_HTTP_CONTEXT_H

#include <pthread.h>

#include "app/process.h"
#include "codec/source_record.h"
#include "kafka/kafka_publisher.h"

struct http_context {
    const struct config *config;
    const struct log *log;
    struct process *process;
    struct arena arena;
    struct kafka_publisher *events; /* into PREFIX + events */
    struct record_limits limits;    /* as the intake has them */
    pthread_mutex_t applying;       /* one change of campaigns at a time */
    pthread_mutex_t simulating;     /* and one simulation: it takes a whole core */
};

/* Connects to nothing yet. ERR_INVALID: Kafka's properties are refused (diag). In any case to be closed. */
WARN_UNUSED enum err http_context_open(struct http_context *context, const struct config *config,
                                       const struct log *log, struct process *process, struct diag *diag);
void http_context_close(struct http_context *context);

/* Waits some seconds for its turn; false: somebody else still has it. */
bool http_context_enter(pthread_mutex_t *turn);
void http_context_leave(pthread_mutex_t *turn);

#endif
