/* The checker's knowledge of kinds, taken from the operations themselves: each is tried on a sample value
 * of every kind, so that what is refused early is exactly what would fail late. */
#include "core/cel/compile.h"

static struct value sample(enum value_kind kind)
{
    struct value value = {.kind = (uint8_t)kind};
    if (kind == VALUE_INT || kind == VALUE_UINT)
        value.integer = 1;
    else if (kind == VALUE_DOUBLE)
        value.real = 1;
    else if (kind == VALUE_STRING || kind == VALUE_BYTES || kind == VALUE_TYPE)
        value.bytes = "";
    return value;
}

static bool is_numeric(enum value_kind kind)
{
    return kind == VALUE_INT || kind == VALUE_UINT || kind == VALUE_DOUBLE;
}

/* Equality has a result for all kinds; but of two kinds that never are equal it is surely a mistake. */
static bool may_be_equal(enum value_kind a, enum value_kind b)
{
    return a == b || a == VALUE_NULL || b == VALUE_NULL || (is_numeric(a) && is_numeric(b));
}

static struct value try_operator(struct cel_run *run, enum cel_operator operator_, enum value_kind a,
                                 enum value_kind b)
{
    if (operator_ == CEL_EQUAL || operator_ == CEL_NOT_EQUAL)
        return may_be_equal(a, b) ? value_bool(true) : cel_fault(CEL_FAULT_NO_OVERLOAD);
    if (operator_ >= CEL_LESS && operator_ <= CEL_GREATER_EQUAL)
        return cel_order(run, operator_, sample(a), sample(b));
    if (operator_ == CEL_IN)
        return cel_contains(run, sample(b), sample(a));
    return cel_arithmetic(run, operator_, sample(a), sample(b));
}

enum value_kind cel_binary_kind(struct cel_compiler *compiler, enum cel_operator operator_,
                                enum value_kind a, enum value_kind b, bool *clash)
{
    struct cel_run run = {.arena = compiler->arena, .steps = CEL_DEFAULT_STEPS};
    enum value_kind result = VALUE_KIND_COUNT;
    bool several = false;
    *clash = true;
    for (int i = 0; i < VALUE_KIND_COUNT; i++) {
        for (int j = 0; j < VALUE_KIND_COUNT; j++) {
            if ((a != VALUE_KIND_COUNT && i != (int)a) || (b != VALUE_KIND_COUNT && j != (int)b))
                continue;
            struct value value = try_operator(&run, operator_, (enum value_kind)i, (enum value_kind)j);
            if (cel_is_fault(value))
                continue;
            several = several || (!*clash && result != value.kind);
            result = (enum value_kind)value.kind;
            *clash = false;
        }
    }
    return several ? VALUE_KIND_COUNT : result;
}

enum value_kind cel_unary_kind(enum cel_operator operator_, enum value_kind a, bool *clash)
{
    if (operator_ == CEL_NOT) {
        *clash = a != VALUE_BOOL && a != VALUE_KIND_COUNT;
        return VALUE_BOOL;
    }
    *clash = a != VALUE_KIND_COUNT && cel_is_fault(cel_negate(sample(a)));
    return a;
}

const char *cel_kind_text(enum value_kind kind)
{
    static const char *const texts[] = {"null",       "a bool", "an int", "a uint", "a double",
                                        "a string",   "bytes",  "a list", "a map",  "a timestamp",
                                        "a duration", "a type", "a value"};
    return texts[kind];
}
