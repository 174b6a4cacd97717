/* Hexadecimal digits, and the percent-encoding of URLs that is made of them (RFC 3986, section 2.1). */
#ifndef DECLIC_BASE_HEX_H
#define DECLIC_BASE_HEX_H

#include "base/err.h"
#include "base/span.h"

/* 0 to 15, either case; -1 for any other byte. */
static inline int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte that `text` writes at `at` as %XX; -1 when no such thing stands there. */
static inline int hex_percent_byte(struct span text, size_t at)
{
    if (text.size - at < 3 || text.data[at] != '%')
        return -1;
    int high = hex_digit(text.data[at + 1]), low = hex_digit(text.data[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Undoes percent-encoding into `decoded`, which has room for text.size bytes; *size is what it came to.
 * ERR_SYNTAX: a % without two digits after it. */
WARN_UNUSED static inline enum err hex_percent_decode(struct span text, char *decoded, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.data[i];
        if (byte == '%') {
            int code = hex_percent_byte(text, i);
            if (code < 0)
                return ERR_SYNTAX;
            byte = (char)code;
            i += 2;
        }
        decoded[(*size)++] = byte;
    }
    return ERR_OK;
}

#endif
