/* + - * / % and unary minus: exact, or a fault. Operands are of one kind, but for times. */
#include "core/cel/program.h"

enum { NANOS = 1000000000 };

__int128 cel_time_nanos(struct value time)
{
    return (__int128)time.integer * NANOS + time.size;
}

struct value cel_make_time(enum value_kind kind, __int128 nanos)
{
    /* Timestamps are in years 0001 to 9999; durations are what int64 nanoseconds hold. */
    const int64_t first_s = -62135596800, last_s = 253402300799;
    __int128 seconds = nanos / NANOS, rest = nanos % NANOS;
    if (rest < 0) {
        rest += NANOS;
        seconds -= 1;
    }
    if (kind == VALUE_TIMESTAMP ? seconds < first_s || seconds > last_s
                                : nanos < INT64_MIN || nanos > INT64_MAX)
        return cel_fault(CEL_FAULT_OVERFLOW);
    return (struct value){.kind = (uint8_t)kind, .size = (uint32_t)rest, .integer = (int64_t)seconds};
}

static struct value int_arithmetic(enum cel_operator operator_, int64_t a, int64_t b)
{
    int64_t result = 0;
    bool overflow = false;
    switch (operator_) {
    case CEL_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case CEL_SUBTRACT:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case CEL_MULTIPLY:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    default:
        if (b == 0)
            return cel_fault(operator_ == CEL_DIVIDE ? CEL_FAULT_DIVIDE_BY_ZERO
                                                     : CEL_FAULT_MODULUS_BY_ZERO);
        overflow = a == INT64_MIN && b == -1;
        if (!overflow)
            result = operator_ == CEL_DIVIDE ? a / b : a % b;
        break;
    }
    return overflow ? cel_fault(CEL_FAULT_OVERFLOW) : value_int(result);
}

static struct value uint_arithmetic(enum cel_operator operator_, uint64_t a, uint64_t b)
{
    uint64_t result = 0;
    bool overflow = false;
    switch (operator_) {
    case CEL_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case CEL_SUBTRACT:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case CEL_MULTIPLY:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    default:
        if (b == 0)
            return cel_fault(operator_ == CEL_DIVIDE ? CEL_FAULT_DIVIDE_BY_ZERO
                                                     : CEL_FAULT_MODULUS_BY_ZERO);
        result = operator_ == CEL_DIVIDE ? a / b : a % b;
        break;
    }
    return overflow ? cel_fault(CEL_FAULT_OVERFLOW) : value_uint(result);
}

static struct value double_arithmetic(enum cel_operator operator_, double a, double b)
{
    switch (operator_) {
    case CEL_ADD:
        return value_double(a + b);
    case CEL_SUBTRACT:
        return value_double(a - b);
    case CEL_MULTIPLY:
        return value_double(a * b);
    case CEL_DIVIDE:
        return value_double(a / b);
    default:
        return cel_fault(CEL_FAULT_NO_OVERLOAD);
    }
}

static struct value concatenate_bytes(struct cel_run *run, struct value a, struct value b)
{
    size_t size = (size_t)a.size + b.size;
    if (size > UINT32_MAX || !cel_spend_bytes(run, size))
        return cel_fault(CEL_FAULT_LIMIT);
    char *bytes = arena_alloc_aligned(run->arena, size + 1, 1);
    if (a.size != 0)
        memcpy(bytes, a.bytes, a.size);
    if (b.size != 0)
        memcpy(bytes + a.size, b.bytes, b.size);
    a.bytes = bytes;
    a.size = (uint32_t)size;
    return a;
}

static struct value concatenate_lists(struct cel_run *run, struct value a, struct value b)
{
    size_t size = (size_t)a.size + b.size;
    if (size > UINT32_MAX || !cel_spend_items(run, size))
        return cel_fault(CEL_FAULT_LIMIT);
    struct value *items = arena_alloc(run->arena, size * sizeof *items);
    if (a.size != 0)
        memcpy(items, a.items, a.size * sizeof *items);
    if (b.size != 0)
        memcpy(items + a.size, b.items, b.size * sizeof *items);
    return value_list(items, size);
}

static bool is_time(struct value value)
{
    return value.kind == VALUE_TIMESTAMP || value.kind == VALUE_DURATION;
}

/* timestamp ± duration, duration + timestamp, timestamp - timestamp, duration ± duration. */
static struct value time_arithmetic(enum cel_operator operator_, struct value a, struct value b)
{
    bool instants = a.kind == VALUE_TIMESTAMP && b.kind == VALUE_TIMESTAMP;
    if (operator_ == CEL_ADD && !instants)
        return cel_make_time(a.kind == b.kind ? VALUE_DURATION : VALUE_TIMESTAMP,
                             cel_time_nanos(a) + cel_time_nanos(b));
    if (operator_ == CEL_SUBTRACT && (a.kind == VALUE_TIMESTAMP || b.kind == VALUE_DURATION))
        return cel_make_time(a.kind == b.kind ? VALUE_DURATION : VALUE_TIMESTAMP,
                             cel_time_nanos(a) - cel_time_nanos(b));
    return cel_fault(CEL_FAULT_NO_OVERLOAD);
}

struct value cel_arithmetic(struct cel_run *run, enum cel_operator operator_, struct value a,
                            struct value b)
{
    if (is_time(a) && is_time(b))
        return time_arithmetic(operator_, a, b);
    if (a.kind != b.kind)
        return cel_fault(CEL_FAULT_NO_OVERLOAD);
    switch ((enum value_kind)a.kind) {
    case VALUE_INT:
        return int_arithmetic(operator_, a.integer, b.integer);
    case VALUE_UINT:
        return uint_arithmetic(operator_, a.natural, b.natural);
    case VALUE_DOUBLE:
        return double_arithmetic(operator_, a.real, b.real);
    case VALUE_STRING:
    case VALUE_BYTES:
        return operator_ == CEL_ADD ? concatenate_bytes(run, a, b) : cel_fault(CEL_FAULT_NO_OVERLOAD);
    case VALUE_LIST:
        return operator_ == CEL_ADD ? concatenate_lists(run, a, b) : cel_fault(CEL_FAULT_NO_OVERLOAD);
    default:
        return cel_fault(CEL_FAULT_NO_OVERLOAD);
    }
}

struct value cel_negate(struct value a)
{
    if (a.kind == VALUE_DOUBLE)
        return value_double(-a.real);
    if (a.kind != VALUE_INT)
        return cel_fault(CEL_FAULT_NO_OVERLOAD);
    return a.integer == INT64_MIN ? cel_fault(CEL_FAULT_OVERFLOW) : value_int(-a.integer);
}
