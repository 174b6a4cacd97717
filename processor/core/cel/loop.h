/* A macro that is going over a range: all, exists, exists_one, filter, map. */
#ifndef DECLIC_CORE_CEL_LOOP_H
#define DECLIC_CORE_CEL_LOOP_H

#include "core/cel/program.h"

struct cel_loop {
    struct value range;
    struct value item; /* the element it stands at */
    uint32_t at;
    struct value accumulated; /* all, exists: the result so far; exists_one: how many */
    struct value *items;      /* filter, map: the list so far, room for all of the range */
    uint32_t count;
};

/* Begins at the first element; false when *result is known already (no elements, no range, a fault). */
bool cel_loop_begin(struct cel_run *run, struct cel_loop *loop, enum cel_macro macro, struct value range,
                    struct value *result);

/* Steps on; false when there is no further element. */
bool cel_loop_step(struct cel_loop *loop);

/* Takes the value of the macro's argument for one element (a bool or a fault, but for map); true when that
 * decides *result. */
bool cel_loop_take(struct cel_loop *loop, enum cel_macro macro, struct value value, struct value *result);

/* The macro's result when all elements are done. */
struct value cel_loop_result(const struct cel_loop *loop, enum cel_macro macro);

#endif
