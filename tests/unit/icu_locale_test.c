#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/civil.h"
#include "icu/icu_locale.h"

static struct locale_port port;
static struct arena arena;

static int open_port(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    return icu_locale_open(&port) == ERR_OK ? 0 : -1;
}

/* Without the system's tzdata: ICU's own tables. */
static int open_port_without_tzdata(void **state)
{
    setenv("TZDIR", "/nonexistent", 1);
    return open_port(state);
}

static int close_port(void **state)
{
    (void)state;
    icu_locale_close(&port);
    arena_destroy(&arena);
    return 0;
}

static void assert_text(struct span got, const char *expected)
{
    struct span copy = arena_copy(&arena, got);
    assert_string_equal(copy.data, expected);
}

static const struct locale_zone *zone(const char *name)
{
    const struct locale_zone *found = port.zone_find(port.self, span_from_text(name));
    if (found == NULL)
        fail_msg("no zone %s", name);
    return found;
}

static int64_t instant(const char *rfc3339)
{
    int64_t seconds;
    uint32_t nanos;
    assert_int_equal(civil_parse_rfc3339(span_from_text(rfc3339), &seconds, &nanos), ERR_OK);
    return seconds;
}

static void zones_are_found_by_exact_name(void **state)
{
    (void)state;
    static const char *const known[] = {"Europe/Paris", "US/Eastern", "UTC", "Etc/GMT+5",   "+02:00",
                                        "-05:30",       "EST5EDT",    "GMT", "Asia/Kolkata"};
    static const char *const unknown[] = {
        "",      "europe/paris",  "Europe/Atlantis", "+2:00", "+19:00",      "+02:60", "PST", "Etc/Unknown",
        "Paris", "Europe/Paris ", "GMT+5",           "utc",   "SystemV/AST4"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct locale_zone *first = zone(known[i]);
        assert_ptr_equal(first, zone(known[i]));
    }
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (port.zone_find(port.self, span_from_text(unknown[i])) != NULL)
            fail_msg("'%s' is taken for a zone", unknown[i]);
}

static void offsets_follow_the_clock_changes(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *at;
        int32_t offset_s;
    } cases[] = {
        {"Europe/Paris", "2026-03-29T00:59:59Z", 3600},
        {"Europe/Paris", "2026-03-29T01:00:00Z", 7200},
        {"Europe/Paris", "2026-10-25T00:59:59Z", 7200},
        {"Europe/Paris", "2026-10-25T01:00:00Z", 3600},
        {"Europe/Paris", "1900-01-01T00:00:00Z", 561},
        {"Asia/Kolkata", "2026-01-01T00:00:00Z", 19800},
        {"Pacific/Apia", "2011-12-30T09:59:59Z", -36000},
        {"Pacific/Apia", "2011-12-30T10:00:00Z", 50400},
        {"-05:30", "2026-01-01T00:00:00Z", -19800},
        {"UTC", "2026-07-01T00:00:00Z", 0},
        {"America/New_York", "2500-07-01T00:00:00Z", -14400},
        {"Australia/Lord_Howe", "2026-01-01T00:00:00Z", 39600},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t got = port.zone_offset_s(port.self, zone(cases[i].zone), instant(cases[i].at));
        if (got != cases[i].offset_s)
            fail_msg("%s at %s: expected %d, got %d", cases[i].zone, cases[i].at, cases[i].offset_s, got);
    }
}

static void local_times_become_instants(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *local; /* written as if it were UTC */
        const char *instant;
    } cases[] = {
        {"Europe/Paris", "2026-06-01T12:00:00Z", "2026-06-01T10:00:00Z"},
        {"Europe/Paris", "2026-03-29T01:59:59Z", "2026-03-29T00:59:59Z"},
        {"Europe/Paris", "2026-03-29T02:00:00Z", "2026-03-29T01:00:00Z"}, /* skipped */
        {"Europe/Paris", "2026-03-29T02:59:59Z", "2026-03-29T01:00:00Z"}, /* skipped */
        {"Europe/Paris", "2026-03-29T03:00:00Z", "2026-03-29T01:00:00Z"},
        {"Europe/Paris", "2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z"}, /* twice: the first */
        {"Europe/Paris", "2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z"},
        {"Pacific/Apia", "2011-12-30T12:00:00Z", "2011-12-30T10:00:00Z"}, /* a whole day skipped */
        {"Pacific/Apia", "2011-12-31T00:00:00Z", "2011-12-30T10:00:00Z"},
        {"America/Sao_Paulo", "2018-11-04T00:00:00Z", "2018-11-04T03:00:00Z"},   /* no midnight */
        {"Australia/Lord_Howe", "2026-04-05T01:45:00Z", "2026-04-04T14:45:00Z"}, /* half an hour, twice */
        {"+05:30", "2026-01-01T00:00:00Z", "2025-12-31T18:30:00Z"},
        {"UTC", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t got = port.zone_local_to_instant_s(port.self, zone(cases[i].zone), instant(cases[i].local));
        char text[CIVIL_RFC3339_BYTES + 1] = {0};
        civil_format_ms(got * 1000, text);
        if (got != instant(cases[i].instant))
            fail_msg("%s in %s: expected %s, got %s", cases[i].local, cases[i].zone, cases[i].instant,
                     text);
    }
}

