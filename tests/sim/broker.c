#include "sim/broker.h"

#include <assert.h>
#include <stdlib.h>

#include "sim/start.h"

#define TRANSACTION_MS 4000 /* transaction.timeout.ms */
#define SWEEP_MS 10000      /* transaction.abort.timed.out.transaction.cleanup.interval.ms */

void sim_log_init(struct sim_log *log, struct world *world, const char *name, int32_t partition)
{
    *log = (struct sim_log){.world = world, .name = name, .partition = partition};
}

static void advance_stable(struct sim_log *log)
{
    while (log->stable < log->count && log->records[log->stable].state != RECORD_OPEN)
        log->stable++;
    if (log->grown != NULL)
        log->grown(log->grown_self, log);
}

int64_t sim_log_append(struct sim_log *log, const struct sim_record *record)
{
    struct world *world = log->world;
    struct sim_record *added = ARENA_PUSH(&world->arena, &log->records, &log->count, &log->capacity);
    *added = *record;
    added->append_ms = sim_start_ms + world->now_us / MS + log->skew_ms;
    added->at_us = world->now_us;
    added->key = arena_copy(&world->arena, record->key);
    added->value = arena_copy(&world->arena, record->value);
    struct sim_header *headers = ARENA_ARRAY(&world->arena, struct sim_header, record->header_count);
    for (size_t i = 0; i < record->header_count; i++)
        headers[i] = (struct sim_header){arena_copy(&world->arena, record->headers[i].name),
                                         arena_copy(&world->arena, record->headers[i].value)};
    added->headers = headers;
    advance_stable(log);
    return (int64_t)log->count - 1;
}

struct transactional *broker_transactional(struct broker *broker, struct span id)
{
    for (size_t i = 0; i < broker->count; i++)
        if (span_equal(broker->list[i]->id, id))
            return broker->list[i];
    assert(broker->count < sizeof broker->list / sizeof *broker->list);
    struct transactional *t = ARENA_NEW(&broker->world->arena, struct transactional);
    t->world = broker->world;
    t->id = arena_copy(&broker->world->arena, id);
    broker->list[broker->count++] = t;
    return t;
}

/* ---- ending ---- */

struct marker {
    struct transactional *owner;
    struct sim_log *log;
};

static void finish(struct transactional *t)
{
    for (size_t i = 0; t->commit && i < t->offset_count; i++)
        *t->offsets[i].place = t->offsets[i].offset;
    t->offset_count = 0;
    t->state = TXN_EMPTY;
}

static void write_marker(void *self)
{
    struct marker *marker = self;
    struct transactional *t = marker->owner;
    struct sim_log *log = marker->log;
    for (size_t i = log->stable; i < log->count; i++) {
        struct sim_record *record = &log->records[i];
        if (record->state == RECORD_OPEN && record->owner == t)
            record->state = t->commit ? RECORD_COMMITTED : RECORD_ABORTED;
    }
    (void)sim_log_append(log, &(struct sim_record){.state = RECORD_MARKER});
    world_trace(t->world, "%s[%d] %zu: %s marker of %.*s", log->name, log->partition, log->count - 1,
                t->commit ? "commit" : "abort", SPAN_PRINTF(t->id));
    if (--t->markers_left == 0)
        finish(t);
}

static void prepare_end(struct transactional *t, bool commit)
{
    struct world *world = t->world;
    t->state = TXN_PREPARED;
    t->commit = commit;
    t->markers_left = t->log_count;
    for (size_t i = 0; i < t->log_count; i++) {
        struct marker *marker = ARENA_NEW(&world->arena, struct marker);
        *marker = (struct marker){t, t->logs[i]};
        int64_t delay_us = world_latency(world, 3 * MS);
        if (world_strikes(world, FAULT_MARKER_SLOW, 8))
            delay_us = world_between(world, 0, 5 * SECOND);
        world_ask(world, delay_us, write_marker, marker);
    }
    if (t->log_count == 0)
        finish(t);
}

struct expiry {
    struct transactional *t;
    uint64_t number;
};

