#include "base/duration.h"

struct unit {
    const char *name;
    int64_t ms;
};

/* Larger first. */
static const struct unit units[] = {
    {"w", 7 * 86400000LL}, {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

static const struct unit *find_unit(struct span name, const struct unit *from)
{
    for (const struct unit *unit = from; unit < units + sizeof units / sizeof *units; unit++)
        if (span_equal_text(name, unit->name))
            return unit;
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum err duration_parse_ms(struct span text, int64_t *ms)
{
    const struct unit *next = units;
    int64_t sum = 0;
    size_t at = 0;
    if (text.size == 0)
        return ERR_SYNTAX;
    while (at < text.size) {
        if (!is_digit(text.data[at]))
            return ERR_SYNTAX;
        int64_t number = 0;
        for (; at < text.size && is_digit(text.data[at]); at++)
            if (__builtin_mul_overflow(number, 10, &number) ||
                __builtin_add_overflow(number, text.data[at] - '0', &number))
                return ERR_OVERFLOW;
        size_t start = at;
        while (at < text.size && !is_digit(text.data[at]))
            at++;
        const struct unit *unit = find_unit(span_slice(text, start, at), next);
        if (unit == NULL)
            return ERR_SYNTAX;
        if (__builtin_mul_overflow(number, unit->ms, &number) || __builtin_add_overflow(sum, number, &sum))
            return ERR_OVERFLOW;
        next = unit + 1;
    }
    *ms = sum;
    return ERR_OK;
}
