#include "app/engine.h"

#include <stdlib.h>

#include "app/engine_internal.h"
#include "base/memory.h"

#define SAY_AGAIN_MS 3000
#define NUMBERS_MS 1000

const struct engine_bounds engine_bounds_live = {
    .horizon_ms = 60 * 1000,
    .horizon_refill_ms = 15 * 1000,
    .horizon_load = 20000,
    .batch_records = 256,
    .batch_bytes = 4 * 1024 * 1024,
    .batch_users = 50000,
    .fire_users = 8000,
    .block_bytes = 64 * 1024,
    .slice_users = 1000,
    .walk_users = 50000,
    .sweep_users = 1000,
    .sweep_bytes = 64 * 1024,
    .sweep_rest = 9,
};

struct engine *engine_new(const struct engine_options *options, const struct engine_ports *ports,
                          struct definitions *definitions, struct metrics *metrics)
{
    struct engine *engine = memory_checked(calloc(1, sizeof *engine));
    engine->options = *options;
    engine->ports = *ports;
    engine->definitions = definitions;
    engine->metrics = metrics;
    steady_clock_init(&engine->clock, ports->clock);
    metrics_batch_init(&engine->numbers);
    arena_init(&engine->batch, 1024 * 1024);
    walk_init(&engine->walk);
    engine->sweep.partition = -1;
    engine->now_ms = steady_clock_now(&engine->clock);
    engine->monotonic_ms = ports->clock.monotonic_ms(ports->clock.self);
    for (int producer = 0; producer < PRODUCERS; producer++)
        engine->transactions[producer].fire_users = options->bounds.fire_users;
    return engine;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    for (size_t i = 0; i < engine->partition_slots; i++)
        if (engine->partitions[i] != NULL)
            partition_free(engine, engine->partitions[i]);
    free(engine->partitions);
    for (int producer = 0; producer < PRODUCERS; producer++) {
        free(engine->transactions[producer].touched);
        free(engine->transactions[producer].dues);
    }
    metrics_batch_free(&engine->numbers);
    arena_destroy(&engine->batch);
    walk_free(&engine->walk);
    buf_free(&engine->scratch);
    buf_free(&engine->record_text);
    free(engine);
}

/* ---- rebalances ----------------------------------------------------------------------------------- */

static void add_partition(struct engine *engine, int32_t id)
{
    if ((size_t)id >= engine->partition_slots) {
        size_t slots = (size_t)id + 1;
        engine->partitions =
            memory_checked(realloc(engine->partitions, slots * sizeof(struct partition *)));
        memset(engine->partitions + engine->partition_slots, 0,
               (slots - engine->partition_slots) * sizeof(struct partition *));
        engine->partition_slots = slots;
    }
    if (engine->partitions[id] == NULL)
        engine->partitions[id] = partition_new(id);
    partition_begin_attach(engine, engine->partitions[id], NULL);
}

/* Ids of one's own beside a head are removed where nothing is open, so that the next owner has no reason
 * to fence a living worker. */
static void take_leave(struct engine *engine, struct partition *partition)
{
    if (partition->phase != PARTITION_ATTACHED || engine_transaction_touches(engine, partition->id))
        return;
    const struct store_port *store = engine->ports.store;
    const struct outbox_port *outbox = engine->ports.outbox;
    enum err error = store->ids_remove(store->self, partition->id, outbox->ids(outbox->self));
    if (error != ERR_OK)
        engine_store_failed(engine, NULL, error);
}

static void give_up_partitions(struct engine *engine, const struct journal_event *event)
{
    engine_end_transactions(engine, event->partitions, event->count);
    for (size_t i = 0; i < event->count; i++) {
        struct partition *partition = engine_partition(engine, event->partitions[i]);
        if (partition == NULL)
            continue;
        if (event->kind == JOURNAL_REVOKED)
            take_leave(engine, partition);
        partition_free(engine, partition);
        engine->partitions[event->partitions[i]] = NULL;
    }
    log_line(engine->options.log, LOG_INFO,
             event->kind == JOURNAL_LOST ? "partitions lost" : "partitions given up",
             log_number("count", (int64_t)event->count), log_number("worker", engine->options.worker));
}

