#include "core/quiet.h"

/* Longer than any stretch of quiet that ends: six days and a night, with room. */
#define LONGEST_QUIET_MS (9 * DAY_MS)

static bool local_is_quiet(const struct quiet_rule *rule, int64_t local_ms)
{
    int64_t day = local_day(local_ms);
    if (rule->days >> day_weekday(day) & 1)
        return true;
    if (!rule->has_range || rule->from_minute == rule->to_minute)
        return false;
    int64_t minute = (local_ms - day * DAY_MS) / MINUTE_MS;
    bool after_from = minute >= rule->from_minute, before_to = minute < rule->to_minute;
    return rule->from_minute < rule->to_minute ? after_from && before_to : after_from || before_to;
}

/* The end of quiet on a clock that is never set: wall time alone. */
static int64_t local_end(const struct quiet_rule *rule, int64_t local_ms)
{
    int64_t start_ms = local_ms;
    while (local_is_quiet(rule, local_ms) && local_ms - start_ms <= LONGEST_QUIET_MS) {
        int64_t midnight_ms = local_day(local_ms) * DAY_MS;
        int64_t to_ms = midnight_ms + rule->to_minute * MINUTE_MS;
        /* Quiet can end only at `to` or at midnight. */
        local_ms = rule->has_range && to_ms > local_ms ? to_ms : midnight_ms + DAY_MS;
    }
    return local_ms;
}

bool quiet_at(const struct quiet_rule *rule, const struct locale_port *locale,
              const struct locale_zone *zone, int64_t instant_ms)
{
    return local_is_quiet(rule, zone_local_ms(locale, zone, instant_ms));
}

/* The first instant in (from_ms, to_ms] with another offset than from_ms has, to the second; false when
 * the offset at to_ms is the same. */
static bool next_transition(const struct locale_port *locale, const struct locale_zone *zone,
                            int64_t from_ms, int64_t to_ms, int64_t *transition_ms)
{
    int64_t offset_ms = zone_offset_ms(locale, zone, from_ms);
    if (zone_offset_ms(locale, zone, to_ms) == offset_ms)
        return false;
    int64_t same_ms = from_ms, other_ms = to_ms;
    while (other_ms - same_ms > 1) {
        int64_t middle_ms = same_ms + (other_ms - same_ms) / 2;
        if (zone_offset_ms(locale, zone, middle_ms) == offset_ms)
            same_ms = middle_ms;
        else
            other_ms = middle_ms;
    }
    *transition_ms = other_ms;
    return true;
}

bool quiet_end(const struct quiet_rule *rule, const struct locale_port *locale,
               const struct locale_zone *zone, int64_t instant_ms, int64_t *end_ms)
{
    int64_t now_ms = instant_ms;
    while (now_ms - instant_ms <= LONGEST_QUIET_MS) {
        int64_t local_ms = zone_local_ms(locale, zone, now_ms);
        if (!local_is_quiet(rule, local_ms)) {
            *end_ms = now_ms;
            return true;
        }
        /* Right unless the clock is set before; a day at a time, so that two changes do not hide. */
        int64_t left_ms = local_end(rule, local_ms) - local_ms;
        int64_t next_ms = now_ms + (left_ms < DAY_MS ? left_ms : DAY_MS);
        int64_t transition_ms;
        now_ms = next_transition(locale, zone, now_ms, next_ms, &transition_ms) ? transition_ms : next_ms;
    }
    return false;
}
