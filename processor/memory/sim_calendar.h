/* The simulation's calendar: what is due when, in the order in which it is decided.
 *
 * A heap of four children a node, whose entries carry what orders nearly all of them, so that looking for
 * the next one touches few cache lines. An appointment stays in it when what it stands for is cancelled;
 * the user's state tells when its time has come.
 */
#ifndef DECLIC_MEMORY_SIM_CALENDAR_H
#define DECLIC_MEMORY_SIM_CALENDAR_H

#include "core/send_id.h"
#include "memory/sim_users.h"

/* A send, or the day that a yearly trigger waits for. */
struct appointment {
    int64_t due_ms;
    int priority; /* 0 to 100 */
    bool wake;
    unsigned char send_id[SEND_ID_BYTES];
    struct sim_user *user;
    struct appointment *next_free;
};

struct calendar_entry {
    int64_t due_ms;
    uint64_t rank; /* by it where the dues are equal, and then by all that the appointments are */
    struct appointment *appointment;
};

struct sim_calendar {
    struct calendar_entry *entries;
    size_t count, capacity;
};

void sim_calendar_free(struct sim_calendar *calendar);

/* The appointment is the caller's, and must not change while it is inside. */
void sim_calendar_add(struct sim_calendar *calendar, struct appointment *appointment);

/* The first in order of due, days before sends, priority (high first), send id (days: user id), or NULL. It
 * stays. */
struct appointment *sim_calendar_first(const struct sim_calendar *calendar);

/* Takes the first out; there must be one. */
void sim_calendar_drop_first(struct sim_calendar *calendar);

#endif
