#include "codec/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

struct fixture {
    struct arena arena;
    struct value value;
    struct diag diag;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    arena_init(&fixture->arena, 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_destroy(&fixture->arena);
    free(fixture);
    return 0;
}

/* Parses at the edge of a page, so that every test is one for reading too far as well. */
static enum err parse_bytes(struct fixture *fixture, struct span text, const struct json_limits *limits)
{
    struct span guarded = guarded_copy(text);
    struct value value;
    enum err error = json_parse(guarded, limits, &fixture->arena, &value, &fixture->diag);
    if (error == ERR_OK)
        fixture->value = value_copy(&fixture->arena, value);
    guarded_free(guarded);
    return error;
}

static enum err parse(struct fixture *fixture, const char *text)
{
    return parse_bytes(fixture, span_from_text(text), NULL);
}

static void expect_written(struct value value, const char *expected)
{
    struct buf buf = {0};
    json_write_value(&buf, value);
    assert_span_equal(buf_span(&buf), expected);
    buf_free(&buf);
}

static void expect_round_trip(struct fixture *fixture, const char *text, const char *expected)
{
    if (parse(fixture, text) != ERR_OK)
        fail_msg("%s: %s", text, fixture->diag.text);
    expect_written(fixture->value, expected);
}

static void reads_what_is_json(void **state)
{
    static const char *const cases[][2] = {
        {"null", "null"},
        {" \t\r\n true \n", "true"},
        {"false", "false"},
        {"0", "0"},
        {"-0", "0"},
        {"-0.0", "-0.0"},
        {"42", "42"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"1.0", "1.0"},
        {"1e2", "100.0"},
        {"1E+2", "100.0"},
        {"123.456e-2", "1.23456"},
        {"9223372036854775808.0", "9223372036854776000.0"},
        {"\"\"", "\"\""},
        {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\tz\""},
        {"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "\"A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"\"\\u0000\\u001f\"", "\"\\u0000\\u001f\""},
        {"\"caf\xC3\xA9 and more \xF0\x9F\x98\x80 text\"",
         "\"caf\xC3\xA9 and more \xF0\x9F\x98\x80 text\""},
        {"\"\x7F\"", "\"\x7F\""},
        {"[]", "[]"},
        {"[ ]", "[]"},
        {"[1, [2, [ ]], {}]", "[1,[2,[]],{}]"},
        {"{ }", "{}"},
        {"{\"a\" : 1 , \"b\":[true,null]}", "{\"a\":1,\"b\":[true,null]}"},
        {"{\"\":{\"\":\"\"}}", "{\"\":{\"\":\"\"}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_round_trip(*state, cases[i][0], cases[i][1]);
}

static void kinds_of_numbers(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        enum value_kind kind;
    } cases[] = {{"1", VALUE_INT}, {"1.0", VALUE_DOUBLE}, {"1e0", VALUE_DOUBLE}, {"-7", VALUE_INT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(fixture, cases[i].text), ERR_OK);
        assert_int_equal(fixture->value.kind, cases[i].kind);
    }
}

static void refuses_what_is_not(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        int line;
        int column;
        const char *sentence;
    } cases[] = {
        {"", 1, 1, "the text ends where a value should be"},
        {" \n ", 2, 2, "the text ends where a value should be"},
        {"tru", 1, 1, "expected a value"},
        {"truE", 1, 1, "expected a value"},
        {"nul", 1, 1, "expected a value"},
        {"NaN", 1, 1, "expected a value"},
        {"Infinity", 1, 1, "expected a value"},
        {"-Infinity", 1, 1, "a digit must follow '-'"},
        {"+1", 1, 1, "expected a value"},
        {".5", 1, 1, "expected a value"},
        {"-", 1, 1, "a digit must follow '-'"},
        {"01", 1, 1, "a number must not begin with 0"},
        {"-01", 1, 1, "a number must not begin with 0"},
        {"1.", 1, 1, "a digit must follow '.'"},
        {"1.e1", 1, 1, "a digit must follow '.'"},
        {"1e", 1, 1, "an exponent needs a digit"},
        {"1e+", 1, 1, "an exponent needs a digit"},
        {"0x10", 1, 2, "unexpected text after the value"},
        {"1 2", 1, 3, "unexpected text after the value"},
        {"// c\n1", 1, 1, "expected a value"},
        {"\xEF\xBB\xBF{}", 1, 1, "expected a value"},
        {"'a'", 1, 1, "expected a value"},
        {"[1,]", 1, 4, "expected a value"},
        {"[,1]", 1, 2, "expected a value"},
        {"[1", 1, 3, "the text ends inside a list or map"},
        {"[1,", 1, 4, "the text ends where a value should be"},
        {"[", 1, 2, "the text ends where a value should be"},
        {"[1}", 1, 3, "expected ',' or ']'"},
        {"]", 1, 1, "expected a value"},
        {"{", 1, 2, "expected a name in double quotes"},
        {"{\"a\"", 1, 5, "expected ':'"},
        {"{\"a\" 1}", 1, 6, "expected ':'"},
        {"{\"a\":}", 1, 6, "expected a value"},
        {"{\"a\":1,}", 1, 8, "expected a name in double quotes"},
        {"{a:1}", 1, 2, "expected a name in double quotes"},
        {"{1:1}", 1, 2, "expected a name in double quotes"},
        {"{\n \"a\":1\n \"b\":2}", 3, 2, "expected ',' or '}'"},
        {"\"abc", 1, 5, "the text ends inside a string"},
        {"\"abc\\", 1, 5, "the text ends inside a string"},
        {"\"abc\\\"", 1, 7, "the text ends inside a string"},
        {"\"a\nb\"", 1, 3, "a control character in a string must be escaped"},
        {"\"a\tb\"", 1, 3, "a control character in a string must be escaped"},
        {"\"a\x01 and a longer tail\"", 1, 3, "a control character in a string must be escaped"},
        {"\"\\x\"", 1, 2, "unknown escape in a string"},
        {"\"\\u12g4\"", 1, 2, "\\u needs four hexadecimal digits"},
        {"\"\\u12\"", 1, 2, "\\u needs four hexadecimal digits"},
        {"\"\\ud800\"", 1, 2, "half of a surrogate pair is no character"},
        {"\"\\ud800\\u0041\"", 1, 2, "half of a surrogate pair is no character"},
        {"\"\\ude00\\ud83d\"", 1, 2, "half of a surrogate pair is no character"},
        {"\"\xC3\xA9\x80\"", 1, 3, "not valid UTF-8"},
        {"\"\xC0\xAF\"", 1, 2, "not valid UTF-8"},
        {"\"\xE0\x80\xAF\"", 1, 2, "not valid UTF-8"},
        {"\"\xED\xA0\x80\"", 1, 2, "not valid UTF-8"},
        {"\"\xF4\x90\x80\x80\"", 1, 2, "not valid UTF-8"},
        {"\"\xF0\x9F\x98\"", 1, 2, "not valid UTF-8"},
        {"\"\xFF\"", 1, 2, "not valid UTF-8"},
        {"\"\xE2\x82", 1, 2, "not valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (parse(fixture, cases[i].text) != ERR_SYNTAX)
            fail_msg("accepted: %s", cases[i].text);
        if (strcmp(fixture->diag.text, cases[i].sentence) != 0 || fixture->diag.line != cases[i].line ||
            fixture->diag.column != cases[i].column)
            fail_msg("%s: expected %d:%d %s, got %d:%d %s", cases[i].text, cases[i].line, cases[i].column,
                     cases[i].sentence, fixture->diag.line, fixture->diag.column, fixture->diag.text);
    }
    static const struct span with_nul[] = {
        SPAN_LITERAL("[1,\0 2]"),    SPAN_LITERAL("\0"),    SPAN_LITERAL("1\0"),  SPAN_LITERAL("\"\0\""),
        SPAN_LITERAL("{\"a\"\0:1}"), SPAN_LITERAL("tru\0"), SPAN_LITERAL("1.\0"), SPAN_LITERAL("[1\0]")};
    for (size_t i = 0; i < sizeof with_nul / sizeof *with_nul; i++)
        assert_int_equal(parse_bytes(fixture, with_nul[i], NULL), ERR_SYNTAX);
}

static void numbers_that_do_not_fit(void **state)
{
    static const char *const cases[] = {"9223372036854775808",
                                        "-9223372036854775809",
                                        "18446744073709551616",
                                        "100000000000000000000000",
                                        "1e309",
                                        "-1e309",
                                        "1e99999999999999999999"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (parse(*state, cases[i]) != ERR_OVERFLOW)
            fail_msg("%s did not overflow", cases[i]);
}

static void cut_anywhere_is_an_error(void **state)
{
    const char *text = "{\"a\":[1.5,true,null,\"x\\u0041\xC3\xA9\"],\"b\":{\"c\":-3}}";
    for (size_t size = 0; size < strlen(text); size++)
        assert_int_not_equal(parse_bytes(*state, span_make(text, size), NULL), ERR_OK);
    assert_int_equal(parse(*state, text), ERR_OK);
}

static void doubles_are_correctly_rounded(void **state)
{
    struct fixture *fixture = *state;
    static const char *const cases[] = {"0.1",
                                        "19.99",
                                        "2.2250738585072011e-308",
                                        "4.9e-324",
                                        "2.4703282292062328e-324",
                                        "1e-400",
                                        "1e23",
                                        "8.41e21",
                                        "9007199254740993.0",
                                        "179769313486231570000.0e288",
                                        "3.14159265358979323846264338327950288",
                                        "0.000001e-5",
                                        "123456789012345678.5",
                                        "1.7976931348623157e308",
                                        "5e-324",
                                        "7205759403792793.5",
                                        "0.500000000000000166533453693773481063544750213623046875"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(fixture, cases[i]), ERR_OK);
        double expected = strtod(cases[i], NULL);
        if (memcmp(&expected, &fixture->value.real, sizeof expected) != 0)
            fail_msg("%s: expected %a, got %a", cases[i], expected, fixture->value.real);
    }
}

static void doubles_print_shortest(void **state)
{
    (void)state;
    static const struct {
        double real;
        const char *text;
    } cases[] = {{0.0, "0.0"},
                 {-0.0, "-0.0"},
                 {1.0, "1.0"},
                 {-2.5, "-2.5"},
                 {0.1, "0.1"},
                 {19.99, "19.99"},
                 {0.05, "0.05"},
                 {1e-5, "0.00001"},
                 {0.000123456789, "0.000123456789"},
                 {1e-6, "0.000001"},
                 {1e-7, "1e-07"},
                 {1.5e-10, "1.5e-10"},
                 {1e15, "1000000000000000.0"},
                 {123456789012345680.0, "123456789012345680.0"},
                 {1e20, "100000000000000000000.0"},
                 {1e21, "1e+21"},
                 {1.0 / 3, "0.3333333333333333"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {DBL_MAX, "1.7976931348623157e+308"},
                 {DBL_MIN, "2.2250738585072014e-308"},
                 {5e-324, "5e-324"},
                 {100.0 / 3, "33.333333333333336"},
                 {NAN, "\"NaN\""},
                 {INFINITY, "\"Infinity\""},
                 {-INFINITY, "\"-Infinity\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_written(value_double(cases[i].real), cases[i].text);
}

static void doubles_survive(void **state)
{
    struct fixture *fixture = *state;
    uint64_t bits = 88172645463325252u; /* xorshift64: the same doubles in every run */
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double real;
        memcpy(&real, &bits, sizeof real);
        if (!isfinite(real))
            continue;
        if (i % 2 == 0)
            real = (double)(int64_t)(bits % 100000000) / 10000.0;
        char text[JSON_DOUBLE_BYTES];
        size_t size = json_format_double(real, text);
        assert_int_equal(
            json_parse(span_make(text, size), NULL, &fixture->arena, &fixture->value, &fixture->diag),
            ERR_OK);
        if (fixture->value.kind != VALUE_DOUBLE || memcmp(&fixture->value.real, &real, sizeof real) != 0)
            fail_msg("%a became %.*s", real, (int)size, text);
        arena_reset(&fixture->arena);
    }
}

static void last_of_a_name_counts(void **state)
{
    expect_round_trip(*state, "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
    expect_round_trip(*state, "{\"a\":1,\"\\u0061\":3}", "{\"a\":3}");
    expect_round_trip(*state, "{\"a\":1,\"a\":2,\"a\":{\"a\":1,\"a\":2}}", "{\"a\":{\"a\":2}}");
}

static void last_of_a_name_counts_in_large_maps(void **state)
{
    struct fixture *fixture = *state;
    struct buf text = {0};
    buf_append_byte(&text, '{');
    for (int i = 0; i < 3000; i++)
        buf_printf(&text, "%s\"k%d\":%d", i == 0 ? "" : ",", i % 1000, i);
    buf_append_byte(&text, '}');
    assert_int_equal(parse_bytes(fixture, buf_span(&text), NULL), ERR_OK);
    assert_int_equal(fixture->value.size, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        char name[8];
        snprintf(name, sizeof name, "k%u", i);
        assert_span_equal(value_span(fixture->value.members[i].key), name);
        assert_int_equal(fixture->value.members[i].value.integer, 2000 + i);
    }
    buf_free(&text);
}

static void the_text_may_go(void **state)
{
    struct fixture *fixture = *state;
    char text[] = "[\"plain\",\"esc\\u0061ped\"]";
    assert_int_equal(json_parse(span_from_text(text), NULL, &fixture->arena, &fixture->value, NULL),
                     ERR_OK);
    memset(text, 'x', sizeof text);
    expect_written(fixture->value, "[\"plain\",\"escaped\"]");
}

static void limits_hold(void **state)
{
    struct fixture *fixture = *state;
    struct json_limits limits = {.bytes = 40, .depth = 2, .entries = 3, .string_bytes = 4};
    static const struct {
        const char *text;
        const char *sentence; /* NULL: accepted */
    } cases[] = {
        {"[[1,2]]", NULL},
        {"[[[]]]", "more than 2 levels of lists and maps"},
        {"{\"a\":{\"b\":{}}}", "more than 2 levels of lists and maps"},
        {"[1,2,3]", NULL},
        {"[1,2,3,4]", "more than 3 entries (members and elements)"},
        {"[[1,2],3]", "more than 3 entries (members and elements)"},
        {"{\"a\":[1,2]}", NULL},
        {"{\"a\":[1,2],\"b\":1}", "more than 3 entries (members and elements)"},
        {"\"abcd\"", NULL},
        {"\"abcde\"", "more than 4 bytes in a string"},
        {"{\"abcde\":1}", "more than 4 bytes in a string"},
        {"\"\\u0041\"", "more than 4 bytes in a string"},
        {"[                                      ]", NULL},
        {"[                                       ]", "more than 40 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum err error = parse_bytes(fixture, span_from_text(cases[i].text), &limits);
        assert_int_equal(error, cases[i].sentence == NULL ? ERR_OK : ERR_LIMIT);
        if (cases[i].sentence != NULL)
            assert_string_equal(fixture->diag.text, cases[i].sentence);
    }
}

static void depth_has_an_end_of_its_own(void **state)
{
    struct json_limits limits = json_limits_document;
    limits.depth = UINT32_MAX;
    struct buf text = {0};
    for (int i = 0; i < 100000; i++)
        buf_append_byte(&text, '[');
    assert_int_equal(parse_bytes(*state, buf_span(&text), &limits), ERR_LIMIT);
    buf_free(&text);
}

static void many_entries_outgrow_the_frame(void **state)
{
    struct fixture *fixture = *state;
    struct buf text = {0};
    buf_append_byte(&text, '[');
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "%s[%d]", i == 0 ? "" : ",", i);
    buf_append_byte(&text, ']');
    assert_int_equal(parse_bytes(fixture, buf_span(&text), NULL), ERR_OK);
    assert_int_equal(fixture->value.size, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(fixture->value.items[i].items[0].integer, i);
    buf_free(&text);
}

static void writes_what_json_lacks(void **state)
{
    (void)state;
    expect_written(value_uint(UINT64_MAX), "18446744073709551615");
    expect_written(value_int(INT64_MIN), "-9223372036854775808");
    expect_written(value_timestamp_from_ms(0), "\"1970-01-01T00:00:00.000Z\"");
    expect_written(value_timestamp_from_ms(-1), "\"1969-12-31T23:59:59.999Z\"");
    struct value half = {.kind = VALUE_DURATION, .size = 500000000, .integer = -4};
    expect_written(half, "\"-3.5s\"");
    half.integer = 3;
    expect_written(half, "\"3.5s\"");
    half.size = 0;
    expect_written(half, "\"3s\"");
    half = value_string(SPAN_LITERAL("\xFF\x00z"));
    expect_written(half, "\"\xEF\xBF\xBD\\u0000z\"");
    static const char *const encoded[] = {"\"\"", "\"Zg==\"", "\"Zm8=\"", "\"Zm9v\"", "\"Zm9vYg==\""};
    for (size_t i = 0; i < sizeof encoded / sizeof *encoded; i++) { /* RFC 4648, section 10 */
        half = value_string(span_make("foobar", i));
        half.kind = VALUE_BYTES;
        expect_written(half, encoded[i]);
    }
    struct value_member member = {.key = value_int(7), .value = value_bool(true)};
    expect_written(value_map(&member, 1), "{\"7\":true}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Strings are looked through eight bytes at a time: what must be escaped is found at every place. */
static void every_byte_is_written_at_every_place(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned byte = 0; byte < 0x80; byte++) {
        for (size_t place = 0; place < 20; place++) {
            struct buf written = {0};
            char text[20];
            memset(text, byte == '~' ? '!' : '~', sizeof text);
            text[place] = (char)byte;
            json_write_string(&written, span_make(text, sizeof text));
            bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
            assert_int_equal(written.size == sizeof text + 2, plain);
            assert_int_equal(json_parse(buf_span(&written), NULL, &fixture->arena, &fixture->value, NULL),
                             ERR_OK);
            assert_true(span_equal(value_span(fixture->value), span_make(text, sizeof text)));
            buf_free(&written);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_what_is_json),
        TEST(kinds_of_numbers),
        TEST(refuses_what_is_not),
        TEST(numbers_that_do_not_fit),
        TEST(cut_anywhere_is_an_error),
        TEST(doubles_are_correctly_rounded),
        TEST(doubles_print_shortest),
        TEST(doubles_survive),
        TEST(last_of_a_name_counts),
        TEST(last_of_a_name_counts_in_large_maps),
        TEST(the_text_may_go),
        TEST(limits_hold),
        TEST(depth_has_an_end_of_its_own),
        TEST(many_entries_outgrow_the_frame),
        TEST(writes_what_json_lacks),
        TEST(every_byte_is_written_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
