#include "core/cel/loop.h"

static bool builds_list(enum cel_macro macro)
{
    return macro >= CEL_MACRO_FILTER;
}

static void take_item(struct cel_loop *loop)
{
    loop->item =
        loop->range.kind == VALUE_LIST ? loop->range.items[loop->at] : loop->range.members[loop->at].key;
}

struct value cel_loop_result(const struct cel_loop *loop, enum cel_macro macro)
{
    if (builds_list(macro))
        return value_list(loop->items, loop->count);
    if (macro == CEL_MACRO_EXISTS_ONE)
        return value_bool(loop->accumulated.integer == 1);
    return loop->accumulated;
}

bool cel_loop_begin(struct cel_run *run, struct cel_loop *loop, enum cel_macro macro, struct value range,
                    struct value *result)
{
    *loop = (struct cel_loop){.range = range};
    if (range.kind != VALUE_LIST && range.kind != VALUE_MAP) {
        *result = cel_is_fault(range) ? range : cel_fault(CEL_FAULT_NOT_A_RANGE);
        return false;
    }
    if (builds_list(macro)) {
        if (!cel_spend_items(run, range.size)) {
            *result = cel_fault(CEL_FAULT_LIMIT);
            return false;
        }
        loop->items = arena_alloc(run->arena, range.size * sizeof *loop->items);
    }
    loop->accumulated = macro == CEL_MACRO_EXISTS_ONE ? value_int(0) : value_bool(macro == CEL_MACRO_ALL);
    if (range.size == 0) {
        *result = cel_loop_result(loop, macro);
        return false;
    }
    take_item(loop);
    return true;
}

bool cel_loop_step(struct cel_loop *loop)
{
    if (++loop->at >= loop->range.size)
        return false;
    take_item(loop);
    return true;
}

bool cel_loop_take(struct cel_loop *loop, enum cel_macro macro, struct value value, struct value *result)
{
    bool is_fault = cel_is_fault(value);
    *result = value;
    switch (macro) {
    case CEL_MACRO_MAP:
    case CEL_MACRO_MAP_FILTER:
        if (!is_fault)
            loop->items[loop->count++] = value;
        return is_fault;
    case CEL_MACRO_ALL:
    case CEL_MACRO_EXISTS:
        if (is_fault && !cel_is_fault(loop->accumulated))
            loop->accumulated = value;
        return !is_fault && value.boolean == (macro == CEL_MACRO_EXISTS);
    case CEL_MACRO_FILTER:
        if (!is_fault && value.boolean)
            loop->items[loop->count++] = loop->item;
        return is_fault;
    case CEL_MACRO_EXISTS_ONE:
        if (!is_fault && value.boolean)
            loop->accumulated.integer += 1;
        return is_fault;
    }
    return false;
}
