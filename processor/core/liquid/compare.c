#include "core/liquid/chars.h"
#include "core/liquid/number.h"
#include "core/liquid/run.h"

static bool lists_equal(struct run *run, struct value a, struct value b)
{
    if (a.size != b.size)
        return false;
    run_charge(run, a.size);
    for (uint32_t i = 0; i < a.size; i++)
        if (!run_equal(run, a.items[i], b.items[i]))
            return false;
    return true;
}

static bool maps_equal(struct run *run, struct value a, struct value b)
{
    if (a.size != b.size)
        return false;
    run_charge(run, a.size);
    for (uint32_t i = 0; i < a.size; i++) {
        if (a.members[i].key.kind != VALUE_STRING)
            return false; /* not from outside, and not worth a search */
        const struct value *other = run_member(run, b, value_span(a.members[i].key));
        if (other == NULL || !run_equal(run, a.members[i].value, *other))
            return false;
    }
    return true;
}

/* A timestamp meets text as the text it prints as. */
static void level_times(struct run *run, struct value *a, struct value *b)
{
    if (a->kind == VALUE_TIMESTAMP && b->kind == VALUE_STRING)
        *a = value_string(run_to_text(run, *a));
    else if (b->kind == VALUE_TIMESTAMP && a->kind == VALUE_STRING)
        *b = value_string(run_to_text(run, *b));
}

bool run_equal(struct run *run, struct value a, struct value b)
{
    a = run_import(run, a);
    b = run_import(run, b);
    if (value_is_number(a) && value_is_number(b)) {
        if (a.kind == VALUE_INT && b.kind == VALUE_INT)
            return a.integer == b.integer;
        return number_compare(number_from_value(a), number_from_value(b)) == 0;
    }
    level_times(run, &a, &b);
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return a.boolean == b.boolean;
    case VALUE_STRING:
        run_charge_comparison(run, a.size);
        return span_equal(value_span(a), value_span(b));
    case VALUE_LIST:
        return lists_equal(run, a, b);
    case VALUE_MAP:
        return maps_equal(run, a, b);
    case VALUE_TIMESTAMP:
        return a.integer == b.integer && a.size == b.size;
    case LIQUID_RANGE:
        return value_range(a)->from == value_range(b)->from && value_range(a)->to == value_range(b)->to;
    default:
        return a.bytes == b.bytes;
    }
}

static int order_of(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static bool order_lists(struct run *run, struct value a, struct value b, int *order)
{
    uint32_t common = a.size < b.size ? a.size : b.size;
    run_charge(run, common);
    for (uint32_t i = 0; i < common; i++) {
        if (!run_order(run, a.items[i], b.items[i], order))
            return false;
        if (*order != 0)
            return true;
    }
    *order = order_of(a.size, b.size);
    return true;
}

bool run_order(struct run *run, struct value a, struct value b, int *order)
{
    a = run_import(run, a);
    b = run_import(run, b);
    level_times(run, &a, &b);
    if (a.kind == VALUE_INT && b.kind == VALUE_INT) {
        *order = order_of(a.integer, b.integer);
        return true;
    }
    if (value_is_number(a) && value_is_number(b)) {
        *order = number_compare(number_from_value(a), number_from_value(b));
        return true;
    }
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case VALUE_STRING:
        run_charge_comparison(run, a.size);
        *order = span_compare(value_span(a), value_span(b));
        return true;
    case VALUE_TIMESTAMP:
        *order = a.integer != b.integer ? order_of(a.integer, b.integer) : order_of(a.size, b.size);
        return true;
    case VALUE_LIST:
        return order_lists(run, a, b, order);
    default:
        *order = 0;
        return run_equal(run, a, b);
    }
}

bool run_same(struct run *run, struct value a, struct value b)
{
    bool both_numbers = value_is_number(a) && value_is_number(b);
    if (both_numbers && (a.kind == VALUE_DOUBLE) != (b.kind == VALUE_DOUBLE))
        return false;
    return run_equal(run, a, b);
}

static uint32_t hash_bytes(uint32_t hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 16777619u;
    return hash;
}

uint32_t run_hash(struct run *run, struct value value)
{
    value = run_import(run, value);
    uint32_t hash = 2166136261u + value.kind;
    switch (value.kind) {
    case VALUE_BOOL:
        return hash + value.boolean;
    case VALUE_INT:
        return hash_bytes(hash, &value.integer, sizeof value.integer);
    case VALUE_DOUBLE:
        return hash_bytes(hash, &value.real, sizeof value.real);
    case VALUE_STRING:
        run_charge_bytes(run, value.size);
        return hash_bytes(hash, value.bytes, value.size);
    case VALUE_LIST:
        run_charge(run, value.size);
        for (uint32_t i = 0; i < value.size; i++)
            hash = hash * 31 + run_hash(run, value.items[i]);
        return hash;
    default:
        /* Maps (whose order does not matter) by their size, the rest by kind: rare as keys. */
        return hash + (value.kind == VALUE_MAP ? value.size : 0);
    }
}

