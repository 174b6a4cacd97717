#include "app/steady_clock.h"

void steady_clock_init(struct steady_clock *clock, struct clock_port port)
{
    *clock = (struct steady_clock){.port = port};
}

int64_t steady_clock_now(struct steady_clock *clock)
{
    int64_t wall_ms = clock->port.wall_ms(clock->port.self);
    int64_t monotonic_ms = clock->port.monotonic_ms(clock->port.self);
    int64_t base_ms = wall_ms - monotonic_ms;
    if (!clock->started) {
        clock->started = true;
        clock->base_wall_ms = base_ms;
        clock->last_ms = wall_ms;
        return wall_ms;
    }
    int64_t step_ms = base_ms - clock->base_wall_ms;
    if (step_ms > STEADY_STEP_MS || step_ms < -STEADY_STEP_MS) {
        clock->steps++;
        clock->last_step_ms = step_ms;
        clock->hold_until_ms = monotonic_ms + STEADY_HOLD_MS;
        clock->base_wall_ms = base_ms;
        clock->last_ms = wall_ms;
        return wall_ms;
    }
    /* Slow drift is followed, so that it never adds up to a step. */
    clock->base_wall_ms = base_ms;
    if (wall_ms > clock->last_ms)
        clock->last_ms = wall_ms;
    return clock->last_ms;
}

bool steady_clock_holds(const struct steady_clock *clock)
{
    return clock->started && clock->port.monotonic_ms(clock->port.self) < clock->hold_until_ms;
}
