/* The match index against evaluation: candidates are a superset of what matches, certain ones match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "codec/json.h"
#include "core/match_index.h"

static const struct span variables[] = {{"event", 5}, {"profile", 7}};

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static const struct cel_program *compile(const char *source)
{
    struct cel_options options = {.variables = variables, .variable_count = 2, .check = true};
    struct cel_program *program;
    struct diag diag;
    if (cel_compile(&options, span_from_text(source), &arena, &program, &diag) != ERR_OK)
        fail_msg("%s: %s", source, diag.text);
    return program;
}

static struct value read_json(const char *text)
{
    struct value value;
    assert_int_equal(json_parse(span_from_text(text), NULL, &arena, &value, NULL), ERR_OK);
    return value;
}

static bool is_true(const struct cel_program *where, struct value event)
{
    struct value values[2] = {event, value_map(NULL, 0)};
    struct cel_activation activation = {.variables = values};
    return where == NULL || cel_eval_condition(where, &activation, &arena, NULL);
}

/* Candidates for `event` among conditions, as text: "0 2? 5" (? marks those that are not certain). */
static void expect(const char *const *wheres, size_t count, const char *event_text, const char *expected)
{
    struct match_entry entries[64];
    char got[512] = "";
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct match_entry){SPAN_LITERAL("cart"),
                                          wheres[i] == NULL ? NULL : compile(wheres[i]), (uint32_t)i};
    struct match_index *index = match_index_build(entries, count, 0, &arena);
    const struct match *matches;
    size_t found = match_index_find(index, SPAN_LITERAL("cart"), read_json(event_text), &arena, &matches);
    for (size_t i = 0; i < found; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%u%s", i == 0 ? "" : " ", matches[i].id,
                 matches[i].certain ? "" : "?");
    if (strcmp(got, expected) != 0)
        fail_msg("%s\n    expected %s\n    got      %s", event_text, expected, got);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_equality(void **state)
{
    (void)state;
    static const char *const wheres[] = {
        "event.kind == \"a\"",
        "event.kind == \"b\"",
        "event.kind == \"a\" && event.n == 1",
        "event.n == 1.0",
        "event.flag",
        "event.flag == false",
        "event.kind in [\"a\", \"c\"]",
        "event.none == null",
        NULL,
        "\"a\" == event.kind",
        "event.page.kind == \"p\"",
        "event.kind == \"a\" || event.n == 2",
        "event.kind != \"a\"",
        "event.kind == \"a\" && event.kind == \"b\"",
        "event.n in []",
    };
    expect(wheres, COUNT(wheres), "{\"kind\": \"a\"}", "0 6 8 9 11? 12? 13? 14?");
    expect(wheres, COUNT(wheres), "{\"kind\": \"b\"}", "1 8 11? 12? 14?");
    expect(wheres, COUNT(wheres), "{\"kind\": \"a\", \"n\": 1}", "0 2 3 6 8 9 11? 12? 13? 14?");
    expect(wheres, COUNT(wheres), "{\"n\": 1.0}", "3 8 11? 12? 14?");
    expect(wheres, COUNT(wheres), "{\"flag\": true}", "4 8 11? 12? 14?");
    expect(wheres, COUNT(wheres), "{\"flag\": false}", "5 8 11? 12? 14?");
    expect(wheres, COUNT(wheres), "{\"none\": null}", "7 8 11? 12? 14?");
    expect(wheres, COUNT(wheres), "{\"page\": {\"kind\": \"p\"}}", "8 10 11? 12? 14?");
    expect(wheres, COUNT(wheres), "{\"page\": \"p\", \"kind\": [1], \"n\": {}}", "8 11? 12? 14?");
}

static void test_ranges(void **state)
{
    (void)state;
    static const char *const wheres[] = {
        "event.n >= 10",
        "event.n > 10",
        "event.n < 10",
        "event.n <= 10.0",
        "event.n > 5 && event.n < 10",
        "10 <= event.n",
        "event.n > 5 && event.n > 7",
        "event.n >= 7 && event.n > 7",
        "event.n > \"a\"",
        "event.n >= 9007199254740993",
    };
    expect(wheres, COUNT(wheres), "{\"n\": 10}", "0 3 5 6 7 8? 9?");
    expect(wheres, COUNT(wheres), "{\"n\": 10.5}", "0 1 5 6 7 8? 9?");
    expect(wheres, COUNT(wheres), "{\"n\": 9}", "2 3 4 6 7 8? 9?");
    expect(wheres, COUNT(wheres), "{\"n\": 7}", "2 3 4 8? 9?");
    expect(wheres, COUNT(wheres), "{\"n\": 5}", "2 3 8? 9?");
    expect(wheres, COUNT(wheres), "{\"n\": \"x\"}", "8? 9?");
    expect(wheres, COUNT(wheres), "{}", "8? 9?");
}

