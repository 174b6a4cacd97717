#include "sim/sim_store.h"

#include <stdlib.h>

#define TIMEOUT_US (2 * SECOND)

/* ---- what happens to Redis itself ---- */

void sim_store_may_rewind(struct sim_store *store, int64_t one_in)
{
    struct world *world = store->world;
    if (store->point_count == 0 || !world_strikes(world, FAULT_REWIND, one_in))
        return;
    size_t point = (size_t)world_below(world, (int64_t)store->point_count);
    memory_store_rewind(store->memory, store->points[point]);
}

static void wipe(struct sim_store *store)
{
    struct memory_store *empty = memory_store_new();
    memory_store_rewind(store->memory, empty);
    memory_store_free(empty);
}

void sim_store_die(struct sim_store *store)
{
    struct world *world = store->world;
    store->away_until_us = world->now_us + world_between(world, 0, 8 * SECOND);
    world_trace(world, "the store is dead until %.3f", (double)store->away_until_us / (double)SECOND);
    if (world_chance(world, 200))
        wipe(store);
    else if (store->point_count != 0 && world_chance(world, 800))
        memory_store_rewind(store->memory, store->points[world_below(world, (int64_t)store->point_count)]);
}

static void accidents(void *self)
{
    struct sim_store *store = self;
    struct world *world = store->world;
    sim_store_may_rewind(store, 15);
    if (world_strikes(world, FAULT_WIPE, 30))
        wipe(store);
    if (world_strikes(world, FAULT_STORE_DIES, 60))
        sim_store_die(store);
    if (world_strikes(world, FAULT_STORE_FULL, 20))
        store->full_until_us = world->now_us + world_between(world, 0, 10 * SECOND);
    world_call(world, 250 * MS, NULL, accidents, store);
}

struct sim_store *sim_store_new(struct world *world)
{
    struct sim_store *store = ARENA_NEW(&world->arena, struct sim_store);
    store->world = world;
    store->memory = memory_store_new();
    store->port = memory_store_port(store->memory);
    world_call(world, 250 * MS, NULL, accidents, store);
    return store;
}

void sim_store_free(struct sim_store *store)
{
    for (size_t i = 0; i < store->point_count; i++)
        memory_store_free(store->points[i]);
    memory_store_free(store->memory);
}

/* Remembers this state as one to go back to, now and then. */
static void keep_point(struct sim_store *store)
{
    struct world *world = store->world;
    if ((!world->faults[FAULT_REWIND].on && !world->faults[FAULT_STORE_DIES].on &&
         !world->faults[FAULT_DISASTER].on) ||
        world->now_us >= world->faults_until_us || !world_chance(world, 400))
        return;
    struct memory_store *copy = memory_store_copy(store->memory);
    if (store->point_count < STORE_POINTS) {
        store->points[store->point_count++] = copy;
        return;
    }
    size_t at = (size_t)world_below(world, STORE_POINTS);
    memory_store_free(store->points[at]);
    store->points[at] = copy;
}

/* ---- requests ---- */

/* What the connection makes of one request. */
enum passage {
    PASSAGE_GOOD,
    PASSAGE_NOT_SENT,   /* nothing was done, and the client knows it */
    PASSAGE_LOST,       /* sent, not done */
    PASSAGE_UNANSWERED, /* done, no answer */
    PASSAGE_LATE,       /* done after the client gave up */
};

/* The request's way there; after it the store is touched. */
static enum passage request_begin(struct sim_connection *c, int weight)
{
    struct world *world = c->process->world;
    process_step(c->process, weight);
    task_sleep(c->task, world_latency(world, 200));
    if (world->now_us < c->store->away_until_us)
        return PASSAGE_NOT_SENT;
    if (!world_strikes(world, FAULT_STORE_AWAY, 40))
        return PASSAGE_GOOD;
    return (enum passage)world_between(world, PASSAGE_NOT_SENT, PASSAGE_UNANSWERED);
}

/* The answer's way back. */
static void request_end(struct sim_connection *c, enum passage passage, int weight)
{
    struct world *world = c->process->world;
    bool waits = passage == PASSAGE_LOST || passage == PASSAGE_UNANSWERED || passage == PASSAGE_LATE;
    task_sleep(c->task, waits && world_chance(world, 500) ? TIMEOUT_US : world_latency(world, 200));
    process_step(c->process, weight);
}

static bool is_full(const struct sim_store *store)
{
    return store->world->now_us < store->full_until_us &&
           store->world->now_us < store->world->faults_until_us;
}

