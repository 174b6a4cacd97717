#include "memory/sim_calendar.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define CHILDREN 4
#define HIGHEST_PRIORITY 100
#define LINE_BYTES 64
#define CHUNK_PLACES 16384
/* Buckets of four minutes and a bit; the ring of them takes up twelve days. */
#define BUCKET_BITS 18
#define RING_BUCKETS 4096
#define FIRST_BUCKET_CAPACITY 16

/* An appointment, in a cache line of its own. */
struct appointment_place {
    alignas(LINE_BYTES) struct appointment appointment;
    uint32_t next_free;
};
static_assert(sizeof(struct appointment_place) == LINE_BYTES, "an appointment takes one cache line");
static_assert(CHILDREN * sizeof(struct calendar_entry) == LINE_BYTES, "siblings share a cache line");

static void out_of_memory(void)
{
    fputs("declic: out of memory (the calendar)\n", stderr);
    memory_exhausted();
}

static void *allocate(size_t size)
{
    void *memory = aligned_alloc(LINE_BYTES, size);
    if (memory == NULL)
        out_of_memory();
    return memory;
}

/* --- the places -------------------------------------------------------------------------------------- */

static struct appointment_place *place_at(const struct sim_calendar *calendar, uint32_t place)
{
    return &calendar->chunks[place / CHUNK_PLACES][place % CHUNK_PLACES];
}

static const struct appointment *appointment_of(const struct sim_calendar *calendar,
                                                const struct calendar_entry *entry)
{
    return &place_at(calendar, entry->place)->appointment;
}

static void add_chunk(struct sim_calendar *calendar)
{
    struct appointment_place **chunks =
        realloc(calendar->chunks, (calendar->chunk_count + 1) * sizeof(struct appointment_place *));
    if (chunks == NULL)
        out_of_memory();
    calendar->chunks = chunks;
    calendar->chunks[calendar->chunk_count++] = allocate(CHUNK_PLACES * sizeof(struct appointment_place));
}

static uint32_t keep(struct sim_calendar *calendar, const struct appointment *appointment)
{
    uint32_t place = calendar->free_place;
    if (place != 0) {
        place -= 1;
        calendar->free_place = place_at(calendar, place)->next_free;
    } else {
        if (calendar->place_count == calendar->chunk_count * CHUNK_PLACES)
            add_chunk(calendar);
        place = (uint32_t)calendar->place_count++;
    }
    place_at(calendar, place)->appointment = *appointment;
    return place;
}

static void forget(struct sim_calendar *calendar, uint32_t place)
{
    place_at(calendar, place)->next_free = calendar->free_place;
    calendar->free_place = place + 1;
}

void sim_calendar_free(struct sim_calendar *calendar)
{
    for (size_t i = 0; i < calendar->chunk_count; i++)
        free(calendar->chunks[i]);
    free(calendar->chunks);
    for (size_t i = 0; calendar->ring != NULL && i < RING_BUCKETS; i++)
        free(calendar->ring[i].entries);
    free(calendar->ring);
    free(calendar->near.entries);
    free(calendar->far.entries);
    *calendar = (struct sim_calendar){0};
}

/* --- the order -------------------------------------------------------------------------------------------
 */

/* Days first, then by priority and the first bits of the send id. */
static uint32_t rank_of(const struct appointment *appointment)
{
    const unsigned char *id = appointment->send_id;
    uint32_t bits = (uint32_t)id[0] << 17 | (uint32_t)id[1] << 9 | (uint32_t)id[2] << 1 | id[3] >> 7;
    return appointment->wake ? 0 : (uint32_t)(1 + HIGHEST_PRIORITY - appointment->priority) << 25 | bits;
}

static bool precedes(const struct sim_calendar *calendar, const struct calendar_entry *a,
                     const struct calendar_entry *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms;
    if (a->rank != b->rank)
        return a->rank < b->rank;
    const struct appointment *left = appointment_of(calendar, a), *right = appointment_of(calendar, b);
    if (left->wake)
        return span_compare(left->user->id, right->user->id) < 0;
    return memcmp(left->send_id, right->send_id, SEND_ID_BYTES) < 0;
}

