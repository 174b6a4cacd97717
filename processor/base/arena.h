/* Memory for one batch or one request, given back as a whole.
 *
 * Allocation is a pointer bump; there is no free of a single piece. A block that does not fit gets
 * a chunk of its own. Out of memory ends the process with a message: an engine that cannot hold a
 * bounded batch cannot go on, and everything it did is in the log. Not thread-safe: one owner.
 */
#ifndef DECLIC_BASE_ARENA_H
#define DECLIC_BASE_ARENA_H

#include <stdalign.h>
#include <stdarg.h>

#include "base/err.h"
#include "base/span.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    struct arena_chunk *spare;  /* of ordinary size, to be used again */
    size_t spare_count;
    char *next;
    char *end;
    size_t chunk_bytes; /* size of an ordinary chunk */
    size_t used_bytes;  /* given out since the last reset */
};

/* A place in the arena to return to; see arena_mark. */
struct arena_mark {
    struct arena_chunk *chunk;
    char *next;
    size_t used_bytes;
};

/* chunk_bytes 0: 64 KiB. Allocates nothing yet. */
void arena_init(struct arena *arena, size_t chunk_bytes);
/* Gives everything back to the system. */
void arena_destroy(struct arena *arena);
/* Forgets all allocations; keeps chunks of ordinary size for reuse (ARENA_SPARE_CHUNKS of them at most). */
#define ARENA_SPARE_CHUNKS 64
void arena_reset(struct arena *arena);

/* Everything allocated after arena_mark is given back by arena_release(mark). Marks nest. */
struct arena_mark arena_mark(const struct arena *arena);
void arena_release(struct arena *arena, struct arena_mark mark);

/* Slow path of arena_alloc. */
void *arena_alloc_slow(struct arena *arena, size_t size, size_t alignment);

/* `size` bytes, not cleared, aligned to `alignment` (a power of two); never NULL. size 0 is allowed. */
static inline void *arena_alloc_aligned(struct arena *arena, size_t size, size_t alignment)
{
    uintptr_t at = ((uintptr_t)arena->next + (alignment - 1)) & ~(uintptr_t)(alignment - 1);
    if (arena->next == NULL || size > (uintptr_t)arena->end || at > (uintptr_t)arena->end - size)
        return arena_alloc_slow(arena, size, alignment);
    arena->used_bytes += size;
    arena->next = (char *)at + size; // NOLINT: the integer came from a pointer
    return (char *)at;
}

static inline void *arena_alloc(struct arena *arena, size_t size)
{
    return arena_alloc_aligned(arena, size, alignof(max_align_t));
}

/* `size` bytes of zeros. */
void *arena_zalloc(struct arena *arena, size_t size);

#define ARENA_NEW(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))
/* `count` zeroed elements; the product is checked (overflow counts as out of memory). */
#define ARENA_ARRAY(arena, type, count) ((type *)arena_zalloc_array((arena), (count), sizeof(type)))
void *arena_zalloc_array(struct arena *arena, size_t count, size_t size);

/* A copy of the bytes, NUL-terminated beyond its size. */
struct span arena_copy(struct arena *arena, struct span bytes);
/* printf into the arena, NUL-terminated. */
struct span arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
struct span arena_vprintf(struct arena *arena, const char *format, va_list arguments);

/* Grows an array that lives in the arena: returns a pointer to room for one more element, doubling
 * *capacity when *count has reached it (the old copy is left behind). *items may start as NULL.
 *     struct step *step = ARENA_PUSH(arena, &list->steps, &list->count, &list->capacity);
 * The new element is zeroed and counted. Counts are size_t. */
#define ARENA_PUSH(arena, items, count, capacity) \
    ((__typeof__(*(items)))arena_push((arena), (void **)(items), (count), (capacity), sizeof(**(items))))
void *arena_push(struct arena *arena, void **items, size_t *count, size_t *capacity, size_t item_bytes);

#endif
