/* Filters on lists as a whole. As in Ruby, text, numbers and maps are lists of one, nil is none, and lists
 * within a list are laid out flat. */
#include <stdlib.h>

#include "core/liquid/chars.h"
#include "core/liquid/filter_common.h"
#include "core/liquid/filters.h"
#include "core/liquid/number.h"
#include "core/liquid/run.h"

#define MAX_FLATTEN_DEPTH 64

static void count_flat(struct run *run, struct value list, size_t *count, int depth)
{
    if (depth > MAX_FLATTEN_DEPTH)
        run_fail(run, ERR_LIMIT, "a list nests deeper than %d", MAX_FLATTEN_DEPTH);
    for (uint32_t i = 0; i < list.size; i++) {
        if (list.items[i].kind == VALUE_LIST)
            count_flat(run, list.items[i], count, depth + 1);
        else
            *count += 1;
    }
    run_charge(run, list.size / 8);
}

static struct value *copy_flat(struct value list, struct value *to)
{
    for (uint32_t i = 0; i < list.size; i++) {
        if (list.items[i].kind == VALUE_LIST)
            to = copy_flat(list.items[i], to);
        else
            *to++ = list.items[i];
    }
    return to;
}

static struct list flatten(struct run *run, struct value value)
{
    size_t count = 0;
    count_flat(run, value, &count, 0);
    struct value *items = RUN_ARRAY(run, struct value, count);
    copy_flat(value, items);
    return (struct list){items, count};
}

struct list list_from_input(struct run *run, struct value input)
{
    if (input.kind == VALUE_NULL)
        return (struct list){NULL, 0};
    if (input.kind == VALUE_LIST)
        return flatten(run, input);
    int64_t count = input.kind == LIQUID_RANGE ? range_count(value_range(input)) : 1;
    run_charge(run, (uint64_t)count);
    struct value *items = RUN_ARRAY(run, struct value, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        items[i] = input.kind == LIQUID_RANGE ? value_int(value_range(input)->from + i) : input;
    return (struct list){items, (size_t)count};
}

struct value list_to_value(struct list list)
{
    return value_list(list.items, list.count);
}

FILTER_FUNCTION(first)
{
    NO_ARGUMENTS;
    return run_first(run, input);
}

FILTER_FUNCTION(last)
{
    NO_ARGUMENTS;
    return run_last(run, input);
}

FILTER_FUNCTION(join)
{
    struct span glue = count > 0 ? run_to_text(run, arguments[0]) : SPAN_LITERAL(" ");
    struct list list = list_from_input(run, input);
    struct text result = {0};
    for (size_t i = 0; i < list.count; i++) {
        if (i > 0)
            text_append(run, &result, glue);
        run_append_value(run, &result, list.items[i]);
    }
    return text_value(&result);
}

FILTER_FUNCTION(reverse)
{
    NO_ARGUMENTS;
    struct list list = list_from_input(run, input);
    for (size_t i = 0; i < list.count / 2; i++) {
        struct value kept = list.items[i];
        list.items[i] = list.items[list.count - 1 - i];
        list.items[list.count - 1 - i] = kept;
    }
    return list_to_value(list);
}

FILTER_FUNCTION(concat)
{
    struct value more = ARGUMENT(0);
    if (more.kind != VALUE_LIST)
        run_fail(run, ERR_INVALID, "concat needs a list to add");
    struct list list = list_from_input(run, input);
    struct value *items = RUN_ARRAY(run, struct value, list.count + more.size);
    run_charge(run, (list.count + more.size) / 8);
    if (list.count > 0)
        memcpy(items, list.items, list.count * sizeof *items);
    if (more.size > 0)
        memcpy(items + list.count, more.items, more.size * sizeof *items);
    return value_list(items, list.count + more.size);
}

/* An order of two keys; fails for what has none. nil comes last. */
typedef int compare_keys(struct run *run, struct value a, struct value b);

static int compare_strictly(struct run *run, struct value a, struct value b)
{
    int order;
    if (run_order(run, a, b, &order))
        return order;
    if (a.kind != VALUE_NULL && b.kind != VALUE_NULL)
        run_fail(run, ERR_INVALID, "values of different kinds cannot be sorted");
    return a.kind == VALUE_NULL ? 1 : -1;
}

/* By their texts, letters A to Z without regard to case. */
static int compare_naturally(struct run *run, struct value a, struct value b)
{
    if (a.kind == VALUE_NULL || b.kind == VALUE_NULL)
        return (a.kind == VALUE_NULL) - (b.kind == VALUE_NULL);
    struct span x = run_to_text(run, a);
    struct span y = run_to_text(run, b);
    run_charge_bytes(run, x.size < y.size ? x.size : y.size);
    for (size_t i = 0; i < x.size && i < y.size; i++) {
        int order = (uint8_t)char_to_lower(x.data[i]) - (uint8_t)char_to_lower(y.data[i]);
        if (order != 0)
            return order;
    }
    return (x.size > y.size) - (x.size < y.size);
}

struct sort_item {
    struct value key;
    struct value item;
};

/* Merges the sorted halves [0, middle) and [middle, count) of `from` into `to`. */
static void merge(struct run *run, compare_keys *compare, const struct sort_item *from, size_t middle,
                  size_t count, struct sort_item *to)
{
    size_t left = 0;
    size_t right = middle;
    for (size_t i = 0; i < count; i++) {
        bool takes_left =
            left < middle && (right >= count || compare(run, from[left].key, from[right].key) <= 0);
        to[i] = takes_left ? from[left++] : from[right++];
    }
}

/* Stable, and the same on every machine: the libc's qsort is neither. */
static struct sort_item *sort_items(struct run *run, compare_keys *compare, struct sort_item *items,
                                    struct sort_item *spare, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        run_charge(run, count / 4);
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t rest = count - at;
            merge(run, compare, items + at, width < rest ? width : rest,
                  2 * width < rest ? 2 * width : rest, spare + at);
        }
        struct sort_item *sorted = spare;
        spare = items;
        items = sorted;
    }
    return items;
}

