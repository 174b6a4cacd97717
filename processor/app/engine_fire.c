/* Firing: due sends -> one transaction; and what becomes of it.
 *
 * A partition fires up to its frontier: the instant up to which every record that reached the journal
 * is known to be folded. Its users whose earliest send is due are read, their sends decided and rendered,
 * and outbound messages, decision records and settled entries go into one transaction of either producer,
 * which none begins while one of the other touches the same partition. The view is not written: the settled
 * entries come back through the fold. Meanwhile the users are in flight (engine_flight.c).
 */
#include <stdlib.h>

#include "app/engine_internal.h"
#include "base/memory.h"
#include "codec/decision_json.h"
#include "codec/journal.h"
#include "codec/outbound_avro.h"
#include "codec/outbound_json.h"
#include "codec/user_state_bin.h"
#include "core/decide.h"

/* A transaction that takes longer is not waited for by the partitions that it does not touch. */
#define ALONE_MS 100
/* From the begin of one transaction to that of the next, where neither is full: it makes messages later by
 * half of it in the mean, and saves brokers the better part of what they do for many small transactions. */
#define PACE_MS 28

static bool partition_may_fire(const struct engine *engine, const struct partition *partition)
{
    return partition->phase == PARTITION_ATTACHED && !partition->blocked && !partition->unwritten &&
           engine->monotonic_ms >= partition->retry_at_ms;
}

/* A send fires when its due lies before the frontier: an event that arrives at the due instant itself is
 * taken first. */
static int64_t fire_limit_ms(const struct engine *engine, const struct partition *partition)
{
    int64_t before_ms = partition->frontier_ms == INT64_MIN ? INT64_MIN : partition->frontier_ms - 1;
    return before_ms < engine->now_ms ? before_ms : engine->now_ms;
}

/* How long until a transaction may begin, as far as those before it go; one that ends may shorten it. The
 * brokers' work is for each partition in a transaction, hardly for each message: what falls due while
 * one is open, or shortly after it began, goes into the next. Not so when there is more than one can take,
 * or when it does not come to an end. */
static int64_t pause_left_ms(const struct engine *engine)
{
    int64_t left_ms = 0;
    for (int producer = 0; producer < PRODUCERS; producer++) {
        const struct transaction *transaction = &engine->transactions[producer];
        if (transaction->turn == 0 || transaction->full)
            continue;
        int64_t pause_ms =
            transaction->begun_ms + (transaction->open ? ALONE_MS : PACE_MS) - engine->monotonic_ms;
        if (pause_ms > left_ms)
            left_ms = pause_ms;
    }
    return left_ms;
}

int64_t engine_fire_wait_ms(const struct engine *engine)
{
    int64_t wait_ms = INT64_MAX;
    for (size_t i = 0; i < engine->partition_slots; i++) {
        const struct partition *partition = engine->partitions[i];
        if (partition == NULL || !partition_may_fire(engine, partition))
            continue;
        int64_t due_ms = horizon_next_ms(&partition->horizon);
        if (due_ms == INT64_MAX)
            continue;
        /* Due already: something (a watermark's answer, a transaction) is on its way, and wakes. */
        int64_t until_ms = due_ms > engine->now_ms ? due_ms - engine->now_ms + 1 : pause_left_ms(engine);
        if (until_ms < wait_ms)
            wait_ms = until_ms;
    }
    return wait_ms < 1 ? 1 : wait_ms;
}

/* ---- deciding ------------------------------------------------------------------------------------- */

/* One partition's share of a transaction that is being made. */
struct salvo {
    struct partition *partition;
    struct horizon_entry **entries; /* popped from the horizon; freed at the end */
    size_t count;
    struct span *users;
    struct journal_writer block;
    uint32_t cookie;         /* of the block being filled */
    struct flight **flights; /* whose settled entries stand in that block */
    size_t flight_count, flight_capacity;
};

struct firing {
    struct engine *engine;
    int producer;
    bool begun;
    struct transaction *transaction;
};

static void begin(struct firing *firing)
{
    if (firing->begun)
        return;
    const struct outbox_port *outbox = firing->engine->ports.outbox;
    firing->begun = true;
    firing->transaction->open = true;
    firing->transaction->begun_ms = firing->engine->monotonic_ms;
    firing->transaction->turn = ++firing->engine->transaction_turn;
    firing->transaction->touched_count = 0;
    firing->transaction->due_count = 0;
    firing->transaction->next_cookie = 0;
    outbox->begin(outbox->self, firing->producer);
}

