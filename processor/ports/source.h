/* Source topics as intake reads them: one group member that consumes partitions of several topics.
 *
 * `kafka/` implements it with librdkafka (cooperative rebalancing, commits by hand), tests and the
 * simulator in memory. One port belongs to one thread; every call is made on that thread. What a
 * partition's committed offset means is intake's affair: the port hands out the offset with its
 * metadata text and stores both, together, as given.
 */
#ifndef DECLIC_PORTS_SOURCE_H
#define DECLIC_PORTS_SOURCE_H

#include "base/err.h"
#include "base/span.h"

struct source_header {
    struct span name;
    struct span value;
    bool has_value; /* false: null, which Kafka tells apart from empty */
};

struct source_message {
    uint32_t topic; /* index into the topics that the port was opened with */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1: the record has none */
    bool has_key, has_value;
    struct span key, value;
    const struct source_header *headers; /* in the record's order */
    size_t header_count;
};

/* A partition that became this member's. */
struct source_assignment {
    uint32_t topic;
    int32_t partition;
    int64_t committed;    /* -1: nothing was committed */
    struct span metadata; /* stored with it; empty */
    int64_t low, high;    /* the log's start and end when it was assigned */
    int64_t start;        /* where reading begins: `committed` if it lies in the log, else `low` */
};

struct source_commit {
    uint32_t topic;
    int32_t partition;
    int64_t offset; /* the next one to read */
    struct span metadata;
};

enum source_event_kind {
    SOURCE_NOTHING,   /* the time-out passed */
    SOURCE_RECORDS,   /* messages, count, batch; in order within each partition */
    SOURCE_ASSIGNED,  /* assignments, count. They are this member's after `served`, and held: nothing is
                         read from one before source_port.start */
    SOURCE_REVOKED,   /* assignments (topic and partition only), count: to be given up in order; they
                         stay this member's, commits included, until `served` */
    SOURCE_LOST,      /* likewise, but gone already: commits would be refused */
    SOURCE_COMMITTED, /* tag, error: the answer to one commit */
    SOURCE_AWAY,      /* the cluster cannot be reached; text says why. Reading goes on by itself. */
};

struct source_event {
    enum source_event_kind kind;
    const struct source_message *messages;       /* valid until `release` of batch */
    const struct source_assignment *assignments; /* valid until the next call */
    size_t count;
    void *batch;
    uint64_t tag;
    enum err error; /* COMMITTED: ERR_OK; ERR_CONFLICT: this member's generation is over, or a
                       rebalance is under way (try again); ERR_UNREACHABLE, ERR_TIMEOUT: try again */
    struct span text;
};

struct source_port {
    void *self;

    /* The next event, waiting up to timeout_ms (0: do not wait). Records only where they are wanted; the
     * other events get through always. Between a rebalance event and `served` no further one comes;
     * answers do, and records may. Error: ERR_REFUSED with event->text for what waiting cannot mend
     * (authorisation). */
    enum err (*poll)(void *self, int timeout_ms, bool records_wanted, struct source_event *event);

    /* Gives a batch's memory back. */
    void (*release)(void *self, void *batch);

    /* Answers the ASSIGNED, REVOKED or LOST event that stands. */
    void (*served)(void *self);

    /* Begins reading a partition at its assignment's `start`. */
    void (*start)(void *self, uint32_t topic, int32_t partition);

    /* Stores offsets with their metadata, atomically for each partition, without waiting. One COMMITTED
     * event with `tag` answers. */
    void (*commit)(void *self, const struct source_commit *commits, size_t count, uint64_t tag);

    /* Leaves the group in order: a REVOKED event comes out of poll, then `closed` is true. */
    void (*close)(void *self);
    bool (*closed)(void *self);
};

#endif
