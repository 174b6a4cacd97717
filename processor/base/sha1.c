#include "base/sha1.h"

#include "base/sha1_block.h"

void sha1_init(struct sha1 *sha1)
{
    *sha1 = (struct sha1){.state = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}};
}

void sha1_update(struct sha1 *sha1, struct span bytes)
{
    sha1_block *process = sha1_block_best();
    size_t filled = sha1->size % 64;
    sha1->size += bytes.size;
    while (bytes.size != 0) {
        size_t taken = bytes.size < 64 - filled ? bytes.size : 64 - filled;
        memcpy(sha1->block + filled, bytes.data, taken);
        bytes = span_slice(bytes, taken, bytes.size);
        filled = (filled + taken) % 64;
        if (filled == 0)
            process(sha1->state, sha1->block);
    }
}

void sha1_finish(struct sha1 *sha1, unsigned char digest[SHA1_BYTES])
{
    uint64_t bits = sha1->size * 8;
    static const char padding[64] = {(char)0x80};
    sha1_update(sha1, span_make(padding, 1 + (119 - sha1->size % 64) % 64));
    char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (char)(bits >> (56 - 8 * i));
    sha1_update(sha1, span_make(length, 8));
    for (int i = 0; i < SHA1_BYTES; i++)
        digest[i] = (unsigned char)(sha1->state[i / 4] >> (24 - 8 * (i % 4)));
}
