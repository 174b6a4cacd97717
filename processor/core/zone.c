#include "core/zone.h"

#include "base/civil.h"

bool instant_is_valid(int64_t instant_ms)
{
    return instant_ms >= INSTANT_MIN_MS && instant_ms <= INSTANT_MAX_MS;
}

static const struct locale_zone *zone_named(const struct fold *fold, struct span name)
{
    return name.size == 0 ? NULL : fold->locale->zone_find(fold->locale->self, name);
}

const struct locale_zone *zone_of_policy(const struct fold *fold)
{
    return zone_named(fold, fold->policy->time_zone);
}

const struct locale_zone *zone_of_user(const struct fold *fold, const struct user_state *state)
{
    const struct value *name = value_member_find(state->profile, SPAN_LITERAL("time_zone"));
    const struct locale_zone *zone = NULL;
    if (name != NULL && name->kind == VALUE_STRING)
        zone = zone_named(fold, value_span(*name));
    return zone != NULL ? zone : zone_of_policy(fold);
}

const struct locale_zone *zone_of_spec(const struct scope *scope, const struct zone_spec *spec)
{
    struct span name = spec->name;
    struct value value;
    if (spec->expression.program != NULL && scope_value(scope, &spec->expression, &value) &&
        value.kind == VALUE_STRING)
        name = value_span(value);
    const struct locale_zone *zone = zone_named(scope->fold, name);
    return zone != NULL ? zone : zone_of_policy(scope->fold);
}

static int64_t floor_div(int64_t number, int64_t divisor)
{
    int64_t quotient = number / divisor;
    return number % divisor < 0 ? quotient - 1 : quotient;
}

int64_t zone_offset_ms(const struct locale_port *locale, const struct locale_zone *zone, int64_t instant_ms)
{
    if (zone == NULL)
        return 0;
    return (int64_t)locale->zone_offset_s(locale->self, zone, floor_div(instant_ms, 1000)) * 1000;
}

int64_t zone_local_ms(const struct locale_port *locale, const struct locale_zone *zone, int64_t instant_ms)
{
    return instant_ms + zone_offset_ms(locale, zone, instant_ms);
}

int64_t zone_instant_ms(const struct locale_port *locale, const struct locale_zone *zone, int64_t local_ms)
{
    if (zone == NULL)
        return local_ms;
    int64_t local_s = floor_div(local_ms, 1000);
    int64_t rest_ms = local_ms - local_s * 1000;
    int64_t instant_s = locale->zone_local_to_instant_s(locale->self, zone, local_s);
    /* Within a gap all fractions of the second are the one instant after it. */
    int64_t read_back_s = instant_s + locale->zone_offset_s(locale->self, zone, instant_s);
    return instant_s * 1000 + (read_back_s == local_s ? rest_ms : 0);
}

int64_t local_day(int64_t local_ms)
{
    return floor_div(local_ms, DAY_MS);
}

int day_weekday(int64_t day)
{
    return (civil_weekday(day) + 6) % 7;
}

int64_t zone_day(const struct locale_port *locale, const struct locale_zone *zone, int64_t instant_ms)
{
    return local_day(zone_local_ms(locale, zone, instant_ms));
}

int64_t zone_day_start_ms(const struct locale_port *locale, const struct locale_zone *zone, int64_t day)
{
    return zone_instant_ms(locale, zone, day * DAY_MS);
}