static void take_partitions(struct engine *engine, const struct journal_event *event)
{
    engine->assigned_once = true;
    for (size_t i = 0; i < event->count; i++)
        add_partition(engine, event->partitions[i]);
    log_line(engine->options.log, LOG_INFO, "partitions assigned",
             log_number("count", (int64_t)event->count), log_number("worker", engine->options.worker));
}

/* Transactions carry the metadata of the last rebalance that was handled here, never a later one: a
 * member that was thrown out and does not know it yet must not commit as the new member it has become. */
static void take_metadata(struct engine *engine)
{
    const struct journal_port *journal = engine->ports.journal;
    const struct outbox_port *outbox = engine->ports.outbox;
    outbox->set_group_metadata(outbox->self, journal->group_metadata(journal->self));
}

/* ---- events of the journal ------------------------------------------------------------------------ */

static void take_record(struct engine *engine, const struct journal_event *event)
{
    struct partition *partition = engine_partition(engine, event->partition);
    const struct journal_port *journal = engine->ports.journal;
    /* What was read ahead before a re-attach or a revocation, or twice after a seek, is of no use. */
    bool wanted = partition != NULL && partition->phase >= PARTITION_CATCHING_UP &&
                  event->offset >= partition->head &&
                  (partition->queue_first == partition->queue_count ||
                   partition->queue[partition->queue_count - 1].offset < event->offset);
    if (!wanted) {
        if (partition != NULL && partition->phase == PARTITION_LOOKING)
            partition_look(engine, partition, event);
        journal->release(journal->self, event->record);
        return;
    }
    struct queued_record record = {event->offset, event->append_ms, event->value, event->record};
    partition_queue_push(engine, partition, &record);
}

static void take_end(struct engine *engine, const struct journal_event *event)
{
    struct partition *partition = engine_partition(engine, event->partition);
    if (partition == NULL || partition->phase < PARTITION_LOOKING)
        return;
    if (partition->phase == PARTITION_LOOKING) {
        if (event->offset >= partition->mark.high)
            partition_begin_without_snapshot(engine, partition);
        return;
    }
    partition->end_offset = event->offset;
    partition_update_position(engine, partition);
}

static void take_event(struct engine *engine, const struct journal_event *event)
{
    struct partition *partition;
    switch (event->kind) {
    case JOURNAL_NOTHING:
        break;
    case JOURNAL_RECORD:
        take_record(engine, event);
        break;
    case JOURNAL_END:
        take_end(engine, event);
        break;
    case JOURNAL_ASSIGNED:
        take_partitions(engine, event);
        take_metadata(engine);
        break;
    case JOURNAL_REVOKED:
    case JOURNAL_LOST:
        give_up_partitions(engine, event);
        take_metadata(engine);
        break;
    case JOURNAL_WATERMARK:
        partition = engine_partition(engine, event->partition);
        if (partition != NULL)
            partition_watermark(engine, partition, event);
        break;
    case JOURNAL_TRIMMED:
        partition = engine_partition(engine, event->partition);
        if (partition != NULL)
            partition_trimmed(engine, partition, event->low);
        break;
    case JOURNAL_RANGE:
        partition = engine_partition(engine, event->partition);
        if (partition != NULL && partition->phase >= PARTITION_LOOKING)
            partition_begin_attach(engine, partition, "its place is no longer in the log");
        break;
    case JOURNAL_AWAY:
        if (engine->monotonic_ms >= engine->journal_said_ms) {
            engine->journal_said_ms = engine->monotonic_ms + SAY_AGAIN_MS;
            log_line(engine->options.log, LOG_WARN, "waiting for Kafka", log_span("error", event->text),
                     log_number("worker", engine->options.worker));
        }
        break;
    }
}

/* What was proven up to an instant of the old clock says nothing on the new one. */
static void forget_frontiers(struct engine *engine)
{
    for (size_t i = 0; i < engine->partition_slots; i++) {
        struct partition *partition = engine->partitions[i];
        if (partition == NULL)
            continue;
        partition->frontier_ms = partition->state.append_max_ms;
        partition->mark.asked_ms = INT64_MIN;
    }
}

