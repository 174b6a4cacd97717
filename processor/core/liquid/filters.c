#include "core/liquid/filters.h"

#include <stdlib.h>

#include "base/nearest.h"

static const struct filter filters[] = {
#define FILTER(name, least, most) {#name, least, most, filter_##name},
#include "core/liquid/filters.def"
#undef FILTER
};

static int compare_name(const void *key, const void *filter)
{
    const struct span *name = key;
    return span_compare(*name, span_from_text(((const struct filter *)filter)->name));
}

const struct filter *filter_by_name(struct span name)
{
    return bsearch(&name, filters, sizeof filters / sizeof *filters, sizeof *filters, compare_name);
}

const char *filter_nearest(struct span name)
{
    return nearest_name(name, &filters[0].name, sizeof *filters, sizeof filters / sizeof *filters);
}

bool filter_is_raw(const struct filter *filter)
{
    return filter->function == filter_raw;
}
