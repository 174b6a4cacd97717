/* The id of a send, and the bucket of a user: both are UUIDs of version 5 (RFC 9562) in Declic's
 * namespace 6f1c7b52-5d0e-5c7e-9a53-0f6a4d3c2b11, so that they are the same whoever computes them. */
#ifndef DECLIC_CORE_SEND_ID_H
#define DECLIC_CORE_SEND_ID_H

#include "core/decision.h"

/* Of the text campaign 0x1F user 0x1F key 0x1F trigger-id 0x1F step. */
void send_id_make(struct span campaign, struct span user, struct span key, struct span trigger_id,
                  struct span step, unsigned char id[SEND_ID_BYTES]);

#define BUCKETS 10000

/* 0 … 9,999: the first four bytes, big-endian, of the UUID of purpose 0x1F campaign 0x1F user, modulo.
 * `purpose` is "holdout" or "variant". */
uint32_t bucket_of(struct span purpose, struct span campaign, struct span user);

#endif
