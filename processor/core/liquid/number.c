#include "core/liquid/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/liquid/chars.h"
#include "core/liquid/tree.h"

#define MAX_DIGITS 38
#define INT128_MAX ((int128)(((unsigned __int128)1 << 127) - 1))

static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define EXACT_POWERS ((int)(sizeof exact_powers / sizeof *exact_powers))

static struct number from_int(int128 whole)
{
    return (struct number){.digits = whole};
}

static struct number inexact(double real)
{
    return (struct number){.is_float = true, .is_inexact = true, .real = real};
}

static int128 ten_to(int power)
{
    int128 result = 1;
    while (power-- > 0)
        result *= 10;
    return result;
}

/* Reads [-+]?\d*\.?\d* with a count of at most 38 significant digits; false past them. */
static bool read_digits(struct span text, struct number *number)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    bool in_fraction = false;
    int significant = 0;
    *number = (struct number){0};
    for (; at < text.size; at++) {
        if (text.data[at] == '.') {
            in_fraction = true;
            continue;
        }
        if (text.data[at] == '_')
            continue;
        if ((number->digits != 0 || text.data[at] != '0') && ++significant > MAX_DIGITS)
            return false;
        number->digits = number->digits * 10 + (text.data[at] - '0');
        number->scale += in_fraction;
    }
    number->is_float = in_fraction;
    if (negative)
        number->digits = -number->digits;
    return true;
}

static double text_to_double(struct span text)
{
    char copy[NUMBER_TEXT_BYTES];
    size_t size = text.size < sizeof copy ? text.size : sizeof copy - 1;
    memcpy(copy, text.data, size);
    copy[size] = '\0';
    return strtod(copy, NULL);
}

static double to_double(struct number number)
{
    if (number.is_inexact)
        return number.real;
    int128 magnitude = number.digits < 0 ? -number.digits : number.digits;
    if (magnitude < ((int128)1 << 53) && number.scale >= 0 && number.scale < EXACT_POWERS)
        return (double)number.digits / exact_powers[number.scale]; /* correctly rounded: both are exact */
    char text[NUMBER_TEXT_BYTES];
    size_t size = number_print_big(number.digits, text);
    snprintf(text + size, sizeof text - size, "e%d", -number.scale);
    return strtod(text, NULL);
}

struct number number_from_double(double real)
{
    struct number number = {.is_float = true};
    if (!isfinite(real))
        return inexact(real);
    for (int scale = 0; scale <= 6; scale++) {
        double scaled = real * exact_powers[scale];
        if (fabs(scaled) >= 1e15)
            break;
        double whole = nearbyint(scaled);
        if (whole / exact_powers[scale] == real) {
            number.digits = (int128)whole;
            number.scale = scale;
            return number;
        }
    }
    char text[NUMBER_TEXT_BYTES];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, real);
        if (strtod(text, NULL) == real)
            break;
    }
    char *exponent = strchr(text, 'e');
    read_digits(span_make(text, (size_t)(exponent - text)), &number);
    number.is_float = true;
    number.scale -= atoi(exponent + 1);
    while (number.digits != 0 && number.digits % 10 == 0) {
        number.digits /= 10;
        number.scale--;
    }
    return number;
}

static struct value int_to_value(int128 whole, struct arena *arena)
{
    if (whole >= INT64_MIN && whole <= INT64_MAX)
        return value_int((int64_t)whole);
    int128 *kept = arena_alloc(arena, sizeof *kept);
    *kept = whole;
    return (struct value){.kind = LIQUID_BIG, .bytes = (const char *)kept};
}

enum err number_parse_literal(struct span text, struct arena *arena, struct value *value)
{
    struct number number;
    if (memchr(text.data, '.', text.size) != NULL) {
        if (text.size >= NUMBER_TEXT_BYTES)
            return ERR_OVERFLOW;
        *value = value_double(text_to_double(text));
        return ERR_OK;
    }
    if (!read_digits(text, &number))
        return ERR_OVERFLOW;
    *value = int_to_value(number.digits, arena);
    return ERR_OK;
}

