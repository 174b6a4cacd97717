#include "codec/value_bin.h"

enum tag {
    TAG_NULL = 0,
    TAG_FALSE = 1,
    TAG_TRUE = 2,
    TAG_INT = 3,
    TAG_UINT = 4,
    TAG_DOUBLE = 5,
    TAG_STRING = 6,
    TAG_BYTES = 7,
    TAG_TYPE = 8,
    TAG_LIST = 9,
    TAG_MAP = 10,
    TAG_TIMESTAMP = 11,
    TAG_DURATION = 12,
    TAG_SHORT_STRING = 128, /* to 191 */
};

#define SHORT_STRING_MAX 63
#define NANOS_MAX 999999999

static_assert(sizeof(double) == 8 && sizeof(uint64_t) == 8, "doubles are written as 8 bytes");

static uint64_t little_endian(uint64_t bits)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(bits) : bits;
}

/* ---- writing ---- */

static void append_tag(struct buf *buf, enum tag tag)
{
    buf_append_byte(buf, (char)tag);
}

static void append_double(struct buf *buf, double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    char bytes[9] = {TAG_DOUBLE};
    bits = little_endian(bits);
    memcpy(bytes + 1, &bits, sizeof bits);
    buf_append(buf, span_make(bytes, sizeof bytes));
}

static inline void append_string(struct buf *buf, struct span string)
{
    if (string.size > SHORT_STRING_MAX) {
        append_tag(buf, TAG_STRING);
        varint_append_span(buf, string);
        return;
    }
    char *to = buf_reserve(buf, 1 + string.size);
    *to = (char)(TAG_SHORT_STRING + string.size);
    span_copy_to(to + 1, string);
    buf->size += 1 + string.size;
}

static void append_tagged_span(struct buf *buf, enum tag tag, struct value value)
{
    append_tag(buf, tag);
    varint_append_span(buf, value_span(value));
}

static void append_instant(struct buf *buf, enum tag tag, struct value value)
{
    append_tag(buf, tag);
    varint_append_signed(buf, value.integer);
    varint_append(buf, value.size);
}

static void append_value(struct buf *buf, struct value value, unsigned depth_left);

static void append_map(struct buf *buf, struct value map, unsigned depth_left)
{
    assert(depth_left > 0);
    append_tag(buf, TAG_MAP);
    varint_append(buf, map.size);
    for (uint32_t i = 0; i < map.size; i++) {
        const struct value_member *member = &map.members[i];
        if (member->key.kind == VALUE_STRING)
            append_string(buf, value_span(member->key));
        else
            append_value(buf, member->key, depth_left - 1);
        if (member->value.kind == VALUE_STRING)
            append_string(buf, value_span(member->value));
        else
            append_value(buf, member->value, depth_left - 1);
    }
}

static void append_value(struct buf *buf, struct value value, unsigned depth_left)
{
    switch ((enum value_kind)value.kind) {
    case VALUE_NULL:
        append_tag(buf, TAG_NULL);
        return;
    case VALUE_BOOL:
        append_tag(buf, value.boolean ? TAG_TRUE : TAG_FALSE);
        return;
    case VALUE_INT:
        append_tag(buf, TAG_INT);
        varint_append_signed(buf, value.integer);
        return;
    case VALUE_UINT:
        append_tag(buf, TAG_UINT);
        varint_append(buf, value.natural);
        return;
    case VALUE_DOUBLE:
        append_double(buf, value.real);
        return;
    case VALUE_STRING:
        append_string(buf, value_span(value));
        return;
    case VALUE_BYTES:
        append_tagged_span(buf, TAG_BYTES, value);
        return;
    case VALUE_TYPE:
        append_tagged_span(buf, TAG_TYPE, value);
        return;
    case VALUE_LIST:
        assert(depth_left > 0);
        append_tag(buf, TAG_LIST);
        varint_append(buf, value.size);
        for (uint32_t i = 0; i < value.size; i++)
            append_value(buf, value.items[i], depth_left - 1);
        return;
    case VALUE_MAP:
        append_map(buf, value, depth_left);
        return;
    case VALUE_TIMESTAMP:
        append_instant(buf, TAG_TIMESTAMP, value);
        return;
    case VALUE_DURATION:
        append_instant(buf, TAG_DURATION, value);
        return;
    case VALUE_KIND_COUNT:
        break;
    }
    assert(!"a value of no kind");
}

void value_bin_append(struct buf *buf, struct value value)
{
    append_value(buf, value, VALUE_BIN_DEPTH_MAX);
}

/* ---- reading ---- */

static double load_double(const char *at)
{
    uint64_t bits;
    double real;
    memcpy(&bits, at, sizeof bits);
    bits = little_endian(bits);
    memcpy(&real, &bits, sizeof real);
    return real;
}

static double read_double(struct cursor *cursor)
{
    struct span bytes = cursor_bytes(cursor, sizeof(double));
    return bytes.size == sizeof(double) ? load_double(bytes.data) : 0;
}

static struct value read_span(struct cursor *cursor, enum value_kind kind)
{
    struct span bytes = cursor_bytes(cursor, cursor_varint_max(cursor, UINT32_MAX));
    struct value value = value_string(bytes);
    value.kind = (uint8_t)kind;
    return value;
}

