#include "redis/redis_store.h"

#include <stdlib.h>

#include "base/memory.h"
#include "redis/redis_check.h"
#include "redis/redis_commit.h"
#include "redis/redis_store_internal.h"
#include "redis/redis_tls.h"

#define DEFAULT_TIMEOUT_MS 2000

static enum err store_fire_read(void *self, struct store_read *reads, size_t count, struct arena *arena)
{
    struct redis_store *store = self;
    struct redis_value *list;
    size_t at = 0;
    enum err error = redis_store_begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 1, "MULTI");
    for (size_t i = 0; i < count; i++) {
        redis_store_gather_get(store->rest, redis_store_keys(store, reads[i].partition)->head);
        if (reads[i].count > 0)
            redis_store_gather_states(store, store->rest, &reads[i]);
    }
    error = redis_store_read(store->rest, arena, &list);
    for (size_t i = 0; error == ERR_OK && i < count; i++) {
        const struct redis_value *head = list->elements[at++];
        redis_store_take_states(&reads[i], head, reads[i].count > 0 ? list->elements[at++] : NULL, arena);
    }
    return error;
}

/* ---- one partition ---- */

static enum err store_partition_read(void *self, int32_t partition, struct arena *arena,
                                     struct store_partition *out)
{
    struct redis_store *store = self;
    const struct redis_keys *keys = redis_store_keys(store, partition);
    struct redis_value *list;
    enum err error = redis_store_ask(store, keys);
    if (error != ERR_OK)
        return error;
    redis_store_gather_get(store->rest, keys->part);
    redis_store_gather_get(store->rest, keys->ids);
    error = redis_store_read(store->rest, arena, &list);
    if (error == ERR_OK)
        *out = (struct store_partition){
            .head = redis_store_head(list->elements[0]),
            .part = redis_store_text(list->elements[1]),
            .ids = redis_store_text(list->elements[2]),
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
    const struct redis_keys *keys = redis_store_keys(store, partition);
    struct redis_value *list;
    enum err error = redis_store_ask(store, keys);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 8, "ZRANGEBYSCORE");
    redis_wire_word(store->rest, keys->due);
    redis_score_word(store->rest, from_ms);
    redis_score_word(store->rest, upto_ms);
    redis_wire_text(store->rest, "WITHSCORES");
    redis_wire_text(store->rest, "LIMIT");
    redis_wire_number(store->rest, 0);
    redis_wire_number(store->rest, (int64_t)limit);
    error = redis_store_read(store->rest, arena, &list);
    if (error != ERR_OK)
        return error;
    *head = redis_store_head(list->elements[0]);
    take_dues(list->elements[1], arena, dues, count);
    return ERR_OK;
}

/* Watches `key` and hands out its value; the caller goes on with MULTI. */
static enum err watch_read(struct redis_store *store, struct span key, struct redis_value **value)
{
    enum err error = redis_store_begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 2, "WATCH");
    redis_wire_word(store->rest, key);
    redis_store_gather_get(store->rest, key);
    error = redis_wire_send(store->rest);
    return error != ERR_OK ? error : redis_store_expect_all(store->rest, &store->scratch, 2, value);
}

static enum err unwatch(struct redis_store *store)
{
    struct redis_value *value;
    redis_wire_command(store->rest, 1, "UNWATCH");
    enum err error = redis_wire_send(store->rest);
    return error != ERR_OK ? error : redis_store_expect(store->rest, &store->scratch, &value);
}

static enum err store_ids_write(void *self, int32_t partition, int64_t expected_head, struct span ids)
{
    struct redis_store *store = self;
    const struct redis_keys *keys = redis_store_keys(store, partition);
    struct redis_value *value;
    enum err error = watch_read(store, keys->head, &value);
    if (error != ERR_OK)
        return error;
    if (redis_store_head(value) != expected_head) {
        error = unwatch(store);
        return error != ERR_OK ? error : ERR_CONFLICT;
    }
    redis_wire_command(store->rest, 1, "MULTI");
    redis_wire_command(store->rest, 3, "SET");
    redis_wire_word(store->rest, keys->ids);
    redis_wire_word(store->rest, ids);
    error = redis_store_transact(store->rest, &store->scratch, &value);
    if (error == ERR_LIMIT && (error = redis_store_begin(store, store->rest)) == ERR_OK)
        return redis_ids_write_frugally(store->rest, keys, &store->scratch, expected_head, ids);
    if (error != ERR_OK)
        return error;
    return value->kind == REDIS_NIL ? ERR_CONFLICT : ERR_OK;
}

