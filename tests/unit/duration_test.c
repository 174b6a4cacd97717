#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"

static void test_well_formed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"500ms", 500},
        {"30s", 30000},
        {"15m", 900000},
        {"1h30m", 5400000},
        {"7d", 604800000},
        {"2w", 1209600000},
        {"0s", 0},
        {"007s", 7000},
        {"1w1d1h1m1s1ms", 694861001},
        {"90m", 5400000},
        {"9223372036854775807ms", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = -1;
        if (duration_parse_ms(span_from_text(cases[i].text), &ms) != ERR_OK || ms != cases[i].ms)
            fail_msg("%s: expected %lld ms, got %lld", cases[i].text, (long long)cases[i].ms,
                     (long long)ms);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err error;
    } cases[] = {
        {"", ERR_SYNTAX},
        {"5", ERR_SYNTAX},
        {"s", ERR_SYNTAX},
        {"-5s", ERR_SYNTAX},
        {"+5s", ERR_SYNTAX},
        {"1.5h", ERR_SYNTAX},
        {"5 s", ERR_SYNTAX},
        {" 5s", ERR_SYNTAX},
        {"5s ", ERR_SYNTAX},
        {"5y", ERR_SYNTAX},
        {"5S", ERR_SYNTAX},
        {"30m1h", ERR_SYNTAX},
        {"1h1h", ERR_SYNTAX},
        {"1ms1s", ERR_SYNTAX},
        {"1h30", ERR_SYNTAX},
        {"5sm", ERR_SYNTAX},
        {"9223372036854775808ms", ERR_OVERFLOW},
        {"9223372036854775807s", ERR_OVERFLOW},
        {"15250284452471w99999999d", ERR_OVERFLOW},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms;
        enum err error = duration_parse_ms(span_from_text(cases[i].text), &ms);
        if (error != cases[i].error)
            fail_msg("\"%s\": expected %s, got %s", cases[i].text, err_sentence(cases[i].error),
                     err_sentence(error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well_formed),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
