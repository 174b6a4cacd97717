/* Time zones from the system's tzdata: TZif files (RFC 8536) and the rule at their end.
 *
 * Governments change their clocks several times a year, and tzdata follows within days, while ICU's own
 * tables are as old as its package (Debian 12's know nothing of what Mexico, Egypt and Kazakhstan did since
 * 2022). A message at the wrong hour is a mistake that people see, so the system's files come first.
 */
#ifndef DECLIC_ICU_TZIF_H
#define DECLIC_ICU_TZIF_H

#include "base/err.h"
#include "base/span.h"

#define TZIF_FOLDER "/usr/share/zoneinfo"
#define TZIF_FOREVER_S ((int64_t)1 << 53)
#define TZIF_ABBREVIATION_BYTES 16

/* A stretch of time with one offset: from_s <= instant < to_s (±TZIF_FOREVER_S where there is no end). */
struct tzif_period {
    int64_t from_s;
    int64_t to_s;
    int32_t offset_s;
    bool is_summer;
    char abbreviation[TZIF_ABBREVIATION_BYTES]; /* "CEST", or "+03" where there are no letters */
};

struct tzif_zone;

/* The zone of a file below `folder`; NULL when there is none of that name, or it is no zone. */
struct tzif_zone *tzif_open(const char *folder, const char *name);
/* The zone in a file's bytes; NULL when they are not TZif of version 2 or later, or contradict themselves.
 */
struct tzif_zone *tzif_parse(struct span bytes);
void tzif_close(struct tzif_zone *zone);

/* The period that holds at the instant. */
struct tzif_period tzif_find(const struct tzif_zone *zone, int64_t instant_s);

#endif
