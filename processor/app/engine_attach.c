/* attach(p): from an assignment to firing. Start-up, take-over and recovery of a rewound or wiped
 * view are this one path.
 *
 *   OPENING      until no transaction of our own from a former tenure of p is undecided
 *   READING      head, partition state and the former owner's ids from the store; a mark asked for
 *                after the assignment (so that it covers whatever that owner had under way)
 *   LOOKING      only where there is no view and the log was trimmed: for the partition snapshot that was
 *                taken at the log's start (engine_snapshot.c)
 *   CATCHING_UP  fold from the head until the mark is passed
 *   ATTACHED     own ids beside the head, near horizon loaded: p fires
 */
#include <stdlib.h>

#include "app/engine_internal.h"
#include "base/log.h"

static void set_phase(struct engine *engine, struct partition *partition, enum partition_phase phase)
{
    partition->phase = phase;
    partition->phase_since_ms = engine->monotonic_ms;
}

void engine_store_failed(struct engine *engine, struct partition *partition, enum err error)
{
    if (partition != NULL)
        partition->retry_at_ms = engine->monotonic_ms + STORE_RETRY_MS;
    engine->store_away = true;
    if (engine->monotonic_ms < engine->store_said_ms)
        return;
    engine->store_said_ms = engine->monotonic_ms + 3000;
    log_line(
        engine->options.log, LOG_WARN, "waiting for Redis",
        log_text("error", error == ERR_LIMIT ? "it has no memory left (maxmemory)" : err_sentence(error)),
        log_number("worker", engine->options.worker));
}

void partition_begin_attach(struct engine *engine, struct partition *partition, const char *why)
{
    if (why != NULL) {
        log_line(engine->options.log, LOG_WARN, "attaching again", log_number("partition", partition->id),
                 log_text("why", why), log_number("head", partition->head));
        metrics_count(&engine->numbers, METRIC_REATTACHES, 1);
    }
    partition_drop_queue(engine, partition);
    /* Every cache goes; what is in flight stays, it speaks of our own transactions. */
    horizon_clear(&partition->horizon);
    engine_forget_slices(engine, partition);
    engine_forget_sweep(engine, partition);
    partition_forget_campaigns(partition);
    partition_state_free(&partition->state);
    partition_state_init(&partition->state);
    partition->head = STORE_NO_HEAD;
    partition->unwritten = false;
    partition->position = 0;
    partition->end_offset = -1;
    partition->frontier_ms = INT64_MIN;
    partition->mark.sequence = 0;
    partition->stable.sequence = 0;
    partition->fenced = false;
    partition->retry_at_ms = 0;
    set_phase(engine, partition, PARTITION_OPENING);
}

/* Reads the head and asks for the mark. */
static void read_view(struct engine *engine, struct partition *partition)
{
    struct store_partition view;
    const struct store_port *store = engine->ports.store;
    arena_reset(&engine->batch);
    enum err error = store->partition_read(store->self, partition->id, &engine->batch, &view);
    if (error != ERR_OK) {
        engine_store_failed(engine, partition, error);
        return;
    }
    engine->store_away = false;
    partition->head = partition->rebuild ? STORE_NO_HEAD : view.head;
    if (partition->head != STORE_NO_HEAD &&
        partition_state_decode(view.part, &partition->state) != ERR_OK) {
        log_line(engine->options.log, LOG_WARN,
                 "the partition's state in Redis has an unknown layout; folding it anew",
                 log_number("partition", partition->id));
        partition_state_free(&partition->state);
        partition_state_init(&partition->state);
        partition->head = STORE_NO_HEAD;
    }
    struct span own = engine->ports.outbox->ids(engine->ports.outbox->self);
    free((char *)partition->stale_ids.data);
    partition->stale_ids = (struct span){NULL, 0};
    if (view.ids.size != 0 && !span_equal(view.ids, own)) {
        char *copy = malloc(view.ids.size);
        if (copy != NULL) {
            memcpy(copy, view.ids.data, view.ids.size);
            partition->stale_ids = span_make(copy, view.ids.size);
        }
    }
    set_phase(engine, partition, PARTITION_READING);
    engine_ask_marks(engine, &partition->id, 1);
}

void partition_catch_up(struct engine *engine, struct partition *partition)
{
    partition->end_offset = -1;
    partition->position = partition->head;
    set_phase(engine, partition, PARTITION_CATCHING_UP);
    partition_update_position(engine, partition);
}

/* What the group has committed was a head, so what the fold had to tell of the records below was
 * acknowledged. Where that cannot be learnt it is told again, with the same ids. */
static void learn_what_was_told(struct engine *engine, struct partition *partition)
{
    const struct journal_port *journal = engine->ports.journal;
    int64_t committed = journal->committed(journal->self, partition->id);
    if (committed > partition->noted_until && committed <= partition->mark.high)
        partition->noted_until = committed;
}

