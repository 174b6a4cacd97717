#include <stdio.h>
#include <stdlib.h>
#include <unicode/ustring.h>

#include "base/hash.h"
#include "icu/icu_internal.h"
#include "icu/tzif.h"

/* Offsets lie within ±18 h; looking 26 h around a local time sees every clock change that matters,
 * also the whole day that Samoa skipped. */
#define SEARCH_S (26 * 3600)
#define CACHED_PERIODS 4

/* Years -9999 to 9999 and a margin: what ICU's calendar computes with safely. */
#define EARLIEST_S (-377705116800LL)
#define LATEST_S 253402300800LL

struct locale_zone {
    uint32_t hash;
    uint32_t name_size;
    char name[ICU_NAME_BYTES]; /* as asked for */
    struct tzif_zone *file;    /* the system's; NULL where it has none */
    UCalendar *calendar;       /* ICU's, for want of a file; NULL too: a fixed offset */
    struct tzif_period periods[CACHED_PERIODS];
    size_t period_count;
    size_t next_period;
    char abbreviations[2][48]; /* ICU's, of standard and summer time; empty until asked for */
};

/* ICU answers to these too, but no IANA name is meant by them. */
static const char *const names_of_icus_own[] = {
    "ACT", "AET", "AGT", "ART", "AST", "BET", "BST", "CAT", "CNT", "CST", "CTT", "EAT", "ECT",
    "IET", "IST", "JST", "MIT", "NET", "NST", "PLT", "PNT", "PRT", "PST", "SST", "VST",
};

static bool is_iana_name(const char *name)
{
    for (size_t i = 0; i < sizeof names_of_icus_own / sizeof *names_of_icus_own; i++)
        if (strcmp(name, names_of_icus_own[i]) == 0)
            return false;
    return strncmp(name, "SystemV/", 8) != 0 && strcmp(name, "Etc/Unknown") != 0;
}

/* ---- opening ---- */

static int two_digits(const char *text)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return -1;
    return (text[0] - '0') * 10 + text[1] - '0';
}

/* "+02:00", at most 18 hours, and UTC. */
static bool parse_fixed_offset(struct span name, int32_t *offset_s)
{
    *offset_s = 0;
    if (span_equal_text(name, "UTC"))
        return true;
    if (name.size != 6 || (name.data[0] != '+' && name.data[0] != '-') || name.data[3] != ':')
        return false;
    int hours = two_digits(name.data + 1);
    int minutes = two_digits(name.data + 4);
    if (hours < 0 || minutes < 0 || minutes > 59 || hours * 60 + minutes > 18 * 60)
        return false;
    *offset_s = (hours * 60 + minutes) * (name.data[0] == '-' ? -60 : 60);
    return true;
}

/* The name's canonical form in ICU; false when ICU does not know it. */
static bool canonical_name(const UChar *id, int32_t length, char canonical[ICU_NAME_BYTES])
{
    UChar text[ICU_NAME_BYTES];
    UBool known = false;
    UErrorCode status = U_ZERO_ERROR;
    int32_t size = ucal_getCanonicalTimeZoneID(id, length, text, ICU_NAME_BYTES, &known, &status);
    u_strToUTF8(canonical, ICU_NAME_BYTES, NULL, text, size, &status);
    return U_SUCCESS(status) && status != U_STRING_NOT_TERMINATED_WARNING && known;
}

/* The system's file of that name, or, for a link that the system has no file for (Debian keeps the old ones
 * in a package of their own), of the name it stands for; ICU's tables without either. */
static bool open_named(struct locale_zone *zone, const char *folder)
{
    UChar id[ICU_NAME_BYTES];
    char canonical[ICU_NAME_BYTES];
    int32_t length;
    UErrorCode status = U_ZERO_ERROR;
    zone->file = tzif_open(folder, zone->name);
    if (zone->file != NULL)
        return true;
    u_strFromUTF8(id, ICU_NAME_BYTES, &length, zone->name, -1, &status);
    if (U_FAILURE(status) || !is_iana_name(zone->name) || !canonical_name(id, length, canonical))
        return false;
    zone->file = tzif_open(folder, canonical);
    if (zone->file != NULL)
        return true;
    zone->calendar = ucal_open(id, length, "en", UCAL_GREGORIAN, &status);
    icu_check_memory(status);
    return U_SUCCESS(status);
}

static struct locale_zone *open_zone(struct span name, const char *folder)
{
    struct locale_zone *zone = icu_allocate(sizeof *zone);
    int32_t offset_s;
    memcpy(zone->name, name.data, name.size);
    zone->name_size = (uint32_t)name.size;
    if (parse_fixed_offset(name, &offset_s)) {
        zone->periods[0] = (struct tzif_period){-TZIF_FOREVER_S, TZIF_FOREVER_S, offset_s, false, ""};
        zone->period_count = 1;
    } else if (!open_named(zone, folder)) {
        free(zone);
        return NULL;
    }
    return zone;
}

