/* Programs that run: limits, the host, unbound variables, conditions, keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/cel/cel.h"

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

static enum err evaluate(const struct cel_options *options, struct span source,
                         const struct cel_activation *activation, struct value *value, struct diag *diag)
{
    struct cel_program *program;
    enum err error = cel_compile(options, source, &arena, &program, diag);
    if (error == ERR_OK)
        error = cel_eval(program, activation, &arena, value, diag);
    cel_program_close(program);
    return error;
}

static enum err evaluate_plain(struct span source, struct value *value, struct diag *diag)
{
    return evaluate(&(struct cel_options){0}, source, &(struct cel_activation){0}, value, diag);
}

/* `part` so often, with `first` before and `last` after. */
static struct span repeated(const char *first, const char *part, size_t times, const char *last)
{
    size_t size = strlen(first) + times * strlen(part) + strlen(last);
    char *text = arena_alloc(&arena, size + 1), *end = stpcpy(text, first);
    for (size_t i = 0; i < times; i++)
        end = stpcpy(end, part);
    stpcpy(end, last);
    return span_make(text, size);
}

static void test_long_chains_work(void **state)
{
    (void)state;
    static const struct {
        const char *first, *part;
        size_t times;
        const char *last;
        int64_t result;
    } cases[] = {
        {"1", "+1", 8000, "", 8001},
        {"1", "-1", 8000, "", -7999},
        {"", "--", 8000, "1", 1},
        {"size([1", ",1", 8000, "])", 8001},
        {"true", "&&true", 2000, "?1:2", 1},
        {"false", "||false", 2000, "?1:2", 2},
        {"!true", "==!true", 1500, "?1:2", 2},
        {"size([1]", "+[1]", 500, ")", 501},
        {"size([1]", ".map(x,x)", 1500, ")", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span source = repeated(cases[i].first, cases[i].part, cases[i].times, cases[i].last);
        struct value value;
        struct diag diag;
        if (evaluate_plain(source, &value, &diag) != ERR_OK)
            fail_msg("%zu times %s: %s", cases[i].times, cases[i].part, diag.text);
        assert_int_equal(value.kind, VALUE_INT);
        assert_int_equal(value.integer, cases[i].result);
    }
}

static void test_nesting(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
    } cases[] = {{"(", ")"}, {"[", "]"}, {"{1:", "}"}, {"size(", ")"}, {"[1][", "]"}, {"true?1:", ""}};
    struct value value;
    struct diag diag;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span deep = repeated("", cases[i].open, 200, "1");
        struct span source = arena_printf(&arena, "%.*s%.*s", SPAN_PRINTF(deep),
                                          SPAN_PRINTF(repeated("", cases[i].close, 200, "")));
        enum err error = evaluate_plain(source, &value, &diag);
        if (error == ERR_LIMIT || error == ERR_SYNTAX)
            fail_msg("200 deep %s: %s", cases[i].open, diag.text);
        deep = repeated("", cases[i].open, 2000, "1");
        assert_int_equal(evaluate_plain(deep, &value, &diag), ERR_LIMIT);
        assert_non_null(strstr(diag.text, "nested more than 250 deep"));
    }
    struct cel_options shallow = {.max_depth = 2};
    assert_int_equal(evaluate(&shallow, SPAN_LITERAL("(1)"), &(struct cel_activation){0}, &value, &diag),
                     ERR_OK);
    assert_int_equal(evaluate(&shallow, SPAN_LITERAL("((1))"), &(struct cel_activation){0}, &value, &diag),
                     ERR_LIMIT);
}

static void test_source_size(void **state)
{
    (void)state;
    struct value value;
    struct diag diag;
    assert_int_equal(evaluate_plain(repeated("1", " ", 16383, ""), &value, &diag), ERR_OK);
    assert_int_equal(evaluate_plain(repeated("1", " ", 16384, ""), &value, &diag), ERR_LIMIT);
    assert_non_null(strstr(diag.text, "longer than 16384 bytes"));
    struct cel_options larger = {.max_source_bytes = 20000};
    assert_int_equal(
        evaluate(&larger, repeated("1", " ", 16384, ""), &(struct cel_activation){0}, &value, &diag),
        ERR_OK);
}

