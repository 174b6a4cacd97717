/* `declic eval`'s lines: values both ways, and an answer to whatever comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/lines.h"
#include "codec/eval_json.h"

static void check_line(struct span line, const char *expected)
{
    struct arena arena;
    struct buf answer = {0};
    arena_init(&arena, 0);
    eval_json_line(line, NULL, &arena, &answer);
    struct span got = buf_span(&answer);
    size_t newlines = 0;
    for (size_t i = 0; i < got.size; i++)
        newlines += got.data[i] == '\n';
    bool good = newlines == 1 && got.data[got.size - 1] == '\n';
    if (expected[0] == '{')
        good = good && span_equal(span_slice(got, 0, got.size - 1), span_from_text(expected));
    else
        good = good && span_starts_with(got, SPAN_LITERAL("{\"error\":\"")) &&
               memmem(got.data, got.size, expected, strlen(expected)) != NULL;
    if (!good)
        fail_msg("%.*s\n    expected %s\n    got      %.*s", SPAN_PRINTF(line), expected, SPAN_PRINTF(got));
    buf_free(&answer);
    arena_destroy(&arena);
}

/* A value that goes in as `x` comes out the same, or is refused with a message that has `expected` in it.
 */
static void check_value(const char *json, const char *expected)
{
    char line[1024], answer[1024];
    snprintf(line, sizeof line, "{\"expr\":\"x\",\"vars\":{\"x\":%s}}", json);
    snprintf(answer, sizeof answer, "{\"value\":%s}", json);
    check_line(span_from_text(line), expected == NULL ? answer : expected);
}

