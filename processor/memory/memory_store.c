#include "memory/memory_store.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

#define LEVELS 20

/* A user of a partition: in a hash by name, and, with something due, in a skip list by (due, name). A
 * user's height in the list follows from his name, so that runs are alike. */
struct user {
    struct user *same_bucket;
    uint64_t hash;
    struct span name, state; /* owned */
    int64_t due_ms;          /* INT64_MAX: not in the list */
    int levels;
    struct user *next[];
};

/* A user who follows a thing. */
struct follow {
    uint64_t thing;
    struct span user; /* owned */
};

struct partition {
    int64_t head;
    struct span part, ids;  /* owned */
    struct follow *follows; /* in order of thing, then user */
    size_t follow_count, follow_capacity;
    struct user **buckets;
    size_t bucket_count, user_count, due_count;
    struct user *first[LEVELS];
};

struct memory_store {
    struct partition *list;
    size_t count;
};

static void own(struct span *place, struct span bytes)
{
    char *copy = bytes.size == 0 ? NULL : memory_checked(malloc(bytes.size));
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    free((void *)(uintptr_t)place->data);
    *place = span_make(copy, bytes.size);
}

static struct partition *partition_at(struct memory_store *store, int32_t partition)
{
    assert(partition >= 0);
    size_t need = (size_t)partition + 1;
    if (need > store->count) {
        store->list = memory_checked(realloc(store->list, need * sizeof(*store->list)));
        while (store->count < need)
            store->list[store->count++] = (struct partition){.head = STORE_NO_HEAD};
    }
    return &store->list[partition];
}

/* ---- users ---- */

static struct user **user_place(struct partition *p, struct span name, uint64_t hash)
{
    struct user **at = &p->buckets[hash % p->bucket_count];
    while (*at != NULL && !((*at)->hash == hash && span_equal((*at)->name, name)))
        at = &(*at)->same_bucket;
    return at;
}

static struct user *user_find(struct partition *p, struct span name)
{
    return p->bucket_count == 0 ? NULL : *user_place(p, name, hash_bytes(name, 0));
}

static void buckets_grow(struct partition *p)
{
    size_t count = p->bucket_count == 0 ? 64 : p->bucket_count * 2;
    struct user **buckets = memory_checked(calloc(count, sizeof(*buckets)));
    for (size_t i = 0; i < p->bucket_count; i++) {
        for (struct user *user = p->buckets[i], *next; user != NULL; user = next) {
            next = user->same_bucket;
            user->same_bucket = buckets[user->hash % count];
            buckets[user->hash % count] = user;
        }
    }
    free(p->buckets);
    p->buckets = buckets;
    p->bucket_count = count;
}

static struct user *user_add(struct partition *p, struct span name)
{
    if (p->user_count >= p->bucket_count)
        buckets_grow(p);
    uint64_t hash = hash_bytes(name, 0);
    struct user **place = user_place(p, name, hash);
    if (*place != NULL)
        return *place;
    int levels = 1 + __builtin_ctzll((hash >> 32) | ((uint64_t)1 << (LEVELS - 1)));
    struct user *user = memory_checked(calloc(1, sizeof(*user) + (size_t)levels * sizeof(struct user *)));
    user->hash = hash;
    user->levels = levels;
    user->due_ms = INT64_MAX;
    own(&user->name, name);
    *place = user;
    p->user_count++;
    return user;
}

static bool is_before(const struct user *user, int64_t due_ms, struct span name)
{
    return user->due_ms < due_ms || (user->due_ms == due_ms && span_compare(user->name, name) < 0);
}

/* links[level]: where the first user not before (due, name) hangs, on each level. */
static void due_find(struct partition *p, int64_t due_ms, struct span name, struct user **links[LEVELS])
{
    struct user **from = p->first;
    for (int level = LEVELS - 1; level >= 0; level--) {
        while (from[level] != NULL && is_before(from[level], due_ms, name))
            from = from[level]->next;
        links[level] = &from[level];
    }
}

