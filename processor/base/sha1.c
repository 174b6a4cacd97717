#include "base/sha1.h"

static uint32_t rotate_left(uint32_t word, int bits)
{
    return word << bits | word >> (32 - bits);
}

/* One of the eighty steps; a loop for each function spares a choice in every step. */
#define ROUND(f, k)                                                \
    do {                                                           \
        uint32_t next_ = rotate_left(a, 5) + (f) + e + (k) + w[t]; \
        e = d;                                                     \
        d = c;                                                     \
        c = rotate_left(b, 30);                                    \
        b = a;                                                     \
        a = next_;                                                 \
    } while (0)

static void process_block(uint32_t state[5], const unsigned char block[64])
{
    uint32_t w[80];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = rotate_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    int t = 0;
    for (; t < 20; t++)
        ROUND((b & c) | (~b & d), 0x5A827999);
    for (; t < 40; t++)
        ROUND(b ^ c ^ d, 0x6ED9EBA1);
    for (; t < 60; t++)
        ROUND((b & c) | (d & (b | c)), 0x8F1BBCDC);
    for (; t < 80; t++)
        ROUND(b ^ c ^ d, 0xCA62C1D6);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

void sha1_init(struct sha1 *sha1)
{
    *sha1 = (struct sha1){.state = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}};
}

void sha1_update(struct sha1 *sha1, struct span bytes)
{
    size_t filled = sha1->size % 64;
    sha1->size += bytes.size;
    while (bytes.size != 0) {
        size_t taken = bytes.size < 64 - filled ? bytes.size : 64 - filled;
        memcpy(sha1->block + filled, bytes.data, taken);
        bytes = span_slice(bytes, taken, bytes.size);
        filled = (filled + taken) % 64;
        if (filled == 0)
            process_block(sha1->state, sha1->block);
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
