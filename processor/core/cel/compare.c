/* Equality, order, membership and lookup. */
#include <math.h>

#include "core/cel/program.h"

static int compare_doubles(double a, double b)
{
    if (isnan(a) || isnan(b))
        return 2;
    return a < b ? -1 : a > b;
}

static double as_double(struct value number)
{
    return number.kind == VALUE_INT    ? (double)number.integer
           : number.kind == VALUE_UINT ? (double)number.natural
                                       : number.real;
}

/* With a double, an integer is compared as the nearest double: the public conformance tests want
 * 9223372036854775807 <= 9223372036854775808.0 and >= to hold both. */
int cel_compare_numbers(struct value a, struct value b)
{
    if (a.kind == VALUE_DOUBLE || b.kind == VALUE_DOUBLE)
        return compare_doubles(as_double(a), as_double(b));
    if (a.kind == VALUE_INT && b.kind == VALUE_INT)
        return a.integer < b.integer ? -1 : a.integer > b.integer;
    if (a.kind == VALUE_INT && a.integer < 0)
        return -1;
    if (b.kind == VALUE_INT && b.integer < 0)
        return 1;
    return a.natural < b.natural ? -1 : a.natural > b.natural;
}

static bool lists_equal(struct cel_run *run, struct value a, struct value b)
{
    if (a.size != b.size || !cel_spend_items(run, a.size))
        return false;
    for (uint32_t i = 0; i < a.size; i++)
        if (!cel_equal(run, a.items[i], b.items[i]))
            return false;
    return true;
}

static bool maps_equal(struct cel_run *run, struct value a, struct value b)
{
    if (a.size != b.size)
        return false;
    for (uint32_t i = 0; i < a.size; i++) {
        const struct value *other = cel_find(run, b, a.members[i].key);
        if (other == NULL || !cel_equal(run, a.members[i].value, *other))
            return false;
    }
    return true;
}

bool cel_equal(struct cel_run *run, struct value a, struct value b)
{
    if (a.kind != b.kind)
        return cel_is_number(a) && cel_is_number(b) && cel_compare_numbers(a, b) == 0;
    switch ((enum value_kind)a.kind) {
    case VALUE_LIST:
        return lists_equal(run, a, b);
    case VALUE_MAP:
        return maps_equal(run, a, b);
    case VALUE_STRING:
    case VALUE_BYTES:
        return a.size == b.size && cel_spend_bytes(run, a.size) && memcmp(a.bytes, b.bytes, a.size) == 0;
    default:
        return value_equal(a, b);
    }
}

/* The order of two values of the same kind that is no number; false when the kind has none. */
static bool compare_same(struct cel_run *run, struct value a, struct value b, int *order)
{
    switch ((enum value_kind)a.kind) {
    case VALUE_BOOL:
        *order = (int)a.boolean - (int)b.boolean;
        return true;
    case VALUE_STRING:
    case VALUE_BYTES:
        (void)cel_spend_bytes(run, a.size < b.size ? a.size : b.size);
        *order = span_compare(value_span(a), value_span(b));
        *order = (*order > 0) - (*order < 0);
        return true;
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
        *order = a.integer != b.integer ? (a.integer < b.integer ? -1 : 1)
                                        : (a.size < b.size ? -1 : a.size > b.size);
        return true;
    default:
        return false;
    }
}

struct value cel_order(struct cel_run *run, enum cel_operator operator_, struct value a, struct value b)
{
    int order;
    if (cel_is_number(a) && cel_is_number(b))
        order = cel_compare_numbers(a, b);
    else if (a.kind != b.kind || !compare_same(run, a, b, &order))
        return cel_fault(CEL_FAULT_NO_OVERLOAD);
    if (order == 2) /* NaN: IEEE 754 has every order with it false */
        return value_bool(false);
    switch (operator_) {
    case CEL_LESS:
        return value_bool(order < 0);
    case CEL_LESS_EQUAL:
        return value_bool(order <= 0);
    case CEL_GREATER:
        return value_bool(order > 0);
    default:
        return value_bool(order >= 0);
    }
}

const struct value *cel_find(struct cel_run *run, struct value map, struct value key)
{
    if (!cel_spend_items(run, map.size))
        return NULL;
    if (key.kind == VALUE_STRING)
        return value_member_find(map, value_span(key));
    if (key.kind != VALUE_BOOL && !cel_is_number(key))
        return NULL;
    for (uint32_t i = 0; i < map.size; i++)
        if (cel_equal(run, map.members[i].key, key))
            return &map.members[i].value;
    return NULL;
}

struct value cel_contains(struct cel_run *run, struct value container, struct value value)
{
    if (container.kind == VALUE_MAP)
        return value_bool(cel_find(run, container, value) != NULL);
    if (container.kind != VALUE_LIST)
        return cel_fault(CEL_FAULT_NO_OVERLOAD);
    for (uint32_t i = 0; i < container.size; i++) {
        if (i % 8 == 7 && !cel_spend(run, 1))
            return cel_fault(CEL_FAULT_LIMIT);
        if (cel_equal(run, container.items[i], value))
            return value_bool(true);
    }
    return value_bool(false);
}

/* A whole number of any numeric kind, as a list index takes it. */
static bool whole_number(struct value key, int64_t *number)
{
    switch ((enum value_kind)key.kind) {
    case VALUE_INT:
        *number = key.integer;
        return true;
    case VALUE_UINT:
        *number = key.natural > INT64_MAX ? INT64_MAX : (int64_t)key.natural;
        return true;
    case VALUE_DOUBLE:
        if (!(fabs(key.real) < 0x1p53) || trunc(key.real) != key.real)
            return false;
        *number = (int64_t)key.real;
        return true;
    default:
        return false;
    }
}

struct value cel_index(struct cel_run *run, struct value container, struct value key)
{
    if (container.kind == VALUE_MAP) {
        const struct value *found = cel_find(run, container, key);
        return found == NULL ? cel_fault(CEL_FAULT_NO_KEY) : *found;
    }
    if (container.kind != VALUE_LIST)
        return cel_fault(CEL_FAULT_NO_OVERLOAD);
    int64_t at;
    if (!whole_number(key, &at))
        return cel_fault(CEL_FAULT_BAD_INDEX_TYPE);
    return at < 0 || at >= container.size ? cel_fault(CEL_FAULT_INDEX_RANGE) : container.items[at];
}

struct value cel_make_map(struct cel_run *run, const struct value *keys_and_values, uint32_t count)
{
    uint32_t size = count / 2;
    struct value_member *members = ARENA_ARRAY(run->arena, struct value_member, size);
    for (uint32_t i = 0; i < size; i++) {
        struct value key = keys_and_values[2 * i];
        if (key.kind != VALUE_STRING && key.kind != VALUE_INT && key.kind != VALUE_UINT &&
            key.kind != VALUE_BOOL)
            return cel_fault(CEL_FAULT_KEY_TYPE);
        if (cel_find(run, value_map(members, i), key) != NULL)
            return cel_fault(CEL_FAULT_REPEATED_KEY);
        if (run->steps < 0)
            return cel_fault(CEL_FAULT_LIMIT);
        members[i].key = key;
        members[i].value = keys_and_values[2 * i + 1];
    }
    return value_map(members, size);
}
