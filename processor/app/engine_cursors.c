/* Writing the next slices of the cursors that are open in a partition.
 *
 * Cursors of things go in the order in which they were opened, up to a slice's number of followers in one
 * journal record, so that many things with few followers cost little. Of the others the first has its slice
 * in the same record. The next record is written when this one has come back through the fold: a slice
 * names the cursor's place, so one that is written twice, or by an engine that has lost the partition,
 * counts once.
 */
#include <stdlib.h>

#include "app/engine_internal.h"
#include "codec/journal.h"

#define SLICES_AGAIN_MS 5000 /* written anew when they have not come back for so long */
#define CURSORS_A_RECORD 100

void engine_forget_slices(struct engine *engine, struct partition *partition)
{
    partition->slices_out = false;
    if (engine->walk.partition == partition->id)
        walk_forget(&engine->walk);
}

/* ---- followers ------------------------------------------------------------------------------------ */

struct follower_list {
    struct span *users;
    size_t count, capacity;
    bool cut; /* there are more */
};

static int order_of_users(const void *left, const void *right)
{
    return span_compare(*(const struct span *)left, *(const struct span *)right);
}

/* The first `limit` followers behind the cursor of one thing. False: they cannot be had now. */
static bool read_thing(struct engine *engine, struct partition *partition,
                       const struct partition_cursor *cursor, uint64_t thing, size_t limit,
                       struct follower_list *list)
{
    const struct store_port *store = engine->ports.store;
    struct span *users;
    size_t count;
    int64_t head;
    enum err error = store->followers_read(store->self, partition->id, thing, cursor->after, limit + 1,
                                           &engine->batch, &users, &count, &head);
    if (error != ERR_OK) {
        engine_store_failed(engine, partition, error);
        return false;
    }
    if (head != partition->head) {
        partition_begin_attach(engine, partition, "the head in Redis changed under a read of followers");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        *ARENA_PUSH(&engine->batch, &list->users, &list->count, &list->capacity) = users[i];
    list->cut |= count > limit;
    return true;
}

/* Of each list the first limit + 1 were read, so the first `limit` of them all are among these. */
static void merge(struct follower_list *list, size_t limit)
{
    size_t count = 0;
    if (list->count > 1)
        qsort(list->users, list->count, sizeof *list->users, order_of_users);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || !span_equal(list->users[i], list->users[count - 1]))
            list->users[count++] = list->users[i];
    list->cut |= count > limit;
    list->count = count < limit ? count : limit;
}

static bool read_followers(struct engine *engine, struct partition *partition,
                           const struct partition_cursor *cursor, size_t limit, struct follower_list *list)
{
    const struct fold fold = {
        .campaigns = partition->campaigns,
        .policy = partition->policy,
        .limits = &engine->options.limits,
        .locale = engine->ports.locale,
        .arena = &engine->batch,
        .counts = &engine->counts,
    };
    const struct campaign_slot *slot = campaign_set_find(partition->campaigns, cursor->campaign);
    struct event event;
    *list = (struct follower_list){0};
    if (slot == NULL || !slices_event(cursor, &engine->batch, &event))
        return true;
    for (size_t i = 0; i < slot->current->trigger_count; i++) {
        const struct trigger *trigger = &slot->current->triggers[i];
        struct span thing;
        if (fold_thing_name(&fold, trigger, &event, &thing) &&
            !read_thing(engine, partition, cursor, slices_follow_number(trigger->followers, thing), limit,
                        list))
            return false;
    }
    merge(list, limit);
    return true;
}

/* ---- records -------------------------------------------------------------------------------------- */

static void add_slice(struct journal_writer *writer, const struct slice *slice)
{
    const struct entry entry = {.kind = ENTRY_SLICE, .slice = *slice};
    journal_writer_add(writer, &entry);
}

/* False: the partition is not to be written to now. */
static bool add_thing_slices(struct engine *engine, struct partition *partition,
                             struct journal_writer *writer)
{
    size_t room = engine->options.bounds.slice_users;
    for (size_t i = 0; i < partition->state.cursor_count && room > 0; i++) {
        const struct partition_cursor *cursor = &partition->state.cursors[i];
        struct follower_list list;
        if (cursor->kind != CURSOR_THING)
            continue;
        if (!read_followers(engine, partition, cursor, room, &list))
            return false;
        const struct slice slice = {.cursor = cursor->id,
                                    .after = cursor->after,
                                    .users = list.users,
                                    .user_count = list.count,
                                    .last = !list.cut};
        add_slice(writer, &slice);
        if (list.cut || writer->count == CURSORS_A_RECORD)
            break;
        room -= list.count;
    }
    return true;
}

static const struct partition_cursor *first_walk(const struct partition *partition)
{
    for (size_t i = 0; i < partition->state.cursor_count; i++)
        if (partition->state.cursors[i].kind != CURSOR_THING)
            return &partition->state.cursors[i];
    return NULL;
}

static void append(struct engine *engine, struct partition *partition, struct journal_writer *writer)
{
    const struct outbox_port *outbox = engine->ports.outbox;
    buf_clear(&engine->scratch);
    journal_writer_finish(writer, &engine->scratch);
    const struct outbox_record record = {.phase = OUTBOX_SETTLED,
                                         .topic = engine->options.journal_topic,
                                         .partition = partition->id,
                                         .value = buf_span(&engine->scratch)};
    outbox->note(outbox->self, &record);
    partition->slices_out = true;
    partition->slices_since_ms = engine->monotonic_ms;
}

static void write_slices(struct engine *engine, struct partition *partition)
{
    struct journal_writer writer = {0};
    struct slice slice;
    const struct partition_cursor *walked = first_walk(partition);
    if (walked != NULL)
        walk_turn(engine, partition, walked);
    arena_reset(&engine->batch);
    if (partition->phase == PARTITION_ATTACHED && !partition->slices_out &&
        add_thing_slices(engine, partition, &writer)) {
        if (walked != NULL && walk_slice(engine, partition, walked, &slice))
            add_slice(&writer, &slice);
        if (writer.count != 0)
            append(engine, partition, &writer);
    }
    journal_writer_free(&writer);
}

/* A walk whose cursor is closed makes room for the next. */
static void end_walk(struct engine *engine)
{
    if (engine->walk.partition == -1)
        return;
    struct partition *partition = engine_partition(engine, engine->walk.partition);
    if (partition == NULL || partition_state_cursor(&partition->state, engine->walk.cursor) == NULL)
        walk_forget(&engine->walk);
}

void engine_write_slices(struct engine *engine)
{
    if (engine->stopping)
        return;
    end_walk(engine);
    for (size_t i = 0; i < engine->partition_slots; i++) {
        struct partition *partition = engine->partitions[i];
        if (partition == NULL || partition->phase != PARTITION_ATTACHED || partition->unwritten ||
            partition->state.cursor_count == 0 || partition->queue_first != partition->queue_count ||
            engine->monotonic_ms < partition->retry_at_ms || !partition_need_campaigns(engine, partition))
            continue;
        if (partition->slices_out && engine->monotonic_ms - partition->slices_since_ms > SLICES_AGAIN_MS)
            partition->slices_out = false;
        write_slices(engine, partition);
    }
}
