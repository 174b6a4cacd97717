/* The outbox on Kafka: transactional producers in turn, and an idempotent one for decision records.
 *
 * Each producer has a thread that flushes, commits, aborts and, after an unknown outcome, makes the client
 * anew: the handle is destroyed, a new one with the same transactional.id waits in init_transactions until
 * the coordinator has ended what was open. Only then is OUTBOX_UNKNOWN reported, so that its outcome can be
 * read from the log. A commit that took longer than socket.timeout.ms, or met a lost connection, also makes
 * the client anew before the next begin: librdkafka repeats EndTxn by itself with the same epoch, and a
 * late repetition could end the next transaction half-way.
 */
#ifndef DECLIC_KAFKA_KAFKA_OUTBOX_H
#define DECLIC_KAFKA_KAFKA_OUTBOX_H

#include "kafka/kafka_client.h"
#include "ports/outbox.h"

#define KAFKA_OUTBOX_PRODUCERS 2

struct kafka_outbox_options {
    const struct kafka_properties *properties; /* copied */
    const char *prefix;                        /* of topics and transactional ids; copied */
    const char *process_id;                    /* kafka_process_id; copied */
    int worker;
    const char *journal_topic; /* copied */
    bool transactional;        /* false: at least once */
    const struct log *log;     /* NULL: silent */
    /* Called on a thread of the outbox when a producer gets ready or has an outcome (kafka_journal_wake);
     * NULL: nobody. */
    void (*wake)(void *context);
    void *wake_context;
};

struct kafka_outbox;

/* Returns at once; producers get ready in the background.
 * Errors: ERR_INVALID, the properties are refused (diag). */
WARN_UNUSED enum err kafka_outbox_open(const struct kafka_outbox_options *options,
                                       struct kafka_outbox **outbox, struct diag *diag);
struct outbox_port kafka_outbox_port(struct kafka_outbox *outbox);
/* Aborts what is open, waits a few seconds at most. */
void kafka_outbox_destroy(struct kafka_outbox *outbox);

#endif
