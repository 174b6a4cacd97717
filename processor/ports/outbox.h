/* What leaves the engine: Kafka transactions, and the fold's decision records.
 *
 * One port belongs to one worker thread and holds `producers` transactional producers (two), each
 * with a thread of its own behind it: begin/produce/commit/abort return at once, the outcome is
 * polled. The order of one producer's calls: begin, produce*, commit or abort, poll until an
 * outcome; then begin again.
 *
 * In at-least-once mode there are no transactions: `commit` waits until the outbound messages
 * (phase OUTBOUND) are acknowledged and then sends the settled ones (phase SETTLED).
 */
#ifndef DECLIC_PORTS_OUTBOX_H
#define DECLIC_PORTS_OUTBOX_H

#include "base/err.h"
#include "base/span.h"

enum outbox_phase { OUTBOX_OUTBOUND, OUTBOX_SETTLED };

struct outbox_header {
    const char *name; /* NUL-terminated, lives as long as the program */
    struct span value;
};

/* Everything is copied before produce returns. */
struct outbox_record {
    enum outbox_phase phase;
    struct span topic;
    int32_t partition; /* -1: by the key's hash, as the Java client does (murmur2) */
    struct span key;   /* empty: no key */
    struct span value;
    const struct outbox_header *headers;
    size_t header_count;
    uint32_t
        cookie; /* SETTLED: names the record in outbox_result.offsets, counted from 0 in each transaction */
};

struct outbox_offset {
    int32_t partition; /* of the journal */
    int64_t offset;    /* >= 0: the head that Redis acknowledged */
};

enum outbox_outcome {
    OUTBOX_COMMITTED,
    OUTBOX_ABORTED, /* nothing of it will ever be seen */
    OUTBOX_UNKNOWN, /* may be committed; by now the producer was made anew, so the outcome stands
                       and can be read from the log past a watermark asked for from now on */
};

struct outbox_result {
    enum outbox_outcome outcome;
    /* By cookie: the offset of each SETTLED record in its partition, -1 where the broker's report
     * lacked it. Valid until the next begin of this producer. */
    const int64_t *offsets;
    size_t offset_count;
    int64_t elapsed_us; /* begin to outcome */
    const char *text;   /* why, unless COMMITTED; valid like offsets */
};

struct outbox_port {
    void *self;
    int producers;

    /* False while the producer is busy, being made anew, or Kafka is away: begin must not be called. */
    bool (*ready)(void *self, int producer);
    void (*begin)(void *self, int producer);
    void (*produce)(void *self, int producer, const struct outbox_record *record);
    /* Flush, all delivery reports good, then the offsets with the group metadata that was set when
     * this transaction began, then the commit. `count` >= 1 and every offset >= 0 (asserted): the
     * client sends nothing for an empty list, and nothing would fence a former member. */
    void (*commit)(void *self, int producer, const struct outbox_offset *offsets, size_t count);
    /* Asks for an abort at any moment between begin and the outcome. When the commit request is
     * already under way the outcome may still be COMMITTED or UNKNOWN. */
    void (*abort)(void *self, int producer);
    /* The group metadata (journal_port.group_metadata) that transactions begun from now on carry: begin
     * keeps a copy for the whole transaction. Set after each handled rebalance event. */
    void (*set_group_metadata)(void *self, const void *group_metadata);
    /* True with the outcome once there is one; once per transaction. */
    bool (*poll)(void *self, int producer, struct outbox_result *result);
    /* Waits up to timeout_ms until some producer has an outcome or gets ready. */
    void (*wait)(void *self, int timeout_ms);

    /* This port's transactional ids, as one text to stand beside the head; others' texts are given
     * to `fence`, which ends their open transactions (init_transactions with each id), in the
     * background; `fencing` is true until that is done. Never called with one's own ids. */
    struct span (*ids)(void *self);
    void (*fence)(void *self, struct span ids);
    bool (*fencing)(void *self);

    /* The fold's decision records: idempotent, not transactional. `note` queues one, `notes_flush`
     * waits until all are acknowledged: ERR_OK, or ERR_TIMEOUT (they stay queued: flush again). */
    void (*note)(void *self, const struct outbox_record *record);
    enum err (*notes_flush)(void *self, int timeout_ms);
};

#endif
