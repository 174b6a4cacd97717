/* One block of SHA-1 (FIPS 180-4, section 6.1.2): in plain C, and with the processor's instructions for it
 * where it has them (five times as fast; a send's id takes two blocks). */
#ifndef DECLIC_BASE_SHA1_BLOCK_H
#define DECLIC_BASE_SHA1_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

typedef void sha1_block(uint32_t state[5], const unsigned char block[64]);

void sha1_block_plain(uint32_t state[5], const unsigned char block[64]);
/* The fastest on this machine. */
sha1_block *sha1_block_best(void);

#endif
