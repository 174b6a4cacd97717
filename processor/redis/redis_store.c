#include "redis/redis_store.h"

#include <assert.h>
#include <stdlib.h>

#include "redis/redis_check.h"
#include "redis/redis_commit.h"
#include "redis/redis_keys.h"
#include "redis/redis_wire.h"

#define DEFAULT_TIMEOUT_MS 2000

/* A head that the fold's connection watches. */
struct watched {
    int32_t partition;
    int64_t head;
};

struct redis_store {
    struct redis_wire *fold; /* WATCH … EXEC only */
    struct redis_wire *rest;
    struct redis_wire *last; /* which of them was used last, for the failure's text */
    struct redis_key_table *keys;
    struct arena scratch; /* replies that nobody keeps; reset by each call */
    struct watched *watched;
    size_t watched_count, watched_capacity;
    uint64_t watched_generation; /* of the fold's connection */
};

static const struct redis_keys *keys_of(struct redis_store *store, int32_t partition)
{
    return redis_keys_of(store->keys, partition);
}

/* Every call begins so. */
static enum err begin(struct redis_store *store, struct redis_wire *wire)
{
    store->last = wire;
    arena_reset(&store->scratch);
    return redis_wire_ready(wire);
}

/* The next reply; an error reply ends the connection, since others may wait behind it. */
static enum err expect(struct redis_wire *wire, struct arena *arena, struct redis_value **value)
{
    enum err error = redis_wire_receive(wire, arena, value);
    if (error == ERR_OK && (*value)->kind == REDIS_ERROR) {
        error = redis_wire_judge(wire, *value);
        redis_wire_drop(wire);
    }
    return error;
}

static enum err expect_all(struct redis_wire *wire, struct arena *arena, size_t replies,
                           struct redis_value **last)
{
    enum err error = ERR_OK;
    for (size_t i = 0; i < replies && error == ERR_OK; i++)
        error = expect(wire, arena, last);
    return error;
}

/* Sends what was gathered (`commands` with MULTI and EXEC) and hands out EXEC's list: one atomic step. A
 * nil (value->kind) only where the connection watches something. An error inside the list, a key that holds
 * something else, must not be taken for an empty value. */
static enum err transact(struct redis_wire *wire, struct arena *arena, size_t commands,
                         struct redis_value **value)
{
    redis_wire_command(wire, 1, "EXEC");
    enum err error = redis_wire_send(wire);
    if (error == ERR_OK)
        error = expect_all(wire, arena, commands, value);
    for (size_t i = 0; error == ERR_OK && i < (*value)->count; i++) {
        if ((*value)->elements[i]->kind == REDIS_ERROR)
            error = redis_wire_judge(wire, (*value)->elements[i]);
    }
    return error;
}

static void gather_get(struct redis_wire *wire, struct span key)
{
    redis_wire_command(wire, 2, "GET");
    redis_wire_word(wire, key);
}

/* A head as it was written by us; anything else counts as none: the partition is then folded anew. */
static int64_t head_of(const struct redis_value *value)
{
    int64_t head = 0;
    if (value->kind != REDIS_TEXT || value->text.size == 0 || value->text.size > 18)
        return STORE_NO_HEAD;
    for (size_t i = 0; i < value->text.size; i++) {
        if (value->text.data[i] < '0' || value->text.data[i] > '9')
            return STORE_NO_HEAD;
        head = head * 10 + (value->text.data[i] - '0');
    }
    return head;
}

static struct span text_of(const struct redis_value *value)
{
    return value->kind == REDIS_TEXT ? value->text : span_make(NULL, 0);
}

/* ---- reading states ---- */

static void gather_states(struct redis_store *store, struct redis_wire *wire, const struct store_read *read)
{
    redis_wire_command(wire, 2 + read->count, "HMGET");
    redis_wire_word(wire, keys_of(store, read->partition)->users);
    for (size_t i = 0; i < read->count; i++)
        redis_wire_word(wire, read->users[i]);
}

/* `states` is HMGET's reply; NULL when no user was asked for. */
static void take_states(struct store_read *read, const struct redis_value *head,
                        const struct redis_value *states, struct arena *arena)
{
    read->head = head_of(head);
    read->states = ARENA_ARRAY(arena, struct span, read->count);
    for (size_t i = 0; states != NULL && i < read->count && i < states->count; i++)
        read->states[i] = text_of(states->elements[i]);
}

