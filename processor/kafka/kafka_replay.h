/* Records from one topic into others, as they were.
 */
#ifndef DECLIC_KAFKA_KAFKA_REPLAY_H
#define DECLIC_KAFKA_KAFKA_REPLAY_H

#include "kafka/kafka_log.h"

struct kafka_replay;

/* Errors: ERR_INVALID, the properties are refused (diag). */
WARN_UNUSED enum err kafka_replay_open(const struct kafka_properties *properties,
                                       struct kafka_replay **replay, struct diag *diag);
/* NULL is allowed. Drops what was not acknowledged. */
void kafka_replay_close(struct kafka_replay *replay);

/* Sends key, value, timestamp and those headers whose name does not begin with `without` to that partition
 * of the topic; -1, or one that is not there any more: by the key. Waits where too many are under way.
 * Errors (diag): ERR_REFUSED. */
WARN_UNUSED enum err kafka_replay_send(struct kafka_replay *replay, struct span topic, int32_t partition,
                                       const struct kafka_log_record *record, const char *without,
                                       struct diag *diag);

/* Waits until all are acknowledged. Errors (diag): ERR_TIMEOUT, ERR_REFUSED (some were not taken). */
WARN_UNUSED enum err kafka_replay_flush(struct kafka_replay *replay, int timeout_ms, struct diag *diag);

#endif