/* The mark is answered: begin to fold. */
static void start_reading(struct engine *engine, struct partition *partition)
{
    const struct store_port *store = engine->ports.store;
    const struct journal_port *journal = engine->ports.journal;
    if (partition->head == STORE_NO_HEAD) {
        learn_what_was_told(engine, partition);
        enum err error = store->wipe(store->self, partition->id);
        if (error != ERR_OK) {
            engine_store_failed(engine, partition, error);
            return;
        }
        partition_state_free(&partition->state);
        partition_state_init(&partition->state);
        partition->head = partition->log_start;
        partition->unwritten = true;
        partition->rebuild = false;
    }
    bool trimmed = partition->unwritten && partition->log_start > 0;
    enum err error = journal->start(journal->self, partition->id, partition->head);
    if (error != ERR_OK) {
        partition->retry_at_ms = engine->monotonic_ms + STORE_RETRY_MS;
        return;
    }
    if (trimmed)
        set_phase(engine, partition, PARTITION_LOOKING);
    else
        partition_catch_up(engine, partition);
}

enum err partition_write_first(struct engine *engine, struct partition *partition,
                               const struct store_user_write *writes, size_t count)
{
    const struct store_port *store = engine->ports.store;
    struct store_read read = {.partition = partition->id};
    enum err error = store->fold_read(store->self, &read, 1, &engine->batch);
    if (error != ERR_OK)
        return error;
    buf_clear(&engine->scratch);
    partition_state_encode(&partition->state, &engine->scratch);
    struct store_commit commit = {.partition = partition->id,
                                  .expected_head = STORE_NO_HEAD,
                                  .new_head = partition->head,
                                  .part = buf_span(&engine->scratch),
                                  .writes = writes,
                                  .count = count};
    error = store->fold_commit(store->self, &commit, 1);
    if (error == ERR_OK)
        partition->unwritten = false;
    return error;
}

/* One read of what is due into the horizon; *last_ms: the latest due read. False: it failed. */
static bool load_range(struct engine *engine, struct partition *partition, int64_t from_ms,
                       int64_t until_ms, size_t limit, size_t *count, int64_t *last_ms)
{
    const struct store_port *store = engine->ports.store;
    struct store_due *dues;
    int64_t head;
    arena_reset(&engine->batch);
    enum err error = store->due_read(store->self, partition->id, from_ms, until_ms, limit, &engine->batch,
                                     &dues, count, &head);
    if (error != ERR_OK) {
        engine_store_failed(engine, partition, error);
        return false;
    }
    if (head != partition->head) {
        partition_begin_attach(engine, partition, "the head in Redis changed under a read of what is due");
        return false;
    }
    for (size_t i = 0; i < *count; i++)
        horizon_load(&partition->horizon, dues[i].user, dues[i].due_ms);
    if (*count != 0)
        *last_ms = dues[*count - 1].due_ms;
    return true;
}

/* Loads what lies beyond the last load. Users that were loaded and are held (their campaign is paused)
 * are not read again and again this way. */
static bool load_horizon(struct engine *engine, struct partition *partition)
{
    struct horizon *horizon = &partition->horizon;
    int64_t until_ms = engine->now_ms + engine->options.bounds.horizon_ms;
    int64_t from_ms = horizon->loaded_until_ms == INT64_MIN ? INT64_MIN : horizon->loaded_until_ms + 1;
    size_t count;
    int64_t last_ms = 0;
    if (until_ms < from_ms)
        return true;
    if (!load_range(engine, partition, from_ms, until_ms, engine->options.bounds.horizon_load, &count,
                    &last_ms))
        return false;
    if (count == engine->options.bounds.horizon_load) {
        /* Others may share the last instant ("at 09:00" makes many): take it whole. */
        until_ms = last_ms;
        if (!load_range(engine, partition, last_ms, last_ms, SIZE_MAX, &count, &last_ms))
            return false;
    }
    horizon->loaded_until_ms = until_ms;
    return true;
}

static void finish_attach(struct engine *engine, struct partition *partition)
{
    const struct store_port *store = engine->ports.store;
    const struct outbox_port *outbox = engine->ports.outbox;
    arena_reset(&engine->batch);
    /* The first fold batch writes the view's first head. Where there was nothing to fold, an empty commit
     * does, so that the ids can stand beside it. */
    enum err error = partition->unwritten ? partition_write_first(engine, partition, NULL, 0) : ERR_OK;
    if (error == ERR_OK)
        error = store->ids_write(store->self, partition->id, partition->head, outbox->ids(outbox->self));
    if (error == ERR_CONFLICT) {
        partition_begin_attach(engine, partition, "the head in Redis changed while attaching");
        return;
    }
    if (error != ERR_OK) {
        engine_store_failed(engine, partition, error);
        return;
    }
    if (!load_horizon(engine, partition))
        return;
    if (partition->state.sweep.restoring != 0) {
        log_line(engine->options.log, LOG_ERROR,
                 "the sweep that the journal begins with was never finished: some users' states are lost",
                 log_number("partition", partition->id));
        partition->state.sweep.restoring = 0;
    }
    set_phase(engine, partition, PARTITION_ATTACHED);
    metrics_count(&engine->numbers, METRIC_ATTACHES, 1);
    log_line(engine->options.log, LOG_INFO, "attached", log_number("partition", partition->id),
             log_number("head", partition->head), log_number("worker", engine->options.worker));
}

