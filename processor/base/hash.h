/* A fast 64-bit hash of bytes: XXH64 (Y. Collet, "xxHash fast digest algorithm", version 0.1.1).
 *
 * Its values are persisted behaviour: they say which journal partition a user belongs to. Not for
 * anything that must withstand chosen collisions without a secret seed.
 */
#ifndef DECLIC_BASE_HASH_H
#define DECLIC_BASE_HASH_H

#include "base/span.h"

/* The same on every machine. */
uint64_t hash_bytes(struct span bytes, uint64_t seed);

/* The journal partition, 0 … partitions - 1, of a user: XXH64 with seed 0, modulo. Needs partitions > 0. */
uint32_t hash_partition(struct span user, uint32_t partitions);

#endif
