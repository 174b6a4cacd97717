/* Folding: journal records -> users' states, in one atomic step with the heads.
 *
 * A batch takes what is queued, over all partitions, up to a bound. Each partition's records are
 * decoded once, the users they touch are read in one round trip, every entry is folded in order, the
 * decision records that came of it are acknowledged, and then states and heads are written together.
 * If anything fails before that, nothing has happened: the records stay queued, and their decision
 * records are not given again.
 */
#include "app/engine_internal.h"
#include "codec/journal.h"
#include "codec/user_state_bin.h"
#include "core/decide.h"

#define CLOCKS_SAY_MS 60000
#define STORE_FULL_MS 2000 /* taken to be full for so long after it refused a batch */

struct batch_user {
    struct user_node node;
    struct user_state state;
    struct follow_numbers follows; /* as read */
    bool read;                     /* `state` is filled */
    bool touched;                  /* something was folded into it */
};

struct batch_entry {
    struct entry entry;
    struct batch_user *user; /* NULL: it concerns no user, or many */
};

/* One partition's share. */
struct share {
    struct partition *partition;
    size_t record_count; /* of its queue, from queue_first */
    int64_t offset;      /* of the record being folded */
    struct batch_record {
        const struct batch_entry *entries;
        size_t count;
    } * records;
    struct user_map users;
    struct batch_user **user_list; /* in order of appearance */
    size_t user_count, user_capacity;
    struct span *names; /* for the read, parallel to user_list */
};

/* The user of an entry, or an empty span when it concerns none. */
static struct span entry_user(const struct entry *entry)
{
    switch (entry->kind) {
    case ENTRY_EVENT:
        return entry->event.user;
    case ENTRY_THING:
        return slices_memory_of(&entry->event);
    case ENTRY_PROFILE:
        return entry->profile.user;
    case ENTRY_SETTLED:
        return entry->settled.user;
    case ENTRY_CONTROL:
        return entry->control.kind == CONTROL_ERASE ? entry->control.id : (struct span){NULL, 0};
    default:
        return (struct span){NULL, 0};
    }
}

static struct batch_user *share_user(struct engine *engine, struct share *share, struct span user)
{
    uint64_t hash = user_hash(user);
    struct user_node *node = user_map_find(&share->users, hash, user);
    if (node != NULL)
        return (struct batch_user *)node;
    struct batch_user *added = ARENA_NEW(&engine->batch, struct batch_user);
    added->node = (struct user_node){hash, user};
    user_map_add(&share->users, &added->node);
    *ARENA_PUSH(&engine->batch, &share->user_list, &share->user_count, &share->user_capacity) = added;
    return added;
}

static void say_unreadable(struct engine *engine, const struct share *share, int64_t offset, enum err error)
{
    log_line(engine->options.log, LOG_ERROR, "a journal record cannot be read and is skipped",
             log_number("partition", share->partition->id), log_number("offset", offset),
             log_text("error", err_sentence(error)));
}

static void decode_record(struct engine *engine, struct share *share, const struct queued_record *queued,
                          struct batch_record *record)
{
    struct journal_reader reader;
    struct batch_entry *entries = NULL;
    size_t count = 0, capacity = 0;
    struct entry entry;
    enum err error = journal_reader_init(&reader, queued->value, &engine->batch);
    while (error == ERR_OK && (error = journal_reader_next(&reader, &entry)) == ERR_OK) {
        struct span name = entry_user(&entry);
        struct batch_user *user = name.size == 0 ? NULL : share_user(engine, share, name);
        for (size_t i = 0; entry.kind == ENTRY_SLICE && i < entry.slice.user_count; i++)
            share_user(engine, share, entry.slice.users[i]);
        for (size_t i = 0; entry.kind == ENTRY_SNAPSHOT && i < entry.snapshot.user_count; i++)
            share_user(engine, share, entry.snapshot.users[i].user);
        *ARENA_PUSH(&engine->batch, &entries, &count, &capacity) = (struct batch_entry){entry, user};
    }
    if (error != ERR_NOT_FOUND)
        say_unreadable(engine, share, queued->offset, error);
    record->entries = entries;
    record->count = count;
}

