/* The bodies of string literals. */
#include "base/utf8.h"
#include "core/cel/token.h"

bool cel_is_utf8(struct span text, size_t *code_points)
{
    size_t count = 0;
    for (size_t at = 0; at < text.size; count++) {
        size_t size = utf8_sequence(text.data + at, text.data + text.size);
        if (size == 0)
            return false;
        at += size;
    }
    if (code_points != NULL)
        *code_points = count;
    return true;
}

static int digit_of(char c, uint32_t base)
{
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : 16;
    return digit < (int)base ? digit : -1;
}

/* `count` digits at *at; false when there are fewer. */
static bool read_digits(struct span text, size_t *at, size_t count, uint32_t base, uint32_t *number)
{
    *number = 0;
    for (size_t i = 0; i < count; i++, (*at)++) {
        int digit = *at < text.size ? digit_of(text.data[*at], base) : -1;
        if (digit < 0)
            return false;
        *number = *number * base + (uint32_t)digit;
    }
    return true;
}

static int plain_escape(char c)
{
    static const char names[] = "abfnrtv\\?\"'`";
    static const char values[] = "\a\b\f\n\r\t\v\\?\"'`";
    const char *found = memchr(names, c, sizeof names - 1);
    return found == NULL ? -1 : values[found - names];
}

/* The escape whose backslash stands before *at. *is_byte: the number is an octet, not a code point. */
static const char *decode_escape(struct span body, size_t *at, bool bytes, uint32_t *number, bool *is_byte)
{
    if (*at == body.size)
        return "the text ends after a backslash";
    char c = body.data[*at];
    int plain = plain_escape(c);
    *is_byte = bytes;
    if (plain >= 0) {
        *at += 1;
        *number = (uint32_t)plain;
        return NULL;
    }
    if (c >= '0' && c <= '3')
        return read_digits(body, at, 3, 8, number) ? NULL : "an octal escape has three digits, 000 to 377";
    *at += 1;
    if (c == 'x' || c == 'X')
        return read_digits(body, at, 2, 16, number) ? NULL : "\\x takes two hexadecimal digits";
    if (c != 'u' && c != 'U')
        return "unknown escape; a backslash itself is written \\\\, or use a raw string r\"…\"";
    if (bytes)
        return "\\u and \\U are not for bytes; write the octets with \\x";
    if (!read_digits(body, at, c == 'u' ? 4 : 8, 16, number))
        return c == 'u' ? "\\u takes four hexadecimal digits" : "\\U takes eight hexadecimal digits";
    if (*number > 0x10FFFF || (*number >= 0xD800 && *number <= 0xDFFF))
        return "not a Unicode code point";
    return NULL;
}

const char *cel_decode_text(struct span body, bool raw, bool bytes, struct arena *arena,
                            struct value *value)
{
    *value = value_string(body);
    if (bytes)
        value->kind = VALUE_BYTES;
    if (raw || memchr(body.data, '\\', body.size) == NULL)
        return NULL;
    /* No escape is shorter than what it stands for. */
    char *text = arena_alloc_aligned(arena, body.size, 1);
    size_t size = 0;
    for (size_t at = 0; at < body.size;) {
        if (body.data[at] != '\\') {
            text[size++] = body.data[at++];
            continue;
        }
        uint32_t number;
        bool is_byte;
        at += 1;
        const char *problem = decode_escape(body, &at, bytes, &number, &is_byte);
        if (problem != NULL)
            return problem;
        if (is_byte)
            text[size++] = (char)number;
        else
            size += utf8_encode(number, text + size);
    }
    value->bytes = text;
    value->size = (uint32_t)size;
    return NULL;
}