/* Each would run for very long, or need very much memory. `l` is a list of 1,000, `s` a string of 4 KiB. */
static void test_step_budget(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "l.all(a, l.all(b, a + b >= 0))",
        "l.map(a, l.map(b, l.map(c, 1)))",
        "l.map(a, l)+l.map(a, l.map(b, s))",
        "l.exists(a, l.exists(b, l.exists(c, false)))",
        "l.filter(a, l.filter(b, true) == l)",
        "l.map(a, l + l + l + l)",
        "l.map(a, s + s + s + s + s + s + s)",
        "l.map(a, s.contains(\"needle\") || s.contains(\"pin\"))",
        "l.map(a, \"x\" in l)",
        "l.all(a, l == l)",
        "l.map(a, s.matches(s))",
        "l.map(a, s.matches(\"a*b\") || s.matches(\"b\"))",
        "l.map(a, size(s) + size(s))",
        "l.map(a, string(bytes(s)) == s)",
        "l.map(a, [s, s, s, s].map(x, x + s) == [])",
        "[0,1].all(a,[0,1].all(b,[0,1].all(c,[0,1].all(d,[0,1].all(e,[0,1].all(f,[0,1].all(g,[0,1].all(h,"
        "[0,1].all(i,[0,1].all(j,[0,1].all(k,[0,1].all(m,[0,1].all(n,[0,1].all(o,1/0))))))))))))))",
    };
    static const struct span names[] = {{"l", 1}, {"s", 1}};
    static struct value items[1000];
    static char text[4096];
    for (size_t i = 0; i < 1000; i++)
        items[i] = value_int((int64_t)i);
    memset(text, 'a', sizeof text);
    struct value variables[] = {value_list(items, 1000), value_string(span_make(text, sizeof text))};
    struct cel_options options = {.variables = names, .variable_count = 2};
    struct cel_activation activation = {.variables = variables};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct value value;
        struct diag diag = {0};
        size_t before = arena.used_bytes;
        enum err error = evaluate(&options, span_from_text(sources[i]), &activation, &value, &diag);
        if (error != ERR_LIMIT || strstr(diag.text, "more steps") == NULL)
            fail_msg("%s: expected the step limit, got %s %s", sources[i], err_sentence(error), diag.text);
        if (arena.used_bytes - before > (16u << 20))
            fail_msg("%s: took %zu bytes before the limit", sources[i], arena.used_bytes - before);
        arena_reset(&arena);
    }
}

/* The limit is no error that || could absorb, and it is exact. */
static void test_step_limit_is_not_absorbed(void **state)
{
    (void)state;
    static const struct span names[] = {{"l", 1}};
    static struct value items[100];
    for (size_t i = 0; i < 100; i++)
        items[i] = value_int((int64_t)i);
    struct value variables[] = {value_list(items, 100)};
    struct cel_options options = {.variables = names, .variable_count = 1};
    struct cel_activation activation = {.variables = variables, .max_steps = 100};
    struct value value;
    struct span source = SPAN_LITERAL("l.all(x, x >= 0) || true");
    assert_int_equal(evaluate(&options, source, &activation, &value, NULL), ERR_LIMIT);
    activation.max_steps = 1000;
    assert_int_equal(evaluate(&options, source, &activation, &value, NULL), ERR_OK);
    /* one constant, one return */
    activation.max_steps = 2;
    assert_int_equal(evaluate(&options, SPAN_LITERAL("7"), &activation, &value, NULL), ERR_OK);
    activation.max_steps = 1;
    assert_int_equal(evaluate(&options, SPAN_LITERAL("7"), &activation, &value, NULL), ERR_LIMIT);
}

