#include "core/caps.h"

#include "base/civil.h"

static bool names_have(const struct span *names, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal(names[i], name))
            return true;
    }
    return false;
}

static bool cap_is_for(const struct cap_rule *cap, struct span channel, const struct span *labels,
                       size_t label_count)
{
    if (cap->channels.count != 0 && !names_have(cap->channels.names, cap->channels.count, channel))
        return false;
    if (cap->labels.count == 0)
        return true;
    for (size_t i = 0; i < label_count; i++) {
        if (names_have(cap->labels.names, cap->labels.count, labels[i]))
            return true;
    }
    return false;
}

/* The first local day of the calendar period that a day lies in, or of the next one. */
static int64_t period_day(enum cap_per per, int64_t day, bool next)
{
    struct civil_date date = civil_from_days(day);
    switch (per) {
    case CAP_WEEK:
        return day - day_weekday(day) + (next ? 7 : 0);
    case CAP_MONTH:
        date.day = 1;
        if (next && ++date.month == 13) {
            date.month = 1;
            date.year += 1;
        }
        return civil_to_days(date);
    default:
        return day + (next ? 1 : 0);
    }
}

/* The counted sends are those with start < time <= now, where a rolling window begins after now - within
 * and a calendar period at its first instant. */
static int64_t window_start(const struct fold *fold, const struct user_state *state,
                            const struct cap_rule *cap, int64_t now_ms)
{
    if (cap->within_ms != 0)
        return now_ms - cap->within_ms;
    const struct locale_zone *zone = zone_of_user(fold, state);
    int64_t day = period_day(cap->per, zone_day(fold->locale, zone, now_ms), false);
    return zone_day_start_ms(fold->locale, zone, day) - 1;
}

static size_t counted(const struct user_state *state, const struct cap_rule *cap, int64_t start_ms,
                      int64_t now_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < state->sent.count; i++) {
        const struct sent_note *sent = &state->sent.items[i];
        count += sent->time_ms > start_ms && sent->time_ms <= now_ms &&
                 cap_is_for(cap, sent->channel, sent->labels, sent->label_count);
    }
    return count;
}

const struct cap_rule *caps_exceeded(const struct fold *fold, const struct user_state *state,
                                     struct span channel, const struct labels *labels, int64_t now_ms)
{
    for (size_t i = 0; i < fold->policy->cap_count; i++) {
        const struct cap_rule *cap = &fold->policy->caps[i];
        if (cap_is_for(cap, channel, labels->names, labels->count) &&
            counted(state, cap, window_start(fold, state, cap, now_ms), now_ms) >= cap->at_most)
            return cap;
    }
    return NULL;
}

bool caps_allowed_from(const struct fold *fold, const struct user_state *state, const struct cap_rule *cap,
                       int64_t now_ms, int64_t *from_ms)
{
    if (cap->at_most == 0)
        return false;
    if (cap->within_ms == 0) {
        const struct locale_zone *zone = zone_of_user(fold, state);
        int64_t day = period_day(cap->per, zone_day(fold->locale, zone, now_ms), true);
        *from_ms = zone_day_start_ms(fold->locale, zone, day);
        return true;
    }
    /* As the oldest leave the window one by one, until fewer than at_most are left. */
    int64_t start_ms = now_ms - cap->within_ms;
    size_t over = counted(state, cap, start_ms, now_ms) - cap->at_most + 1;
    for (size_t i = 0; i < state->sent.count; i++) {
        const struct sent_note *sent = &state->sent.items[i];
        if (sent->time_ms <= start_ms || sent->time_ms > now_ms ||
            !cap_is_for(cap, sent->channel, sent->labels, sent->label_count))
            continue;
        if (--over == 0) {
            *from_ms = sent->time_ms + cap->within_ms;
            return true;
        }
    }
    return false;
}