/* Fills the shares from the queues; returns how many partitions have one. While the store is full a batch
 * is one record, so that what needs no more memory is folded up to what does. */
static size_t gather(struct engine *engine, struct share *shares)
{
    size_t share_count = 0, records = 0, bytes = 0, users = 0;
    bool full = engine->monotonic_ms < engine->store_full_until_ms;
    size_t record_limit = full ? 1 : engine->options.bounds.batch_records;
    for (size_t i = 0;
         i < engine->partition_slots && records < record_limit &&
         bytes < engine->options.bounds.batch_bytes && users < engine->options.bounds.batch_users;
         i++) {
        struct partition *partition = engine->partitions[i];
        if (partition == NULL || partition->queue_first == partition->queue_count ||
            engine->monotonic_ms < partition->retry_at_ms)
            continue;
        if (!partition_need_campaigns(engine, partition)) {
            partition->retry_at_ms = engine->monotonic_ms + 50;
            continue;
        }
        struct share *share = &shares[share_count++];
        *share = (struct share){.partition = partition};
        size_t queued = partition->queue_count - partition->queue_first;
        share->records = ARENA_ARRAY(&engine->batch, struct batch_record, queued);
        while (share->record_count < queued && records < record_limit &&
               bytes < engine->options.bounds.batch_bytes &&
               users + share->user_count < engine->options.bounds.batch_users) {
            const struct queued_record *record =
                &partition->queue[partition->queue_first + share->record_count];
            decode_record(engine, share, record, &share->records[share->record_count++]);
            records++;
            bytes += record->value.size;
        }
        users += share->user_count;
    }
    return share_count;
}

/* ---- folding ------------------------------------------------------------------------------------- */

struct fold_place {
    struct engine *engine;
    struct partition *partition;
    int64_t offset;
    uint32_t index;
    uint32_t number; /* of the record within the entry */
};

static void take_record(void *self, const struct decision_record *record)
{
    struct fold_place *place = self;
    engine_note_decision(place->engine, place->partition, place->offset, place->index, place->number++,
                         record);
}

/* This record concerns the user. One who is new is covered by the sweep that is under way: a replay that
 * begins with it meets all there is of him. */
static void touch(const struct share *share, struct batch_user *user)
{
    if (user->state.folded_offset < 0)
        user_state_set_swept(&user->state, share->partition->state.sweep.number);
    user->state.folded_offset = share->offset;
    user->touched = true;
}

/* Users' states as a sweep wrote them; see engine_snapshot.c. */
static void fold_snapshot(struct engine *engine, struct share *share, const struct snapshot *snapshot)
{
    if (!snapshots_begin(engine, share->partition, share->offset, snapshot))
        return;
    for (size_t i = 0; i < snapshot->user_count; i++) {
        struct batch_user *user = share_user(engine, share, snapshot->users[i].user);
        user->touched |=
            snapshots_fold_user(engine, share->partition, snapshot, &snapshot->users[i], &user->state);
    }
    snapshots_end(engine, share->partition, snapshot);
}

/* Up to a thousand users of something that concerns many; see engine_slices.c. */
static void fold_slice(struct engine *engine, struct share *share, struct fold *fold,
                       const struct slice *slice)
{
    struct partition *partition = share->partition;
    const struct slice_work work = slices_begin(engine, partition, fold, slice);
    if (work.cursor == NULL)
        return;
    for (size_t i = 0; i < slice->user_count; i++) {
        struct batch_user *user = share_user(engine, share, slice->users[i]);
        slices_fold_user(&work, fold, &user->state, partition->state.append_max_ms);
        touch(share, user);
    }
    if (slices_end(engine, partition, &work, slice)) {
        partition_forget_campaigns(partition);
        horizon_clear(&partition->horizon);
        partition_renew_campaigns(engine, partition, fold);
    }
}

/* False for what intake had delivered before. */
static bool take_source(struct engine *engine, struct partition *partition, const struct entry *entry)
{
    if (!entry->has_source || partition_state_take(&partition->state, &entry->source))
        return true;
    metrics_count(&engine->numbers, METRIC_ENTRIES_REPEATED, 1);
    return false;
}

