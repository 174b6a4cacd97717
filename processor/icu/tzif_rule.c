#include "icu/tzif_rule.h"

#include "base/civil.h"

#define DAY_S 86400
#define HOUR_S 3600

struct reader {
    const char *at;
    const char *end;
};

static bool accept(struct reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

static bool read_number(struct reader *reader, int most, int *number)
{
    const char *from = reader->at;
    *number = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && *number <= most)
        *number = *number * 10 + (*reader->at++ - '0');
    return reader->at > from && *number <= most;
}

/* Letters, or anything between < and >. */
static bool read_name(struct reader *reader, char name[TZIF_ABBREVIATION_BYTES])
{
    bool is_quoted = accept(reader, '<');
    size_t size = 0;
    while (reader->at < reader->end && size + 1 < TZIF_ABBREVIATION_BYTES) {
        char c = *reader->at;
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (is_quoted ? c == '>' : !is_letter)
            break;
        name[size++] = c;
        reader->at++;
    }
    name[size] = '\0';
    return size >= 3 && (!is_quoted || accept(reader, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(struct reader *reader, int most_hours, int32_t *seconds)
{
    int hours, minutes = 0, rest = 0;
    bool negative = accept(reader, '-');
    if (!negative)
        accept(reader, '+');
    if (!read_number(reader, most_hours, &hours) ||
        (accept(reader, ':') && !read_number(reader, 59, &minutes)) ||
        (accept(reader, ':') && !read_number(reader, 59, &rest)))
        return false;
    *seconds = hours * HOUR_S + minutes * 60 + rest;
    if (negative)
        *seconds = -*seconds;
    return true;
}

static bool read_change(struct reader *reader, struct tzif_change *change)
{
    *change = (struct tzif_change){.time_s = 2 * HOUR_S};
    if (accept(reader, 'M')) {
        change->kind = 'M';
        if (!read_number(reader, 12, &change->month) || change->month < 1 || !accept(reader, '.') ||
            !read_number(reader, 5, &change->week) || change->week < 1 || !accept(reader, '.') ||
            !read_number(reader, 6, &change->day))
            return false;
    } else {
        change->kind = accept(reader, 'J') ? 'J' : 'D';
        if (!read_number(reader, 365, &change->day) || (change->kind == 'J' && change->day < 1))
            return false;
    }
    return !accept(reader, '/') || read_time(reader, 167, &change->time_s);
}

enum err tzif_rule_parse(struct span text, struct tzif_rule *rule)
{
    struct reader reader = {text.data, text.data + text.size};
    int32_t west_s;
    *rule = (struct tzif_rule){0};
    if (!read_name(&reader, rule->standard) || !read_time(&reader, 24, &west_s))
        return ERR_SYNTAX;
    rule->standard_offset_s = -west_s;
    if (reader.at == reader.end)
        return ERR_OK;
    rule->has_summer = true;
    rule->summer_offset_s = rule->standard_offset_s + HOUR_S;
    if (!read_name(&reader, rule->summer))
        return ERR_SYNTAX;
    if (reader.at < reader.end && *reader.at != ',') {
        if (!read_time(&reader, 24, &west_s))
            return ERR_SYNTAX;
        rule->summer_offset_s = -west_s;
    }
    bool complete = accept(&reader, ',') && read_change(&reader, &rule->start) && accept(&reader, ',') &&
                    read_change(&reader, &rule->end) && reader.at == reader.end;
    return complete ? ERR_OK : ERR_SYNTAX;
}

/* The local time of a change in a year, in seconds since the epoch as if it were UTC. */
static int64_t change_local_s(const struct tzif_change *change, int64_t year)
{
    int64_t days = civil_to_days((struct civil_date){year, 1, 1});
    if (change->kind == 'D') {
        days += change->day;
    } else if (change->kind == 'J') {
        days += change->day - 1 + (change->day > 59 && civil_is_leap_year(year));
    } else {
        days = civil_to_days((struct civil_date){year, change->month, 1});
        int first = (change->day - civil_weekday(days) + 7) % 7;
        int day = first + (change->week - 1) * 7;
        while (day >= civil_month_days(year, change->month))
            day -= 7;
        days += day;
    }
    return days * DAY_S + change->time_s;
}

static struct tzif_period make_period(const struct tzif_rule *rule, bool is_summer, int64_t from_s,
                                      int64_t to_s)
{
    struct tzif_period period = {from_s, to_s, is_summer ? rule->summer_offset_s : rule->standard_offset_s,
                                 is_summer, ""};
    memcpy(period.abbreviation, is_summer ? rule->summer : rule->standard, sizeof period.abbreviation);
    return period;
}

struct tzif_period tzif_rule_find(const struct tzif_rule *rule, int64_t instant_s)
{
    if (!rule->has_summer)
        return make_period(rule, false, -TZIF_FOREVER_S, TZIF_FOREVER_S);
    int64_t days = instant_s / DAY_S - (instant_s % DAY_S < 0);
    int64_t year = civil_from_days(days).year;
    /* The changes of three years around, in order; which of start and end comes first differs by
     * hemisphere. */
    struct tzif_period period = make_period(rule, false, -TZIF_FOREVER_S, TZIF_FOREVER_S);
    int64_t from_s = -TZIF_FOREVER_S;
    bool is_summer = false;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t start_s = change_local_s(&rule->start, y) - rule->standard_offset_s;
        int64_t end_s = change_local_s(&rule->end, y) - rule->summer_offset_s;
        for (int i = 0; i < 2; i++) {
            bool takes_start = (start_s <= end_s) == (i == 0);
            int64_t change_s = takes_start ? start_s : end_s;
            if (change_s > instant_s)
                return make_period(rule, is_summer, from_s, change_s);
            from_s = change_s;
            is_summer = takes_start;
        }
    }
    return period;
}
