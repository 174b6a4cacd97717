/* Declic's filters for the reader's part of the world: date, money, number. */
#include "core/liquid/chars.h"
#include "core/liquid/date_parse.h"
#include "core/liquid/filter_common.h"
#include "core/liquid/filters.h"
#include "core/liquid/number.h"
#include "core/liquid/strftime.h"

/* From here on a number cannot be meant as seconds (it would be the year 5138): it is milliseconds. */
#define LEAST_MS 100000000000LL
#define MOST_MS 253402300799999LL
#define DAY_S 86400

struct instant {
    int64_t seconds;
    uint32_t nanos;
};

static struct instant from_ms(int64_t ms)
{
    int64_t seconds = ms / 1000 - (ms % 1000 < 0);
    return (struct instant){seconds, (uint32_t)(ms - seconds * 1000) * 1000000};
}

static bool from_number(int64_t number, struct instant *instant)
{
    if (number > -LEAST_MS && number < LEAST_MS)
        *instant = (struct instant){number, 0};
    else if (number >= -MOST_MS && number <= MOST_MS)
        *instant = from_ms(number);
    else
        return false;
    return true;
}

static bool is_word(struct span text, const char *word)
{
    if (text.size != strlen(word))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (char_to_lower(text.data[i]) != word[i])
            return false;
    return true;
}

static bool is_digits(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!char_is_digit(text.data[i]))
            return false;
    return text.size > 0 && text.size <= 18;
}

static struct civil_date today_in(struct run *run, const struct locale_zone *zone)
{
    const struct locale_port *port = run->context->locale_port;
    int64_t now_s = from_ms(run->context->now_ms).seconds;
    int64_t local_s = now_s + (zone == NULL ? 0 : port->zone_offset_s(port->self, zone, now_s));
    return civil_from_days(local_s / DAY_S - (local_s % DAY_S < 0));
}

/* A date without an offset is a wall time of the zone that it is printed in. */
static bool from_text(struct run *run, struct span text, const struct locale_zone *zone,
                      struct instant *instant)
{
    const struct locale_port *port = run->context->locale_port;
    struct parsed_date date;
    if (civil_parse_rfc3339(text, &instant->seconds, &instant->nanos) == ERR_OK)
        return true;
    if (is_word(text, "now") || is_word(text, "today")) {
        *instant = from_ms(run->context->now_ms);
        return true;
    }
    if (is_digits(text))
        return from_number(number_text_to_int(text), instant);
    if (date_parse(text, today_in(run, zone), &date) != ERR_OK)
        return false;
    instant->nanos = date.nanos;
    if (date.has_offset)
        instant->seconds = date.local_s - date.offset_s;
    else
        instant->seconds =
            zone == NULL ? date.local_s : port->zone_local_to_instant_s(port->self, zone, date.local_s);
    return true;
}

static bool to_instant(struct run *run, struct value input, const struct locale_zone *zone,
                       struct instant *instant)
{
    switch (input.kind) {
    case VALUE_TIMESTAMP:
        *instant = (struct instant){input.integer, input.size};
        return true;
    case VALUE_INT:
        return from_number(input.integer, instant);
    case VALUE_STRING:
        return from_text(run, value_span(input), zone, instant);
    default:
        return false;
    }
}

static const struct locale_zone *zone_argument(struct run *run, struct value given)
{
    const struct locale_port *port = run->context->locale_port;
    struct span name = run_to_text(run, given);
    if (name.size == 0)
        return run->context->zone;
    const struct locale_zone *zone = port->zone_find(port->self, name);
    if (zone == NULL)
        run_fail(run, ERR_INVALID, "there is no time zone '%.*s'", (int)(name.size < 64 ? name.size : 64),
                 name.data);
    return zone;
}

/* date: format, zone, locale. What is no date stays as it is. */
FILTER_FUNCTION(date)
{
    struct span format = run_to_text(run, arguments[0]);
    const struct locale_zone *zone = zone_argument(run, ARGUMENT(1));
    struct span locale = run_to_text(run, ARGUMENT(2));
    struct instant instant;
    if (format.size == 0 || !to_instant(run, input, zone, &instant))
        return input;
    struct text result = {0};
    strftime_print(run, &result, format, instant.seconds, instant.nanos, zone,
                   locale.size == 0 ? run->context->locale : locale);
    return text_value(&result);
}

/* The input as plain digits; false for nothing (nil and empty text). */
static bool to_decimal(struct run *run, struct value input, char text[NUMBER_TEXT_BYTES],
                       struct span *decimal)
{
    struct number number;
    if (input.kind == VALUE_NULL || (input.kind == VALUE_STRING && span_strip(value_span(input)).size == 0))
        return false;
    if (number_from_value_strict(input, &number) != ERR_OK) {
        struct span shown = run_to_text(run, input);
        run_fail(run, ERR_INVALID, "\"%.*s\" is no number", (int)(shown.size < 64 ? shown.size : 64),
                 shown.data);
    }
    run_charge(run, STEPS_FORMAT_NUMBER);
    *decimal = span_make(text, number_print_plain(number, text));
    return true;
}

FILTER_FUNCTION(money)
{
    (void)count;
    const struct locale_port *port = run->context->locale_port;
    char digits[NUMBER_TEXT_BYTES];
    struct span decimal;
    struct span text;
    if (!to_decimal(run, input, digits, &decimal))
        return value_null();
    struct span currency = run_to_text(run, arguments[0]);
    if (port->format_money(port->self, run->context->locale, decimal, currency, run->arena, &text) !=
        ERR_OK)
        run_fail(run, ERR_INVALID, "\"%.*s\" is no currency: three letters are needed, as EUR",
                 (int)(currency.size < 64 ? currency.size : 64), currency.data);
    return value_string(text);
}

FILTER_FUNCTION(number)
{
    NO_ARGUMENTS;
    const struct locale_port *port = run->context->locale_port;
    char digits[NUMBER_TEXT_BYTES];
    struct span decimal;
    struct span text;
    if (!to_decimal(run, input, digits, &decimal))
        return value_null();
    if (port->format_number(port->self, run->context->locale, decimal, run->arena, &text) != ERR_OK)
        run_fail(run, ERR_INVALID, "the number cannot be written");
    return value_string(text);
}
