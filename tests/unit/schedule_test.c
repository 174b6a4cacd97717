/* When steps are due, and when quiet hours end: tables of form, instant and result. */
#include "unit/check.h"

#include "base/civil.h"
#include "codec/campaign_yaml.h"
#include "codec/json.h"
#include "codec/policy_yaml.h"
#include "core/quiet.h"
#include "core/schedule.h"
#include "icu/icu_locale.h"

static int64_t ms(const char *text)
{
    int64_t seconds;
    uint32_t nanos;
    assert_int_equal(civil_parse_rfc3339(span_from_text(text), &seconds, &nanos), ERR_OK);
    return seconds * 1000 + nanos / 1000000;
}

struct stage {
    struct arena arena;
    struct locale_port locale;
    struct policy *policy;
    struct campaign *campaign;
    struct fold fold;
    struct user_state user;
    struct scope scope;
};

/* A campaign whose step has this `send` and these quiet hours. */
static void open_stage(struct stage *stage, const char *send, const char *quiet)
{
    struct diag_list diags = {.arena = &stage->arena};
    arena_init(&stage->arena, 0);
    struct span policy = SPAN_LITERAL("time_zone: Europe/Paris\n");
    struct span yaml =
        arena_printf(&stage->arena,
                     "campaign: c\ntype: event\ntrigger: {event: e}\nsteps:\n  - id: s\n    channel: push\n"
                     "    message: {title: t}\n    send: %s\n    quiet: %s\n",
                     send, quiet);
    assert_int_equal(icu_locale_open(&stage->locale), ERR_OK);
    assert_int_equal(
        policy_read(policy, SPAN_LITERAL("policy"), NULL, &stage->arena, &stage->policy, &diags), ERR_OK);
    if (campaign_read(yaml, SPAN_LITERAL("c"), NULL, &stage->arena, &stage->campaign, &diags) != ERR_OK)
        fail_msg("%s %s: %.*s", send, quiet, SPAN_PRINTF(diags.items[0].text));
    stage->fold = (struct fold){.policy = stage->policy, .locale = &stage->locale, .arena = &stage->arena};
    user_state_init(&stage->user, SPAN_LITERAL("u"));
    scope_init(&stage->scope, &stage->fold, &stage->user, 0);
}

static void close_stage(struct stage *stage)
{
    campaign_close(stage->campaign);
    policy_close(stage->policy);
    icu_locale_close(&stage->locale);
    arena_destroy(&stage->arena);
}

static void expect_time(const char *what, const char *at, int64_t time_ms, const char *expected)
{
    char text[CIVIL_RFC3339_BYTES];
    size_t size = civil_format_ms(time_ms, text);
    if (!span_equal_text(span_make(text, size), expected))
        fail_msg("%s at %s: expected %s, got %s", what, at, expected, text);
}