static int64_t clamp(int128 whole)
{
    return whole > INT64_MAX ? INT64_MAX : whole < INT64_MIN ? INT64_MIN : (int64_t)whole;
}

bool number_literal_to_int(struct value value, int64_t *whole)
{
    switch (value.kind) {
    case VALUE_NULL:
        *whole = 0;
        return true;
    case VALUE_INT:
        *whole = value.integer;
        return true;
    case VALUE_DOUBLE:
        if (!(fabs(value.real) < 0x1p63))
            *whole = value.real < 0 ? INT64_MIN : INT64_MAX;
        else
            *whole = (int64_t)value.real;
        return true;
    case VALUE_STRING:
        *whole = number_text_to_int(value_span(value));
        return true;
    case LIQUID_BIG:
        *whole = clamp(*(const int128 *)value.bytes);
        return true;
    default:
        return false;
    }
}

/* The leading part that to_i reads: sign, then digits with single underscores between them. */
static struct span int_prefix(struct span text)
{
    while (text.size > 0 && char_is_space(text.data[0]))
        text = span_slice(text, 1, text.size);
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    size_t end = at;
    while (end < text.size &&
           (char_is_digit(text.data[end]) || (text.data[end] == '_' && end > at && end + 1 < text.size &&
                                              char_is_digit(text.data[end + 1]))))
        end++;
    return end == at ? span_make(text.data, 0) : span_slice(text, 0, end);
}

int64_t number_text_to_int(struct span text)
{
    struct number number;
    struct span prefix = int_prefix(text);
    if (!read_digits(prefix, &number))
        return prefix.data[0] == '-' ? INT64_MIN : INT64_MAX;
    return clamp(number.digits);
}

static int digit_value(char c)
{
    if (char_is_digit(c))
        return c - '0';
    c = char_to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* The base of a prefix (0x, 0o, 0b, 0d, 0) at the start of *digits, which moves past it. */
static int take_base(struct span *digits)
{
    static const struct {
        char letter;
        int base;
    } bases[] = {{'x', 16}, {'o', 8}, {'b', 2}, {'d', 10}};
    if (digits->size < 2 || digits->data[0] != '0')
        return 10;
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (char_to_lower(digits->data[1]) == bases[i].letter) {
            *digits = span_slice(*digits, 2, digits->size);
            return bases[i].base;
        }
    *digits = span_slice(*digits, digits->data[1] == '_' ? 2 : 1, digits->size);
    return 8;
}

enum err number_text_to_int_strict(struct span text, int64_t *whole)
{
    while (text.size > 0 && char_is_space(text.data[0]))
        text = span_slice(text, 1, text.size);
    while (text.size > 0 && char_is_space(text.data[text.size - 1]))
        text.size--;
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative || (text.size > 0 && text.data[0] == '+'))
        text = span_slice(text, 1, text.size);
    int base = take_base(&text);
    if (text.size == 0)
        return ERR_INVALID;
    int128 result = 0;
    bool after_digit = false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '_' && after_digit) {
            after_digit = false;
            continue;
        }
        int digit = digit_value(text.data[i]);
        if (digit >= base)
            return ERR_INVALID;
        after_digit = true;
        if (result <= INT64_MAX)
            result = result * base + digit;
    }
    if (!after_digit)
        return ERR_INVALID;
    *whole = clamp(negative ? -result : result);
    return ERR_OK;
}

/* -?\d+\.\d+ and nothing else. */
static bool is_decimal(struct span text)
{
    size_t at = text.size > 0 && text.data[0] == '-' ? 1 : 0;
    size_t dot = at;
    while (dot < text.size && char_is_digit(text.data[dot]))
        dot++;
    if (dot == at || dot + 1 >= text.size || text.data[dot] != '.')
        return false;
    for (size_t i = dot + 1; i < text.size; i++)
        if (!char_is_digit(text.data[i]))
            return false;
    return true;
}

