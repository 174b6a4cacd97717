#include "base/hex.h"
#include "base/utf8.h"
#include "codec/json_reader.h"

/* Four hexadecimal digits; -1 when they are not there. */
static int32_t read_hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

/* Decodes the `\u…` at `at` (one, or a surrogate pair) to *to. */
static const char *unescape_unicode(struct json_reader *reader, const char *at, const char *end, char **to)
{
    int32_t code = read_hex4(at + 2, end);
    if (code < 0)
        return json_fail(reader, ERR_SYNTAX, at, "\\u needs four hexadecimal digits");
    const char *next = at + 6;
    if (code >= 0xD800 && code <= 0xDFFF) {
        bool paired = code < 0xDC00 && end - next >= 6 && next[0] == '\\' && next[1] == 'u';
        int32_t low = paired ? read_hex4(next + 2, end) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return json_fail(reader, ERR_SYNTAX, at, "half of a surrogate pair is no character");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        next += 6;
    }
    *to += utf8_encode((uint32_t)code, *to);
    return next;
}

static char simple_escape(char letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return '\0';
    }
}

/* A copy of raw string bytes (valid apart from what follows backslashes) with the escapes resolved;
 * it is never longer than they are. */
static bool unescape(struct json_reader *reader, const char *from, const char *end, struct value *string)
{
    char *start = arena_alloc_aligned(reader->arena, (size_t)(end - from), 1);
    char *to = start;
    while (from < end) {
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        if (from[1] == 'u') {
            from = unescape_unicode(reader, from, end, &to);
            if (from == NULL)
                return false;
            continue;
        }
        char byte = simple_escape(from[1]);
        if (byte == '\0') {
            json_fail(reader, ERR_SYNTAX, from, "unknown escape in a string");
            return false;
        }
        *to++ = byte;
        from += 2;
    }
    *string = value_string(span_make(start, (size_t)(to - start)));
    return true;
}

/* What stopped json_skip_plain at `at` is no closing quote. */
static const char *skip_special(struct json_reader *reader, const char *at, bool *escaped)
{
    if (at == reader->end || (*at == '\\' && reader->end - at < 2))
        return json_fail(reader, ERR_SYNTAX, at, "the text ends inside a string");
    if (*at == '\\') {
        *escaped = true;
        /* Only these two must not be seen as what they look like; the rest is judged by unescape. */
        return at[1] == '"' || at[1] == '\\' ? at + 2 : at + 1;
    }
    if ((unsigned char)*at < 0x20)
        return json_fail(reader, ERR_SYNTAX, at, "a control character in a string must be escaped");
    size_t size = utf8_sequence(at, reader->end);
    return size == 0 ? json_fail(reader, ERR_SYNTAX, at, "not valid UTF-8") : at + size;
}

const char *json_read_special_string(struct json_reader *reader, const char *start, const char *at,
                                     struct value *string)
{
    bool escaped = false;
    while (*at != '"') {
        at = skip_special(reader, at, &escaped);
        if (at == NULL)
            return NULL;
        at = json_skip_plain(at);
    }
    if ((size_t)(at - start) > reader->limits->string_bytes)
        return json_fail_limit(reader, start - 1, "bytes in a string", reader->limits->string_bytes);
    if (!escaped)
        *string = value_string(span_make(start, (size_t)(at - start)));
    else if (!unescape(reader, start, at, string))
        return NULL;
    return at + 1;
}
