#include "liquid_harness.h"

#define TEN "0123456789"

static void nasty_templates_end_at_a_limit(void **state)
{
    static const struct {
        const char *template;
        const char *text;
    } cases[] = {
        {"{% for i in (1..1000000000) %}x{% endfor %}", "longer than 65536 bytes"},
        {"{% for i in (1..1000000000) %}{% endfor %}", "more than 100000 steps"},
        {"{% for i in (1..100000) %}{% for j in (1..100000) %}{% endfor %}{% endfor %}",
         "more than 100000 steps"},
        {"{% tablerow i in (1..1000000000) %}{% endtablerow %}", "longer than 65536 bytes"},
        {"{% assign a = '" TEN
         "' %}{% for i in (1..99) %}{% capture a %}{{a}}{{a}}{% endcapture %}{% endfor %}",
         "longer than 65536 bytes"},
        {"{% assign a = '" TEN "' %}{% for i in (1..99) %}{% assign a = a | append: a %}{% endfor %}",
         "longer than 65536 bytes"},
        {"{% assign a = '1 2 3' | split: ' ' %}{% for i in (1..99) %}{% assign a = a | concat: a %}{% "
         "endfor %}",
         "bytes of memory"},
        {"{% assign a = '" TEN "' %}{% for i in (1..99) %}{% assign a = a | replace: '', a %}{% endfor %}",
         "longer than 65536 bytes"},
        {"{{ (1..1000000000) | join }}", "steps"},
        {"{{ (1..1000000000) | sort | first }}", "steps"},
        {"{{ 0 | date: '%999999999d' }}", "steps"},
        {"{{ 0 | date: '%99999N' }}", "longer than 65536 bytes"},
        {"{% assign a = (1..9000) | sort %}{% for i in (1..99999) %}{% if a == a %}{% endif %}{% endfor %}",
         "steps"},
    };
    struct liquid_test *test = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span output;
        liquid_test_reset(test);
        enum err error = liquid_test_run(test, span_from_text(cases[i].template), &output);
        if (error != ERR_LIMIT || strstr(test->diag.text, cases[i].text) == NULL)
            fail_msg("%s\n  expected the limit '%s', got error %d '%s'", cases[i].template, cases[i].text,
                     error, test->diag.text);
        assert_true(test->arena.used_bytes < 64u << 20);
        assert_int_equal(output.size, 0);
    }
}

static void nesting_ends_at_a_limit(void **state)
{
    static const struct {
        const char *open;
        const char *close;
        size_t fits; /* so many nest, one more does not */
    } cases[] = {
        {"{% if true %}", "{% endif %}", 100},
        {"{% capture x %}", "{% endcapture %}", 100},
        {"{% for i in (1..1) %}", "{% endfor %}", 100},
        {"{% case 1 %}{% when 1 %}", "{% endcase %}", 100},
    };
    struct liquid_test *test = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t more = 0; more < 2; more++) {
            struct span output;
            struct buf template = {0};
            for (size_t j = 0; j < cases[i].fits + more; j++)
                buf_append_text(&template, cases[i].open);
            for (size_t j = 0; j < cases[i].fits + more; j++)
                buf_append_text(&template, cases[i].close);
            liquid_test_reset(test);
            assert_int_equal(liquid_test_run(test, buf_span(&template), &output),
                             more == 0 ? ERR_OK : ERR_LIMIT);
            buf_free(&template);
        }
    }
}

static void expressions_nest_to_a_limit(void **state)
{
    struct liquid_test *test = *state;
    struct span output;
    struct buf template = {0};
    buf_append_text(&template, "{{ ");
    for (int i = 0; i < 100000; i++)
        buf_append_text(&template, "a[");
    buf_append_text(&template, " }}");
    liquid_test_reset(test);
    assert_int_equal(liquid_test_run(test, buf_span(&template), &output), ERR_LIMIT);
    buf_free(&template);
}

static void limits_are_exact(void **state)
{
    struct liquid_test *test = *state;
    liquid_test_reset(test);
    test->context.max_output_bytes = 10;
    liquid_test_check(test, "{{ '0123456789' }}", "0123456789");
    liquid_test_check(test, "{{ '0123456789' }}x", "!longer than 10 bytes");
    liquid_test_check(test, "{{ '0123456789abc' | upcase | truncate: 10 }}", "0123456...");
    liquid_test_check(test, "{% for i in (1..10) %}{{ 1 }}{% endfor %}", "1111111111");
    test->context.max_steps = 21; /* the loop, ten iterations, ten outputs */
    liquid_test_check(test, "{% for i in (1..10) %}{{ 1 }}{% endfor %}", "1111111111");
    test->context.max_steps = 20;
    liquid_test_check(test, "{% for i in (1..10) %}{{ 1 }}{% endfor %}", "!more than 20 steps");
}

static void many_variables_are_found_quickly(void **state)
{
    struct liquid_test *test = *state;
    struct span output;
    struct buf template = {0};
    for (int i = 0; i < 3000; i++)
        buf_printf(&template, "{%% assign v%d = %d %%}", i, i);
    buf_append_text(&template, "{{ v0 }} {{ v1500 }} {{ v2999 }} {{ v3000 }}");
    liquid_test_reset(test);
    assert_int_equal(liquid_test_run(test, buf_span(&template), &output), ERR_OK);
    assert_true(span_equal_text(output, "0 1500 2999 "));
    buf_free(&template);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nasty_templates_end_at_a_limit),   cmocka_unit_test(nesting_ends_at_a_limit),
        cmocka_unit_test(expressions_nest_to_a_limit),      cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(many_variables_are_found_quickly),
    };
    return cmocka_run_group_tests(tests, liquid_test_open, liquid_test_close);
}
