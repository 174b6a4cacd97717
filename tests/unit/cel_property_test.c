/* What holds for every expression: printing and parsing are inverse, and folding changes no value.
 *
 * The expressions are those of the tables in tests/unit/cel and random ones from a fixed seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "cel_locale.h"
#include "cel_random.h"
#include "cel_table.h"
#include "codec/eval_json.h"
#include "codec/json.h"
#include "core/cel/cel.h"
#include "core/cel/node.h"

static const char *const tables[] = {"values", "operators", "macros", "functions", "times"};

struct variables {
    struct span names[512];
    struct value values[512];
    size_t count;
};

static struct cel_node *parse(struct span source, struct arena *arena)
{
    struct cel_parse parse = {.source = source, .arena = arena, .max_depth = CEL_DEFAULT_DEPTH};
    return cel_parse_source(&parse) == ERR_OK ? parse.root : NULL;
}

static bool same_value(struct value a, struct value b)
{
    if (a.kind == VALUE_DOUBLE && b.kind == VALUE_DOUBLE)
        return memcmp(&a.real, &b.real, sizeof a.real) == 0 || (a.real != a.real && b.real != b.real);
    return value_equal(a, b);
}

/* Same shape and contents; places may differ. */
static bool same_tree(const struct cel_node *a, const struct cel_node *b)
{
    for (; a != NULL && b != NULL; a = a->target, b = b->target) {
        if (a->kind != b->kind || a->detail != b->detail || a->absolute != b->absolute ||
            a->arg_count != b->arg_count || !span_equal(a->name, b->name) ||
            !same_value(a->value, b->value))
            return false;
        for (uint32_t i = 0; i < a->arg_count; i++)
            if (!same_tree(a->args[i], b->args[i]))
                return false;
    }
    return a == b;
}

static void check_print(struct span source)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct cel_node *tree = parse(source, &arena);
    if (tree != NULL) {
        struct span printed = cel_node_print(tree, &arena);
        struct cel_node *again = parse(printed, &arena);
        if (again == NULL || !same_tree(tree, again))
            fail_msg("%.*s\n    is printed as %.*s\n    which is something else", SPAN_PRINTF(source),
                     SPAN_PRINTF(printed));
        struct span twice = cel_node_print(again, &arena);
        if (!span_equal(printed, twice))
            fail_msg("%.*s\n    is printed as %.*s\n    and then as   %.*s", SPAN_PRINTF(source),
                     SPAN_PRINTF(printed), SPAN_PRINTF(twice));
    }
    arena_destroy(&arena);
}

static void check_case_print(const struct cel_case *current)
{
    check_print(current->expression);
}

/* Every literal becomes a variable with its value: then nothing can be folded. False when there are too
 * many. */
static bool hide_literals(struct cel_node *top, struct variables *variables, struct arena *arena)
{
    for (struct cel_node *node = top; node != NULL; node = node->target) {
        for (uint32_t i = 0; i < node->arg_count; i++)
            if (!hide_literals(node->args[i], variables, arena))
                return false;
        if (node->kind != CEL_NODE_LITERAL)
            continue;
        if (variables->count == sizeof variables->names / sizeof *variables->names)
            return false;
        node->kind = CEL_NODE_NAME;
        node->name = arena_printf(arena, "hidden_%zu", variables->count);
        variables->names[variables->count] = node->name;
        variables->values[variables->count++] = node->value;
    }
    return true;
}

static enum err evaluate(struct span source, const struct variables *variables, struct arena *arena,
                         struct value *value)
{
    struct cel_options options = {
        .variables = variables->names, .variable_count = variables->count, .max_source_bytes = 1 << 20};
    struct cel_activation activation = {
        .variables = variables->values, .locale = &cel_test_locale, .max_steps = 10000000};
    struct cel_program *program;
    enum err error = cel_compile(&options, source, arena, &program, NULL);
    if (error != ERR_OK)
        return ERR_COUNT;
    error = cel_eval(program, &activation, arena, value, NULL);
    struct buf copy = {0};
    if (error == ERR_OK) /* reaches all of the value while the program is open */
        eval_json_encode(*value, &copy);
    buf_free(&copy);
    cel_program_close(program);
    return error;
}

/* Bit for bit, so that 1 and 1.0 differ; a NaN is itself. */
static bool same_result(struct value a, struct value b)
{
    struct buf left = {0}, right = {0};
    eval_json_encode(a, &left);
    eval_json_encode(b, &right);
    bool same = span_equal(buf_span(&left), buf_span(&right));
    buf_free(&left);
    buf_free(&right);
    return same;
}

