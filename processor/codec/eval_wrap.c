#include "codec/eval_wrap.h"

#include <math.h>

#include "base/civil.h"
#include "codec/json.h"

enum { NANOS = 1000000000 };

/* --- base64 (RFC 4648, section 4, padded)
 * --------------------------------------------------------------------- */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(struct span bytes, struct buf *out)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (i + j < bytes.size ? (unsigned char)bytes.data[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            buf_append_byte(out, i + j > bytes.size ? '=' : base64_digits[group >> (18 - 6 * j) & 63]);
    }
}

static int base64_value(char digit)
{
    const char *found = digit == '\0' ? NULL : strchr(base64_digits, digit);
    return found == NULL ? -1 : (int)(found - base64_digits);
}

static bool decode_bytes(struct value inner, struct arena *arena, struct value *value)
{
    if (inner.kind != VALUE_STRING || inner.size % 4 != 0)
        return false;
    struct span text = value_span(inner);
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    char *bytes = arena_alloc_aligned(arena, text.size / 4 * 3 + 1, 1);
    size_t size = 0;
    uint32_t bits = 0, bit_count = 0;
    for (size_t i = 0; i < text.size - padding; i++) {
        int digit = base64_value(text.data[i]);
        if (digit < 0)
            return false;
        bits = (bits << 6 | (uint32_t)digit) & 0xFFFF;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes[size++] = (char)(bits >> bit_count);
        }
    }
    if ((bits & ((1u << bit_count) - 1)) !=
        0) /* not the canonical form: bits that are cut off must be zero */
        return false;
    *value = (struct value){.kind = VALUE_BYTES, .size = (uint32_t)size, .bytes = bytes};
    return true;
}

/* --- numbers, times, types
 * -------------------------------------------------------------------------------------- */

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
    static const char *const names[] = {"null_type",
                                        "bool",
                                        "int",
                                        "uint",
                                        "double",
                                        "string",
                                        "bytes",
                                        "list",
                                        "map",
                                        "type",
                                        "google.protobuf.Timestamp",
                                        "google.protobuf.Duration"};
    for (size_t i = 0; inner.kind == VALUE_STRING && i < sizeof names / sizeof *names; i++) {
        if (span_equal_text(value_span(inner), names[i])) {
            *value = inner;
            value->kind = VALUE_TYPE;
            return true;
        }
    }
    return false;
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

/* --- out
 * ---------------------------------------------------------------------------------------------------------
 */

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
        put_base64(value_span(value), out);
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