/* The coordinator's own sweep. */
static void expire(void *self)
{
    struct expiry *expiry = self;
    struct transactional *t = expiry->t;
    if (t->number != expiry->number || t->state != TXN_ONGOING)
        return;
    world_trace(t->world, "the transaction of %.*s has taken too long", SPAN_PRINTF(t->id));
    t->epoch++;
    prepare_end(t, false);
}

static void begin(struct transactional *t)
{
    struct world *world = t->world;
    t->state = TXN_ONGOING;
    t->log_count = t->offset_count = 0;
    t->number++;
    struct expiry *expiry = ARENA_NEW(&world->arena, struct expiry);
    *expiry = (struct expiry){t, t->number};
    int64_t after_ms = TRANSACTION_MS + world_below(world, SWEEP_MS);
    if (world_strikes(world, FAULT_TXN_EXPIRES, 12))
        after_ms = world_below(world, 30);
    world_ask(world, after_ms * MS, expire, expiry);
}

/* ---- requests ---- */

enum broker_answer transactional_init(struct transactional *t, int64_t *epoch)
{
    if (t->state == TXN_PREPARED)
        return BROKER_BUSY;
    t->epoch++;
    if (t->state == TXN_ONGOING) {
        world_trace(t->world, "init of %.*s aborts its open transaction", SPAN_PRINTF(t->id));
        prepare_end(t, false);
        return BROKER_BUSY;
    }
    *epoch = t->epoch;
    return BROKER_OK;
}

struct fencing {
    struct transactional *t;
    int tries;
};

static void fence(void *self)
{
    struct fencing *fencing = self;
    int64_t epoch;
    if (transactional_init(fencing->t, &epoch) == BROKER_BUSY && ++fencing->tries < 100)
        world_ask(fencing->t->world, 50 * MS, fence, fencing);
    else
        world_trace(fencing->t->world, "%.*s is fenced", SPAN_PRINTF(fencing->t->id));
}

void transactional_fence(struct transactional *t, int64_t delay_us)
{
    struct fencing *fencing = ARENA_NEW(&t->world->arena, struct fencing);
    *fencing = (struct fencing){t, 0};
    world_ask(t->world, delay_us, fence, fencing);
}

static void add_log(struct transactional *t, struct sim_log *log)
{
    for (size_t i = 0; i < t->log_count; i++)
        if (t->logs[i] == log)
            return;
    assert(t->log_count < sizeof t->logs / sizeof *t->logs);
    t->logs[t->log_count++] = log;
}

enum broker_answer transactional_append(struct transactional *t, int64_t epoch, struct sim_log *log,
                                        const struct sim_record *record, int64_t *offset)
{
    if (epoch != t->epoch)
        return BROKER_FENCED;
    if (t->state == TXN_PREPARED)
        return BROKER_BUSY;
    if (t->state == TXN_EMPTY)
        begin(t);
    add_log(t, log);
    struct sim_record open = *record;
    open.state = RECORD_OPEN;
    open.owner = t;
    *offset = sim_log_append(log, &open);
    return BROKER_OK;
}

enum broker_answer transactional_check(const struct transactional *t, int64_t epoch)
{
    return epoch == t->epoch ? BROKER_OK : BROKER_FENCED;
}

void transactional_add_offset(struct transactional *t, int64_t *place, int64_t offset)
{
    if (t->state != TXN_ONGOING)
        return;
    assert(t->offset_count < sizeof t->offsets / sizeof *t->offsets);
    t->offsets[t->offset_count++] = (struct pending_offset){place, offset};
}

bool broker_is_pending(const struct broker *broker, const int64_t *place)
{
    for (size_t i = 0; i < broker->count; i++)
        for (size_t k = 0; k < broker->list[i]->offset_count; k++)
            if (broker->list[i]->offsets[k].place == place)
                return true;
    return false;
}

enum broker_answer transactional_end(struct transactional *t, int64_t epoch, bool commit)
{
    if (epoch != t->epoch)
        return BROKER_FENCED;
    if (t->state == TXN_ONGOING) {
        prepare_end(t, commit);
        return BROKER_OK;
    }
    return t->commit == commit ? BROKER_OK : BROKER_REFUSED;
}
