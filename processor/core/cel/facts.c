/* What is known of a program before it runs. */
#include "core/cel/compile.h"

enum value_kind cel_result_kind(const struct cel_program *program)
{
    return program->result_kind;
}

bool cel_reads_variable(const struct cel_program *program, uint32_t slot)
{
    return slot < program->slot_count && program->slots[slot].read;
}

struct cel_reads cel_reads_of(const struct cel_program *program, uint32_t slot)
{
    return slot < program->slot_count ? program->slots[slot].reads : (struct cel_reads){0};
}

const struct cel_counter *cel_counters(const struct cel_program *program, size_t *count)
{
    *count = program->counter_count;
    return program->counters;
}

const struct span *cel_last_names(const struct cel_program *program, size_t *count)
{
    *count = program->last_name_count;
    return program->last_names;
}

const struct cel_test *cel_tests(const struct cel_program *program, size_t *count, bool *all)
{
    *count = program->test_count;
    if (all != NULL)
        *all = program->tests_are_all;
    return program->tests;
}

/* ---- tests ---- */

/* event.page["kind"]: a variable and names selected from it. */
static bool read_path(struct cel_compiler *compiler, struct cel_node *top, struct cel_test *test)
{
    size_t length = 0;
    struct cel_node *node = top;
    for (; node->kind == CEL_NODE_SELECT ||
           (node->kind == CEL_NODE_INDEX && node->args[0]->kind == CEL_NODE_LITERAL &&
            node->args[0]->value.kind == VALUE_STRING);
         node = node->target)
        node->target->up = node;
    if (node->kind != CEL_NODE_NAME)
        return false;
    struct cel_name name = cel_resolve(compiler, node, top);
    if (name.kind != CEL_NAME_VARIABLE)
        return false;
    for (node = name.end; node != top; node = node->up)
        length += 1;
    if (length == 0)
        return false;
    struct span *path = ARENA_ARRAY(compiler->arena, struct span, length);
    size_t at = 0;
    for (node = name.end; node != top; at++) {
        node = node->up;
        path[at] = arena_copy(
            compiler->arena, node->kind == CEL_NODE_SELECT ? node->name : value_span(node->args[0]->value));
    }
    test->slot = name.slot;
    test->path = path;
    test->path_size = length;
    return true;
}

/* A literal, a list of literals, or one such as timestamp("…") and -5; its value. */
static bool read_literal(struct cel_compiler *compiler, struct cel_node *node, struct value *value)
{
    bool plain = node->kind == CEL_NODE_LITERAL || node->kind == CEL_NODE_LIST ||
                 (node->kind == CEL_NODE_CALL && node->target == NULL && node->arg_count == 1);
    for (uint32_t i = 0; i < node->arg_count; i++)
        plain = plain && node->args[i]->kind == CEL_NODE_LITERAL;
    if (!plain)
        return false;
    struct cel_program *program = compiler->program;
    size_t code_size = program->code_size, constant_count = program->constant_count;
    bool constant = cel_emit(compiler, node).constant;
    if (constant)
        *value = cel_last_constant(compiler);
    program->code_size = code_size;
    program->constant_count = constant_count;
    return constant;
}

static enum cel_operator mirrored(enum cel_operator operator_)
{
    switch (operator_) {
    case CEL_LESS:
        return CEL_GREATER;
    case CEL_LESS_EQUAL:
        return CEL_GREATER_EQUAL;
    case CEL_GREATER:
        return CEL_LESS;
    case CEL_GREATER_EQUAL:
        return CEL_LESS_EQUAL;
    default:
        return operator_;
    }
}

static bool test_operator(enum cel_operator operator_, enum cel_test_operator *test)
{
    static const struct {
        enum cel_operator operator_;
        enum cel_test_operator test;
    } table[] = {{CEL_EQUAL, CEL_TEST_EQUAL},
                 {CEL_LESS, CEL_TEST_LESS},
                 {CEL_LESS_EQUAL, CEL_TEST_LESS_EQUAL},
                 {CEL_GREATER, CEL_TEST_GREATER},
                 {CEL_IN, CEL_TEST_IN},
                 {CEL_GREATER_EQUAL, CEL_TEST_GREATER_EQUAL}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].operator_ == operator_) {
            *test = table[i].test;
            return true;
        }
    }
    return false;
}

static bool read_test(struct cel_compiler *compiler, struct cel_node *term, struct cel_test *test)
{
    if (term->kind != CEL_NODE_BINARY) {
        test->operator_ = CEL_TEST_EQUAL;
        test->literal = value_bool(true);
        return read_path(compiler, term, test);
    }
    enum cel_operator operator_ = term->detail;
    struct cel_node *left = term->target, *right = term->args[0];
    if (operator_ != CEL_IN && right->kind != CEL_NODE_LITERAL && left->kind == CEL_NODE_LITERAL) {
        left = term->args[0];
        right = term->target;
        operator_ = mirrored(operator_);
    }
    return test_operator(operator_, &test->operator_) && read_literal(compiler, right, &test->literal) &&
           (test->operator_ == CEL_TEST_IN) == (test->literal.kind == VALUE_LIST) &&
           read_path(compiler, left, test);
}

/* A term, or all terms of an && within. */
static void find_tests(struct cel_compiler *compiler, struct cel_node *term)
{
    struct cel_program *program = compiler->program;
    struct cel_test test;
    if (term->kind == CEL_NODE_LOGIC && term->detail == CEL_AND)
        for (uint32_t i = 0; i < term->arg_count; i++)
            find_tests(compiler, term->args[i]);
    else if (read_test(compiler, term, &test))
        *ARENA_PUSH(compiler->arena, &program->tests, &program->test_count, &compiler->test_capacity) =
            test;
    else
        program->tests_are_all = false;
}

void cel_find_tests(struct cel_compiler *compiler, struct cel_node *root)
{
    compiler->program->tests_are_all = true;
    find_tests(compiler, root);
}
