#include <charconv>
#include <cmath>
#include <cstring>

/* C's headers, compiled here as C++, and named so that both languages mean the same struct. */
#include "base/real.h"

namespace
{

/* Go writes an exponent below 0.0001 and from this power of ten on. */
constexpr int GENERAL_EXPONENT = 6;

struct decimal {
    bool negative;
    char digits[24];
    int digit_count;
    int point; /* the decimal point stands after this many digits */
};

decimal decimal_of(double real)
{
    decimal result = {};
    char text[40];
    result.negative = std::signbit(real);
    auto end = std::to_chars(text, text + sizeof text, std::fabs(real), std::chars_format::scientific).ptr;
    const char *at = text;
    for (; at < end && *at != 'e'; at++)
        if (*at != '.')
            result.digits[result.digit_count++] = *at;
    int exponent = 0;
    at += 1;
    if (at < end && *at == '+')
        at += 1;
    std::from_chars(at, end, exponent);
    result.point = exponent + 1;
    return result;
}

size_t put_special(double real, char *text)
{
    const char *name = std::isnan(real) ? "NaN" : real > 0 ? "+Inf" : "-Inf";
    size_t size = std::strlen(name);
    std::memcpy(text, name, size);
    return size;
}

size_t put_fixed(const decimal &decimal, char *text)
{
    char *at = text;
    if (decimal.negative)
        *at++ = '-';
    if (decimal.point <= 0)
        *at++ = '0';
    for (int i = 0; i < decimal.point; i++)
        *at++ = i < decimal.digit_count ? decimal.digits[i] : '0';
    if (decimal.point < decimal.digit_count && !(decimal.digit_count == 1 && decimal.digits[0] == '0')) {
        *at++ = '.';
        for (int i = decimal.point; i < decimal.digit_count; i++)
            *at++ = i < 0 ? '0' : decimal.digits[i];
    }
    return static_cast<size_t>(at - text);
}

size_t put_exponent(const decimal &decimal, char *text)
{
    char *at = text;
    if (decimal.negative)
        *at++ = '-';
    *at++ = decimal.digits[0];
    if (decimal.digit_count > 1)
        *at++ = '.';
    for (int i = 1; i < decimal.digit_count; i++)
        *at++ = decimal.digits[i];
    int exponent = decimal.point - 1;
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    exponent = exponent < 0 ? -exponent : exponent;
    if (exponent < 10)
        *at++ = '0';
    return static_cast<size_t>(std::to_chars(at, at + 4, exponent).ptr - text);
}

const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

bool is_decimal(const char *at, const char *end)
{
    const char *whole = at;
    at = skip_digits(at, end);
    long digit_count = at - whole;
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = skip_digits(fraction, end);
        digit_count += at - fraction;
    }
    if (digit_count == 0)
        return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at += 1;
        if (at < end && (*at == '+' || *at == '-'))
            at += 1;
        const char *digits = at;
        at = skip_digits(at, end);
        if (at == digits)
            return false;
    }
    return at == end;
}

/* Of a number that std::from_chars found out of range: is it too large (and not too small)? The place of
 * its first digit other than zero says so, since such numbers are hundreds of digits off. */
bool is_huge(const char *at, const char *end)
{
    long place = 0;
    bool started = false, fraction = false;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.')
            fraction = true;
        else if (*at >= '0' && *at <= '9') {
            started = started || *at != '0';
            if (started && !fraction)
                place += 1;
            if (!started && fraction)
                place -= 1;
        }
    }
    if (!started)
        return false;
    long exponent = 0;
    if (at < end) {
        bool negative = at[1] == '-';
        at += at[1] == '-' || at[1] == '+' ? 2 : 1;
        for (; at < end && exponent < 100000000; at++)
            exponent = exponent * 10 + (*at - '0');
        exponent = negative ? -exponent : exponent;
    }
    return place + exponent > 0;
}

} // namespace

size_t real_format_general(double real, char text[REAL_BYTES])
{
    if (!std::isfinite(real))
        return put_special(real, text);
    decimal decimal = decimal_of(real);
    int exponent = decimal.point - 1;
    return exponent < -4 || exponent >= GENERAL_EXPONENT ? put_exponent(decimal, text)
                                                         : put_fixed(decimal, text);
}

size_t real_format_fixed(double real, char text[REAL_BYTES])
{
    if (!std::isfinite(real))
        return put_special(real, text);
    return put_fixed(decimal_of(real), text);
}

enum err real_parse(struct span text, double *real)
{
    const char *at = text.data, *end = text.data + text.size;
    bool negative = text.size != 0 && *at == '-';
    if (text.size != 0 && (*at == '-' || *at == '+'))
        at += 1;
    if (!is_decimal(at, end))
        return ERR_SYNTAX;
    double magnitude = 0;
    auto result = std::from_chars(at, end, magnitude);
    if (result.ec == std::errc::result_out_of_range) {
        if (is_huge(at, end))
            return ERR_OVERFLOW;
        magnitude = 0;
    }
    *real = negative ? -magnitude : magnitude;
    return ERR_OK;
}
