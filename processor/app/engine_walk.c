/* Walking over all users of a partition in order of their ids, to find those whom a cursor concerns.
 *
 * The store hands out users in no order and promises only completeness; slices need an order, so that one
 * name says who is done. So a walk scans the whole partition and keeps the first so many ids
 * (bounds.walk_users) that come behind the cursor's place and are concerned; those are the next slices.
 * Where there are more, it scans again when they are done: memory stays bounded, and an index of all users,
 * which would cost some hundred bytes for each, is not needed. Whoever was concerned when the cursor was
 * opened and still is is met; who has become so since does not matter, the control does not mean him.
 */
#include <stdlib.h>

#include "app/engine_internal.h"
#include "codec/user_state_bin.h"

#define PAGE_USERS 200
#define PAGES_A_TURN 16

void walk_init(struct walk *walk)
{
    *walk = (struct walk){.partition = -1};
    arena_init(&walk->arena, 0);
}

void walk_free(struct walk *walk)
{
    arena_destroy(&walk->arena);
}

static void begin_scan(struct walk *walk)
{
    walk->scan = (struct store_scan){0};
    walk->sorted = walk->more = false;
    walk->names = NULL;
    walk->count = walk->capacity = walk->next = 0;
    arena_reset(&walk->arena);
}

void walk_forget(struct walk *walk)
{
    walk->partition = -1;
    begin_scan(walk);
}

static bool is_concerned(struct engine *engine, const struct partition_cursor *cursor,
                         const struct store_user *user)
{
    struct user_state state;
    if (span_compare(user->user, cursor->after) <= 0 ||
        user_state_decode(user->state, user->user, &engine->batch, &state) != ERR_OK)
        return false; /* an unreadable state is noticed by whoever folds or fires it */
    if (cursor->kind == CURSOR_DATES) {
        const struct journey_range any = {cursor->campaign, UINT32_MAX, INT64_MAX};
        return state.has_profile || fold_range_has(&state, &any);
    }
    const struct journey_range range = slices_range(cursor);
    return fold_range_has(&state, &range);
}

static int order_of_names(const void *left, const void *right)
{
    return span_compare(*(const struct span *)left, *(const struct span *)right);
}

/* Sorts the names and drops repeats and all beyond the first `keep`. */
static void sort_names(struct walk *walk, size_t keep)
{
    struct arena kept;
    struct span *names = NULL;
    size_t count = 0, capacity = 0;
    arena_init(&kept, 0);
    if (walk->count > 1)
        qsort(walk->names, walk->count, sizeof *walk->names, order_of_names);
    for (size_t i = 0; i < walk->count; i++) {
        if (i > 0 && span_equal(walk->names[i], walk->names[i - 1]))
            continue;
        if (count == keep) {
            walk->more = true;
            break;
        }
        *ARENA_PUSH(&kept, &names, &count, &capacity) = arena_copy(&kept, walk->names[i]);
    }
    arena_destroy(&walk->arena);
    walk->arena = kept;
    walk->names = names;
    walk->count = count;
    walk->capacity = capacity;
}

/* One page; false: no more of this now. */
static bool take_page(struct engine *engine, struct partition *partition,
                      const struct partition_cursor *cursor)
{
    struct walk *walk = &engine->walk;
    const struct store_port *store = engine->ports.store;
    size_t keep = engine->options.bounds.walk_users;
    struct store_user *users;
    size_t count;
    int64_t head;
    arena_reset(&engine->batch);
    enum err error = store->users_scan(store->self, partition->id, &walk->scan, PAGE_USERS, &engine->batch,
                                       &users, &count, &head);
    if (error == ERR_CONFLICT) {
        begin_scan(walk);
        return false;
    }
    if (error != ERR_OK) {
        engine_store_failed(engine, partition, error);
        return false;
    }
    if (head != partition->head) {
        partition_begin_attach(engine, partition, "the head in Redis changed under a walk over users");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (is_concerned(engine, cursor, &users[i]))
            *ARENA_PUSH(&walk->arena, &walk->names, &walk->count, &walk->capacity) =
                arena_copy(&walk->arena, users[i].user);
    if (walk->scan.over || walk->count >= 2 * keep)
        sort_names(walk, keep);
    walk->sorted = walk->scan.over;
    return !walk->sorted;
}

void walk_turn(struct engine *engine, struct partition *partition, const struct partition_cursor *cursor)
{
    struct walk *walk = &engine->walk;
    if (walk->partition == partition->id && walk->cursor != cursor->id)
        walk_forget(walk);
    if (walk->partition == -1) {
        walk->partition = partition->id;
        walk->cursor = cursor->id;
    }
    if (walk->partition != partition->id || walk->sorted)
        return;
    for (int page = 0; page < PAGES_A_TURN && take_page(engine, partition, cursor); page++)
        continue;
}

bool walk_slice(struct engine *engine, const struct partition *partition,
                const struct partition_cursor *cursor, struct slice *slice)
{
    struct walk *walk = &engine->walk;
    if (walk->partition != partition->id || walk->cursor != cursor->id || !walk->sorted)
        return false;
    while (walk->next < walk->count && span_compare(walk->names[walk->next], cursor->after) <= 0)
        walk->next++;
    size_t left = walk->count - walk->next;
    if (left == 0 && walk->more) {
        begin_scan(walk);
        return false;
    }
    size_t room = engine->options.bounds.slice_users;
    size_t count = left < room ? left : room;
    *slice = (struct slice){.cursor = cursor->id,
                            .after = cursor->after,
                            .users = walk->names + walk->next,
                            .user_count = count,
                            .last = count == left && !walk->more};
    return true;
}