static void read_clocks(struct engine *engine)
{
    engine->now_ms = steady_clock_now(&engine->clock);
    engine->monotonic_ms = engine->ports.clock.monotonic_ms(engine->ports.clock.self);
    if (engine->clock.accepted != engine->clock_steps_accepted) {
        engine->clock_steps_accepted = engine->clock.accepted;
        forget_frontiers(engine);
    }
    if (engine->clock.steps == engine->clock_steps_seen)
        return;
    metrics_count(&engine->numbers, METRIC_CLOCK_STEPS, engine->clock.steps - engine->clock_steps_seen);
    engine->clock_steps_seen = engine->clock.steps;
    log_line(engine->options.log, LOG_WARN, "the wall clock was set; firing is held for a while",
             log_number("step_ms", engine->clock.last_step_ms), log_number("hold_ms", STEADY_HOLD_MS));
}

static bool queue_is_full(const struct engine *engine)
{
    return engine->queued_records >= engine->options.bounds.batch_records ||
           engine->queued_bytes >= engine->options.bounds.batch_bytes;
}

/* A full batch that could not be folded (the store is away) stops delivery, not polling: rebalances must
 * go on being answered. */
static void hold_delivery(struct engine *engine, bool held)
{
    const struct journal_port *journal = engine->ports.journal;
    if (engine->delivery_held == held)
        return;
    engine->delivery_held = held;
    for (size_t i = 0; i < engine->partition_slots; i++)
        if (engine->partitions[i] != NULL)
            (held ? journal->pause : journal->resume)(journal->self, (int32_t)i);
}

/* Takes what the journal has, up to a batch; waits only for the first. */
static enum err read_journal(struct engine *engine, int wait_ms, struct diag *diag)
{
    const struct journal_port *journal = engine->ports.journal;
    hold_delivery(engine, queue_is_full(engine));
    do {
        struct journal_event event = {0};
        enum err error = journal->poll(journal->self, wait_ms, &event);
        if (error != ERR_OK)
            return diag_set(diag, error, 0, 0, "%.*s", SPAN_PRINTF(event.text));
        if (event.kind == JOURNAL_NOTHING)
            break;
        read_clocks(engine);
        take_event(engine, &event);
        wait_ms = 0;
    } while (!queue_is_full(engine));
    return ERR_OK;
}

/* ---- the turn ------------------------------------------------------------------------------------- */

/* One request covers all partitions that have something due beyond their frontier, or flights whose
 * outcome is to be read from the log. */
static void ask_marks(struct engine *engine)
{
    arena_reset(&engine->batch);
    int32_t *wanting = ARENA_ARRAY(&engine->batch, int32_t, engine->partition_slots);
    size_t count = 0;
    for (size_t i = 0; i < engine->partition_slots; i++) {
        struct partition *partition = engine->partitions[i];
        if (partition == NULL || partition->phase < PARTITION_CATCHING_UP)
            continue;
        const struct mark *mark = &partition->mark;
        int64_t due_ms = horizon_next_ms(&partition->horizon);
        bool due = partition->phase == PARTITION_ATTACHED && due_ms != INT64_MIN &&
                   due_ms < engine->now_ms && due_ms >= partition->frontier_ms;
        bool wants = mark->sequence == 0 && (due || partition->uncertain);
        bool unanswered = mark->sequence != 0 && !mark->answered &&
                          engine->monotonic_ms - mark->asked_monotonic_ms > MARK_ANSWER_MS;
        if (wants || unanswered)
            wanting[count++] = partition->id;
    }
    engine_ask_marks(engine, wanting, count);
}

/* How long until what is queued may be folded: not at once after the store failed. */
static int64_t until_fold_ms(const struct engine *engine)
{
    int64_t until_ms = INT64_MAX;
    for (size_t i = 0; i < engine->partition_slots; i++) {
        const struct partition *partition = engine->partitions[i];
        if (partition == NULL || partition->queue_first == partition->queue_count)
            continue;
        int64_t left_ms = partition->retry_at_ms - engine->monotonic_ms;
        if (left_ms < until_ms)
            until_ms = left_ms < 0 ? 0 : left_ms;
    }
    return until_ms;
}

