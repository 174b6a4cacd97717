/* What the checker refuses, with its place, and what is known of a program before it runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "core/cel/cel.h"

enum { EVENT, PROFILE, USER_ID, NOW, META };

static const struct span names[] = {
    {"event", 5}, {"profile", 7}, {"user.id", 7}, {"now", 3}, {"meta", 4},
};

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static enum err compile(const char *source, struct cel_program **program, struct diag *diag)
{
    struct cel_options options = {.variables = names,
                                  .variable_count = sizeof names / sizeof *names,
                                  .check = true,
                                  .counters = true};
    return cel_compile(&options, span_from_text(source), &arena, program, diag);
}

static struct cel_program *compiled(const char *source)
{
    struct cel_program *program;
    struct diag diag;
    if (compile(source, &program, &diag) != ERR_OK)
        fail_msg("%s: %d:%d: %s", source, diag.line, diag.column, diag.text);
    return program;
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        enum err error;
        int line, column;
        const char *part;
    } cases[] = {
        {"evnt.total > 3", ERR_INVALID, 1, 1, "unknown variable 'evnt'; known are event, profile, user.id"},
        {"event.total > limit", ERR_INVALID, 1, 15, "unknown variable 'limit'"},
        {"user.name == \"a\"", ERR_INVALID, 1, 1, "unknown variable 'user'"},
        {"event.total >\n  limit", ERR_INVALID, 2, 3, "unknown variable 'limit'"},
        {"\"é\" == limit", ERR_INVALID, 1, 8, "unknown variable 'limit'"},
        {"foo(event.x)", ERR_INVALID, 1, 1, "unknown function 'foo'"},
        {"event.x.foo()", ERR_INVALID, 1, 9, "unknown function 'foo'"},
        {"size(event.x, 1) > 2", ERR_INVALID, 1, 1, "size() does not take 2 arguments"},
        {"event.x.startsWith()", ERR_INVALID, 1, 9, "startsWith() does not take 0 arguments"},
        {"startsWith(event.x, \"a\")", ERR_INVALID, 1, 1,
         "startsWith() is called as a method: value.name(…)"},
        {"event.x.int()", ERR_INVALID, 1, 9, "int() is called as a function: name(value)"},
        {"1 + \"a\"", ERR_TYPE, 1, 3, "an int + a string makes no sense"},
        {"1 + 1.0", ERR_TYPE, 1, 3, "an int + a double makes no sense; convert with int(), double()"},
        {"event.x + true", ERR_TYPE, 1, 9, "a value + a bool makes no sense"},
        {"event.x == 1 || 1 == \"a\"", ERR_TYPE, 1, 19, "an int == a string makes no sense"},
        {"size(event.l) == \"3\"", ERR_TYPE, 1, 15, "an int == a string makes no sense"},
        {"event.a < event.b == \"x\"", ERR_TYPE, 1, 19, "a bool == a string"},
        {"\"a\" < 1", ERR_TYPE, 1, 5, "a string < an int makes no sense"},
        {"event.x < null", ERR_TYPE, 1, 9, "a value < null"},
        {"1 in 2", ERR_TYPE, 1, 3, "an int in an int"},
        {"!1", ERR_TYPE, 1, 1, "! does not take an int"},
        {"-\"a\"", ERR_TYPE, 1, 1, "- does not take a string"},
        {"event.x && 1", ERR_TYPE, 1, 12, "&& joins conditions, not an int"},
        {"\"a\" || event.x", ERR_TYPE, 1, 1, "|| joins conditions, not a string"},
        {"1 ? 2 : 3", ERR_TYPE, 1, 3, "what stands before ? is a condition, not an int"},
        {"1.a", ERR_TYPE, 1, 3, "only a map has members, not an int"},
        {"has(1.a)", ERR_TYPE, 1, 7, "only a map has members"},
        {"1[0]", ERR_TYPE, 1, 2, "only a list or a map has elements"},
        {"\"a\".exists(x, true)", ERR_TYPE, 1, 5, "a macro goes over a list or a map"},
        {"event.l.all(x, 1)", ERR_TYPE, 1, 16, "predicate is a condition, not an int"},
        {"event.x.contains(1)", ERR_TYPE, 1, 18, "contains() takes a string here, not an int"},
        {"timestamp(true)", ERR_TYPE, 1, 11, "timestamp() takes an int or a string or a timestamp here"},
        {"event.x.matches(\"(\")", ERR_INVALID, 1, 9, "the pattern is not an RE2 regular expression"},
        {"event.l.map(x, y)", ERR_INVALID, 1, 16, "unknown variable 'y'"},
        {"[1].map(x, x) == [1] && x == 1", ERR_INVALID, 1, 25, "unknown variable 'x'"},
        {"it.total > 1", ERR_INVALID, 1, 1, "unknown variable 'it'"},
        {"count(\"a\")", ERR_INVALID, 1, 1, "count() takes an event name, a window"},
        {"count(event.x, \"1d\") > 1", ERR_INVALID, 1, 13, "must be a string literal"},
        {"count(\"a\", event.w) > 1", ERR_INVALID, 1, 18, "the window of count() must be a string literal"},
        {"count(\"a\", \"1 day\") > 1", ERR_INVALID, 1, 12, "the window of count() must be"},
        {"count(\"a\", \"0s\") > 1", ERR_INVALID, 1, 12, "the window of count() must be"},
        {"count(\"a\", \"1d\", event.x == 1) > 1", ERR_INVALID, 1, 26,
         "in the predicate of count(): unknown"},
        {"count(\"a\", \"1d\", 5) > 1", ERR_TYPE, 1, 18, "the predicate of count() is an int"},
        {"count(\"a\", \"1d\", count(\"b\", \"1d\") > 1) > 1", ERR_INVALID, 1, 35,
         "unknown function 'count'"},
        {"count(\"a\", \"1d\") == \"x\"", ERR_TYPE, 1, 18, "an int == a string"},
        {"last() == now", ERR_INVALID, 1, 1, "last() takes an event name"},
        {"last(event.x) == now", ERR_INVALID, 1, 12, "must be a string literal"},
        {"event.total >= ", ERR_SYNTAX, 1, 16, "the expression ends here"},
        {"event.total ≥ 3", ERR_SYNTAX, 1, 13, "no meaning here"},
        {"\xff", ERR_SYNTAX, 0, 0, "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cel_program *program;
        struct diag diag = {0};
        enum err error = compile(cases[i].source, &program, &diag);
        if (error != cases[i].error || diag.line != cases[i].line || diag.column != cases[i].column ||
            strstr(diag.text, cases[i].part) == NULL)
            fail_msg("%s\n    expected %s %d:%d …%s…\n    got      %s %d:%d %s", cases[i].source,
                     err_sentence(cases[i].error), cases[i].line, cases[i].column, cases[i].part,
                     err_sentence(error), diag.line, diag.column, diag.text);
        assert_null(program);
    }
}

static void test_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        enum value_kind kind;
    } cases[] = {
        {"event.total >= 30.0 && event.currency == \"EUR\"", VALUE_BOOL},
        {"event.total", VALUE_KIND_COUNT},
        {"event.total + 1", VALUE_INT},
        {"event.a + event.b", VALUE_KIND_COUNT},
        {"1 == 1.0", VALUE_BOOL},
        {"event.x == null", VALUE_BOOL},
        {"last(\"visit\") == null || now - last(\"visit\") > duration(\"24h\")", VALUE_BOOL},
        {"count(\"purchase\", \"30d\", it.total > 50.0) >= 2", VALUE_BOOL},
        {"user.id", VALUE_KIND_COUNT},
        {"event.cart_id", VALUE_KIND_COUNT},
        {"string(event.n) + \"x\"", VALUE_STRING},
        {"event.tags.exists(t, t == \"sale\")", VALUE_BOOL},
        {"event.tags.map(t, t + \"!\")", VALUE_LIST},
        {"true ? 1 : \"a\"", VALUE_INT}, /* folded */
        {"event.x ? 1 : \"a\"", VALUE_KIND_COUNT},
        {"event.x ? 1 : 2", VALUE_INT},
        {"{\"a\": 1}", VALUE_MAP},
        {"now.getHours(profile.time_zone)", VALUE_INT},
        {"dyn(1) == \"a\"", VALUE_BOOL},
        {"-event.x", VALUE_KIND_COUNT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cel_program *program = compiled(cases[i].source);
        if (cel_result_kind(program) != cases[i].kind)
            fail_msg("%s: expected kind %d, got %d", cases[i].source, cases[i].kind,
                     cel_result_kind(program));
        cel_program_close(program);
    }
}

