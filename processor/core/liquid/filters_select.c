/* Filters that look at a property of each item. */
#include "core/liquid/chars.h"
#include "core/liquid/filter_common.h"
#include "core/liquid/filters.h"
#include "core/liquid/number.h"

bool value_has_members(struct value item)
{
    return item.kind == VALUE_MAP || item.kind == VALUE_STRING || item.kind == VALUE_INT ||
           item.kind == VALUE_LIST || item.kind == LIQUID_BIG || item.kind >= LIQUID_LOOP;
}

static _Noreturn void fail_property(struct run *run, struct value property)
{
    struct span text = run_to_text(run, property);
    run_fail(run, ERR_INVALID, "cannot select the property '%.*s'", (int)(text.size < 64 ? text.size : 64),
             text.data);
}

struct value run_property(struct run *run, struct value item, struct value property)
{
    bool found;
    item = run_import(run, item);
    switch (item.kind) {
    case VALUE_MAP: {
        const struct value *member =
            property.kind == VALUE_STRING ? run_member(run, item, value_span(property)) : NULL;
        return member == NULL ? value_null() : run_import(run, *member);
    }
    case VALUE_STRING:
        if (property.kind == VALUE_STRING) {
            struct span text = value_span(property);
            run_charge_bytes(run, item.size);
            bool is_part = text.size == 0 || memmem(item.bytes, item.size, text.data, text.size) != NULL;
            return is_part ? property : value_null();
        }
        if (property.kind == VALUE_INT)
            return filter_slice(run, item, &property, 1);
        break;
    case VALUE_INT:
        if (property.kind == VALUE_INT)
            return value_int(property.integer < 0
                                 ? 0
                                 : item.integer >> (property.integer > 63 ? 63 : property.integer) & 1);
        break;
    case LIQUID_LOOP:
    case LIQUID_TABLE_LOOP:
        return property.kind == VALUE_STRING ? loop_state_get(run, item, value_span(property), &found)
                                             : value_null();
    case LIQUID_SELF:
        if (property.kind == VALUE_STRING && run_self_get(run, item, value_span(property), &item))
            return item;
        return value_null();
    default:
        break;
    }
    fail_property(run, property);
}

/* Whether the item has the property, with the wanted value if one is given. */
static bool is_selected(struct run *run, struct value item, const struct value *arguments, uint32_t count)
{
    struct value value = run_property(run, item, arguments[0]);
    struct value wanted = ARGUMENT(1);
    return wanted.kind == VALUE_NULL ? value_is_true(value) : run_equal(run, value, wanted);
}

/* Moves the items that are selected (or that are not) to the front; false when an item has no properties.
 */
static bool select_items(struct run *run, struct list *list, const struct value *arguments, uint32_t count,
                         bool selected)
{
    size_t kept = 0;
    run_charge(run, list->count / 8);
    for (size_t i = 0; i < list->count; i++) {
        if (!value_has_members(list->items[i]))
            return false;
        if (is_selected(run, list->items[i], arguments, count) == selected)
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
    return true;
}

FILTER_FUNCTION(where)
{
    struct list list = list_from_input(run, input);
    return select_items(run, &list, arguments, count, true) ? list_to_value(list) : value_null();
}

FILTER_FUNCTION(reject)
{
    struct list list = list_from_input(run, input);
    return select_items(run, &list, arguments, count, false) ? list_to_value(list) : value_null();
}

/* The index of the first selected item; -1 when none is; -2 when one before it has no properties. */
static int64_t find_item(struct run *run, const struct list *list, const struct value *arguments,
                         uint32_t count)
{
    run_charge(run, list->count / 8);
    for (size_t i = 0; i < list->count; i++) {
        if (!value_has_members(list->items[i]))
            return -2;
        if (is_selected(run, list->items[i], arguments, count))
            return (int64_t)i;
    }
    return -1;
}

FILTER_FUNCTION(find)
{
    struct list list = list_from_input(run, input);
    int64_t at = find_item(run, &list, arguments, count);
    return at >= 0 ? run_import(run, list.items[at]) : value_null();
}

FILTER_FUNCTION(find_index)
{
    struct list list = list_from_input(run, input);
    int64_t at = find_item(run, &list, arguments, count);
    return at >= 0 ? value_int(at) : value_null();
}

FILTER_FUNCTION(has)
{
    struct list list = list_from_input(run, input);
    int64_t at = find_item(run, &list, arguments, count);
    return at == -2 ? value_null() : value_bool(at >= 0);
}

FILTER_FUNCTION(map)
{
    (void)count;
    struct list list = list_from_input(run, input);
    struct value property = arguments[0];
    bool is_identity = property.kind == VALUE_STRING && span_equal_text(value_span(property), "to_liquid");
    run_charge(run, list.count / 8);
    for (size_t i = 0; i < list.count && !is_identity; i++)
        list.items[i] =
            value_has_members(list.items[i]) ? run_property(run, list.items[i], property) : value_null();
    return list_to_value(list);
}

/* Adds up one value, or the items of a list of them. */
static void add_up(struct run *run, struct number *sum, struct value value)
{
    struct list list = list_from_input(run, value);
    for (size_t i = 0; i < list.count; i++)
        if (number_compute(NUMBER_PLUS, *sum, number_from_value(run_import(run, list.items[i])), sum) !=
            ERR_OK)
            run_fail(run, ERR_INVALID, "the sum has too many digits");
}

FILTER_FUNCTION(sum)
{
    struct value property = ARGUMENT(0);
    struct list list = list_from_input(run, input);
    struct number sum = {0};
    run_charge(run, list.count / 8);
    for (size_t i = 0; i < list.count; i++) {
        struct value item = list.items[i];
        if (property.kind == VALUE_NULL)
            add_up(run, &sum, item);
        else if (value_has_members(item))
            add_up(run, &sum, run_property(run, item, property));
    }
    return number_to_value(sum, run->arena);
}
