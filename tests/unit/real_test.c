#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/real.h"

/* What Go's strconv.FormatFloat prints for these, with 'g' and with 'f'. */
static void test_format(void **state)
{
    (void)state;
    static const struct {
        double real;
        const char *general;
        const char *fixed;
    } cases[] = {
        {0.0, "0", "0"},
        {-0.0, "-0", "-0"},
        {42.0, "42", "42"},
        {-1.5, "-1.5", "-1.5"},
        {0.1, "0.1", "0.1"},
        {100000.0, "100000", "100000"},
        {999999.0, "999999", "999999"},
        {99999.5, "99999.5", "99999.5"},
        {1e6, "1e+06", "1000000"},
        {1234567.0, "1.234567e+06", "1234567"},
        {1234567.5, "1.2345675e+06", "1234567.5"},
        {1e21, "1e+21", "1000000000000000000000"},
        {123456789012345678.0, "1.2345678901234568e+17", "123456789012345680"},
        {0.0001, "0.0001", "0.0001"},
        {0.00001, "1e-05", "0.00001"},
        {0.00012, "0.00012", "0.00012"},
        {1.7976931348623157e308, "1.7976931348623157e+308", NULL},
        {5e-324, "5e-324", NULL},
        {5.684341886080802e-14, "5.684341886080802e-14", "0.00000000000005684341886080802"},
        {1e100, "1e+100", NULL},
        {(double)NAN, "NaN", "NaN"},
        {(double)INFINITY, "+Inf", "+Inf"},
        {-(double)INFINITY, "-Inf", "-Inf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[REAL_BYTES];
        struct span general = span_make(text, real_format_general(cases[i].real, text));
        if (!span_equal_text(general, cases[i].general))
            fail_msg("expected %s, got %.*s", cases[i].general, SPAN_PRINTF(general));
        struct span fixed = span_make(text, real_format_fixed(cases[i].real, text));
        if (cases[i].fixed != NULL && !span_equal_text(fixed, cases[i].fixed))
            fail_msg("expected %s, got %.*s", cases[i].fixed, SPAN_PRINTF(fixed));
    }
}

static void test_longest_texts_fit(void **state)
{
    (void)state;
    char text[REAL_BYTES];
    assert_int_equal(real_format_fixed(-2.2250738585072014e-308, text), 327);
    assert_int_equal(real_format_fixed(-1.7976931348623157e308, text), 310);
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err error;
        double real;
    } cases[] = {
        {"0", ERR_OK, 0},
        {"-1.25", ERR_OK, -1.25},
        {"+1e3", ERR_OK, 1000},
        {"1.", ERR_OK, 1},
        {".5", ERR_OK, 0.5},
        {"1E-2", ERR_OK, 0.01},
        {"1e-999", ERR_OK, 0},
        {"0e999999999999", ERR_OK, 0},
        {"0.0000e999", ERR_OK, 0},
        {"1e308", ERR_OK, 1e308},
        {"1e309", ERR_OVERFLOW, 0},
        {"-1e309", ERR_OVERFLOW, 0},
        {"", ERR_SYNTAX, 0},
        {".", ERR_SYNTAX, 0},
        {"-", ERR_SYNTAX, 0},
        {"1e", ERR_SYNTAX, 0},
        {"1e+", ERR_SYNTAX, 0},
        {"1x", ERR_SYNTAX, 0},
        {" 1", ERR_SYNTAX, 0},
        {"--1", ERR_SYNTAX, 0},
        {"nan", ERR_SYNTAX, 0},
        {"0x10", ERR_SYNTAX, 0},
        {"1e99999999999999999999", ERR_OVERFLOW, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double real = -7;
        enum err error = real_parse(span_from_text(cases[i].text), &real);
        if (error != cases[i].error || (error == ERR_OK && real != cases[i].real))
            fail_msg("\"%s\": expected %s %g, got %s %g", cases[i].text, err_sentence(cases[i].error),
                     cases[i].real, err_sentence(error), real);
    }
}

static void test_negative_zero_keeps_its_sign(void **state)
{
    (void)state;
    double real = 1;
    assert_int_equal(real_parse(SPAN_LITERAL("-0.0"), &real), ERR_OK);
    assert_true(signbit(real));
    assert_int_equal(real_parse(SPAN_LITERAL("-1e-999"), &real), ERR_OK);
    assert_true(signbit(real));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_longest_texts_fit),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_negative_zero_keeps_its_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
