/* Local time, in ms: the arithmetic between instants, zones and wall clocks.
 *
 * A zone is `const struct locale_zone *`, NULL for UTC. A local time is the wall clock read as if it were
 * UTC, in ms. Which zone applies: the user's is profile.time_zone, else the policy's, else UTC; one that
 * a step or quiet hours name is that, else the policy's, else UTC.
 */
#ifndef DECLIC_CORE_ZONE_H
#define DECLIC_CORE_ZONE_H

#include "core/scope.h"
#include "ports/locale.h"

#define DAY_MS ((int64_t)86400000)
#define MINUTE_MS ((int64_t)60000)

/* Instants are kept between the years 0000 and 9999, which is what can be printed. */
#define INSTANT_MIN_MS ((int64_t)-62167219200000)
#define INSTANT_MAX_MS ((int64_t)253402300799999)
bool instant_is_valid(int64_t instant_ms);

const struct locale_zone *zone_of_policy(const struct fold *fold);
const struct locale_zone *zone_of_user(const struct fold *fold, const struct user_state *state);
const struct locale_zone *zone_of_spec(const struct scope *scope, const struct zone_spec *spec);

int64_t zone_offset_ms(const struct locale_port *locale, const struct locale_zone *zone,
                       int64_t instant_ms);
int64_t zone_local_ms(const struct locale_port *locale, const struct locale_zone *zone, int64_t instant_ms);
/* A local time that the clock skips is the first instant after the gap, one that occurs twice the first. */
int64_t zone_instant_ms(const struct locale_port *locale, const struct locale_zone *zone, int64_t local_ms);

/* The local day of an instant, in days since the epoch. */
int64_t zone_day(const struct locale_port *locale, const struct locale_zone *zone, int64_t instant_ms);
/* The first instant of a local day. */
int64_t zone_day_start_ms(const struct locale_port *locale, const struct locale_zone *zone, int64_t day);

/* Days of a local time; 0 = Monday … 6 = Sunday. */
int64_t local_day(int64_t local_ms);
int day_weekday(int64_t day);

#endif
