/* When a step is due.
 *
 * Turns a step's `send` form and the journey's trigger into one instant:
 *
 *   {after: 1h}                       trigger time + 1 h
 *   {after|before: d, date: X}        X + or - d
 *   {days: n, at: "18:30"}            n days after the trigger's local date, at that local time; days: 0
 *                                     and that is before the trigger's time: the next day
 *   {days: n, at: "18:30", date: X}   n days after X's local date
 *   on: [mon, tue] with any of them   the same local time of the first such day, that day included
 *
 * A date is an RFC 3339 text with an offset, `YYYY-MM-DD` (midnight in the step's zone), a number of ms
 * since the epoch, or a timestamp. Pure: the zone tables come in through the fold's locale port.
 */
#ifndef DECLIC_CORE_SCHEDULE_H
#define DECLIC_CORE_SCHEDULE_H

#include "core/zone.h"

/* Writes the due instant to *due_ms. The scope is that of the entering event (or, for a date trigger, of
 * the profile). `trigger` gives time, kind and, for YEARLY and DATE, the local day.
 * Errors: ERR_NO_DATE when the form needs a date that is missing or not one, or the result lies outside
 * the years 0000 to 9999. */
WARN_UNUSED enum err schedule_due(const struct scope *scope, const struct send_rule *rule,
                                  const struct trigger_facts *trigger, int64_t *due_ms);

/* A value as a date: the instant, and the local day it has in the zone. ERR_NO_DATE. */
WARN_UNUSED enum err schedule_date(const struct locale_port *locale, const struct locale_zone *zone,
                                   struct value value, int64_t *instant_ms, int64_t *day);

#endif