/* What is read, as text: names separated by spaces, "*" for all. */
static const char *reads(const struct cel_program *program, uint32_t slot)
{
    struct cel_reads reads = cel_reads_of(program, slot);
    struct span text = reads.all ? SPAN_LITERAL("*") : SPAN_LITERAL("");
    for (size_t i = 0; i < reads.count; i++)
        text = arena_printf(&arena, "%.*s%s%.*s", SPAN_PRINTF(text), text.size == 0 ? "" : " ",
                            SPAN_PRINTF(reads.names[i]));
    return arena_copy(&arena, text).data;
}

static void test_reads(void **state)
{
    (void)state;
    static const struct {
        const char *source, *event, *profile;
    } cases[] = {
        {"event.a == 1 && event.b.c == 2", "a b", ""},
        {"event[\"a\"] == event.a", "a", ""},
        {"has(event.a) && profile.city == \"Lyon\"", "a", "city"},
        {"event[profile.key] == 1", "*", "key"},
        {"event.exists(k, k == \"a\")", "*", ""},
        {"size(event) > 1 && event.a", "* a", ""},
        {"event == profile", "*", "*"},
        {"event.tags.all(t, t in profile.tags)", "tags", "tags"},
        {"[1].all(event, event.a == 1)", "", ""},
        {"[1].all(event, .event.a == 1)", "a", ""},
        {"{\"event\": 1}.event", "", ""},
        {"count(\"x\", \"1d\", it.a == 1) > 0", "", ""},
        {"true || event.a", "a", ""},
        {"event.a.b.c[event.i]", "a i", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cel_program *program = compiled(cases[i].source);
        const char *event = reads(program, EVENT), *profile = reads(program, PROFILE);
        if (strcmp(event, cases[i].event) != 0 || strcmp(profile, cases[i].profile) != 0)
            fail_msg("%s\n    expected event: %s, profile: %s\n    got      event: %s, profile: %s",
                     cases[i].source, cases[i].event, cases[i].profile, event, profile);
        assert_int_equal(cel_reads_variable(program, EVENT), cases[i].event[0] != '\0');
    }
}

static void test_counters(void **state)
{
    (void)state;
    struct cel_program *program = compiled(
        "count(\"a\", \"30d\") + count(\"a\", \"30d\", it.x>1) + count(\"a\", \"720h\") + count(\"b\", "
        "\"30d\", it.x  >  1 ) > 3 && last(\"a\") == last(\"c\") && last(\"a\") != null");
    size_t count;
    const struct cel_counter *counters = cel_counters(program, &count);
    assert_int_equal(count, 3); /* 720h is 30d: the same counter */
    assert_true(span_equal_text(counters[0].name, "a"));
    assert_int_equal(counters[0].window_ms, 30 * 86400000LL);
    assert_null(counters[0].predicate);
    assert_int_equal(counters[0].predicate_text.size, 0);
    assert_true(span_equal_text(counters[1].predicate_text, "it.x > 1"));
    assert_non_null(counters[1].predicate);
    assert_true(span_equal_text(counters[2].name, "b"));
    assert_true(span_equal_text(counters[2].predicate_text, "it.x > 1"));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(counters[i].index, i);
    const struct span *last = cel_last_names(program, &count);
    assert_int_equal(count, 2);
    assert_true(span_equal_text(last[0], "a"));
    assert_true(span_equal_text(last[1], "c"));
    cel_program_close(program);
}

static const char *test_text(const struct cel_test *test)
{
    static const char *const operators[] = {"==", "<", "<=", ">", ">=", "in"};
    struct span path = SPAN_LITERAL(""), literal;
    for (size_t i = 0; i < test->path_size; i++)
        path = arena_printf(&arena, "%.*s.%.*s", SPAN_PRINTF(path), SPAN_PRINTF(test->path[i]));
    if (!cel_print(test->literal, &arena, &literal))
        literal = test->literal.kind == VALUE_LIST ? arena_printf(&arena, "[%u]", test->literal.size)
                                                   : SPAN_LITERAL("null");
    return arena_printf(&arena, "%u%.*s %s %.*s", test->slot, SPAN_PRINTF(path), operators[test->operator_],
                        SPAN_PRINTF(literal))
        .data;
}

static void test_tests(void **state)
{
    (void)state;
    static const struct {
        const char *source, *tests;
        bool all;
    } cases[] = {
        {"event.total >= 30.0 && event.currency == \"EUR\"", "0.total >= 30, 0.currency == EUR", true},
        {"event.a == -1", "0.a == -1", true},
        {"3 < event.a", "0.a > 3", true},
        {"3 >= event.a && (event.b == 1 && 2 == event.c)", "0.a <= 3, 0.b == 1, 0.c == 2", true},
        {"event.a.b[\"c\"] == true", "0.a.b.c == true", true},
        {"event.flag && profile.n < 3u", "0.flag == true, 1.n < 3", true},
        {"event.a in [1, 2, 3]", "0.a in [3]", true},
        {"event.a == null", "0.a == null", true},
        {"event.at > timestamp(\"2026-01-01T00:00:00Z\")", "0.at > 2026-01-01T00:00:00Z", true},
        {"meta.name == \"x\"", "4.name == x", true},
        {"event.a == 1 && event.b != 2", "0.a == 1", false},
        {"event.a == 1 && event.b == event.c", "0.a == 1", false},
        {"event.a == 1 || event.b == 2", "", false},
        {"event.a == 1 && (event.b == 2 || event.c == 3)", "0.a == 1", false},
        {"event.a + 1 == 2", "", false},
        {"user.id == \"u\"", "", false},
        {"event.a == [1]", "", false},
        {"event.a in {\"x\": 1}", "", false},
        {"event.a in event.b", "", false},
        {"\"x\" in event.tags", "", false},
        {"!event.flag", "", false},
        {"has(event.a)", "", false},
        {"event.tags.exists(t, t == \"x\")", "", false},
        {"event[event.a] == 1", "", false},
        {"count(\"a\", \"1d\") >= 2 && event.a == 1", "0.a == 1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cel_program *program = compiled(cases[i].source);
        size_t count;
        bool all;
        const struct cel_test *tests = cel_tests(program, &count, &all);
        struct span text = SPAN_LITERAL("");
        for (size_t j = 0; j < count; j++)
            text = arena_printf(&arena, "%.*s%s%s", SPAN_PRINTF(text), j == 0 ? "" : ", ",
                                test_text(&tests[j]));
        if (!span_equal_text(text, cases[i].tests) || all != cases[i].all)
            fail_msg("%s\n    expected %s%s\n    got      %.*s%s", cases[i].source, cases[i].tests,
                     cases[i].all ? " (all)" : "", SPAN_PRINTF(text), all ? " (all)" : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tests, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
