#include "liquid_harness.h"

static void outputs_print_values(void **state)
{
    static const struct liquid_case cases[] = {
        {"", NULL, ""},
        {"plain { text } % }}", NULL, "plain { text } % }}"},
        {"{{ 'a' }}{{ \"b'\" }}{{ 1 }}{{ -2.50 }}{{ true }}{{ nil }}{{ }}", NULL, "ab'1-2.5true"},
        {"{{ x }}|{{ x.y.z }}|{{ x[0] }}", NULL, "||"},
        {"{{ a }}", "{\"a\":[1,[\"b\",null],{\"c\":[1.0,null,\"q\\\"\"]}]}",
         "1b{\"c\"=>[1.0, nil, \"q\\\"\"]}"},
        {"{{ (1..3) }} {{ (3..1) }} {{ (a..'4x') }}", NULL, "1..3 3..1 0..4"},
        {"{{ 1e16 }}", NULL, "!expected the end"},
        {"{{ a }} {{ b }} {{ c }} {{ d }}", "{\"a\":1e15,\"b\":1e16,\"c\":0.0001,\"d\":0.00001234}",
         "1000000000000000.0 1.0e+16 0.0001 1.234e-05"},
        {"{{ 123456789012345678901234567893 }}", NULL, "123456789012345678901234567893"},
        {"{{ empty }}{{ blank }}", NULL, ""},
        {"{{ forloop }}{% for i in (1..1) %}{{ forloop }}{% endfor %}", NULL, "Liquid::ForloopDrop"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void lookups_follow_names_and_indexes(void **state)
{
    static const struct liquid_case cases[] = {
        {"{{ a.b }} {{ a['b'] }} {{ a[k] }} {{ a.c.d }}", "{\"k\":\"b\",\"a\":{\"b\":1,\"c\":{\"d\":2}}}",
         "1 1 1 2"},
        {"{{ l[0] }} {{ l[-1] }} {{ l[9] }} {{ l.first }} {{ l.last }} {{ l.size }}", "{\"l\":[1,2,3]}",
         "1 3  1 3 3"},
        {"{{ s.size }} {{ s.first }} {{ s.last }} {{ s[0] }}", "{\"s\":\"héé\"}", "3 h é "},
        {"{{ m.size }} {{ m.first }} {{ m.last }}|{{ n.size }}", "{\"m\":{\"a\":1},\"n\":{\"size\":7}}",
         "1 a1 |7"},
        {"{{ i.size }} {{ f.size }}|", "{\"i\":5,\"f\":1.5}", "8 |"},
        {"{% assign r = (2..5) %}{{ r.first }} {{ r.last }} {{ r.size }} {{ r[0] }}", NULL, "2 5 4 "},
        {"{{ self.a }} {{ self['b c'] }} {{ self }}", "{\"a\":1,\"b c\":2}", "1 2 Liquid::SelfDrop"},
        {"{{ ['a'] }}", NULL, "!a name is missing before '['"},
        {"{{ true.x }}{{ nil.x }}", "{\"true\":{\"x\":1}}", "1"},
        {"{{ a-b? }}", "{\"a-b?\":3}", "3"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void whitespace_control_trims_neighbours(void **state)
{
    static const struct liquid_case cases[] = {
        {"a  {{- 'b' -}}  c", NULL, "abc"},
        {"a \n {%- assign x = 1 -%} \n b", NULL, "ab"},
        {"a {%- if true -%} b {%- endif -%} c", NULL, "abc"},
        {"a {{- '' -}} b", NULL, "ab"},
        {"a {% comment %} x {% endcomment -%} b", NULL, "a b"},
        {"a {% raw -%} b {%- endraw -%} c", NULL, "a  b c"},
        {"[{% if true %} {% assign a = 1 %} {% endif %}]", NULL, "[]"}, /* a blank block prints nothing */
        {"[{% if true %} {{ '' }} {% endif %}]", NULL, "[  ]"},
        {"[{% for i in (1..3) %} {% comment %}x{% endcomment %} {% endfor %}]", NULL, "[]"},
        {"[{% for i in (1..3) %} {% break %} {% endfor %}]", NULL, "[ ]"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void conditions_compare_as_shopify_does(void **state)
{
    static const struct liquid_case cases[] = {
        {"{% if '' and 0 and empty %}y{% endif %}", NULL, "y"},
        {"{% if nil or false or x %}y{% else %}n{% endif %}", NULL, "n"},
        {"{% if true or false and false %}y{% endif %}", NULL, "y"}, /* read from the right */
        {"{% if false and true or true %}y{% else %}n{% endif %}", NULL, "n"},
        {"{% if 1 == 1.0 %}y{% endif %}{% if 1 == '1' %}n{% endif %}{% if 1 <> 2 %}y{% endif %}", NULL,
         "yy"},
        {"{% if l == m %}y{% endif %}", "{\"l\":[1,{\"a\":2}],\"m\":[1.0,{\"a\":2}]}", "y"},
        {"{% if x == empty %}n{% endif %}{% if x == blank %}y{% endif %}", NULL, "y"},
        {"{% if e == empty and s == blank and l == empty and m == blank %}y{% endif %}",
         "{\"e\":\"\",\"s\":\" \\n\",\"l\":[],\"m\":{}}", "y"},
        {"{% if false == blank %}y{% endif %}{% if 0 == blank %}n{% endif %}", NULL, "y"},
        {"{% if 'abc' contains 'b' and l contains 2 and m contains 'k' %}y{% endif %}",
         "{\"l\":[1,2],\"m\":{\"k\":null}}", "y"},
        {"{% if 'a1' contains 1 %}y{% endif %}{% if l contains '1' %}n{% endif %}", "{\"l\":[1]}", "y"},
        {"{% if x < 1 %}n{% endif %}{% if 1 < x %}n{% endif %}{% if l < l %}n{% endif %}y", "{\"l\":[1]}",
         "y"},
        {"{% if 'a' < 'b' and 1 <= 1 and 2 >= 1.5 and 2 > 1 %}y{% endif %}", NULL, "y"},
        {"{% if 1 < 'a' %}{% endif %}", NULL, "!a number cannot be compared with text"},
        {"{% unless false %}y{% else %}n{% endunless %}", NULL, "y"},
        {"{% unless true %}a{% elsif true %}b{% endunless %}", NULL, "b"},
        {"{% if 18446744073709551616 > 1 %}y{% endif %}", NULL, "y"},
        {"{% if a.contains == 1 %}y{% endif %}", "{\"a\":{\"contains\":1}}", "y"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void case_renders_every_match(void **state)
{
    static const struct liquid_case cases[] = {
        {"{% case x %}{% when 1 %}a{% when 2, 3 or 4 %}b{% else %}c{% endcase %}", "{\"x\":3}", "b"},
        {"{% case x %}{% when 1 %}a{% else %}c{% endcase %}", NULL, "c"},
        {"{% case 'a' %}{% when 'a' %}1{% when 'a', 'a' %}2{% else %}3{% endcase %}", NULL, "122"},
        {"{% case x %}dropped{% when empty %}e{% endcase %}", "{\"x\":[]}", "e"},
        {"{% case 1 %}{% else %}a{% when 1 %}b{% else %}c{% endcase %}", NULL, "ab"},
        {"{% case 1 %}{% when 1 and 2 %}{% endcase %}", NULL, "!expected the end"},
        {"{% case 1 %}{% else x %}{% endcase %}", NULL, "!takes no condition"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void loops_iterate_and_stop(void **state)
{
    static const struct liquid_case cases[] = {
        {"{% for i in (1..3) %}{{ i }}{% else %}e{% endfor %}{% for i in l %}x{% else %}e{% endfor %}",
         "{\"l\":[]}", "123e"},
        {"{% for i in (1..6) reversed limit: 2 offset: 1 %}{{ i }}{% endfor %}", NULL, "32"},
        {"{% for i in (1..9), limit: '2', offset: nil %}{{ i }}{% endfor %}", NULL, "12"},
        {"{% for i in l limit: 2 %}{{ i }}{% endfor %}{% for i in l offset: continue %}{{ i }}{% endfor %}",
         "{\"l\":[1,2,3,4]}", "1234"},
        {"{% for i in m %}{{ i[0] }}={{ i[1] }};{% endfor %}", "{\"m\":{\"a\":1,\"b\":2}}", "a=1;b=2;"},
        {"{% for i in 'text' %}{{ i }}{% endfor %}{% for i in 5 %}x{% endfor %}", NULL, "text"},
        {"{% for i in (1..5) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif "
         "%}{{ i }}"
         "{% endfor %}",
         NULL, "13"},
        {"{% for i in (1..2) %}{{ forloop.index }}{{ forloop.index0 }}{{ forloop.rindex }}{{ "
         "forloop.rindex0 }}"
         "{{ forloop.first }}{{ forloop.last }}{{ forloop.length }}{{ forloop.name }} {% endfor %}",
         NULL, "1021truefalse2i-(1..2) 2110falsetrue2i-(1..2) "},
        {"{% for i in (1..2) %}{% for j in (1..2) %}{{ forloop.parentloop.index }}{% endfor %}{% endfor %}",
         NULL, "1122"},
        {"{% for i in (1..2) %}{% assign i = 9 %}{{ i }}{% endfor %}{{ i }}", NULL, "129"},
        {"{% for i in (1..3) limit: 1.5 %}{% endfor %}", NULL, "!\"1.5\" is no whole number"},
        {"a{% break %}b", NULL, "a"},
        {"{% for i in (1..3) nonsense: 1 %}{% endfor %}", NULL, "!'limit' and 'offset'"},
        {"{% for i in (1..true) %}{% endfor %}", NULL, "!whole numbers"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void tablerow_writes_rows(void **state)
{
    static const struct liquid_case cases[] = {
        {"{% tablerow i in (1..3) cols: 2 %}{{ i }}{{ tablerowloop.col_last }}{% endtablerow %}", NULL,
         "<tr class=\"row1\">\n<td class=\"col1\">1false</td><td class=\"col2\">2true</td></tr>\n"
         "<tr class=\"row2\"><td class=\"col1\">3false</td></tr>\n"},
        {"{% tablerow i in x %}{% endtablerow %}", NULL, ""},
        {"{% tablerow i in (1..9) limit: 'no' %}{{ i }}{% endtablerow %}", NULL,
         "<tr class=\"row1\">\n</tr>\n"},
        {"{% tablerow i in (1..2) cols: true %}{% endtablerow %}", NULL, "!whole numbers"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void variables_are_set(void **state)
{
    static const struct liquid_case cases[] = {
        {"{% assign a = 'x' | upcase %}{{ a }}{% assign b = %}{{ b }}", NULL, "X"},
        {"{% capture a %}<{{ 1 }}>{% endcapture %}{{ a }}{{ a.size }}", NULL, "<1>3"},
        {"{% increment a %}{% increment a %}{% decrement b %}{{ a }}{{ b }}", NULL, "01-12-1"},
        {"{% assign a = 5 %}{% increment a %}{{ a }}", NULL, "05"},
        {"{% increment a %}{{ a }}", "{\"a\":7}", "01"},
        {"{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}", NULL, "aba"},
        {"{% cycle x: 1, 2 %}{% cycle 'x': 1, 2 %}{% cycle x: 1, 2 %}", NULL, "112"},
        {"{% cycle x, 1 %}{% cycle x, 1 %}", "{\"x\":0}", "00"}, /* with a variable: each for itself */
        {"{% for i in (1..3) %}{% ifchanged %}{{ i | divided_by: 2 }}{% endifchanged %}{% endfor %}", NULL,
         "01"},
        {"{% assign a.b = 1 %}", NULL, "!expected the end"},
        {"{% assign 'a' = 1 %}", NULL, "!assign name = value"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void comments_and_raw_are_not_parsed(void **state)
{
    static const struct liquid_case cases[] = {
        {"a{% comment %}{{ | }}{% if %}{% comment %}{% endcomment %}{% endcomment %}b", NULL, "ab"},
        {"a{% # one %}{%- # two\n   # three -%} b", NULL, "ab"},
        {"{% # one\n two %}", NULL, "!begin with '#'"},
        {"{% raw %}{{ x }}{% if %}{% endraw %}", NULL, "{{ x }}{% if %}"},
        {"a{% doc %}{{ | }}{% enddoc %}b", NULL, "ab"},
        {"{% doc %}{% doc %}{% enddoc %}", NULL, "!cannot stand in another"},
        {"{% comment %}", NULL, "!never closed"},
        {"{% raw %}", NULL, "!never closed"},
        {"{% raw x %}{% endraw %}", NULL, "!takes no arguments"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void liquid_tag_is_lines_of_tags(void **state)
{
    static const struct liquid_case cases[] = {
        {"{% liquid\n assign a = 1\n\n if a == 1\n echo 'y' | upcase\n else\n echo 'n'\n endif\n # "
         "note\n%}",
         NULL, "Y"},
        {"{%- liquid\n for i in (1..3)\n  cycle 'a', 'b'\n endfor\n-%}", NULL, "aba"},
        {"{% liquid\n comment\n anything {{\n endcomment\n echo 1 %}", NULL, "1"},
        {"{% liquid liquid echo 2 %}", NULL, "2"},
        {"{% liquid\n if true\n %}{% endif %}", NULL, "!never closed"},
        {"{% liquid\n endif %}", NULL, "!endif"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void abort_gives_its_reason(void **state)
{
    struct liquid_test *test = *state;
    struct span output;
    liquid_test_reset(test);
    liquid_test_vars(test, "{\"n\":3}");
    assert_int_equal(
        liquid_test_run(test, SPAN_LITERAL("a\n {% if n > 2 %}{% abort 'too many' %}{% endif %}"), &output),
        ERR_ABORTED);
    assert_string_equal(test->diag.text, "too many");
    assert_int_equal(test->diag.line, 2);
    assert_int_equal(output.size, 0);
    assert_int_equal(liquid_test_run(test, SPAN_LITERAL("{% abort %}"), &output), ERR_ABORTED);
    assert_string_equal(test->diag.text, "");
    assert_int_equal(liquid_test_run(test, SPAN_LITERAL("{% if false %}{% abort %}{% endif %}ok"), &output),
                     ERR_OK);
}

static void syntax_errors_have_a_place(void **state)
{
    static const struct {
        const char *template;
        int line;
        int column;
        const char *text;
    } cases[] = {
        {"é {{ a | nosuch }}", 1, 10, "unknown filter 'nosuch'"},
        {"a\nb {% nosuch %}", 2, 6, "unknown tag 'nosuch'"},
        {"{{ a", 1, 1, "'}}' is missing"},
        {"{% if a", 1, 1, "'%}' is missing"},
        {"\n\n{% if a %}{% for x in y %}{% endif %}", 3, 30, "'endif' does not close 'for'"},
        {"{% if a %}", 1, 4, "'if' is never closed"},
        {"{{ a | date }}", 1, 8, "takes 1 to 3 arguments, not 0"},
        {"{{ a | upcase: 1 }}", 1, 8, "takes 0 arguments, not 1"},
        {"{{ a b }}", 1, 6, "expected the end, found a name \"b\""},
        {"{{ a ~ b }}", 1, 6, "unexpected character '~'"},
        {"{{ 'a }}", 1, 4, "unexpected character '''"},
        {"{% %}", 1, 1, "a tag needs a name"},
        {"{% else %}", 1, 4, "unknown tag 'else'"},
        {"{% render name %}", 1, 11, "in quotes"},
        {"{% for i of x %}{% endfor %}", 1, 10, "expected 'in'"},
        {"{{ a[1 }}", 1, 8, "expected ']'"},
        {"{% tablerow i in x rows: 2 %}{% endtablerow %}", 1, 20, "'cols'"},
        {"\xff", 1, 1, "not valid UTF-8"},
    };
    struct liquid_test *test = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct liquid_template *parsed;
        liquid_test_reset(test);
        enum err error = liquid_parse(&test->options, span_from_text(cases[i].template), &test->arena,
                                      &parsed, &test->diag);
        assert_int_equal(error, ERR_SYNTAX);
        if (test->diag.line != cases[i].line || test->diag.column != cases[i].column ||
            strstr(test->diag.text, cases[i].text) == NULL)
            fail_msg("%s\n  expected %d:%d: %s\n  got      %d:%d: %s", cases[i].template, cases[i].line,
                     cases[i].column, cases[i].text, test->diag.line, test->diag.column, test->diag.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_print_values),
        cmocka_unit_test(lookups_follow_names_and_indexes),
        cmocka_unit_test(whitespace_control_trims_neighbours),
        cmocka_unit_test(conditions_compare_as_shopify_does),
        cmocka_unit_test(case_renders_every_match),
        cmocka_unit_test(loops_iterate_and_stop),
        cmocka_unit_test(tablerow_writes_rows),
        cmocka_unit_test(variables_are_set),
        cmocka_unit_test(comments_and_raw_are_not_parsed),
        cmocka_unit_test(liquid_tag_is_lines_of_tags),
        cmocka_unit_test(abort_gives_its_reason),
        cmocka_unit_test(syntax_errors_have_a_place),
    };
    return cmocka_run_group_tests(tests, liquid_test_open, liquid_test_close);
}
