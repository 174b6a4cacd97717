/* Source topics on Kafka: one member of the intake group.
 *
 * Reads committed records, rebalances cooperatively, commits by hand with metadata. A commit carries the
 * member's generation, so one by a member that was thrown out is refused.
 */
#ifndef DECLIC_KAFKA_KAFKA_SOURCE_H
#define DECLIC_KAFKA_KAFKA_SOURCE_H

#include "kafka/kafka_client.h"
#include "ports/source.h"

struct kafka_source_options {
    const struct kafka_properties *properties; /* copied */
    const struct log *log;                     /* NULL: silent */
    const char *const *topics;                 /* copied; source_message.topic is an index into them */
    size_t topic_count;                        /* each topic once */
    const char *group;                         /* copied: PREFIX + "intake" */
    int worker;                                /* for client.id and logs */
};

struct kafka_source;

/* Joins the group in the background; returns at once, also when the cluster is away.
 * Errors: ERR_INVALID, the properties are refused (diag). */
WARN_UNUSED enum err kafka_source_open(const struct kafka_source_options *options,
                                       struct kafka_source **source, struct diag *diag);
struct source_port kafka_source_port(struct kafka_source *source);
/* Leaves the group where source_port.close was not called. Batches that were not released must not be used
 * any more. False: see kafka_consumer_destroy. */
bool kafka_source_destroy(struct kafka_source *source);

/* How many offsets its partitions' places are behind their ends, as far as the last fetches told these:
 * asks no broker. Offsets of transactions' markers count. */
int64_t kafka_source_lag(const struct kafka_source *source);

#endif
