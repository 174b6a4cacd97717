#include "core/liquid/strftime.h"

#include "base/civil.h"
#include "core/liquid/chars.h"
#include "core/liquid/number.h"

#define DAY_S 86400

/* A formatted time and where it goes. */
struct clock {
    struct run *run;
    struct text *text;
    int64_t instant_s;
    uint32_t nanos;
    const struct locale_zone *zone;
    struct span locale;
    bool is_english;
    int32_t offset_s;
    int64_t days; /* since 1970-01-01, local */
    struct civil_date date;
    int hour;
    int minute;
    int second;
    int weekday;
    int year_day; /* 0..365 */
};

/* What stands between % and the conversion's letter. */
struct spec {
    char padding; /* '\0': the conversion's own; '-': none; '_' or '0' */
    bool upper;
    bool swap_case;
    int colons;
    int64_t width; /* -1: none */
};

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};

static void pad(struct clock *clock, char with, int64_t count)
{
    if (count > 0)
        run_charge_bytes(clock->run, (size_t)count);
    for (; count > 0; count--)
        text_append(clock->run, clock->text, span_make(&with, 1));
}

/* A number, at least `digits` long. */
static void put_number(struct clock *clock, const struct spec *spec, int64_t number, int digits,
                       char padding)
{
    char text[NUMBER_TEXT_BYTES];
    size_t size = number_print_int(number < 0 ? -number : number, text);
    if (spec->padding != '\0')
        padding = spec->padding;
    int64_t width = padding == '-' ? 0 : spec->width >= 0 ? spec->width : digits;
    int64_t missing = width - (int64_t)size - (number < 0);
    if (padding == '_')
        pad(clock, ' ', missing);
    if (number < 0)
        text_append(clock->run, clock->text, SPAN_LITERAL("-"));
    if (padding == '0')
        pad(clock, '0', missing);
    text_append(clock->run, clock->text, span_make(text, size));
}

static struct span to_upper(struct clock *clock, struct span text)
{
    const struct locale_port *port = clock->run->context->locale_port;
    return port->map_case(port->self, text, LOCALE_UPPER, clock->run->arena);
}

static void put_text(struct clock *clock, const struct spec *spec, struct span text)
{
    if (spec->upper || spec->swap_case)
        text = to_upper(clock, text);
    pad(clock, spec->padding == '0' ? '0' : ' ',
        spec->padding == '-' ? 0 : spec->width - (int64_t)utf8_count(text));
    text_append(clock->run, clock->text, text);
}

static void put_name(struct clock *clock, const struct spec *spec, enum locale_name kind, int index)
{
    const struct locale_port *port = clock->run->context->locale_port;
    if (!clock->is_english) {
        put_text(clock, spec, port->name(port->self, clock->locale, kind, index, clock->run->arena));
        return;
    }
    bool is_month = kind == LOCALE_MONTH_WIDE || kind == LOCALE_MONTH_SHORT;
    struct span name = span_from_text(is_month ? months[index - 1] : weekdays[index]);
    if (kind == LOCALE_MONTH_SHORT || kind == LOCALE_WEEKDAY_SHORT)
        name.size = 3;
    put_text(clock, spec, name);
}

static void put_day_period(struct clock *clock, const struct spec *spec, bool lower)
{
    const struct locale_port *port = clock->run->context->locale_port;
    struct span name = clock->hour < 12 ? SPAN_LITERAL("AM") : SPAN_LITERAL("PM");
    struct spec plain = *spec;
    if (!clock->is_english)
        name =
            port->name(port->self, clock->locale, LOCALE_DAY_PERIOD, clock->hour >= 12, clock->run->arena);
    if (lower != spec->swap_case)
        name = port->map_case(port->self, name, LOCALE_LOWER, clock->run->arena);
    plain.swap_case = false;
    plain.upper = spec->upper && !spec->swap_case;
    put_text(clock, &plain, name);
}

/* The week of the year, weeks beginning on `first` (0 = Sunday), days before the first such day in 0. */
static int week_of_year(const struct clock *clock, int first)
{
    int weekday = (clock->weekday - first + 7) % 7;
    return (clock->year_day + 7 - weekday) / 7;
}

