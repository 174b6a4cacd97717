/* A small locale for the CEL tests: two zones of their own, so that no time zone data is needed. */
#ifndef DECLIC_TESTS_UNIT_CEL_LOCALE_H
#define DECLIC_TESTS_UNIT_CEL_LOCALE_H

#include "ports/locale.h"

struct locale_zone {
    const char *name;
    int32_t before_s, after_s; /* offsets until and from 2024-01-01T00:00:00Z */
};

static const struct locale_zone cel_test_zones[] = {{"Test/Plus_0545", 20700, 20700},
                                                    {"Test/Summer", 3600, 7200}};

static inline const struct locale_zone *cel_test_zone_find(void *self, struct span name)
{
    (void)self;
    for (size_t i = 0; i < sizeof cel_test_zones / sizeof *cel_test_zones; i++)
        if (span_equal_text(name, cel_test_zones[i].name))
            return &cel_test_zones[i];
    return NULL;
}

static inline int32_t cel_test_zone_offset_s(void *self, const struct locale_zone *zone, int64_t instant_s)
{
    (void)self;
    return instant_s < 1704067200 ? zone->before_s : zone->after_s;
}

static const struct locale_port cel_test_locale = {
    .zone_find = cel_test_zone_find,
    .zone_offset_s = cel_test_zone_offset_s,
};

#endif
