#include "base/hash.h"

#include <assert.h>

#define PRIME_1 0x9E3779B185EBCA87u
#define PRIME_2 0xC2B2AE3D27D4EB4Fu
#define PRIME_3 0x165667B19E3779F9u
#define PRIME_4 0x85EBCA77C2B2AE63u
#define PRIME_5 0x27D4EB2F165667C5u

static uint64_t rotate_left(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static uint64_t read_u64(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(word) : word;
}

static uint32_t read_u32(const char *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(word) : word;
}

static uint64_t mix_lane(uint64_t lane, uint64_t word)
{
    return rotate_left(lane + word * PRIME_2, 31) * PRIME_1;
}

static uint64_t merge_lane(uint64_t hash, uint64_t lane)
{
    return (hash ^ mix_lane(0, lane)) * PRIME_1 + PRIME_4;
}

/* The stripes of 32 bytes; moves *at past them. */
static uint64_t hash_stripes(const char **at, const char *end, uint64_t seed)
{
    uint64_t lanes[4] = {seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1};
    for (; end - *at >= 32; *at += 32)
        for (int i = 0; i < 4; i++)
            lanes[i] = mix_lane(lanes[i], read_u64(*at + 8 * i));
    uint64_t hash = rotate_left(lanes[0], 1) + rotate_left(lanes[1], 7) + rotate_left(lanes[2], 12) +
                    rotate_left(lanes[3], 18);
    for (int i = 0; i < 4; i++)
        hash = merge_lane(hash, lanes[i]);
    return hash;
}

uint64_t hash_bytes(struct span bytes, uint64_t seed)
{
    const char *at = bytes.data;
    const char *end = bytes.data + bytes.size;
    uint64_t hash = bytes.size >= 32 ? hash_stripes(&at, end, seed) : seed + PRIME_5;
    hash += bytes.size;
    for (; end - at >= 8; at += 8)
        hash = rotate_left(hash ^ mix_lane(0, read_u64(at)), 27) * PRIME_1 + PRIME_4;
    if (end - at >= 4) {
        hash = rotate_left(hash ^ read_u32(at) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        at += 4;
    }
    for (; at < end; at++)
        hash = rotate_left(hash ^ (unsigned char)*at * PRIME_5, 11) * PRIME_1;
    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}

#define MURMUR_SEED 0x9747B28Cu
#define MURMUR_MULTIPLIER 0x5BD1E995u

static uint32_t murmur2(struct span bytes)
{
    const char *at = bytes.data;
    size_t left = bytes.size;
    uint32_t hash = MURMUR_SEED ^ (uint32_t)bytes.size;
    for (; left >= 4; at += 4, left -= 4) {
        uint32_t word = read_u32(at) * MURMUR_MULTIPLIER;
        hash = hash * MURMUR_MULTIPLIER ^ (word ^ word >> 24) * MURMUR_MULTIPLIER;
    }
    for (size_t i = left; i > 0; i--)
        hash ^= (uint32_t)(unsigned char)at[i - 1] << (8 * (i - 1));
    if (left > 0)
        hash *= MURMUR_MULTIPLIER;
    hash = (hash ^ hash >> 13) * MURMUR_MULTIPLIER;
    return hash ^ hash >> 15;
}

uint32_t hash_partition(struct span user, uint32_t partitions)
{
    assert(partitions > 0);
    return (murmur2(user) & 0x7FFFFFFFu) % partitions;
}
