/* Wall time that only goes forward, and notices steps.
 *
 * Small steps back are hidden (time stands still until the wall catches up). A step of more than
 * STEADY_STEP_MS against the monotonic clock, in either direction, is counted and not believed for
 * STEADY_HOLD_MS: time goes on as if it had not been, and nothing fires. So an operator's or a
 * synchronising daemon's mistake that is mended at once leaves no trace: nothing is sent early, and no
 * instant that never was gets into the log or into what is known to be folded. After that the new
 * wall time is taken as it is.
 */
#ifndef DECLIC_APP_STEADY_CLOCK_H
#define DECLIC_APP_STEADY_CLOCK_H

#include "base/err.h"
#include "ports/clock.h"

#include <stdbool.h>

#define STEADY_STEP_MS 5000
#define STEADY_HOLD_MS 10000
#define STEADY_LOOK_MS 5000 /* a step that was not looked at for so long is held anew */

struct steady_clock {
    struct clock_port port;
    bool started;
    int64_t looked_at_ms; /* monotonic */
    int64_t last_ms;      /* last answer */
    int64_t base_wall_ms; /* wall - monotonic as last accepted */
    bool stepped;         /* the wall is not where it was; not believed yet */
    int64_t stepped_base_ms;
    int64_t hold_until_ms; /* monotonic; with `stepped`: believed from then on */
    int64_t steps;         /* how many were seen */
    int64_t accepted;      /* how many were believed */
    int64_t last_step_ms;  /* size of the last one, signed */
};

void steady_clock_init(struct steady_clock *clock, struct clock_port port);
/* Wall time, ms since the epoch. */
int64_t steady_clock_now(struct steady_clock *clock);
/* Whether firing must wait because of a step; as of the last steady_clock_now. */
bool steady_clock_holds(const struct steady_clock *clock);

#endif
