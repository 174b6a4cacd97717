/* A list's elements as bytes: taken apart without being read. */
#include "check.h"

#include "codec/json_split.h"

#define MOST 3

/* The elements joined by `|`, or the error's number; each text ends at the end of the world. */
static void expect(const char *text, const char *expected, enum err error)
{
    struct span elements[MOST], copy = guarded_copy(span_from_text(text));
    char joined[128] = "";
    size_t count = 0;
    struct diag diag = {0};
    enum err got = json_split_list(copy, SPAN_LITERAL("events"), elements, MOST, &count, &diag);
    if (got != error)
        fail_msg("%s: error %d instead of %d: %s", text, (int)got, (int)error, diag.text);
    for (size_t i = 0; got == ERR_OK && i < count; i++) {
        if (i > 0)
            strcat(joined, "|");
        strncat(joined, elements[i].data, elements[i].size);
    }
    assert_string_equal(joined, expected);
    if (got != ERR_OK)
        assert_true(diag.text[0] != '\0');
    guarded_free(copy);
}

static void elements_are_their_bytes(void **unused)
{
    (void)unused;
    expect("{\"events\":[]}", "", ERR_OK);
    expect(" { \"events\" : [ ] } ", "", ERR_OK);
    expect("{\"events\":[1, \"a\" ,{\"b\": [ 2 ]}\n]}", "1|\"a\"|{\"b\": [ 2 ]}", ERR_OK);
    expect("{\"events\":[\"],}\", \"\\\"]\", {\"\\\\\":\"}\"}]}", "\"],}\"|\"\\\"]\"|{\"\\\\\":\"}\"}",
           ERR_OK);
    expect("{\"events\":[not json, [1, 2]]}", "not json|[1, 2]", ERR_OK);
}

static void frames_that_are_wrong(void **unused)
{
    (void)unused;
    static const char *const syntax[] = {"",
                                         "{\"events\"",
                                         "{\"events\":[",
                                         "{\"events\":[1",
                                         "{\"events\":[1,",
                                         "{\"events\":[1,]}",
                                         "{\"events\":[,1]}",
                                         "{\"events\":[1]",
                                         "{\"events\":[1}}",
                                         "{\"events\":[\"a",
                                         "{\"events\":[\"a\\",
                                         "{\"events\":[[1]",
                                         "{\"events\":[1]} x"};
    static const char *const type[] = {"[]",
                                       "x",
                                       "{",
                                       "{}",
                                       "{\"event\":[]}",
                                       "{\" events\":[]}",
                                       "{\"eventsx\":[]}",
                                       "{\"events\":{}}",
                                       "{\"events\":[],\"x\":1}"};
    for (size_t i = 0; i < sizeof syntax / sizeof syntax[0]; i++)
        expect(syntax[i], "", ERR_SYNTAX);
    for (size_t i = 0; i < sizeof type / sizeof type[0]; i++)
        expect(type[i], "", ERR_TYPE);
}

static void no_more_than_there_is_room_for(void **unused)
{
    (void)unused;
    expect("{\"events\":[1,2,3]}", "1|2|3", ERR_OK);
    expect("{\"events\":[1,2,3,4]}", "", ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_their_bytes),
        cmocka_unit_test(frames_that_are_wrong),
        cmocka_unit_test(no_more_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