static enum err store_fire_read(void *self, struct store_read *reads, size_t count, struct arena *arena)
{
    struct redis_store *store = self;
    struct redis_value *list;
    size_t commands = 2, at = 0;
    enum err error = begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 1, "MULTI");
    for (size_t i = 0; i < count; i++) {
        gather_get(store->rest, keys_of(store, reads[i].partition)->head);
        if (reads[i].count > 0)
            gather_states(store, store->rest, &reads[i]);
        commands += reads[i].count > 0 ? 2 : 1;
    }
    error = transact(store->rest, arena, commands, &list);
    for (size_t i = 0; error == ERR_OK && i < count; i++) {
        const struct redis_value *head = list->elements[at++];
        take_states(&reads[i], head, reads[i].count > 0 ? list->elements[at++] : NULL, arena);
    }
    return error;
}

/* ---- the fold ---- */

static void watched_clear(struct redis_store *store)
{
    store->watched_count = 0;
}

static void watched_add(struct redis_store *store, int32_t partition, int64_t head)
{
    if (store->watched_count == store->watched_capacity) {
        store->watched_capacity = store->watched_capacity == 0 ? 16 : store->watched_capacity * 2;
        store->watched = realloc(store->watched, store->watched_capacity * sizeof(*store->watched));
        if (store->watched == NULL)
            abort();
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

/* The watch comes before the reads: whatever changes the head after that spoils the commit. */
static enum err store_fold_read(void *self, struct store_read *reads, size_t count, struct arena *arena)
{
    struct redis_store *store = self;
    struct redis_value *value = NULL, *states;
    enum err error = begin(store, store->fold);
    if (error != ERR_OK)
        return error;
    watched_clear(store);
    store->watched_generation = redis_wire_generation(store->fold);
    redis_wire_command(store->fold, 1, "UNWATCH");
    redis_wire_command(store->fold, 1 + count, "WATCH");
    for (size_t i = 0; i < count; i++)
        redis_wire_word(store->fold, keys_of(store, reads[i].partition)->head);
    for (size_t i = 0; i < count; i++) {
        gather_get(store->fold, keys_of(store, reads[i].partition)->head);
        if (reads[i].count > 0)
            gather_states(store, store->fold, &reads[i]);
    }
    error = redis_wire_send(store->fold);
    if (error == ERR_OK)
        error = expect_all(store->fold, &store->scratch, 2, &value);
    for (size_t i = 0; i < count && error == ERR_OK; i++) {
        error = expect(store->fold, arena, &value);
        states = NULL;
        if (error == ERR_OK && reads[i].count > 0)
            error = expect(store->fold, arena, &states);
        if (error == ERR_OK) {
            take_states(&reads[i], value, states, arena);
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
    enum err error = store_fold_read(store, reads, count, &arena);
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
    size_t replies = redis_commit_gather(store->fold, store->keys, commits, count);
    watched_clear(store);
    if (redis_wire_send(store->fold) != ERR_OK)
        return ERR_UNKNOWN_OUTCOME;
    enum err error = redis_commit_receive(store->fold, &store->scratch, replies);
    if (error == ERR_LIMIT)
        error = redis_commit_frugally(store->fold, store->keys, &store->scratch, commits, count);
    if (error == ERR_UNREACHABLE || error == ERR_REFUSED)
        redis_wire_drop(store->fold);
    return error;
}

static enum err store_fold_commit(void *self, const struct store_commit *commits, size_t count)
{
    struct redis_store *store = self;
    enum err error = begin(store, store->fold);
    if (error == ERR_OK && !is_prepared(store, commits, count))
        error = prepare(store, commits, count);
    if (error != ERR_OK)
        return error;
    if (!heads_are_expected(store, commits, count))
        return ERR_CONFLICT;
    return commit_send(store, commits, count);
}

/* ---- one partition ---- */

static enum err store_partition_read(void *self, int32_t partition, struct arena *arena,
                                     struct store_partition *out)
{
    struct redis_store *store = self;
    const struct redis_keys *keys = keys_of(store, partition);
    struct redis_value *list;
    enum err error = begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 1, "MULTI");
    gather_get(store->rest, keys->head);
    gather_get(store->rest, keys->part);
    gather_get(store->rest, keys->ids);
    error = transact(store->rest, arena, 5, &list);
    if (error == ERR_OK)
        *out = (struct store_partition){
            .head = head_of(list->elements[0]),
            .part = text_of(list->elements[1]),
            .ids = text_of(list->elements[2]),
        };
    return error;
}

static int64_t score_of(struct span text)
{
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') && text.size == 4 &&
        text.data[1] == 'i')
        return text.data[0] == '-' ? INT64_MIN : INT64_MAX;
    if (text.size == 3 && text.data[0] == 'i')
        return INT64_MAX;
    return (int64_t)strtod(text.data, NULL); /* replies end with a NUL beyond their size */
}

static void take_dues(const struct redis_value *flat, struct arena *arena, struct store_due **dues,
                      size_t *count)
{
    *count = flat->count / 2;
    *dues = ARENA_ARRAY(arena, struct store_due, *count);
    for (size_t i = 0; i < *count; i++)
        (*dues)[i] =
            (struct store_due){score_of(flat->elements[2 * i + 1]->text), flat->elements[2 * i]->text};
}

static enum err store_due_read(void *self, int32_t partition, int64_t from_ms, int64_t upto_ms,
                               size_t limit, struct arena *arena, struct store_due **dues, size_t *count,
                               int64_t *head)
{
    struct redis_store *store = self;
    const struct redis_keys *keys = keys_of(store, partition);
    struct redis_value *list;
    enum err error = begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 1, "MULTI");
    gather_get(store->rest, keys->head);
    redis_wire_command(store->rest, 8, "ZRANGEBYSCORE");
    redis_wire_word(store->rest, keys->due);
    redis_score_word(store->rest, from_ms);
    redis_score_word(store->rest, upto_ms);
    redis_wire_text(store->rest, "WITHSCORES");
    redis_wire_text(store->rest, "LIMIT");
    redis_wire_number(store->rest, 0);
    redis_wire_number(store->rest, (int64_t)limit);
    error = transact(store->rest, arena, 4, &list);
    if (error != ERR_OK)
        return error;
    *head = head_of(list->elements[0]);
    take_dues(list->elements[1], arena, dues, count);
    return ERR_OK;
}

/* Watches `key` and hands out its value; the caller goes on with MULTI. */
static enum err watch_read(struct redis_store *store, struct span key, struct redis_value **value)
{
    enum err error = begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 2, "WATCH");
    redis_wire_word(store->rest, key);
    gather_get(store->rest, key);
    error = redis_wire_send(store->rest);
    return error != ERR_OK ? error : expect_all(store->rest, &store->scratch, 2, value);
}

