#include "base/sha1.h"

#include "base/sha1_block.h"

void sha1_init(struct sha1 *sha1)
{
    static const uint32_t first[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    memcpy(sha1->state, first, sizeof first);
    sha1->size = 0;
}

static void put_big_endian(unsigned char *to, uint32_t word)
{
    word = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? word : __builtin_bswap32(word);
    memcpy(to, &word, sizeof word);
}

void sha1_update(struct sha1 *sha1, struct span bytes)
{
    size_t filled = sha1->size % 64;
    sha1->size += bytes.size;
    if (bytes.size < 64 - filled) {
        if (bytes.size != 0)
            memcpy(sha1->block + filled, bytes.data, bytes.size);
        return;
    }
    sha1_block *process = sha1_block_best();
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
    sha1_block *process = sha1_block_best();
    size_t filled = sha1->size % 64;
    sha1->block[filled++] = 0x80;
    memset(sha1->block + filled, 0, 64 - filled);
    if (filled > 56) {
        process(sha1->state, sha1->block);
        memset(sha1->block, 0, 56);
    }
    put_big_endian(sha1->block + 56, (uint32_t)(sha1->size >> 29));
    put_big_endian(sha1->block + 60, (uint32_t)(sha1->size << 3));
    process(sha1->state, sha1->block);
    for (int i = 0; i < SHA1_BYTES / 4; i++)
        put_big_endian(digest + 4 * i, sha1->state[i]);
}
