/* Two hashes of bytes: one to find users by, and one that says which partition a user belongs to.
 *
 * Not for anything that must withstand chosen collisions without a secret seed.
 */
#ifndef DECLIC_BASE_HASH_H
#define DECLIC_BASE_HASH_H

#include "base/span.h"

/* XXH64 (Y. Collet, "xxHash fast digest algorithm", version 0.1.1). The same on every machine. */
uint64_t hash_bytes(struct span bytes, uint64_t seed);

/* For tables of names in memory: looks at the length and at no more than the last eight bytes, in which
 * names mostly differ. Its upper bits are the good ones. Not the same on every machine. */
static inline uint64_t hash_name(struct span name)
{
    uint64_t word = 0;
    if (name.size >= 8) {
        memcpy(&word, name.data + name.size - 8, 8);
    } else if (name.size >= 4) {
        uint32_t words[2];
        memcpy(&words[0], name.data, 4);
        memcpy(&words[1], name.data + name.size - 4, 4);
        word = (uint64_t)words[0] << 32 | words[1];
    } else if (name.size != 0) {
        word = (uint64_t)(unsigned char)name.data[0] << 16 |
               (uint64_t)(unsigned char)name.data[name.size / 2] << 8 |
               (unsigned char)name.data[name.size - 1];
    }
    return (word ^ name.size) * 0x9E3779B185EBCA87u;
}

/* The journal partition, 0 … partitions - 1, of a user: the one that Kafka's own clients choose for a
 * record with this key (MurmurHash2 by A. Appleby with the seed and the sign bit's treatment of Kafka's
 * DefaultPartitioner). So topics that are keyed by user and have as many partitions, or half or twice as
 * many, are co-partitioned with the journal: what one journal partition takes in comes from few partitions
 * of a source, and what it sends goes to few of a channel's topic. A transaction's length is the number of
 * partitions that it writes to. Persisted behaviour: a journal belongs to it. Needs partitions > 0. */
uint32_t hash_partition(struct span user, uint32_t partitions);

#endif
