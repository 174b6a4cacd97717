#include <stdlib.h>
#include <unicode/udat.h>
#include <unicode/unumberformatter.h>
#include <unicode/ustring.h>

#include "icu/icu_internal.h"

/* Longest decimal that is formatted; a double in plain digits has at most some 330. */
#define DECIMAL_BYTES 1100
#define FORMATTED_UNITS 1600
#define DAY_MS 86400000.0

/* A locale's words for dates, in UTF-8, read once. */
struct icu_names {
    struct arena arena;
    struct span months[2][13]; /* wide, short; 1..12 */
    struct span weekdays[2][7];
    struct span day_periods[2];
};

static void close_number(void *object)
{
    unumf_close(object);
}

static void close_style(void *object)
{
    udat_close(object);
}

static void close_names(void *object)
{
    struct icu_names *names = object;
    arena_destroy(&names->arena);
    free(names);
}

/* Months of the Gregorian calendar, also where the locale's own is another one: the numbers that stand
 * beside them are Gregorian. */
static void gregorian(const char *locale, char id[ICU_NAME_BYTES + 32])
{
    size_t size = strlen(locale);
    memcpy(id, locale, size);
    const char *keyword = strchr(locale, '@') == NULL ? "@calendar=gregorian" : ";calendar=gregorian";
    memcpy(id + size, keyword, strlen(keyword) + 1);
}

static struct span read_symbol(const UDateFormat *format, UDateFormatSymbolType type, int index,
                               struct arena *arena)
{
    UChar text[128];
    UErrorCode status = U_ZERO_ERROR;
    int32_t length = udat_getSymbols(format, type, index, text, 128, &status);
    if (U_FAILURE(status) || length > 128)
        return SPAN_LITERAL("");
    return icu_to_utf8(arena, text, length);
}

static struct icu_names *open_names(const char *locale)
{
    char id[ICU_NAME_BYTES + 32];
    gregorian(locale, id);
    UErrorCode status = U_ZERO_ERROR;
    UDateFormat *format = udat_open(UDAT_DEFAULT, UDAT_DEFAULT, id, NULL, 0, NULL, 0, &status);
    icu_check_memory(status);
    if (U_FAILURE(status))
        return NULL;
    struct icu_names *names = icu_allocate(sizeof *names);
    arena_init(&names->arena, 2048);
    for (int month = 1; month <= 12; month++) {
        names->months[0][month] = read_symbol(format, UDAT_MONTHS, month - 1, &names->arena);
        names->months[1][month] = read_symbol(format, UDAT_SHORT_MONTHS, month - 1, &names->arena);
    }
    for (int day = 0; day < 7; day++) {
        names->weekdays[0][day] = read_symbol(format, UDAT_WEEKDAYS, day + 1, &names->arena);
        names->weekdays[1][day] = read_symbol(format, UDAT_SHORT_WEEKDAYS, day + 1, &names->arena);
    }
    for (int half = 0; half < 2; half++)
        names->day_periods[half] = read_symbol(format, UDAT_AM_PMS, half, &names->arena);
    udat_close(format);
    return names;
}

static struct span name(void *self, struct span locale, enum locale_name kind, int index,
                        struct arena *arena)
{
    struct icu_state *state = self;
    struct span id = span_from_text(icu_locale_id(state, locale));
    struct icu_names *names = icu_cache_find(&state->names, id, SPAN_LITERAL(""));
    if (names == NULL) {
        names = open_names(id.data);
        if (names == NULL)
            return SPAN_LITERAL("");
        icu_cache_keep(&state->names, id, SPAN_LITERAL(""), names);
    }
    switch (kind) {
    case LOCALE_MONTH_WIDE:
    case LOCALE_MONTH_SHORT:
        assert(index >= 1 && index <= 12);
        return arena_copy(arena, names->months[kind == LOCALE_MONTH_SHORT][index]);
    case LOCALE_WEEKDAY_WIDE:
    case LOCALE_WEEKDAY_SHORT:
        assert(index >= 0 && index <= 6);
        return arena_copy(arena, names->weekdays[kind == LOCALE_WEEKDAY_SHORT][index]);
    case LOCALE_DAY_PERIOD:
        assert(index == 0 || index == 1);
        return arena_copy(arena, names->day_periods[index]);
    }
    return SPAN_LITERAL("");
}

static UDateFormat *open_style(const char *locale, const char *zone, char style)
{
    char id[ICU_NAME_BYTES + 32];
    gregorian(locale, id);
    UChar zone_id[ICU_NAME_BYTES];
    int32_t length;
    UErrorCode status = U_ZERO_ERROR;
    u_strFromUTF8(zone_id, ICU_NAME_BYTES, &length, zone, -1, &status);
    UDateFormatStyle date_style = style == 'c' ? UDAT_MEDIUM : style == 'x' ? UDAT_SHORT : UDAT_NONE;
    UDateFormatStyle time_style = style == 'x' ? UDAT_NONE : UDAT_MEDIUM;
    UDateFormat *format = udat_open(time_style, date_style, id, zone_id, length, NULL, 0, &status);
    icu_check_memory(status);
    if (U_FAILURE(status))
        return NULL;
    /* Proleptic, as everywhere else: no leap to Julian dates in 1582. */
    UCalendar *calendar = (UCalendar *)udat_getCalendar(format);
    ucal_setGregorianChange(calendar, -1e6 * 366 * DAY_MS, &status);
    return format;
}