static int64_t take_arrival(struct partition *partition, int64_t arrived_ms)
{
    if (arrived_ms > partition->state.arrived_max_ms)
        partition->state.arrived_max_ms = arrived_ms;
    return partition->state.arrived_max_ms;
}

static void fold_entry(struct engine *engine, struct share *share, struct fold *fold,
                       const struct entry *entry, struct batch_user *user)
{
    struct partition *partition = share->partition;
    int64_t append_ms = partition->state.append_max_ms;
    if (entry->kind != ENTRY_SNAPSHOT && entry->kind != ENTRY_PARTITION_SNAPSHOT)
        partition->state.sweep.behind = true;
    switch (entry->kind) {
    case ENTRY_EVENT: {
        struct event event = entry->event;
        event.arrived_ms = take_arrival(partition, event.arrived_ms);
        if (user == NULL || !take_source(engine, partition, entry))
            return;
        fold_event(fold, &user->state, &event, append_ms);
        break;
    }
    case ENTRY_THING: {
        struct event event = entry->event;
        event.arrived_ms = take_arrival(partition, event.arrived_ms);
        if (!take_source(engine, partition, entry))
            return;
        bool repeats = fold_thing_repeats(fold, &user->state, &event);
        slices_open_thing(engine, partition, fold, &event, repeats);
        break;
    }
    case ENTRY_PROFILE: {
        struct profile_update update = entry->profile;
        update.arrived_ms = take_arrival(partition, update.arrived_ms);
        if (!take_source(engine, partition, entry))
            return;
        fold_profile(fold, &user->state, &update, append_ms);
        break;
    }
    case ENTRY_SETTLED:
        fold_settled(fold, &user->state, &entry->settled, append_ms);
        break;
    case ENTRY_CONTROL:
        partition_control(engine, partition, fold, user == NULL ? NULL : &user->state, &entry->control);
        if (user == NULL)
            return;
        break;
    case ENTRY_SLICE:
        fold_slice(engine, share, fold, &entry->slice);
        return;
    case ENTRY_SNAPSHOT:
        fold_snapshot(engine, share, &entry->snapshot);
        return;
    case ENTRY_PARTITION_SNAPSHOT:
        snapshots_begin_sweep(engine, partition, share->offset, &entry->partition_snapshot);
        return;
    }
    touch(share, user);
}

/* Append times come from Kafka's clock, dues are compared with ours: a cancel may only be told from one
 * that came too late while they differ by less than the window in which it marks. A record that was
 * appended later than now, or before it was decided, shows that they do not. */
static void watch_clocks(struct engine *engine, const struct partition *partition, int64_t append_ms,
                         const struct batch_record *record)
{
    int64_t window_ms = engine->options.mark_window_ms;
    int64_t apart_ms = append_ms - engine->now_ms;
    if (window_ms == 0 || partition->phase != PARTITION_ATTACHED || steady_clock_holds(&engine->clock))
        return;
    for (size_t i = 0; i < record->count && apart_ms <= window_ms; i++)
        if (record->entries[i].entry.kind == ENTRY_SETTLED)
            apart_ms = record->entries[i].entry.settled.at_ms - append_ms;
    if (apart_ms <= window_ms)
        return;
    metrics_count(&engine->numbers, METRIC_CLOCKS_APART, 1);
    if (engine->monotonic_ms < engine->clocks_said_ms)
        return;
    engine->clocks_said_ms = engine->monotonic_ms + CLOCKS_SAY_MS;
    log_line(
        engine->options.log, LOG_WARN,
        "the clocks of Kafka and of the workers differ by more than a second: cancels in the last second "
        "before a send may come too late; have them all set by NTP",
        log_number("by_ms", apart_ms), log_number("partition", partition->id));
}

