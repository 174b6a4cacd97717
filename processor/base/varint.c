#include "base/varint.h"

/* The low seven bits of each byte side by side. */
static uint64_t pack_sevens(uint64_t word)
{
    word = (word & 0x007F007F007F007F) | (word & 0x7F007F007F007F00) >> 1;
    word = (word & 0x00003FFF00003FFF) | (word & 0x3FFF00003FFF0000) >> 2;
    return (word & 0x000000000FFFFFFF) | (word & 0x0FFFFFFF00000000) >> 4;
}

/* One that ends among the next eight bytes, all of which are there. */
static struct varint_read read_within_eight(const char *at, uint64_t word, uint64_t ends)
{
    unsigned last = (unsigned)__builtin_ctzll(ends) / 8; /* the place of its last byte */
    word &= ends ^ (ends - 1);
    if (last != 0 && word >> 8 * last == 0)
        return (struct varint_read){NULL, 0};
    return (struct varint_read){at + last + 1, pack_sevens(word)};
}

struct varint_read varint_read_any(const char *at, const char *end)
{
    uint64_t word;
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && end - at >= (ptrdiff_t)sizeof word) {
        memcpy(&word, at, sizeof word);
        uint64_t ends = ~word & 0x8080808080808080;
        if (ends != 0)
            return read_within_eight(at, word, ends);
    }
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        uint8_t byte = (uint8_t)*at++;
        if (shift == 63 && byte > 1)
            break;
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift != 0)
                break;
            return (struct varint_read){at, number};
        }
    }
    return (struct varint_read){NULL, 0};
}