static struct number from_text(struct span text)
{
    struct number number;
    struct span stripped = span_strip(text);
    if (is_decimal(stripped))
        return read_digits(stripped, &number) ? number : inexact(text_to_double(stripped));
    struct span prefix = int_prefix(text);
    return read_digits(prefix, &number) ? number : inexact(text_to_double(prefix));
}

struct number number_from_value(struct value value)
{
    switch (value.kind) {
    case VALUE_INT:
        return from_int(value.integer);
    case VALUE_DOUBLE:
        return number_from_double(value.real);
    case VALUE_STRING:
        return from_text(value_span(value));
    case LIQUID_BIG:
        return from_int(*(const int128 *)value.bytes);
    default:
        return from_int(0);
    }
}

enum err number_from_value_strict(struct value value, struct number *number)
{
    if (value.kind == VALUE_STRING) {
        struct span text = span_strip(value_span(value));
        struct span prefix = int_prefix(text);
        if (text.size == 0 || (!is_decimal(text) && prefix.size != text.size))
            return ERR_INVALID;
    } else if (value.kind != VALUE_INT && value.kind != VALUE_DOUBLE && value.kind != LIQUID_BIG) {
        return ERR_INVALID;
    }
    *number = number_from_value(value);
    return number->is_inexact && !isfinite(number->real) ? ERR_INVALID : ERR_OK;
}

struct value number_to_value(struct number number, struct arena *arena)
{
    if (number.is_float)
        return value_double(to_double(number));
    return int_to_value(number.digits, arena);
}

/* Brings both to one scale; false when the digits do not fit. */
static bool align(struct number *a, struct number *b)
{
    struct number *smaller = a->scale < b->scale ? a : b;
    int scale = a->scale < b->scale ? b->scale : a->scale;
    int shift = scale - smaller->scale;
    if (smaller->digits == 0)
        shift = 0;
    if (shift > MAX_DIGITS)
        return false;
    if (__builtin_mul_overflow(smaller->digits, ten_to(shift), &smaller->digits))
        return false;
    smaller->scale = scale;
    return true;
}

static int128 floor_divide(int128 a, int128 b)
{
    int128 quotient = a / b;
    return a % b != 0 && (a % b < 0) != (b < 0) ? quotient - 1 : quotient;
}

/* a / b of decimals: enough digits that the nearest double is right, the last one sticky. */
static struct number divide(struct number a, struct number b)
{
    if (a.is_inexact || b.is_inexact || b.digits == 0)
        return inexact(to_double(a) / to_double(b));
    struct number result = {.is_float = true, .scale = a.scale - b.scale};
    int128 digits = a.digits;
    int128 larger;
    while (!__builtin_mul_overflow(digits, (int128)10, &larger)) {
        if (digits == 0)
            break;
        digits = larger;
        result.scale++;
    }
    result.digits = digits / b.digits;
    bool is_rest = digits % b.digits != 0;
    /* Whole decimals keep their exact digits, others get a last digit that is no tie. */
    if (is_rest && !__builtin_mul_overflow(result.digits, (int128)10, &larger)) {
        result.digits = larger + ((a.digits < 0) != (b.digits < 0) ? -1 : 1);
        result.scale++;
    }
    return result;
}

static enum err compute_whole(enum number_op op, int128 a, int128 b, struct number *result)
{
    int128 whole = 0;
    bool overflow = false;
    switch (op) {
    case NUMBER_PLUS:
        overflow = __builtin_add_overflow(a, b, &whole);
        break;
    case NUMBER_MINUS:
        overflow = __builtin_sub_overflow(a, b, &whole);
        break;
    case NUMBER_TIMES:
        overflow = __builtin_mul_overflow(a, b, &whole);
        break;
    case NUMBER_DIVIDE:
        whole = floor_divide(a, b);
        break;
    case NUMBER_MODULO:
        whole = a - floor_divide(a, b) * b;
        break;
    }
    int128 limit = ten_to(MAX_DIGITS);
    if (overflow || whole >= limit || whole <= -limit)
        return ERR_OVERFLOW;
    *result = from_int(whole);
    return ERR_OK;
}

