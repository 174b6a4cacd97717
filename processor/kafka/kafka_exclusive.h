/* The only one that may write: a transactional producer under a fixed name.
 *
 * Opening it ends what a former holder of the name had open and shuts him out: his next write fails. So
 * whoever opens, then reads, then writes knows that nobody wrote in between. Each write is one
 * transaction, all of it or nothing.
 */
#ifndef DECLIC_KAFKA_KAFKA_EXCLUSIVE_H
#define DECLIC_KAFKA_KAFKA_EXCLUSIVE_H

#include "kafka/kafka_client.h"

struct kafka_exclusive;

struct kafka_exclusive_record {
    struct span key, value;
    const char *header_name; /* NULL: no header */
    struct span header_value;
};

/* Errors (diag): ERR_INVALID, the properties are refused; ERR_UNREACHABLE, ERR_TIMEOUT; ERR_REFUSED. */
WARN_UNUSED enum err kafka_exclusive_open(const struct kafka_properties *properties, const struct log *log,
                                          const char *transactional_id, int timeout_ms,
                                          struct kafka_exclusive **exclusive, struct diag *diag);
void kafka_exclusive_close(struct kafka_exclusive *exclusive);

/* Writes the records to partition 0 of the topic, in one transaction. Errors (diag): ERR_FENCED, somebody
 * else opened it since, nothing was written; ERR_UNREACHABLE, ERR_REFUSED, nothing was written;
 * ERR_UNKNOWN_OUTCOME: it may have been. */
WARN_UNUSED enum err kafka_exclusive_write(struct kafka_exclusive *exclusive, const char *topic,
                                           const struct kafka_exclusive_record *records, size_t count,
                                           int timeout_ms, struct diag *diag);

#endif
