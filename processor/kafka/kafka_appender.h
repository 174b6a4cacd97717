/* The journal and the dead letters on Kafka, as intake writes them: one idempotent producer.
 *
 * acks=all; no time limit on delivery, so that a record fails only where waiting would not help.
 */
#ifndef DECLIC_KAFKA_KAFKA_APPENDER_H
#define DECLIC_KAFKA_KAFKA_APPENDER_H

#include "kafka/kafka_client.h"
#include "ports/appender.h"

struct kafka_appender_options {
    const struct kafka_properties *properties; /* copied */
    const struct log *log;                     /* NULL: silent */
    const char *journal_topic;                 /* copied */
    const char *dead_letter_topic;             /* copied */
    const char *name;                          /* client.id; copied */
};

struct kafka_appender;

/* Returns at once, also when the cluster is away. Errors: ERR_INVALID, the properties are refused (diag).
 */
WARN_UNUSED enum err kafka_appender_open(const struct kafka_appender_options *options,
                                         struct kafka_appender **appender, struct diag *diag);
struct appender_port kafka_appender_port(struct kafka_appender *appender);
#define KAFKA_APPENDER_UNKNOWN (-1)
#define KAFKA_APPENDER_MISSING (-2)
/* How many partitions the journal has, or one of the above: the brokers did not answer within timeout_ms;
 * there is no such topic. */
int32_t kafka_appender_partitions(struct kafka_appender *appender, int timeout_ms);
/* Drops what was not acknowledged. */
void kafka_appender_destroy(struct kafka_appender *appender);

#endif
