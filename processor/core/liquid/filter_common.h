/* What the files of filters share. */
#ifndef DECLIC_CORE_LIQUID_FILTER_COMMON_H
#define DECLIC_CORE_LIQUID_FILTER_COMMON_H

#include "core/liquid/run.h"

#define ARGUMENT(index) filter_argument(arguments, count, (index))
#define FILTER_FUNCTION(name)                                                                      \
    struct value filter_##name(struct run *run, struct value input, const struct value *arguments, \
                               uint32_t count)
#define NO_ARGUMENTS ((void)arguments, (void)count)

/* A list of the filter's own: its items may be moved about. */
struct list {
    struct value *items;
    size_t count;
};

struct list list_from_input(struct run *run, struct value input);
struct value list_to_value(struct list list);

/* Whether Ruby's value answers to `[]`: maps, text, lists and whole numbers do. */
bool value_has_members(struct value item);
/* Ruby's item[property]; fails where Ruby has a TypeError. The item must have members. */
struct value run_property(struct run *run, struct value item, struct value property);

#endif
