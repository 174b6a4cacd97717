#include "liquid_harness.h"

static void check_in(struct liquid_test *test, const char *locale, const char *zone, const char *template,
                     const char *expected)
{
    liquid_test_reset(test);
    test->context.locale = span_from_text(locale);
    if (zone != NULL)
        liquid_test_zone(test, zone);
    liquid_test_check(test, template, expected);
}

static void money_and_numbers(void **state)
{
    static const struct {
        const char *locale;
        const char *template;
        const char *expected;
    } cases[] = {
        {"fr", "{{ 1234.5 | money: 'EUR' }}", "1\u202f234,50\u00a0€"},
        {"de", "{{ '1234.5' | money: 'EUR' }}", "1.234,50\u00a0€"},
        {"en", "{{ 1234.5 | money: 'EUR' }}", "€1,234.50"},
        {"ja", "{{ 1234.5 | money: 'EUR' }}", "€1,234.50"},
        {"en", "{{ 1234 | money: 'JPY' }}", "¥1,234"},
        {"fr-CA", "{{ 12 | money: 'CAD' }}", "12,00\u00a0$"},
        {"en", "{{ 0.1 | plus: 0.2 | money: 'usd' }} {{ 12345678901234567 | money: 'EUR' }}",
         "$0.30 €12,345,678,901,234,567.00"},
        {"en", "[{{ nil | money: 'EUR' }}][{{ ' ' | money: 'EUR' }}]", "[][]"},
        {"en", "{{ 'ten' | money: 'EUR' }}", "!\"ten\" is no number"},
        {"en", "{{ 1 | money: 'EURO' }}", "!\"EURO\" is no currency"},
        {"en", "{{ 1 | money: nil }}", "!is no currency"},
        {"de", "{{ 1234567.891 | number }} {{ -5 | number }} {{ nil | number }}", "1.234.567,891 -5 "},
        {"ar-EG", "{{ 1234 | number }}", "١٬٢٣٤"},
        {"", "{{ 1234.5 | number }}", "1,234.5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_in(*state, cases[i].locale, NULL, cases[i].template, cases[i].expected);
}

static void dates_in_the_readers_zone_and_language(void **state)
{
    static const struct {
        const char *locale;
        const char *zone;
        const char *template;
        const char *expected;
    } cases[] = {
        {"en", "Europe/Paris", "{{ '2026-03-29T00:59:59Z' | date: '%H:%M %Z %z' }}", "01:59 CET +0100"},
        {"en", "Europe/Paris", "{{ '2026-03-29T01:00:00Z' | date: '%H:%M %Z %:z' }}", "03:00 CEST +02:00"},
        {"en", "Europe/Paris", "{{ '2026-10-25T00:30:00Z' | date: '%H:%M %Z' }}", "02:30 CEST"},
        {"en", "Europe/Paris", "{{ '2026-10-25T01:30:00Z' | date: '%H:%M %Z' }}", "02:30 CET"},
        {"en", "Europe/Paris", "{{ '2026-03-29 02:30' | date: '%H:%M' }}",
         "03:00"}, /* skipped by the clock */
        {"en", NULL, "{{ '2026-07-01T10:00:00+02:00' | date: '%H:%M %Z' }}", "08:00 UTC"},
        {"en", "Europe/Paris", "{{ '2026-07-01T10:00:00Z' | date: '%H:%M', 'Asia/Tokyo' }}", "19:00"},
        {"en", "Europe/Paris", "{{ '2026-07-01T10:00:00Z' | date: '%H:%M', nil }}", "12:00"},
        {"en", "America/New_York", "{{ '2026-07-01' | date: '%d/%m' }}",
         "01/07"}, /* a day is that day everywhere */
        {"en", NULL, "{{ 0 | date: '%H', 'Mars/Olympus' }}", "!no time zone 'Mars/Olympus'"},
        {"fr", "Europe/Paris", "{{ '2026-12-01T08:30:00Z' | date: '%A %-d %B %Y' }}",
         "mardi 1 décembre 2026"},
        {"ar", NULL, "{{ '2026-12-01' | date: '%A %d %B' }}", "الثلاثاء 01 ديسمبر"},
        {"th", NULL, "{{ '2026-12-01' | date: '%A %d %B %Y' }}", "วันอังคาร 01 ธันวาคม 2026"},
        {"fr", NULL, "{{ '2026-12-01' | date: '%b %a %^B' }}", "déc. mar. DÉCEMBRE"},
        {"en", NULL, "{{ '2026-12-01' | date: '%B', nil, 'de' }}", "Dezember"},
        {"fr", NULL, "{{ '2026-12-01T20:05:09Z' | date: '%x %X' }}", "01/12/2026 20:05:09"},
        {"en", NULL, "{{ '2026-12-01T20:05:09Z' | date: '%c|%x|%X|%r|%R|%D|%F|%T|%v' }}",
         "Tue Dec  1 20:05:09 2026|12/01/26|20:05:09|08:05:09 PM|20:05|12/01/26|2026-12-01|20:05:09| "
         "1-DEC-2026"},
        {"en", NULL, "{{ 'now' | date: '%F %T' }} {{ 'today' | date: '%j %U %W %V %G %u %w' }}",
         "2026-12-01 08:30:00 335 48 48 49 2026 2 2"},
        {"en", NULL,
         "{{ 1152098955 | date: '%s' }} {{ '1152098955' | date: '%Y' }} {{ 1790000000000 | date: '%Y' }}",
         "1152098955 2006 2026"},
        {"en", NULL, "{{ '2026-12-01T08:30:00.123Z' | date: '%L %3N %6N %I %l %k %p %P' }}",
         "123 123 123000 08  8  8 AM am"},
        {"en", NULL, "{{ 0 | date: '%-m %_m %05d %^a %#p %% %Q %' }}", "1  1 00001 THU am % %Q %"},
        {"en", NULL,
         "{{ 'March 14, 2016' | date: '%F' }} {{ '14 Mar 2016 10:00 pm +0100' | date: '%F %R' }} "
         "{{ 'Fri Jul 16 01:00:00 2004' | date: '%F %R' }} {{ '16/07/2004' | date: '%F' }}",
         "2016-03-14 2016-03-14 21:00 2004-07-16 01:00 2004-07-16"},
        {"en", NULL,
         "{{ 'Room 12' | date: '%F' }} {{ '2026-13-01' | date: '%F' }} {{ '' | date: '%F' }} "
         "{{ 'x' | date: '' }} {{ 1.5 | date: '%F' }} {{ nil | date: '%F' }}",
         "Room 12 2026-13-01  x 1.5 "},
        {"en", NULL,
         "{{ 'July 4' | date: '%F' }} {{ '10:30' | date: '%F %R' }} {{ 'march 2016' | date: '%F' }}",
         "2026-07-04 2026-12-01 10:30 2016-03-01"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_in(*state, cases[i].locale, cases[i].zone, cases[i].template, cases[i].expected);
}

static void timestamps_print_as_rfc_3339(void **state)
{
    struct liquid_test *test = *state;
    struct value_member members[] = {
        {value_string(SPAN_LITERAL("now")), value_timestamp_from_ms(1796113800123)}};
    liquid_test_reset(test);
    test->context.variables = value_map(members, 1);
    liquid_test_check(test, "{{ now }} {{ now | append: '!' }} {{ now | date: '%H:%M' }}",
                      "2026-12-01T08:30:00.123Z 2026-12-01T08:30:00.123Z! 08:30");
    liquid_test_check(test, "{% if now > '2026-12-01' and now == '2026-12-01T08:30:00.123Z' %}y{% endif %}",
                      "y");
}

static void truncate_counts_graphemes(void **state)
{
    static const struct liquid_case cases[] = {
        {"{{ 'hello world' | truncate: 8 }} {{ 'hello' | truncate: 5 }} {{ 'hello' | truncate: 2 }}", NULL,
         "hello... hello ..."},
        {"{{ 'hello world' | truncate: 5, '' }} {{ 'hello' | truncate: 4, '…' }} {{ x | truncate }}", NULL,
         "hello hel… "},
        {"{{ '👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦' | truncate: 2, "
         "'' "
         "}}",
         NULL, "👨‍👩‍👧‍👦👨‍👩‍👧‍👦"},
        {"{{ '🇫🇷🇩🇪🇯🇵' | truncate: 2, '…' }}", NULL, "🇫🇷…"},
        {"{{ 'e\u0301e\u0301e\u0301' | truncate: 2, '' }}", NULL, "e\u0301e\u0301"},
        {"{{ '👍🏽👍🏽' | truncate: 2, '👨‍👩‍👧‍👦' }}", NULL, "👍🏽👍🏽"},
        {"{{ 'a' | truncate: 'x' }}", NULL, "!no whole number"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void html_escapes_by_default(void **state)
{
    static const struct liquid_case cases[] = {
        {"<i>{{ x }}</i>{{ x | raw }}", "{\"x\":\"<b>&'\\\"\"}", "<i>&lt;b&gt;&amp;&#39;&quot;</i><b>&'\""},
        {"{{ x | escape }}{{ x | escape_once }}{{ x | upcase }}", "{\"x\":\"<\"}", "&lt;&lt;&lt;"},
        {"{% capture c %}<b>{{ x }}</b>{% endcapture %}{{ c }}{{ c | append: '!' }}", "{\"x\":\"<\"}",
         "<b>&lt;</b>&lt;b&gt;&amp;lt;&lt;/b&gt;!"},
        {"{% assign a = x | raw %}{{ a }}{{ l }}{{ l | raw }}", "{\"x\":\"<\",\"l\":[\"<\",[\">\"]]}",
         "<&lt;&gt;<>"},
        {"{% echo x %}{% cycle x %}{% raw %}<{% endraw %}", "{\"x\":\"<\"}", "&lt;&lt;<"},
        {"{% for i in (1..1) %}{{ forloop.index }}{{ m }}{% endfor %}", "{\"m\":{\"a\":\"<\"}}",
         "1{&quot;a&quot;=&gt;&quot;&lt;&quot;}"},
        {"{% render 's', v: x %}", "{\"x\":\"<\"}", "<p>&lt;</p>"},
    };
    static const struct liquid_snippet snippets[] = {{{"s", 1}, {"<p>{{ v }}</p>", 14}}};
    struct liquid_test *test = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        liquid_test_reset(test);
        test->options = (struct liquid_options){.html = true, .snippets = snippets, .snippet_count = 1};
        liquid_test_vars(test, cases[i].vars);
        liquid_test_check(test, cases[i].template, cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_and_numbers),
        cmocka_unit_test(dates_in_the_readers_zone_and_language),
        cmocka_unit_test(timestamps_print_as_rfc_3339),
        cmocka_unit_test(truncate_counts_graphemes),
        cmocka_unit_test(html_escapes_by_default),
    };
    return cmocka_run_group_tests(tests, liquid_test_open, liquid_test_close);
}
