#include "liquid_harness.h"

#define SNIPPET(name, text)       \
    {                             \
        {name, sizeof name - 1},  \
        {                         \
            text, sizeof text - 1 \
        }                         \
    }

static const struct liquid_snippet snippets[] = {
    SNIPPET("hello", "Hello {{ hello }}{{ name }}{{ g }}"),
    SNIPPET("a/item", "{{ item }}{{ forloop.index }};"),
    SNIPPET("set", "{% assign x = 2 %}{% increment n %}{% cycle 'a', 'b' %}"),
    SNIPPET("stop", "1{% break %}2"),
    SNIPPET("broken", "line one\n{% if %}"),
    SNIPPET("fails", "{{ 1 | divided_by: 0 }}"),
    SNIPPET("self", "{% render 'self' %}"),
    SNIPPET("again", "{% include 'again' %}"),
    SNIPPET("includes", "{% include 'hello' %}"),
    SNIPPET("wide",
            "{% if true %}{% if true %}{% if true %}{% if true %}{% if true %}{% if true %}{% if true %}"
            "{% if true %}{% if true %}{% if true %}{% if true %}{% if true %}{% render 'wide' %}"
            "{% endif %}{% endif %}{% endif %}{% endif %}{% endif %}{% endif %}{% endif %}{% endif %}"
            "{% endif %}{% endif %}{% endif %}{% endif %}"),
    SNIPPET("reads", "{{ event.deep.down }}{% for i in event.list %}{{ i }}{% endfor %}"),
};

static void use_snippets(struct liquid_test *test)
{
    liquid_test_reset(test);
    test->options.snippets = snippets;
    test->options.snippet_count = sizeof snippets / sizeof *snippets;
}

static void snippets_are_rendered_and_included(void **state)
{
    static const struct liquid_case cases[] = {
        {"{% assign name = 'x' %}{% render 'hello' %}", "{\"g\":\"!\"}",
         "Hello !"}, /* globals, no locals */
        {"{% assign name = 'x' %}{% include 'hello' %}", "{\"g\":\"!\"}", "Hello x!"},
        {"{% render 'hello', name: 'Ada', g: 1 %}", NULL, "Hello Ada1"},
        {"{% render 'hello' with 'W' %}{% render 'hello' with 'W' as name %}", NULL, "Hello WHello W"},
        {"{% render 'a/item' for l %}|{% render 'a/item' for l as item %}|{% render 'a/item' for (1..2) %}",
         "{\"l\":[\"p\",\"q\"]}", "p1;q2;|p1;q2;|11;22;"},
        {"{% include 'a/item' for l %}{% include 'a/item' with 5 %}", "{\"l\":[\"p\",\"q\"]}", "p;q;5;"},
        {"{% assign x = 1 %}{% render 'set' %}{% render 'set' %}{{ x }}", NULL, "0a0a1"},
        {"{% assign x = 1 %}{% include 'set' %}{% include 'set' %}{{ x }}", NULL, "0a1b2"},
        {"{% for i in (1..3) %}{% render 'stop' %}{% endfor %}", NULL, "111"},
        {"{% for i in (1..3) %}{% include 'stop' %}{% endfor %}", NULL, "1"},
        {"{% assign n = 'hello' %}{% include n %}", NULL, "Hello "},
        {"{% include 5 %}", NULL, "!needs a snippet's name"},
        {"{% render 'none' %}", NULL, "!there is no snippet 'none'"},
        {"{% if false %}{% render 'none' %}{% render 'broken' %}{% endif %}ok", NULL, "ok"},
        {"{% render 'broken' %}", NULL, "!snippet 'broken', line 2: expected a value"},
        {"{% render 'fails' %}", NULL, "!in snippet 'fails': divided by 0"},
        {"{% render 'includes' %}", NULL, "!cannot include another"},
        {"{% render 'self' %}", NULL, "!nest deeper than 100"},
        {"{% include 'again' %}", NULL, "!nest deeper than 100"},
        {"{% render 'wide' %}", NULL, "!nest deeper than 1000"},
    };
    struct liquid_test *test = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        use_snippets(test);
        if (cases[i].vars != NULL)
            liquid_test_vars(test, cases[i].vars);
        liquid_test_check(test, cases[i].template, cases[i].expected);
    }
}