static void test_values_come_back(void **state)
{
    (void)state;
    static const char *const values[] = {
        "null",
        "true",
        "0",
        "-9223372036854775808",
        "9223372036854775807",
        "1.0",
        "-0.0",
        "1e+300",
        "\"\"",
        "\"é\\n\\\"\"",
        "[]",
        "[1,[2,{}],\"x\"]",
        "{}",
        "{\"a\":1,\"b\":{\"c\":[null]}}",
        "{\"\":1}",
        "{\"$other\":1}",
        "{\"$double\":\"NaN\"}",
        "{\"$double\":\"Infinity\"}",
        "{\"$double\":\"-Infinity\"}",
        "{\"$uint\":0}",
        "{\"$uint\":18446744073709551615}",
        "{\"$bytes\":\"\"}",
        "{\"$bytes\":\"AA==\"}",
        "{\"$bytes\":\"/+8=\"}",
        "{\"$bytes\":\"aGVs\"}",
        "{\"$timestamp\":\"2026-12-01T08:30:15Z\"}",
        "{\"$timestamp\":\"2026-12-01T08:30:15.123456789Z\"}",
        "{\"$timestamp\":\"0001-01-01T00:00:00Z\"}",
        "{\"$timestamp\":\"9999-12-31T23:59:59.999999999Z\"}",
        "{\"$timestamp\":\"1969-12-31T23:59:59.5Z\"}",
        "{\"$duration\":\"0s\"}",
        "{\"$duration\":\"-3.5s\"}",
        "{\"$duration\":\"-0.5s\"}",
        "{\"$duration\":\"0.000000001s\"}",
        "{\"$duration\":\"9223372036.854775807s\"}",
        "{\"$duration\":\"-9223372036.854775808s\"}",
        "{\"$type\":\"int\"}",
        "{\"$type\":\"null_type\"}",
        "{\"$type\":\"google.protobuf.Duration\"}",
        "{\"$map\":[[1,\"one\"],[{\"$uint\":2},[]],[true,null],[\"k\",{\"$uint\":1}]]}",
        "[{\"$uint\":1},{\"a\":{\"$bytes\":\"AA==\"}}]",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        check_value(values[i], NULL);
}

static void test_other_forms_of_values(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"1e2", "{\"value\":100.0}"},
        {"-0", "{\"value\":0}"},
        {"{\"$timestamp\":\"2026-12-01T08:30:15.000Z\"}",
         "{\"value\":{\"$timestamp\":\"2026-12-01T08:30:15Z\"}}"},
        {"{\"$timestamp\":\"2026-12-01T08:30:15.10Z\"}",
         "{\"value\":{\"$timestamp\":\"2026-12-01T08:30:15.1Z\"}}"},
        {"{\"$duration\":\"-0s\"}", "{\"value\":{\"$duration\":\"0s\"}}"},
        {"{\"$duration\":\"007.50s\"}", "{\"value\":{\"$duration\":\"7.5s\"}}"},
        {"{\"$map\":[[\"a\",1]]}", "{\"value\":{\"a\":1}}"},
        {"{\"$map\":[]}", "{\"value\":{}}"},
        {"{\"a\":1,\"a\":2}", "{\"value\":{\"a\":2}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_value(cases[i].in, cases[i].out);
}

static void test_malformed_values(void **state)
{
    (void)state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"9223372036854775808", "beyond the largest int"},
        {"18446744073709551616", "does not fit"},
        {"-9223372036854775809", "does not fit"},
        {"1e400", "does not fit"},
        {"[9223372036854775808]", "beyond the largest int"},
        {"{\"$double\":1.5}", "$double takes"},
        {"{\"$double\":\"nan\"}", "$double takes"},
        {"{\"$double\":\"+Infinity\"}", "$double takes"},
        {"{\"$uint\":-1}", "$uint takes"},
        {"{\"$uint\":1.0}", "$uint takes"},
        {"{\"$uint\":\"1\"}", "$uint takes"},
        {"{\"$uint\":18446744073709551616}", "does not fit"},
        {"{\"$uint\":1,\"x\":2}", "has no other members"},
        {"{\"x\":2,\"$uint\":1}", "has no other members"},
        {"{\"$bytes\":\"A\"}", "$bytes takes"},
        {"{\"$bytes\":\"AA\"}", "$bytes takes"},
        {"{\"$bytes\":\"AA=\"}", "$bytes takes"},
        {"{\"$bytes\":\"A===\"}", "$bytes takes"},
        {"{\"$bytes\":\"AB==\"}", "$bytes takes"},
        {"{\"$bytes\":\"A-_=\"}", "$bytes takes"},
        {"{\"$bytes\":\"AA==AA==\"}", "$bytes takes"},
        {"{\"$bytes\":5}", "$bytes takes"},
        {"{\"$timestamp\":\"2026-12-01\"}", "$timestamp takes"},
        {"{\"$timestamp\":\"2026-12-01T08:30:15\"}", "$timestamp takes"},
        {"{\"$timestamp\":\"2026-12-01T08:30:15+00:00\"}", "$timestamp takes"},
        {"{\"$timestamp\":\"2026-12-01t08:30:15z\"}", "$timestamp takes"},
        {"{\"$timestamp\":\"2026-12-01T08:30:15.1234567890Z\"}", "$timestamp takes"},
        {"{\"$timestamp\":\"2026-02-29T08:30:15Z\"}", "$timestamp takes"},
        {"{\"$timestamp\":\"0000-12-31T23:59:59Z\"}", "$timestamp takes"},
        {"{\"$timestamp\":0}", "$timestamp takes"},
        {"{\"$duration\":\"1\"}", "$duration takes"},
        {"{\"$duration\":\"s\"}", "$duration takes"},
        {"{\"$duration\":\"-s\"}", "$duration takes"},
        {"{\"$duration\":\"+1s\"}", "$duration takes"},
        {"{\"$duration\":\"1.s\"}", "$duration takes"},
        {"{\"$duration\":\".5s\"}", "$duration takes"},
        {"{\"$duration\":\"1m\"}", "$duration takes"},
        {"{\"$duration\":\"1ms\"}", "$duration takes"},
        {"{\"$duration\":\"0.0000000001s\"}", "$duration takes"},
        {"{\"$duration\":\"9223372036.854775808s\"}", "$duration takes"},
        {"{\"$duration\":\"99999999999999999999999999999999999999999999s\"}", "$duration takes"},
        {"{\"$type\":\"integer\"}", "$type takes"},
        {"{\"$type\":1}", "$type takes"},
        {"{\"$map\":{}}", "$map takes"},
        {"{\"$map\":[1]}", "$map takes"},
        {"{\"$map\":[[1]]}", "$map takes"},
        {"{\"$map\":[[1,2,3]]}", "$map takes"},
        {"{\"$map\":[[1.5,2]]}", "a key in $map is"},
        {"{\"$map\":[[null,2]]}", "a key in $map is"},
        {"{\"$map\":[[1,2],[1,3]]}", "repeated key"},
        {"{\"$map\":[[1,2],[{\"$uint\":1},3]]}", "repeated key"},
        {"{\"a\":{\"$uint\":\"x\"}}", "$uint takes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_value(cases[i].json, cases[i].message);
}

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"{\"expr\":\"1 + 1\"}", "{\"value\":2}"},
        {"  {\"expr\":\"1 + 1\",\"vars\":{}}\r", "{\"value\":2}"},
        {"{\"expr\":\"1 + 1\",\"vars\":null,\"id\":7}", "{\"value\":2}"},
        {"{\"expr\":\"a.b + x\",\"vars\":{\"a.b\":1,\"x\":2,\"unused\":[]}}", "{\"value\":3}"},
        {"{\"expr\":\"x || true\"}", "{\"value\":true}"},
        {"{\"expr\":\"1 == \\\"a\\\"\"}", "{\"value\":false}"},
        {"{\"expr\":\"'a\\nb'\"}", "not closed"},
        {"{\"expr\":\"1 +\"}", "\"1:4: expected a value"},
        {"{\"expr\":\"1 / 0\"}", "\"1:3: division by zero"},
        {"{\"expr\":\"\"}", "expected a value"},
        {"", "not JSON"},
        {" ", "not JSON"},
        {"{", "not JSON"},
        {"nonsense", "not JSON"},
        {"{\"expr\":\"1\"} {\"expr\":\"2\"}", "not JSON"},
        {"{\"expr\":\"\xff\"}", "not JSON"},
        {"[]", "must be an object with a string"},
        {"null", "must be an object with a string"},
        {"{}", "must be an object with a string"},
        {"{\"expr\":1}", "must be an object with a string"},
        {"{\"vars\":{}}", "must be an object with a string"},
        {"{\"expr\":\"1\",\"vars\":[]}", "\\\"vars\\\" must be an object"},
        {"{\"expr\":\"1\",\"vars\":5}", "\\\"vars\\\" must be an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_line(span_from_text(cases[i].line), cases[i].expected);
    check_line(SPAN_LITERAL("{\"expr\":\"1\"\0}"), "not JSON");
}