static void fold_share(struct engine *engine, struct share *share)
{
    struct partition *partition = share->partition;
    struct fold_place place = {.engine = engine, .partition = partition};
    struct fold fold =
        partition_fold(engine, partition, (struct decision_sink){.self = &place, .record = take_record});
    for (size_t i = 0; i < share->record_count; i++) {
        const struct queued_record *queued = &partition->queue[partition->queue_first + i];
        if (queued->append_ms > partition->state.append_max_ms)
            partition->state.append_max_ms = queued->append_ms;
        if (partition->state.sweep.begun_ms == INT64_MIN)
            partition->state.sweep.begun_ms = queued->append_ms;
        place.offset = share->offset = queued->offset;
        watch_clocks(engine, partition, queued->append_ms, &share->records[i]);
        for (size_t k = 0; k < share->records[i].count; k++) {
            place.index = (uint32_t)k;
            place.number = 0;
            const struct batch_entry *one = &share->records[i].entries[k];
            fold_entry(engine, share, &fold, &one->entry, one->user);
        }
        metrics_count(&engine->numbers, METRIC_ENTRIES_FOLDED, (int64_t)share->records[i].count);
    }
    metrics_count(&engine->numbers, METRIC_BLOCKS_FOLDED, (int64_t)share->record_count);
}

/* ---- reading and writing the view ---------------------------------------------------------------- */

/* Reads the users' states; false when the batch cannot go on now. */
static bool read_states(struct engine *engine, struct share *shares, size_t count)
{
    const struct store_port *store = engine->ports.store;
    struct store_read *reads = ARENA_ARRAY(&engine->batch, struct store_read, count);
    for (size_t i = 0; i < count; i++) {
        struct share *share = &shares[i];
        share->names = ARENA_ARRAY(&engine->batch, struct span, share->user_count);
        for (size_t k = 0; k < share->user_count; k++)
            share->names[k] = share->user_list[k]->node.user;
        reads[i] = (struct store_read){
            .partition = share->partition->id, .users = share->names, .count = share->user_count};
    }
    enum err error = store->fold_read(store->self, reads, count, &engine->batch);
    if (error != ERR_OK) {
        for (size_t i = 0; i < count; i++)
            engine_store_failed(engine, shares[i].partition, error);
        return false;
    }
    engine->store_away = false;
    bool all_stand = true;
    for (size_t i = 0; i < count; i++) {
        struct partition *partition = shares[i].partition;
        if (reads[i].head != partition->head && !(reads[i].head == STORE_NO_HEAD && partition->unwritten)) {
            partition_begin_attach(engine, partition, "the head in Redis is not the one to fold from");
            all_stand = false;
            continue;
        }
        for (size_t k = 0; k < shares[i].user_count; k++) {
            struct batch_user *user = shares[i].user_list[k];
            if (user_state_decode(reads[i].states[k], user->node.user, &engine->batch, &user->state) !=
                ERR_OK) {
                partition_begin_attach(engine, partition, "a user's state in Redis cannot be read");
                partition->rebuild = true;
                all_stand = false;
                break;
            }
            user->follows = slices_follow_numbers(&engine->batch, &user->state);
        }
    }
    return all_stand;
}

static void prepare_commit(struct engine *engine, struct share *share, struct store_commit *commit)
{
    struct partition *partition = share->partition;
    const struct queued_record *last = &partition->queue[partition->queue_first + share->record_count - 1];
    struct store_user_write *writes =
        ARENA_ARRAY(&engine->batch, struct store_user_write, share->user_count);
    struct follow_changes follows = {0};
    size_t count = 0;
    for (size_t i = 0; i < share->user_count; i++) {
        struct batch_user *user = share->user_list[i];
        if (!user->touched)
            continue;
        struct follow_numbers now = slices_follow_numbers(&engine->batch, &user->state);
        slices_follow_changes(&engine->batch, user->node.user, &user->follows, &now, &follows);
        struct store_user_write *write = &writes[count++];
        write->user = user->node.user;
        write->due_ms = decide_next_due(&user->state);
        buf_clear(&engine->scratch);
        user_state_encode(&user->state, &engine->scratch);
        write->state = arena_copy(&engine->batch, buf_span(&engine->scratch));
    }
    buf_clear(&engine->scratch);
    partition_state_encode(&partition->state, &engine->scratch);
    *commit = (struct store_commit){
        .partition = partition->id,
        .expected_head = partition->unwritten ? STORE_NO_HEAD : partition->head,
        .new_head = last->offset + 1,
        .part = arena_copy(&engine->batch, buf_span(&engine->scratch)),
        .writes = writes,
        .count = count,
        .follows = follows.items,
        .follow_count = follows.count,
    };
    metrics_count(&engine->numbers, METRIC_STATES_WRITTEN, (int64_t)count);
}

