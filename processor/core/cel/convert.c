/* bool() bytes() double() int() uint() string() type() dyn(): what cel-go gives, where the definition is
 * silent. */
#include <math.h>

#include "base/civil.h"
#include "base/real.h"
#include "core/cel/program.h"

struct span cel_type_name(enum value_kind kind)
{
    static const char *const names[] = {"null_type",
                                        "bool",
                                        "int",
                                        "uint",
                                        "double",
                                        "string",
                                        "bytes",
                                        "list",
                                        "map",
                                        "google.protobuf.Timestamp",
                                        "google.protobuf.Duration",
                                        "type"};
    return span_from_text(names[kind]);
}

static struct value type_value(enum value_kind kind)
{
    struct span name = cel_type_name(kind);
    return (struct value){.kind = VALUE_TYPE, .size = (uint32_t)name.size, .bytes = name.data};
}

bool cel_find_type(struct span name, struct value *type)
{
    for (int kind = 0; kind < VALUE_KIND_COUNT; kind++) {
        if (span_equal(name, cel_type_name((enum value_kind)kind))) {
            *type = type_value((enum value_kind)kind);
            return true;
        }
    }
    return false;
}

struct value cel_to_type(struct cel_run *run, const struct value *args)
{
    (void)run;
    return type_value((enum value_kind)args[0].kind);
}

struct value cel_to_dyn(struct cel_run *run, const struct value *args)
{
    (void)run;
    return args[0];
}

struct value cel_to_bool(struct cel_run *run, const struct value *args)
{
    (void)run;
    static const char *const trues[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const falses[] = {"0", "f", "F", "false", "FALSE", "False"};
    if (args[0].kind == VALUE_BOOL)
        return args[0];
    for (size_t i = 0; i < sizeof trues / sizeof *trues; i++) {
        if (span_equal_text(value_span(args[0]), trues[i]))
            return value_bool(true);
        if (span_equal_text(value_span(args[0]), falses[i]))
            return value_bool(false);
    }
    return cel_fault(CEL_FAULT_CONVERSION);
}

struct value cel_to_bytes(struct cel_run *run, const struct value *args)
{
    (void)run;
    struct value value = args[0];
    value.kind = VALUE_BYTES;
    return value;
}

/* Lower case, in ASCII. */
static bool equal_ignoring_case(struct span text, const char *word)
{
    if (text.size != strlen(word))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != word[i])
            return false;
    }
    return true;
}

static struct value double_from_text(struct span text)
{
    double real;
    if (real_parse(text, &real) == ERR_OK)
        return value_double(real);
    if (equal_ignoring_case(text, "nan"))
        return value_double((double)NAN);
    bool negative = text.size != 0 && text.data[0] == '-';
    if (text.size != 0 && (text.data[0] == '-' || text.data[0] == '+'))
        text = span_slice(text, 1, text.size);
    if (equal_ignoring_case(text, "inf") || equal_ignoring_case(text, "infinity"))
        return value_double(negative ? -(double)INFINITY : (double)INFINITY);
    return cel_fault(CEL_FAULT_CONVERSION);
}

struct value cel_to_double(struct cel_run *run, const struct value *args)
{
    (void)run;
    switch ((enum value_kind)args[0].kind) {
    case VALUE_INT:
        return value_double((double)args[0].integer);
    case VALUE_UINT:
        return value_double((double)args[0].natural);
    case VALUE_STRING:
        return double_from_text(value_span(args[0]));
    default:
        return args[0];
    }
}

/* Digits only, at least one. ERR_SYNTAX, ERR_OVERFLOW. */
static enum err parse_natural(struct span text, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return ERR_SYNTAX;
        if (__builtin_mul_overflow(*number, (uint64_t)10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(text.data[i] - '0'), number))
            return ERR_OVERFLOW;
    }
    return text.size == 0 ? ERR_SYNTAX : ERR_OK;
}

static struct value int_from_text(struct span text)
{
    uint64_t number;
    bool negative = text.size != 0 && text.data[0] == '-';
    if (text.size != 0 && (text.data[0] == '-' || text.data[0] == '+'))
        text = span_slice(text, 1, text.size);
    if (parse_natural(text, &number) != ERR_OK || number > (uint64_t)INT64_MAX + negative)
        return cel_fault(CEL_FAULT_CONVERSION);
    return value_int(negative ? (int64_t)(0 - number) : (int64_t)number);
}