static enum err unwatch(struct redis_store *store)
{
    struct redis_value *value;
    redis_wire_command(store->rest, 1, "UNWATCH");
    enum err error = redis_wire_send(store->rest);
    return error != ERR_OK ? error : expect(store->rest, &store->scratch, &value);
}

static enum err store_ids_write(void *self, int32_t partition, int64_t expected_head, struct span ids)
{
    struct redis_store *store = self;
    const struct redis_keys *keys = keys_of(store, partition);
    struct redis_value *value;
    enum err error = watch_read(store, keys->head, &value);
    if (error != ERR_OK)
        return error;
    if (head_of(value) != expected_head) {
        error = unwatch(store);
        return error != ERR_OK ? error : ERR_CONFLICT;
    }
    redis_wire_command(store->rest, 1, "MULTI");
    redis_wire_command(store->rest, 3, "SET");
    redis_wire_word(store->rest, keys->ids);
    redis_wire_word(store->rest, ids);
    error = transact(store->rest, &store->scratch, 3, &value);
    if (error == ERR_LIMIT && (error = begin(store, store->rest)) == ERR_OK)
        return redis_ids_write_frugally(store->rest, keys, &store->scratch, expected_head, ids);
    if (error != ERR_OK)
        return error;
    return value->kind == REDIS_NIL ? ERR_CONFLICT : ERR_OK;
}

static enum err store_ids_remove(void *self, int32_t partition, struct span ids)
{
    struct redis_store *store = self;
    const struct redis_keys *keys = keys_of(store, partition);
    struct redis_value *value;
    enum err error = watch_read(store, keys->ids, &value);
    if (error != ERR_OK)
        return error;
    if (!span_equal(text_of(value), ids))
        return unwatch(store);
    redis_wire_command(store->rest, 1, "MULTI");
    redis_wire_command(store->rest, 2, "DEL");
    redis_wire_word(store->rest, keys->ids);
    return transact(store->rest, &store->scratch, 3, &value);
}

/* ---- several partitions ---- */

static enum err store_heads_read(void *self, const int32_t *partitions, size_t count, int64_t *heads)
{
    struct redis_store *store = self;
    enum err error = begin(store, store->rest);
    if (error != ERR_OK || count == 0)
        return error;
    for (size_t i = 0; i < count; i++)
        gather_get(store->rest, keys_of(store, partitions[i])->head);
    error = redis_wire_send(store->rest);
    for (size_t i = 0; i < count && error == ERR_OK; i++) {
        struct redis_value *value;
        error = expect(store->rest, &store->scratch, &value);
        if (error == ERR_OK)
            heads[i] = head_of(value);
    }
    return error;
}

