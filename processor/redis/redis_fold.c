#include <stdlib.h>

#include "base/memory.h"
#include "redis/redis_commit.h"
#include "redis/redis_store_internal.h"

static void watched_clear(struct redis_store *store)
{
    store->watched_count = 0;
}

static void watched_add(struct redis_store *store, int32_t partition, int64_t head)
{
    if (store->watched_count == store->watched_capacity) {
        store->watched_capacity = store->watched_capacity == 0 ? 16 : store->watched_capacity * 2;
        store->watched =
            memory_checked(realloc(store->watched, store->watched_capacity * sizeof(*store->watched)));
    }
    store->watched[store->watched_count++] = (struct watched){partition, head};
}

static const struct watched *watched_find(const struct redis_store *store, int32_t partition)
{
    for (size_t i = 0; i < store->watched_count; i++) {
        if (store->watched[i].partition == partition)
            return &store->watched[i];
    }
    return NULL;
}

/* The watch comes before the reads: whatever changes the head after that spoils the commit. The head is
 * read behind the states, so that states which somebody else has changed are seen before anything is made
 * of them: decision records are given before the commit. */
enum err redis_fold_read(void *self, struct store_read *reads, size_t count, struct arena *arena)
{
    struct redis_store *store = self;
    struct redis_value *value = NULL, *states;
    enum err error = redis_store_begin(store, store->fold);
    if (error != ERR_OK)
        return error;
    watched_clear(store);
    store->watched_generation = redis_wire_generation(store->fold);
    redis_wire_command(store->fold, 1, "UNWATCH");
    redis_wire_command(store->fold, 1 + count, "WATCH");
    for (size_t i = 0; i < count; i++)
        redis_wire_word(store->fold, redis_store_keys(store, reads[i].partition)->head);
    for (size_t i = 0; i < count; i++) {
        if (reads[i].count > 0)
            redis_store_gather_states(store, store->fold, &reads[i]);
        redis_store_gather_get(store->fold, redis_store_keys(store, reads[i].partition)->head);
    }
    error = redis_wire_send(store->fold);
    if (error == ERR_OK)
        error = redis_store_expect_all(store->fold, &store->scratch, 2, &value);
    for (size_t i = 0; i < count && error == ERR_OK; i++) {
        states = NULL;
        if (reads[i].count > 0)
            error = redis_store_expect(store->fold, arena, &states);
        if (error == ERR_OK)
            error = redis_store_expect(store->fold, arena, &value);
        if (error == ERR_OK) {
            redis_store_take_states(&reads[i], value, states, arena);
            watched_add(store, reads[i].partition, reads[i].head);
        }
    }
    return error;
}

/* True when every commit's partition was watched by the last read, on this same connection. */
static bool is_prepared(const struct redis_store *store, const struct store_commit *commits, size_t count)
{
    if (store->watched_generation != redis_wire_generation(store->fold))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (watched_find(store, commits[i].partition) == NULL)
            return false;
    }
    return true;
}

/* For a batch that needed no read, or whose connection was made anew since. */
static enum err prepare(struct redis_store *store, const struct store_commit *commits, size_t count)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct store_read *reads = ARENA_ARRAY(&arena, struct store_read, count);
    for (size_t i = 0; i < count; i++)
        reads[i].partition = commits[i].partition;
    enum err error = redis_fold_read(store, reads, count, &arena);
    arena_destroy(&arena);
    return error;
}

static bool heads_are_expected(const struct redis_store *store, const struct store_commit *commits,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (watched_find(store, commits[i].partition)->head != commits[i].expected_head)
            return false;
    }
    return true;
}

static enum err commit_send(struct redis_store *store, const struct store_commit *commits, size_t count)
{
    redis_commit_gather(store->fold, store->keys, commits, count);
    watched_clear(store);
    if (redis_wire_send(store->fold) != ERR_OK)
        return ERR_UNKNOWN_OUTCOME;
    enum err error = redis_commit_receive(store->fold, &store->scratch);
    if (error == ERR_LIMIT)
        error = redis_commit_frugally(store->fold, store->keys, &store->scratch, commits, count);
    if (error == ERR_UNREACHABLE || error == ERR_REFUSED)
        redis_wire_drop(store->fold);
    return error;
}

enum err redis_fold_commit(void *self, const struct store_commit *commits, size_t count)
{
    struct redis_store *store = self;
    enum err error = redis_store_begin(store, store->fold);
    if (error == ERR_OK && !is_prepared(store, commits, count))
        error = prepare(store, commits, count);
    if (error != ERR_OK)
        return error;
    if (!heads_are_expected(store, commits, count))
        return ERR_CONFLICT;
    return commit_send(store, commits, count);
}
