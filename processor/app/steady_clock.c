#include "app/steady_clock.h"

void steady_clock_init(struct steady_clock *clock, struct clock_port port)
{
    *clock = (struct steady_clock){.port = port};
}

static bool is_step(int64_t base_ms, int64_t from_base_ms)
{
    int64_t step_ms = base_ms - from_base_ms;
    return step_ms > STEADY_STEP_MS || step_ms < -STEADY_STEP_MS;
}

static int64_t go_on(struct steady_clock *clock, int64_t wall_ms)
{
    if (wall_ms > clock->last_ms)
        clock->last_ms = wall_ms;
    return clock->last_ms;
}

int64_t steady_clock_now(struct steady_clock *clock)
{
    int64_t wall_ms = clock->port.wall_ms(clock->port.self);
    int64_t monotonic_ms = clock->port.monotonic_ms(clock->port.self);
    int64_t base_ms = wall_ms - monotonic_ms;
    bool looked_away = monotonic_ms - clock->looked_at_ms > STEADY_LOOK_MS;
    clock->looked_at_ms = monotonic_ms;
    if (!clock->started) {
        clock->started = true;
        clock->base_wall_ms = base_ms;
        clock->last_ms = wall_ms;
        return wall_ms;
    }
    if (!is_step(base_ms, clock->base_wall_ms)) {
        /* Slow drift is followed, so that it never adds up to a step. */
        clock->stepped = false;
        clock->base_wall_ms = base_ms;
        return go_on(clock, wall_ms);
    }
    if (!clock->stepped || is_step(base_ms, clock->stepped_base_ms)) {
        clock->stepped = true;
        clock->stepped_base_ms = base_ms;
        clock->hold_until_ms = monotonic_ms + STEADY_HOLD_MS;
        clock->steps++;
        clock->last_step_ms = base_ms - clock->base_wall_ms;
    }
    if (looked_away) /* it may be another step, and the first one mended */
        clock->hold_until_ms = monotonic_ms + STEADY_HOLD_MS;
    if (monotonic_ms < clock->hold_until_ms)
        return go_on(clock, clock->base_wall_ms + monotonic_ms);
    clock->stepped = false;
    clock->accepted++;
    clock->base_wall_ms = base_ms;
    clock->last_ms = wall_ms;
    return wall_ms;
}

bool steady_clock_holds(const struct steady_clock *clock)
{
    return clock->stepped;
}