static void accept(struct engine *engine, struct share *share, const struct store_commit *commit)
{
    struct partition *partition = share->partition;
    const struct journal_port *journal = engine->ports.journal;
    partition->unwritten = false;
    partition->head = commit->new_head;
    for (size_t i = 0; i < commit->count; i++)
        horizon_set(&partition->horizon, commit->writes[i].user, commit->writes[i].due_ms);
    for (size_t i = 0; i < share->record_count; i++) {
        struct queued_record *queued = &partition->queue[partition->queue_first++];
        engine->queued_records--;
        engine->queued_bytes -= queued->value.size;
        journal->release(journal->self, queued->record);
    }
    if (partition->queue_first == partition->queue_count)
        partition->queue_first = partition->queue_count = 0;
    partition_update_position(engine, partition);
}

/* What was folded in memory of the partitions themselves is not in the view: back to what is there. */
static void give_up(struct engine *engine, struct share *shares, size_t count, const char *why)
{
    for (size_t i = 0; i < count; i++)
        if (shares[i].partition->phase != PARTITION_OPENING)
            partition_begin_attach(engine, shares[i].partition, why);
}

static void commit(struct engine *engine, struct share *shares, size_t count)
{
    const struct store_port *store = engine->ports.store;
    struct store_commit *commits = ARENA_ARRAY(&engine->batch, struct store_commit, count);
    for (size_t i = 0; i < count; i++)
        prepare_commit(engine, &shares[i], &commits[i]);
    enum err error = store->fold_commit(store->self, commits, count);
    if (error == ERR_OK) {
        metrics_count(&engine->numbers, METRIC_FOLD_BATCHES, 1);
        for (size_t i = 0; i < count; i++)
            accept(engine, &shares[i], &commits[i]);
        return;
    }
    if (error == ERR_CONFLICT) {
        give_up(engine, shares, count, "somebody else moved the head in Redis");
        return;
    }
    if (error == ERR_LIMIT) {
        metrics_count(&engine->numbers, METRIC_STORE_FULL, 1);
        engine->store_full_until_ms = engine->monotonic_ms + STORE_FULL_MS;
    }
    give_up(engine, shares, count, error == ERR_LIMIT ? "Redis is full" : "Redis did not answer a write");
    for (size_t i = 0; i < count; i++)
        engine_store_failed(engine, shares[i].partition, error);
}

/* Decision records stand before the head moves past what they tell of. Those that are not acknowledged in
 * time wait in the outbox, before all that comes later, and are not given again. */
static bool flush_notes(struct engine *engine, const struct share *shares, size_t count)
{
    const struct outbox_port *outbox = engine->ports.outbox;
    for (size_t i = 0; i < count; i++) {
        struct partition *partition = shares[i].partition;
        size_t last = partition->queue_first + shares[i].record_count - 1;
        partition->noted_until = partition->queue[last].offset + 1;
    }
    return outbox->notes_flush(outbox->self, NOTES_WAIT_MS) == ERR_OK;
}

void engine_fold(struct engine *engine)
{
    if (engine->queued_records == 0)
        return;
    arena_reset(&engine->batch);
    struct share *shares = ARENA_ARRAY(&engine->batch, struct share, engine->partition_slots);
    size_t count = gather(engine, shares);
    if (count != 0 && read_states(engine, shares, count)) {
        for (size_t i = 0; i < count; i++)
            fold_share(engine, &shares[i]);
        if (flush_notes(engine, shares, count))
            commit(engine, shares, count);
        else
            give_up(engine, shares, count, "decision records were not acknowledged");
    }
    for (size_t i = 0; i < count; i++)
        user_map_free(&shares[i].users);
}