static void check_folding(struct span source, struct span vars)
{
    struct arena arena;
    struct variables *variables = calloc(1, sizeof *variables);
    arena_init(&arena, 0);
    struct value json, decoded = {0};
    assert_int_equal(
        json_parse(vars, &(struct json_limits){1 << 20, 64, 4096, 4096, true}, &arena, &json, NULL),
        ERR_OK);
    assert_int_equal(eval_json_decode(json, &arena, &decoded, NULL), ERR_OK);
    for (uint32_t i = 0; i < decoded.size; i++, variables->count++) {
        variables->names[i] = value_span(decoded.members[i].key);
        variables->values[i] = decoded.members[i].value;
    }
    struct cel_node *tree = parse(source, &arena);
    struct value folded, plain;
    if (tree != NULL) {
        enum err folded_error = evaluate(source, variables, &arena, &folded);
        assert_int_not_equal(folded_error, ERR_COUNT);
        if (hide_literals(tree, variables, &arena)) {
            enum err plain_error = evaluate(cel_node_print(tree, &arena), variables, &arena, &plain);
            if (folded_error != plain_error || !same_result(folded, plain))
                fail_msg("%.*s\n    has another value when nothing is folded (%s, %s)", SPAN_PRINTF(source),
                         err_sentence(folded_error), err_sentence(plain_error));
        }
    }
    free(variables);
    arena_destroy(&arena);
}

static void check_case_folding(const struct cel_case *current)
{
    check_folding(current->expression, current->vars);
}

static void test_print_of_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        cel_table_each(tables[i], check_case_print);
}

static void test_folding_of_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        cel_table_each(tables[i], check_case_folding);
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct arena arena;
        arena_init(&arena, 0);
        struct span source = cel_random_expression(seed, &arena);
        check_print(source);
        check_folding(source, SPAN_LITERAL(CEL_RANDOM_VARIABLES));
        arena_destroy(&arena);
    }
}

static void test_canonical_form(void **state)
{
    (void)state;
    static const struct {
        const char *source, *printed;
    } cases[] = {
        {"a+b*c", "a + b * c"},
        {"(a+b)*c", "(a + b) * c"},
        {"a-(b-c)", "a - (b - c)"},
        {"(a-b)-c", "a - b - c"},
        {"a ?b:c", "a ? b : c"},
        {"(a?b:c)?d:(e?f:g)", "(a ? b : c) ? d : e ? f : g"},
        {"a&&(b||c)", "a && (b || c)"},
        {"(a&&b)||c", "a && b || c"},
        {"!(a)", "!a"},
        {"!(a&&b)", "!(a && b)"},
        {"-(1)", "-(1)"},
        {"- 1", "-1"},
        {"-(x)", "-x"},
        {"-(1.a)", "-(1.a)"},
        {"'it\"s\\n'", "\"it\\\"s\\x0a\""},
        {"b'\\xff'", "b\"\\xff\""},
        {"[1,2,]", "[1, 2]"},
        {"{'a':1}", "{\"a\": 1}"},
        {"has( a.b )", "has(a.b)"},
        {"a.exists( x,x>1 )", "a.exists(x, x > 1)"},
        {"a [ 0 ] . b", "a[0].b"},
        {"a.`b-c`", "a.`b-c`"},
        {".a.b(c)", ".a.b(c)"},
        {"(a.b)(c)", NULL},
        {"1.0", "1.0"},
        {"1e3", "1000.0"},
        {"1e100", "1e+100"},
        {"0x10u", "16u"},
        {"(1 == 2) == true", "1 == 2 == true"},
        {"1 == (2 == true)", "1 == (2 == true)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        arena_init(&arena, 0);
        struct cel_node *tree = parse(span_from_text(cases[i].source), &arena);
        if ((tree == NULL) != (cases[i].printed == NULL))
            fail_msg("%s %s", cases[i].source, tree == NULL ? "does not parse" : "parses");
        if (tree != NULL) {
            struct span printed = cel_node_print(tree, &arena);
            if (!span_equal_text(printed, cases[i].printed))
                fail_msg("%s\n    expected %s\n    got      %.*s", cases[i].source, cases[i].printed,
                         SPAN_PRINTF(printed));
        }
        arena_destroy(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_of_tables),
        cmocka_unit_test(test_folding_of_tables),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_canonical_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
