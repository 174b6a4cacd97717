/* Watermarks of one topic, asked for on a thread of their own.
 *
 * An answer is for a request that left after kafka_watermark_request was called, never an earlier one: that
 * is what makes it a frontier. The high watermark is asked through a client with
 * isolation.level=read_uncommitted (with librdkafka's default any client, producers too, is told the last
 * stable offset instead), the last stable offset through one with read_committed. One ListOffsets request
 * (KIP-79, timestamps -1 and -2) covers all partitions of a leader.
 */
#ifndef DECLIC_KAFKA_KAFKA_WATERMARK_H
#define DECLIC_KAFKA_KAFKA_WATERMARK_H

#include "kafka/kafka_client.h"
#include "ports/journal.h"

struct kafka_watermark;

/* `wake(context)` is called on the inner thread when answers have come. `topic` is copied, properties are
 * used during the call. Errors: ERR_INVALID (diag). */
WARN_UNUSED enum err kafka_watermark_open(const struct kafka_properties *properties, const char *topic,
                                          const struct log *log, void (*wake)(void *context), void *context,
                                          struct kafka_watermark **watermark, struct diag *diag);
void kafka_watermark_close(struct kafka_watermark *watermark);

/* As journal_port.watermark_request. Never waits; when too many requests are unanswered, the oldest is
 * dropped. */
void kafka_watermark_request(struct kafka_watermark *watermark, const int32_t *partitions, size_t count,
                             bool with_last_stable, int64_t tag_ms);
/* The log's start of this partition is asked for again with the next request that names it; else the last
 * known one is repeated (and with with_last_stable it is always asked). */
void kafka_watermark_forget_low(struct kafka_watermark *watermark, int32_t partition);
/* Takes one answer (a JOURNAL_WATERMARK event); false when there is none. */
bool kafka_watermark_take(struct kafka_watermark *watermark, struct journal_event *event);

#endif