/* ---- lines_run ---- */

static void echo(void *self, struct span line, struct arena *arena, struct buf *out)
{
    (void)self;
    (void)arena;
    buf_printf(out, "<%.*s>\n", SPAN_PRINTF(line));
}

static void run_lines(const char *input, size_t input_size, struct buf *output)
{
    char path_in[] = "/tmp/declic-lines-XXXXXX", path_out[] = "/tmp/declic-lines-XXXXXX";
    int in = mkstemp(path_in), out = mkstemp(path_out);
    unlink(path_in);
    unlink(path_out);
    assert_int_equal(write(in, input, input_size), (ssize_t)input_size);
    lseek(in, 0, SEEK_SET);
    assert_int_equal(lines_run(in, out, echo, NULL), ERR_OK);
    off_t size = lseek(out, 0, SEEK_END);
    lseek(out, 0, SEEK_SET);
    assert_int_equal(read(out, buf_reserve(output, (size_t)size), (size_t)size), size);
    output->size = (size_t)size;
    close(in);
    close(out);
}

static void test_lines_run(void **state)
{
    (void)state;
    static const struct {
        const char *input, *output;
    } cases[] = {
        {"", ""},
        {"\n", "<>\n"},
        {"a\n", "<a>\n"},
        {"a", "<a>\n"},
        {"a\n\nb", "<a>\n<>\n<b>\n"},
        {"\n\n", "<>\n<>\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf output = {0};
        run_lines(cases[i].input, strlen(cases[i].input), &output);
        if (!span_equal_text(buf_span(&output), cases[i].output))
            fail_msg("expected %s, got %.*s", cases[i].output, SPAN_PRINTF(buf_span(&output)));
        buf_free(&output);
    }
}

/* Lines longer than what is read at once, and many of them. */
static void test_long_lines_run(void **state)
{
    (void)state;
    struct buf input = {0}, output = {0}, expected = {0};
    for (int i = 0; i < 40; i++) {
        size_t size = (size_t)(i % 5) * 60000;
        char *line = buf_reserve(&input, size + 1);
        memset(line, 'a' + i % 26, size);
        line[size] = '\n';
        input.size += size + 1;
        buf_append_byte(&expected, '<');
        buf_append(&expected, span_make(line, size));
        buf_append_text(&expected, ">\n");
    }
    run_lines(input.data, input.size, &output);
    assert_true(span_equal(buf_span(&output), buf_span(&expected)));
    buf_free(&input);
    buf_free(&output);
    buf_free(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_come_back), cmocka_unit_test(test_other_forms_of_values),
        cmocka_unit_test(test_malformed_values), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_lines_run),        cmocka_unit_test(test_long_lines_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
