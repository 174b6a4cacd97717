#include "core/liquid/chars.h"
#include "core/liquid/filters.h"
#include "core/liquid/number.h"
#include "core/liquid/run.h"

/* Below this many, comparing hashes one after the other is quicker than an index. */
#define INDEX_FROM 16

static void add_to_index(struct variables *variables, size_t position)
{
    size_t mask = variables->index_size - 1;
    size_t at = variables->items[position].name.hash & mask;
    while (variables->index[at] != 0)
        at = (at + 1) & mask;
    variables->index[at] = (uint32_t)position + 1;
}

static void build_index(struct run *run, struct variables *variables)
{
    variables->index_size = variables->index_size == 0 ? 4 * INDEX_FROM : variables->index_size * 2;
    variables->index = RUN_ARRAY(run, uint32_t, variables->index_size);
    memset(variables->index, 0, variables->index_size * sizeof *variables->index);
    for (size_t i = 0; i < variables->count; i++)
        add_to_index(variables, i);
}

struct value *variables_find(struct run *run, const struct variables *variables, struct name name)
{
    (void)run;
    if (variables->index == NULL) {
        for (size_t i = 0; i < variables->count; i++)
            if (name_equal(variables->items[i].name, name))
                return &variables->items[i].value;
        return NULL;
    }
    size_t mask = variables->index_size - 1;
    for (size_t at = name.hash & mask; variables->index[at] != 0; at = (at + 1) & mask) {
        struct variable *variable = &variables->items[variables->index[at] - 1];
        if (name_equal(variable->name, name))
            return &variable->value;
    }
    return NULL;
}

void variables_set(struct run *run, struct variables *variables, struct name name, struct value value)
{
    struct value *place = variables_find(run, variables, name);
    if (place != NULL) {
        *place = value;
        return;
    }
    *ARENA_PUSH(run->arena, &variables->items, &variables->count, &variables->capacity) =
        (struct variable){name, value};
    if (variables->index != NULL && variables->count * 2 <= variables->index_size)
        add_to_index(variables, variables->count - 1);
    else if (variables->count > INDEX_FROM)
        build_index(run, variables);
}

size_t scope_push(struct run *run, struct name name, struct value value)
{
    struct frame *frame = run->frame;
    *ARENA_PUSH(run->arena, &frame->scopes, &frame->scope_count, &frame->scope_capacity) =
        (struct variable){name, value};
    return frame->scope_count - 1;
}

struct value run_import(struct run *run, struct value value)
{
    switch (value.kind) {
    case VALUE_UINT:
        if (value.natural <= INT64_MAX)
            return value_int(value.integer);
        int128 *big = run_alloc(run, 1, sizeof *big);
        *big = (int128)value.natural;
        return (struct value){.kind = LIQUID_BIG, .bytes = (const char *)big};
    case VALUE_BYTES:
    case VALUE_TYPE:
        value.kind = VALUE_STRING;
        return value;
    case VALUE_DURATION: {
        char text[NUMBER_TEXT_BYTES + 1];
        size_t size = number_print_int(value.integer, text);
        text[size++] = 's';
        char *kept = run_alloc(run, size, 1);
        memcpy(kept, text, size);
        return value_string(span_make(kept, size));
    }
    default:
        return value;
    }
}

const struct value *run_member(struct run *run, struct value map, struct span key)
{
    if (map.kind != VALUE_MAP)
        return NULL;
    run_charge(run, map.size / 32);
    return value_member_find(map, key);
}

/* Loop variables and assigned ones count when they exist, others when they are not nil. */
static bool find_defined(struct run *run, const struct frame *frame, struct name name, struct value *value)
{
    run_charge(run, frame->scope_count / 32);
    for (size_t i = frame->scope_count; i > 0; i--)
        if (name_equal(frame->scopes[i - 1].name, name)) {
            *value = frame->scopes[i - 1].value;
            return true;
        }
    const struct value *found = variables_find(run, &frame->assigned, name);
    if (found == NULL)
        found = variables_find(run, &frame->counters, name);
    if (found == NULL)
        found = run_member(run, run->context->variables, name.text);
    if (found == NULL)
        return false;
    *value = *found;
    return true;
}

struct value run_find_variable(struct run *run, struct name name)
{
    struct value value = value_null();
    bool found = find_defined(run, run->frame, name, &value);
    if ((!found || value.kind == VALUE_NULL) && span_equal_text(name.text, "self"))
        return (struct value){.kind = LIQUID_SELF, .bytes = (const char *)run->frame};
    return run_import(run, value);
}

bool run_self_get(struct run *run, struct value self, struct span name, struct value *value)
{
    *value = value_null();
    bool found = find_defined(run, (const struct frame *)self.bytes, name_make(name), value);
    *value = run_import(run, *value);
    return found;
}

static struct value pair(struct run *run, struct value key, struct value value)
{
    struct value *items = RUN_ARRAY(run, struct value, 2);
    items[0] = key;
    items[1] = value;
    return value_list(items, 2);
}

