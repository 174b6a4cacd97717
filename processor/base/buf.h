/* Bytes that grow: an output buffer on the heap.
 *
 * For what outlives an arena or is too large to double there (journal blocks, documents). A failed
 * growth ends the process as in arena.h. Zero-initialise, or buf_init; buf_free gives it back.
 */
#ifndef DECLIC_BASE_BUF_H
#define DECLIC_BASE_BUF_H

#include "base/err.h"
#include "base/span.h"

struct buf {
    char *data;
    size_t size;
    size_t capacity;
};

void buf_free(struct buf *buf);
/* Slow path of buf_reserve. */
char *buf_grow(struct buf *buf, size_t more);
void buf_append_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* Makes room for `more` bytes beyond size and returns where they go; size does not change. */
static inline char *buf_reserve(struct buf *buf, size_t more)
{
    if (buf->capacity - buf->size < more)
        return buf_grow(buf, more);
    return buf->data + buf->size;
}

static inline void buf_append(struct buf *buf, struct span bytes)
{
    if (bytes.size == 0)
        return;
    span_copy_to(buf_reserve(buf, bytes.size), bytes);
    buf->size += bytes.size;
}

static inline void buf_append_byte(struct buf *buf, char byte)
{
    *buf_reserve(buf, 1) = byte;
    buf->size += 1;
}

static inline void buf_clear(struct buf *buf)
{
    buf->size = 0;
}

static inline struct span buf_span(const struct buf *buf)
{
    return span_make(buf->data, buf->size);
}

#endif