static void test_unbound(void **state)
{
    (void)state;
    static const struct span names[] = {{"event", 5}, {"trigger", 7}};
    struct value_member members[] = {{value_string(SPAN_LITERAL("x")), value_int(1)}};
    struct value variables[] = {value_map(members, 1), {0}};
    struct cel_options options = {.variables = names, .variable_count = 2, .check = true};
    struct cel_activation activation = {.variables = variables, .unbound = 1u << 1};
    struct value value;
    struct diag diag = {0};
    assert_int_equal(evaluate(&options, SPAN_LITERAL("event.x"), &activation, &value, &diag), ERR_OK);
    assert_int_equal(evaluate(&options, SPAN_LITERAL("trigger"), &activation, &value, &diag), ERR_NO_VALUE);
    assert_string_equal(diag.text, "the variable 'trigger' has no value here");
    assert_int_equal(evaluate(&options, SPAN_LITERAL("1 + trigger.x"), &activation, &value, &diag),
                     ERR_NO_VALUE);
    assert_string_equal(diag.text, "the variable 'trigger' has no value here");
    assert_int_equal(diag.column, 13);
    assert_int_equal(evaluate(&options, SPAN_LITERAL("has(trigger.x)"), &activation, &value, &diag),
                     ERR_NO_VALUE);
    assert_int_equal(
        evaluate(&options, SPAN_LITERAL("trigger.x == 1 || event.x == 1"), &activation, &value, &diag),
        ERR_OK);
    assert_true(value.boolean);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        enum err error;
    } cases[] = {
        {"{}.a", ERR_NO_VALUE},
        {"{}[1]", ERR_NO_VALUE},
        {"x", ERR_NO_VALUE},
        {"1 + \"a\"", ERR_TYPE},
        {"1 / 0", ERR_DIVIDE_BY_ZERO},
        {"1 % 0", ERR_DIVIDE_BY_ZERO},
        {"9223372036854775807 + 1", ERR_OVERFLOW},
        {"int(1e30)", ERR_OVERFLOW},
        {"int(\"a\")", ERR_INVALID},
        {"[1][1]", ERR_INVALID},
        {"f()", ERR_TYPE},
        {"timestamp(0).getHours(\"x\")", ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value value = value_int(1);
        enum err error = evaluate_plain(span_from_text(cases[i].source), &value, NULL);
        if (error != cases[i].error)
            fail_msg("%s: expected %s, got %s", cases[i].source, err_sentence(cases[i].error),
                     err_sentence(error));
        assert_int_equal(value.kind, VALUE_NULL);
    }
}

static bool condition(const char *source, enum err *error)
{
    struct cel_program *program;
    assert_int_equal(cel_compile(&(struct cel_options){0}, span_from_text(source), &arena, &program, NULL),
                     ERR_OK);
    bool result = cel_eval_condition(program, &(struct cel_activation){0}, &arena, error);
    cel_program_close(program);
    return result;
}

static void test_condition(void **state)
{
    (void)state;
    enum err error;
    assert_true(condition("true", &error));
    assert_int_equal(error, ERR_OK);
    assert_false(condition("false", &error));
    assert_int_equal(error, ERR_OK);
    assert_false(condition("1", &error));
    assert_int_equal(error, ERR_TYPE);
    assert_false(condition("null", &error));
    assert_int_equal(error, ERR_TYPE);
    assert_false(condition("1 / 0 == 1", &error));
    assert_int_equal(error, ERR_DIVIDE_BY_ZERO);
    assert_false(condition("x", NULL));
}

/* ---- the host ---- */

struct history {
    int64_t counts[3];
    int64_t now_ms;
    int asked;
};

static enum err history_count(void *self, const struct cel_counter *counter, int64_t now_ms, int64_t *count)
{
    struct history *history = self;
    history->now_ms = now_ms;
    history->asked += 1;
    if (span_equal_text(counter->name, "broken"))
        return ERR_CORRUPT;
    *count = history->counts[counter->index];
    return ERR_OK;
}

static enum err history_last(void *self, struct span name, struct value *timestamp)
{
    (void)self;
    *timestamp = span_equal_text(name, "visit") ? value_timestamp_from_ms(1000) : value_null();
    return ERR_OK;
}