struct value cel_to_int(struct cel_run *run, const struct value *args)
{
    (void)run;
    struct value value = args[0];
    switch ((enum value_kind)value.kind) {
    case VALUE_UINT:
        return value.natural > INT64_MAX ? cel_fault(CEL_FAULT_RANGE) : value_int((int64_t)value.natural);
    case VALUE_DOUBLE: /* the ends are excluded: see langdef.md, "Overflow" */
        return value.real > -0x1p63 && value.real < 0x1p63 ? value_int((int64_t)value.real)
                                                           : cel_fault(CEL_FAULT_RANGE);
    case VALUE_STRING:
        return int_from_text(value_span(value));
    case VALUE_TIMESTAMP:
        return value_int(value.integer);
    default:
        return value;
    }
}

struct value cel_to_uint(struct cel_run *run, const struct value *args)
{
    (void)run;
    struct value value = args[0];
    uint64_t number;
    switch ((enum value_kind)value.kind) {
    case VALUE_INT:
        return value.integer < 0 ? cel_fault(CEL_FAULT_RANGE) : value_uint((uint64_t)value.integer);
    case VALUE_DOUBLE:
        return value.real >= 0 && value.real < 0x1p64 ? value_uint((uint64_t)value.real)
                                                      : cel_fault(CEL_FAULT_RANGE);
    case VALUE_STRING:
        return parse_natural(value_span(value), &number) == ERR_OK ? value_uint(number)
                                                                   : cel_fault(CEL_FAULT_CONVERSION);
    default:
        return value;
    }
}

/* RFC 3339 in UTC with as many fraction digits as are needed. */
static struct span timestamp_text(struct value value, struct arena *arena)
{
    char text[CIVIL_RFC3339_BYTES];
    size_t size = civil_format_ms(value.integer * 1000, text);
    struct span seconds = span_make(text, size - sizeof ".000Z" + 1);
    if (value.size == 0)
        return arena_printf(arena, "%.*sZ", SPAN_PRINTF(seconds));
    struct span with_nanos = arena_printf(arena, "%.*s.%09u", SPAN_PRINTF(seconds), value.size);
    while (with_nanos.data[with_nanos.size - 1] == '0')
        with_nanos.size -= 1;
    return arena_printf(arena, "%.*sZ", SPAN_PRINTF(with_nanos));
}

/* Seconds as a double, as cel-go computes them, in its shortest digits. */
static struct span duration_text(struct value value, struct arena *arena)
{
    int64_t nanos = (int64_t)cel_time_nanos(value);
    double seconds = (double)(nanos / 1000000000) + (double)(nanos % 1000000000) / 1e9;
    char text[REAL_BYTES];
    return arena_printf(arena, "%.*ss", (int)real_format_fixed(seconds, text), text);
}

static struct span double_text(double real, struct arena *arena)
{
    char text[REAL_BYTES];
    return arena_copy(arena, span_make(text, real_format_general(real, text)));
}

bool cel_print(struct value value, struct arena *arena, struct span *text)
{
    *text = SPAN_LITERAL("");
    switch ((enum value_kind)value.kind) {
    case VALUE_BOOL:
        *text = value.boolean ? SPAN_LITERAL("true") : SPAN_LITERAL("false");
        return true;
    case VALUE_INT:
        *text = arena_printf(arena, "%lld", (long long)value.integer);
        return true;
    case VALUE_UINT:
        *text = arena_printf(arena, "%llu", (unsigned long long)value.natural);
        return true;
    case VALUE_DOUBLE:
        *text = double_text(value.real, arena);
        return true;
    case VALUE_BYTES:
        if (!cel_is_utf8(value_span(value), NULL))
            return false;
        *text = value_span(value);
        return true;
    case VALUE_STRING:
        *text = value_span(value);
        return true;
    case VALUE_TIMESTAMP:
        *text = timestamp_text(value, arena);
        return true;
    case VALUE_DURATION:
        *text = duration_text(value, arena);
        return true;
    default:
        return false;
    }
}

struct value cel_to_string(struct cel_run *run, const struct value *args)
{
    struct span text;
    if (args[0].kind == VALUE_BYTES && !cel_spend_bytes(run, args[0].size))
        return cel_fault(CEL_FAULT_LIMIT);
    return cel_print(args[0], run->arena, &text) ? value_string(text) : cel_fault(CEL_FAULT_NOT_UTF8);
}
