#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

char *buf_grow(struct buf *buf, size_t more)
{
    size_t wanted = buf->size + more;
    size_t grown = buf->capacity < 128 ? 128 : buf->capacity * 2;
    if (grown < wanted)
        grown = wanted;
    char *larger = wanted < more ? NULL : realloc(buf->data, grown);
    if (larger == NULL) {
        fprintf(stderr, "declic: out of memory (a buffer of %zu bytes)\n", grown);
        memory_exhausted();
    }
    buf->data = larger;
    buf->capacity = grown;
    return buf->data + buf->size;
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, span_from_text(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size > 0) {
        vsnprintf(buf_reserve(buf, (size_t)size + 1), (size_t)size + 1, format, again);
        buf->size += (size_t)size;
    }
    va_end(again);
}