static enum err with_history(const char *source, struct history *history, struct value *value)
{
    struct cel_options options = {.check = true, .counters = true};
    struct cel_host host = {history, history_count, history_last};
    struct cel_activation activation = {.host = history == NULL ? NULL : &host, .now_ms = 77};
    return evaluate(&options, span_from_text(source), &activation, value, NULL);
}

static void test_host(void **state)
{
    (void)state;
    struct history history = {.counts = {3, 5, 0}};
    struct value value;
    assert_int_equal(with_history("count(\"a\", \"1d\") * 10 + count(\"b\", \"1d\")", &history, &value),
                     ERR_OK);
    assert_int_equal(value.integer, 35);
    assert_int_equal(history.now_ms, 77);
    assert_int_equal(with_history("last(\"visit\") == timestamp(1)", &history, &value), ERR_OK);
    assert_true(value.boolean);
    assert_int_equal(with_history("last(\"never\") == null", &history, &value), ERR_OK);
    assert_true(value.boolean);
    assert_int_equal(with_history("count(\"broken\", \"1d\") > 1", &history, &value), ERR_CORRUPT);
    assert_int_equal(with_history("count(\"broken\", \"1d\") > 1 || true", &history, &value), ERR_OK);
    history.asked = 0;
    assert_int_equal(with_history("false && count(\"a\", \"1d\") > 1", &history, &value), ERR_OK);
    assert_int_equal(history.asked, 0);
    assert_int_equal(with_history("count(\"a\", \"1d\") > 1", NULL, &value), ERR_NO_VALUE);
    assert_int_equal(with_history("last(\"a\")", NULL, &value), ERR_NO_VALUE);
}

static void test_predicate_runs_alone(void **state)
{
    (void)state;
    struct cel_options options = {.counters = true};
    struct cel_program *program;
    assert_int_equal(
        cel_compile(&options, SPAN_LITERAL("count(\"a\", \"1d\", it.total > 50.0 && it.n.matches(\"^x\"))"),
                    &arena, &program, NULL),
        ERR_OK);
    size_t count;
    const struct cel_counter *counter = cel_counters(program, &count);
    struct value_member members[] = {{value_string(SPAN_LITERAL("total")), value_int(51)},
                                     {value_string(SPAN_LITERAL("n")), value_string(SPAN_LITERAL("xy"))}};
    struct value it = value_map(members, 2);
    struct cel_activation activation = {.variables = &it};
    assert_true(cel_eval_condition(counter->predicate, &activation, &arena, NULL));
    members[0].value = value_int(50);
    assert_false(cel_eval_condition(counter->predicate, &activation, &arena, NULL));
    cel_program_close(program);
}

/* ---- keys ---- */

static void test_print(void **state)
{
    (void)state;
    static const char *const texts[] = {"42",   "1.5", "-3", "7", "c42", "true", "2026-12-01T00:00:00Z",
                                        "1e+06"};
    struct value values[] = {value_double(42),
                             value_double(1.5),
                             value_int(-3),
                             value_uint(7),
                             value_string(SPAN_LITERAL("c42")),
                             value_bool(true),
                             value_timestamp_from_ms(1796083200000),
                             value_double(1e6)};
    struct span text;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_true(cel_print(values[i], &arena, &text));
        if (!span_equal_text(text, texts[i]))
            fail_msg("expected %s, got %.*s", texts[i], SPAN_PRINTF(text));
    }
    struct value none[] = {value_null(),
                           value_list(NULL, 0),
                           value_map(NULL, 0),
                           {.kind = VALUE_TYPE, .bytes = "int", .size = 3},
                           {.kind = VALUE_BYTES, .bytes = "\xff", .size = 1}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(cel_print(none[i], &arena, &text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_long_chains_work, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nesting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_source_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_step_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_step_limit_is_not_absorbed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unbound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_condition, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host, setup, teardown),
        cmocka_unit_test_setup_teardown(test_predicate_runs_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_print, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
