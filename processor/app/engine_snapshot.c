/* Snapshots as they are folded, and a replay that begins at one.
 *
 * A sweep (engine_sweep.c) begins with a partition snapshot: the partition's own state as it stood at a
 * head c. Then come records with users' states. A user's state was read at some head h and stands further
 * on in the log; it is valid when nothing of him was folded in between, which each state tells by the
 * offset of the last record that concerned it. A valid one becomes the state, so that whoever folds it has
 * this state whatever he had before. When all users have a valid one, nothing below c is needed any more:
 * from c on a replay begins with the partition snapshot and has every user complete by the end of the
 * sweep.
 *
 * What must not count:
 *   - a record of an engine that has lost the partition. Each names the record of the sweep that it comes
 *     after, as slices name their cursor's place, so of two for one place the first counts; and whoever
 * wrote it had folded the one before, so h lies behind that.
 *   - the absence of a state. A user is only dropped by a valid snapshot that is empty; until then what is
 *     kept of him is the offset, else an older snapshot would bring him back.
 *   - decisions of the replay before the sweep's end: they come from states that are not complete. They
 * were told when the records were folded first, since the log is only trimmed behind the sweep's end.
 */
#include <stdlib.h>

#include "app/engine_internal.h"
#include "codec/journal.h"
#include "codec/user_state_bin.h"

/* ---- folding -------------------------------------------------------------------------------------- */

void snapshots_begin_sweep(struct engine *engine, struct partition *partition, int64_t offset,
                           const struct partition_snapshot *snapshot)
{
    struct sweep_state *sweep = &partition->state.sweep;
    (void)engine;
    if (sweep->open || snapshot->sweep != sweep->number + 1)
        return; /* two engines thought of it */
    sweep->number = snapshot->sweep;
    sweep->open = true;
    sweep->taken = snapshot->taken;
    sweep->at = offset;
    sweep->behind = offset != snapshot->taken;
    sweep->begun_ms = partition->state.append_max_ms;
    partition->sweep_out = false;
}

bool snapshots_begin(struct engine *engine, struct partition *partition, int64_t offset,
                     const struct snapshot *snapshot)
{
    struct sweep_state *sweep = &partition->state.sweep;
    (void)engine;
    if (!sweep->open || snapshot->sweep != sweep->number || snapshot->after != sweep->at)
        return false;
    sweep->at = offset;
    partition->sweep_out = false;
    return true;
}

bool snapshots_fold_user(struct engine *engine, const struct partition *partition,
                         const struct snapshot *snapshot, const struct snapshot_user *user,
                         struct user_state *state)
{
    struct user_state read;
    if (state->folded_offset >= snapshot->taken) {
        metrics_count(&engine->numbers, METRIC_SNAPSHOTS_OUTDATED, 1);
        return false;
    }
    if (user_state_decode(user->state, state->user, &engine->batch, &read) != ERR_OK) {
        log_line(engine->options.log, LOG_ERROR, "a user's snapshot in the journal cannot be read",
                 log_number("partition", partition->id));
        return false;
    }
    *state = read;
    if (user->state.size != 0)
        user_state_set_swept(state, snapshot->sweep);
    metrics_count(&engine->numbers, user->state.size != 0 ? METRIC_SNAPSHOTS : METRIC_USERS_DROPPED, 1);
    return true;
}

void snapshots_end(struct engine *engine, struct partition *partition, const struct snapshot *snapshot)
{
    struct sweep_state *sweep = &partition->state.sweep;
    if (!snapshot->last)
        return;
    sweep->open = false;
    sweep->keep_from = sweep->taken;
    if (sweep->restoring == sweep->number)
        sweep->restoring = 0;
    metrics_count(&engine->numbers, METRIC_SWEEPS, 1);
    log_line(engine->options.log, LOG_INFO, "every user has a snapshot",
             log_number("partition", partition->id), log_number("sweep", (int64_t)sweep->number),
             log_number("needed_from", sweep->keep_from));
}

/* ---- beginning at one ----------------------------------------------------------------------------- */

static void start(struct engine *engine, struct partition *partition)
{
    const struct journal_port *journal = engine->ports.journal;
    if (journal->start(journal->self, partition->id, partition->head) == ERR_OK)
        partition_catch_up(engine, partition);
    else
        partition_begin_attach(engine, partition, NULL);
}

void partition_begin_without_snapshot(struct engine *engine, struct partition *partition)
{
    log_line(engine->options.log, LOG_ERROR,
             "the journal begins where no snapshot was taken: what it held before is lost",
             log_number("partition", partition->id), log_number("log_start", partition->head));
    start(engine, partition);
}

static void add_definitions(struct engine *engine, const struct partition_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->definition_count; i++) {
        const struct snapshot_definition *definition = &snapshot->definitions[i];
        const struct campaign_definition source = {definition->text, definition->snippets};
        (void)!definitions_add(engine->definitions, definition->id, definition->version, &source);
    }
}

/* The view begins with the snapshot's content, its head where that was taken. */
static void restore(struct engine *engine, struct partition *partition,
                    const struct partition_snapshot *snapshot)
{
    struct store_user_write *writes =
        ARENA_ARRAY(&engine->batch, struct store_user_write, snapshot->user_count);
    for (size_t i = 0; i < snapshot->user_count; i++)
        writes[i] = (struct store_user_write){snapshot->users[i].user, snapshot->users[i].state, INT64_MAX};
    partition_state_free(&partition->state);
    if (partition_state_decode(snapshot->part, &partition->state) != ERR_OK) {
        log_line(engine->options.log, LOG_ERROR, "the partition's snapshot in the journal cannot be read",
                 log_number("partition", partition->id), log_number("offset", partition->head));
        partition_state_free(&partition->state);
        partition_state_init(&partition->state);
        partition_begin_without_snapshot(engine, partition);
        return;
    }
    add_definitions(engine, snapshot);
    partition->state.sweep.restoring = snapshot->sweep;
    enum err error = partition_write_first(engine, partition, writes, snapshot->user_count);
    if (error != ERR_OK) {
        partition_begin_attach(engine, partition, "Redis did not take the partition's snapshot");
        engine_store_failed(engine, partition, error);
        return;
    }
    log_line(engine->options.log, LOG_INFO, "beginning with the journal's snapshot",
             log_number("partition", partition->id), log_number("offset", partition->head));
    start(engine, partition);
}

void partition_look(struct engine *engine, struct partition *partition, const struct journal_event *event)
{
    struct journal_reader reader;
    struct entry entry;
    arena_reset(&engine->batch);
    enum err error = journal_reader_init(&reader, event->value, &engine->batch);
    while (error == ERR_OK && (error = journal_reader_next(&reader, &entry)) == ERR_OK) {
        if (entry.kind == ENTRY_PARTITION_SNAPSHOT && entry.partition_snapshot.taken == partition->head) {
            restore(engine, partition, &entry.partition_snapshot);
            return;
        }
    }
}