void partition_attach(struct engine *engine, struct partition *partition)
{
    if (engine->monotonic_ms < partition->retry_at_ms)
        return;
    switch (partition->phase) {
    case PARTITION_OPENING:
        if (partition->flights.count != 0 || !engine_transaction_touches(engine, partition->id))
            read_view(engine, partition);
        break;
    case PARTITION_READING:
        if (partition->mark.sequence == 0 ||
            (!partition->mark.answered &&
             engine->monotonic_ms - partition->mark.asked_monotonic_ms > MARK_ANSWER_MS))
            engine_ask_marks(engine, &partition->id, 1);
        else if (partition->mark.answered)
            start_reading(engine, partition);
        break;
    case PARTITION_LOOKING:
        break; /* what the journal hands out decides */
    case PARTITION_CATCHING_UP:
        if (partition->mark.sequence == 0)
            finish_attach(engine, partition);
        break;
    case PARTITION_ATTACHED:
        break;
    }
}

/* A mark that stays ahead of us although everything visible is folded: somebody's transaction is
 * open. If it is not ours, end the one the former owner may have left (once an attach: its ids may be
 * those of a living worker by now, which loses a good transaction but no message). */
void partition_watch_orphans(struct engine *engine, struct partition *partition)
{
    struct mark *mark = &partition->mark;
    if (mark->sequence == 0 || !mark->answered || partition->fenced || partition->stale_ids.size == 0 ||
        partition->phase < PARTITION_CATCHING_UP || partition->queue_first != partition->queue_count ||
        engine->monotonic_ms - mark->asked_monotonic_ms < ORPHAN_LAG_MS ||
        engine_transaction_touches(engine, partition->id))
        return;
    const struct outbox_port *outbox = engine->ports.outbox;
    struct mark *stable = &partition->stable;
    if (stable->sequence == 0 ||
        (!stable->answered && engine->monotonic_ms - stable->asked_monotonic_ms > MARK_ANSWER_MS)) {
        *stable = (struct mark){++engine->mark_sequence, engine->now_ms, engine->monotonic_ms, false, 0};
        const struct journal_port *journal = engine->ports.journal;
        journal->watermark_request(journal->self, &partition->id, 1, true, (int64_t)stable->sequence);
    } else if (stable->answered && stable->high >= mark->high) {
        stable->sequence = 0; /* nothing is open; the records are on their way */
    } else if (stable->answered && !outbox->fencing(outbox->self)) {
        log_line(engine->options.log, LOG_INFO, "ending the transaction that the former owner left open",
                 log_number("partition", partition->id));
        outbox->fence(outbox->self, partition->stale_ids);
        partition->fenced = true;
        metrics_count(&engine->numbers, METRIC_FENCES, 1);
    }
}

void partition_refill_horizon(struct engine *engine, struct partition *partition)
{
    struct horizon *horizon = &partition->horizon;
    if (horizon->loaded_until_ms >= engine->now_ms + engine->options.bounds.horizon_refill_ms ||
        engine->monotonic_ms < partition->retry_at_ms)
        return;
    /* A backlog is loaded piece by piece: the next when most of the last has fired. Users who wait behind
     * something held (wait_for_next) may be many, and are no backlog. */
    if (horizon->loaded_until_ms <= engine->now_ms && horizon_next_ms(horizon) <= engine->now_ms &&
        horizon_count(horizon) > engine->options.bounds.horizon_load / 2)
        return;
    load_horizon(engine, partition);
}

void engine_check_heads(struct engine *engine)
{
    if (engine->monotonic_ms < engine->check_at_ms)
        return;
    engine->check_at_ms = engine->monotonic_ms + HEAD_CHECK_MS;
    arena_reset(&engine->batch);
    int32_t *ids = ARENA_ARRAY(&engine->batch, int32_t, engine->partition_slots);
    int64_t *heads = ARENA_ARRAY(&engine->batch, int64_t, engine->partition_slots);
    size_t count = 0;
    for (size_t i = 0; i < engine->partition_slots; i++)
        if (engine->partitions[i] != NULL && engine->partitions[i]->phase == PARTITION_ATTACHED)
            ids[count++] = (int32_t)i;
    if (count == 0)
        return;
    const struct store_port *store = engine->ports.store;
    enum err error = store->heads_read(store->self, ids, count, heads);
    if (error != ERR_OK) {
        engine_store_failed(engine, NULL, error);
        return;
    }
    engine->store_away = false;
    for (size_t i = 0; i < count; i++) {
        struct partition *partition = engine->partitions[ids[i]];
        if (heads[i] != partition->head)
            partition_begin_attach(engine, partition, "the head in Redis is not the one it was left at");
    }
}