static struct value sort_by(struct run *run, struct value input, struct value property,
                            compare_keys *compare)
{
    struct list list = list_from_input(run, input);
    struct sort_item *items = RUN_ARRAY(run, struct sort_item, list.count);
    struct sort_item *spare = RUN_ARRAY(run, struct sort_item, list.count);
    for (size_t i = 0; i < list.count; i++) {
        if (property.kind != VALUE_NULL && !value_has_members(list.items[i]))
            return value_null();
        items[i].item = list.items[i];
        items[i].key = run_import(run, list.items[i]);
    }
    if (list.count > 1 && property.kind != VALUE_NULL)
        for (size_t i = 0; i < list.count; i++)
            items[i].key = run_property(run, list.items[i], property);
    items = sort_items(run, compare, items, spare, list.count);
    for (size_t i = 0; i < list.count; i++)
        list.items[i] = items[i].item;
    return list_to_value(list);
}

FILTER_FUNCTION(sort)
{
    return sort_by(run, input, ARGUMENT(0), compare_strictly);
}

FILTER_FUNCTION(sort_natural)
{
    return sort_by(run, input, ARGUMENT(0), compare_naturally);
}

/* The first item of each key, by an open hash table of positions. */
static size_t keep_first(struct run *run, struct value *items, const struct value *keys, size_t count)
{
    size_t size = 8;
    while (size < count * 2)
        size *= 2;
    uint32_t *table = RUN_ARRAY(run, uint32_t, size);
    struct value *kept_keys = RUN_ARRAY(run, struct value, count);
    memset(table, 0, size * sizeof *table);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = run_hash(run, keys[i]) & (size - 1);
        uint64_t probes = 0;
        while (table[at] != 0 && !run_same(run, kept_keys[table[at] - 1], keys[i])) {
            at = (at + 1) & (size - 1);
            probes++;
        }
        run_charge(run, probes / 4);
        if (table[at] != 0)
            continue;
        kept_keys[kept] = keys[i];
        items[kept++] = items[i];
        table[at] = (uint32_t)kept;
    }
    return kept;
}

FILTER_FUNCTION(uniq)
{
    struct value property = ARGUMENT(0);
    struct list list = list_from_input(run, input);
    struct value *keys = RUN_ARRAY(run, struct value, list.count);
    run_charge(run, list.count / 8);
    for (size_t i = 0; i < list.count && list.count > 1; i++) {
        if (property.kind != VALUE_NULL && !value_has_members(list.items[i]))
            return value_null();
        keys[i] = property.kind == VALUE_NULL ? list.items[i] : run_property(run, list.items[i], property);
    }
    if (list.count > 1) /* one alone is never asked for its property */
        list.count = keep_first(run, list.items, keys, list.count);
    return list_to_value(list);
}

FILTER_FUNCTION(compact)
{
    struct value property = ARGUMENT(0);
    struct list list = list_from_input(run, input);
    size_t kept = 0;
    run_charge(run, list.count / 8);
    for (size_t i = 0; i < list.count; i++) {
        struct value item = list.items[i];
        if (property.kind != VALUE_NULL && !value_has_members(item))
            return value_null();
        struct value key = property.kind == VALUE_NULL ? item : run_property(run, item, property);
        if (key.kind != VALUE_NULL)
            list.items[kept++] = item;
    }
    return value_list(list.items, kept);
}
