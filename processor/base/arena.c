#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define DEFAULT_CHUNK_BYTES (64u * 1024u)

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* of `data` */
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *arena, size_t chunk_bytes)
{
    *arena = (struct arena){.chunk_bytes = chunk_bytes == 0 ? DEFAULT_CHUNK_BYTES : chunk_bytes};
}

/* Gives back what is newer than `keep`; ordinary chunks are kept aside, since a batch is followed by one of
 * about the same size. */
static void drop_chunks_until(struct arena *arena, const struct arena_chunk *keep)
{
    while (arena->chunks != keep) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->older;
        if (chunk->size == arena->chunk_bytes && arena->spare_count < ARENA_SPARE_CHUNKS) {
            chunk->older = arena->spare;
            arena->spare = chunk;
            arena->spare_count++;
        } else {
            free(chunk);
        }
    }
}

void arena_destroy(struct arena *arena)
{
    drop_chunks_until(arena, NULL);
    while (arena->spare != NULL) {
        struct arena_chunk *chunk = arena->spare;
        arena->spare = chunk->older;
        free(chunk);
    }
    arena->spare_count = 0;
    arena->next = arena->end = NULL;
    arena->used_bytes = 0;
}

void arena_reset(struct arena *arena)
{
    drop_chunks_until(arena, NULL);
    arena->next = arena->end = NULL;
    arena->used_bytes = 0;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){arena->chunks, arena->next, arena->used_bytes};
}

void arena_release(struct arena *arena, struct arena_mark mark)
{
    if (mark.chunk == NULL) {
        arena_reset(arena);
        return;
    }
    drop_chunks_until(arena, mark.chunk);
    arena->next = mark.next;
    arena->end = mark.chunk->data + mark.chunk->size;
    arena->used_bytes = mark.used_bytes;
}

static void out_of_memory(struct arena *arena, size_t size)
{
    fprintf(stderr, "declic: out of memory (%zu bytes wanted, %zu in use in this arena)\n", size,
            arena->used_bytes);
    memory_exhausted();
}

void *arena_alloc_slow(struct arena *arena, size_t size, size_t alignment)
{
    size_t wanted = size > arena->chunk_bytes / 4 ? size + alignment : arena->chunk_bytes;
    if (wanted < size || wanted > SIZE_MAX - sizeof(struct arena_chunk))
        out_of_memory(arena, size);
    struct arena_chunk *chunk = arena->spare;
    if (chunk != NULL && wanted == arena->chunk_bytes) {
        arena->spare = chunk->older;
        arena->spare_count--;
    } else {
        chunk = malloc(sizeof *chunk + wanted);
        if (chunk == NULL)
            out_of_memory(arena, size);
        chunk->size = wanted;
    }
    chunk->older = arena->chunks;
    arena->chunks = chunk;
    arena->next = chunk->data;
    arena->end = chunk->data + wanted;
    return arena_alloc_aligned(arena, size, alignment);
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *memory = arena_alloc(arena, size);
    if (size != 0)
        memset(memory, 0, size);
    return memory;
}

void *arena_zalloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        out_of_memory(arena, SIZE_MAX);
        return NULL;
    }
    return arena_zalloc(arena, total);
}

struct span arena_copy(struct arena *arena, struct span bytes)
{
    char *copy = arena_alloc_aligned(arena, bytes.size + 1, 1);
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    return span_make(copy, bytes.size);
}

struct span arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    if (size < 0)
        size = 0;
    char *text = arena_alloc_aligned(arena, (size_t)size + 1, 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return span_make(text, (size_t)size);
}

struct span arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct span text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

void *arena_push(struct arena *arena, void **items, size_t *count, size_t *capacity, size_t item_bytes)
{
    if (*count == *capacity) {
        size_t grown = *capacity == 0 ? 4 : *capacity * 2;
        void *larger = arena_zalloc_array(arena, grown, item_bytes);
        if (*count != 0)
            memcpy(larger, *items, *count * item_bytes);
        *items = larger;
        *capacity = grown;
    }
    void *item = (char *)*items + *count * item_bytes;
    memset(item, 0, item_bytes);
    *count += 1;
    return item;
}
