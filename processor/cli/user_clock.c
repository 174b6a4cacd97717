#include "cli/user_clock.h"

#include <stdio.h>

#include "base/civil.h"
#include "core/zone.h"
#include "icu/icu_locale.h"

/* Takes the name's zone, unless it is none or UTC itself. */
static bool take_zone(struct user_clock *clock, struct span name)
{
    const struct locale_zone *zone =
        name.size == 0 ? NULL : clock->locale.zone_find(clock->locale.self, name);
    if (zone == NULL)
        return false;
    clock->zone = span_equal_text(name, "UTC") ? NULL : zone;
    clock->zone_name = name;
    return true;
}

void user_clock_open(struct user_clock *clock, struct user_view *view)
{
    *clock = (struct user_clock){0};
    clock->has_locale = icu_locale_open(&clock->locale) == ERR_OK;
    if (!clock->has_locale)
        return;
    const struct value *own = value_member_find(user_view_state(view)->profile, SPAN_LITERAL("time_zone"));
    if (own == NULL || own->kind != VALUE_STRING || !take_zone(clock, value_span(*own)))
        take_zone(clock, user_view_policy(view)->time_zone);
}

void user_clock_close(struct user_clock *clock)
{
    if (clock->has_locale)
        icu_locale_close(&clock->locale);
}

void user_clock_format(const struct user_clock *clock, int64_t instant_ms, char text[USER_CLOCK_BYTES])
{
    static const char days[7][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t local_ms = zone_local_ms(&clock->locale, clock->zone, instant_ms);
    int64_t day = local_day(local_ms);
    struct civil_date date = civil_from_days(day);
    int minute = (int)((local_ms - day * DAY_MS) / MINUTE_MS);
    snprintf(text, USER_CLOCK_BYTES, "%s %d %s %02d:%02d", days[day_weekday(day)], (int)date.day,
             months[date.month - 1], minute / 60, minute % 60);
}

const char *campaign_state_words(const struct campaign_item *campaign)
{
    if (campaign->status == CAMPAIGN_ARCHIVED)
        return ", which is archived";
    if (campaign->status != CAMPAIGN_PAUSED)
        return "";
    if (campaign->control == CONTROL_PAUSE && span_equal_text(campaign->option, "drain"))
        return ", which is paused: what is pending goes out, nothing new enters";
    if (campaign->control == CONTROL_PAUSE && span_equal_text(campaign->option, "expire"))
        return ", which is paused: what was pending is skipped, nothing new enters";
    return ", which is paused: what is pending waits until it is resumed";
}
