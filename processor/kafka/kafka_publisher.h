/* Records into one topic on behalf of somebody who waits for the answer: one idempotent producer.
 *
 * For what comes in by request: any thread publishes, and knows when it returns what Kafka has (acks=all).
 * The wait is bounded, which makes this differ from the appender of the intake: a caller that was refused
 * for time sends again, and must expect that a part is there already.
 */
#ifndef DECLIC_KAFKA_KAFKA_PUBLISHER_H
#define DECLIC_KAFKA_KAFKA_PUBLISHER_H

#include "kafka/kafka_client.h"

#define KAFKA_PUBLISHER_HEADERS 2

struct kafka_publisher;

struct kafka_publisher_header {
    const char *name; /* NULL: none */
    struct span value;
};

struct kafka_publisher_record {
    struct span key; /* empty: none */
    struct span value;
    struct kafka_publisher_header headers[KAFKA_PUBLISHER_HEADERS];
    /* Out. ERR_OK: all in-sync replicas have it; ERR_LIMIT: larger than the topic takes; ERR_NOT_FOUND: the
     * topic is missing; ERR_REFUSED: not allowed; ERR_UNREACHABLE: it may be there or not. */
    enum err error;
    struct publish_batch *batch; /* the publisher's own */
};

struct kafka_publisher_options {
    const struct kafka_properties *properties; /* copied */
    const struct log *log;                     /* NULL: silent */
    const char *topic;                         /* copied; spread by key as the Java client does */
    const char *name;                          /* client.id; copied */
    int timeout_ms;                            /* for one record */
};

/* Returns at once, also when the cluster is away. ERR_INVALID: the properties are refused (diag). */
WARN_UNUSED enum err kafka_publisher_open(const struct kafka_publisher_options *options,
                                          struct kafka_publisher **publisher, struct diag *diag);
/* No call may be under way. NULL is allowed. */
void kafka_publisher_close(struct kafka_publisher *publisher);

/* Writes the records and waits for what became of each, about timeout_ms at most. ERR_OK when every
 * record's error is ERR_OK or ERR_LIMIT, else the last other one (diag says what the client said). */
WARN_UNUSED enum err kafka_publisher_publish(struct kafka_publisher *publisher,
                                             struct kafka_publisher_record *records, size_t count,
                                             struct diag *diag);

#endif
