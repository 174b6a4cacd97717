#include "memory/sim_calendar.h"
#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define CHILDREN 4
#define HIGHEST_PRIORITY 100
#define LINE_BYTES 64
#define CHUNK_PLACES 16384
#define PREFETCH_BYTES 512

/* An appointment, in a cache line of its own. */
struct appointment_place {
    alignas(LINE_BYTES) struct appointment appointment;
    uint32_t next_free;
};
static_assert(sizeof(struct appointment_place) == LINE_BYTES, "an appointment takes one cache line");
static_assert(CHILDREN * sizeof(struct calendar_entry) == LINE_BYTES, "siblings share a cache line");

static void *allocate(size_t size)
{
    void *memory = aligned_alloc(LINE_BYTES, size);
    if (memory == NULL) {
        fputs("declic: out of memory (the calendar)\n", stderr);
        memory_exhausted();
    }
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
    if (chunks == NULL) {
        fputs("declic: out of memory (the calendar)\n", stderr);
        memory_exhausted();
    }
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
    free(calendar->entries);
    *calendar = (struct sim_calendar){0};
}

/* --- the heap -------------------------------------------------------------------------------------------
 * The first entry has three unused ones before it, so that all children begin a cache line.
 */

#define BEFORE_FIRST (CHILDREN - 1)

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

static void grow(struct sim_calendar *calendar)
{
    size_t capacity = calendar->capacity == 0 ? 1024 : calendar->capacity * 2;
    struct calendar_entry *entries = allocate((BEFORE_FIRST + 1 + capacity) * sizeof *entries);
    if (calendar->count != 0)
        memcpy(entries + BEFORE_FIRST, calendar->entries + BEFORE_FIRST, calendar->count * sizeof *entries);
    free(calendar->entries);
    calendar->entries = entries;
    calendar->capacity = capacity;
}

static struct calendar_entry *heap_of(const struct sim_calendar *calendar)
{
    return calendar->entries + BEFORE_FIRST;
}

void sim_calendar_add(struct sim_calendar *calendar, const struct appointment *appointment)
{
    if (calendar->count == calendar->capacity)
        grow(calendar);
    const struct calendar_entry entry = {appointment->due_ms, rank_of(appointment),
                                         keep(calendar, appointment)};
    struct calendar_entry *heap = heap_of(calendar);
    size_t at = calendar->count++;
    while (at > 0 && precedes(calendar, &entry, &heap[(at - 1) / CHILDREN])) {
        heap[at] = heap[(at - 1) / CHILDREN];
        at = (at - 1) / CHILDREN;
    }
    heap[at] = entry;
}

int64_t sim_calendar_next_ms(const struct sim_calendar *calendar)
{
    return calendar->count == 0 ? INT64_MAX : heap_of(calendar)[0].due_ms;
}

/* The child that precedes its siblings; there is at least one. */
static size_t first_child(const struct sim_calendar *calendar, size_t at)
{
    const struct calendar_entry *heap = heap_of(calendar);
    size_t first = at * CHILDREN + 1;
    size_t end = first + CHILDREN < calendar->count ? first + CHILDREN : calendar->count;
    for (size_t i = first + 1; i < end; i++) {
        if (precedes(calendar, &heap[i], &heap[first]))
            first = i;
    }
    return first;
}

/* The last entry goes to where the first was, and down from there. */
static void drop_first(struct sim_calendar *calendar)
{
    struct calendar_entry *heap = heap_of(calendar);
    const struct calendar_entry last = heap[--calendar->count];
    size_t at = 0;
    while (at * CHILDREN + 1 < calendar->count) {
        size_t child = first_child(calendar, at);
        if (!precedes(calendar, &heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
}

struct appointment sim_calendar_take(struct sim_calendar *calendar)
{
    assert(calendar->count != 0);
    const struct calendar_entry first = heap_of(calendar)[0];
    const struct appointment appointment = *appointment_of(calendar, &first);
    drop_first(calendar);
    forget(calendar, first.place);
    return appointment;
}

void sim_calendar_prefetch(const struct sim_calendar *calendar, enum calendar_need need)
{
    if (calendar->count == 0)
        return;
    const struct calendar_entry *heap = heap_of(calendar);
    struct span state;
    switch (need) {
    case CALENDAR_APPOINTMENTS:
        for (size_t i = 0; i <= CHILDREN && i < calendar->count; i++)
            __builtin_prefetch(appointment_of(calendar, &heap[i]));
        break;
    case CALENDAR_USER:
        __builtin_prefetch(appointment_of(calendar, &heap[0])->user);
        break;
    case CALENDAR_STATE:
        state = appointment_of(calendar, &heap[0])->user->state;
        for (size_t at = 0; at < state.size && at < PREFETCH_BYTES; at += LINE_BYTES)
            __builtin_prefetch(state.data + at);
        break;
    }
}
