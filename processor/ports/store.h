/* The view: where users' states stand, by journal partition, each with a head.
 *
 * `redis/` implements it, memory/ for simulation. Everything of one partition moves together with
 * its head (the journal offset it stands at): a commit whose expected head is not the one that is
 * there writes nothing and says ERR_CONFLICT, and every read hands out the head of the same atomic
 * step, so that a view that was rewound, wiped or written by somebody else is always noticed.
 * One port belongs to one worker thread. Calls wait for the answer, at most the time-out given at
 * opening, then ERR_UNREACHABLE (ERR_UNKNOWN_OUTCOME for a commit that was sent).
 */
#ifndef DECLIC_PORTS_STORE_H
#define DECLIC_PORTS_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define STORE_NO_HEAD (-1) /* nothing is there */

struct store_partition {
    int64_t head;     /* the next journal offset to fold; STORE_NO_HEAD */
    struct span part; /* the partition's own state (codec/partition_state), empty when none */
    struct span ids;  /* transactional ids of the last owner, empty when none */
};

/* One partition's share of a read. */
struct store_read {
    int32_t partition;
    const struct span *users;
    size_t count;
    int64_t head;        /* out */
    struct span *states; /* out: by user, in the arena; empty: no state */
};

struct store_user_write {
    struct span user;
    struct span state; /* empty: delete */
    int64_t due_ms;    /* fire time of the user's earliest send; INT64_MAX: none; INT64_MIN: at once */
};

/* A user begins or ceases to follow a thing. Things are known here by a number that the caller makes. */
struct store_follow {
    uint64_t thing;
    struct span user;
    bool on;
};

/* One partition's share of a commit. */
struct store_commit {
    int32_t partition;
    int64_t expected_head;
    int64_t new_head;
    struct span part; /* empty: unchanged */
    const struct store_user_write *writes;
    size_t count;
    const struct store_follow *follows;
    size_t follow_count;
};

/* A walk over all users of a partition that is under way; zeros to begin one. */
struct store_scan {
    uint64_t at;
    uint64_t life;
    bool over;
};

struct store_user {
    struct span user;
    struct span state;
};

struct store_due {
    int64_t due_ms;
    struct span user;
};

struct store_port {
    void *self;

    /* ERR_OK also when nothing is there. */
    enum err (*partition_read)(void *self, int32_t partition, struct arena *arena,
                               struct store_partition *out);

    /* States as the base of a fold, several partitions in one round trip. Prepares the commit (with
     * Redis: the heads are watched until it). */
    enum err (*fold_read)(void *self, struct store_read *reads, size_t count, struct arena *arena);
    /* All or, on ERR_CONFLICT, nothing (of all partitions). ERR_LIMIT: the store is full; nothing was
     * written. Goes with the last fold_read. */
    enum err (*fold_commit)(void *self, const struct store_commit *commits, size_t count);

    /* States for firing; does not disturb a fold in between. */
    enum err (*fire_read)(void *self, struct store_read *reads, size_t count, struct arena *arena);
    /* Users with from_ms <= due <= upto_ms in order of due (INT64_MIN first), at most `limit`, from one
     * atomic step with the head. */
    enum err (*due_read)(void *self, int32_t partition, int64_t from_ms, int64_t upto_ms, size_t limit,
                         struct arena *arena, struct store_due **dues, size_t *count, int64_t *head);

    /* Who follows the thing: the first `limit` users after `after` (empty: from the beginning) in order of
     * their bytes, from one atomic step with the head. */
    enum err (*followers_read)(void *self, int32_t partition, uint64_t thing, struct span after,
                               size_t limit, struct arena *arena, struct span **users, size_t *count,
                               int64_t *head);
    /* All who follow something: the first `limit` after `after` (NULL: from the beginning), in order of the
     * thing and then of the user's bytes, from one atomic step with the head. */
    enum err (*follows_read)(void *self, int32_t partition, const struct store_follow *after, size_t limit,
                             struct arena *arena, struct store_follow **follows, size_t *count,
                             int64_t *head);
    /* The next users (about `limit`) of a walk in no order. Every user who has a state from the first call
     * to the last is handed out at least once; others may be. Each call is one atomic step with the head.
     * ERR_CONFLICT: the walk cannot go on (the store was started anew): begin again. */
    enum err (*users_scan)(void *self, int32_t partition, struct store_scan *scan, size_t limit,
                           struct arena *arena, struct store_user **users, size_t *count, int64_t *head);

    /* Puts `ids` beside the head if the head is `expected_head`; ERR_CONFLICT otherwise. */
    enum err (*ids_write)(void *self, int32_t partition, int64_t expected_head, struct span ids);
    /* Removes them if they are still `ids`. */
    enum err (*ids_remove)(void *self, int32_t partition, struct span ids);

    /* The heads alone, of several partitions. */
    enum err (*heads_read)(void *self, const int32_t *partitions, size_t count, int64_t *heads);
    /* Deletes everything of the partition, in bounded steps, head last. */
    enum err (*wipe)(void *self, int32_t partition);
    /* How many users have something due, over all partitions given (for metrics). */
    enum err (*pending_count)(void *self, const int32_t *partitions, size_t count, int64_t *pending);
    /* Memory in use and the limit (0: none), in bytes. */
    enum err (*memory_read)(void *self, int64_t *used_bytes, int64_t *limit_bytes);
    /* ERR_OK, or why the store must not be used, with the remedy in diag (eviction policy, version). */
    enum err (*check)(void *self, struct diag *diag);
};

#endif