struct value run_first(struct run *run, struct value value)
{
    switch (value.kind) {
    case VALUE_STRING:
        return value_string(span_slice(value_span(value), 0, utf8_offset(value_span(value), 1)));
    case VALUE_LIST:
        return value.size > 0 ? run_import(run, value.items[0]) : value_null();
    case VALUE_MAP:
        return value.size > 0 ? pair(run, value.members[0].key, value.members[0].value) : value_null();
    case LIQUID_RANGE:
        return value_int(value_range(value)->from);
    default:
        return value_null();
    }
}

struct value run_last(struct run *run, struct value value)
{
    struct span text = value_span(value);
    switch (value.kind) {
    case VALUE_STRING: {
        run_charge_bytes(run, text.size);
        size_t count = utf8_count(text);
        return value_string(span_slice(text, count == 0 ? 0 : utf8_offset(text, count - 1), text.size));
    }
    case VALUE_LIST:
        return value.size > 0 ? run_import(run, value.items[value.size - 1]) : value_null();
    case LIQUID_RANGE:
        return value_int(value_range(value)->to);
    default:
        return value_null();
    }
}

/* `.size`, `.first` and `.last`, for what has no member of that name. */
static bool run_command(struct run *run, struct value object, struct span name, struct value *result)
{
    bool is_first = span_equal_text(name, "first");
    if (!is_first && !span_equal_text(name, "last") && !span_equal_text(name, "size"))
        return false;
    if (object.kind == VALUE_NULL || object.kind == VALUE_BOOL || object.kind == VALUE_DOUBLE)
        return false;
    if (name.data[0] == 's')
        *result = filter_size(run, object, NULL, 0);
    else
        *result = is_first ? run_first(run, object) : run_last(run, object);
    return true;
}

/* The item of a list at an index that counts from the end when it is negative. */
static struct value list_at(struct run *run, struct value list, int64_t index)
{
    if (index < 0)
        index += list.size;
    return index >= 0 && index < list.size ? run_import(run, list.items[index]) : value_null();
}

/* One step of a lookup; false: the lookup ends with nil. */
static bool take_step(struct run *run, struct value *object, const struct lookup_step *step)
{
    struct value key = step->key == NULL ? value_string(step->name) : run_evaluate(run, step->key);
    bool found = false;
    if (object->kind == VALUE_LIST && key.kind == VALUE_INT) {
        *object = list_at(run, *object, key.integer);
        return true;
    }
    if (key.kind == VALUE_STRING) {
        struct span name = value_span(key);
        if (object->kind == VALUE_MAP) {
            const struct value *member = run_member(run, *object, name);
            if (member != NULL) {
                *object = run_import(run, *member);
                return true;
            }
        } else if (object->kind == LIQUID_LOOP || object->kind == LIQUID_TABLE_LOOP) {
            *object = loop_state_get(run, *object, name, &found);
            return found;
        } else if (object->kind == LIQUID_SELF) {
            return run_self_get(run, *object, name, object);
        }
    }
    return step->key == NULL && run_command(run, *object, step->name, object);
}

static struct value run_lookup(struct run *run, const struct expr *expr)
{
    struct value object = run_find_variable(run, expr->lookup.name);
    for (size_t i = 0; i < expr->lookup.step_count; i++)
        if (!take_step(run, &object, &expr->lookup.steps[i]))
            return value_null();
    return object;
}

static int64_t range_end(struct run *run, const struct expr *expr)
{
    struct value value = run_evaluate(run, expr);
    if (value.kind == VALUE_NULL)
        return 0;
    if (value.kind == VALUE_STRING)
        return number_text_to_int(value_span(value));
    return run_to_integer(run, value);
}

struct value run_evaluate(struct run *run, const struct expr *expr)
{
    switch (expr->kind) {
    case EXPR_LITERAL:
        return expr->literal;
    case EXPR_LOOKUP:
        return run_lookup(run, expr);
    case EXPR_RANGE: {
        struct liquid_range *range = run_alloc(run, 1, sizeof *range);
        range->from = range_end(run, expr->range.from);
        range->to = range_end(run, expr->range.to);
        return (struct value){.kind = LIQUID_RANGE, .bytes = (const char *)range};
    }
    case EXPR_EMPTY:
    case EXPR_BLANK:
        break;
    }
    return value_string(span_make("", 0));
}

#define MOST_ARGUMENTS 4

static struct value run_call(struct run *run, struct value input, const struct filter_call *call)
{
    struct value arguments[MOST_ARGUMENTS];
    uint32_t count = call->positional_count;
    assert(count < MOST_ARGUMENTS);
    for (uint32_t i = 0; i < count; i++)
        arguments[i] = run_evaluate(run, &call->arguments[i]);
    if (call->named_count > 0) {
        struct value_member *members = RUN_ARRAY(run, struct value_member, call->named_count);
        for (uint32_t i = 0; i < call->named_count; i++)
            members[i] = (struct value_member){
                call->names[i], run_evaluate(run, &call->arguments[call->positional_count + i])};
        arguments[count++] = value_map(members, call->named_count);
    }
    run->at = call->at;
    run_charge(run, 1);
    return call->filter->function(run, input, arguments, count);
}

struct value run_chain(struct run *run, const struct chain *chain)
{
    if (chain->first == NULL)
        return value_null();
    struct value value = run_evaluate(run, chain->first);
    for (size_t i = 0; i < chain->call_count; i++)
        value = run_call(run, value, &chain->calls[i]);
    return value;
}