static struct value read_instant(struct cursor *cursor, enum value_kind kind)
{
    struct value value = {.kind = (uint8_t)kind};
    value.integer = cursor_varint_signed(cursor);
    value.size = (uint32_t)cursor_varint_max(cursor, NANOS_MAX);
    return value;
}

/* `promised` counts values that open lists and maps still expect. Each takes a byte at least, and what
 * is promised must be there: so the arena is asked for no more than the bytes can stand for, however
 * containers lie about their size inside each other. */
struct reader {
    struct cursor *cursor;
    struct arena *arena;
    size_t promised;
    unsigned depth_left;
};

static struct value read_tagged(struct reader *reader, uint8_t tag);

/* What most of an event is made of; false for anything else, and where it is not all there. */
static inline bool read_leaf(struct cursor *cursor, struct value *value)
{
    size_t left = cursor_left(cursor);
    if (left == 0)
        return false;
    uint8_t tag = (uint8_t)*cursor->at;
    if (tag >= TAG_SHORT_STRING && tag - (size_t)TAG_SHORT_STRING < left) {
        size_t size = tag - (size_t)TAG_SHORT_STRING;
        if (size > SHORT_STRING_MAX)
            return false;
        *value = value_string(span_make(cursor->at + 1, size));
        cursor->at += 1 + size;
        return true;
    }
    if (tag == TAG_DOUBLE && left > sizeof(double)) {
        *value = value_double(load_double(cursor->at + 1));
        cursor->at += 1 + sizeof(double);
        return true;
    }
    if (tag == TAG_INT) {
        cursor->at += 1;
        *value = value_int(cursor_varint_signed(cursor));
        return true;
    }
    return false;
}

static inline struct value read_value(struct reader *reader)
{
    struct value value;
    reader->promised--;
    if (read_leaf(reader->cursor, &value))
        return value;
    return read_tagged(reader, cursor_byte(reader->cursor));
}

/* The size of a container whose elements are `values_each` values. */
static inline size_t read_count(struct reader *reader, size_t values_each)
{
    struct cursor *cursor = reader->cursor;
    size_t count = cursor_varint_max(cursor, UINT32_MAX);
    size_t left = cursor_left(cursor);
    if (reader->depth_left == 0 || left < reader->promised ||
        count > (left - reader->promised) / values_each) {
        cursor_fail(cursor);
        return 0;
    }
    reader->promised += count * values_each;
    return count;
}

/* The values of a container. The cursor is a copy, which lies in registers as long as leaves follow. */
static void read_values(struct reader *reader, struct value *values, size_t count)
{
    struct cursor cursor = *reader->cursor;
    reader->depth_left--;
    for (size_t i = 0; i < count; i++) {
        reader->promised--;
        if (read_leaf(&cursor, &values[i]))
            continue;
        uint8_t tag = cursor_byte(&cursor);
        *reader->cursor = cursor;
        values[i] = read_tagged(reader, tag);
        cursor = *reader->cursor;
    }
    reader->depth_left++;
    *reader->cursor = cursor;
}

static struct value read_list(struct reader *reader)
{
    size_t count = read_count(reader, 1);
    struct value *items = arena_alloc_aligned(reader->arena, count * sizeof *items, alignof(struct value));
    read_values(reader, items, count);
    return value_list(items, count);
}

static_assert(sizeof(struct value_member) == 2 * sizeof(struct value), "members are two values each");

static struct value read_map(struct reader *reader)
{
    size_t count = read_count(reader, 2);
    struct value_member *members =
        arena_alloc_aligned(reader->arena, count * sizeof *members, alignof(struct value_member));
    read_values(reader, (struct value *)members, 2 * count);
    return value_map(members, count);
}

static struct value read_tagged(struct reader *reader, uint8_t tag)
{
    struct cursor *cursor = reader->cursor;
    switch ((enum tag)tag) {
    case TAG_NULL:
        return value_null();
    case TAG_FALSE:
        return value_bool(false);
    case TAG_TRUE:
        return value_bool(true);
    case TAG_INT:
        return value_int(cursor_varint_signed(cursor));
    case TAG_UINT:
        return value_uint(cursor_varint(cursor));
    case TAG_DOUBLE:
        return value_double(read_double(cursor));
    case TAG_STRING:
        return read_span(cursor, VALUE_STRING);
    case TAG_BYTES:
        return read_span(cursor, VALUE_BYTES);
    case TAG_TYPE:
        return read_span(cursor, VALUE_TYPE);
    case TAG_LIST:
        return read_list(reader);
    case TAG_MAP:
        return read_map(reader);
    case TAG_TIMESTAMP:
        return read_instant(cursor, VALUE_TIMESTAMP);
    case TAG_DURATION:
        return read_instant(cursor, VALUE_DURATION);
    case TAG_SHORT_STRING:
        break;
    }
    cursor_fail(cursor);
    return value_null();
}

struct value value_bin_read(struct cursor *cursor, struct arena *arena)
{
    struct reader reader = {
        .cursor = cursor, .arena = arena, .promised = 1, .depth_left = VALUE_BIN_DEPTH_MAX};
    struct value value = read_value(&reader);
    return cursor->failed ? value_null() : value;
}
