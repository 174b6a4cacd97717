/* The machine's clock as a clock_port.
 */
#ifndef DECLIC_APP_SYSTEM_CLOCK_H
#define DECLIC_APP_SYSTEM_CLOCK_H

#include "ports/clock.h"

/* Wall time as the system has it (it may step), and CLOCK_MONOTONIC. */
struct clock_port system_clock(void);

/* The same, for who needs no port: wall time in ms since the epoch, and CLOCK_MONOTONIC in ms. */
int64_t system_clock_wall_ms(void);
int64_t system_clock_monotonic_ms(void);

#endif