static void far_instants_end(void **state)
{
    (void)state;
    const struct locale_zone *paris = zone("Europe/Paris");
    port.zone_offset_s(port.self, paris, INT64_MAX / 2);
    port.zone_offset_s(port.self, paris, INT64_MIN / 2);
    port.zone_local_to_instant_s(port.self, paris, INT64_MAX / 2);
    port.zone_local_to_instant_s(port.self, paris, INT64_MIN / 2);
    port.zone_local_to_instant_s(port.self, paris, 253402300800LL);
}

static void abbreviations_are_those_people_use(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *at;
        const char *text;
    } cases[] = {
        {"Europe/Paris", "2026-01-01T00:00:00Z", "CET"},
        {"Europe/Paris", "2026-07-01T00:00:00Z", "CEST"},
        {"America/New_York", "2026-07-01T00:00:00Z", "EDT"},
        {"UTC", "2026-07-01T00:00:00Z", "UTC"},
        {"Asia/Tokyo", "2026-07-01T00:00:00Z", "JST"},
        {"Asia/Kolkata", "2026-07-01T00:00:00Z", "IST"},
        {"+02:00", "2026-07-01T00:00:00Z", "GMT+02:00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_text(port.zone_abbreviation(port.self, zone(cases[i].zone), instant(cases[i].at), &arena),
                    cases[i].text);
}

