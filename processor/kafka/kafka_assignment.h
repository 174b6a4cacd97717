/* Which partitions of the journal are this member's, where each stands, and the rebalance that is under
 * way.
 *
 * The group gives a partition before the engine knows where to read it, and a rebalance must be answered at
 * the next poll. So a partition without an offset is assigned at the end of the log (what comes is dropped)
 * and moved by a seek once the offset is named. Assigning it only then would not do: an incremental assign
 * or unassign outside of a rebalance event counts as the answer to one that may just be waiting in the
 * queue.
 */
#ifndef DECLIC_KAFKA_KAFKA_ASSIGNMENT_H
#define DECLIC_KAFKA_KAFKA_ASSIGNMENT_H

#include "kafka/kafka_client.h"
#include "ports/journal.h"

struct kafka_assignment;

/* `client`, `topic` and `watch` outlive it. */
struct kafka_assignment *kafka_assignment_new(rd_kafka_t *client, const char *topic,
                                              struct kafka_watch *watch);
void kafka_assignment_free(struct kafka_assignment *assignment);

/* False when this client library's group metadata cannot be read (see kafka_assignment_metadata). */
bool kafka_assignment_is_supported(void);

/* Takes a rebalance event over and fills `event`; the rebalance stands until kafka_assignment_answer. */
void kafka_assignment_hand_out(struct kafka_assignment *assignment, rd_kafka_event_t *rebalance,
                               struct journal_event *event);
/* Answers what stands, if anything does. */
void kafka_assignment_answer(struct kafka_assignment *assignment);
bool kafka_assignment_stands(const struct kafka_assignment *assignment);
/* True while some partition is this member's. */
bool kafka_assignment_has_any(const struct kafka_assignment *assignment);
/* True once some partition was given. */
bool kafka_assignment_was_given(const struct kafka_assignment *assignment);

/* As journal_port.start; ERR_NOT_FOUND when the partition is not this member's. */
WARN_UNUSED enum err kafka_assignment_start(struct kafka_assignment *assignment, int32_t partition,
                                            int64_t offset);
/* Tries again those moves that the client was not ready for; true while some are still open. */
bool kafka_assignment_settle(struct kafka_assignment *assignment);
/* True when what comes from this partition is from where the engine wanted it. */
bool kafka_assignment_is_reading(const struct kafka_assignment *assignment, int32_t partition);
/* A record or an end came from this partition, wanted or not: it can be moved from now on. */
void kafka_assignment_saw(struct kafka_assignment *assignment, int32_t partition);
/* The client has stopped reading it (offset out of range). */
void kafka_assignment_stopped(struct kafka_assignment *assignment, int32_t partition);

/* Group metadata as of the last rebalance event handed out; NULL without a valid generation. */
const rd_kafka_consumer_group_metadata_t *
kafka_assignment_metadata(const struct kafka_assignment *assignment);

/* A list of one partition of `topic`; to be destroyed. */
rd_kafka_topic_partition_list_t *kafka_list_of_one(const char *topic, int32_t partition, int64_t offset);

#endif
