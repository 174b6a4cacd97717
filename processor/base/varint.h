/* Integers in few bytes, and a cursor that cannot leave its bytes.
 *
 * Unsigned: seven bits a byte, low ones first, the high bit says that more follow (LEB128, at most ten
 * bytes). Signed: zigzag (0, -1, 1, -2, …) first, so that small magnitudes are short. Persisted in
 * the journal and in user states.
 */
#ifndef DECLIC_BASE_VARINT_H
#define DECLIC_BASE_VARINT_H

#include "base/buf.h"

#define VARINT_BYTES 10

/* Writes to `to`, which has room for VARINT_BYTES, and returns the length. */
static inline size_t varint_write(char *to, uint64_t number)
{
    size_t size = 0;
    for (; number >= 0x80; number >>= 7)
        to[size++] = (char)(number | 0x80);
    to[size++] = (char)number;
    return size;
}

static inline uint64_t varint_zigzag(int64_t number)
{
    return ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
}

static inline int64_t varint_unzigzag(uint64_t number)
{
    return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

static inline void varint_append(struct buf *buf, uint64_t number)
{
    buf->size += varint_write(buf_reserve(buf, VARINT_BYTES), number);
}

static inline void varint_append_signed(struct buf *buf, int64_t number)
{
    varint_append(buf, varint_zigzag(number));
}

/* Appends the length, then the bytes. */
static inline void varint_append_span(struct buf *buf, struct span bytes)
{
    varint_append(buf, bytes.size);
    buf_append(buf, bytes);
}

/* Reads from the front of some bytes. The first thing that is not there or malformed sets `failed`,
 * empties the cursor and makes every further read answer zero: check once, at the end of a group. */
struct cursor {
    const char *at;
    const char *end;
    bool failed;
};

static inline struct cursor cursor_make(struct span bytes)
{
    return (struct cursor){bytes.data, bytes.data + bytes.size, false};
}

static inline size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static inline void cursor_fail(struct cursor *cursor)
{
    cursor->failed = true;
    cursor->at = cursor->end;
}

static inline uint8_t cursor_byte(struct cursor *cursor)
{
    if (cursor->at == cursor->end) {
        cursor_fail(cursor);
        return 0;
    }
    return (uint8_t)*cursor->at++;
}

/* What varint_read_any found: where it ends, NULL when it is malformed or not all there. */
struct varint_read {
    const char *at;
    uint64_t number;
};
struct varint_read varint_read_any(const char *at, const char *end);

/* Only the shortest form is accepted, so that equal numbers are equal bytes. Small ones are read here; the
 * cursor's address goes nowhere, so that a reader's can stay in registers. */
static inline uint64_t cursor_varint(struct cursor *cursor)
{
    if (cursor->at < cursor->end && (uint8_t)*cursor->at < 0x80)
        return (uint8_t)*cursor->at++;
    struct varint_read read = varint_read_any(cursor->at, cursor->end);
    if (read.at == NULL)
        cursor_fail(cursor);
    else
        cursor->at = read.at;
    return read.number;
}

static inline int64_t cursor_varint_signed(struct cursor *cursor)
{
    return varint_unzigzag(cursor_varint(cursor));
}

/* A varint that must be at most `max`. */
static inline uint64_t cursor_varint_max(struct cursor *cursor, uint64_t max)
{
    uint64_t number = cursor_varint(cursor);
    if (number > max) {
        cursor_fail(cursor);
        return 0;
    }
    return number;
}

/* The next `size` bytes, in place. */
static inline struct span cursor_bytes(struct cursor *cursor, size_t size)
{
    if (size > cursor_left(cursor)) {
        cursor_fail(cursor);
        return span_make(cursor->end, 0);
    }
    struct span bytes = span_make(cursor->at, size);
    cursor->at += size;
    return bytes;
}

/* What varint_append_span wrote, in place. */
static inline struct span cursor_span(struct cursor *cursor)
{
    return cursor_bytes(cursor, cursor_varint_max(cursor, SIZE_MAX));
}

#endif
