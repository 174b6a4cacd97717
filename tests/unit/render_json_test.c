#include "liquid_harness.h"

#include "codec/render_json.h"

static void every_line_is_answered(void **state)
{
    static const struct {
        const char *line;
        const char *answer; /* of an error only the beginning */
    } cases[] = {
        {"{\"template\":\"Hi {{ a }}\",\"vars\":{\"a\":\"\\u00e9\\n\"}}", "{\"output\":\"Hi é\\n\"}\n"},
        {"{\"template\":\"\"}", "{\"output\":\"\"}\n"},
        {"{\"template\":\"{{ a }}\",\"vars\":{\"a\":\"<\"},\"html\":true}", "{\"output\":\"&lt;\"}\n"},
        {"{\"template\":\"{% render 's' %}\",\"vars\":{\"a\":1},\"templates\":{\"s\":\"{{ a }}\"}}",
         "{\"output\":\"1\"}\n"},
        {"{\"template\":\"{{ 1.5 | money: 'EUR' }} {{ 0 | date: '%H' "
         "}}\",\"vars\":{\"profile\":{\"locale\":\"fr\","
         "\"time_zone\":\"Asia/Tokyo\"}}}",
         "{\"output\":\"1,50\u00a0€ 09\"}\n"},
        {"{\"template\":\"{{ 0 | date: '%H' "
         "}}\",\"vars\":{\"profile\":{\"time_zone\":\"no/where\",\"locale\":5}}}",
         "{\"output\":\"00\"}\n"},
        {"{\"template\":\"{{ now }} {{ 'now' | date: '%Y' "
         "}}\",\"vars\":{\"now\":{\"$timestamp\":\"2001-02-03T04:05:06Z\"}}}",
         "{\"output\":\"2001-02-03T04:05:06.000Z 2001\"}\n"},
        {"{\"template\":\"{{ 'now' | date: '%F' }}\"}", "{\"output\":\"2026-12-01\"}\n"},
        {"{\"template\":\"{% abort 'why' %}\"}", "{\"error\":\"aborted: why\"}\n"},
        {"{\"template\":\"{% abort %}\"}", "{\"error\":\"aborted\"}\n"},
        {"{\"template\":\"a\\n{{ b | nosuch }}\"}", "{\"error\":\"2:8: unknown filter 'nosuch'\"}\n"},
        {"{\"template\":\"{{ 1 | divided_by: 0 }}\"}", "{\"error\":\"1:8: divided by 0\"}\n"},
        {"", "{\"error\":\""},
        {"nonsense", "{\"error\":\""},
        {"[]", "{\"error\":\""},
        {"{\"template\":5}", "{\"error\":\"\\\"template\\\" is missing"},
        {"{\"vars\":{}}", "{\"error\":\"\\\"template\\\" is missing"},
        {"{\"template\":\"\",\"vars\":[]}", "{\"error\":\"\\\"vars\\\" takes an object"},
        {"{\"template\":\"\",\"html\":1}", "{\"error\":\"\\\"html\\\" is true or false"},
        {"{\"template\":\"\",\"templates\":{\"a\":1}}", "{\"error\":\"\\\"templates\\\" takes"},
        {"{\"template\":\"\",\"vars\":{\"a\":{\"$uint\":-1}}}", "{\"error\":\""},
        {"{\"template\":\"\",\"vars\":{\"a\":99999999999999999999}}", "{\"error\":\""},
    };
    struct liquid_test *test = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = {0};
        arena_reset(&test->arena);
        render_json_line(span_from_text(cases[i].line), &test->port, LIQUID_TEST_NOW_MS, &test->arena,
                         &out);
        buf_append_byte(&out, '\0');
        size_t size = strlen(cases[i].answer);
        if (strncmp(out.data, cases[i].answer, size) != 0 ||
            strchr(out.data, '\n') != out.data + strlen(out.data) - 1)
            fail_msg("%s\n  expected %s\n  got      %s", cases[i].line, cases[i].answer, out.data);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_line_is_answered)};
    return cmocka_run_group_tests(tests, liquid_test_open, liquid_test_close);
}
