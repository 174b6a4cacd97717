/* Kafka's logs and its transaction coordinator, as far as exactly-once rests on them.
 *
 * A log is one partition of one topic; offsets are places in it, and the marker that ends a transaction
 * takes one. Readers of committed records see what lies below the last stable offset and is not
 * aborted. The coordinator follows protocol version 1: an epoch for each transactional id that
 * init_transactions raises, end decided first and markers written afterwards, a time limit after which
 * it aborts by itself. All functions are what happens on the broker at that instant; how a request gets
 * there and what becomes of its answer is the clients' affair.
 */
#ifndef DECLIC_SIM_BROKER_H
#define DECLIC_SIM_BROKER_H

#include "base/span.h"
#include "sim/world.h"

enum broker_answer { BROKER_OK, BROKER_BUSY, BROKER_FENCED, BROKER_REFUSED };

enum record_state { RECORD_COMMITTED, RECORD_OPEN, RECORD_ABORTED, RECORD_MARKER };

struct sim_header {
    struct span name, value;
};

struct sim_record {
    enum record_state state;
    struct transactional *owner; /* OPEN */
    int64_t append_ms;           /* LogAppendTime by the broker's clock */
    int64_t at_us;               /* when it really was */
    struct span key, value;
    const struct sim_header *headers;
    size_t header_count;
};

struct sim_log {
    struct world *world;
    const char *name;
    int32_t partition;
    int64_t skew_ms; /* of its broker's clock */
    struct sim_record *records;
    size_t count, capacity;
    size_t stable; /* the last stable offset */
    int64_t start; /* what lies below was trimmed: readers cannot have it */
    void (*grown)(void *self, struct sim_log *log); /* called when readers may see more */
    void *grown_self;
};

void sim_log_init(struct sim_log *log, struct world *world, const char *name, int32_t partition);
/* Copies key, value and headers. Returns the offset. */
int64_t sim_log_append(struct sim_log *log, const struct sim_record *record);

enum transactional_state { TXN_EMPTY, TXN_ONGOING, TXN_PREPARED };

struct transactional {
    struct world *world;
    struct span id;
    int64_t epoch;
    enum transactional_state state;
    bool commit;     /* PREPARED: which way; EMPTY: how the last one ended */
    uint64_t number; /* of transactions begun */
    struct sim_log *logs[16];
    size_t log_count;
    size_t markers_left;
    struct pending_offset {
        int64_t *place;
        int64_t offset;
    } offsets[16]; /* of a group, to be committed with it */
    size_t offset_count;
};

struct broker {
    struct world *world;
    struct transactional *list[256];
    size_t count;
};

struct transactional *broker_transactional(struct broker *broker, struct span id);
/* BUSY: a transaction is being ended; ask again. */
enum broker_answer transactional_init(struct transactional *t, int64_t *epoch);
/* Somebody else does that, for one who is alive, until it is done. */
void transactional_fence(struct transactional *t, int64_t delay_us);
/* Adds the log to the transaction and appends. FENCED, BUSY (the last transaction's markers are
 * under way). */
enum broker_answer transactional_append(struct transactional *t, int64_t epoch, struct sim_log *log,
                                        const struct sim_record *record, int64_t *offset);
/* Whether offsets may be added: FENCED or OK. The group is asked by the caller. */
enum broker_answer transactional_check(const struct transactional *t, int64_t epoch);
/* Adds one: it is in its place once the transaction is committed. */
void transactional_add_offset(struct transactional *t, int64_t *place, int64_t offset);
/* Whether a transaction that is not over would change it. */
bool broker_is_pending(const struct broker *broker, const int64_t *place);
/* REFUSED: there is no transaction to be ended that way. */
enum broker_answer transactional_end(struct transactional *t, int64_t epoch, bool commit);

#endif
