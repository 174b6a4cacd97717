/* The table of standard functions, and those on text. */
#include "core/cel/program.h"
#include "core/cel/regex.h"

#define K(kind) (1u << VALUE_##kind)
#define ANY_KIND ((1u << VALUE_KIND_COUNT) - 1)
#define SIZED (K(STRING) | K(BYTES) | K(LIST) | K(MAP))

#define GLOBAL(name, kinds, result, body)                    \
    {                                                        \
        name, false, 1, {kinds}, VALUE_##result, false, body \
    }
#define METHOD(name, kinds, result, body)                   \
    {                                                       \
        name, true, 1, {kinds}, VALUE_##result, false, body \
    }
#define METHOD_OF_TEXT(name, body)                                     \
    {                                                                  \
        name, true, 2, {K(STRING), K(STRING)}, VALUE_BOOL, false, body \
    }
/* An accessor of a timestamp, with a zone and without; `also` other kinds without. */
#define ACCESSOR(name, also, body)                                      \
    {name, true, 1, {K(TIMESTAMP) | (also)}, VALUE_INT, false, body},   \
    {                                                                   \
        name, true, 2, {K(TIMESTAMP), K(STRING)}, VALUE_INT, true, body \
    }

const struct cel_function cel_functions[] = {
    GLOBAL("size", SIZED, INT, cel_size),
    METHOD("size", SIZED, INT, cel_size),
    METHOD_OF_TEXT("contains", cel_contains_text),
    METHOD_OF_TEXT("startsWith", cel_starts_with),
    METHOD_OF_TEXT("endsWith", cel_ends_with),
    METHOD_OF_TEXT("matches", cel_matches),
    {"matches", false, 2, {K(STRING), K(STRING)}, VALUE_BOOL, false, cel_matches},
    GLOBAL("bool", K(BOOL) | K(STRING), BOOL, cel_to_bool),
    GLOBAL("bytes", K(BYTES) | K(STRING), BYTES, cel_to_bytes),
    GLOBAL("double", K(DOUBLE) | K(INT) | K(UINT) | K(STRING), DOUBLE, cel_to_double),
    GLOBAL("int", K(INT) | K(UINT) | K(DOUBLE) | K(STRING) | K(TIMESTAMP), INT, cel_to_int),
    GLOBAL("uint", K(UINT) | K(INT) | K(DOUBLE) | K(STRING), UINT, cel_to_uint),
    GLOBAL("string",
           K(STRING) | K(BOOL) | K(INT) | K(UINT) | K(DOUBLE) | K(BYTES) | K(TIMESTAMP) | K(DURATION),
           STRING, cel_to_string),
    GLOBAL("duration", K(DURATION) | K(STRING), DURATION, cel_to_duration),
    GLOBAL("timestamp", K(TIMESTAMP) | K(STRING) | K(INT), TIMESTAMP, cel_to_timestamp),
    GLOBAL("type", ANY_KIND, TYPE, cel_to_type),
    GLOBAL("dyn", ANY_KIND, KIND_COUNT, cel_to_dyn),
    ACCESSOR("getFullYear", 0, cel_get_full_year),
    ACCESSOR("getMonth", 0, cel_get_month),
    ACCESSOR("getDate", 0, cel_get_date),
    ACCESSOR("getDayOfMonth", 0, cel_get_day_of_month),
    ACCESSOR("getDayOfWeek", 0, cel_get_day_of_week),
    ACCESSOR("getDayOfYear", 0, cel_get_day_of_year),
    ACCESSOR("getHours", K(DURATION), cel_get_hours),
    ACCESSOR("getMinutes", K(DURATION), cel_get_minutes),
    ACCESSOR("getSeconds", K(DURATION), cel_get_seconds),
    ACCESSOR("getMilliseconds", K(DURATION), cel_get_milliseconds),
};
const size_t cel_function_count = sizeof cel_functions / sizeof *cel_functions;

/* Code points; a byte that is not UTF-8 (only data from outside could hold one) counts as one. */
static int64_t code_points(struct span text)
{
    size_t count;
    if (cel_is_utf8(text, &count))
        return (int64_t)count;
    int64_t starts = 0;
    for (size_t i = 0; i < text.size; i++)
        starts += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return starts;
}

struct value cel_size(struct cel_run *run, const struct value *args)
{
    if (args[0].kind != VALUE_STRING)
        return value_int(args[0].size);
    return cel_spend_bytes(run, args[0].size) ? value_int(code_points(value_span(args[0])))
                                              : cel_fault(CEL_FAULT_LIMIT);
}

struct value cel_starts_with(struct cel_run *run, const struct value *args)
{
    (void)cel_spend_bytes(run, args[1].size);
    return value_bool(span_starts_with(value_span(args[0]), value_span(args[1])));
}

struct value cel_ends_with(struct cel_run *run, const struct value *args)
{
    struct span text = value_span(args[0]), end = value_span(args[1]);
    (void)cel_spend_bytes(run, end.size);
    return value_bool(text.size >= end.size &&
                      span_equal(span_slice(text, text.size - end.size, text.size), end));
}

struct value cel_contains_text(struct cel_run *run, const struct value *args)
{
    if (!cel_spend_bytes(run, (size_t)args[0].size + args[1].size))
        return cel_fault(CEL_FAULT_LIMIT);
    if (args[1].size == 0)
        return value_bool(true);
    return value_bool(args[0].size >= args[1].size &&
                      memmem(args[0].bytes, args[0].size, args[1].bytes, args[1].size) != NULL);
}

/* With a pattern that is no literal; see CEL_OP_MATCH for the others. */
struct value cel_matches(struct cel_run *run, const struct value *args)
{
    /* Compiling costs about 100 ns a byte, of the order of as many steps as the pattern has bytes. */
    enum { COMPILE_STEPS = 100 };
    if (!cel_spend(run, COMPILE_STEPS + args[1].size) || !cel_spend_bytes(run, args[0].size))
        return cel_fault(CEL_FAULT_LIMIT);
    struct cel_regex *regex = cel_regex_new(value_span(args[1]));
    if (regex == NULL)
        return cel_fault(CEL_FAULT_BAD_PATTERN);
    bool found = cel_regex_match(regex, value_span(args[0]));
    cel_regex_free(regex);
    return value_bool(found);
}
