/* The journal as the engine reads it: one group member that consumes journal partitions.
 *
 * `kafka/` implements it with librdkafka (read_committed, cooperative rebalancing, no auto commit,
 * end-of-partition events), the simulator in memory. One port belongs to one worker thread; every
 * call is made on that thread. Nothing blocks longer than it says.
 */
#ifndef DECLIC_PORTS_JOURNAL_H
#define DECLIC_PORTS_JOURNAL_H

#include "base/err.h"
#include "base/span.h"

enum journal_event_kind {
    JOURNAL_NOTHING,   /* the time-out passed */
    JOURNAL_RECORD,    /* partition, offset, append_ms, value */
    JOURNAL_END,       /* partition, offset: the position, everything below is consumed or skipped */
    JOURNAL_ASSIGNED,  /* partitions, count: newly this member's; nothing is read from them until
                          journal_port.start names an offset. count 0: a new generation, no change */
    JOURNAL_REVOKED,   /* partitions, count: to be given up in order */
    JOURNAL_LOST,      /* partitions, count: gone already; others may own them */
    JOURNAL_WATERMARK, /* answer to watermark_request: partition, offset (high), low, requested_ms */
    JOURNAL_TRIMMED,   /* partition, low: the log's start after a trim */
    JOURNAL_RANGE,     /* partition: the position lies outside the log (trimmed or recreated) */
    JOURNAL_AWAY,      /* the cluster cannot be reached; text says why. Reading goes on by itself. */
};

struct journal_event {
    enum journal_event_kind kind;
    int32_t partition;
    int64_t offset;
    int64_t append_ms;    /* RECORD: LogAppendTime */
    struct span value;    /* RECORD: valid until journal_port.release */
    void *record;         /* RECORD: to be released */
    int64_t low;          /* WATERMARK, TRIMMED: the log's start */
    int64_t last_stable;  /* WATERMARK: last stable offset where asked for, else -1 */
    int64_t requested_ms; /* WATERMARK: the tag of the request (a local time) */
    const int32_t *partitions;
    size_t count;
    struct span text;
};

struct journal_port {
    void *self;

    /* The next event, waiting up to timeout_ms (0: do not wait). While an ASSIGNED, REVOKED or LOST
     * event is being handled the rebalance stands; the next poll answers it. Group metadata changes
     * with such an event only. Error: ERR_REFUSED with event->text for what waiting
     * cannot mend (unknown topic, authorisation). */
    enum err (*poll)(void *self, int timeout_ms, struct journal_event *event);

    /* Gives a record's memory back. */
    void (*release)(void *self, void *record);

    /* Starts or restarts reading `partition` at `offset`; records read ahead are dropped. */
    enum err (*start)(void *self, int32_t partition, int64_t offset);

    /* Stops and goes on with delivery, the position stays. */
    void (*pause)(void *self, int32_t partition);
    void (*resume)(void *self, int32_t partition);

    /* Asks, without waiting, for the high watermark as an uncommitted reader sees it, the log's start
     * and (with_last_stable) the last stable offset of these partitions. Answers come as WATERMARK
     * events with requested_ms = tag. A request that gets no answer is repeated by the caller.
     * The request goes out after this call was made, never before. The log's start is asked for with
     * with_last_stable, and when the partition was assigned, started or out of RANGE since it was last
     * asked for; else the last one is told again. */
    void (*watermark_request)(void *self, const int32_t *partitions, size_t count, bool with_last_stable,
                              int64_t tag_ms);

    /* Asks, without waiting, for everything below `offset` to be deleted. TRIMMED comes when it is; a
     * request that gets no answer (it failed: said in the log) is repeated by the caller. */
    void (*trim)(void *self, int32_t partition, int64_t offset);

    /* The offset that the group has committed for the partition, in a transaction; -1: none, or it could
     * not be told. Waits for the answer, a second at most, and in vain only once in ten seconds. */
    int64_t (*committed)(void *self, int32_t partition);

    /* The group's metadata as of the last rebalance event that poll has handed out, the one being
     * handled included: hand it to outbox_port.set_group_metadata when done with the event (after
     * aborting what touches partitions that are gone), also when count is 0. Never what the client
     * has learnt since. NULL before the first event, after LOST, or when there is no valid generation.
     * Owned by the port until the next such event. */
    const void *(*group_metadata)(void *self);

    /* Leaves the group in order; REVOKED events come out of poll until `closed`. */
    void (*close)(void *self);
    bool (*closed)(void *self);
};

#endif
