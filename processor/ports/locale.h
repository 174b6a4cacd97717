/* What depends on the world's calendars and languages: time zones, numbers, money, words.
 *
 * A port: core calls it through function pointers, `icu/` implements it with ICU. Every function is
 * deterministic for one version of the time zone and locale data. An implementation belongs to one
 * thread and caches what is costly to open (zones, formatters), bounded.
 *
 * Civil times are proleptic Gregorian. Results in text go to `arena`.
 */
#ifndef DECLIC_PORTS_LOCALE_H
#define DECLIC_PORTS_LOCALE_H

#include "base/arena.h"
#include "base/span.h"

/* A time zone opened by locale_port.zone_find; owned by the port, lives as long as it. */
struct locale_zone;

enum locale_name {
    LOCALE_MONTH_WIDE, /* index 1..12 */
    LOCALE_MONTH_SHORT,
    LOCALE_WEEKDAY_WIDE, /* index 0..6, 0 = Sunday */
    LOCALE_WEEKDAY_SHORT,
    LOCALE_DAY_PERIOD, /* index 0 = AM, 1 = PM */
};

enum locale_case {
    LOCALE_UPPER,
    LOCALE_LOWER,
};

struct locale_port {
    void *self;

    /* The zone of an IANA name (canonical or link), "UTC", or a fixed offset ("+02:00", "-05:30");
     * NULL when unknown. Names are matched exactly (case counts). */
    const struct locale_zone *(*zone_find)(void *self, struct span name);

    /* Offset from UTC in force at the instant (seconds since the epoch), in seconds, east positive. */
    int32_t (*zone_offset_s)(void *self, const struct locale_zone *zone, int64_t instant_s);

    /* The instant, in seconds since the epoch, of a local wall time, given as seconds since
     * 1970-01-01T00:00:00 on the local clock. A wall time that the clock skips gives the first
     * instant after the gap; one that occurs twice gives the first. */
    int64_t (*zone_local_to_instant_s)(void *self, const struct locale_zone *zone, int64_t local_s);

    /* The zone's abbreviation at the instant ("CET", "GMT+5:30" where there is none). */
    struct span (*zone_abbreviation)(void *self, const struct locale_zone *zone, int64_t instant_s,
                                     struct arena *arena);

    /* A month's, weekday's or day period's name in `locale` (BCP 47 or ICU form). */
    struct span (*name)(void *self, struct span locale, enum locale_name kind, int index,
                        struct arena *arena);

    /* Localised date or time of an instant by ICU's short/medium style, for strftime's %c %x %X in a
     * locale other than English: style 'c', 'x' or 'X'. */
    struct span (*date_style)(void *self, struct span locale, const struct locale_zone *zone,
                              int64_t instant_s, char style, struct arena *arena);

    /* A decimal number (ASCII: -?digits[.digits]) grouped and written as `locale` does.
     * ERR_INVALID when `decimal` is not one. */
    enum err (*format_number)(void *self, struct span locale, struct span decimal, struct arena *arena,
                              struct span *text);

    /* An amount in a currency (ISO 4217 code) as `locale` writes it, with the currency's decimals.
     * ERR_INVALID when the code is not three letters or `decimal` is no number. */
    enum err (*format_money)(void *self, struct span locale, struct span decimal, struct span currency,
                             struct arena *arena, struct span *text);

    /* Full Unicode case mapping, root locale; invalid UTF-8 passes through unchanged. */
    struct span (*map_case)(void *self, struct span text, enum locale_case how, struct arena *arena);

    /* The byte length of the first `graphemes` extended grapheme clusters of `text` (its whole size
     * when it has no more); *total, if not NULL, gets how many it has, counted up to graphemes + 1. */
    size_t (*grapheme_prefix)(void *self, struct span text, size_t graphemes, size_t *total);
};

#endif
