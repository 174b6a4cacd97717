/* Differences line by line. */
#include "check.h"

#include "cli/line_diff.h"

static void expect(const char *a, const char *b, size_t context, const char *expected)
{
    struct arena arena;
    struct buf out = {0};
    arena_init(&arena, 0);
    line_diff(span_from_text(a), span_from_text(b), context, &arena, &out);
    buf_append_byte(&out, '\0');
    assert_string_equal(out.data, expected);
    buf_free(&out);
    arena_destroy(&arena);
}

static void lines_differ(void **unused)
{
    (void)unused;
    expect("", "", 3, "");
    expect("a\nb\n", "a\nb\n", 3, "");
    expect("", "a\n", 3, "+a\n");
    expect("a\n", "", 3, "-a\n");
    expect("a\nb\nc\n", "a\nx\nc\n", 1, " a\n-b\n+x\n c\n");
    expect("a\nb", "b\nc", 0, "-a\n...\n+c\n");
    expect("1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\n4\n5\n6\n8\n", 1, "...\n 6\n-7\n+8\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_differ)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
