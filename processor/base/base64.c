#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_append(struct buf *buf, struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (i + j < bytes.size ? (unsigned char)bytes.data[i + j] : 0);
        char four[4];
        for (size_t j = 0; j < 4; j++)
            four[j] = i + j > bytes.size ? '=' : digits[group >> (18 - 6 * j) & 63];
        buf_append(buf, span_make(four, 4));
    }
}

static int digit_value(char digit)
{
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    return found == NULL ? -1 : (int)(found - digits);
}

enum err base64_decode(struct span text, struct arena *arena, struct span *bytes)
{
    if (text.size % 4 != 0)
        return ERR_SYNTAX;
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    char *out = arena_alloc_aligned(arena, text.size / 4 * 3 + 1, 1);
    size_t size = 0;
    uint32_t bits = 0, bit_count = 0;
    for (size_t i = 0; i < text.size - padding; i++) {
        int digit = digit_value(text.data[i]);
        if (digit < 0)
            return ERR_SYNTAX;
        bits = (bits << 6 | (uint32_t)digit) & 0xFFFF;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[size++] = (char)(bits >> bit_count);
        }
    }
    if ((bits & ((1u << bit_count) - 1)) != 0)
        return ERR_SYNTAX;
    *bytes = span_make(out, size);
    return ERR_OK;
}
