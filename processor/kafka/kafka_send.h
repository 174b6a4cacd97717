/* Handing outbox records to a producer: topic handles, headers, a full queue.
 */
#ifndef DECLIC_KAFKA_KAFKA_SEND_H
#define DECLIC_KAFKA_KAFKA_SEND_H

#include "kafka/kafka_client.h"
#include "ports/outbox.h"

/* Topic handles of one client, found by name without building NUL-terminated names each time. */
struct kafka_topics {
    struct kafka_topic_handle *list;
    size_t count, capacity;
    size_t given_bytes; /* to the client, since all was acknowledged */
};

/* Before the client is destroyed. */
void kafka_topics_clear(struct kafka_topics *topics);

/* Gives the record to the client, which copies it; `opaque` comes back in the delivery report
 * (rd_kafka_message_t._private). Serves delivery reports while the client's queue is full, at most 3 s.
 * Anything but RD_KAFKA_RESP_ERR_NO_ERROR: it was not taken, no report will come. */
rd_kafka_resp_err_t kafka_send(rd_kafka_t *client, struct kafka_topics *topics,
                               const struct outbox_record *record, void *opaque);

/* The same, but the value is not copied: it stays as it is until the delivery report, or until the client
 * is destroyed. */
rd_kafka_resp_err_t kafka_send_lent(rd_kafka_t *client, struct kafka_topics *topics,
                                    const struct outbox_record *record, void *opaque);

/* Has what was given sent, and waits for it to be acknowledged, wait_ms at most; serves delivery reports.
 * True: all is acknowledged; false: to be called again. A flush of librdkafka would do, but as long as one
 * lasts the client's thread spins when some partition has more than one batch: it has one batch of a
 * partition under way at a time, and takes the next for overdue. So when there is that much, a flush is
 * brief, just to end the linger of what is there. */
bool kafka_send_push(rd_kafka_t *client, struct kafka_topics *topics, int wait_ms);

/* What every producer of ours sets: idempotent, our batching, the Java client's partitioner. */
extern const struct kafka_fixed kafka_send_fixed[];
extern const size_t kafka_send_fixed_count;

#endif
