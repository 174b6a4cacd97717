/* Expressions and what they give, from the tables in tests/unit/cel, through `declic eval`'s line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cel_locale.h"
#include "cel_table.h"
#include "codec/eval_json.h"
#include "codec/json.h"

static int failures;

static bool contains(struct span text, struct span part)
{
    return part.size == 0 || memmem(text.data, text.size, part.data, part.size) != NULL;
}

static bool is_expected(struct span answer, struct span expected)
{
    struct span error = SPAN_LITERAL("error ");
    if (span_starts_with(expected, error))
        return span_starts_with(answer, SPAN_LITERAL("{\"error\":")) &&
               contains(answer, span_slice(expected, error.size, expected.size));
    struct span before = SPAN_LITERAL("{\"value\":"), after = SPAN_LITERAL("}\n");
    return answer.size == before.size + expected.size + after.size && span_starts_with(answer, before) &&
           span_equal(span_slice(answer, before.size, answer.size - after.size), expected);
}

static void check(const struct cel_case *current)
{
    struct arena arena;
    struct buf request = {0}, answer = {0};
    arena_init(&arena, 0);
    buf_append_text(&request, "{\"expr\":");
    json_write_string(&request, current->expression);
    buf_append_text(&request, ",\"vars\":");
    buf_append(&request, current->vars);
    buf_append_text(&request, "}");
    eval_json_line(buf_span(&request), &cel_test_locale, &arena, &answer);
    if (!is_expected(buf_span(&answer), current->expected)) {
        failures += 1;
        print_error("%s.cel:%d: %.*s\n    expected %.*s\n    got      %.*s", current->file, current->line,
                    SPAN_PRINTF(current->expression), SPAN_PRINTF(current->expected),
                    SPAN_PRINTF(buf_span(&answer)));
    }
    buf_free(&request);
    buf_free(&answer);
    arena_destroy(&arena);
}

static void check_table(const char *name, int least)
{
    failures = 0;
    int count = cel_table_each(name, check);
    if (failures != 0)
        fail_msg("%d of %d lines of %s.cel", failures, count, name);
    assert_true(count >= least);
}

static void test_values(void **state)
{
    (void)state;
    check_table("values", 120);
}

static void test_operators(void **state)
{
    (void)state;
    check_table("operators", 180);
}

static void test_macros(void **state)
{
    (void)state;
    check_table("macros", 50);
}

static void test_functions(void **state)
{
    (void)state;
    check_table("functions", 140);
}

static void test_times(void **state)
{
    (void)state;
    check_table("times", 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_operators), cmocka_unit_test(test_macros),
        cmocka_unit_test(test_functions), cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
