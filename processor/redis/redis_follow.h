/* How a follower stands in the sorted set of a partition: the thing's number, then the user. */
#ifndef DECLIC_REDIS_REDIS_FOLLOW_H
#define DECLIC_REDIS_REDIS_FOLLOW_H

#include <stdint.h>

#include "base/span.h"

#define FOLLOW_PREFIX_BYTES 8

/* Big-endian: members of one thing stand together. */
static inline void redis_follow_prefix(uint64_t thing, char to[FOLLOW_PREFIX_BYTES])
{
    for (int i = 0; i < FOLLOW_PREFIX_BYTES; i++)
        to[i] = (char)(thing >> (8 * (FOLLOW_PREFIX_BYTES - 1 - i)));
}

/* Of a member that is shorter than it, as far as it goes. */
static inline uint64_t redis_follow_thing(struct span member)
{
    uint64_t thing = 0;
    for (size_t i = 0; i < FOLLOW_PREFIX_BYTES; i++)
        thing = thing << 8 | (i < member.size ? (unsigned char)member.data[i] : 0);
    return thing;
}

#endif