static void steps_are_due(void **state)
{
    (void)state;
    static const struct {
        const char *send, *attributes, *trigger, *due; /* NULL: no date */
    } rows[] = {
        {"{after: 1h}", "{}", "2026-03-02T09:00:00.007Z", "2026-03-02T10:00:00.007Z"},
        /* 24 hours, not a day: the clock changes in between */
        {"{after: 1d}", "{}", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00.000Z"},
        {"{before: 3h, date: event.ends}", "{\"ends\":\"2026-03-05T12:00:00+02:00\"}",
         "2026-03-02T09:00:00Z", "2026-03-05T07:00:00.000Z"},
        {"{date: event.ends}", "{\"ends\":\"2026-03-05T12:00:00.123456Z\"}", "2026-03-02T09:00:00Z",
         "2026-03-05T12:00:00.123Z"},
        {"{date: event.ends}", "{\"ends\":\"2026-03-05\"}", "2026-03-02T09:00:00Z",
         "2026-03-04T23:00:00.000Z"},
        {"{date: event.ends, time_zone: Asia/Tokyo}", "{\"ends\":\"2026-03-05\"}", "2026-03-02T09:00:00Z",
         "2026-03-04T15:00:00.000Z"},
        {"{date: event.ends, time_zone: No/Where}", "{\"ends\":\"2026-03-05\"}", "2026-03-02T09:00:00Z",
         "2026-03-04T23:00:00.000Z"},
        {"{date: event.ends}", "{\"ends\":1772700000000}", "2026-03-02T09:00:00Z",
         "2026-03-05T08:40:00.000Z"},
        {"{date: event.ends}", "{\"ends\":1772700000000.9}", "2026-03-02T09:00:00Z",
         "2026-03-05T08:40:00.000Z"},
        {"{date: event.ends}", "{}", "2026-03-02T09:00:00Z", NULL},
        {"{date: event.ends}", "{\"ends\":null}", "2026-03-02T09:00:00Z", NULL},
        {"{date: event.ends}", "{\"ends\":\"2026-02-30\"}", "2026-03-02T09:00:00Z", NULL},
        {"{date: event.ends}", "{\"ends\":\"2026-03-05T12:00:00\"}", "2026-03-02T09:00:00Z", NULL},
        {"{date: event.ends}", "{\"ends\":9000000000000000000}", "2026-03-02T09:00:00Z", NULL},
        {"{after: 1h, date: event.ends}", "{\"ends\":253402300799000}", "2026-03-02T09:00:00Z", NULL},
        {"{days: 2, at: \"18:30\"}", "{}", "2026-03-02T09:00:00Z", "2026-03-04T17:30:00.000Z"},
        /* 23:30 UTC is the next day in Paris */
        {"{days: 1, at: \"18:30\"}", "{}", "2026-03-02T23:30:00Z", "2026-03-04T17:30:00.000Z"},
        {"{days: 0, at: \"10:00\"}", "{}", "2026-03-02T09:00:00Z", "2026-03-02T09:00:00.000Z"},
        {"{days: 0, at: \"09:59\"}", "{}", "2026-03-02T09:00:00Z", "2026-03-03T08:59:00.000Z"},
        {"{days: 0, at: \"09:59\", date: event.ends}", "{\"ends\":\"2026-03-02\"}", "2026-03-02T09:00:00Z",
         "2026-03-02T08:59:00.000Z"},
        {"{days: -2, at: \"08:00\", date: event.ends}", "{\"ends\":\"2026-03-30\"}", "2026-03-02T09:00:00Z",
         "2026-03-28T07:00:00.000Z"},
        {"{days: 0, at: \"02:30\"}", "{}", "2026-03-28T23:30:00Z", "2026-03-29T01:00:00.000Z"},
        {"{days: 0, at: \"02:30\"}", "{}", "2026-10-24T22:30:00Z", "2026-10-25T00:30:00.000Z"},
        {"{after: 1h, \"on\": [mon]}", "{}", "2026-03-02T21:00:00Z", "2026-03-02T22:00:00.000Z"},
        {"{after: 1h, \"on\": [mon]}", "{}", "2026-03-02T22:00:00.5Z", "2026-03-08T23:00:00.500Z"},
        /* the same local time, in summer */
        {"{after: 0s, \"on\": [mon]}", "{}", "2026-03-28T12:00:00Z", "2026-03-30T11:00:00.000Z"},
        /* the second 2:30 of the night is left alone, its day is the right one */
        {"{after: 0s, \"on\": [sun]}", "{}", "2026-10-25T01:30:00Z", "2026-10-25T01:30:00.000Z"},
        {"{days: 0, at: \"02:30\", \"on\": [mon]}", "{}", "2026-03-28T23:30:00Z",
         "2026-03-30T00:30:00.000Z"},
        {"{days: 0, at: \"09:00\", \"on\": [mon]}", "{}", "2026-03-02T08:00:00.001Z",
         "2026-03-09T08:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stage stage;
        struct value attributes;
        int64_t due_ms;
        open_stage(&stage, rows[i].send, "{from: \"21:00\", to: \"08:00\"}");
        assert_int_equal(
            json_parse(span_from_text(rows[i].attributes), NULL, &stage.arena, &attributes, NULL), ERR_OK);
        scope_bind_event(&stage.scope, attributes, SPAN_LITERAL("e1"), SPAN_LITERAL("e"),
                         ms(rows[i].trigger));
        const struct trigger_facts trigger = {.kind = TRIGGER_EVENT, .time_ms = ms(rows[i].trigger)};
        enum err error = schedule_due(&stage.scope, &stage.campaign->steps[0].send, &trigger, &due_ms);
        if (rows[i].due == NULL && error != ERR_NO_DATE)
            fail_msg("%s with %s: expected no date", rows[i].send, rows[i].attributes);
        if (rows[i].due != NULL) {
            assert_int_equal(error, ERR_OK);
            expect_time(rows[i].send, rows[i].trigger, due_ms, rows[i].due);
        }
        close_stage(&stage);
    }
}

static void quiet_hours_end(void **state)
{
    (void)state;
    static const struct {
        const char *quiet, *at, *end; /* NULL: not quiet */
    } rows[] = {
        {"{from: \"21:00\", to: \"08:00\"}", "2026-03-02T19:59:59.999Z", NULL},
        {"{from: \"21:00\", to: \"08:00\"}", "2026-03-02T20:00:00Z", "2026-03-03T07:00:00.000Z"},
        {"{from: \"21:00\", to: \"08:00\"}", "2026-03-03T06:59:59.999Z", "2026-03-03T07:00:00.000Z"},
        {"{from: \"21:00\", to: \"08:00\"}", "2026-03-03T07:00:00Z", NULL},
        {"{from: \"12:00\", to: \"14:00\"}", "2026-03-02T12:30:00Z", "2026-03-02T13:00:00.000Z"},
        {"{from: \"12:00\", to: \"14:00\", days: [mon]}", "2026-03-02T12:30:00Z",
         "2026-03-02T23:00:00.000Z"},
        {"{from: \"22:00\", to: \"06:00\", days: [sat, sun]}", "2026-03-06T21:30:00Z",
         "2026-03-09T05:00:00.000Z"},
        {"{days: [sun]}", "2026-03-29T10:00:00Z", "2026-03-29T22:00:00.000Z"},
        {"{days: [mon, tue, wed, thu, fri, sat]}", "2026-03-02T10:00:00Z", "2026-03-07T23:00:00.000Z"},
        /* the end does not exist that night: the first instant after the gap */
        {"{from: \"21:00\", to: \"02:30\"}", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00.000Z"},
        /* it comes twice: quiet ends at the first, and begins again when the clock goes back */
        {"{from: \"21:00\", to: \"02:30\"}", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00.000Z"},
        {"{from: \"21:00\", to: \"02:30\"}", "2026-10-25T01:10:00Z", "2026-10-25T01:30:00.000Z"},
        {"{from: \"02:00\", to: \"03:00\"}", "2026-10-25T00:10:00Z", "2026-10-25T02:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stage stage;
        int64_t end_ms;
        open_stage(&stage, "{after: 1h}", rows[i].quiet);
        const struct quiet_rule *rule = &stage.campaign->steps[0].quiet;
        const struct locale_zone *zone = zone_of_spec(&stage.scope, &rule->zone);
        bool quiet = quiet_at(rule, &stage.locale, zone, ms(rows[i].at));
        if (quiet != (rows[i].end != NULL))
            fail_msg("%s at %s: %s", rows[i].quiet, rows[i].at, quiet ? "is quiet" : "is not quiet");
        if (quiet) {
            assert_true(quiet_end(rule, &stage.locale, zone, ms(rows[i].at), &end_ms));
            expect_time(rows[i].quiet, rows[i].at, end_ms, rows[i].end);
        }
        close_stage(&stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_due),
        cmocka_unit_test(quiet_hours_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