static void snippets_are_checked_when_asked_for(void **state)
{
    struct liquid_test *test = *state;
    const struct liquid_template *parsed;
    use_snippets(test);
    test->options.check_snippets = true;
    assert_int_equal(liquid_parse(&test->options, SPAN_LITERAL("a\n{% render 'none' %}"), &test->arena,
                                  &parsed, &test->diag),
                     ERR_NOT_FOUND);
    assert_int_equal(test->diag.line, 2);
    assert_int_equal(liquid_parse(&test->options, SPAN_LITERAL("{% render 'broken' %}"), &test->arena,
                                  &parsed, &test->diag),
                     ERR_SYNTAX);
    assert_non_null(strstr(test->diag.text, "in snippet 'broken': "));
    assert_int_equal(test->diag.line, 2);
    assert_int_equal(
        liquid_parse(&test->options, SPAN_LITERAL("{% render 'self' %}"), &test->arena, &parsed, NULL),
        ERR_OK);
}

static void reads_are_known_after_parsing(void **state)
{
    static const struct {
        const char *template;
        bool all;
        const char *names; /* joined by spaces */
    } cases[] = {
        {"no outputs", false, ""},
        {"{{ event.b }}{{ event.a.c }}{{ event['d'] }}{{ event.b }}", false, "a b d"},
        {"{% if event.x == profile.y %}{% endif %}{{ z | append: event.w }}{{ 1 | date: 'x', event.v }}",
         false, "v w x"},
        {"{% for i in event.l limit: event.n %}{{ i.q }}{% else %}{{ event.e }}{% endfor %}", false,
         "e l n"},
        {"{% case event.c %}{% when event.w %}{{ event.b }}{% endcase %}{% cycle event.g: event.h %}",
         false, "b c g h w"},
        {"{{ a[event.k].event }}{{ (event.f..event.t) }}{% abort event.r %}", false, "f k r t"},
        {"{% capture x %}{{ event.a }}{% endcapture %}{% assign y = event.b %}{% render 'hello', q: "
         "event.c %}",
         false, "a b c"},
        {"{% render 'reads' %}", false, "deep list"},
        {"{{ event }}", true, ""},
        {"{{ event[name] }}{{ event.a }}", true, "a"},
        {"{% assign e = event %}{{ e.x }}", true, ""},
        {"{{ event.size }}", true, "size"},
        {"{% for pair in event %}{% endfor %}", true, ""},
        {"{{ self.event.a }}{{ self['event']['b'] }}", false, "a b"},
        {"{{ self[x] }}", true, ""},
        {"{% include x %}", true, "deep list"},
    };
    struct liquid_test *test = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct liquid_template *parsed;
        char names[256] = "";
        use_snippets(test);
        assert_int_equal(liquid_parse(&test->options, span_from_text(cases[i].template), &test->arena,
                                      &parsed, &test->diag),
                         ERR_OK);
        struct liquid_reads reads = liquid_template_reads(parsed, SPAN_LITERAL("event"), &test->arena);
        for (size_t j = 0; j < reads.count; j++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.*s", j == 0 ? "" : " ",
                     SPAN_PRINTF(reads.names[j]));
        if (reads.all != cases[i].all || strcmp(names, cases[i].names) != 0)
            fail_msg("%s\n  expected '%s'%s, got '%s'%s", cases[i].template, cases[i].names,
                     cases[i].all ? " and all" : "", names, reads.all ? " and all" : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snippets_are_rendered_and_included),
        cmocka_unit_test(snippets_are_checked_when_asked_for),
        cmocka_unit_test(reads_are_known_after_parsing),
    };
    return cmocka_run_group_tests(tests, liquid_test_open, liquid_test_close);
}