/* ---- the table of opened zones ---- */

static struct span name_of(const struct locale_zone *zone)
{
    return span_make(zone->name, zone->name_size);
}

/* The place in the table of the zone with this name, or the free place where it belongs. */
static struct locale_zone **find_place(const struct icu_zone_table *table, struct span name, uint32_t hash)
{
    size_t at = hash & (table->capacity - 1);
    while (table->zones[at] != NULL) {
        struct locale_zone *zone = table->zones[at];
        if (zone->hash == hash && span_equal(name, name_of(zone)))
            break;
        at = (at + 1) & (table->capacity - 1);
    }
    return &table->zones[at];
}

static void grow_table(struct icu_zone_table *table)
{
    struct icu_zone_table grown = *table;
    grown.capacity = table->capacity == 0 ? 64 : table->capacity * 2;
    grown.zones = icu_allocate(grown.capacity * sizeof(struct locale_zone *));
    for (size_t i = 0; i < table->capacity; i++)
        if (table->zones[i] != NULL)
            *find_place(&grown, name_of(table->zones[i]), table->zones[i]->hash) = table->zones[i];
    free(table->zones);
    *table = grown;
}

/* The table never shrinks, and need not: only names that exist get in, some 600 and the offsets. */
static const struct locale_zone *zone_find(void *self, struct span name)
{
    struct icu_zone_table *table = &((struct icu_state *)self)->zones;
    if (name.size == 0 || name.size >= ICU_NAME_BYTES)
        return NULL;
    if (table->count * 2 >= table->capacity)
        grow_table(table);
    uint32_t hash = (uint32_t)(hash_name(name) >> 32);
    struct locale_zone **place = find_place(table, name, hash);
    if (*place != NULL)
        return *place;
    if (memchr(name.data, '\0', name.size) != NULL)
        return NULL;
    struct locale_zone *zone = open_zone(name, table->folder);
    if (zone == NULL)
        return NULL;
    zone->hash = hash;
    *place = zone;
    table->count++;
    return zone;
}

/* ---- periods ---- */

static int64_t to_seconds(UDate ms)
{
    return (int64_t)ms / 1000 - ((int64_t)ms % 1000 < 0);
}

static struct tzif_period icu_period(UCalendar *calendar, int64_t instant_s)
{
    struct tzif_period period = {-TZIF_FOREVER_S, TZIF_FOREVER_S, 0, false, ""};
    UErrorCode status = U_ZERO_ERROR;
    UDate edge;
    ucal_setMillis(calendar, (UDate)instant_s * 1000, &status);
    int32_t summer_ms = ucal_get(calendar, UCAL_DST_OFFSET, &status);
    period.offset_s = (ucal_get(calendar, UCAL_ZONE_OFFSET, &status) + summer_ms) / 1000;
    period.is_summer = summer_ms != 0;
    if (ucal_getTimeZoneTransitionDate(calendar, UCAL_TZ_TRANSITION_PREVIOUS_INCLUSIVE, &edge, &status))
        period.from_s = to_seconds(edge);
    if (ucal_getTimeZoneTransitionDate(calendar, UCAL_TZ_TRANSITION_NEXT, &edge, &status))
        period.to_s = to_seconds(edge);
    icu_check_memory(status);
    return period;
}

static const struct tzif_period *find_period(const struct locale_zone *opened, int64_t instant_s)
{
    struct locale_zone *zone = (struct locale_zone *)opened; /* the cache inside is the port's own */
    if (instant_s < EARLIEST_S)
        instant_s = EARLIEST_S;
    if (instant_s > LATEST_S)
        instant_s = LATEST_S;
    for (size_t i = 0; i < zone->period_count; i++)
        if (zone->periods[i].from_s <= instant_s && instant_s < zone->periods[i].to_s)
            return &zone->periods[i];
    struct tzif_period *period = &zone->periods[zone->next_period];
    *period = zone->file != NULL ? tzif_find(zone->file, instant_s) : icu_period(zone->calendar, instant_s);
    zone->next_period = (zone->next_period + 1) % CACHED_PERIODS;
    if (zone->period_count < CACHED_PERIODS)
        zone->period_count++;
    return period;
}

static int32_t zone_offset_s(void *self, const struct locale_zone *zone, int64_t instant_s)
{
    (void)self;
    return find_period(zone, instant_s)->offset_s;
}

