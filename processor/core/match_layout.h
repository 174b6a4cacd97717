/* How a match index lies in memory; for match_build.c, which makes it, and match_index.c, which reads it.
 */
#ifndef DECLIC_CORE_MATCH_LAYOUT_H
#define DECLIC_CORE_MATCH_LAYOUT_H

#include "core/match_index.h"

/* A value as equality sees it: numbers of all kinds as doubles. */
struct match_key {
    uint8_t kind; /* VALUE_NULL, VALUE_BOOL, VALUE_DOUBLE or VALUE_STRING */
    struct span text;
    double real; /* of a bool 0 or 1 */
};

/* The entries (bit numbers) that want one value. */
struct match_posting {
    struct match_key key;
    uint64_t hash;
    const uint32_t *bits;
    uint32_t bit_count; /* 0: a free place of the hash table */
};

/* Bounds on one side, in the order in which a growing (lower bounds) or falling (upper bounds) value meets
 * them. steps[k] is the set of the first k * MATCH_STEP of them. */
struct match_bounds {
    const double *reals;
    const bool *strict;
    const uint32_t *bits;
    uint32_t count;
    const uint64_t *steps;
    const uint64_t *free; /* entries without such a bound; NULL when count is 0 */
};

enum { MATCH_STEP = 32 };

struct match_attribute {
    const struct span *path;
    size_t path_size;
    const uint64_t *tested;             /* entries that test it at all */
    const struct match_posting *places; /* hash table of mask + 1 places; NULL: no equality */
    uint64_t mask;
    size_t longest_text;        /* no string beyond this many bytes is wanted */
    const uint64_t *equal_free; /* entries without equality on it */
    struct match_bounds lower, upper;
};

struct match_group {
    struct span event;
    const struct match *matches; /* one for each bit, by ascending id */
    uint32_t count, word_count;
    const struct match_attribute *attributes;
    size_t attribute_count;
};

struct match_index {
    const struct match_group *groups; /* by event name */
    size_t group_count;
};

/* False for a value that no test of the index wants. */
bool match_key_of(struct value value, struct match_key *key);
uint64_t match_key_hash(const struct match_key *key);
bool match_key_equal(const struct match_key *a, const struct match_key *b);

#endif
