#include "codec/eval_wrap.h"

#include <math.h>

#include "base/base64.h"
#include "base/civil.h"
#include "codec/json.h"
#include "core/cel/cel.h"

enum { NANOS = 1000000000 };

/* ---- bytes, numbers, times, types ---- */

static bool decode_bytes(struct value inner, struct arena *arena, struct value *value)
{
    struct span bytes;
    if (inner.kind != VALUE_STRING || base64_decode(value_span(inner), arena, &bytes) != ERR_OK)
        return false;
    *value = (struct value){.kind = VALUE_BYTES, .size = (uint32_t)bytes.size, .bytes = bytes.data};
    return true;
}

static bool decode_double(struct value inner, struct arena *arena, struct value *value)
{
    (void)arena;
    if (inner.kind != VALUE_STRING)
        return false;
    struct span text = value_span(inner);
    if (span_equal_text(text, "NaN"))
        *value = value_double((double)NAN);
    else if (span_equal_text(text, "Infinity"))
        *value = value_double((double)INFINITY);
    else if (span_equal_text(text, "-Infinity"))
        *value = value_double(-(double)INFINITY);
    else
        return false;
    return true;
}

static bool decode_uint(struct value inner, struct arena *arena, struct value *value)
{
    (void)arena;
    if (inner.kind != VALUE_UINT && (inner.kind != VALUE_INT || inner.integer < 0))
        return false;
    *value = value_uint(inner.natural);
    return true;
}

static bool decode_timestamp(struct value inner, struct arena *arena, struct value *value)
{
    (void)arena;
    const int64_t first_s = -62135596800; /* 0001-01-01T00:00:00Z */
    int64_t seconds;
    uint32_t nanos;
    if (inner.kind != VALUE_STRING || inner.size > sizeof "2026-12-01T08:30:00.123456789Z" - 1 ||
        civil_parse_rfc3339(value_span(inner), &seconds, &nanos) != ERR_OK || inner.bytes[10] != 'T' ||
        inner.bytes[inner.size - 1] != 'Z' || seconds < first_s)
        return false;
    *value = (struct value){.kind = VALUE_TIMESTAMP, .size = nanos, .integer = seconds};
    return true;
}

/* -?digits[.digits]s, within int64 nanoseconds. */
static bool decode_duration(struct value inner, struct arena *arena, struct value *value)
{
    (void)arena;
    if (inner.kind != VALUE_STRING || inner.size < 2 || inner.bytes[inner.size - 1] != 's')
        return false;
    bool negative = inner.bytes[0] == '-';
    size_t at = negative, end = inner.size - 1;
    __int128 nanos = 0;
    int64_t scale = NANOS;
    bool fraction = false;
    for (size_t start = at; at < end; at++) {
        char c = inner.bytes[at];
        if (c == '.' && !fraction && at > start && at + 1 < end) {
            fraction = true;
            continue;
        }
        if (c < '0' || c > '9' || nanos > INT64_MAX || (fraction && scale == 1))
            return false;
        scale = fraction ? scale / 10 : scale;
        nanos = fraction ? nanos + (__int128)(c - '0') * scale : nanos * 10 + (__int128)(c - '0') * NANOS;
    }
    nanos = negative ? -nanos : nanos;
    if (end == (size_t)negative || nanos < INT64_MIN || nanos > INT64_MAX)
        return false;
    int64_t seconds = (int64_t)(nanos / NANOS), rest = (int64_t)(nanos % NANOS);
    *value = (struct value){.kind = VALUE_DURATION,
                            .size = (uint32_t)(rest < 0 ? rest + NANOS : rest),
                            .integer = rest < 0 ? seconds - 1 : seconds};
    return true;
}

static bool decode_type(struct value inner, struct arena *arena, struct value *value)
{
    (void)arena;
    return inner.kind == VALUE_STRING && cel_find_type(value_span(inner), value);
}

const struct eval_wrapper *eval_wrapper_find(struct span name)
{
    static const struct eval_wrapper wrappers[] = {
        {"$double", "\"NaN\", \"Infinity\" or \"-Infinity\"", decode_double},
        {"$uint", "a whole number from 0 to 18446744073709551615", decode_uint},
        {"$bytes", "a string of padded base64", decode_bytes},
        {"$timestamp", "an RFC 3339 string with Z, such as \"2026-12-01T08:30:00.5Z\"", decode_timestamp},
        {"$duration", "seconds with an s, such as \"-3.5s\", within 292 years", decode_duration},
        {"$type", "the name of a CEL type, such as \"int\"", decode_type},
    };
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (span_equal_text(name, wrappers[i].name))
            return &wrappers[i];
    return NULL;
}

/* ---- out ---- */

static void put_fraction(uint32_t nanos, struct buf *out)
{
    if (nanos == 0)
        return;
    buf_printf(out, ".%09u", nanos);
    while (out->data[out->size - 1] == '0')
        out->size -= 1;
}

static void put_timestamp(struct value value, struct buf *out)
{
    char text[CIVIL_RFC3339_BYTES];
    size_t size = civil_format_ms(value.integer * 1000, text);
    buf_append(out, span_make(text, size - (sizeof ".000Z" - 1)));
    put_fraction(value.size, out);
    buf_append_byte(out, 'Z');
}

static void put_duration(struct value value, struct buf *out)
{
    __int128 nanos = (__int128)value.integer * NANOS + value.size;
    if (nanos < 0) {
        buf_append_byte(out, '-');
        nanos = -nanos;
    }
    buf_printf(out, "%lld", (long long)(nanos / NANOS));
    put_fraction((uint32_t)(nanos % NANOS), out);
    buf_append_byte(out, 's');
}

static void put_double(double real, struct buf *out)
{
    char text[JSON_DOUBLE_BYTES];
    struct span digits = span_make(text, json_format_double(real, text));
    bool finite = isfinite(real);
    buf_append_text(out, finite ? "" : "{\"$double\":\"");
    buf_append(out, digits);
    buf_append_text(out, finite ? "" : "\"}");
}

void eval_wrap(struct value value, struct buf *out)
{
    switch ((enum value_kind)value.kind) {
    case VALUE_DOUBLE:
        put_double(value.real, out);
        break;
    case VALUE_UINT:
        buf_printf(out, "{\"$uint\":%llu}", (unsigned long long)value.natural);
        break;
    case VALUE_BYTES:
        buf_append_text(out, "{\"$bytes\":\"");
        base64_append(out, value_span(value));
        buf_append_text(out, "\"}");
        break;
    case VALUE_TIMESTAMP:
        buf_append_text(out, "{\"$timestamp\":\"");
        put_timestamp(value, out);
        buf_append_text(out, "\"}");
        break;
    case VALUE_DURATION:
        buf_append_text(out, "{\"$duration\":\"");
        put_duration(value, out);
        buf_append_text(out, "\"}");
        break;
    case VALUE_TYPE:
        buf_append_text(out, "{\"$type\":");
        json_write_string(out, value_span(value));
        buf_append_byte(out, '}');
        break;
    default: /* null, bool, int, string: JSON has them */
        json_write_value(out, value);
        break;
    }
}