/* Takes due users, up to the bound, out of the horizons of the partitions that no open transaction touches:
 * one user's sends never run in two at once. */
static size_t take_due(struct engine *engine, int producer, struct salvo *salvos)
{
    size_t salvo_count = 0, left = engine->transactions[producer].fire_users;
    /* Begin at another partition each time, so that none waits behind a busy one. */
    size_t start = engine->fire_turn++;
    for (size_t i = 0; i < engine->partition_slots && left > 0; i++) {
        struct partition *partition = engine->partitions[(start + i) % engine->partition_slots];
        if (partition == NULL || !partition_may_fire(engine, partition) ||
            engine_transaction_touches(engine, partition->id) ||
            !partition_need_campaigns(engine, partition))
            continue;
        int64_t limit_ms = fire_limit_ms(engine, partition);
        struct salvo salvo = {.partition = partition};
        size_t capacity = 0;
        while (left > 0 && horizon_count(&partition->horizon) != 0) {
            int64_t due_ms = horizon_next_ms(&partition->horizon);
            if (due_ms > limit_ms && due_ms != INT64_MIN)
                break;
            struct horizon_entry *entry = horizon_pop(&partition->horizon);
            struct flight *flight = flight_find(partition, entry->node.hash, entry->node.user);
            if (flight != NULL) {
                flight->due_ms = entry->due_ms;
                free(entry);
                continue;
            }
            *ARENA_PUSH(&engine->batch, &salvo.entries, &salvo.count, &capacity) = entry;
            left--;
        }
        if (salvo.count != 0)
            salvos[salvo_count++] = salvo;
    }
    engine->transactions[producer].full = left == 0;
    return salvo_count;
}

static void put_back(struct salvo *salvos, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < salvos[i].count; k++) {
            struct horizon_entry *entry = salvos[i].entries[k];
            if (salvos[i].partition->phase == PARTITION_ATTACHED)
                horizon_load(&salvos[i].partition->horizon, entry->node.user, entry->due_ms);
            free(entry);
        }
}

/* Reads the states of the users; false: nothing can be fired now (all is put back). */
static bool read_salvos(struct engine *engine, struct salvo *salvos, size_t count, struct store_read *reads)
{
    const struct store_port *store = engine->ports.store;
    for (size_t i = 0; i < count; i++) {
        struct salvo *salvo = &salvos[i];
        salvo->users = ARENA_ARRAY(&engine->batch, struct span, salvo->count);
        for (size_t k = 0; k < salvo->count; k++)
            salvo->users[k] = salvo->entries[k]->node.user;
        reads[i] = (struct store_read){
            .partition = salvo->partition->id, .users = salvo->users, .count = salvo->count};
    }
    enum err error = store->fire_read(store->self, reads, count, &engine->batch);
    bool stands = error == ERR_OK;
    for (size_t i = 0; i < count && stands; i++)
        if (reads[i].head != salvos[i].partition->head) {
            partition_begin_attach(engine, salvos[i].partition, "the head in Redis changed before firing");
            stands = false;
        }
    if (stands)
        return true;
    put_back(salvos, count);
    if (error != ERR_OK)
        for (size_t i = 0; i < count; i++)
            engine_store_failed(engine, salvos[i].partition, error);
    return false;
}

static void produce_message(struct firing *firing, const struct outbound_message *message)
{
    struct engine *engine = firing->engine;
    const struct outbox_port *outbox = engine->ports.outbox;
    struct outbox_header headers[OUTBOUND_HEADERS_MAX];
    bool avro = engine->options.avro_head.size != 0;
    size_t header_count =
        outbound_headers(message, avro ? "avro/binary" : "application/json", &engine->batch, headers);
    buf_clear(&engine->scratch);
    buf_append(&engine->scratch, engine->options.avro_head);
    if (avro)
        outbound_avro_write(&engine->scratch, message);
    else
        outbound_json_write(&engine->scratch, message);
    struct outbox_record record = {
        .phase = OUTBOX_OUTBOUND,
        .topic = engine->options.outbound_topic(engine->options.outbound_topic_self, message->channel),
        .partition = -1,
        .key = message->user,
        .value = buf_span(&engine->scratch),
        .headers = headers,
        .header_count = header_count,
    };
    outbox->produce(outbox->self, firing->producer, &record);
    struct transaction *transaction = firing->transaction;
    if (transaction->due_count == transaction->due_capacity) {
        transaction->due_capacity = transaction->due_capacity == 0 ? 256 : transaction->due_capacity * 2;
        transaction->dues = memory_checked(
            realloc(transaction->dues, transaction->due_capacity * sizeof *transaction->dues));
    }
    transaction->dues[transaction->due_count++] = message->due_ms;
}