/* --- heaps -----------------------------------------------------------------------------------------------
 * The first entry has three unused ones before it, so that all children begin a cache line.
 */

#define BEFORE_FIRST (CHILDREN - 1)

static struct calendar_entry *entries_of(const struct calendar_heap *heap)
{
    return heap->entries + BEFORE_FIRST;
}

static void heap_grow(struct calendar_heap *heap)
{
    size_t capacity = heap->capacity == 0 ? 1024 : heap->capacity * 2;
    struct calendar_entry *entries = allocate((BEFORE_FIRST + 1 + capacity) * sizeof *entries);
    if (heap->count != 0)
        memcpy(entries + BEFORE_FIRST, entries_of(heap), heap->count * sizeof *entries);
    free(heap->entries);
    heap->entries = entries;
    heap->capacity = capacity;
}

static void heap_add(const struct sim_calendar *calendar, struct calendar_heap *heap,
                     const struct calendar_entry *entry)
{
    if (heap->count == heap->capacity)
        heap_grow(heap);
    struct calendar_entry *entries = entries_of(heap);
    size_t at = heap->count++;
    while (at > 0 && precedes(calendar, entry, &entries[(at - 1) / CHILDREN])) {
        entries[at] = entries[(at - 1) / CHILDREN];
        at = (at - 1) / CHILDREN;
    }
    entries[at] = *entry;
}

/* The child that precedes its siblings; there is at least one. */
static size_t first_child(const struct sim_calendar *calendar, const struct calendar_heap *heap, size_t at)
{
    const struct calendar_entry *entries = entries_of(heap);
    size_t first = at * CHILDREN + 1;
    size_t end = first + CHILDREN < heap->count ? first + CHILDREN : heap->count;
    for (size_t i = first + 1; i < end; i++) {
        if (precedes(calendar, &entries[i], &entries[first]))
            first = i;
    }
    return first;
}