static void test_names_and_ids(void **state)
{
    (void)state;
    struct match_entry entries[] = {
        {SPAN_LITERAL("b"), NULL, 9},  {SPAN_LITERAL("a"), NULL, 7},
        {SPAN_LITERAL("b"), NULL, 2},  {SPAN_LITERAL("b"), compile("event.x == 1"), 2},
        {SPAN_LITERAL("bb"), NULL, 1},
    };
    struct match_index *index = match_index_build(entries, COUNT(entries), 0, &arena);
    const struct match *matches;
    assert_int_equal(match_index_find(index, SPAN_LITERAL("b"), read_json("{\"x\":1}"), &arena, &matches),
                     3);
    assert_int_equal(matches[0].id, 2);
    assert_int_equal(matches[1].id, 2);
    assert_int_equal(matches[2].id, 9);
    assert_int_equal(match_index_find(index, SPAN_LITERAL("a"), read_json("{}"), &arena, &matches), 1);
    assert_int_equal(match_index_find(index, SPAN_LITERAL("c"), read_json("{}"), &arena, &matches), 0);
    assert_int_equal(match_index_find(match_index_build(NULL, 0, 0, &arena), SPAN_LITERAL("a"),
                                      read_json("{}"), &arena, &matches),
                     0);
}

/* The profile is not the event: nothing may be concluded from its attributes. */
static void test_other_variables_are_not_tested(void **state)
{
    (void)state;
    static const char *const wheres[] = {"profile.city == \"Lyon\"", "profile.age > 3 && event.x == 1"};
    expect(wheres, COUNT(wheres), "{\"x\": 1}", "0? 1?");
    expect(wheres, COUNT(wheres), "{\"x\": 2}", "0?");
}

static uint32_t next_random(uint64_t *seed, uint32_t limit)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % limit;
}

static const char *random_term(uint64_t *seed)
{
    static const char *const names[] = {"a", "b", "c", "d.e"};
    static const char *const operators[] = {"==", "<", "<=", ">", ">=", "!="};
    static const char *const literals[] = {
        "0", "1", "2.5", "\"x\"", "true", "null", "-0.0", "3u", "9007199254740993", "9007199254740992.0"};
    if (next_random(seed, 8) == 0)
        return arena_printf(&arena, "event.%s in [%s, %s]", names[next_random(seed, 4)],
                            literals[next_random(seed, 10)], literals[next_random(seed, 10)])
            .data;
    return arena_printf(&arena, "event.%s %s %s", names[next_random(seed, 4)],
                        operators[next_random(seed, 6)], literals[next_random(seed, 10)])
        .data;
}

static const struct cel_program *random_where(uint64_t *seed)
{
    struct cel_options options = {.variables = variables, .variable_count = 2};
    struct cel_program *program;
    const char *text = random_term(seed);
    for (uint32_t more = next_random(seed, 4); more > 0; more--)
        text = arena_printf(&arena, "%s %s %s", text, next_random(seed, 6) == 0 ? "||" : "&&",
                            random_term(seed))
                   .data;
    assert_int_equal(cel_compile(&options, span_from_text(text), &arena, &program, NULL), ERR_OK);
    return program;
}

static struct value random_event(uint64_t *seed)
{
    static const char *const values[] = {"0",     "1",
                                         "2.5",   "\"x\"",
                                         "true",  "null",
                                         "false", "0.0",
                                         "-1",    "9007199254740992",
                                         "3",     "9007199254740993",
                                         "\"y\"", "[]"};
    return read_json(arena_printf(&arena, "{\"a\": %s, \"b\": %s, \"%s\": %s, \"d\": {\"e\": %s}}",
                                  values[next_random(seed, 14)], values[next_random(seed, 14)],
                                  next_random(seed, 2) ? "c" : "z", values[next_random(seed, 14)],
                                  values[next_random(seed, 14)])
                         .data);
}

static void test_against_evaluation(void **state)
{
    (void)state;
    enum { ENTRIES = 150 };
    uint64_t seed = 7;
    size_t uncertain = 0, candidates = 0, true_ones = 0;
    for (int round = 0; round < 20; round++) {
        struct match_entry entries[ENTRIES];
        for (uint32_t i = 0; i < ENTRIES; i++)
            entries[i] = (struct match_entry){SPAN_LITERAL("e"), random_where(&seed), i};
        struct match_index *index = match_index_build(entries, ENTRIES, 0, &arena);
        for (int times = 0; times < 40; times++) {
            struct value event = random_event(&seed);
            const struct match *matches;
            size_t count = match_index_find(index, SPAN_LITERAL("e"), event, &arena, &matches), at = 0;
            for (uint32_t i = 0; i < ENTRIES; i++) {
                bool matched = is_true(entries[i].where, event);
                bool candidate = at < count && matches[at].id == i;
                if ((matched && !candidate) || (candidate && matches[at].certain && !matched))
                    fail_msg("round %d, entry %u: %s but is %s", round, i,
                             candidate ? "a certain candidate" : "no candidate",
                             matched ? "true" : "false");
                uncertain += candidate && !matches[at].certain;
                candidates += candidate;
                true_ones += matched;
                at += candidate;
            }
            assert_int_equal(at, count);
        }
    }
    /* The test would also pass with an index that finds everything: it must not. */
    assert_true(true_ones > 5000);
    assert_true(candidates < 2 * true_ones + uncertain);
    assert_true(candidates < 20 * 40 * ENTRIES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equality, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_and_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_variables_are_not_tested, setup, teardown),
        cmocka_unit_test_setup_teardown(test_against_evaluation, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
