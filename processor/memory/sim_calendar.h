/* The simulation's calendar: what is due when, in the order in which it is decided.
 *
 * A heap of four children a node. Its entries carry what orders nearly all of them, and siblings share a
 * cache line, so that looking for the next one touches few of them. An appointment stays in it when what it
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
    uint64_t journey; /* which of the user's, as the caller tells them apart */
    uint32_t step;    /* its place in the campaign */
    uint8_t priority; /* 0 to 100 */
    bool wake;
    unsigned char send_id[SEND_ID_BYTES];
};

struct calendar_entry {
    int64_t due_ms;
    uint32_t rank; /* by it where the dues are equal, and then by all that the appointments are */
    uint32_t place;
};

struct sim_calendar {
    struct calendar_entry *entries;
    size_t count, capacity;
    /* Where the appointments lie, in chunks; those whose time has come are used again. */
    struct appointment_place **chunks;
    size_t chunk_count, place_count;
    uint32_t free_place; /* 1 + the first of them; 0: none */
};

void sim_calendar_free(struct sim_calendar *calendar);

/* Takes a copy. */
void sim_calendar_add(struct sim_calendar *calendar, const struct appointment *appointment);

/* When the first is due; INT64_MAX when there is none. */
int64_t sim_calendar_next_ms(const struct sim_calendar *calendar);

/* Takes out the first in order of due, days before sends, priority (high first), send id (days: user id);
 * there must be one. */
struct appointment sim_calendar_take(struct sim_calendar *calendar);

/* Asks the memory for what the next ones need, which lies far apart: their appointments, and of the first
 * the user, and then his state. To be called with each in turn, with some work in between. */
enum calendar_need { CALENDAR_APPOINTMENTS, CALENDAR_USER, CALENDAR_STATE };
void sim_calendar_prefetch(const struct sim_calendar *calendar, enum calendar_need need);

#endif
