/* The examples of docs/expressions.md: what they give is so, and no function is without one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cel_table.h"
#include "codec/eval_json.h"
#include "codec/json.h"
#include "core/cel/program.h"
#include "icu/icu_locale.h"

struct manual {
    struct span text;
    int line;
    struct span vars;    /* of the ```json block */
    struct buf examples; /* every line of a ```cel block */
    int checked, evaluated;
    struct locale_port locale;
};

static struct manual manual;

static bool contains(struct span text, struct span part)
{
    return part.size == 0 || memmem(text.data, text.size, part.data, part.size) != NULL;
}

/* A line without a result is one that the checker of campaigns takes. */
static void check_compiles(struct span expression)
{
    static const struct span names[] = {{"event", 5},  {"trigger", 7}, {"profile", 7}, {"user.id", 7},
                                        {"follow", 6}, {"meta", 4},    {"now", 3}};
    struct cel_options options = {.variables = names, .variable_count = 7, .check = true, .counters = true};
    struct cel_program *program;
    struct diag diag;
    struct arena arena;
    arena_init(&arena, 0);
    if (cel_compile(&options, expression, &arena, &program, &diag) != ERR_OK)
        fail_msg("docs/expressions.md:%d: %s", manual.line, diag.text);
    cel_program_close(program);
    arena_destroy(&arena);
    manual.checked += 1;
}

static void check_result(const struct cel_case *example)
{
    struct arena arena;
    struct buf request = {0}, answer = {0};
    arena_init(&arena, 0);
    buf_append_text(&request, "{\"expr\":");
    json_write_string(&request, example->expression);
    buf_append_text(&request, ",\"vars\":");
    buf_append(&request, manual.vars);
    buf_append_text(&request, "}");
    eval_json_line(buf_span(&request), &manual.locale, &arena, &answer);
    struct span expected = example->expected, error = SPAN_LITERAL("error ");
    bool good = span_starts_with(expected, error)
                    ? span_starts_with(buf_span(&answer), SPAN_LITERAL("{\"error\":")) &&
                          contains(buf_span(&answer), span_slice(expected, error.size, expected.size))
                    : span_equal(arena_printf(&arena, "{\"value\":%.*s}\n", SPAN_PRINTF(expected)),
                                 buf_span(&answer));
    if (!good)
        fail_msg("docs/expressions.md:%d: %.*s\n    expected %.*s\n    got      %.*s", manual.line,
                 SPAN_PRINTF(example->expression), SPAN_PRINTF(expected), SPAN_PRINTF(buf_span(&answer)));
    buf_free(&request);
    buf_free(&answer);
    arena_destroy(&arena);
    manual.evaluated += 1;
}

static bool next_line(struct span *line)
{
    if (manual.text.size == 0)
        return false;
    const char *end = memchr(manual.text.data, '\n', manual.text.size);
    *line = span_slice(manual.text, 0, end == NULL ? manual.text.size : (size_t)(end - manual.text.data));
    manual.text = span_slice(manual.text, line->size + (end != NULL), manual.text.size);
    manual.line += 1;
    return true;
}

static void read_block(struct span fence)
{
    struct span line, start = manual.text;
    bool is_cel = span_equal_text(fence, "```cel");
    while (next_line(&line) && !span_equal_text(line, "```")) {
        struct cel_case example = {0};
        if (!is_cel)
            continue;
        buf_append(&manual.examples, line);
        buf_append_byte(&manual.examples, '\n');
        if (cel_table_split(line, &example))
            check_result(&example);
        else
            check_compiles(line);
    }
    if (span_equal_text(fence, "```json"))
        manual.vars = span_make(start.data, (size_t)(line.data - start.data));
}

static void test_examples(void **state)
{
    (void)state;
    assert_int_equal(icu_locale_open(&manual.locale), ERR_OK);
    manual.text = cel_table_read_file(DECLIC_SOURCE_DIR "/docs/expressions.md");
    struct span line;
    while (next_line(&line))
        if (span_starts_with(line, SPAN_LITERAL("```")))
            read_block(line);
    icu_locale_close(&manual.locale);
    assert_true(manual.evaluated > 90);
    assert_true(manual.checked >= 4);
}

/* Needs test_examples before it. */
static void test_every_function_has_an_example(void **state)
{
    (void)state;
    struct span examples = buf_span(&manual.examples);
    char call[64];
    for (size_t i = 0; i < cel_function_count; i++) {
        snprintf(call, sizeof call, "%s%s(", cel_functions[i].receiver ? "." : "", cel_functions[i].name);
        if (!contains(examples, span_from_text(call)))
            fail_msg("docs/expressions.md has no example with %s…)", call);
    }
    static const char *const others[] = {"has(",     ".all(", ".exists(", ".exists_one(", ".existsOne(",
                                         ".filter(", ".map(", "count(",   "last("};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!contains(examples, span_from_text(others[i])))
            fail_msg("docs/expressions.md has no example with %s…)", others[i]);
    buf_free(&manual.examples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_every_function_has_an_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
