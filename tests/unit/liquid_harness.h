/* Renders templates for the tests of Liquid: variables as JSON, ICU behind the port. */
#ifndef DECLIC_TESTS_LIQUID_HARNESS_H
#define DECLIC_TESTS_LIQUID_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/civil.h"
#include "codec/json.h"
#include "core/liquid/liquid.h"
#include "icu/icu_locale.h"

/* 2026-12-01T08:30:00Z, a Tuesday. */
#define LIQUID_TEST_NOW_MS 1796113800000

struct liquid_test {
    struct locale_port port;
    struct arena arena;
    struct diag diag;
    struct liquid_options options;
    struct liquid_context context;
};

struct liquid_case {
    const char *template;
    const char *vars;     /* JSON; NULL: none */
    const char *expected; /* the output; or, beginning with '!', a part of the error's text */
};

static inline int liquid_test_open(void **state)
{
    static struct liquid_test test;
    memset(&test, 0, sizeof test);
    arena_init(&test.arena, 0);
    *state = &test;
    return icu_locale_open(&test.port) == ERR_OK ? 0 : -1;
}

static inline int liquid_test_close(void **state)
{
    struct liquid_test *test = *state;
    icu_locale_close(&test->port);
    arena_destroy(&test->arena);
    return 0;
}

/* Forgets options and context of the case before. */
static inline void liquid_test_reset(struct liquid_test *test)
{
    arena_reset(&test->arena);
    test->diag = (struct diag){0};
    test->options = (struct liquid_options){0};
    test->context = (struct liquid_context){
        .variables = value_map(NULL, 0), .locale_port = &test->port, .now_ms = LIQUID_TEST_NOW_MS};
}

static inline void liquid_test_vars(struct liquid_test *test, const char *json)
{
    struct diag diag;
    if (json_parse(span_from_text(json), NULL, &test->arena, &test->context.variables, &diag) != ERR_OK)
        fail_msg("the test's variables are no JSON: %s", json);
}

static inline void liquid_test_zone(struct liquid_test *test, const char *name)
{
    test->context.zone = test->port.zone_find(test->port.self, span_from_text(name));
    assert_non_null(test->context.zone);
}

static inline enum err liquid_test_run(struct liquid_test *test, struct span template, struct span *output)
{
    const struct liquid_template *parsed;
    *output = span_make("", 0);
    enum err error = liquid_parse(&test->options, template, &test->arena, &parsed, &test->diag);
    if (error != ERR_OK)
        return error;
    return liquid_render(parsed, &test->context, &test->arena, output, &test->diag);
}

/* Renders with what stands in `test` and compares. */
static inline void liquid_test_check(struct liquid_test *test, const char *template, const char *expected)
{
    struct span output;
    enum err error = liquid_test_run(test, span_from_text(template), &output);
    if (expected[0] == '!') {
        if (error == ERR_OK)
            fail_msg("%s\n  expected an error with '%s'\n  got '%.*s'", template, expected + 1,
                     SPAN_PRINTF(output));
        if (strstr(test->diag.text, expected + 1) == NULL)
            fail_msg("%s\n  expected an error with '%s'\n  got the error '%s'", template, expected + 1,
                     test->diag.text);
        return;
    }
    if (error != ERR_OK)
        fail_msg("%s\n  expected '%s'\n  got the error '%d:%d: %s'", template, expected, test->diag.line,
                 test->diag.column, test->diag.text);
    if (!span_equal_text(output, expected))
        fail_msg("%s\n  expected '%s'\n  got      '%.*s'", template, expected, SPAN_PRINTF(output));
}

static inline void liquid_test_cases(void **state, const struct liquid_case *cases, size_t count)
{
    struct liquid_test *test = *state;
    for (size_t i = 0; i < count; i++) {
        liquid_test_reset(test);
        if (cases[i].vars != NULL)
            liquid_test_vars(test, cases[i].vars);
        liquid_test_check(test, cases[i].template, cases[i].expected);
    }
}

#define LIQUID_TEST_CASES(state, cases) liquid_test_cases((state), (cases), sizeof(cases) / sizeof *(cases))

#endif
