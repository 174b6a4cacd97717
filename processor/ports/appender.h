/* Where intake writes: the journal and the dead letters, through one idempotent producer.
 *
 * Records of one partition are written in the order of `append`, each once, however often the client
 * has to try; there is no time limit on trying. Every record is answered by one report. A report
 * with an error means that waiting would not help, and nothing is known of the records after it in
 * its partition: the owner closes the port and begins again from what it had committed.
 */
#ifndef DECLIC_PORTS_APPENDER_H
#define DECLIC_PORTS_APPENDER_H

#include "base/err.h"
#include "base/span.h"

enum appender_target { APPENDER_JOURNAL, APPENDER_DEAD_LETTERS };

struct appender_header {
    struct span name;
    struct span value;
    bool has_value;
};

struct appender_record {
    enum appender_target target;
    int32_t partition; /* JOURNAL: which; DEAD_LETTERS: -1, by the key */
    bool has_key, has_value;
    struct span key, value;
    const struct appender_header *headers;
    size_t header_count;
    int64_t timestamp_ms; /* of the record; 0: now */
    uint64_t cookie;      /* comes back with the report */
};

struct appender_report {
    enum err error; /* ERR_OK: acknowledged by all in-sync replicas; ERR_LIMIT: larger than the topic
                       allows; ERR_REFUSED: anything else that is final */
    uint64_t cookie;
};

struct appender_port {
    void *self;

    /* Everything is copied. Never waits: the owner bounds what is in flight. ERR_LIMIT: larger than the
     * client would ever send; ERR_REFUSED: the client cannot go on. */
    enum err (*append)(void *self, const struct appender_record *record);

    /* Hands out up to `capacity` reports, without waiting; returns how many. */
    size_t (*poll)(void *self, struct appender_report *reports, size_t capacity);

    /* What went wrong last, for a person; empty when nothing did. */
    struct span (*trouble)(void *self);
};

#endif
