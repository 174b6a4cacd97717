/* Which campaigns may care about an event, without evaluating each one's `where`.
 *
 * Built from the triggers of all campaigns: by event name, then by the comparisons of an attribute with a
 * literal that cel_tests finds in each `where`. One lookup of an attribute serves all entries that test it:
 * equalities go through a hash table, ranges through sorted bounds, and what passes is kept as a set of
 * bits, a few words long. So a thousand campaigns on one event name cost about as much as a handful of
 * evaluations.
 *
 * Immutable once built; lives in the arena it was built in, as the programs must.
 */
#ifndef DECLIC_CORE_MATCH_INDEX_H
#define DECLIC_CORE_MATCH_INDEX_H

#include "base/arena.h"
#include "core/cel/cel.h"

struct match_entry {
    struct span event;               /* the event name */
    const struct cel_program *where; /* NULL: every event of that name */
    uint32_t id;                     /* the caller's; several entries may have one */
};

struct match {
    uint32_t id;
    /* `where` is true for this event: it has no terms but those looked at. Otherwise it must be evaluated.
     */
    uint32_t certain;
};

struct match_index;

/* `event_slot` is the slot of `event` in the programs' variables: only tests on its attributes are used.
 * Cost: n log n, and n^2 / 250 bytes for n entries with ranges on one attribute of one event name. */
struct match_index *match_index_build(const struct match_entry *entries, size_t count, uint32_t event_slot,
                                      struct arena *arena);

/* The entries for an event of this name, by ascending id (equal ids in the order they were given): all
 * whose `where` is true, and few others. `attributes` is a MAP, as bound to the event slot. *matches lies
 * in `scratch`. Returns how many. */
size_t match_index_find(const struct match_index *index, struct span event, struct value attributes,
                        struct arena *scratch, const struct match **matches);

#endif
