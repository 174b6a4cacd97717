/* The names of a partition's keys, and what is in them.
 *
 *   PREFIX{p}:head   text, the head in decimal
 *   PREFIX{p}:part   the partition's own state
 *   PREFIX{p}:ids    transactional ids of the owner
 *   PREFIX{p}:u      hash, user -> state
 *   PREFIX{p}:due    sorted set of users, scored by due (ms; -inf: at once)
 *   PREFIX{p}:f      sorted set, all scores 0, of the thing's number (8 bytes, big-endian) and a user who
 *                    follows it
 */
#ifndef DECLIC_REDIS_REDIS_KEYS_H
#define DECLIC_REDIS_REDIS_KEYS_H

#include "base/span.h"

struct redis_keys {
    struct span head, part, ids, users, due, follows;
};

struct redis_key_table;

struct redis_key_table *redis_key_table_new(struct span prefix);
void redis_key_table_free(struct redis_key_table *table);
/* Owned by the table, which keeps the names of every partition asked for. */
const struct redis_keys *redis_keys_of(struct redis_key_table *table, int32_t partition);

#endif