/* ISO 8601: week 1 has the year's first Thursday. */
static int iso_week(const struct clock *clock, int64_t *year)
{
    int64_t thursday = clock->days - (clock->weekday + 6) % 7 + 3;
    *year = civil_from_days(thursday).year;
    int64_t first = civil_to_days((struct civil_date){*year, 1, 1});
    return (int)((thursday - first) / 7) + 1;
}

/* Digits of the fraction of the second, cut. */
static void put_fraction(struct clock *clock, const struct spec *spec, int64_t digits)
{
    uint32_t unit = 100000000;
    if (spec->width > 0)
        digits = spec->width;
    for (int64_t i = 0; i < digits && i < 9; i++, unit /= 10) {
        char digit = (char)('0' + clock->nanos / unit % 10);
        text_append(clock->run, clock->text, span_make(&digit, 1));
    }
    pad(clock, '0', digits - 9);
}

static void put_offset(struct clock *clock, const struct spec *spec)
{
    int32_t offset = clock->offset_s < 0 ? -clock->offset_s : clock->offset_s;
    int32_t parts[3] = {offset / 3600, offset / 60 % 60, offset % 60};
    int count = spec->colons == 2 ? 3 : 2;
    if (spec->colons == 3)
        count = parts[2] != 0 ? 3 : parts[1] != 0 ? 2 : 1;
    int64_t size = 1 + 2 * count + (spec->colons > 0 ? count - 1 : 0);
    bool spaces = spec->padding == '_';
    bool short_hour = spaces && parts[0] < 10;
    if (spaces)
        pad(clock, ' ', (spec->width > size ? spec->width : size) - size + short_hour);
    text_append(clock->run, clock->text, clock->offset_s < 0 ? SPAN_LITERAL("-") : SPAN_LITERAL("+"));
    if (!spaces)
        pad(clock, '0', spec->width - size);
    for (int i = 0; i < count; i++) {
        char digits[2] = {(char)('0' + parts[i] / 10), (char)('0' + parts[i] % 10)};
        if (i > 0 && spec->colons > 0)
            text_append(clock->run, clock->text, SPAN_LITERAL(":"));
        bool cut = i == 0 && short_hour;
        text_append(clock->run, clock->text, span_make(digits + cut, 2u - cut));
    }
}

static struct span zone_name(struct clock *clock)
{
    const struct locale_port *port = clock->run->context->locale_port;
    if (clock->zone == NULL)
        return SPAN_LITERAL("UTC");
    return port->zone_abbreviation(port->self, clock->zone, clock->instant_s, clock->run->arena);
}

static void print(struct clock *clock, struct span format);

/* A conversion made of others, padded as a whole. */
static void put_composite(struct clock *clock, const struct spec *spec, const char *format)
{
    struct text whole = {0};
    struct text *outer = clock->text;
    clock->text = &whole;
    print(clock, span_from_text(format));
    clock->text = outer;
    struct spec plain = *spec;
    plain.swap_case = false;
    put_text(clock, &plain, text_span(&whole));
}

/* %c, %x and %X. */
static void put_style(struct clock *clock, const struct spec *spec, char letter, const char *english)
{
    const struct locale_port *port = clock->run->context->locale_port;
    if (clock->is_english) {
        put_composite(clock, spec, english);
        return;
    }
    run_charge(clock->run, STEPS_FORMAT_DATE);
    const struct locale_zone *zone =
        clock->zone != NULL ? clock->zone : port->zone_find(port->self, SPAN_LITERAL("UTC"));
    put_text(
        clock, spec,
        port->date_style(port->self, clock->locale, zone, clock->instant_s, letter, clock->run->arena));
}

