#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/yaml_doc.h"

static struct arena arena;

static const struct yaml_node *parse(const char *text)
{
    const struct yaml_node *root;
    struct diag diag = {0};
    enum err error = yaml_parse(span_from_text(text), &arena, &root, &diag);
    if (error != ERR_OK)
        fail_msg("%s\ndoes not parse: %d:%d: %s", text, diag.line, diag.column, diag.text);
    return root;
}

static const struct yaml_node *member(const struct yaml_node *map, const char *key)
{
    const struct yaml_member *found = yaml_find(map, span_from_text(key));
    if (found == NULL)
        fail_msg("no member %s", key);
    return found->value;
}

static void scalars_resolve_by_the_core_schema(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum yaml_kind kind;
    } cases[] = {
        {"~", YAML_NULL},
        {"null", YAML_NULL},
        {"", YAML_NULL},
        {"true", YAML_BOOL},
        {"False", YAML_BOOL},
        {"yes", YAML_STRING},
        {"on", YAML_STRING},
        {"12", YAML_INT},
        {"-0", YAML_INT},
        {"0o17", YAML_INT},
        {"0xfF", YAML_INT},
        {"012", YAML_INT},
        {"1.", YAML_FLOAT},
        {"1e3", YAML_FLOAT},
        {".5", YAML_FLOAT},
        {"-.inf", YAML_FLOAT},
        {".nan", YAML_FLOAT},
        {"1_000", YAML_STRING},
        {"0b1", YAML_STRING},
        {"21:00", YAML_STRING},
        {".", YAML_STRING},
        {"1e", YAML_STRING},
        {"2026-12-01", YAML_STRING},
        {"'12'", YAML_STRING},
        {"!!str 12", YAML_STRING},
        {"!!float 3", YAML_FLOAT},
        {"99999999999999999999", YAML_FLOAT},
        {"[1]", YAML_LIST},
        {"{a: 1}", YAML_MAP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        snprintf(text, sizeof text, "k: %s", cases[i].text);
        const struct yaml_node *node = member(parse(text), "k");
        if (node->kind != cases[i].kind)
            fail_msg("`%s` is kind %d, expected %d", cases[i].text, node->kind, cases[i].kind);
    }
    assert_int_equal(member(parse("k: 0o17"), "k")->integer, 15);
    assert_int_equal(member(parse("k: 0xfF"), "k")->integer, 255);
    assert_int_equal(member(parse("k: 012"), "k")->integer, 12);
    assert_int_equal(member(parse("k: +7"), "k")->integer, 7);
}

static void what_would_surprise_is_an_error_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
        const char *message;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", 3, 1, "the key `a` is given twice (first at line 1)"},
        {"a: [1\n", 2, 1,
         "not YAML: did not find expected ',' or ']' (while parsing a flow sequence that starts at line "
         "1)"},
        {"a: 1\n--- \nb: 2\n", 2, 1, "a second document: one file holds one"},
        {"a: *b\n", 1, 4, "the alias names no anchor before it"},
        {"a: &x [*x]\n", 1, 8, "the alias stands within what it names"},
        {"? [a]\n: 1\n", 1, 3, "a key must be text"},
        {"a: {{ b }}\n", 1, 5, "a key must be text (a value that begins with {{ needs quotes)"},
        {"a: !!int x\n", 1, 4, "the tag tag:yaml.org,2002:int does not fit here"},
        {"\xC3\xA9: \xFF", 1, 4, "not UTF-8 (byte 0xFF)"},
        {"a: 1\n\xC3\xA9: \"\x01\"", 2, 5, "not YAML: control characters are not allowed"},
        {"a: b: c", 1, 5, "not YAML: mapping values are not allowed in this context"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct yaml_node *root;
        struct diag diag = {0};
        enum err error = yaml_parse(span_from_text(cases[i].text), &arena, &root, &diag);
        assert_int_not_equal(error, ERR_OK);
        if (diag.line != cases[i].line || diag.column != cases[i].column ||
            strcmp(diag.text, cases[i].message) != 0)
            fail_msg("%s\nexpected %d:%d: %s\ncame     %d:%d: %s", cases[i].text, cases[i].line,
                     cases[i].column, cases[i].message, diag.line, diag.column, diag.text);
    }
}

