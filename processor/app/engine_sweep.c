/* Writing snapshots, and trimming the journal behind them; what they mean is in engine_snapshot.c.
 *
 * An engine sweeps one of its partitions at a time, in turn. It scans the users' states in the store's
 * order, writes those that the sweep does not cover yet, a record at a time, and goes on when the record
 * has come back through the fold. A scan that meets nobody who is not covered is the end. Whoever takes the
 * partition over in between scans anew and finds most users done. After each record it rests for several
 * times as long as the record took, though never long, so that a sweep costs a small share of what a worker
 * can do.
 */
#include <stdlib.h>

#include "app/engine_internal.h"
#include "codec/journal.h"
#include "codec/user_state_bin.h"

#define AGAIN_MS 5000 /* a record that has not come back for so long is taken for lost */
#define PAGE_USERS 200
#define PAGES_A_TURN 16
#define DEFINITIONS_BYTES \
    ((size_t)512 * 1024)                  /* in one partition snapshot; others are in the campaigns topic */
#define RECORD_BYTES ((size_t)700 * 1024) /* largest of a sweep's, where users have large states */
#define REST_MAX_MS 500
#define TRIM_AGAIN_MS 60000

void engine_forget_sweep(struct engine *engine, struct partition *partition)
{
    partition->sweep_out = false;
    if (engine->sweep.partition == partition->id)
        engine->sweep.partition = -1;
}

/* ---- trimming ------------------------------------------------------------------------------------- */

static void trim(struct engine *engine, struct partition *partition)
{
    const struct journal_port *journal = engine->ports.journal;
    int64_t keep_from = partition->state.sweep.keep_from;
    if (keep_from <= partition->log_start || engine->monotonic_ms < partition->trim_at_ms)
        return;
    partition->trim_at_ms = engine->monotonic_ms + TRIM_AGAIN_MS;
    journal->trim(journal->self, partition->id, keep_from);
}

void partition_trimmed(struct engine *engine, struct partition *partition, int64_t log_start)
{
    partition->trim_at_ms = 0;
    if (log_start <= partition->log_start)
        return;
    partition->log_start = log_start;
    metrics_count(&engine->numbers, METRIC_TRIMS, 1);
    log_line(engine->options.log, LOG_INFO, "the journal was trimmed",
             log_number("partition", partition->id), log_number("log_start", log_start));
}

/* ---- which partition ------------------------------------------------------------------------------ */

static bool is_ready(const struct engine *engine, const struct partition *partition)
{
    return partition != NULL && partition->phase == PARTITION_ATTACHED && !partition->unwritten &&
           partition->queue_first == partition->queue_count &&
           engine->monotonic_ms >= partition->retry_at_ms;
}

/* A sweep that is open is gone on with; a new one where its time has come and something was folded since.
 */
static bool is_wanted(const struct engine *engine, const struct partition *partition)
{
    const struct sweep_state *sweep = &partition->state.sweep;
    if (sweep->open)
        return true;
    return sweep->behind && engine->now_ms - sweep->begun_ms >= engine->options.sweep_every_ms &&
           partition->head > partition->log_start;
}

static struct partition *choose(struct engine *engine)
{
    struct sweep *sweep = &engine->sweep;
    if (sweep->partition >= 0) {
        struct partition *current = engine_partition(engine, sweep->partition);
        if (current != NULL && (sweep->waits || is_wanted(engine, current)))
            return current;
        sweep->partition = -1;
    }
    for (size_t i = 0; i < engine->partition_slots; i++) {
        struct partition *partition = engine->partitions[(sweep->turn + i) % engine->partition_slots];
        if (is_ready(engine, partition) && is_wanted(engine, partition)) {
            *sweep = (struct sweep){
                .partition = partition->id, .turn = (size_t)partition->id + 1, .next_ms = sweep->next_ms};
            return partition;
        }
    }
    return NULL;
}

/* ---- writing -------------------------------------------------------------------------------------- */

static void append(struct engine *engine, struct partition *partition, const struct entry *entry)
{
    const struct outbox_port *outbox = engine->ports.outbox;
    struct journal_writer writer = {0};
    journal_writer_add(&writer, entry);
    buf_clear(&engine->scratch);
    journal_writer_finish(&writer, &engine->scratch);
    journal_writer_free(&writer);
    const struct outbox_record record = {.phase = OUTBOX_SETTLED,
                                         .topic = engine->options.journal_topic,
                                         .partition = partition->id,
                                         .value = buf_span(&engine->scratch)};
    outbox->note(outbox->self, &record);
    partition->sweep_out = true;
    partition->sweep_out_ms = engine->monotonic_ms;
    engine->sweep.waits = true;
}

