/* SHA-1 (FIPS 180-4), for UUIDs of version 5 and nothing else: it resists no attacker. */
#ifndef DECLIC_BASE_SHA1_H
#define DECLIC_BASE_SHA1_H

#include "base/span.h"

#define SHA1_BYTES 20

struct sha1 {
    uint32_t state[5];
    uint64_t size; /* bytes taken so far */
    unsigned char block[64];
};

void sha1_init(struct sha1 *sha1);
void sha1_update(struct sha1 *sha1, struct span bytes);
/* Ends it; sha1 must be initialised again before further use. */
void sha1_finish(struct sha1 *sha1, unsigned char digest[SHA1_BYTES]);

#endif
