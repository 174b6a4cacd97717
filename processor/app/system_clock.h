/* The machine's clock as a clock_port.
 */
#ifndef DECLIC_APP_SYSTEM_CLOCK_H
#define DECLIC_APP_SYSTEM_CLOCK_H

#include "ports/clock.h"

/* Wall time as the system has it (it may step), and CLOCK_MONOTONIC. */
struct clock_port system_clock(void);

#endif
