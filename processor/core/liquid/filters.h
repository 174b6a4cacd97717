/* The filters: one table from filters.def, and what their files share. */
#ifndef DECLIC_CORE_LIQUID_FILTERS_H
#define DECLIC_CORE_LIQUID_FILTERS_H

#include "base/span.h"
#include "core/value.h"

struct run;

/* Arguments are as many as the table allows; those named come as one map, the last. */
typedef struct value filter_function(struct run *run, struct value input, const struct value *arguments,
                                     uint32_t count);

struct filter {
    const char *name;
    uint32_t least_arguments;
    uint32_t most_arguments;
    filter_function *function;
};

const struct filter *filter_by_name(struct span name);
/* The filter that was probably meant; NULL: none is near. */
const char *filter_nearest(struct span name);
bool filter_is_raw(const struct filter *filter);

#define FILTER(name, least, most) filter_function filter_##name;
#include "core/liquid/filters.def"
#undef FILTER

/* Argument `index`, nil when it was not given. */
static inline struct value filter_argument(const struct value *arguments, uint32_t count, uint32_t index)
{
    return index < count ? arguments[index] : value_null();
}

#endif
