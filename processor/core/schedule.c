#include "core/schedule.h"

#include "base/civil.h"

static enum err date_from_text(const struct locale_port *locale, const struct locale_zone *zone,
                               struct span text, int64_t *instant_ms)
{
    int64_t day, seconds;
    uint32_t nanos;
    if (civil_parse_date(text, &day) == ERR_OK) {
        *instant_ms = zone_day_start_ms(locale, zone, day);
        return ERR_OK;
    }
    if (civil_parse_rfc3339(text, &seconds, &nanos) != ERR_OK)
        return ERR_NO_DATE;
    *instant_ms = seconds * 1000 + nanos / 1000000;
    return ERR_OK;
}

/* The instant in ms of a value of any kind that can be a date; finer than a ms is cut. */
static enum err date_instant(const struct locale_port *locale, const struct locale_zone *zone,
                             struct value value, int64_t *instant_ms)
{
    switch ((enum value_kind)value.kind) {
    case VALUE_STRING:
        return date_from_text(locale, zone, value_span(value), instant_ms);
    case VALUE_INT:
        *instant_ms = value.integer;
        return ERR_OK;
    case VALUE_UINT:
        *instant_ms = value.natural > INT64_MAX ? INT64_MAX : (int64_t)value.natural;
        return ERR_OK;
    case VALUE_DOUBLE:
        if (!(value.real >= (double)INSTANT_MIN_MS && value.real <= (double)INSTANT_MAX_MS))
            return ERR_NO_DATE;
        *instant_ms = (int64_t)__builtin_floor(value.real);
        return ERR_OK;
    case VALUE_TIMESTAMP:
        *instant_ms = value_to_ms(value);
        return ERR_OK;
    default:
        return ERR_NO_DATE;
    }
}

enum err schedule_date(const struct locale_port *locale, const struct locale_zone *zone, struct value value,
                       int64_t *instant_ms, int64_t *day)
{
    enum err error = date_instant(locale, zone, value, instant_ms);
    if (error != ERR_OK)
        return error;
    if (!instant_is_valid(*instant_ms))
        return ERR_NO_DATE;
    *day = zone_day(locale, zone, *instant_ms);
    return ERR_OK;
}

/* The first day from `day` on that is one of `days` (bit 0 = Monday; 0: any). */
static int64_t first_day_on(int64_t day, uint8_t days)
{
    while (days != 0 && (days >> day_weekday(day) & 1) == 0)
        day += 1;
    return day;
}

static int64_t offset_due(const struct locale_port *locale, const struct locale_zone *zone,
                          const struct send_rule *rule, int64_t base_ms)
{
    int64_t due_ms;
    if (__builtin_add_overflow(base_ms, rule->offset_ms, &due_ms) || !instant_is_valid(due_ms))
        return INT64_MAX;
    int64_t local_ms = zone_local_ms(locale, zone, due_ms);
    int64_t day = local_day(local_ms);
    int64_t moved = first_day_on(day, rule->on_days);
    /* An instant that need not move is left alone: its local time may be the second of two. */
    return moved == day ? due_ms : zone_instant_ms(locale, zone, local_ms + (moved - day) * DAY_MS);
}

static int64_t days_due(const struct locale_port *locale, const struct locale_zone *zone,
                        const struct send_rule *rule, int64_t base_day, bool not_before, int64_t trigger_ms)
{
    int64_t day = base_day + rule->days;
    int64_t at_ms = rule->at_minute * MINUTE_MS;
    if (not_before && rule->days == 0 && zone_instant_ms(locale, zone, day * DAY_MS + at_ms) < trigger_ms)
        day += 1;
    day = first_day_on(day, rule->on_days);
    return zone_instant_ms(locale, zone, day * DAY_MS + at_ms);
}

enum err schedule_due(const struct scope *scope, const struct send_rule *rule,
                      const struct trigger_facts *trigger, int64_t *due_ms)
{
    const struct locale_port *locale = scope->fold->locale;
    const struct locale_zone *zone = zone_of_spec(scope, &rule->zone);
    bool has_date = rule->date.program != NULL;
    int64_t base_ms = trigger->time_ms, base_day;
    if (has_date) {
        struct value date;
        if (!scope_value(scope, &rule->date, &date))
            return ERR_NO_DATE;
        enum err error = schedule_date(locale, zone, date, &base_ms, &base_day);
        if (error != ERR_OK)
            return error;
    } else if (trigger_is_date(trigger->kind)) {
        base_day = trigger->day;
    } else {
        base_day = zone_day(locale, zone, base_ms);
    }
    *due_ms = rule->form == SEND_OFFSET
                  ? offset_due(locale, zone, rule, base_ms)
                  : days_due(locale, zone, rule, base_day, !has_date, trigger->time_ms);
    return instant_is_valid(*due_ms) ? ERR_OK : ERR_NO_DATE;
}
