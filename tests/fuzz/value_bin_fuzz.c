#include "codec/value_bin.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct cursor cursor = cursor_make(span_make(data, size));
    struct value value = value_bin_read(&cursor, &arena);
    MUST(arena.used_bytes <= 16 * size);
    if (!cursor.failed) {
        /* Other bytes may have said the same; what is written is stable from there on. */
        struct buf first = {0};
        struct buf second = {0};
        value_bin_append(&first, value);
        cursor = cursor_make(buf_span(&first));
        struct value again = value_bin_read(&cursor, &arena);
        MUST(!cursor.failed && cursor.at == cursor.end);
        value_bin_append(&second, again);
        MUST(span_equal(buf_span(&first), buf_span(&second)));
        buf_free(&first);
        buf_free(&second);
    }
    arena_destroy(&arena);
    return 0;
}
