/* Quiet hours: whether an instant is quiet, and when that ends.
 *
 * An instant is quiet when its local wall time lies in [from, to) (over midnight when from > to; never
 * when they are equal) or its local day is one of `days`. A wall time that the clock shows twice is quiet
 * both times. */
#ifndef DECLIC_CORE_QUIET_H
#define DECLIC_CORE_QUIET_H

#include "core/zone.h"

bool quiet_at(const struct quiet_rule *rule, const struct locale_port *locale,
              const struct locale_zone *zone, int64_t instant_ms);

/* The first instant after a quiet one that is not quiet. False when there is none (all seven days). */
bool quiet_end(const struct quiet_rule *rule, const struct locale_port *locale,
               const struct locale_zone *zone, int64_t instant_ms, int64_t *end_ms);

#endif
