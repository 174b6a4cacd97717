#include "base/real.h"
#include "codec/json_reader.h"

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static const char *skip_digits(const char *at)
{
    while (is_digit(*at))
        at++;
    return at;
}

static const char *finish_int(struct json_reader *reader, const char *start, const char *digits,
                              const char *end, struct value *number)
{
    bool negative = start != digits;
    uint64_t magnitude = 0;
    bool fits = true;
    for (const char *at = digits; fits && at < end; at++)
        fits = !__builtin_mul_overflow(magnitude, (uint64_t)10, &magnitude) &&
               !__builtin_add_overflow(magnitude, (uint64_t)(*at - '0'), &magnitude);
    if (fits && magnitude > (uint64_t)INT64_MAX && !negative && reader->limits->uints) {
        *number = value_uint(magnitude);
        return end;
    }
    if (!fits || magnitude > (uint64_t)INT64_MAX + negative)
        return json_fail(reader, ERR_OVERFLOW, start,
                         "the integer does not fit 64 bits (with a fraction it is a double)");
    *number = value_int(negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude);
    return end;
}

/* Exact when the digits and the power of ten are both exact doubles: then there is one rounding, that
 * of the operation (W. D. Clinger, "How to read floating point numbers accurately", 1990). */
static bool small_double(const char *at, const char *end, double *real)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (end - at > 20) /* so that nothing below overflows */
        return false;
    bool negative = *at == '-';
    at += negative;
    uint64_t digits = 0;
    int exponent = 0;
    bool fraction = false;
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        digits = digits * 10 + (uint64_t)(*at - '0');
        exponent -= fraction;
    }
    if (at < end) {
        at++;
        bool minus = *at == '-';
        at += *at == '-' || *at == '+';
        int written = 0;
        for (; at < end && written < 10000; at++)
            written = written * 10 + (*at - '0');
        exponent += minus ? -written : written;
    }
    if (digits > (uint64_t)1 << 53 || exponent < -22 || exponent > 22)
        return false;
    double result = (double)digits;
    result = exponent < 0 ? result / powers[-exponent] : result * powers[exponent];
    *real = negative ? -result : result;
    return true;
}

static const char *finish_double(struct json_reader *reader, const char *start, const char *end,
                                 struct value *number)
{
    double real;
    if (!small_double(start, end, &real)) {
        enum err error = real_parse(span_make(start, (size_t)(end - start)), &real);
        if (error != ERR_OK)
            return json_fail(reader, error, start, "the number does not fit a double");
    }
    *number = value_double(real);
    return end;
}

const char *json_read_number(struct json_reader *reader, const char *start, struct value *number)
{
    const char *digits = start + (*start == '-');
    const char *at = skip_digits(digits);
    if (at == digits)
        return json_fail(reader, ERR_SYNTAX, start,
                         *start == '-'          ? "a digit must follow '-'"
                         : start == reader->end ? "the text ends where a value should be"
                                                : "expected a value");
    if (*digits == '0' && at - digits > 1)
        return json_fail(reader, ERR_SYNTAX, start, "a number must not begin with 0");
    bool whole = true;
    if (*at == '.') {
        const char *fraction = at + 1;
        at = skip_digits(fraction);
        if (at == fraction)
            return json_fail(reader, ERR_SYNTAX, start, "a digit must follow '.'");
        whole = false;
    }
    if (*at == 'e' || *at == 'E') {
        const char *exponent = at + 1;
        if (*exponent == '+' || *exponent == '-')
            exponent++;
        at = skip_digits(exponent);
        if (at == exponent)
            return json_fail(reader, ERR_SYNTAX, start, "an exponent needs a digit");
        whole = false;
    }
    return whole ? finish_int(reader, start, digits, at, number) : finish_double(reader, start, at, number);
}