static void due_set(struct partition *p, struct user *user, int64_t due_ms)
{
    struct user **links[LEVELS];
    if (user->due_ms != INT64_MAX) {
        due_find(p, user->due_ms, user->name, links);
        for (int level = 0; level < user->levels; level++)
            *links[level] = user->next[level];
        p->due_count--;
    }
    user->due_ms = due_ms;
    if (due_ms == INT64_MAX)
        return;
    due_find(p, due_ms, user->name, links);
    for (int level = 0; level < user->levels; level++) {
        user->next[level] = *links[level];
        *links[level] = user;
    }
    p->due_count++;
}

static void user_free(struct user *user)
{
    own(&user->name, span_make(NULL, 0));
    own(&user->state, span_make(NULL, 0));
    free(user);
}

static void user_write(struct partition *p, const struct store_user_write *write)
{
    struct user *user = user_find(p, write->user);
    if (user == NULL && write->state.size == 0 && write->due_ms == INT64_MAX)
        return;
    if (user == NULL)
        user = user_add(p, write->user);
    own(&user->state, write->state);
    due_set(p, user, write->due_ms);
    if (user->state.size > 0 || user->due_ms != INT64_MAX)
        return;
    *user_place(p, user->name, user->hash) = user->same_bucket;
    p->user_count--;
    user_free(user);
}