/* A call that only reads, or whose repetition does no harm. */
#define PASS(connection, weight, call)                            \
    struct sim_connection *c = (connection);                      \
    enum passage passage = request_begin(c, (weight));            \
    enum err error = ERR_UNREACHABLE;                             \
    c->store->world->sheltered++;                                 \
    if (passage == PASSAGE_GOOD || passage == PASSAGE_UNANSWERED) \
        error = (call);                                           \
    c->store->world->sheltered--;                                 \
    request_end(c, passage, (weight));                            \
    return passage == PASSAGE_GOOD ? error : ERR_UNREACHABLE

/* As a layout that this version of the program does not know. */
static enum err garble(struct sim_connection *c, enum err error, const struct store_read *reads,
                       size_t count)
{
    for (size_t i = 0; i < count && error == ERR_OK; i++)
        for (size_t u = 0; u < reads[i].count; u++)
            if (reads[i].states[u].size != 0 && world_strikes(c->store->world, FAULT_STORE_GARBLES, 200))
                ((char *)(uintptr_t)reads[i].states[u].data)[0] = (char)0xEE;
    return error;
}

/* The states, and behind them the head: what happens to the store in between shows in it. */
static enum err read_users(struct sim_connection *c, struct store_read *reads, size_t count,
                           struct arena *arena)
{
    struct sim_store *store = c->store;
    enum err error = store->port.fold_read(store->memory, reads, count, arena);
    if (world_strikes(store->world, FAULT_WIPE, 60)) /* what else loses anything ends the connection */
        wipe(store);
    for (size_t i = 0; i < count && error == ERR_OK; i++)
        error = store->port.heads_read(store->memory, &reads[i].partition, 1, &reads[i].head);
    return garble(c, error, reads, count);
}

static enum err store_partition_read(void *self, int32_t partition, struct arena *arena,
                                     struct store_partition *out)
{
    PASS(self, 5, c->store->port.partition_read(c->store->memory, partition, arena, out));
}

static enum err store_fold_read(void *self, struct store_read *reads, size_t count, struct arena *arena)
{
    PASS(self, 10, read_users(c, reads, count, arena));
}

static enum err store_fire_read(void *self, struct store_read *reads, size_t count, struct arena *arena)
{
    PASS(self, 10, read_users(c, reads, count, arena));
}

static enum err store_due_read(void *self, int32_t partition, int64_t from_ms, int64_t upto_ms,
                               size_t limit, struct arena *arena, struct store_due **dues, size_t *count,
                               int64_t *head)
{
    PASS(self, 5,
         c->store->port.due_read(c->store->memory, partition, from_ms, upto_ms, limit, arena, dues, count,
                                 head));
}

static enum err store_followers_read(void *self, int32_t partition, uint64_t thing, struct span after,
                                     size_t limit, struct arena *arena, struct span **users, size_t *count,
                                     int64_t *head)
{
    PASS(self, 5,
         c->store->port.followers_read(c->store->memory, partition, thing, after, limit, arena, users,
                                       count, head));
}

static enum err store_follows_read(void *self, int32_t partition, const struct store_follow *after,
                                   size_t limit, struct arena *arena, struct store_follow **follows,
                                   size_t *count, int64_t *head)
{
    PASS(self, 5,
         c->store->port.follows_read(c->store->memory, partition, after, limit, arena, follows, count,
                                     head));
}

static enum err store_users_scan(void *self, int32_t partition, struct store_scan *scan, size_t limit,
                                 struct arena *arena, struct store_user **users, size_t *count,
                                 int64_t *head)
{
    struct sim_connection *c = self;
    struct store_scan further = *scan;
    sim_store_may_rewind(c->store, 30);
    enum passage passage = request_begin(c, 5);
    enum err error = ERR_UNREACHABLE;
    c->store->world->sheltered++;
    if (passage == PASSAGE_GOOD)
        error = c->store->port.users_scan(c->store->memory, partition, &further, limit, arena, users, count,
                                          head);
    c->store->world->sheltered--;
    request_end(c, passage, 5);
    if (error == ERR_OK) /* who has no answer stands where he stood */
        *scan = further;
    return error;
}

static enum err store_ids_remove(void *self, int32_t partition, struct span ids)
{
    PASS(self, 5, c->store->port.ids_remove(c->store->memory, partition, ids));
}

static enum err store_heads_read(void *self, const int32_t *partitions, size_t count, int64_t *heads)
{
    PASS(self, 2, c->store->port.heads_read(c->store->memory, partitions, count, heads));
}

static enum err store_wipe(void *self, int32_t partition)
{
    PASS(self, 10, c->store->port.wipe(c->store->memory, partition));
}

static enum err store_ids_write(void *self, int32_t partition, int64_t expected_head, struct span ids)
{
    PASS(self, 5, c->store->port.ids_write(c->store->memory, partition, expected_head, ids));
}

/* ---- the fold's commit ---- */

