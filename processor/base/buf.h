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
/* Makes room for `more` bytes beyond size and returns where they go; size does not change. */
char *buf_reserve(struct buf *buf, size_t more);
void buf_append(struct buf *buf, struct span bytes);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_byte(struct buf *buf, char byte);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

static inline void buf_clear(struct buf *buf)
{
    buf->size = 0;
}

static inline struct span buf_span(const struct buf *buf)
{
    return span_make(buf->data, buf->size);
}

#endif