/* UNLINK frees the large values in Redis' background thread, so one step is bounded. */
static enum err store_wipe(void *self, int32_t partition)
{
    struct redis_store *store = self;
    const struct redis_keys *keys = keys_of(store, partition);
    struct redis_value *value;
    enum err error = begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 1, "MULTI");
    redis_wire_command(store->rest, 6, "UNLINK");
    redis_wire_word(store->rest, keys->users);
    redis_wire_word(store->rest, keys->due);
    redis_wire_word(store->rest, keys->part);
    redis_wire_word(store->rest, keys->ids);
    redis_wire_word(store->rest, keys->head);
    return transact(store->rest, &store->scratch, 3, &value);
}

static enum err store_pending_count(void *self, const int32_t *partitions, size_t count, int64_t *pending)
{
    struct redis_store *store = self;
    enum err error = begin(store, store->rest);
    *pending = 0;
    if (error != ERR_OK || count == 0)
        return error;
    for (size_t i = 0; i < count; i++) {
        redis_wire_command(store->rest, 2, "ZCARD");
        redis_wire_word(store->rest, keys_of(store, partitions[i])->due);
    }
    error = redis_wire_send(store->rest);
    for (size_t i = 0; i < count && error == ERR_OK; i++) {
        struct redis_value *value;
        error = expect(store->rest, &store->scratch, &value);
        if (error == ERR_OK)
            *pending += value->number;
    }
    return error;
}

/* INFO with all the sections asked about. */
static enum err info_read(struct redis_store *store, struct span *info)
{
    struct redis_value *value;
    enum err error = begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 1, "INFO");
    error = redis_wire_send(store->rest);
    if (error == ERR_OK)
        error = expect(store->rest, &store->scratch, &value);
    if (error == ERR_OK)
        *info = text_of(value);
    return error;
}

static enum err store_memory_read(void *self, int64_t *used_bytes, int64_t *limit_bytes)
{
    struct span info;
    enum err error = info_read(self, &info);
    if (error != ERR_OK)
        return error;
    *used_bytes = redis_info_number(info, "used_memory");
    *limit_bytes = redis_info_number(info, "maxmemory");
    return ERR_OK;
}

static enum err store_check(void *self, struct diag *diag)
{
    struct redis_store *store = self;
    struct span info;
    enum err error = info_read(store, &info);
    if (error != ERR_OK)
        return diag_set(diag, error, 0, 0, "%.*s", SPAN_PRINTF(redis_store_failure(store)));
    return redis_info_check(info, diag);
}

/* ---- opening ---- */

enum err redis_store_open(const struct redis_store_options *options, struct redis_store **result,
                          struct diag *diag)
{
    struct redis_url url;
    enum err error = redis_url_parse(options->url, &url, diag);
    if (error != ERR_OK)
        return error;
    if (url.tls && !redis_wire_has_tls())
        return diag_set(
            diag, ERR_INVALID, 0, 0,
            "redis.url: rediss:// needs hiredis >= 1.0 with TLS, which this build does not have; "
            "use redis:// or unix://, or build where hiredis_ssl is (Debian 13)");
    struct redis_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        abort();
    int timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    store->fold = redis_wire_new(&url, timeout_ms);
    store->rest = redis_wire_new(&url, timeout_ms);
    store->last = store->rest;
    store->keys = redis_key_table_new(options->prefix);
    arena_init(&store->scratch, 0);
    *result = store;
    return ERR_OK;
}

void redis_store_close(struct redis_store *store)
{
    redis_wire_free(store->fold);
    redis_wire_free(store->rest);
    redis_key_table_free(store->keys);
    arena_destroy(&store->scratch);
    free(store->watched);
    free(store);
}

struct span redis_store_failure(const struct redis_store *store)
{
    return redis_wire_failure(store->last);
}

struct store_port redis_store_port(struct redis_store *store)
{
    return (struct store_port){
        .self = store,
        .partition_read = store_partition_read,
        .fold_read = store_fold_read,
        .fold_commit = store_fold_commit,
        .fire_read = store_fire_read,
        .due_read = store_due_read,
        .ids_write = store_ids_write,
        .ids_remove = store_ids_remove,
        .heads_read = store_heads_read,
        .wipe = store_wipe,
        .pending_count = store_pending_count,
        .memory_read = store_memory_read,
        .check = store_check,
    };
}
