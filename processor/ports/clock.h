/* Time, injected: the only place a clock is read is an implementation of this.
 */
#ifndef DECLIC_PORTS_CLOCK_H
#define DECLIC_PORTS_CLOCK_H

#include <stdint.h>

struct clock_port {
    void *self;
    /* Wall time, ms since the epoch. May step; app/steady_clock makes it monotonic. */
    int64_t (*wall_ms)(void *self);
    /* Time since some start, ms; never steps. */
    int64_t (*monotonic_ms)(void *self);
};

#endif
