/* UUIDs (RFC 9562) of version 5, as 16 bytes in network order, and the random numbers of the kernel. */
#ifndef DECLIC_BASE_UUID_H
#define DECLIC_BASE_UUID_H

#include "base/err.h"
#include "base/span.h"

#define UUID_BYTES 16
#define UUID_TEXT_BYTES 36

/* Version 5: the name is the parts with the byte `separator` between them. */
void uuid_v5(const unsigned char name_space[UUID_BYTES], const struct span *parts, size_t count,
             char separator, unsigned char uuid[UUID_BYTES]);

/* Lower case with dashes; no NUL. */
void uuid_format(const unsigned char uuid[UUID_BYTES], char text[UUID_TEXT_BYTES]);

/* 64 random bits from the kernel, never 0 (which may thus mean "none yet"). */
uint64_t uuid_random_u64(void);

#endif
