#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/civil.h"
#include "icu/tzif.h"
#include "icu/tzif_rule.h"

static int64_t instant(const char *rfc3339)
{
    int64_t seconds;
    uint32_t nanos;
    assert_int_equal(civil_parse_rfc3339(span_from_text(rfc3339), &seconds, &nanos), ERR_OK);
    return seconds;
}

static void rules_find_the_periods_of_each_year(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *at;
        int32_t offset_s;
        const char *abbreviation;
        const char *to;
    } cases[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2050-03-27T00:59:59Z", 3600, "CET", "2050-03-27T01:00:00Z"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2050-03-27T01:00:00Z", 7200, "CEST", "2050-10-30T01:00:00Z"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2050-12-31T00:00:00Z", 3600, "CET", "2051-03-26T01:00:00Z"},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2050-01-01T00:00:00Z", 39600, "AEDT", "2050-04-02T16:00:00Z"},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2050-07-01T00:00:00Z", 36000, "AEST", "2050-10-01T16:00:00Z"},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2050-07-01T00:00:00Z", 37800, "+1030",
         "2050-10-01T15:30:00Z"},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2050-07-01T00:00:00Z", -3600, "-01", "2050-10-30T01:00:00Z"},
        {"EET-2EEST,M3.4.4/50,M10.4.4/50", "2050-03-26T00:00:00Z", 10800, "EEST", "2050-10-28T23:00:00Z"},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2050-01-01T00:00:00Z", 0, "GMT", "2050-03-27T01:00:00Z"},
        {"XXX3YYY,J60/0,J300/0", "2048-03-01T02:59:59Z", -10800, "XXX", "2048-03-01T03:00:00Z"},
        {"XXX3YYY,59/0,300/0", "2048-02-29T02:59:59Z", -10800, "XXX", "2048-02-29T03:00:00Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tzif_rule rule;
        assert_int_equal(tzif_rule_parse(span_from_text(cases[i].rule), &rule), ERR_OK);
        struct tzif_period period = tzif_rule_find(&rule, instant(cases[i].at));
        char to[CIVIL_RFC3339_BYTES + 1] = {0};
        civil_format_ms(period.to_s * 1000, to);
        if (period.offset_s != cases[i].offset_s ||
            strcmp(period.abbreviation, cases[i].abbreviation) != 0 ||
            period.to_s != instant(cases[i].to) || period.from_s > instant(cases[i].at))
            fail_msg("%s at %s: got %d %s until %s", cases[i].rule, cases[i].at, period.offset_s,
                     period.abbreviation, to);
    }
}

static void a_rule_without_summer_holds_for_ever(void **state)
{
    (void)state;
    struct tzif_rule rule;
    assert_int_equal(tzif_rule_parse(SPAN_LITERAL("<+0545>-5:45"), &rule), ERR_OK);
    struct tzif_period period = tzif_rule_find(&rule, 0);
    assert_int_equal(period.offset_s, 20700);
    assert_int_equal(period.to_s, TZIF_FOREVER_S);
}

static void other_texts_are_no_rules(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "CET",
                                        "C-1",
                                        "CET-1CEST",
                                        "CET-1CEST,",
                                        "CET-1CEST,M3.5.0",
                                        "CET-25",
                                        "<CET-1",
                                        "CET-1CEST,M13.1.0,M1.1.0",
                                        "CET-1CEST,M3.6.0,M1.1.0",
                                        "CET-1CEST,M3.5.0,M10.5.0/168",
                                        "CET-1CEST,M3.5.0,M10.5.0x",
                                        "CET-1CEST,J0,J1",
                                        "CET-1CEST,366,1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct tzif_rule rule;
        if (tzif_rule_parse(span_from_text(texts[i]), &rule) == ERR_OK)
            fail_msg("'%s' is taken for a rule", texts[i]);
    }
}

static void append_u32(struct buf *buf, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_append_byte(buf, (char)(number >> shift));
}

static void append_header(struct buf *buf, uint32_t transitions, uint32_t types, uint32_t characters)
{
    buf_append(buf, span_make("TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20));
    append_u32(buf, 0);
    append_u32(buf, 0);
    append_u32(buf, 0);
    append_u32(buf, transitions);
    append_u32(buf, types);
    append_u32(buf, characters);
}

/* AAA (+1 h) until 1000, then BBB (+2 h, summer) until 2000, then the rule. */
static void write_zone(struct buf *buf)
{
    append_header(buf, 0, 1, 1);
    buf_append(buf, span_make("\0\0\0\0\0\0\0", 7));
    append_header(buf, 2, 2, 8);
    append_u32(buf, 0);
    append_u32(buf, 1000);
    append_u32(buf, 0);
    append_u32(buf, 2000);
    buf_append(buf, span_make("\1\0", 2));
    append_u32(buf, 3600);
    buf_append(buf, span_make("\0\0", 2));
    append_u32(buf, 7200);
    buf_append(buf, span_make("\1\4", 2));
    buf_append(buf, span_make("AAA\0BBB\0", 8));
    buf_append_text(buf, "\nCCC-3\n");
}

static void a_file_gives_its_periods(void **state)
{
    (void)state;
    struct buf bytes = {0};
    write_zone(&bytes);
    struct tzif_zone *zone = tzif_parse(buf_span(&bytes));
    assert_non_null(zone);
    static const struct {
        int64_t at, from_s, to_s;
        const char *abbreviation;
    } cases[] = {{999, -TZIF_FOREVER_S, 1000, "AAA"},
                 {1000, 1000, 2000, "BBB"},
                 {1999, 1000, 2000, "BBB"},
                 {2000, 2000, TZIF_FOREVER_S, "CCC"}};
    for (size_t i = 0; i < 4; i++) {
        struct tzif_period period = tzif_find(zone, cases[i].at);
        assert_int_equal(period.from_s, cases[i].from_s);
        assert_int_equal(period.to_s, cases[i].to_s);
        assert_string_equal(period.abbreviation, cases[i].abbreviation);
    }
    tzif_close(zone);
    buf_free(&bytes);
}

/* Whatever byte is changed, and wherever it ends, a file is refused or answers; ASan watches. */
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    struct buf bytes = {0};
    write_zone(&bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        char *cut = malloc(size + 1);
        memcpy(cut, bytes.data, size);
        assert_null(tzif_parse(span_make(cut, size)));
        free(cut);
    }
    for (size_t at = 0; at < bytes.size; at++) {
        char kept = bytes.data[at];
        static const char values[] = {0, 1, 2, 'A', '\n', 0x7f, (char)0x80, (char)0xff};
        for (size_t i = 0; i < sizeof values; i++) {
            bytes.data[at] = values[i];
            struct tzif_zone *zone = tzif_parse(buf_span(&bytes));
            if (zone != NULL)
                tzif_find(zone, 1500);
            tzif_close(zone);
        }
        bytes.data[at] = kept;
    }
    buf_free(&bytes);
}

static void names_do_not_lead_out_of_the_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "/etc/localtime",
                                        "../zoneinfo/Europe/Paris",
                                        "Europe/../Europe/Paris",
                                        ".",
                                        "Europe",
                                        "Europe//Paris",
                                        "Europe/Paris/",
                                        "posix/Europe/Paris",
                                        "localtime",
                                        "tzdata.zi"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(tzif_open(TZIF_FOLDER, names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_find_the_periods_of_each_year),
        cmocka_unit_test(a_rule_without_summer_holds_for_ever),
        cmocka_unit_test(other_texts_are_no_rules),
        cmocka_unit_test(a_file_gives_its_periods),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(names_do_not_lead_out_of_the_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