/* Years, weeks and days. */
static bool put_date_part(struct clock *clock, const struct spec *spec, char letter)
{
    int64_t iso_year;
    int week;
    int64_t year = clock->date.year;
    int64_t century = year >= 0 ? year / 100 : -((99 - year) / 100);
    switch (letter) {
    case 'Y':
        put_number(clock, spec, year, year < 0 ? 5 : 4, '0');
        return true;
    case 'C':
        put_number(clock, spec, century, 2, '0');
        return true;
    case 'y':
        put_number(clock, spec, year - century * 100, 2, '0');
        return true;
    case 'm':
        put_number(clock, spec, clock->date.month, 2, '0');
        return true;
    case 'd':
    case 'e':
        put_number(clock, spec, clock->date.day, 2, letter == 'd' ? '0' : '_');
        return true;
    case 'j':
        put_number(clock, spec, clock->year_day + 1, 3, '0');
        return true;
    case 'u':
        put_number(clock, spec, clock->weekday == 0 ? 7 : clock->weekday, 1, '0');
        return true;
    case 'w':
        put_number(clock, spec, clock->weekday, 1, '0');
        return true;
    case 'U':
    case 'W':
        put_number(clock, spec, week_of_year(clock, letter == 'W'), 2, '0');
        return true;
    case 'V':
    case 'G':
    case 'g':
        week = iso_week(clock, &iso_year);
        put_number(clock, spec,
                   letter == 'V'   ? week
                   : letter == 'G' ? iso_year
                                   : (iso_year % 100 + 100) % 100,
                   letter == 'G' ? 4 : 2, '0');
        return true;
    default:
        return false;
    }
}

static bool put_time_part(struct clock *clock, const struct spec *spec, char letter)
{
    int hour12 = clock->hour % 12 == 0 ? 12 : clock->hour % 12;
    switch (letter) {
    case 'H':
    case 'k':
        put_number(clock, spec, clock->hour, 2, letter == 'H' ? '0' : '_');
        return true;
    case 'I':
    case 'l':
        put_number(clock, spec, hour12, 2, letter == 'I' ? '0' : '_');
        return true;
    case 'M':
        put_number(clock, spec, clock->minute, 2, '0');
        return true;
    case 'S':
        put_number(clock, spec, clock->second, 2, '0');
        return true;
    case 's':
        put_number(clock, spec, clock->instant_s, 1, '0');
        return true;
    case 'L':
    case 'N':
        put_fraction(clock, spec, letter == 'L' ? 3 : 9);
        return true;
    case 'p':
    case 'P':
        put_day_period(clock, spec, letter == 'P');
        return true;
    case 'z':
        put_offset(clock, spec);
        return true;
    case 'Z': {
        struct spec plain = *spec;
        struct span name = zone_name(clock);
        plain.swap_case = false;
        plain.upper = spec->upper && !spec->swap_case;
        if (spec->swap_case)
            name = clock->run->context->locale_port->map_case(clock->run->context->locale_port->self, name,
                                                              LOCALE_LOWER, clock->run->arena);
        put_text(clock, &plain, name);
        return true;
    }
    default:
        return false;
    }
}

static bool put_names_and_composites(struct clock *clock, const struct spec *spec, char letter)
{
    switch (letter) {
    case 'B':
        put_name(clock, spec, LOCALE_MONTH_WIDE, clock->date.month);
        return true;
    case 'b':
    case 'h':
        put_name(clock, spec, LOCALE_MONTH_SHORT, clock->date.month);
        return true;
    case 'A':
        put_name(clock, spec, LOCALE_WEEKDAY_WIDE, clock->weekday);
        return true;
    case 'a':
        put_name(clock, spec, LOCALE_WEEKDAY_SHORT, clock->weekday);
        return true;
    case 'c':
        put_style(clock, spec, 'c', "%a %b %e %H:%M:%S %Y");
        return true;
    case 'x':
        put_style(clock, spec, 'x', "%m/%d/%y");
        return true;
    case 'X':
        put_style(clock, spec, 'X', "%H:%M:%S");
        return true;
    case 'D':
        put_composite(clock, spec, "%m/%d/%y");
        return true;
    case 'F':
        put_composite(clock, spec, "%Y-%m-%d");
        return true;
    case 'T':
        put_composite(clock, spec, "%H:%M:%S");
        return true;
    case 'R':
        put_composite(clock, spec, "%H:%M");
        return true;
    case 'r':
        put_composite(clock, spec, "%I:%M:%S %p");
        return true;
    case 'v':
        put_composite(clock, spec, "%e-%^b-%4Y");
        return true;
    case 'n':
        put_text(clock, spec, SPAN_LITERAL("\n"));
        return true;
    case 't':
        put_text(clock, spec, SPAN_LITERAL("\t"));
        return true;
    case '%':
        put_text(clock, spec, SPAN_LITERAL("%"));
        return true;
    default:
        return false;
    }
}

