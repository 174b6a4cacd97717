#include "core/liquid/number.h"
#include "core/liquid/run.h"

int64_t range_count(const struct liquid_range *range)
{
    int64_t count;
    if (range->to < range->from)
        return 0;
    if (__builtin_sub_overflow(range->to, range->from, &count) || count == INT64_MAX)
        return INT64_MAX;
    return count + 1;
}

struct sequence sequence_make(struct run *run, struct value value)
{
    (void)run;
    switch (value.kind) {
    case VALUE_LIST:
    case VALUE_MAP:
        return (struct sequence){.source = value, .count = value.size};
    case VALUE_STRING:
        return (struct sequence){.source = value, .count = value.size > 0};
    case LIQUID_RANGE:
        return (struct sequence){
            .source = value, .from = value_range(value)->from, .count = range_count(value_range(value))};
    default:
        return (struct sequence){.source = value, .count = 0};
    }
}

struct value sequence_at(struct run *run, const struct sequence *sequence, int64_t index)
{
    assert(index >= 0 && index < sequence->count);
    switch (sequence->source.kind) {
    case VALUE_LIST:
        return run_import(run, sequence->source.items[index]);
    case VALUE_MAP: {
        struct value *pair = RUN_ARRAY(run, struct value, 2);
        pair[0] = sequence->source.members[index].key;
        pair[1] = sequence->source.members[index].value;
        return value_list(pair, 2);
    }
    case LIQUID_RANGE:
        return value_int(sequence->from + index);
    default:
        return sequence->source;
    }
}

int64_t run_to_integer(struct run *run, struct value value)
{
    int64_t whole;
    if (value.kind == VALUE_INT)
        return value.integer;
    if (value.kind == LIQUID_BIG)
        return *(const int128 *)value.bytes < 0 ? INT64_MIN : INT64_MAX;
    struct span text = run_to_text(run, value);
    if (number_text_to_int_strict(text, &whole) != ERR_OK)
        run_fail(run, ERR_INVALID, "\"%.*s\" is no whole number", (int)(text.size < 64 ? text.size : 64),
                 text.data);
    return whole;
}
