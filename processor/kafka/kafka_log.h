/* One partition of a topic, read from an offset to its end and on, without a group.
 *
 * For what a process must know as a whole (the campaigns topic) or looks through once (dead letters).
 */
#ifndef DECLIC_KAFKA_KAFKA_LOG_H
#define DECLIC_KAFKA_KAFKA_LOG_H

#include "kafka/kafka_client.h"

struct kafka_log_options {
    const struct kafka_properties *properties; /* copied */
    const struct log *log;                     /* NULL: silent */
    const char *topic;                         /* copied */
    int32_t partition;
    bool committed; /* read_committed: records of open and aborted transactions are passed over, and the
                       end is the last stable offset */
    const char *queue_kbytes; /* how much is fetched ahead; NULL: the client's default */
};

struct kafka_log_header {
    const char *name;
    struct span value;
    bool has_value;
};

struct kafka_log_record {
    int64_t offset;
    int64_t timestamp_ms; /* 0: none */
    bool has_key, has_value;
    struct span key, value;
    const struct kafka_log_header *headers;
    size_t header_count;
};

struct kafka_log;

/* Begins at the log's start. Returns at once, also when the cluster is away. Errors: ERR_INVALID (diag). */
WARN_UNUSED enum err kafka_log_open(const struct kafka_log_options *options, struct kafka_log **log,
                                    struct diag *diag);
void kafka_log_close(struct kafka_log *log);

/* The end of the log, asked for after this call was made; the start too, where `start` is not NULL.
 * Errors (diag): ERR_NOT_FOUND (no such topic or partition), ERR_UNREACHABLE, ERR_TIMEOUT, ERR_REFUSED. */
WARN_UNUSED enum err kafka_log_end(struct kafka_log *log, int timeout_ms, int64_t *start, int64_t *end,
                                   struct diag *diag);

/* Goes to the first record whose timestamp is since_ms or later; to `end` where there is none. Before the
 * first kafka_log_next. Errors as above. */
WARN_UNUSED enum err kafka_log_begin_at(struct kafka_log *log, int64_t since_ms, int64_t end,
                                        int timeout_ms, struct diag *diag);

/* The next record, waiting up to timeout_ms; valid until the next call. ERR_TIMEOUT: there is none yet
 * (kafka_log_position may have moved all the same, over records that are not handed out). */
WARN_UNUSED enum err kafka_log_next(struct kafka_log *log, int timeout_ms, struct kafka_log_record *record);

/* Everything below it was handed out or passed over. */
int64_t kafka_log_position(const struct kafka_log *log);

#endif
