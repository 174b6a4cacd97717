/* The rule at the end of a TZif file: a POSIX TZ string, "CET-1CEST,M3.5.0,M10.5.0/3".
 *
 * With RFC 8536's extension: the hour of a change may lie between -167 and 167.
 */
#ifndef DECLIC_ICU_TZIF_RULE_H
#define DECLIC_ICU_TZIF_RULE_H

#include "icu/tzif.h"

/* A day of each year, and a local time on it. */
struct tzif_change {
    char kind; /* 'M': weekday `day` of week `week` (5: the last) of `month`; 'J': day 1-365, never 29
                  February; 'D': day 0-365 */
    int month;
    int week;
    int day;
    int32_t time_s;
};

struct tzif_rule {
    char standard[TZIF_ABBREVIATION_BYTES];
    int32_t standard_offset_s;
    bool has_summer;
    char summer[TZIF_ABBREVIATION_BYTES];
    int32_t summer_offset_s;
    struct tzif_change start; /* of summer time, on the standard clock */
    struct tzif_change end;   /* on the summer clock */
};

/* ERR_SYNTAX for what is no such string. */
WARN_UNUSED enum err tzif_rule_parse(struct span text, struct tzif_rule *rule);

/* The period that holds at the instant by the rule alone. */
struct tzif_period tzif_rule_find(const struct tzif_rule *rule, int64_t instant_s);

#endif
