#include "liquid_harness.h"

static void text_filters(void **state)
{
    static const struct liquid_case cases[] = {
        {"{{ 'aé' | upcase }} {{ 'AÉ' | downcase }} {{ 'éa BC' | capitalize }} {{ 'ß' | capitalize }}",
         NULL, "AÉ aé Éa bc Ss"},
        {"{{ 'b' | append: 1 | prepend: 'a' }} {{ l | append: '!' }}", "{\"l\":[1,\"a\",null]}",
         "ab1 [1, \"a\", nil]!"},
        {"[{{ ' a ' | strip }}][{{ ' a ' | lstrip }}][{{ ' a ' | rstrip }}][{{ ' a \n b ' | squish }}]",
         NULL, "[a][a ][ a][a b]"},
        {"{{ x | strip_newlines }} {{ x | newline_to_br }}", "{\"x\":\"a\\r\\nb\\n\\rc\"}",
         "ab\rc a<br />\nb<br />\n\rc"},
        {"{{ 'abab' | replace: 'a', 'x' }} {{ 'abab' | replace_first: 'b' }} {{ 'abab' | replace_last: "
         "'a', 'y' }}",
         NULL, "xbxb aab abyb"},
        {"{{ 'abab' | remove: 'a' }} {{ 'abab' | remove_first: 'a' }} {{ 'abab' | remove_last: 'a' }}",
         NULL, "bb bab abb"},
        {"{{ 'aé' | replace: '', '-' }} {{ 'ab' | replace_first: '', '-' }} {{ 'ab' | replace_last: '', "
         "'-' }}",
         NULL, "-a-é- -ab ab-"},
        {"{{ 'a1b1' | replace: '1', x }}", "{\"x\":\"[\\\\0\\\\&\\\\1\\\\\\\\\\\\q]\"}",
         "a[11\\\\q]b[11\\\\q]"},
        {"{{ 'abcdef' | slice: 1, 3 }} {{ 'abcdef' | slice: -2, 9 }} {{ 'é' | slice: 0 }} {{ 'a' | slice: "
         "5 }}|",
         NULL, "bcd ef é |"},
        {"{{ l | slice: 1, 2 | join }} {{ l | slice: -1 }}", "{\"l\":[1,2,3]}", "2 3 3"},
        {"{{ 'a' | slice: 'x' }}", NULL, "!\"x\" is no whole number"},
        {"{{ 'one  two three' | truncatewords: 2 }} {{ 'a b' | truncatewords: 5 }} {{ 'a b c' | "
         "truncatewords: 0, '' }}",
         NULL, "one two... a b a"},
        {"{{ 'a,b,,c,,' | split: ',' | join: '-' }} {{ ' a  b ' | split: ' ' | join: '-' }} {{ 'aé' | "
         "split: '' | join: '-' }}",
         NULL, "a-b--c a-b a-é"},
        {"{{ 'é!' | size }} {{ l | size }} {{ 7 | size }} {{ 1.5 | size }} {{ nil | size }}",
         "{\"l\":[1,2]}", "2 2 8 0 0"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void markup_filters(void **state)
{
    static const struct liquid_case cases[] = {
        {"{{ x | escape }} {{ x | h }} {{ '&lt; & &#39; &x' | escape_once }}",
         "{\"x\":\"<a href='x'>\\\"&\"}",
         "&lt;a href=&#39;x&#39;&gt;&quot;&amp; &lt;a href=&#39;x&#39;&gt;&quot;&amp; &lt; &amp; &#39; "
         "&amp;x"},
        {"{{ nil | escape }}{{ nil | url_encode }}{{ nil | squish }}", NULL, ""},
        {"{{ 'a<script>x</script>b<!-- c -->d<b class=\"e\">f</b><style>g' | strip_html }}", NULL, "abdfg"},
        {"{{ 'a b/é~*' | url_encode }} {{ 'a+b%2F%C3%A9%' | url_decode }}", NULL,
         "a+b%2F%C3%A9~%2A a b/é%"},
        {"{{ '%FF' | url_decode }}", NULL, "!not valid UTF-8"},
        {"{{ 'ab?>' | base64_encode }} {{ 'ab?>' | base64_url_safe_encode }} {{ 'YQ==' | base64_decode }} "
         "{{ 'YQ' | base64_url_safe_decode }}",
         NULL, "YWI/Pg== YWI_Pg== a a"},
        {"{{ 'YQ' | base64_decode }}", NULL, "!not valid Base64"},
        {"{{ 'YR==' | base64_decode }}", NULL, "!not valid Base64"},
        {"{{ '/w==' | base64_decode }}", NULL, "!not valid UTF-8"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void math_filters(void **state)
{
    static const struct liquid_case cases[] = {
        {"{{ 0.1 | plus: 0.2 }} {{ 1 | minus: 2 }} {{ 3 | times: 1.5 }} {{ '12.50' | plus: '0' }} {{ 'a' | "
         "plus: 1 }}",
         NULL, "0.3 -1 4.5 12.5 1"},
        {"{{ 7 | divided_by: 2 }} {{ -7 | divided_by: 2 }} {{ 7 | divided_by: 2.0 }} {{ 10 | divided_by: "
         "3.0 }}",
         NULL, "3 -4 3.5 3.3333333333333335"},
        {"{{ 7 | modulo: 3 }} {{ -7 | modulo: 3 }} {{ 7.5 | modulo: 2 }}", NULL, "1 2 1.5"},
        {"{{ 1 | divided_by: 0 }}", NULL, "!divided by 0"},
        {"{{ 1 | modulo: 0 }}", NULL, "!divided by 0"},
        {"{{ 1.0 | divided_by: 0 }}", NULL, "Infinity"},
        {"{{ -3.5 | abs }} {{ 1.2 | ceil }} {{ -1.2 | floor }} {{ 2.5 | round }} {{ -2.5 | round }} {{ "
         "1.257 | round: 2 }} "
         "{{ 155.5 | round: -1 }}",
         NULL, "3.5 2 -2 3 -3 1.26 160"},
        {"{{ 3 | at_least: 5 }} {{ 3 | at_most: 2.5 }} {{ 'x' | at_least: 0 }}", NULL, "5 2.5 0"},
        {"{{ 9223372036854775807 | plus: 1 }} {{ -9223372036854775808 | abs }}", NULL,
         "9223372036854775808 9223372036854775808"},
        {"{{ 99999999999999999999999999999999999999 | times: 10 }}", NULL, "!too many digits"},
        {"{{ x | times: x }} {{ x | plus: 1 }}", "{\"x\":1e300}", "Infinity 1.0e+300"},
        {"{{ l | sum }} {{ m | sum: 'a' }} {{ nil | sum }}",
         "{\"l\":[1,[2.5,\"3\"]],\"m\":[{\"a\":1},{},{\"a\":\"2\"}]}", "6.5 3 0"},
        {"{{ nil | default: 'd' }}{{ false | default: 'd' }}{{ false | default: 'd', allow_false: true }}"
         "{{ '' | default: 'e' }}{{ 0 | default: 'd' }}{{ l | default }}",
         "{\"l\":[]}", "ddfalsee0"},
    };
    LIQUID_TEST_CASES(state, cases);
}

static void list_filters(void **state)
{
    static const struct liquid_case cases[] = {
        {"{{ l | first }} {{ l | last }} {{ 'abc' | first }} {{ m | first }} {{ (2..4) | last }}",
         "{\"l\":[1,2],\"m\":{\"k\":5}}", "1 2 a k5 4"},
        {"{{ l | join }} {{ l | join: ', ' }} {{ 'a' | join: '-' }} {{ (1..3) | join: '' }}",
         "{\"l\":[1,[2,null],{\"a\":1}]}", "1 2  {\"a\"=>1} 1, 2, , {\"a\"=>1} a 123"},
        {"{{ l | reverse | join }} {{ l | concat: l | join }}", "{\"l\":[1,2]}", "2 1 1 2 1 2"},
        {"{{ l | concat: 'a' }}", "{\"l\":[1]}", "!concat needs a list"},
        {"{{ l | sort | join }} {{ n | sort | join }} {{ m | sort: 'a' | map: 'b' | join }}",
         "{\"l\":[\"b\",\"B\",\"a\"],\"n\":[3,null,1.5,2],\"m\":[{\"a\":2,\"b\":1},{\"b\":2},{\"a\":1,"
         "\"b\":3}]}",
         "B a b 1.5 2 3  3 1 2"},
        {"{{ l | sort }}", "{\"l\":[1,\"a\"]}", "!cannot be sorted"},
        {"{{ l | sort_natural | join }}", "{\"l\":[\"b\",null,\"C\",\"a\"]}", "a b C "},
        {"{{ l | uniq | join }} {{ m | uniq: 'a' | size }}",
         "{\"l\":[1,1.0,\"1\",1],\"m\":[{\"a\":1},{\"a\":1},{}]}", "1 1.0 1 2"},
        {"{{ l | compact | join }} {{ m | compact: 'a' | size }}",
         "{\"l\":[null,1,null],\"m\":[{\"a\":1},{}]}", "1 1"},
        {"{{ m | where: 'a' | map: 'n' | join }} {{ m | where: 'a', 2 | map: 'n' | join }} {{ m | reject: "
         "'a' | map: 'n' }}",
         "{\"m\":[{\"a\":1,\"n\":\"x\"},{\"n\":\"y\"},{\"a\":2,\"n\":\"z\"}]}", "x z z y"},
        {"{{ m | find: 'a', 2 | map: 'n' }} {{ m | find_index: 'a', 2 }} {{ m | has: 'a', 3 }} {{ m | has: "
         "'a' }}",
         "{\"m\":[{\"a\":1},{\"a\":2,\"n\":\"z\"}]}", "z 1 false true"},
        {"{{ l | where: 'a' }}|{{ l | map: 'a' }}", "{\"l\":[true,null]}", "|"},
        {"{{ l | map: 'a' }}", "{\"l\":[1]}", "!cannot select the property 'a'"},
        {"{{ 'abc' | where: 'b' }} {{ m | map: 'to_liquid' | size }}", "{\"m\":{\"a\":1}}", "abc 1"},
    };
    LIQUID_TEST_CASES(state, cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_filters),
        cmocka_unit_test(markup_filters),
        cmocka_unit_test(math_filters),
        cmocka_unit_test(list_filters),
    };
    return cmocka_run_group_tests(tests, liquid_test_open, liquid_test_close);
}
