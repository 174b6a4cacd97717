/* A line of a simulation's input, as far as it is read before the clock moves.
 */
#ifndef DECLIC_MEMORY_SIM_LINE_H
#define DECLIC_MEMORY_SIM_LINE_H

#include "codec/source_record.h"

struct sim_line {
    struct value value;
    int64_t arrives_ms; /* as it says */
};

/* Parses into `arena`. Errors (diag): no JSON object, or no arrival that can be read. */
WARN_UNUSED enum err sim_line_read(struct span text, const struct record_limits *limits,
                                   struct arena *arena, struct sim_line *line, struct diag *diag);

/* Whether it is a profile. ERR_INVALID (diag): neither that nor an event. */
WARN_UNUSED enum err sim_line_kind(struct value value, bool *profile, struct diag *diag);

#endif
