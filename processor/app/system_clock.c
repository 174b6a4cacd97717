#include "app/system_clock.h"

#include <stddef.h>
#include <time.h>

static int64_t clock_read_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t system_clock_wall_ms(void)
{
    return clock_read_ms(CLOCK_REALTIME);
}

int64_t system_clock_monotonic_ms(void)
{
    return clock_read_ms(CLOCK_MONOTONIC);
}

static int64_t port_wall_ms(void *self)
{
    (void)self;
    return system_clock_wall_ms();
}

static int64_t port_monotonic_ms(void *self)
{
    (void)self;
    return system_clock_monotonic_ms();
}

struct clock_port system_clock(void)
{
    return (struct clock_port){.self = NULL, .wall_ms = port_wall_ms, .monotonic_ms = port_monotonic_ms};
}