static int wait_ms(const struct engine *engine, int max_wait_ms)
{
    int64_t fold_ms = until_fold_ms(engine);
    if (fold_ms < max_wait_ms)
        max_wait_ms = (int)fold_ms;
    int64_t fire_ms = engine_fire_wait_ms(engine);
    return fire_ms < max_wait_ms ? (int)fire_ms : max_wait_ms;
}

static void look_after_partitions(struct engine *engine)
{
    for (size_t i = 0; i < engine->partition_slots; i++) {
        struct partition *partition = engine->partitions[i];
        if (partition == NULL)
            continue;
        if (partition->phase == PARTITION_ATTACHED)
            partition_refill_horizon(engine, partition);
        else if (!engine->stopping)
            partition_attach(engine, partition);
        partition_watch_orphans(engine, partition);
    }
}

static void publish_numbers(struct engine *engine)
{
    if (engine->monotonic_ms < engine->numbers_at_ms)
        return;
    engine->numbers_at_ms = engine->monotonic_ms + NUMBERS_MS;
    const struct store_port *store = engine->ports.store;
    int64_t *values = engine->numbers.values;
    struct engine_status status = engine_status(engine);
    values[METRIC_PARTITIONS_OWNED] = status.owned;
    values[METRIC_PARTITIONS_ATTACHED] = status.attached;
    values[METRIC_JOURNAL_LAG] = values[METRIC_IN_FLIGHT] = values[METRIC_CURSORS] = 0;
    values[METRIC_EXPRESSION_ERRORS] += (int64_t)engine->counts.expression_errors;
    values[METRIC_FORGOTTEN] += (int64_t)engine->counts.forgotten;
    engine->counts = (struct fold_counts){0};
    arena_reset(&engine->batch);
    int32_t *ids = ARENA_ARRAY(&engine->batch, int32_t, engine->partition_slots);
    size_t count = 0;
    for (size_t i = 0; i < engine->partition_slots; i++) {
        const struct partition *partition = engine->partitions[i];
        if (partition == NULL)
            continue;
        ids[count++] = partition->id;
        values[METRIC_IN_FLIGHT] += (int64_t)partition->flights.count;
        values[METRIC_CURSORS] += (int64_t)partition->state.cursor_count;
        if (partition->mark.answered && partition->mark.high > partition->position)
            values[METRIC_JOURNAL_LAG] += partition->mark.high - partition->position;
    }
    if (!engine->store_away && count != 0)
        (void)!store->pending_count(store->self, ids, count, &values[METRIC_PENDING]);
    metrics_merge(engine->metrics, &engine->numbers, engine->options.worker);
}

enum err engine_turn(struct engine *engine, int max_wait_ms, struct diag *diag)
{
    read_clocks(engine);
    enum err error = read_journal(engine, wait_ms(engine, max_wait_ms), diag);
    if (error != ERR_OK)
        return error;
    read_clocks(engine);
    engine_poll_outcomes(engine);
    engine_fold(engine);
    look_after_partitions(engine);
    ask_marks(engine);
    engine_fire(engine);
    engine_write_slices(engine);
    engine_sweep(engine);
    engine_check_heads(engine);
    publish_numbers(engine);
    const struct journal_port *journal = engine->ports.journal;
    if (engine->stopping && !engine->closing && !engine->transactions[0].open &&
        !engine->transactions[1].open) {
        engine->closing = true;
        journal->close(journal->self);
    }
    if (engine->closing && journal->closed(journal->self)) {
        engine->stopped = true;
        engine->numbers_at_ms = 0;
        publish_numbers(engine);
    }
    return ERR_OK;
}

void engine_stop(struct engine *engine)
{
    engine->stopping = true;
}

bool engine_stopped(const struct engine *engine)
{
    return engine->stopped;
}

struct engine_status engine_status(const struct engine *engine)
{
    struct engine_status status = {.assigned_once = engine->assigned_once,
                                   .store_away = engine->store_away};
    for (size_t i = 0; i < engine->partition_slots; i++) {
        if (engine->partitions[i] == NULL)
            continue;
        status.owned++;
        if (engine->partitions[i]->phase == PARTITION_ATTACHED)
            status.attached++;
    }
    return status;
}