static void names_are_the_locales(void **state)
{
    (void)state;
    static const struct {
        const char *locale;
        enum locale_name kind;
        int index;
        const char *text;
    } cases[] = {
        {"fr", LOCALE_MONTH_WIDE, 12, "décembre"},
        {"fr-CA", LOCALE_WEEKDAY_WIDE, 0, "dimanche"},
        {"de_DE", LOCALE_MONTH_SHORT, 3, "März"},
        {"ar", LOCALE_MONTH_WIDE, 1, "يناير"},
        {"th", LOCALE_MONTH_WIDE, 1, "มกราคม"},
        {"th", LOCALE_WEEKDAY_WIDE, 1, "วันจันทร์"},
        {"fa", LOCALE_MONTH_WIDE, 1, "ژانویهٔ"},
        {"en", LOCALE_DAY_PERIOD, 1, "PM"},
        {"en", LOCALE_WEEKDAY_SHORT, 6, "Sat"},
        {"zz-nonsense!", LOCALE_MONTH_WIDE, 5, "May"},
        {"", LOCALE_MONTH_WIDE, 5, "May"},
        {"dcase ate:10", LOCALE_MONTH_WIDE, 5, "May"}, /* crashed ICU 72 */
        {"fr_FR.UTF-8", LOCALE_MONTH_WIDE, 5, "mai"},
        {"ja", LOCALE_WEEKDAY_SHORT, 0, "日"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_text(
            port.name(port.self, span_from_text(cases[i].locale), cases[i].kind, cases[i].index, &arena),
            cases[i].text);
}

static void numbers_and_money_are_written_as_the_locale_does(void **state)
{
    (void)state;
    static const struct {
        const char *locale;
        const char *decimal;
        const char *currency; /* NULL: a number */
        const char *text;
    } cases[] = {
        {"en", "1234.5", "EUR", "€1,234.50"},
        {"fr", "1234.5", "EUR", "1\u202f234,50\u00a0€"},
        {"de", "1234.5", "EUR", "1.234,50\u00a0€"},
        {"ja", "1234.5", "EUR", "€1,234.50"},
        {"en", "1234.5", "JPY", "¥1,234"},
        {"fr", "-3.999", "eur", "-4,00\u00a0€"},
        {"en", "0.005", "KWD", "KWD\u00a00.005"},
        {"de", "12345678901234567890.12", "USD", "12.345.678.901.234.567.890,12\u00a0$"},
        {"en", "1234567.891", NULL, "1,234,567.891"},
        {"fr", "1234567.8", NULL, "1\u202f234\u202f567,8"},
        {"de", "-0.5", NULL, "-0,5"},
        {"en-IN", "1234567", NULL, "12,34,567"},
        {"en", "3.14159", NULL, "3.142"},
        {"not a locale", "1000", NULL, "1,000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span text;
        struct span locale = span_from_text(cases[i].locale);
        struct span decimal = span_from_text(cases[i].decimal);
        enum err error = cases[i].currency == NULL
                             ? port.format_number(port.self, locale, decimal, &arena, &text)
                             : port.format_money(port.self, locale, decimal,
                                                 span_from_text(cases[i].currency), &arena, &text);
        assert_int_equal(error, ERR_OK);
        assert_text(text, cases[i].text);
    }
}

static void what_is_no_number_or_currency_is_refused(void **state)
{
    (void)state;
    struct span text;
    static const char *const bad[] = {"", "-", "1.", ".5", "1e5", "+1", "1,5", "NaN", "1.2.3", " 1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(
            port.format_number(port.self, SPAN_LITERAL("en"), span_from_text(bad[i]), &arena, &text),
            ERR_INVALID);
    static const char *const currencies[] = {"", "EU", "EURO", "E1R", "é."};
    for (size_t i = 0; i < sizeof currencies / sizeof *currencies; i++)
        assert_int_equal(port.format_money(port.self, SPAN_LITERAL("en"), SPAN_LITERAL("1"),
                                           span_from_text(currencies[i]), &arena, &text),
                         ERR_INVALID);
}

static void many_locales_do_not_grow_the_caches(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct span text;
        struct span locale = arena_printf(&arena, "x%c%c", 'a' + i / 26, 'a' + i % 26);
        assert_int_equal(port.format_number(port.self, locale, SPAN_LITERAL("1.5"), &arena, &text), ERR_OK);
        assert_true(port.name(port.self, locale, LOCALE_MONTH_WIDE, 1, &arena).size > 0);
    }
    struct span text;
    assert_int_equal(port.format_number(port.self, SPAN_LITERAL("fr"), SPAN_LITERAL("1.5"), &arena, &text),
                     ERR_OK);
    assert_text(text, "1,5");
}

static void case_is_mapped_fully(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *upper;
        const char *lower;
    } cases[] = {
        {"Straße", "STRASSE", "straße"},
        {"ΑΣ", "ΑΣ", "ας"},
        {"\u0149", "\u02bcN", "\u0149"},
        {"a\xffß\xc3", "A\xffSS\xc3", "a\xffß\xc3"},
        {"", "", ""},
        {"\u0390\u0390", "\u0399\u0308\u0301\u0399\u0308\u0301", "\u0390\u0390"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_text(port.map_case(port.self, span_from_text(cases[i].text), LOCALE_UPPER, &arena),
                    cases[i].upper);
        assert_text(port.map_case(port.self, span_from_text(cases[i].text), LOCALE_LOWER, &arena),
                    cases[i].lower);
    }
}

static void graphemes_are_what_people_see(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t graphemes;
        size_t bytes;
        size_t total;
    } cases[] = {
        {"hello", 2, 2, 3},
        {"hello", 5, 5, 5},
        {"hello", 9, 5, 5},
        {"", 3, 0, 0},
        {"👨‍👩‍👧‍👦x", 1, 25, 2},
        {"🇫🇷🇩🇪", 1, 8, 2},
        {"e\u0301a", 1, 3, 2},
        {"a\r\nb", 2, 3, 3},
        {"👨‍👩‍👧‍👦x", 0, 0, 1},
        {"\xff\xff", 1, 1, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t total;
        assert_int_equal(
            port.grapheme_prefix(port.self, span_from_text(cases[i].text), cases[i].graphemes, &total),
            cases[i].bytes);
        assert_int_equal(total, cases[i].total);
    }
}

static void date_styles_are_the_locales(void **state)
{
    (void)state;
    const struct locale_zone *paris = zone("Europe/Paris");
    int64_t at = instant("2026-12-01T19:05:09Z");
    assert_text(port.date_style(port.self, SPAN_LITERAL("fr"), paris, at, 'x', &arena), "01/12/2026");
    assert_text(port.date_style(port.self, SPAN_LITERAL("fr"), paris, at, 'X', &arena), "20:05:09");
    assert_text(port.date_style(port.self, SPAN_LITERAL("de"), zone("+02:00"), at, 'c', &arena),
                "01.12.2026, 21:05:09");
    /* The calendar is Gregorian, also where people count Buddhist years. */
    assert_non_null(strstr(
        arena_copy(&arena, port.date_style(port.self, SPAN_LITERAL("th"), paris, at, 'x', &arena)).data,
        "1/12/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_are_found_by_exact_name),
        cmocka_unit_test(offsets_follow_the_clock_changes),
        cmocka_unit_test(local_times_become_instants),
        cmocka_unit_test(far_instants_end),
        cmocka_unit_test(abbreviations_are_those_people_use),
        cmocka_unit_test(names_are_the_locales),
        cmocka_unit_test(numbers_and_money_are_written_as_the_locale_does),
        cmocka_unit_test(what_is_no_number_or_currency_is_refused),
        cmocka_unit_test(many_locales_do_not_grow_the_caches),
        cmocka_unit_test(case_is_mapped_fully),
        cmocka_unit_test(graphemes_are_what_people_see),
        cmocka_unit_test(date_styles_are_the_locales),
    };
    const struct CMUnitTest zone_tests[] = {
        cmocka_unit_test(zones_are_found_by_exact_name),
        cmocka_unit_test(offsets_follow_the_clock_changes),
        cmocka_unit_test(local_times_become_instants),
        cmocka_unit_test(far_instants_end),
        cmocka_unit_test(abbreviations_are_those_people_use),
        cmocka_unit_test(date_styles_are_the_locales),
    };
    int failed = cmocka_run_group_tests(tests, open_port, close_port);
    return failed + cmocka_run_group_tests(zone_tests, open_port_without_tzdata, close_port);
}
