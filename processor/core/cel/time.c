/* timestamp(), duration(), and the parts of both. */
#include "base/civil.h"
#include "core/cel/program.h"

enum { SECONDS_PER_DAY = 86400 };

/* ---- from text ---- */

static struct value range_fault(struct value time)
{
    return cel_is_fault(time) ? cel_fault(CEL_FAULT_RANGE) : time;
}

struct value cel_to_timestamp(struct cel_run *run, const struct value *args)
{
    (void)run;
    struct value value = args[0];
    if (value.kind == VALUE_TIMESTAMP)
        return value;
    if (value.kind == VALUE_INT)
        return range_fault(cel_make_time(VALUE_TIMESTAMP, (__int128)value.integer * 1000000000));
    int64_t seconds;
    uint32_t nanos;
    struct span text = value_span(value);
    /* As cel-go: capitals only, though RFC 3339 lets T and Z be small. */
    if (civil_parse_rfc3339(text, &seconds, &nanos) != ERR_OK || text.data[10] != 'T' ||
        text.data[text.size - 1] == 'z')
        return cel_fault(CEL_FAULT_CONVERSION);
    return range_fault(cel_make_time(VALUE_TIMESTAMP, (__int128)seconds * 1000000000 + nanos));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at *at into *number, of which at most `most` count; how many count. A number that is far too large
 * for a duration stays far too large. */
static size_t read_digits(struct span text, size_t *at, size_t most, __int128 *number)
{
    size_t count = 0;
    *number = 0;
    for (; *at < text.size && is_digit(text.data[*at]); (*at)++) {
        if (count == most)
            continue;
        count += 1;
        if (*number < (__int128)1 << 80)
            *number = *number * 10 + (text.data[*at] - '0');
    }
    return count;
}

static int64_t unit_nanos(struct span unit)
{
    static const struct {
        const char *name;
        int64_t nanos;
    } units[] = {{"h", 3600000000000}, {"m", 60000000000},  {"s", 1000000000},   {"ms", 1000000},
                 {"us", 1000},         {"\xC2\xB5s", 1000}, {"\xCE\xBCs", 1000}, {"ns", 1}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (span_equal_text(unit, units[i].name))
            return units[i].nanos;
    return 0;
}

/* One number with its unit, added to *sum; finer than a nanosecond is cut. */
static bool read_part(struct span text, size_t *at, __int128 *sum)
{
    enum { FRACTION_DIGITS = 17 };
    __int128 whole, fraction = 0, scale = 1;
    size_t digits = read_digits(text, at, SIZE_MAX, &whole);
    if (*at < text.size && text.data[*at] == '.') {
        *at += 1;
        size_t fraction_digits = read_digits(text, at, FRACTION_DIGITS, &fraction);
        for (size_t i = 0; i < fraction_digits; i++)
            scale *= 10;
        digits += fraction_digits;
    }
    size_t start = *at;
    while (*at < text.size && !is_digit(text.data[*at]) && text.data[*at] != '.')
        *at += 1;
    int64_t unit = unit_nanos(span_slice(text, start, *at));
    const __int128 too_large = (__int128)1 << 100;
    *sum += whole * unit + fraction * unit / scale;
    *sum = *sum > too_large ? too_large : *sum;
    return digits != 0 && unit != 0;
}

/* Go's time.ParseDuration: [-+]?(0|(number unit)+). */
struct value cel_to_duration(struct cel_run *run, const struct value *args)
{
    (void)run;
    if (args[0].kind == VALUE_DURATION)
        return args[0];
    struct span text = value_span(args[0]);
    bool negative = text.size != 0 && text.data[0] == '-';
    if (text.size != 0 && (text.data[0] == '-' || text.data[0] == '+'))
        text = span_slice(text, 1, text.size);
    __int128 sum = 0;
    size_t at = 0;
    if (text.size == 0)
        return cel_fault(CEL_FAULT_CONVERSION);
    if (span_equal_text(text, "0"))
        at = 1;
    while (at < text.size)
        if (!read_part(text, &at, &sum))
            return cel_fault(CEL_FAULT_CONVERSION);
    return range_fault(cel_make_time(VALUE_DURATION, negative ? -sum : sum));
}

/* ---- parts ---- */

/* ±HH:MM or HH:MM. */
static bool fixed_offset(struct span zone, int64_t *offset_s)
{
    size_t at = zone.size != 0 && (zone.data[0] == '+' || zone.data[0] == '-') ? 1 : 0;
    if (zone.size != at + 5 || zone.data[at + 2] != ':' || !is_digit(zone.data[at]) ||
        !is_digit(zone.data[at + 1]) || !is_digit(zone.data[at + 3]) || !is_digit(zone.data[at + 4]))
        return false;
    int hours = (zone.data[at] - '0') * 10 + zone.data[at + 1] - '0';
    int minutes = (zone.data[at + 3] - '0') * 10 + zone.data[at + 4] - '0';
    if (hours > 23 || minutes > 59)
        return false;
    *offset_s = (hours * 60 + minutes) * 60;
    if (zone.data[0] == '-')
        *offset_s = -*offset_s;
    return true;
}

/* The local clock's seconds since 1970-01-01T00:00:00 in the zone given as second argument, if there is
 * one. */
static bool local_seconds(struct cel_run *run, const struct value *args, int64_t *local_s)
{
    *local_s = args[0].integer;
    if (args[1].kind != VALUE_STRING)
        return true;
    struct span zone = value_span(args[1]);
    int64_t offset_s;
    if (span_equal_text(zone, "UTC") || zone.size == 0)
        return true;
    if (fixed_offset(zone, &offset_s)) {
        *local_s += offset_s;
        return true;
    }
    const struct locale_port *locale = run->activation->locale;
    const struct locale_zone *found = locale == NULL ? NULL : locale->zone_find(locale->self, zone);
    if (found == NULL)
        return false;
    *local_s += locale->zone_offset_s(locale->self, found, args[0].integer);
    return true;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

/* An accessor without a zone has null as its second argument. */
#define LOCAL_OR_FAULT(run, args, local)         \
    int64_t local;                               \
    if (!local_seconds((run), (args), &(local))) \
    return cel_fault(CEL_FAULT_BAD_ZONE)

static int64_t second_of_day(int64_t local)
{
    return local - floor_divide(local, SECONDS_PER_DAY) * SECONDS_PER_DAY;
}

static struct civil_date date_of(int64_t local)
{
    return civil_from_days(floor_divide(local, SECONDS_PER_DAY));
}

struct value cel_get_full_year(struct cel_run *run, const struct value *args)
{
    LOCAL_OR_FAULT(run, args, local);
    return value_int(date_of(local).year);
}

struct value cel_get_month(struct cel_run *run, const struct value *args)
{
    LOCAL_OR_FAULT(run, args, local);
    return value_int(date_of(local).month - 1);
}

struct value cel_get_date(struct cel_run *run, const struct value *args)
{
    LOCAL_OR_FAULT(run, args, local);
    return value_int(date_of(local).day);
}

struct value cel_get_day_of_month(struct cel_run *run, const struct value *args)
{
    LOCAL_OR_FAULT(run, args, local);
    return value_int(date_of(local).day - 1);
}

struct value cel_get_day_of_week(struct cel_run *run, const struct value *args)
{
    LOCAL_OR_FAULT(run, args, local);
    return value_int(civil_weekday(floor_divide(local, SECONDS_PER_DAY)));
}

struct value cel_get_day_of_year(struct cel_run *run, const struct value *args)
{
    LOCAL_OR_FAULT(run, args, local);
    int64_t first_day = civil_to_days((struct civil_date){date_of(local).year, 1, 1});
    return value_int(floor_divide(local, SECONDS_PER_DAY) - first_day);
}

/* A duration's whole units, towards zero. */
static struct value whole_units(struct value duration, int64_t nanos)
{
    return value_int((int64_t)(cel_time_nanos(duration) / nanos));
}

struct value cel_get_hours(struct cel_run *run, const struct value *args)
{
    if (args[0].kind == VALUE_DURATION)
        return whole_units(args[0], 3600000000000);
    LOCAL_OR_FAULT(run, args, local);
    return value_int(second_of_day(local) / 3600);
}

struct value cel_get_minutes(struct cel_run *run, const struct value *args)
{
    if (args[0].kind == VALUE_DURATION)
        return whole_units(args[0], 60000000000);
    LOCAL_OR_FAULT(run, args, local);
    return value_int(second_of_day(local) / 60 % 60);
}

struct value cel_get_seconds(struct cel_run *run, const struct value *args)
{
    if (args[0].kind == VALUE_DURATION)
        return whole_units(args[0], 1000000000);
    LOCAL_OR_FAULT(run, args, local);
    return value_int(second_of_day(local) % 60);
}

/* Of a duration, unlike the other units, the milliseconds within the second (langdef.md). */
struct value cel_get_milliseconds(struct cel_run *run, const struct value *args)
{
    if (args[0].kind == VALUE_DURATION)
        return value_int((int64_t)(cel_time_nanos(args[0]) % 1000000000 / 1000000));
    LOCAL_OR_FAULT(run, args, local);
    (void)local;
    return value_int(args[0].size / 1000000);
}