static void add_definition(struct engine *engine, struct partition_snapshot *snapshot, size_t *capacity,
                           size_t *bytes, struct span id, uint32_t version)
{
    struct campaign_definition text;
    if (version == 0 || !definitions_text(engine->definitions, id, version, &text) ||
        *bytes + text.text.size + text.snippets.size > DEFINITIONS_BYTES)
        return;
    *bytes += text.text.size + text.snippets.size;
    *ARENA_PUSH(&engine->batch, (struct snapshot_definition **)&snapshot->definitions,
                &snapshot->definition_count, capacity) =
        (struct snapshot_definition){id, version, text.text, text.snippets};
}

/* The memories of events about things: of the partition, since what they know decides which cursors open.
 * False: they cannot be read now. */
static bool read_memories(struct engine *engine, struct partition *partition, struct snapshot_user *users,
                          size_t *count)
{
    const struct store_port *store = engine->ports.store;
    struct span names[SLICES_MEMORIES];
    for (size_t i = 0; i < SLICES_MEMORIES; i++)
        names[i] = slices_memory(i);
    struct store_read read = {.partition = partition->id, .users = names, .count = SLICES_MEMORIES};
    enum err error = store->fire_read(store->self, &read, 1, &engine->batch);
    if (error != ERR_OK) {
        engine_store_failed(engine, partition, error);
        return false;
    }
    if (read.head != partition->head) {
        partition_begin_attach(engine, partition, "the head in Redis changed before a sweep");
        return false;
    }
    *count = 0;
    for (size_t i = 0; i < SLICES_MEMORIES; i++) {
        struct user_state state;
        if (read.states[i].size == 0)
            continue;
        if (user_state_decode(read.states[i], names[i], &engine->batch, &state) != ERR_OK) {
            /* In a snapshot it would be what every replay begins with. */
            partition_begin_attach(engine, partition, "a memory in Redis cannot be read");
            partition->rebuild = true;
            return false;
        }
        users[(*count)++] = (struct snapshot_user){names[i], read.states[i]};
    }
    return true;
}

static void write_partition(struct engine *engine, struct partition *partition)
{
    const struct partition_state *state = &partition->state;
    struct snapshot_user memories[SLICES_MEMORIES];
    struct entry entry = {
        .kind = ENTRY_PARTITION_SNAPSHOT,
        .partition_snapshot = {.sweep = state->sweep.number + 1, .taken = partition->head}};
    struct partition_snapshot *snapshot = &entry.partition_snapshot;
    size_t capacity = 0, bytes = 0;
    if (!read_memories(engine, partition, memories, &snapshot->user_count))
        return;
    snapshot->users = memories;
    add_definition(engine, snapshot, &capacity, &bytes, span_make(NULL, 0), state->policy_version);
    for (size_t i = 0; i < state->campaign_count; i++)
        add_definition(engine, snapshot, &capacity, &bytes, state->campaigns[i].id,
                       state->campaigns[i].version);
    buf_clear(&engine->scratch);
    partition_state_encode(state, &engine->scratch);
    snapshot->part = arena_copy(&engine->batch, buf_span(&engine->scratch));
    append(engine, partition, &entry);
}

/* ---- the users ------------------------------------------------------------------------------------ */

struct page_work {
    struct engine *engine;
    struct partition *partition;
    struct fold fold;
    int64_t at_ms; /* what cannot matter from then on is left out */
    struct snapshot_user *users;
    size_t count, capacity, bytes;
    bool unreadable; /* some user's state */
};

static void take_user(struct page_work *work, const struct store_user *user)
{
    struct engine *engine = work->engine;
    struct user_state state;
    if (slices_is_memory(user->user))
        return;
    if (user_state_decode(user->state, user->user, &engine->batch, &state) != ERR_OK) {
        work->unreadable = true;
        return;
    }
    if (user_state_is_swept(&state, work->partition->state.sweep.number))
        return;
    engine->sweep.left++;
    if (work->count >= engine->options.bounds.sweep_users ||
        (work->count > 0 && work->bytes + user->state.size > RECORD_BYTES))
        return; /* met again by the next scan */
    fold_forget_old(&work->fold, &state, work->at_ms);
    struct snapshot_user *taken = ARENA_PUSH(&engine->batch, &work->users, &work->count, &work->capacity);
    *taken = (struct snapshot_user){.user = user->user};
    work->bytes += user->user.size;
    if (user_state_is_empty(&state))
        return;
    buf_clear(&engine->scratch);
    user_state_encode(&state, &engine->scratch);
    taken->state = arena_copy(&engine->batch, buf_span(&engine->scratch));
    work->bytes += taken->state.size;
}

