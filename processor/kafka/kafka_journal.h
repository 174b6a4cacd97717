/* The journal on Kafka: one member of the engine's consumer group.
 *
 * Reads committed records only, never commits an offset itself (the outbox does, inside its transactions),
 * rebalances cooperatively. Watermarks are asked for on clients and threads of their own, so that the
 * worker's thread never waits for a broker.
 */
#ifndef DECLIC_KAFKA_KAFKA_JOURNAL_H
#define DECLIC_KAFKA_KAFKA_JOURNAL_H

#include "kafka/kafka_client.h"
#include "ports/journal.h"

struct kafka_journal_options {
    const struct kafka_properties *properties; /* copied */
    const char *topic;                         /* copied */
    const char *group;                         /* copied: PREFIX + "engine" */
    int worker;                                /* for client.id and logs */
    const struct log *log;                     /* NULL: silent */
};

struct kafka_journal;

/* Joins the group in the background; returns at once, also when the cluster is away.
 * Errors: ERR_INVALID, the properties are refused (diag). */
WARN_UNUSED enum err kafka_journal_open(const struct kafka_journal_options *options,
                                        struct kafka_journal **journal, struct diag *diag);
struct journal_port kafka_journal_port(struct kafka_journal *journal);
/* Makes a poll that waits on another thread return JOURNAL_NOTHING at once. The only function here that may
 * be called from any thread. */
void kafka_journal_wake(struct kafka_journal *journal);
/* Leaves the group first when journal_port.close was not called (without REVOKED events). Records that were
 * not released must not be used any more. False: see kafka_consumer_destroy. */
bool kafka_journal_destroy(struct kafka_journal *journal);

#endif
