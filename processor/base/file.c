#include "base/file.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"

static enum err read_all(FILE *file, size_t max_bytes, struct buf *buf)
{
    enum { PIECE_BYTES = 64 * 1024 };
    size_t got = 1;
    while (got > 0 && buf->size <= max_bytes) {
        got = fread(buf_reserve(buf, PIECE_BYTES), 1, PIECE_BYTES, file);
        buf->size += got;
    }
    return ferror(file) ? ERR_IO : ERR_OK;
}

enum err file_read(struct span path, size_t max_bytes, struct arena *arena, struct span *text)
{
    FILE *file = fopen(arena_copy(arena, path).data, "rb");
    if (file == NULL)
        return ERR_IO;
    struct buf buf = {0};
    enum err error = read_all(file, max_bytes, &buf);
    int why = errno;
    *text = arena_copy(arena, buf_span(&buf));
    buf_free(&buf);
    fclose(file);
    errno = why;
    return error;
}