static void bombs_end_at_the_limit(void **state)
{
    (void)state;
    const struct yaml_node *root;
    struct diag diag;
    char aliases[4096] = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
    for (int i = 1; i < 9; i++) {
        size_t used = strlen(aliases);
        snprintf(aliases + used, sizeof aliases - used,
                 "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1,
                 i - 1, i - 1, i - 1, i - 1);
    }
    assert_int_equal(yaml_parse(span_from_text(aliases), &arena, &root, &diag), ERR_LIMIT);
    char deep[1000];
    memset(deep, '[', sizeof deep);
    assert_int_equal(yaml_parse(span_make(deep, sizeof deep), &arena, &root, &diag), ERR_LIMIT);
    assert_int_equal(diag.column, 65);
}

static void aliases_give_what_they_name(void **state)
{
    (void)state;
    const struct yaml_node *root = parse("a: &x {b: 1}\nc: *x\n");
    assert_ptr_equal(member(root, "a"), member(root, "c"));
}

/* The mark @ in the content, found again in the file: in `text` it is where the mark is. */
static void check_place(const char *text)
{
    const struct yaml_node *scalar = member(parse(text), "k");
    int line = 1, column = 1, wanted_line = 1, wanted_column = 1;
    const char *mark = memchr(scalar->text.data, '@', scalar->text.size);
    assert_non_null(mark);
    for (const char *at = scalar->text.data; at < mark; at++) {
        line += *at == '\n';
        column = *at == '\n' ? 1 : column + ((*at & 0xC0) != 0x80);
    }
    for (const char *at = text; *at != '@'; at++) {
        wanted_line += *at == '\n';
        wanted_column = *at == '\n' ? 1 : wanted_column + ((*at & 0xC0) != 0x80);
    }
    struct yaml_place place = yaml_content_place(span_from_text(text), scalar, line, column);
    if (place.line != wanted_line || place.column != wanted_column)
        fail_msg("%s\nthe mark is at %d:%d, found at %d:%d", text, wanted_line, wanted_column, place.line,
                 place.column);
}

static void a_place_in_the_content_is_found_in_the_file(void **state)
{
    (void)state;
    check_place("k: abc @ d");
    check_place("k: \xC3\xA9t\xC3\xA9 @");
    check_place("k: one\n   two\n   th@ree");
    check_place("k: one\n\n   two\n\n\n   th@ree");
    check_place("k: 'it''s ''@'");
    check_place("k: 'it''s\n  long\n\n  and @'");
    check_place("k: \"tab\\t x\\x41 u\\u00e9 U\\U0001F600 @\"");
    check_place("k: \"one \\\n    two \\\n    @\"");
    check_place("k: \"one\n    two  \n\n   @\"");
    check_place("k: \"one\\n two @\"");
    check_place("k: |\n  one\n  two @\n");
    check_place("k: |-  # comment\n\n\n    one\n      two @\n");
    check_place("k: |2\n     one\n  @\n");
    check_place("k: >\n  one\n  two\n  three @\n");
    check_place("k: >-\n  one\n  two\n\n\n  three\n    more\n    @\n  x\n");
    check_place("k: >\n\n  @one\n");
    check_place("j: 1\r\nk: |\r\n  one\r\n  two @\r\n");
    check_place("\xEF\xBB\xBFj: 1\nk: a @");
}

static void past_the_end_is_after_the_last_character(void **state)
{
    (void)state;
    const char *text = "k: \"ab\"";
    struct yaml_place place = yaml_content_place(span_from_text(text), member(parse(text), "k"), 1, 3);
    assert_int_equal(place.column, 7);
}

static void no_bytes_are_an_empty_document(void **state)
{
    (void)state;
    const struct yaml_node *root = NULL;
    struct diag diag = {0};
    assert_int_equal(yaml_parse((struct span){0}, &arena, &root, &diag), ERR_OK);
    assert_int_equal(root->kind, YAML_NULL);
}

int main(void)
{
    arena_init(&arena, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_resolve_by_the_core_schema),
        cmocka_unit_test(what_would_surprise_is_an_error_with_its_place),
        cmocka_unit_test(bombs_end_at_the_limit),
        cmocka_unit_test(aliases_give_what_they_name),
        cmocka_unit_test(a_place_in_the_content_is_found_in_the_file),
        cmocka_unit_test(past_the_end_is_after_the_last_character),
        cmocka_unit_test(no_bytes_are_an_empty_document),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(&arena);
    return failed;
}