static struct span date_style(void *self, struct span locale, const struct locale_zone *zone,
                              int64_t instant_s, char style, struct arena *arena)
{
    struct icu_state *state = self;
    char key[ICU_NAME_BYTES]; /* the style and the zone's id, whose NUL is left out */
    struct span id = span_from_text(icu_locale_id(state, locale));
    char zone_id[ICU_NAME_BYTES];
    icu_zone_id(zone, instant_s, zone_id);
    size_t zone_bytes = strlen(zone_id);
    key[0] = style;
    memcpy(key + 1, zone_id, zone_bytes);
    UDateFormat *format = icu_cache_find(&state->styles, id, span_make(key, zone_bytes + 1));
    if (format == NULL) {
        format = open_style(id.data, zone_id, style);
        if (format == NULL)
            return SPAN_LITERAL("");
        icu_cache_keep(&state->styles, id, span_make(key, zone_bytes + 1), format);
    }
    UChar text[256];
    UErrorCode status = U_ZERO_ERROR;
    int32_t length = udat_format(format, (UDate)instant_s * 1000, text, 256, NULL, &status);
    icu_check_memory(status);
    if (U_FAILURE(status) || length > 256)
        return SPAN_LITERAL("");
    return icu_to_utf8(arena, text, length);
}

static bool is_decimal(struct span text)
{
    size_t at = text.size > 0 && text.data[0] == '-' ? 1 : 0;
    size_t digits = 0;
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++)
        digits++;
    if (digits == 0)
        return false;
    if (at == text.size)
        return true;
    if (text.data[at++] != '.' || at == text.size)
        return false;
    for (; at < text.size; at++)
        if (text.data[at] < '0' || text.data[at] > '9')
            return false;
    return true;
}

static UNumberFormatter *find_formatter(struct icu_state *state, struct span locale, struct span skeleton)
{
    struct span id = span_from_text(icu_locale_id(state, locale));
    UNumberFormatter *formatter = icu_cache_find(&state->numbers, id, skeleton);
    if (formatter != NULL)
        return formatter;
    UChar text[ICU_NAME_BYTES];
    int32_t length;
    UErrorCode status = U_ZERO_ERROR;
    u_strFromUTF8(text, ICU_NAME_BYTES, &length, skeleton.data, (int32_t)skeleton.size, &status);
    formatter = unumf_openForSkeletonAndLocale(text, length, id.data, &status);
    icu_check_memory(status);
    if (U_FAILURE(status)) {
        unumf_close(formatter);
        return NULL;
    }
    icu_cache_keep(&state->numbers, id, skeleton, formatter);
    return formatter;
}

static enum err format_decimal(struct icu_state *state, struct span locale, struct span skeleton,
                               struct span decimal, struct arena *arena, struct span *text)
{
    if (decimal.size > DECIMAL_BYTES || !is_decimal(decimal))
        return ERR_INVALID;
    UNumberFormatter *formatter = find_formatter(state, locale, skeleton);
    if (formatter == NULL)
        return ERR_INVALID;
    UErrorCode status = U_ZERO_ERROR;
    UChar units[FORMATTED_UNITS];
    unumf_formatDecimal(formatter, decimal.data, (int32_t)decimal.size, state->formatted, &status);
    int32_t length = unumf_resultToString(state->formatted, units, FORMATTED_UNITS, &status);
    icu_check_memory(status);
    if (U_FAILURE(status) || length > FORMATTED_UNITS)
        return ERR_INVALID;
    *text = icu_to_utf8(arena, units, length);
    return ERR_OK;
}

/* At most three decimals, half to even: CLDR's pattern for plain numbers, #,##0.###. */
static enum err format_number(void *self, struct span locale, struct span decimal, struct arena *arena,
                              struct span *text)
{
    return format_decimal(self, locale, SPAN_LITERAL(".###"), decimal, arena, text);
}

static enum err format_money(void *self, struct span locale, struct span decimal, struct span currency,
                             struct arena *arena, struct span *text)
{
    char skeleton[] = "currency/XXX";
    if (currency.size != 3)
        return ERR_INVALID;
    for (size_t i = 0; i < 3; i++) {
        char letter = (char)(currency.data[i] & ~0x20);
        if (letter < 'A' || letter > 'Z')
            return ERR_INVALID;
        skeleton[sizeof skeleton - 4 + i] = letter;
    }
    return format_decimal(self, locale, span_make(skeleton, sizeof skeleton - 1), decimal, arena, text);
}

void icu_format_open(struct icu_state *state, UErrorCode *status)
{
    state->numbers.close = close_number;
    state->names.close = close_names;
    state->styles.close = close_style;
    state->formatted = unumf_openResult(status);
}

void icu_format_close(struct icu_state *state)
{
    icu_cache_clear(&state->numbers);
    icu_cache_clear(&state->names);
    icu_cache_clear(&state->styles);
    unumf_closeResult(state->formatted);
}

void icu_format_wire(struct locale_port *port)
{
    port->name = name;
    port->date_style = date_style;
    port->format_number = format_number;
    port->format_money = format_money;
}
