/* What the files of the store share; nobody else includes it.
 */
#ifndef DECLIC_REDIS_REDIS_STORE_INTERNAL_H
#define DECLIC_REDIS_REDIS_STORE_INTERNAL_H

#include "redis/redis_keys.h"
#include "redis/redis_store.h"
#include "redis/redis_wire.h"

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

const struct redis_keys *redis_store_keys(struct redis_store *store, int32_t partition);

/* Every call begins so. */
WARN_UNUSED enum err redis_store_begin(struct redis_store *store, struct redis_wire *wire);

/* The next reply; an error reply ends the connection, since others may wait behind it. */
WARN_UNUSED enum err redis_store_expect(struct redis_wire *wire, struct arena *arena,
                                        struct redis_value **value);
/* As many replies; hands out the last. */
WARN_UNUSED enum err redis_store_expect_all(struct redis_wire *wire, struct arena *arena, size_t replies,
                                            struct redis_value **last);

/* Sends what was gathered, MULTI first, and EXEC after it; hands out EXEC's list: one atomic step. A nil
 * (value->kind) only where the connection watches something. */
WARN_UNUSED enum err redis_store_transact(struct redis_wire *wire, struct arena *arena,
                                          struct redis_value **value);
/* The same for commands that only read, also at maxmemory, where Redis queues nothing after MULTI: the
 * commands then go once more, through a script. */
WARN_UNUSED enum err redis_store_read(struct redis_wire *wire, struct arena *arena,
                                      struct redis_value **value);
/* Begins such a question on store->rest: MULTI, and the partition's head as the first element of the list.
 */
WARN_UNUSED enum err redis_store_ask(struct redis_store *store, const struct redis_keys *keys);

void redis_store_gather_get(struct redis_wire *wire, struct span key);
void redis_store_gather_states(struct redis_store *store, struct redis_wire *wire,
                               const struct store_read *read);
/* `states` is HMGET's reply; NULL when no user was asked for. */
void redis_store_take_states(struct store_read *read, const struct redis_value *head,
                             const struct redis_value *states, struct arena *arena);

/* A head as it was written by us; anything else counts as none: the partition is then folded anew. */
int64_t redis_store_head(const struct redis_value *value);
/* Empty for a nil. */
struct span redis_store_text(const struct redis_value *value);

/* The fold's half of the port (redis_fold.c). */
enum err redis_fold_read(void *self, struct store_read *reads, size_t count, struct arena *arena);
enum err redis_fold_commit(void *self, const struct store_commit *commits, size_t count);

/* Many users at once (redis_walk.c). */
enum err redis_followers_read(void *self, int32_t partition, uint64_t thing, struct span after,
                              size_t limit, struct arena *arena, struct span **users, size_t *count,
                              int64_t *head);
enum err redis_follows_read(void *self, int32_t partition, const struct store_follow *after, size_t limit,
                            struct arena *arena, struct store_follow **follows, size_t *count,
                            int64_t *head);
enum err redis_users_scan(void *self, int32_t partition, struct store_scan *scan, size_t limit,
                          struct arena *arena, struct store_user **users, size_t *count, int64_t *head);

#endif
