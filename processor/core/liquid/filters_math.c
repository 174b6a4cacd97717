/* Filters that compute, and default. */
#include "core/liquid/filter_common.h"
#include "core/liquid/filters.h"
#include "core/liquid/number.h"

static struct value compute(struct run *run, enum number_op op, struct value a, struct value b)
{
    struct number result;
    enum err error = number_compute(op, number_from_value(a), number_from_value(b), &result);
    if (error == ERR_DIVIDE_BY_ZERO)
        run_fail(run, ERR_INVALID, "divided by 0");
    if (error != ERR_OK)
        run_fail(run, ERR_INVALID, "the result has too many digits");
    return number_to_value(result, run->arena);
}

FILTER_FUNCTION(plus)
{
    return compute(run, NUMBER_PLUS, input, ARGUMENT(0));
}

FILTER_FUNCTION(minus)
{
    return compute(run, NUMBER_MINUS, input, ARGUMENT(0));
}

FILTER_FUNCTION(times)
{
    return compute(run, NUMBER_TIMES, input, ARGUMENT(0));
}

FILTER_FUNCTION(divided_by)
{
    return compute(run, NUMBER_DIVIDE, input, ARGUMENT(0));
}

FILTER_FUNCTION(modulo)
{
    return compute(run, NUMBER_MODULO, input, ARGUMENT(0));
}

FILTER_FUNCTION(abs)
{
    NO_ARGUMENTS;
    return number_to_value(number_absolute(number_from_value(input)), run->arena);
}

static struct value rounded(struct run *run, struct value input, int64_t places, enum number_rounding how)
{
    struct number result;
    if (number_round(number_from_value(input), places, how, &result) != ERR_OK)
        run_fail(run, ERR_INVALID, "the number is too large to be rounded");
    return number_to_value(result, run->arena);
}

FILTER_FUNCTION(ceil)
{
    NO_ARGUMENTS;
    return rounded(run, input, 0, ROUND_UP);
}

FILTER_FUNCTION(floor)
{
    NO_ARGUMENTS;
    return rounded(run, input, 0, ROUND_DOWN);
}

FILTER_FUNCTION(round)
{
    int64_t places = 0;
    struct value given = number_to_value(number_from_value(ARGUMENT(0)), run->arena);
    number_literal_to_int(given, &places);
    return rounded(run, input, places, ROUND_NEAREST);
}

static struct value at_bound(struct run *run, struct value input, struct value bound, int sign)
{
    struct number number = number_from_value(input);
    struct number limit = number_from_value(bound);
    return number_to_value(number_compare(limit, number) * sign > 0 ? limit : number, run->arena);
}

FILTER_FUNCTION(at_least)
{
    return at_bound(run, input, ARGUMENT(0), 1);
}

FILTER_FUNCTION(at_most)
{
    return at_bound(run, input, ARGUMENT(0), -1);
}

static bool is_empty(struct value value)
{
    return (value.kind == VALUE_STRING || value.kind == VALUE_LIST || value.kind == VALUE_MAP) &&
           value.size == 0;
}

FILTER_FUNCTION(default)
{
    struct value instead = count > 0 ? arguments[0] : value_string(span_make("", 0));
    struct value options = ARGUMENT(1);
    const struct value *allow_false = run_member(run, options, SPAN_LITERAL("allow_false"));
    bool keeps_false = allow_false != NULL && value_is_true(*allow_false);
    bool is_missing = keeps_false ? input.kind == VALUE_NULL : !value_is_true(input);
    return is_missing || is_empty(input) ? instead : input;
}
