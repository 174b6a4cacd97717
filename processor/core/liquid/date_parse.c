#include "core/liquid/date_parse.h"

#include "core/liquid/chars.h"

#define MISSING (-1)

struct reader {
    struct span text;
    size_t at;
    int64_t year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    uint32_t nanos;
    bool has_offset;
    int32_t offset_s;
};

static const char *const months[] = {"january", "february", "march",     "april",   "may",      "june",
                                     "july",    "august",   "september", "october", "november", "december"};
static const char *const weekdays[] = {"sunday",   "monday", "tuesday", "wednesday",
                                       "thursday", "friday", "saturday"};

static const struct {
    const char *name;
    int offset_minutes;
} zones[] = {
    {"z", 0},      {"utc", 0},    {"gmt", 0},    {"wet", 0},     {"west", 60},
    {"bst", 60},   {"cet", 60},   {"cest", 120}, {"eet", 120},   {"eest", 180},
    {"msk", 180},  {"ist", 330},  {"jst", 540},  {"kst", 540},   {"est", -300},
    {"edt", -240}, {"cst", -360}, {"cdt", -300}, {"mst", -420},  {"mdt", -360},
    {"pst", -480}, {"pdt", -420}, {"hst", -600}, {"akst", -540}, {"akdt", -480},
};

static char peek(const struct reader *reader, size_t ahead)
{
    return reader->at + ahead < reader->text.size ? reader->text.data[reader->at + ahead] : '\0';
}

static size_t count_digits(const struct reader *reader, size_t from)
{
    size_t count = 0;
    while (char_is_digit(peek(reader, from + count)))
        count++;
    return count;
}

/* The number of the next `digits` digits, at most nine; moves past them. */
static int take_number(struct reader *reader, size_t digits)
{
    int number = 0;
    for (; digits > 0; digits--)
        number = number * 10 + (reader->text.data[reader->at++] - '0');
    return number;
}

static int64_t full_year(int64_t year, size_t digits)
{
    return digits > 2 ? year : year >= 69 ? year + 1900 : year + 2000;
}

static struct span take_word(struct reader *reader)
{
    size_t from = reader->at;
    while (char_is_letter(peek(reader, 0)))
        reader->at++;
    return span_slice(reader->text, from, reader->at);
}

static bool word_is(struct span word, const char *name, size_t least)
{
    size_t size = strlen(name);
    if (word.size < least || word.size > size)
        return false;
    for (size_t i = 0; i < word.size; i++)
        if (char_to_lower(word.data[i]) != name[i])
            return false;
    return true;
}

/* hh:mm[:ss[.fraction]] */
static bool read_clock(struct reader *reader, size_t hour_digits)
{
    if (reader->hour != MISSING || hour_digits > 2)
        return false;
    reader->hour = take_number(reader, hour_digits);
    reader->at++;
    if (count_digits(reader, 0) != 2)
        return false;
    reader->minute = take_number(reader, 2);
    if (peek(reader, 0) != ':')
        return true;
    reader->at++;
    if (count_digits(reader, 0) != 2)
        return false;
    reader->second = take_number(reader, 2);
    if ((peek(reader, 0) != '.' && peek(reader, 0) != ',') || count_digits(reader, 1) == 0)
        return true;
    reader->at++;
    uint32_t unit = 100000000;
    for (; char_is_digit(peek(reader, 0)); reader->at++, unit /= 10)
        reader->nanos += unit * (uint32_t)(peek(reader, 0) - '0');
    return true;
}

/* year-month-day, day/month/year and the like (the part with more than two digits is the year), and
 * month/day. */
static bool read_numeric_date(struct reader *reader, size_t first_digits)
{
    if (reader->year != MISSING || reader->month != MISSING || reader->day != MISSING || first_digits > 4)
        return false;
    int first = take_number(reader, first_digits);
    char separator = peek(reader, 0);
    reader->at++;
    size_t second_digits = count_digits(reader, 0);
    if (second_digits < 1 || second_digits > 2)
        return false;
    int second = take_number(reader, second_digits);
    size_t third_digits = peek(reader, 0) == separator ? count_digits(reader, 1) : 0;
    if (third_digits == 0) {
        if (first_digits > 2 || separator != '/')
            return false;
        reader->month = first;
        reader->day = second;
        return true;
    }
    reader->at++;
    if (third_digits > 4 || (first_digits > 2 && third_digits > 2))
        return false;
    int third = take_number(reader, third_digits);
    reader->month = second;
    reader->year = third_digits > 2 ? third : full_year(first, first_digits);
    reader->day = third_digits > 2 ? first : third;
    return true;
}

/* 20160314[T1015[30]] */
static bool read_compact(struct reader *reader)
{
    if (reader->year != MISSING || reader->month != MISSING || reader->day != MISSING)
        return false;
    reader->year = take_number(reader, 4);
    reader->month = take_number(reader, 2);
    reader->day = take_number(reader, 2);
    if (char_to_lower(peek(reader, 0)) != 't')
        return true;
    size_t digits = count_digits(reader, 1);
    if (digits != 4 && digits != 6)
        return false;
    reader->at++;
    reader->hour = take_number(reader, 2);
    reader->minute = take_number(reader, 2);
    if (digits == 6)
        reader->second = take_number(reader, 2);
    return true;
}

/* "am" or "pm" at a place; moves past it. */
static bool read_half_day(struct reader *reader, size_t from)
{
    char half = char_to_lower(peek(reader, from));
    if ((half != 'a' && half != 'p') || char_to_lower(peek(reader, from + 1)) != 'm' ||
        char_is_word(peek(reader, from + 2)))
        return false;
    if (reader->hour < 1 || reader->hour > 12)
        return false;
    reader->hour = reader->hour % 12 + (half == 'p' ? 12 : 0);
    reader->at += from + 2;
    return true;
}