static void produce_decision(struct firing *firing, const struct decision_record *record, uint32_t attempt)
{
    struct engine *engine = firing->engine;
    metrics_outcome(&engine->numbers, record);
    if (engine->options.decisions == ENGINE_DECISIONS_OFF)
        return;
    const struct outbox_port *outbox = engine->ports.outbox;
    struct outbox_header header;
    struct outbox_record out = engine_decision_record(engine, record, &header);
    char id[DECISION_ID_BYTES];
    header.value = decision_id_of_send(record, attempt, id);
    out.phase = OUTBOX_OUTBOUND;
    outbox->produce(outbox->self, firing->producer, &out);
}

/* Sends the block that is being filled; its flights wait for its offset. */
static void finish_block(struct firing *firing, struct salvo *salvo)
{
    if (salvo->block.count == 0)
        return;
    struct engine *engine = firing->engine;
    const struct outbox_port *outbox = engine->ports.outbox;
    uint32_t cookie = firing->transaction->next_cookie++;
    for (size_t i = 0; i < salvo->flight_count; i++)
        salvo->flights[i]->cookie = cookie;
    salvo->flight_count = 0;
    buf_clear(&engine->scratch);
    journal_writer_finish(&salvo->block, &engine->scratch);
    struct outbox_record record = {
        .phase = OUTBOX_SETTLED,
        .topic = engine->options.journal_topic,
        .partition = salvo->partition->id,
        .value = buf_span(&engine->scratch),
        .cookie = cookie,
    };
    outbox->produce(outbox->self, firing->producer, &record);
}

static void ignore_record(void *self, const struct decision_record *record)
{
    (void)self;
    (void)record;
}

/* Nothing is due now: it was moved, is gone, or is held by a pause. What is held waits for the campaign set
 * to change, and stands before the rest of the user's in the calendar, so the rest is remembered here. */
static void wait_for_next(struct partition *partition, const struct fold *fold,
                          const struct user_state *state, int64_t limit_ms)
{
    int64_t next_ms = decide_next_due(state);
    if (next_ms > limit_ms) {
        horizon_set(&partition->horizon, state->user, next_ms);
        return;
    }
    next_ms = decide_next_free(fold, state);
    if (next_ms != INT64_MAX)
        horizon_load(&partition->horizon, state->user, next_ms);
}

/* Decides all that is due for one user, each upon the ones before it. */
static void fire_user(struct firing *firing, struct salvo *salvo, size_t index, struct span bytes)
{
    struct engine *engine = firing->engine;
    struct partition *partition = salvo->partition;
    struct span user = salvo->users[index];
    struct user_state state;
    if (user_state_decode(bytes, user, &engine->batch, &state) != ERR_OK) {
        partition->rebuild = true; /* once the transaction is on its way */
        return;
    }
    struct fold fold = partition_fold(engine, partition, (struct decision_sink){.record = ignore_record});
    int64_t limit_ms = fire_limit_ms(engine, partition);
    struct due_send *sends;
    size_t count = decide_collect(&fold, &state, limit_ms, &engine->batch, &sends);
    if (count == 0) {
        wait_for_next(partition, &fold, &state, limit_ms);
        return;
    }
    begin(firing);
    struct flight *flight = flight_add(partition, salvo->entries[index]->node.hash, user, firing->producer);
    flight->fired_due_ms = salvo->entries[index]->due_ms;
    *ARENA_PUSH(&engine->batch, &salvo->flights, &salvo->flight_count, &salvo->flight_capacity) = flight;
    for (size_t i = 0; i < count; i++) {
        struct decided decided;
        if (!decide_stands(&state, &sends[i]))
            continue;
        decide_send(&fold, &state, &sends[i], engine->now_ms, &decided);
        struct entry entry = {.kind = ENTRY_SETTLED, .settled = decided.settled};
        journal_writer_add(&salvo->block, &entry);
        if (decided.has_message)
            produce_message(firing, &decided.message);
        if (decided.has_record)
            produce_decision(firing, &decided.record, sends[i].attempt);
        if (i + 1 < count)
            fold_settled(&fold, &state, &decided.settled, partition->state.append_max_ms);
    }
    if (journal_writer_bytes(&salvo->block) >= engine->options.bounds.block_bytes)
        finish_block(firing, salvo);
}