static int64_t zone_local_to_instant_s(void *self, const struct locale_zone *zone, int64_t local_s)
{
    (void)self;
    if (local_s < EARLIEST_S + SEARCH_S || local_s > LATEST_S - SEARCH_S)
        return local_s - find_period(zone, local_s)->offset_s;
    struct tzif_period period = *find_period(zone, local_s - SEARCH_S);
    while (true) {
        int64_t instant_s = local_s - period.offset_s;
        if (instant_s < period.to_s || period.to_s > local_s + SEARCH_S)
            return instant_s < period.from_s ? period.from_s : instant_s;
        period = *find_period(zone, period.to_s);
    }
}

/* ---- names ---- */

void icu_zone_id(const struct locale_zone *zone, int64_t instant_s, char id[ICU_NAME_BYTES])
{
    if (zone->calendar != NULL) {
        memcpy(id, zone->name, ICU_NAME_BYTES);
        return;
    }
    int32_t offset_s = find_period(zone, instant_s)->offset_s;
    int32_t size_s = offset_s < 0 ? -offset_s : offset_s;
    snprintf(id, ICU_NAME_BYTES, "GMT%c%02d:%02d:%02d", offset_s < 0 ? '-' : '+', size_s / 3600,
             size_s / 60 % 60, size_s % 60);
}

/* Locales whose users know the abbreviations of their part of the world; elsewhere CLDR has only
 * "GMT+1", and nowhere would it be wrong to read "CET". */
static const char *const abbreviation_locales[] = {"en_US", "en_GB", "en_AU", "en_NZ",
                                                   "en_IN", "en_ZA", "ja"};

static bool is_offset_text(const UChar *text, int32_t length)
{
    return length > 3 && text[0] == 'G' && text[1] == 'M' && text[2] == 'T';
}

/* ICU's: the first locale's that is not an offset, else the first locale's. */
static struct span find_abbreviation(const struct locale_zone *zone, UCalendarDisplayNameType type,
                                     struct arena *arena)
{
    UChar text[ICU_NAME_BYTES];
    struct span first = {0};
    for (size_t i = 0; i < sizeof abbreviation_locales / sizeof *abbreviation_locales; i++) {
        UErrorCode status = U_ZERO_ERROR;
        int32_t length = ucal_getTimeZoneDisplayName(zone->calendar, type, abbreviation_locales[i], text,
                                                     ICU_NAME_BYTES, &status);
        icu_check_memory(status);
        if (U_FAILURE(status) || length >= ICU_NAME_BYTES)
            continue;
        if (!is_offset_text(text, length))
            return icu_to_utf8(arena, text, length);
        if (first.size == 0)
            first = icu_to_utf8(arena, text, length);
    }
    return first;
}

static struct span icu_abbreviation(struct locale_zone *zone, bool is_summer, struct arena *arena)
{
    char *cached = zone->abbreviations[is_summer];
    if (cached[0] == '\0') {
        struct span text = find_abbreviation(zone, is_summer ? UCAL_SHORT_DST : UCAL_SHORT_STANDARD, arena);
        if (text.size >= sizeof zone->abbreviations[0])
            return text;
        memcpy(cached, text.data, text.size);
        cached[text.size] = '\0';
    }
    return arena_copy(arena, span_from_text(cached));
}

static struct span zone_abbreviation(void *self, const struct locale_zone *opened, int64_t instant_s,
                                     struct arena *arena)
{
    struct locale_zone *zone = (struct locale_zone *)opened; /* the cache inside is the port's own */
    const struct tzif_period *period = find_period(zone, instant_s);
    (void)self;
    if (zone->calendar != NULL)
        return icu_abbreviation(zone, period->is_summer, arena);
    if (zone->file != NULL)
        return arena_copy(arena, span_from_text(period->abbreviation));
    return period->offset_s == 0 ? SPAN_LITERAL("UTC") : arena_printf(arena, "GMT%s", zone->name);
}

void icu_zones_wire(struct locale_port *port)
{
    const char *folder = getenv("TZDIR"); /* as for the C library */
    ((struct icu_state *)port->self)->zones.folder =
        folder != NULL && folder[0] != '\0' ? folder : TZIF_FOLDER;
    port->zone_find = zone_find;
    port->zone_offset_s = zone_offset_s;
    port->zone_local_to_instant_s = zone_local_to_instant_s;
    port->zone_abbreviation = zone_abbreviation;
}

void icu_zones_close(struct icu_zone_table *table)
{
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->zones[i] == NULL)
            continue;
        if (table->zones[i]->calendar != NULL)
            ucal_close(table->zones[i]->calendar);
        tzif_close(table->zones[i]->file);
        free(table->zones[i]);
    }
    free(table->zones);
    *table = (struct icu_zone_table){0};
}