/* False: no more of this now. */
static bool take_page(struct page_work *work)
{
    struct engine *engine = work->engine;
    struct partition *partition = work->partition;
    const struct store_port *store = engine->ports.store;
    size_t room = engine->options.bounds.sweep_users;
    struct store_user *users;
    size_t count;
    int64_t head;
    enum err error =
        store->users_scan(store->self, partition->id, &engine->sweep.scan,
                          room < PAGE_USERS ? room : PAGE_USERS, &engine->batch, &users, &count, &head);
    if (error == ERR_CONFLICT) {
        engine->sweep.scan = (struct store_scan){0};
        engine->sweep.left = 0;
        return false;
    }
    if (error != ERR_OK) {
        engine_store_failed(engine, partition, error);
        return false;
    }
    if (head != partition->head) {
        partition_begin_attach(engine, partition, "the head in Redis changed under a sweep");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        take_user(work, &users[i]);
    if (work->unreadable) {
        partition_begin_attach(engine, partition, "a user's state in Redis cannot be read");
        partition->rebuild = true;
        return false;
    }
    return !engine->sweep.scan.over && work->bytes < engine->options.bounds.sweep_bytes &&
           work->count < room;
}

static void write_users(struct engine *engine, struct partition *partition)
{
    const struct partition_state *state = &partition->state;
    struct page_work work = {.engine = engine, .partition = partition};
    if (!partition_need_campaigns(engine, partition))
        return;
    work.fold = partition_fold(engine, partition, (struct decision_sink){0});
    work.at_ms = state->arrived_max_ms > 0 ? state->arrived_max_ms : state->append_max_ms;
    /* A sweep may also have been ended, and the next begun, by another engine's records, within a scan. */
    if (engine->sweep.scan.over || engine->sweep.number != state->sweep.number) {
        engine->sweep.scan = (struct store_scan){0};
        engine->sweep.left = 0;
        engine->sweep.number = state->sweep.number;
    }
    int page = 0;
    while (page++ < PAGES_A_TURN && take_page(&work))
        continue;
    if (partition->phase != PARTITION_ATTACHED)
        return;
    bool last = engine->sweep.scan.over && engine->sweep.left == 0;
    if (work.count == 0 && !last)
        return;
    const struct entry entry = {.kind = ENTRY_SNAPSHOT,
                                .snapshot = {.sweep = state->sweep.number,
                                             .after = state->sweep.at,
                                             .taken = partition->head,
                                             .users = work.users,
                                             .user_count = work.count,
                                             .last = last}};
    append(engine, partition, &entry);
}

/* ---- the turn ------------------------------------------------------------------------------------- */

/* True while a record is on its way back. */
static bool waits(struct engine *engine, struct partition *partition)
{
    struct sweep *sweep = &engine->sweep;
    if (!sweep->waits)
        return false;
    int64_t took_ms = engine->monotonic_ms - partition->sweep_out_ms;
    if (partition->sweep_out && took_ms < AGAIN_MS)
        return true;
    sweep->waits = partition->sweep_out = false;
    int64_t rest_ms = took_ms * engine->options.bounds.sweep_rest;
    sweep->next_ms = engine->monotonic_ms + (rest_ms < REST_MAX_MS ? rest_ms : REST_MAX_MS);
    return false;
}

void engine_sweep(struct engine *engine)
{
    if (engine->stopping || engine->options.sweep_every_ms == 0)
        return;
    for (size_t i = 0; i < engine->partition_slots; i++)
        if (is_ready(engine, engine->partitions[i]))
            trim(engine, engine->partitions[i]);
    struct partition *partition = choose(engine);
    if (partition == NULL || waits(engine, partition) || engine->monotonic_ms < engine->sweep.next_ms ||
        !is_ready(engine, partition) || !is_wanted(engine, partition))
        return;
    arena_reset(&engine->batch);
    if (partition->state.sweep.open)
        write_users(engine, partition);
    else
        write_partition(engine, partition);
}
