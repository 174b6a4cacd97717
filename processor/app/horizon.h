/* The near future of one partition, in memory: which users have a send due soon.
 *
 * A heap by due with an index by user. Holds every user whose earliest due is at most
 * `loaded_until_ms` (and possibly some later ones); what lies beyond stays in the store and is loaded
 * as time comes near. A cache: dropped and loaded again on every attach.
 */
#ifndef DECLIC_APP_HORIZON_H
#define DECLIC_APP_HORIZON_H

#include "app/user_map.h"
#include "base/heap.h"

struct horizon_entry {
    struct user_node node; /* node.user points behind the struct */
    struct heap_node in_heap;
    int64_t due_ms;
};

struct horizon {
    struct heap heap;
    struct user_map users;
    int64_t loaded_until_ms; /* INT64_MIN: nothing was loaded yet */
};

void horizon_init(struct horizon *horizon);
/* Frees everything; the horizon is as after horizon_init. */
void horizon_clear(struct horizon *horizon);

/* This user's earliest due is now due_ms (INT64_MIN: at once; INT64_MAX: none). Kept when it lies at
 * or before loaded_until_ms, forgotten otherwise. */
void horizon_set(struct horizon *horizon, struct span user, int64_t due_ms);
/* As horizon_set, but kept wherever it lies: for what a load has read. */
void horizon_load(struct horizon *horizon, struct span user, int64_t due_ms);

/* The earliest due; INT64_MAX when empty. */
int64_t horizon_next_ms(const struct horizon *horizon);
static inline size_t horizon_count(const struct horizon *horizon)
{
    return horizon->heap.count;
}
/* Takes the earliest entry out; the caller frees it with free(). NULL when empty. */
struct horizon_entry *horizon_pop(struct horizon *horizon);

#endif
