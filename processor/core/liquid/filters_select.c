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

/* Ruby's string[property]: the part if it is there, or the character at an index. */
static struct value text_property(struct run *run, struct value item, struct value property)
{
    struct span text = value_span(item);
    struct span part = value_span(property);
    run_charge_bytes(run, text.size);
    if (property.kind == VALUE_STRING) {
        bool is_part = part.size == 0 ||
                       (text.size != 0 && memmem(text.data, text.size, part.data, part.size) != NULL);
        return is_part ? property : value_null();
    }
    int64_t index = property.integer;
    if (index < 0)
        index += (int64_t)utf8_count(text);
    size_t from = index < 0 ? text.size : utf8_offset(text, (size_t)index);
    if (from == text.size)
        return value_null();
    return value_string(span_slice(text, from, from + utf8_size(span_slice(text, from, text.size))));
}

/* Ruby's integer[index]: a bit of it. */
static struct value bit_property(int64_t whole, int64_t index)
{
    if (index < 0)
        return value_int(0);
    return value_int(whole >> (index > 63 ? 63 : index) & 1);
}

static struct value state_property(struct run *run, struct value item, struct value property)
{
    bool found;
    struct value value = value_null();
    if (property.kind != VALUE_STRING)
        return value;
    if (item.kind != LIQUID_SELF)
        return loop_state_get(run, item, value_span(property), &found);
    found = run_self_get(run, item, value_span(property), &value);
    return found ? value : value_null();
}

struct value run_property(struct run *run, struct value item, struct value property)
{
    item = run_import(run, item);
    if (item.kind == VALUE_MAP) {
        const struct value *member =
            property.kind == VALUE_STRING ? run_member(run, item, value_span(property)) : NULL;
        return member == NULL ? value_null() : run_import(run, *member);
    }
    if (item.kind >= LIQUID_LOOP)
        return state_property(run, item, property);
    int64_t index;
    if (property.kind == VALUE_DOUBLE && number_literal_to_int(property, &index))
        property = value_int(index);
    if (item.kind == VALUE_STRING && (property.kind == VALUE_STRING || property.kind == VALUE_INT))
        return text_property(run, item, property);
    if (item.kind == VALUE_INT && property.kind == VALUE_INT)
        return bit_property(item.integer, property.integer);
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
