/* Days and civil dates, without zones: the proleptic Gregorian calendar (ISO 8601), and RFC 3339.
 *
 * Formulas: the usual era arithmetic (400-year cycles of 146,097 days) on years that start in March.
 */
#ifndef DECLIC_BASE_CIVIL_H
#define DECLIC_BASE_CIVIL_H

#include "base/err.h"
#include "base/span.h"

struct civil_date {
    int64_t year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
};

/* Days since 1970-01-01 of a date; the date need not be valid (day 31 of a short month runs on). */
int64_t civil_to_days(struct civil_date date);
struct civil_date civil_from_days(int64_t days);
/* 0 = Sunday … 6 = Saturday. */
int civil_weekday(int64_t days);
bool civil_is_leap_year(int64_t year);
int civil_month_days(int64_t year, int month);

/* Parses RFC 3339 (`T`, `t` or a space between date and time; `Z`, `z` or an offset; any number of
 * fraction digits, cut after nine) strictly: every field in range, second 60 refused, years
 * 0000-9999. *seconds is floored, *nanos 0..999,999,999. ERR_SYNTAX otherwise. */
WARN_UNUSED enum err civil_parse_rfc3339(struct span text, int64_t *seconds, uint32_t *nanos);
/* `YYYY-MM-DD`, a valid date. ERR_SYNTAX otherwise. */
WARN_UNUSED enum err civil_parse_date(struct span text, int64_t *days);

#define CIVIL_RFC3339_BYTES 32
/* Writes ms since the epoch as "2026-12-01T08:30:00.000Z" (always three fraction digits) and returns
 * its length. Years outside 0000-9999 get as many digits as they need. */
size_t civil_format_ms(int64_t ms, char text[CIVIL_RFC3339_BYTES]);

#endif
