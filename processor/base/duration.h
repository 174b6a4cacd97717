/* Durations as people write them: `500ms`, `30s`, `15m`, `1h30m`, `7d`, `2w`. */
#ifndef DECLIC_BASE_DURATION_H
#define DECLIC_BASE_DURATION_H

#include "base/err.h"
#include "base/span.h"

/* Parses one or more whole numbers, each with its unit (w d h m s ms; a day is 24 hours), larger units
 * first and each at most once. Never negative.
 * Errors: ERR_SYNTAX; ERR_OVERFLOW when the sum does not fit int64_t milliseconds. */
WARN_UNUSED enum err duration_parse_ms(struct span text, int64_t *ms);

#endif
