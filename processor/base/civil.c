#include "base/civil.h"

#include <stdio.h>

int64_t civil_to_days(struct civil_date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

struct civil_date civil_from_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    struct civil_date date;
    date.day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    date.month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

int civil_weekday(int64_t days)
{
    int64_t weekday = (days + 4) % 7;
    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

bool civil_is_leap_year(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int civil_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && civil_is_leap_year(year) ? 29 : days[month - 1];
}

/* Two digits; every event has a time, so that this is written out. */
static inline bool read_pair(struct span text, size_t at, int *number)
{
    if (at + 2 > text.size)
        return false;
    unsigned tens = (unsigned char)text.data[at] - (unsigned)'0';
    unsigned ones = (unsigned char)text.data[at + 1] - (unsigned)'0';
    *number = (int)(tens * 10 + ones);
    return tens <= 9 && ones <= 9;
}

enum err civil_parse_date(struct span text, int64_t *days)
{
    int century, year_of_century, month, day;
    if (text.size != 10 || !read_pair(text, 0, &century) || !read_pair(text, 2, &year_of_century) ||
        text.data[4] != '-' || !read_pair(text, 5, &month) || text.data[7] != '-' ||
        !read_pair(text, 8, &day))
        return ERR_SYNTAX;
    int year = century * 100 + year_of_century;
    if (month < 1 || month > 12 || day < 1 || day > civil_month_days(year, month))
        return ERR_SYNTAX;
    *days = civil_to_days((struct civil_date){year, month, day});
    return ERR_OK;
}

/* The fraction's digits from `at` on; returns the place after them, 0 when there is none. */
static size_t read_fraction(struct span text, size_t at, uint32_t *nanos)
{
    size_t start = at;
    uint32_t scale = 100000000;
    *nanos = 0;
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
        *nanos += (uint32_t)(text.data[at] - '0') * scale;
        scale /= 10;
    }
    return at == start ? 0 : at;
}

static bool read_offset(struct span text, size_t at, int *offset_s)
{
    if (at + 1 == text.size && (text.data[at] == 'Z' || text.data[at] == 'z')) {
        *offset_s = 0;
        return true;
    }
    int hours, minutes;
    if (at + 6 != text.size || (text.data[at] != '+' && text.data[at] != '-') ||
        !read_pair(text, at + 1, &hours) || text.data[at + 3] != ':' ||
        !read_pair(text, at + 4, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_s = (hours * 60 + minutes) * 60;
    if (text.data[at] == '-')
        *offset_s = -*offset_s;
    return true;
}

enum err civil_parse_rfc3339(struct span text, int64_t *seconds, uint32_t *nanos)
{
    int64_t days;
    int hour, minute, second, offset_s;
    if (text.size < 20 || civil_parse_date(span_slice(text, 0, 10), &days) != ERR_OK)
        return ERR_SYNTAX;
    char separator = text.data[10];
    if ((separator != 'T' && separator != 't' && separator != ' ') || !read_pair(text, 11, &hour) ||
        text.data[13] != ':' || !read_pair(text, 14, &minute) || text.data[16] != ':' ||
        !read_pair(text, 17, &second) || hour > 23 || minute > 59 || second > 59)
        return ERR_SYNTAX;
    size_t at = 19;
    *nanos = 0;
    if (text.data[at] == '.') {
        at = read_fraction(text, at + 1, nanos);
        if (at == 0)
            return ERR_SYNTAX;
    }
    if (!read_offset(text, at, &offset_s))
        return ERR_SYNTAX;
    *seconds = days * 86400 + (hour * 60 + minute) * 60 + second - offset_s;
    return ERR_OK;
}

/* Writes `digits` decimal digits with leading zeros. */
static char *write_digits(char *to, uint32_t number, int digits)
{
    for (int i = digits; i-- > 0; number /= 10)
        to[i] = (char)('0' + number % 10);
    return to + digits;
}

static char *write_year(char *to, int64_t year)
{
    if (year >= 0 && year <= 9999)
        return write_digits(to, (uint32_t)year, 4);
    return to + snprintf(to, CIVIL_RFC3339_BYTES - 20, "%04lld", (long long)year);
}

size_t civil_format_ms(int64_t ms, char text[CIVIL_RFC3339_BYTES])
{
    int64_t days = ms / 86400000;
    int64_t rest = ms % 86400000;
    if (rest < 0) {
        rest += 86400000;
        days -= 1;
    }
    struct civil_date date = civil_from_days(days);
    uint32_t of_day = (uint32_t)rest;
    char *at = write_year(text, date.year);
    *at++ = '-';
    at = write_digits(at, (uint32_t)date.month, 2);
    *at++ = '-';
    at = write_digits(at, (uint32_t)date.day, 2);
    *at++ = 'T';
    at = write_digits(at, of_day / 3600000, 2);
    *at++ = ':';
    at = write_digits(at, of_day / 60000 % 60, 2);
    *at++ = ':';
    at = write_digits(at, of_day / 1000 % 60, 2);
    *at++ = '.';
    at = write_digits(at, of_day % 1000, 3);
    *at++ = 'Z';
    *at = '\0';
    return (size_t)(at - text);
}