static void touch(struct transaction *transaction, int32_t partition)
{
    if (transaction->touched_count == transaction->touched_capacity) {
        transaction->touched_capacity =
            transaction->touched_capacity == 0 ? 16 : transaction->touched_capacity * 2;
        transaction->touched = memory_checked(
            realloc(transaction->touched, transaction->touched_capacity * sizeof *transaction->touched));
    }
    transaction->touched[transaction->touched_count++] = partition;
}

/* Ends the transaction; its offsets are the heads as they were when its users were read. */
static void commit(struct firing *firing)
{
    struct engine *engine = firing->engine;
    const struct outbox_port *outbox = engine->ports.outbox;
    const struct transaction *transaction = firing->transaction;
    struct outbox_offset *offsets =
        ARENA_ARRAY(&engine->batch, struct outbox_offset, transaction->touched_count);
    for (size_t i = 0; i < transaction->touched_count; i++) {
        const struct partition *partition = engine_partition(engine, transaction->touched[i]);
        offsets[i] = (struct outbox_offset){partition->id, partition->head};
    }
    outbox->commit(outbox->self, firing->producer, offsets, transaction->touched_count);
}

/* False: nothing is due, or nothing can be fired now. */
static bool fire_producer(struct engine *engine, int producer)
{
    arena_reset(&engine->batch);
    struct salvo *salvos = ARENA_ARRAY(&engine->batch, struct salvo, engine->partition_slots);
    size_t count = take_due(engine, producer, salvos);
    if (count == 0)
        return false;
    struct store_read *reads = ARENA_ARRAY(&engine->batch, struct store_read, count);
    if (!read_salvos(engine, salvos, count, reads))
        return false;
    struct firing firing = {
        .engine = engine, .producer = producer, .transaction = &engine->transactions[producer]};
    for (size_t i = 0; i < count; i++) {
        struct salvo *salvo = &salvos[i];
        uint32_t first_cookie = firing.begun ? firing.transaction->next_cookie : 0;
        for (size_t k = 0; k < salvo->count; k++)
            fire_user(&firing, salvo, k, reads[i].states[k]);
        finish_block(&firing, salvo);
        if (firing.begun && firing.transaction->next_cookie > first_cookie)
            touch(firing.transaction, salvo->partition->id);
        journal_writer_free(&salvo->block);
        for (size_t k = 0; k < salvo->count; k++)
            free(salvo->entries[k]);
    }
    if (firing.begun)
        commit(&firing);
    for (size_t i = 0; i < count; i++)
        if (salvos[i].partition->rebuild)
            partition_begin_attach(engine, salvos[i].partition, "a user's state in Redis cannot be read");
    return firing.begun;
}

/* The one whose last transaction began first: to one that goes on at once the coordinator says that the
 * markers of its last commit are not yet written, and the client waits for long. -1: none. */
static int next_producer(const struct engine *engine)
{
    const struct outbox_port *outbox = engine->ports.outbox;
    int next = -1;
    for (int producer = 0; producer < PRODUCERS; producer++) {
        const struct transaction *transaction = &engine->transactions[producer];
        if (!transaction->open && engine->monotonic_ms >= transaction->not_before_ms &&
            outbox->ready(outbox->self, producer) &&
            (next < 0 || transaction->turn < engine->transactions[next].turn))
            next = producer;
    }
    return next;
}

void engine_fire(struct engine *engine)
{
    if (engine->stopping || steady_clock_holds(&engine->clock))
        return;
    for (int producer; pause_left_ms(engine) <= 0 && (producer = next_producer(engine)) >= 0;)
        if (!fire_producer(engine, producer))
            return;
}
