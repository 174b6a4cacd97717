#include "base/sha1_block.h"

#include <stdatomic.h>

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

void sha1_block_plain(uint32_t state[5], const unsigned char block[64])
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

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

/* Words of the message four at a time; e carries what the instructions want of the four rounds before. */
#define FOUR_ROUNDS(f)                              \
    for (int end_ = t + 5; t < end_; t++) {         \
        __m128i before_ = abcd;                     \
        abcd = _mm_sha1rnds4_epu32(abcd, e, f);     \
        e = _mm_sha1nexte_epu32(before_, w[t + 1]); \
    }

__attribute__((target("sha,sse4.1"))) static void sha1_block_instructions(uint32_t state[5],
                                                                          const unsigned char block[64])
{
    const __m128i big_endian = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    __m128i first = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0x1B);
    __m128i first_e = _mm_set_epi32((int)state[4], 0, 0, 0);
    __m128i w[21];
    for (int i = 0; i < 4; i++)
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + i), big_endian);
    for (int i = 4; i < 20; i++)
        w[i] =
            _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(w[i - 4], w[i - 3]), w[i - 2]), w[i - 1]);
    w[20] = first_e; /* after the last round the old e is added, where otherwise the next word is */
    __m128i abcd = first, e = _mm_add_epi32(first_e, w[0]);
    int t = 0;
    FOUR_ROUNDS(0)
    FOUR_ROUNDS(1)
    FOUR_ROUNDS(2)
    FOUR_ROUNDS(3)
    abcd = _mm_shuffle_epi32(_mm_add_epi32(abcd, first), 0x1B);
    _mm_storeu_si128((__m128i *)state, abcd);
    state[4] = (uint32_t)_mm_extract_epi32(e, 3);
}

static bool has_instructions(void)
{
    unsigned a, b, c, d;
    bool has_sse41 = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_1) != 0;
    return has_sse41 && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

sha1_block *sha1_block_best(void)
{
    /* Asking the processor costs more than many blocks: it is asked once. */
    static _Atomic(sha1_block *) best;
    sha1_block *known = atomic_load_explicit(&best, memory_order_relaxed);
    if (known == NULL) {
        known = has_instructions() ? sha1_block_instructions : sha1_block_plain;
        atomic_store_explicit(&best, known, memory_order_relaxed);
    }
    return known;
}
#else
sha1_block *sha1_block_best(void)
{
    return sha1_block_plain;
}
#endif