struct late_commit {
    struct sim_store *store;
    struct store_commit *commits;
    size_t count;
};

#define GROWTH 128 /* bytes that a state may grow by in a full store */

/* Whether it needs memory: a full store takes what removes or settles. */
static bool grows(struct sim_store *store, const struct store_commit *commit)
{
    struct arena arena;
    bool more = false;
    arena_init(&arena, 0);
    for (size_t i = 0; i < commit->count && !more; i++) {
        const struct store_user_write *write = &commit->writes[i];
        struct span user = write->user;
        struct store_read read = {.partition = commit->partition, .users = &user, .count = 1};
        (void)store->port.fire_read(store->memory, &read, 1, &arena);
        size_t before = read.states[0].size;
        more = write->state.size != 0 && (before == 0 || write->state.size > before + GROWTH);
    }
    for (size_t i = 0; i < commit->follow_count; i++)
        more |= commit->follows[i].on;
    arena_destroy(&arena);
    return more;
}

static enum err commit_now(struct sim_store *store, const struct store_commit *commits, size_t count)
{
    for (size_t i = 0; is_full(store) && i < count; i++)
        if (grows(store, &commits[i]))
            return ERR_LIMIT;
    enum err error = store->port.fold_commit(store->memory, commits, count);
    if (error == ERR_OK)
        keep_point(store);
    return error;
}

static void commit_late(void *self)
{
    struct late_commit *late = self;
    enum err error = commit_now(late->store, late->commits, late->count);
    world_trace(late->store->world, "store: a late write is %s", error == ERR_OK ? "done" : "refused");
}

/* The request outlives its client's patience; its memory is the world's. */
static void commit_later(struct sim_store *store, const struct store_commit *commits, size_t count)
{
    struct arena *arena = &store->world->arena;
    struct late_commit *late = ARENA_NEW(arena, struct late_commit);
    *late = (struct late_commit){store, ARENA_ARRAY(arena, struct store_commit, count), count};
    for (size_t i = 0; i < count; i++) {
        late->commits[i] = commits[i];
        late->commits[i].part = arena_copy(arena, commits[i].part);
        struct store_user_write *writes = ARENA_ARRAY(arena, struct store_user_write, commits[i].count);
        for (size_t w = 0; w < commits[i].count; w++)
            writes[w] = (struct store_user_write){arena_copy(arena, commits[i].writes[w].user),
                                                  arena_copy(arena, commits[i].writes[w].state),
                                                  commits[i].writes[w].due_ms};
        late->commits[i].writes = writes;
        struct store_follow *follows = ARENA_ARRAY(arena, struct store_follow, commits[i].follow_count);
        for (size_t f = 0; f < commits[i].follow_count; f++) {
            follows[f] = commits[i].follows[f];
            follows[f].user = arena_copy(arena, commits[i].follows[f].user);
        }
        late->commits[i].follows = follows;
    }
    world_call(store->world, world_between(store->world, 0, 4 * SECOND), NULL, commit_late, late);
}

static enum err store_fold_commit(void *self, const struct store_commit *commits, size_t count)
{
    struct sim_connection *c = self;
    enum passage passage = request_begin(c, 20);
    if (passage == PASSAGE_GOOD && world_strikes(c->store->world, FAULT_STORE_LATE, 40))
        passage = PASSAGE_LATE;
    enum err error = passage == PASSAGE_NOT_SENT ? ERR_UNREACHABLE : ERR_UNKNOWN_OUTCOME;
    c->store->world->sheltered++;
    if (passage == PASSAGE_GOOD)
        error = commit_now(c->store, commits, count);
    else if (passage == PASSAGE_UNANSWERED)
        (void)commit_now(c->store, commits, count);
    else if (passage == PASSAGE_LATE)
        commit_later(c->store, commits, count);
    c->store->world->sheltered--;
    request_end(c, passage, 20);
    return error;
}

/* ---- what costs nothing to the protocol ---- */

static enum err store_pending_count(void *self, const int32_t *partitions, size_t count, int64_t *pending)
{
    struct sim_connection *c = self;
    return c->store->port.pending_count(c->store->memory, partitions, count, pending);
}

static enum err store_memory_read(void *self, int64_t *used_bytes, int64_t *limit_bytes)
{
    (void)self;
    *used_bytes = *limit_bytes = 0;
    return ERR_OK;
}

static enum err store_check(void *self, struct diag *diag)
{
    (void)self;
    (void)diag;
    return ERR_OK;
}

struct store_port sim_store_port(struct sim_connection *connection)
{
    return (struct store_port){
        .self = connection,
        .partition_read = store_partition_read,
        .fold_read = store_fold_read,
        .fold_commit = store_fold_commit,
        .fire_read = store_fire_read,
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
