/* Runs the examples of docs/messages.md, and checks that no tag and no filter lacks one. */
#include "liquid_harness.h"

#include "core/liquid/filters.h"

struct manual {
    struct buf text;
    size_t at;
    int line;
};

/* A fenced block: its language and its inside, without the last line end. */
struct block {
    struct span language;
    struct span inside;
    int line;
};

static void read_manual(struct buf *text)
{
    FILE *file = fopen(DECLIC_SOURCE_DIR "/docs/messages.md", "rb");
    assert_non_null(file);
    size_t got;
    while ((got = fread(buf_reserve(text, 4096), 1, 4096, file)) != 0)
        text->size += got;
    fclose(file);
}

static bool next_line(struct manual *manual, struct span *line)
{
    if (manual->at >= manual->text.size)
        return false;
    const char *from = manual->text.data + manual->at;
    const char *end = memchr(from, '\n', manual->text.size - manual->at);
    assert_non_null(end);
    *line = span_make(from, (size_t)(end - from));
    manual->at += line->size + 1;
    manual->line++;
    return true;
}

static bool next_block(struct manual *manual, struct block *block)
{
    struct span line;
    while (next_line(manual, &line)) {
        if (!span_starts_with(line, SPAN_LITERAL("```")))
            continue;
        block->language = span_slice(line, 3, line.size);
        block->line = manual->line + 1;
        const char *from = manual->text.data + manual->at;
        const char *end = from;
        while (next_line(manual, &line) && !span_equal_text(line, "```"))
            end = line.data + line.size;
        block->inside = span_make(from, (size_t)(end - from));
        return true;
    }
    return false;
}

static void run_example(struct liquid_test *test, struct block example, struct block expected)
{
    struct span output;
    bool wants_error = span_equal_text(expected.language, "error");
    if (!wants_error && !span_equal_text(expected.language, "text"))
        fail_msg("docs/messages.md:%d: an example needs a block with its text or error", example.line);
    enum err error = liquid_test_run(test, example.inside, &output);
    if (wants_error) {
        if (error == ERR_OK || !span_equal_text(expected.inside, test->diag.text))
            fail_msg("docs/messages.md:%d: expected the error '%.*s', got '%s' '%.*s'", example.line,
                     SPAN_PRINTF(expected.inside), error == ERR_OK ? "" : test->diag.text,
                     SPAN_PRINTF(output));
        return;
    }
    if (error != ERR_OK)
        fail_msg("docs/messages.md:%d: error '%s'", example.line, test->diag.text);
    while (output.size > 0 && (output.data[output.size - 1] == '\n' || output.data[output.size - 1] == ' '))
        output.size--;
    if (!span_equal(output, expected.inside))
        fail_msg("docs/messages.md:%d: expected '%.*s', got '%.*s'", example.line,
                 SPAN_PRINTF(expected.inside), SPAN_PRINTF(output));
}

static void every_example_does_what_it_says(void **state)
{
    static const struct liquid_snippet snippets[] = {{{"button", 6}, {"[{{ label }}{{ button }}]", 25}}};
    struct liquid_test *test = *state;
    struct manual manual = {0};
    struct block block;
    int examples = 0;
    read_manual(&manual.text);
    liquid_test_reset(test);
    test->options = (struct liquid_options){.snippets = snippets, .snippet_count = 1};
    liquid_test_zone(test, "Europe/Paris");
    while (next_block(&manual, &block)) {
        if (span_equal_text(block.language, "json")) {
            char *json = strndup(block.inside.data, block.inside.size);
            liquid_test_vars(test, json);
            free(json);
        }
        if (!span_equal_text(block.language, "liquid"))
            continue;
        struct block expected;
        assert_true(next_block(&manual, &expected));
        run_example(test, block, expected);
        examples++;
    }
    assert_true(examples > 80);
    buf_free(&manual.text);
}

static void require_heading(const struct buf *text, const char *heading)
{
    if (memmem(text->data, text->size, heading, strlen(heading)) == NULL)
        fail_msg("docs/messages.md lacks the heading %s", heading);
}

static void every_tag_and_filter_is_described(void **state)
{
    static const char *const filters[] = {
#define FILTER(name, least, most) "\n### `" #name "`\n",
#include "core/liquid/filters.def"
#undef FILTER
    };
    static const char *const tags[] = {"#",       "abort",  "assign",   "break",     "capture",   "case",
                                       "comment", "cycle",  "continue", "decrement", "doc",       "echo",
                                       "for",     "if",     "include",  "ifchanged", "increment", "liquid",
                                       "raw",     "render", "tablerow", "unless"};
    (void)state;
    struct buf text = {0};
    read_manual(&text);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        require_heading(&text, filters[i]);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        char heading[64];
        snprintf(heading, sizeof heading, "\n### `{%% %s %%}`\n", tags[i]);
        require_heading(&text, heading);
    }
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_does_what_it_says),
        cmocka_unit_test(every_tag_and_filter_is_described),
    };
    return cmocka_run_group_tests(tests, liquid_test_open, liquid_test_close);
}
