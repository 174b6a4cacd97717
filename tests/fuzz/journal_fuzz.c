#include "codec/journal.h"
#include "fuzz.h"

/* Reads the block to its end, writing each entry anew; true when there was no error. */
static bool copy_block(struct span block, struct arena *arena, struct buf *copy)
{
    struct journal_reader reader;
    if (journal_reader_init(&reader, block, arena) != ERR_OK)
        return false;
    struct journal_writer writer = {0};
    struct entry entry;
    enum err error;
    while ((error = journal_reader_next(&reader, &entry)) == ERR_OK)
        journal_writer_add(&writer, &entry);
    MUST(writer.count == reader.index);
    size_t bound = journal_writer_bytes(&writer);
    journal_writer_finish(&writer, copy);
    MUST(copy->size <= bound);
    journal_writer_free(&writer);
    return error == ERR_NOT_FOUND;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct buf first = {0};
    struct buf second = {0};
    if (copy_block(span_make(data, size), &arena, &first)) {
        MUST(copy_block(buf_span(&first), &arena, &second));
        MUST(span_equal(buf_span(&first), buf_span(&second)));
    }
    buf_free(&first);
    buf_free(&second);
    arena_destroy(&arena);
    return 0;
}