/* Takes out the first; the last entry goes to where it was, and down from there. */
static struct calendar_entry heap_take(const struct sim_calendar *calendar, struct calendar_heap *heap)
{
    struct calendar_entry *entries = entries_of(heap);
    const struct calendar_entry taken = entries[0], last = entries[--heap->count];
    size_t at = 0;
    while (at * CHILDREN + 1 < heap->count) {
        size_t child = first_child(calendar, heap, at);
        if (!precedes(calendar, &entries[child], &last))
            break;
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = last;
    return taken;
}

/* --- the ring --------------------------------------------------------------------------------------------
 */

static int64_t bucket_number(int64_t due_ms)
{
    return due_ms >> BUCKET_BITS;
}

static struct calendar_bucket *bucket_at(const struct sim_calendar *calendar, int64_t number)
{
    return &calendar->ring[(uint64_t)number % RING_BUCKETS];
}

static bool ring_has(const struct sim_calendar *calendar, int64_t number)
{
    return number >= calendar->first_bucket &&
           (uint64_t)number - (uint64_t)calendar->first_bucket < RING_BUCKETS;
}

static void bucket_grow(struct calendar_bucket *bucket)
{
    uint32_t capacity = bucket->capacity == 0 ? FIRST_BUCKET_CAPACITY : bucket->capacity * 2;
    struct calendar_entry *entries = realloc(bucket->entries, capacity * sizeof *entries);
    if (entries == NULL)
        out_of_memory();
    bucket->entries = entries;
    bucket->capacity = capacity;
}

static void ring_add(struct sim_calendar *calendar, int64_t number, const struct calendar_entry *entry)
{
    if (calendar->ring == NULL && (calendar->ring = calloc(RING_BUCKETS, sizeof *calendar->ring)) == NULL)
        out_of_memory();
    struct calendar_bucket *bucket = bucket_at(calendar, number);
    if (bucket->count == bucket->capacity)
        bucket_grow(bucket);
    if (bucket->count == 0 || entry->due_ms < bucket->first_ms)
        bucket->first_ms = entry->due_ms;
    bucket->entries[bucket->count++] = *entry;
    calendar->ring_count += 1;
    if (number < calendar->empty_before)
        calendar->empty_before = number;
}

/* The first bucket that is not empty; there is one. */
static int64_t ring_first(struct sim_calendar *calendar)
{
    while (bucket_at(calendar, calendar->empty_before)->count == 0)
        calendar->empty_before += 1;
    return calendar->empty_before;
}

/* Nothing is near: what is due in the bucket that comes next becomes so. */
static void open_next(struct sim_calendar *calendar)
{
    int64_t number = INT64_MAX;
    if (calendar->ring_count != 0)
        number = ring_first(calendar);
    if (calendar->far.count != 0 && bucket_number(entries_of(&calendar->far)->due_ms) < number)
        number = bucket_number(entries_of(&calendar->far)->due_ms);
    while (calendar->far.count != 0 && bucket_number(entries_of(&calendar->far)->due_ms) == number) {
        const struct calendar_entry entry = heap_take(calendar, &calendar->far);
        heap_add(calendar, &calendar->near, &entry);
    }
    if (calendar->ring_count != 0 && ring_has(calendar, number)) {
        struct calendar_bucket *bucket = bucket_at(calendar, number);
        for (uint32_t i = 0; i < bucket->count; i++)
            heap_add(calendar, &calendar->near, &bucket->entries[i]);
        calendar->ring_count -= bucket->count;
        free(bucket->entries);
        *bucket = (struct calendar_bucket){0};
    }
    calendar->first_bucket = number + 1;
    if (calendar->empty_before < number + 1)
        calendar->empty_before = number + 1;
}

/* --- all of it -------------------------------------------------------------------------------------------
 */

void sim_calendar_begin(struct sim_calendar *calendar, int64_t now_ms)
{
    assert(calendar->count == 0);
    calendar->first_bucket = calendar->empty_before = bucket_number(now_ms);
}

void sim_calendar_add(struct sim_calendar *calendar, const struct appointment *appointment)
{
    const struct calendar_entry entry = {appointment->due_ms, rank_of(appointment),
                                         keep(calendar, appointment)};
    int64_t number = bucket_number(entry.due_ms);
    calendar->count += 1;
    if (number < calendar->first_bucket)
        heap_add(calendar, &calendar->near, &entry);
    else if (ring_has(calendar, number))
        ring_add(calendar, number, &entry);
    else
        heap_add(calendar, &calendar->far, &entry);
}

int64_t sim_calendar_next_ms(struct sim_calendar *calendar)
{
    int64_t next_ms = INT64_MAX;
    if (calendar->near.count != 0)
        return entries_of(&calendar->near)->due_ms;
    if (calendar->ring_count != 0)
        next_ms = bucket_at(calendar, ring_first(calendar))->first_ms;
    if (calendar->far.count != 0 && entries_of(&calendar->far)->due_ms < next_ms)
        next_ms = entries_of(&calendar->far)->due_ms;
    return next_ms;
}

struct appointment sim_calendar_take(struct sim_calendar *calendar)
{
    assert(calendar->count != 0);
    if (calendar->near.count == 0)
        open_next(calendar);
    const struct calendar_entry first = heap_take(calendar, &calendar->near);
    const struct appointment appointment = *appointment_of(calendar, &first);
    forget(calendar, first.place);
    calendar->count -= 1;
    return appointment;
}

void sim_calendar_prefetch(const struct sim_calendar *calendar, enum calendar_need need)
{
    if (calendar->near.count == 0)
        return;
    const struct calendar_entry *entries = entries_of(&calendar->near);
    switch (need) {
    case CALENDAR_APPOINTMENTS:
        for (size_t i = 0; i <= CHILDREN && i < calendar->near.count; i++)
            __builtin_prefetch(appointment_of(calendar, &entries[i]));
        break;
    case CALENDAR_USER:
        __builtin_prefetch(appointment_of(calendar, entries)->user);
        break;
    case CALENDAR_STATE:
        sim_user_ask_state(appointment_of(calendar, entries)->user);
        break;
    }
}