static bool is_white(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!char_is_space(text.data[i]))
            return false;
    return true;
}

/* What `== empty` and `== blank` ask. */
static bool is_empty_or_blank(enum expr_kind which, struct value value)
{
    switch (value.kind) {
    case VALUE_NULL:
        return which == EXPR_BLANK;
    case VALUE_BOOL:
        return which == EXPR_BLANK && !value.boolean;
    case VALUE_STRING:
        return which == EXPR_BLANK ? is_white(value_span(value)) : value.size == 0;
    case VALUE_LIST:
    case VALUE_MAP:
        return value.size == 0;
    default:
        return false;
    }
}

static bool is_question(const struct expr *expr)
{
    return expr->kind == EXPR_EMPTY || expr->kind == EXPR_BLANK;
}

static bool test_equal(struct run *run, const struct condition *condition)
{
    const struct expr *left = condition->left;
    const struct expr *right = condition->right;
    if (is_question(left) && is_question(right))
        return false;
    if (is_question(left))
        return is_empty_or_blank(left->kind, run_evaluate(run, right));
    struct value value = run_evaluate(run, left);
    if (is_question(right))
        return is_empty_or_blank(right->kind, value);
    return run_equal(run, value, run_evaluate(run, right));
}

static bool contains(struct run *run, struct value whole, struct value part)
{
    if (!value_is_true(whole) || !value_is_true(part))
        return false;
    switch (whole.kind) {
    case VALUE_STRING: {
        struct span text = run_to_text(run, part);
        run_charge_bytes(run, whole.size);
        return text.size == 0 ||
               (whole.size != 0 && memmem(whole.bytes, whole.size, text.data, text.size) != NULL);
    }
    case VALUE_LIST:
        run_charge(run, whole.size);
        for (uint32_t i = 0; i < whole.size; i++)
            if (run_equal(run, whole.items[i], part))
                return true;
        return false;
    case VALUE_MAP:
        return part.kind == VALUE_STRING && run_member(run, whole, value_span(part)) != NULL;
    case LIQUID_RANGE: {
        if (!value_is_number(part))
            return false;
        struct number number = number_from_value(part);
        return number_compare(number, number_from_value(value_int(value_range(whole)->from))) >= 0 &&
               number_compare(number, number_from_value(value_int(value_range(whole)->to))) <= 0;
    }
    default:
        return false;
    }
}

static const char *kind_word(struct value value)
{
    return value.kind == VALUE_STRING ? "text" : value.kind == VALUE_TIMESTAMP ? "a time" : "a number";
}

static bool has_order(struct value value)
{
    return value_is_number(value) || value.kind == VALUE_STRING || value.kind == VALUE_TIMESTAMP;
}

static bool test_order(struct run *run, const struct condition *condition)
{
    struct value left = run_evaluate(run, condition->left);
    struct value right = run_evaluate(run, condition->right);
    int order;
    if (is_question(condition->left) || is_question(condition->right) || !has_order(left) ||
        !has_order(right))
        return false;
    if (!run_order(run, left, right, &order)) {
        run->at = condition->left->at;
        run_fail(run, ERR_INVALID, "%s cannot be compared with %s", kind_word(left), kind_word(right));
    }
    switch (condition->op) {
    case OP_LESS:
        return order < 0;
    case OP_GREATER:
        return order > 0;
    case OP_LESS_EQUAL:
        return order <= 0;
    default:
        return order >= 0;
    }
}

static bool test_one(struct run *run, const struct condition *condition)
{
    switch (condition->op) {
    case OP_NONE:
        return value_is_true(run_evaluate(run, condition->left));
    case OP_EQUAL:
        return test_equal(run, condition);
    case OP_NOT_EQUAL:
        return !test_equal(run, condition);
    case OP_CONTAINS:
        return contains(run, run_evaluate(run, condition->left), run_evaluate(run, condition->right));
    default:
        return test_order(run, condition);
    }
}

bool run_test(struct run *run, const struct condition *conditions, size_t count)
{
    bool result = false;
    for (size_t i = 0; i < count; i++) {
        result = test_one(run, &conditions[i]);
        if (conditions[i].next == (result ? RELATION_OR : RELATION_AND))
            break;
    }
    run_charge(run, count / 16);
    return result;
}