static void pass_ordinal(struct reader *reader)
{
    static const char *const endings[] = {"st", "nd", "rd", "th"};
    size_t at = reader->at;
    struct span word = take_word(reader);
    for (size_t i = 0; i < 4; i++)
        if (word_is(word, endings[i], 2))
            return;
    reader->at = at;
}

/* A number by itself: the day, then the year; or an hour before am and pm. */
static bool read_lone_number(struct reader *reader, size_t digits)
{
    size_t gap = peek(reader, digits) == ' ' ? digits + 1 : digits;
    char half = char_to_lower(peek(reader, gap));
    if (digits <= 2 && reader->hour == MISSING && (half == 'a' || half == 'p') &&
        char_to_lower(peek(reader, gap + 1)) == 'm') {
        reader->hour = take_number(reader, digits);
        return read_half_day(reader, gap - digits);
    }
    if (digits > 4)
        return false;
    int number = take_number(reader, digits);
    if (digits <= 2 && reader->day == MISSING) {
        reader->day = number;
        pass_ordinal(reader);
        return true;
    }
    if (reader->year != MISSING)
        return false;
    reader->year = full_year(number, digits);
    return true;
}

static bool read_number(struct reader *reader)
{
    size_t digits = count_digits(reader, 0);
    char after = peek(reader, digits);
    bool is_joined =
        (after == '-' || after == '/' || after == '.') && char_is_digit(peek(reader, digits + 1));
    if (after == ':') {
        if (!read_clock(reader, digits))
            return false;
        read_half_day(reader, peek(reader, 0) == ' ' ? 1 : 0);
        return true;
    }
    if (is_joined)
        return read_numeric_date(reader, digits);
    return digits == 8 ? read_compact(reader) : read_lone_number(reader, digits);
}

/* +hh, +hhmm, +hh:mm after a time. */
static bool read_offset(struct reader *reader)
{
    int sign = peek(reader, 0) == '-' ? -1 : 1;
    size_t digits = count_digits(reader, 1);
    if (reader->hour == MISSING || (digits != 2 && digits != 4))
        return false;
    reader->at++;
    int hours = take_number(reader, 2);
    int minutes = 0;
    if (digits == 2 && peek(reader, 0) == ':' && count_digits(reader, 1) == 2) {
        reader->at++;
        digits = 4;
    }
    if (digits == 4)
        minutes = take_number(reader, 2);
    reader->has_offset = true;
    reader->offset_s = sign * (hours * 3600 + minutes * 60);
    return hours <= 24 && minutes <= 59;
}

static bool read_word(struct reader *reader)
{
    struct span word = take_word(reader);
    if (peek(reader, 0) == '.')
        reader->at++;
    for (int i = 0; i < 12; i++)
        if (word_is(word, months[i], 3)) {
            bool is_new = reader->month == MISSING;
            reader->month = i + 1;
            return is_new;
        }
    for (size_t i = 0; i < 7; i++)
        if (word_is(word, weekdays[i], 3))
            return true;
    if (word_is(word, "t", 1))
        return reader->day != MISSING && char_is_digit(peek(reader, 0));
    for (size_t i = 0; i < sizeof zones / sizeof *zones && reader->hour != MISSING; i++)
        if (word_is(word, zones[i].name, strlen(zones[i].name))) {
            reader->has_offset = true;
            reader->offset_s = zones[i].offset_minutes * 60;
            return true;
        }
    return word_is(word, "at", 2) || word_is(word, "of", 2);
}

static bool read_all(struct reader *reader)
{
    while (reader->at < reader->text.size) {
        char c = peek(reader, 0);
        bool ok = true;
        if (char_is_space(c) || c == ',')
            reader->at++;
        else if (char_is_digit(c))
            ok = read_number(reader);
        else if (char_is_letter(c))
            ok = read_word(reader);
        else
            ok = (c == '+' || c == '-') && !reader->has_offset && read_offset(reader);
        if (!ok)
            return false;
    }
    return true;
}

static bool complete(struct reader *reader, struct civil_date today)
{
    bool has_date = reader->year != MISSING || reader->month != MISSING || reader->day != MISSING;
    if (!has_date && reader->hour == MISSING)
        return false;
    if (reader->year == MISSING) {
        reader->year = today.year;
        if (reader->month == MISSING) {
            reader->month = today.month;
            if (reader->day == MISSING)
                reader->day = today.day;
        }
    }
    if (reader->month == MISSING)
        reader->month = 1;
    if (reader->day == MISSING)
        reader->day = 1;
    if (reader->hour == MISSING)
        reader->hour = 0;
    return reader->month >= 1 && reader->month <= 12 && reader->day >= 1 &&
           reader->day <= civil_month_days(reader->year, reader->month) && reader->hour <= 23 &&
           reader->minute <= 59 && reader->second <= 60;
}

enum err date_parse(struct span text, struct civil_date today, struct parsed_date *date)
{
    struct reader reader = {
        .text = text, .year = MISSING, .month = MISSING, .day = MISSING, .hour = MISSING};
    if (text.size == 0 || text.size > 128 || !read_all(&reader) || !complete(&reader, today))
        return ERR_SYNTAX;
    int64_t days = civil_to_days((struct civil_date){reader.year, reader.month, reader.day});
    *date = (struct parsed_date){.local_s =
                                     days * 86400 + reader.hour * 3600 + reader.minute * 60 + reader.second,
                                 .nanos = reader.nanos,
                                 .has_offset = reader.has_offset,
                                 .offset_s = reader.offset_s};
    return ERR_OK;
}