static enum err store_ids_remove(void *self, int32_t partition, struct span ids)
{
    struct redis_store *store = self;
    const struct redis_keys *keys = redis_store_keys(store, partition);
    struct redis_value *value;
    enum err error = watch_read(store, keys->ids, &value);
    if (error != ERR_OK)
        return error;
    if (!span_equal(redis_store_text(value), ids))
        return unwatch(store);
    redis_wire_command(store->rest, 1, "MULTI");
    redis_wire_command(store->rest, 2, "DEL");
    redis_wire_word(store->rest, keys->ids);
    return redis_store_transact(store->rest, &store->scratch, &value);
}

/* ---- several partitions ---- */

static enum err store_heads_read(void *self, const int32_t *partitions, size_t count, int64_t *heads)
{
    struct redis_store *store = self;
    enum err error = redis_store_begin(store, store->rest);
    if (error != ERR_OK || count == 0)
        return error;
    for (size_t i = 0; i < count; i++)
        redis_store_gather_get(store->rest, redis_store_keys(store, partitions[i])->head);
    error = redis_wire_send(store->rest);
    for (size_t i = 0; i < count && error == ERR_OK; i++) {
        struct redis_value *value;
        error = redis_store_expect(store->rest, &store->scratch, &value);
        if (error == ERR_OK)
            heads[i] = redis_store_head(value);
    }
    return error;
}

/* UNLINK frees the large values in Redis' background thread, so one step is bounded. Alone, not after
 * MULTI: it passes at maxmemory too. */
static enum err store_wipe(void *self, int32_t partition)
{
    struct redis_store *store = self;
    const struct redis_keys *keys = redis_store_keys(store, partition);
    struct redis_value *value;
    enum err error = redis_store_begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 7, "UNLINK");
    redis_wire_word(store->rest, keys->users);
    redis_wire_word(store->rest, keys->due);
    redis_wire_word(store->rest, keys->follows);
    redis_wire_word(store->rest, keys->part);
    redis_wire_word(store->rest, keys->ids);
    redis_wire_word(store->rest, keys->head);
    error = redis_wire_send(store->rest);
    return error != ERR_OK ? error : redis_store_expect(store->rest, &store->scratch, &value);
}

static enum err store_pending_count(void *self, const int32_t *partitions, size_t count, int64_t *pending)
{
    struct redis_store *store = self;
    enum err error = redis_store_begin(store, store->rest);
    *pending = 0;
    if (error != ERR_OK || count == 0)
        return error;
    for (size_t i = 0; i < count; i++) {
        redis_wire_command(store->rest, 2, "ZCARD");
        redis_wire_word(store->rest, redis_store_keys(store, partitions[i])->due);
    }
    error = redis_wire_send(store->rest);
    for (size_t i = 0; i < count && error == ERR_OK; i++) {
        struct redis_value *value;
        error = redis_store_expect(store->rest, &store->scratch, &value);
        if (error == ERR_OK)
            *pending += value->number;
    }
    return error;
}

/* INFO with all the sections asked about. */
static enum err info_read(struct redis_store *store, struct span *info)
{
    struct redis_value *value;
    enum err error = redis_store_begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 1, "INFO");
    error = redis_wire_send(store->rest);
    if (error == ERR_OK)
        error = redis_store_expect(store->rest, &store->scratch, &value);
    if (error == ERR_OK)
        *info = redis_store_text(value);
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
    if (url.tls && !redis_tls_is_built())
        return diag_set(
            diag, ERR_INVALID, 0, 0,
            "redis.url: rediss:// needs hiredis >= 1.0 with TLS, which this build does not have; "
            "use redis:// or unix://, or build where hiredis_ssl is (Debian 13)");
    struct redis_store *store = memory_checked(calloc(1, sizeof(*store)));
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
        .fold_read = redis_fold_read,
        .fold_commit = redis_fold_commit,
        .fire_read = store_fire_read,
        .due_read = store_due_read,
        .followers_read = redis_followers_read,
        .follows_read = redis_follows_read,
        .users_scan = redis_users_scan,
        .ids_write = store_ids_write,
        .ids_remove = store_ids_remove,
        .heads_read = store_heads_read,
        .wipe = store_wipe,
        .pending_count = store_pending_count,
        .memory_read = store_memory_read,
        .check = store_check,
    };
}
