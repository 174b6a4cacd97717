#include "memory/sim_calendar.h"
#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define CHILDREN 4
#define HIGHEST_PRIORITY 100

/* Days first, then by priority and the first bytes of the send id. */
static uint64_t rank_of(const struct appointment *appointment)
{
    uint64_t rank = 0;
    if (appointment->wake)
        return 0;
    for (int i = 0; i < 7; i++)
        rank = rank << 8 | appointment->send_id[i];
    return (uint64_t)(1 + HIGHEST_PRIORITY - appointment->priority) << 56 | rank;
}

static bool precedes(const struct calendar_entry *a, const struct calendar_entry *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms;
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->appointment->wake)
        return span_compare(a->appointment->user->id, b->appointment->user->id) < 0;
    return memcmp(a->appointment->send_id, b->appointment->send_id, SEND_ID_BYTES) < 0;
}

static void grow(struct sim_calendar *calendar)
{
    size_t capacity = calendar->capacity == 0 ? 1024 : calendar->capacity * 2;
    struct calendar_entry *entries = realloc(calendar->entries, capacity * sizeof *entries);
    if (entries == NULL) {
        fputs("declic: out of memory (the calendar)\n", stderr);
        memory_exhausted();
    }
    calendar->entries = entries;
    calendar->capacity = capacity;
}

void sim_calendar_free(struct sim_calendar *calendar)
{
    free(calendar->entries);
    *calendar = (struct sim_calendar){0};
}

void sim_calendar_add(struct sim_calendar *calendar, struct appointment *appointment)
{
    const struct calendar_entry entry = {appointment->due_ms, rank_of(appointment), appointment};
    if (calendar->count == calendar->capacity)
        grow(calendar);
    size_t at = calendar->count++;
    while (at > 0 && precedes(&entry, &calendar->entries[(at - 1) / CHILDREN])) {
        calendar->entries[at] = calendar->entries[(at - 1) / CHILDREN];
        at = (at - 1) / CHILDREN;
    }
    calendar->entries[at] = entry;
}

struct appointment *sim_calendar_first(const struct sim_calendar *calendar)
{
    return calendar->count == 0 ? NULL : calendar->entries[0].appointment;
}

/* The child that precedes its siblings; there is at least one. */
static size_t first_child(const struct sim_calendar *calendar, size_t at)
{
    size_t first = at * CHILDREN + 1;
    size_t end = first + CHILDREN < calendar->count ? first + CHILDREN : calendar->count;
    for (size_t i = first + 1; i < end; i++) {
        if (precedes(&calendar->entries[i], &calendar->entries[first]))
            first = i;
    }
    return first;
}

void sim_calendar_drop_first(struct sim_calendar *calendar)
{
    assert(calendar->count != 0);
    const struct calendar_entry last = calendar->entries[--calendar->count];
    size_t at = 0;
    while (at * CHILDREN + 1 < calendar->count) {
        size_t child = first_child(calendar, at);
        if (!precedes(&calendar->entries[child], &last))
            break;
        calendar->entries[at] = calendar->entries[child];
        at = child;
    }
    if (calendar->count != 0)
        calendar->entries[at] = last;
}
