/* The simulation's calendar: what is due when, in the order in which it is decided.
 *
 * What is due soon lies in a heap that is small enough for the processor's caches. What is due in the next
 * days lies unsorted, in a ring of buckets of some minutes each, of which one goes into that heap when its
 * time has come; what is due later lies in a heap of its own. So nearly all memory that is touched is
 * touched in order, however many appointments there are. An appointment stays in the calendar when what it
 * stands for is cancelled; the user's state tells when its time has come.
 */
#ifndef DECLIC_MEMORY_SIM_CALENDAR_H
#define DECLIC_MEMORY_SIM_CALENDAR_H

#include "core/send_id.h"
#include "memory/sim_users.h"

/* A send, or the day that a yearly trigger waits for. */
struct appointment {
    int64_t due_ms;
    struct sim_user *user;
    uint64_t journey;  /* which of the user's in the campaign, as the caller tells them apart */
    uint32_t campaign; /* as the caller numbers them */
    uint32_t step;     /* its place in the campaign */
    uint8_t priority;  /* 0 to 100 */
    bool wake;
    unsigned char send_id[SEND_ID_BYTES];
};

struct calendar_entry {
    int64_t due_ms;
    uint32_t rank; /* by it where the dues are equal, and then by all that the appointments are */
    uint32_t place;
};

/* Four children a node, which share a cache line. */
struct calendar_heap {
    struct calendar_entry *entries;
    size_t count, capacity;
};

struct calendar_bucket {
    struct calendar_entry *entries;
    uint32_t count, capacity;
    int64_t first_ms; /* the earliest due */
};

struct sim_calendar {
    size_t count;
    struct calendar_heap near, far;
    struct calendar_bucket *ring;
    size_t ring_count;    /* of all buckets */
    int64_t first_bucket; /* of the ring's; what is due before it is near */
    int64_t empty_before; /* the ring's buckets before that one are empty */
    /* Where the appointments lie, in chunks; those whose time has come are used again. */
    struct appointment_place **chunks;
    size_t chunk_count, place_count;
    uint32_t free_place; /* 1 + the first of them; 0: none */
};

/* The ring begins at this instant; to be called while nothing is in the calendar. Without it, and for what
 * is due before, the calendar is only slower. */
void sim_calendar_begin(struct sim_calendar *calendar, int64_t now_ms);
void sim_calendar_free(struct sim_calendar *calendar);

/* Takes a copy. */
void sim_calendar_add(struct sim_calendar *calendar, const struct appointment *appointment);

/* When the first is due; INT64_MAX when there is none. */
int64_t sim_calendar_next_ms(struct sim_calendar *calendar);

/* Takes out the first in order of due, days before sends, priority (high first), send id (days: user id);
 * there must be one. */
struct appointment sim_calendar_take(struct sim_calendar *calendar);

/* Asks the memory for what the next ones need, which lies far apart: their appointments, and of the first
 * the user, and then his state. To be called with each in turn, with some work in between. */
enum calendar_need { CALENDAR_APPOINTMENTS, CALENDAR_USER, CALENDAR_STATE };
void sim_calendar_prefetch(const struct sim_calendar *calendar, enum calendar_need need);

#endif
