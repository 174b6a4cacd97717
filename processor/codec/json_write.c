#include <math.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/civil.h"
#include "base/real.h"
#include "base/utf8.h"
#include "codec/json.h"

void json_write_int(struct buf *buf, int64_t integer)
{
    char text[20];
    char *at = text + sizeof text;
    uint64_t magnitude = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    do {
        *--at = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude != 0);
    if (integer < 0)
        *--at = '-';
    buf_append(buf, span_make(at, (size_t)(text + sizeof text - at)));
}

void json_write_time(struct buf *buf, int64_t ms)
{
    char text[CIVIL_RFC3339_BYTES];
    size_t size = civil_format_ms(ms, text);
    buf_append_byte(buf, '"');
    buf_append(buf, span_make(text, size));
    buf_append_byte(buf, '"');
}

/* ---- strings ---- */

static void write_escaped(struct buf *buf, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "btnvfr"; /* 8..13; \v is not one of JSON's */
    if (byte == '"' || byte == '\\') {
        buf_append(buf, span_make((char[]){'\\', (char)byte}, 2));
    } else if (byte >= '\b' && byte <= '\r' && byte != '\v') {
        buf_append(buf, span_make((char[]){'\\', letters[byte - '\b']}, 2));
    } else {
        buf_append(buf, span_make((char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6));
    }
}

#define EACH_BYTE(byte) (0x0101010101010101u * (byte))

static uint64_t has_zero(uint64_t word)
{
    return (word - EACH_BYTE(0x01)) & ~word & EACH_BYTE(0x80);
}

/* Whether eight bytes are all ASCII that stands in a string as it is. */
static bool is_plain(uint64_t word)
{
    uint64_t high_or_control = word | ((word - EACH_BYTE(0x20)) & ~word);
    return ((high_or_control & EACH_BYTE(0x80)) | has_zero(word ^ EACH_BYTE('"')) |
            has_zero(word ^ EACH_BYTE('\\'))) == 0;
}

/* The first byte that is not ASCII or cannot stand in a string as it is. */
static const char *skip_plain(const char *at, const char *end)
{
    uint64_t word;
    for (; end - at >= (ptrdiff_t)sizeof word; at += sizeof word) {
        memcpy(&word, at, sizeof word);
        if (!is_plain(word))
            break;
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

void json_write_string(struct buf *buf, struct span text)
{
    const char *at = text.data;
    const char *end = text.data + text.size;
    buf_append_byte(buf, '"');
    while (at < end) {
        const char *stop = skip_plain(at, end);
        buf_append(buf, span_make(at, (size_t)(stop - at)));
        at = stop;
        if (at == end)
            break;
        if ((unsigned char)*at < 0x80) {
            write_escaped(buf, (unsigned char)*at++);
            continue;
        }
        size_t size = utf8_sequence(at, end);
        buf_append(buf, size == 0 ? SPAN_LITERAL("\xEF\xBF\xBD") : span_make(at, size));
        at += size == 0 ? 1 : size;
    }
    buf_append_byte(buf, '"');
}

/* ---- doubles ---- */

size_t json_format_double(double real, char text[JSON_DOUBLE_BYTES])
{
    char digits[REAL_BYTES];
    if (!isfinite(real)) {
        struct span name = span_from_text(isnan(real) ? "NaN" : real > 0 ? "Infinity" : "-Infinity");
        memcpy(text, name.data, name.size);
        return name.size;
    }
    double magnitude = fabs(real);
    bool plain = magnitude == 0 || (magnitude >= 1e-6 && magnitude < 1e21);
    size_t size = plain ? real_format_fixed(real, digits) : real_format_general(real, digits);
    assert(size + 2 <= JSON_DOUBLE_BYTES);
    memcpy(text, digits, size);
    if (plain && memchr(digits, '.', size) == NULL) {
        memcpy(text + size, ".0", 2);
        size += 2;
    }
    return size;
}

static void write_double(struct buf *buf, double real)
{
    char text[JSON_DOUBLE_BYTES];
    struct span number = span_make(text, json_format_double(real, text));
    if (isfinite(real))
        buf_append(buf, number);
    else
        json_write_string(buf, number);
}

/* ---- values ---- */

static void write_duration(struct buf *buf, struct value duration)
{
    /* Nanoseconds are counted forward; a person reads them away from zero. */
    int64_t seconds = duration.integer;
    uint32_t nanos = duration.size;
    const char *sign = seconds < 0 ? "-" : "";
    uint64_t magnitude = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
    if (seconds < 0 && nanos != 0) {
        magnitude -= 1;
        nanos = 1000000000 - nanos;
    }
    char text[48];
    int size = snprintf(text, sizeof text, "\"%s%llu.%09u", sign, (unsigned long long)magnitude, nanos);
    while (text[size - 1] == '0')
        size--;
    if (text[size - 1] == '.')
        size--;
    buf_append(buf, span_make(text, (size_t)size));
    buf_append_text(buf, "s\"");
}

static void write_key(struct buf *buf, struct value key)
{
    if (key.kind == VALUE_STRING) {
        json_write_string(buf, value_span(key));
        return;
    }
    struct buf text = {0};
    json_write_value(&text, key);
    json_write_string(buf, buf_span(&text));
    buf_free(&text);
}

static void write_list(struct buf *buf, struct value list)
{
    buf_append_byte(buf, '[');
    for (uint32_t i = 0; i < list.size; i++) {
        if (i != 0)
            buf_append_byte(buf, ',');
        json_write_value(buf, list.items[i]);
    }
    buf_append_byte(buf, ']');
}

static void write_map(struct buf *buf, struct value map)
{
    buf_append_byte(buf, '{');
    for (uint32_t i = 0; i < map.size; i++) {
        if (i != 0)
            buf_append_byte(buf, ',');
        write_key(buf, map.members[i].key);
        buf_append_byte(buf, ':');
        json_write_value(buf, map.members[i].value);
    }
    buf_append_byte(buf, '}');
}

void json_write_value(struct buf *buf, struct value value)
{
    switch ((enum value_kind)value.kind) {
    case VALUE_NULL:
        buf_append_text(buf, "null");
        return;
    case VALUE_BOOL:
        buf_append_text(buf, value.boolean ? "true" : "false");
        return;
    case VALUE_INT:
        json_write_int(buf, value.integer);
        return;
    case VALUE_UINT:
        buf_printf(buf, "%llu", (unsigned long long)value.natural);
        return;
    case VALUE_DOUBLE:
        write_double(buf, value.real);
        return;
    case VALUE_STRING:
    case VALUE_TYPE:
        json_write_string(buf, value_span(value));
        return;
    case VALUE_BYTES:
        buf_append_byte(buf, '"');
        base64_append(buf, value_span(value));
        buf_append_byte(buf, '"');
        return;
    case VALUE_LIST:
        write_list(buf, value);
        return;
    case VALUE_MAP:
        write_map(buf, value);
        return;
    case VALUE_TIMESTAMP:
        json_write_time(buf, value_to_ms(value));
        return;
    case VALUE_DURATION:
        write_duration(buf, value);
        return;
    case VALUE_KIND_COUNT:
        break;
    }
    assert(!"a value of no kind");
}
