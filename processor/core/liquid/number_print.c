#include <math.h>
#include <stdio.h>

#include "core/liquid/number.h"

size_t number_print_big(int128 whole, char text[NUMBER_TEXT_BYTES])
{
    char reversed[48];
    size_t count = 0;
    unsigned __int128 magnitude = whole < 0 ? -(unsigned __int128)whole : (unsigned __int128)whole;
    do {
        reversed[count++] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    } while (magnitude != 0);
    size_t size = 0;
    if (whole < 0)
        text[size++] = '-';
    while (count > 0)
        text[size++] = reversed[--count];
    return size;
}

size_t number_print_int(int64_t whole, char text[NUMBER_TEXT_BYTES])
{
    char reversed[24];
    size_t count = 0;
    uint64_t magnitude = whole < 0 ? -(uint64_t)whole : (uint64_t)whole;
    do {
        reversed[count++] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    } while (magnitude != 0);
    size_t size = 0;
    if (whole < 0)
        text[size++] = '-';
    while (count > 0)
        text[size++] = reversed[--count];
    return size;
}

/* digits with a point after the first `point` of them; zeros are put where digits are missing. */
static size_t print_fixed(bool negative, const char *digits, size_t count, int point, char *text)
{
    size_t size = 0;
    if (negative)
        text[size++] = '-';
    if (point <= 0)
        text[size++] = '0';
    for (int i = 0; i < point; i++)
        text[size++] = (size_t)i < count ? digits[i] : '0';
    if (point >= (int)count)
        return size;
    text[size++] = '.';
    for (int i = point; i < 0; i++)
        text[size++] = '0';
    for (size_t i = point < 0 ? 0 : (size_t)point; i < count; i++)
        text[size++] = digits[i];
    return size;
}

size_t number_print_plain(struct number number, char text[NUMBER_TEXT_BYTES])
{
    if (number.is_inexact)
        number = number_from_double(number.real);
    char digits[NUMBER_TEXT_BYTES];
    while (number.scale > 0 && number.digits % 10 == 0) {
        number.digits /= 10;
        number.scale--;
    }
    size_t count = number_print_big(number.digits, digits);
    bool negative = digits[0] == '-';
    if (number.digits == 0 || number.is_inexact)
        return print_fixed(false, "0", 1, 1, text);
    if (number.scale > 340 || number.scale < -340)
        return print_fixed(false, "0", 1, 1, text);
    return print_fixed(negative, digits + negative, count - negative,
                       (int)(count - negative) - number.scale, text);
}

size_t number_print_double(double real, char text[NUMBER_TEXT_BYTES])
{
    if (isnan(real) || isinf(real)) {
        strcpy(text, isnan(real) ? "NaN" : real > 0 ? "Infinity" : "-Infinity");
        return strlen(text);
    }
    if (real == 0) {
        strcpy(text, signbit(real) ? "-0.0" : "0.0");
        return strlen(text);
    }
    struct number number = number_from_double(real);
    char digits[NUMBER_TEXT_BYTES];
    size_t count = number_print_big(number.digits, digits);
    size_t negative = digits[0] == '-';
    const char *first = digits + negative;
    count -= negative;
    int point = (int)count - number.scale;
    while (count > 1 && first[count - 1] == '0')
        count--;
    size_t size;
    if (point > -4 && point <= 16) {
        size = print_fixed(negative, first, count, point, text);
        if (point >= (int)count)
            size += (size_t)sprintf(text + size, ".0");
        return size;
    }
    size = print_fixed(negative, first, count, 1, text);
    return size + (size_t)sprintf(text + size, "%se%+03d", count == 1 ? ".0" : "", point - 1);
}