/* %E and %O ask for other numerals where a locale has them; they are taken where they may stand. */
static bool takes_modifier(char modifier, char letter)
{
    return (modifier == 'E' && strchr("cCxXyY", letter) != NULL) ||
           (modifier == 'O' && strchr("deHkIlmMSuUVwWy", letter) != NULL);
}

/* Reads flags and width from *at; returns the conversion's letter, '\0' when there is none. */
static char read_spec(struct span format, size_t *at, struct spec *spec)
{
    *spec = (struct spec){.width = -1};
    for (; *at < format.size; *at += 1) {
        char c = format.data[*at];
        if (c == '-' || c == '_' || (c == '0' && spec->width < 0)) {
            spec->padding = c;
        } else if (c == '^') {
            spec->upper = true;
        } else if (c == '#') {
            spec->swap_case = true;
        } else if (c == ':') {
            spec->colons++;
        } else if (char_is_digit(c)) {
            spec->width = (spec->width < 0 ? 0 : spec->width) * 10 + (c - '0');
            if (spec->width > UINT32_MAX)
                spec->width = UINT32_MAX;
        } else {
            if (*at + 1 < format.size && takes_modifier(c, format.data[*at + 1]))
                c = format.data[ *at += 1];
            *at += 1;
            return c;
        }
    }
    return '\0';
}

static void print(struct clock *clock, struct span format)
{
    size_t from = 0;
    for (size_t i = 0; i < format.size; i++) {
        if (format.data[i] != '%')
            continue;
        struct spec spec;
        size_t end = i + 1;
        char letter = read_spec(format, &end, &spec);
        text_append(clock->run, clock->text, span_slice(format, from, i));
        from = end;
        bool known = letter != '\0' && (spec.colons == 0 || (letter == 'z' && spec.colons <= 3)) &&
                     (put_date_part(clock, &spec, letter) || put_time_part(clock, &spec, letter) ||
                      put_names_and_composites(clock, &spec, letter));
        if (!known)
            text_append(clock->run, clock->text, span_slice(format, i, end));
        i = end - 1;
    }
    text_append(clock->run, clock->text, span_slice(format, from, format.size));
}

static bool is_english(struct span locale)
{
    return locale.size == 0 || (locale.size >= 2 && memcmp(locale.data, "en", 2) == 0 &&
                                (locale.size == 2 || locale.data[2] == '-' || locale.data[2] == '_'));
}

void strftime_print(struct run *run, struct text *text, struct span format, int64_t instant_s,
                    uint32_t nanos, const struct locale_zone *zone, struct span locale)
{
    const struct locale_port *port = run->context->locale_port;
    struct clock clock = {.run = run,
                          .text = text,
                          .instant_s = instant_s,
                          .nanos = nanos,
                          .zone = zone,
                          .locale = locale,
                          .is_english = is_english(locale)};
    clock.offset_s = zone == NULL ? 0 : port->zone_offset_s(port->self, zone, instant_s);
    int64_t local_s = instant_s + clock.offset_s;
    clock.days = local_s / DAY_S - (local_s % DAY_S < 0);
    int second_of_day = (int)(local_s - clock.days * DAY_S);
    clock.date = civil_from_days(clock.days);
    clock.hour = second_of_day / 3600;
    clock.minute = second_of_day / 60 % 60;
    clock.second = second_of_day % 60;
    clock.weekday = civil_weekday(clock.days);
    clock.year_day = (int)(clock.days - civil_to_days((struct civil_date){clock.date.year, 1, 1}));
    run_charge_bytes(run, format.size * 4);
    print(&clock, format);
}