static double compute_double(enum number_op op, double a, double b)
{
    switch (op) {
    case NUMBER_PLUS:
        return a + b;
    case NUMBER_MINUS:
        return a - b;
    case NUMBER_TIMES:
        return a * b;
    case NUMBER_DIVIDE:
        return a / b;
    case NUMBER_MODULO:
        break;
    }
    double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static bool is_zero(struct number number)
{
    return number.is_inexact ? number.real == 0 : number.digits == 0;
}

enum err number_compute(enum number_op op, struct number a, struct number b, struct number *result)
{
    bool is_whole = !a.is_float && !b.is_float;
    if ((op == NUMBER_MODULO || (op == NUMBER_DIVIDE && is_whole)) && is_zero(b))
        return ERR_DIVIDE_BY_ZERO;
    if (is_whole)
        return compute_whole(op, a.digits, b.digits, result);
    struct number x = a;
    struct number y = b;
    *result = inexact(0);
    if (op == NUMBER_DIVIDE) {
        *result = divide(a, b);
    } else if (a.is_inexact || b.is_inexact) {
        result->real = compute_double(op, to_double(a), to_double(b));
    } else if (op == NUMBER_TIMES) {
        *result = (struct number){.is_float = true, .scale = a.scale + b.scale};
        if (__builtin_mul_overflow(a.digits, b.digits, &result->digits))
            *result = inexact(to_double(a) * to_double(b));
    } else if (align(&x, &y) && compute_whole(op, x.digits, y.digits, result) == ERR_OK) {
        result->is_float = true;
        result->scale = x.scale;
    } else {
        *result = inexact(compute_double(op, to_double(a), to_double(b)));
    }
    return ERR_OK;
}

struct number number_absolute(struct number number)
{
    number.real = fabs(number.real);
    if (number.digits < 0)
        number.digits = -number.digits;
    return number;
}

int number_compare(struct number a, struct number b)
{
    if (!a.is_inexact && !b.is_inexact && align(&a, &b))
        return (a.digits > b.digits) - (a.digits < b.digits);
    double x = to_double(a);
    double y = to_double(b);
    return (x > y) - (x < y);
}

/* digits / 10^drop, rounded. */
static int128 drop_digits(int128 digits, int drop, enum number_rounding how)
{
    if (drop > MAX_DIGITS)
        return how == ROUND_UP && digits > 0 ? 1 : how == ROUND_DOWN && digits < 0 ? -1 : 0;
    int128 unit = ten_to(drop);
    int128 down = floor_divide(digits, unit);
    int128 rest = digits - down * unit;
    if (how == ROUND_UP)
        return rest == 0 ? down : down + 1;
    if (how == ROUND_DOWN)
        return down;
    int128 other = unit - rest;
    return rest > other || (rest == other && digits > 0) ? down + 1 : down;
}

enum err number_round(struct number number, int64_t places, enum number_rounding how, struct number *result)
{
    *result = number;
    if (number.is_inexact) {
        if (places <= 0)
            return ERR_OVERFLOW;
        return ERR_OK;
    }
    if (places > INT32_MAX / 2)
        places = INT32_MAX / 2;
    if (places < -2 * MAX_DIGITS)
        places = -2 * MAX_DIGITS;
    int drop = number.scale - (int)places;
    if (drop > 0) {
        result->digits = drop_digits(number.digits, drop, how);
        result->scale = (int)places;
    }
    if (number.is_float && places > 0)
        return ERR_OK;
    /* A whole number: write out the zeros that the scale stands for. */
    result->is_float = false;
    if (result->scale < 0 && result->digits != 0 &&
        (result->scale < -MAX_DIGITS ||
         __builtin_mul_overflow(result->digits, ten_to(-result->scale), &result->digits)))
        return ERR_OVERFLOW;
    result->scale = 0;
    return ERR_OK;
}