/* Where the first follower of the thing stands or belongs whose name is not before `user`. */
static size_t follow_place(const struct partition *p, uint64_t thing, struct span user)
{
    size_t low = 0, high = p->follow_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct follow *follow = &p->follows[middle];
        if (follow->thing < thing || (follow->thing == thing && span_compare(follow->user, user) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void follow_write(struct partition *p, const struct store_follow *write)
{
    size_t at = follow_place(p, write->thing, write->user);
    struct follow *follow = &p->follows[at];
    bool there =
        at < p->follow_count && follow->thing == write->thing && span_equal(follow->user, write->user);
    if (there == write->on)
        return;
    if (there) {
        own(&follow->user, span_make(NULL, 0));
        p->follow_count--;
        memmove(follow, follow + 1, (p->follow_count - at) * sizeof(*follow));
        return;
    }
    if (p->follow_count == p->follow_capacity) {
        p->follow_capacity = p->follow_capacity == 0 ? 64 : p->follow_capacity * 2;
        p->follows = memory_checked(realloc(p->follows, p->follow_capacity * sizeof(*p->follows)));
        follow = &p->follows[at];
    }
    memmove(follow + 1, follow, (p->follow_count - at) * sizeof(*follow));
    p->follow_count++;
    *follow = (struct follow){.thing = write->thing};
    own(&follow->user, write->user);
}

static void partition_clear(struct partition *p)
{
    for (size_t i = 0; i < p->follow_count; i++)
        own(&p->follows[i].user, span_make(NULL, 0));
    free(p->follows);
    for (size_t i = 0; i < p->bucket_count; i++) {
        for (struct user *user = p->buckets[i], *next; user != NULL; user = next) {
            next = user->same_bucket;
            user_free(user);
        }
    }
    free(p->buckets);
    own(&p->part, span_make(NULL, 0));
    own(&p->ids, span_make(NULL, 0));
    *p = (struct partition){.head = STORE_NO_HEAD};
}

/* ---- the port ---- */

static enum err store_partition_read(void *self, int32_t partition, struct arena *arena,
                                     struct store_partition *out)
{
    const struct partition *p = partition_at(self, partition);
    *out = (struct store_partition){p->head, arena_copy(arena, p->part), arena_copy(arena, p->ids)};
    return ERR_OK;
}

static enum err store_read(void *self, struct store_read *reads, size_t count, struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        struct partition *p = partition_at(self, reads[i].partition);
        reads[i].head = p->head;
        reads[i].states = ARENA_ARRAY(arena, struct span, reads[i].count);
        for (size_t u = 0; u < reads[i].count; u++) {
            const struct user *user = user_find(p, reads[i].users[u]);
            if (user != NULL && user->state.size > 0)
                reads[i].states[u] = arena_copy(arena, user->state);
        }
    }
    return ERR_OK;
}

static enum err store_fold_commit(void *self, const struct store_commit *commits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (partition_at(self, commits[i].partition)->head != commits[i].expected_head)
            return ERR_CONFLICT;
    }
    for (size_t i = 0; i < count; i++) {
        struct partition *p = partition_at(self, commits[i].partition);
        p->head = commits[i].new_head;
        if (commits[i].part.size > 0)
            own(&p->part, commits[i].part);
        for (size_t w = 0; w < commits[i].count; w++)
            user_write(p, &commits[i].writes[w]);
        for (size_t f = 0; f < commits[i].follow_count; f++)
            follow_write(p, &commits[i].follows[f]);
    }
    return ERR_OK;
}

static enum err store_due_read(void *self, int32_t partition, int64_t from_ms, int64_t upto_ms,
                               size_t limit, struct arena *arena, struct store_due **dues, size_t *count,
                               int64_t *head)
{
    struct partition *p = partition_at(self, partition);
    struct user **links[LEVELS];
    size_t capacity = 0;
    due_find(p, from_ms, span_make(NULL, 0), links);
    *dues = NULL;
    *count = 0;
    for (const struct user *user = *links[0]; user != NULL && user->due_ms <= upto_ms && *count < limit;
         user = user->next[0]) {
        struct store_due *due = ARENA_PUSH(arena, dues, count, &capacity);
        *due = (struct store_due){user->due_ms, arena_copy(arena, user->name)};
    }
    *head = p->head;
    return ERR_OK;
}

static enum err store_followers_read(void *self, int32_t partition, uint64_t thing, struct span after,
                                     size_t limit, struct arena *arena, struct span **users, size_t *count,
                                     int64_t *head)
{
    struct partition *p = partition_at(self, partition);
    size_t capacity = 0;
    *users = NULL;
    *count = 0;
    *head = p->head;
    for (size_t i = follow_place(p, thing, after);
         i < p->follow_count && p->follows[i].thing == thing && *count < limit; i++) {
        if (!span_equal(p->follows[i].user, after))
            *ARENA_PUSH(arena, users, count, &capacity) = arena_copy(arena, p->follows[i].user);
    }
    return ERR_OK;
}

static enum err store_follows_read(void *self, int32_t partition, const struct store_follow *after,
                                   size_t limit, struct arena *arena, struct store_follow **follows,
                                   size_t *count, int64_t *head)
{
    struct partition *p = partition_at(self, partition);
    size_t capacity = 0, at = after == NULL ? 0 : follow_place(p, after->thing, after->user);
    *follows = NULL;
    *count = 0;
    *head = p->head;
    if (after != NULL && at < p->follow_count && p->follows[at].thing == after->thing &&
        span_equal(p->follows[at].user, after->user))
        at++;
    for (; at < p->follow_count && *count < limit; at++) {
        struct store_follow *found = ARENA_PUSH(arena, follows, count, &capacity);
        *found = (struct store_follow){p->follows[at].thing, arena_copy(arena, p->follows[at].user), true};
    }
    return ERR_OK;
}

/* The walk goes by buckets, so it cannot go on when there are more of them than before. */
static enum err store_users_scan(void *self, int32_t partition, struct store_scan *scan, size_t limit,
                                 struct arena *arena, struct store_user **users, size_t *count,
                                 int64_t *head)
{
    struct partition *p = partition_at(self, partition);
    size_t capacity = 0;
    *users = NULL;
    *count = 0;
    *head = p->head;
    if (scan->at != 0 && scan->life != p->bucket_count)
        return ERR_CONFLICT;
    scan->life = p->bucket_count;
    for (; scan->at < p->bucket_count && *count < limit; scan->at++) {
        for (const struct user *user = p->buckets[scan->at]; user != NULL; user = user->same_bucket) {
            if (user->state.size == 0)
                continue;
            struct store_user *found = ARENA_PUSH(arena, users, count, &capacity);
            *found = (struct store_user){arena_copy(arena, user->name), arena_copy(arena, user->state)};
        }
    }
    scan->over = scan->at >= p->bucket_count;
    return ERR_OK;
}

static enum err store_ids_write(void *self, int32_t partition, int64_t expected_head, struct span ids)
{
    struct partition *p = partition_at(self, partition);
    if (p->head != expected_head)
        return ERR_CONFLICT;
    own(&p->ids, ids);
    return ERR_OK;
}

static enum err store_ids_remove(void *self, int32_t partition, struct span ids)
{
    struct partition *p = partition_at(self, partition);
    if (span_equal(p->ids, ids))
        own(&p->ids, span_make(NULL, 0));
    return ERR_OK;
}

static enum err store_heads_read(void *self, const int32_t *partitions, size_t count, int64_t *heads)
{
    for (size_t i = 0; i < count; i++)
        heads[i] = partition_at(self, partitions[i])->head;
    return ERR_OK;
}

static enum err store_wipe(void *self, int32_t partition)
{
    partition_clear(partition_at(self, partition));
    return ERR_OK;
}

static enum err store_pending_count(void *self, const int32_t *partitions, size_t count, int64_t *pending)
{
    *pending = 0;
    for (size_t i = 0; i < count; i++)
        *pending += (int64_t)partition_at(self, partitions[i])->due_count;
    return ERR_OK;
}

static enum err store_memory_read(void *self, int64_t *used_bytes, int64_t *limit_bytes)
{
    (void)self;
    *used_bytes = 0;
    *limit_bytes = 0;
    return ERR_OK;
}

static enum err store_check(void *self, struct diag *diag)
{
    (void)self;
    (void)diag;
    return ERR_OK;
}

struct store_port memory_store_port(struct memory_store *store)
{
    return (struct store_port){
        .self = store,
        .partition_read = store_partition_read,
        .fold_read = store_read,
        .fold_commit = store_fold_commit,
        .fire_read = store_read,
        .due_read = store_due_read,
        .followers_read = store_followers_read,
        .follows_read = store_follows_read,
        .users_scan = store_users_scan,
        .ids_write = store_ids_write,
        .ids_remove = store_ids_remove,
        .heads_read = store_heads_read,
        .wipe = store_wipe,
        .pending_count = store_pending_count,
        .memory_read = store_memory_read,
        .check = store_check,
    };
}

/* ---- whole stores ---- */

struct memory_store *memory_store_new(void)
{
    return memory_checked(calloc(1, sizeof(struct memory_store)));
}

void memory_store_free(struct memory_store *store)
{
    for (size_t i = 0; i < store->count; i++)
        partition_clear(&store->list[i]);
    free(store->list);
    free(store);
}

static void partition_copy(struct partition *to, const struct partition *from)
{
    to->head = from->head;
    own(&to->part, from->part);
    own(&to->ids, from->ids);
    for (size_t i = 0; i < from->follow_count; i++)
        follow_write(to, &(struct store_follow){from->follows[i].thing, from->follows[i].user, true});
    for (size_t i = 0; i < from->bucket_count; i++) {
        for (const struct user *user = from->buckets[i]; user != NULL; user = user->same_bucket)
            user_write(to, &(struct store_user_write){user->name, user->state, user->due_ms});
    }
}

struct memory_store *memory_store_copy(const struct memory_store *store)
{
    struct memory_store *copy = memory_store_new();
    memory_store_rewind(copy, store);
    return copy;
}

void memory_store_rewind(struct memory_store *store, const struct memory_store *to)
{
    for (size_t i = 0; i < store->count; i++)
        partition_clear(&store->list[i]);
    for (size_t i = 0; i < to->count; i++)
        partition_copy(partition_at(store, (int32_t)i), &to->list[i]);
}
