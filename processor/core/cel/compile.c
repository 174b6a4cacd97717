/* The syntax tree becomes code. One walk resolves names, checks, folds constants and emits. */
#include "core/cel/compile.h"
#include "core/cel/regex.h"

void cel_compile_fail(struct cel_compiler *compiler, enum err error, struct cel_place place,
                      const char *format, ...)
{
    if (compiler->error != ERR_OK)
        return;
    va_list arguments;
    va_start(arguments, format);
    compiler->message = arena_vprintf(compiler->arena, format, arguments);
    va_end(arguments);
    compiler->error = error;
    compiler->place = place;
}

size_t cel_emit_op(struct cel_compiler *compiler, struct cel_place place,
                   struct cel_instruction instruction, int stack_change)
{
    struct cel_program *program = compiler->program;
    size_t place_count = program->code_size;
    *ARENA_PUSH(compiler->arena, &program->code, &program->code_size, &compiler->code_capacity) =
        instruction;
    *ARENA_PUSH(compiler->arena, &program->places, &place_count, &compiler->place_capacity) = place;
    compiler->stack = (uint32_t)((int)compiler->stack + stack_change);
    if (compiler->stack > program->max_stack)
        program->max_stack = compiler->stack;
    return program->code_size - 1;
}

uint32_t cel_add_name(struct cel_compiler *compiler, struct span name)
{
    struct cel_program *program = compiler->program;
    for (size_t i = 0; i < program->name_count; i++)
        if (span_equal(program->names[i], name))
            return (uint32_t)i;
    *ARENA_PUSH(compiler->arena, &program->names, &program->name_count, &compiler->name_capacity) =
        arena_copy(compiler->arena, name);
    return (uint32_t)program->name_count - 1;
}

static uint32_t here(const struct cel_compiler *compiler)
{
    return (uint32_t)compiler->program->code_size;
}

static struct cel_instruction *instruction_at(struct cel_compiler *compiler, size_t at)
{
    return &compiler->program->code[at];
}

/* ---- constants ---- */

static struct cel_fact emit_constant(struct cel_compiler *compiler, struct cel_place place,
                                     struct value value)
{
    struct cel_program *program = compiler->program;
    *ARENA_PUSH(compiler->arena, &program->constants, &program->constant_count,
                &compiler->constant_capacity) = value;
    cel_emit_op(compiler, place,
                (struct cel_instruction){.op = CEL_OP_CONSTANT, .c = (uint32_t)program->constant_count - 1},
                1);
    return (struct cel_fact){(enum value_kind)value.kind, true};
}

struct value cel_last_constant(const struct cel_compiler *compiler)
{
    const struct cel_program *program = compiler->program;
    return program->constants[program->code[program->code_size - 1].c];
}

struct cel_fact cel_fold(struct cel_compiler *compiler, size_t start, struct cel_place place,
                         struct cel_fact fact)
{
    struct cel_program *program = compiler->program;
    fact.constant = false;
    if (compiler->error != ERR_OK)
        return fact;
    static const struct cel_activation nothing = {0};
    struct cel_run run = {.activation = &nothing, .arena = compiler->arena, .steps = CEL_DEFAULT_STEPS};
    uint32_t stack = compiler->stack;
    cel_emit_op(compiler, place, (struct cel_instruction){.op = CEL_OP_RETURN}, 0);
    struct value value = cel_run_from(program, start, &run);
    program->code_size -= 1;
    if (cel_is_fault(value))
        return fact;
    /* The constants of the operands are the newest ones; they are not needed any more. */
    for (size_t i = start; i < program->code_size; i++)
        program->constant_count -= program->code[i].op == CEL_OP_CONSTANT;
    program->code_size = start;
    compiler->stack = stack - 1;
    return emit_constant(compiler, place, value);
}

/* ---- names and selections ---- */

/* The attribute that `node` selects from its target by name or by a literal string index; false: otherwise.
 */
static bool selected_attribute(const struct cel_node *node, struct span *name)
{
    if (node->kind == CEL_NODE_SELECT || node->kind == CEL_NODE_HAS) {
        *name = node->name;
        return true;
    }
    if (node->kind != CEL_NODE_INDEX || node->args[0]->kind != CEL_NODE_LITERAL ||
        node->args[0]->value.kind != VALUE_STRING)
        return false;
    *name = value_span(node->args[0]->value);
    return true;
}

static struct cel_fact emit_variable(struct cel_compiler *compiler, const struct cel_node *end,
                                     const struct cel_node *top, uint32_t slot)
{
    struct span attribute;
    bool selected = end != top && selected_attribute(end->up, &attribute);
    cel_note_read(compiler, slot, selected ? &attribute : NULL);
    cel_emit_op(compiler, end->place, (struct cel_instruction){.op = CEL_OP_VARIABLE, .c = slot}, 1);
    return (struct cel_fact){.kind = VALUE_KIND_COUNT};
}

/* Emits what a name stands for and returns the node at which it ends. */
static struct cel_node *emit_name(struct cel_compiler *compiler, struct cel_node *node,
                                  const struct cel_node *top, struct cel_fact *fact)
{
    struct cel_name name = cel_resolve(compiler, node, top);
    *fact = (struct cel_fact){.kind = VALUE_KIND_COUNT};
    switch (name.kind) {
    case CEL_NAME_ITEM:
        cel_emit_op(compiler, node->place,
                    (struct cel_instruction){.op = CEL_OP_ITEM, .b = (uint16_t)name.slot}, 1);
        break;
    case CEL_NAME_VARIABLE:
        *fact = emit_variable(compiler, name.end, top, name.slot);
        break;
    case CEL_NAME_TYPE:
        *fact = emit_constant(compiler, node->place, name.type);
        break;
    case CEL_NAME_UNKNOWN:
        if (compiler->options->check)
            cel_compile_fail(compiler, ERR_INVALID, node->place, "unknown variable '%.*s'; %.*s",
                             SPAN_PRINTF(node->name), SPAN_PRINTF(cel_known_names(compiler)));
        cel_emit_op(compiler, node->place,
                    (struct cel_instruction){.op = CEL_OP_FAULT,
                                             .a = CEL_FAULT_UNKNOWN_NAME,
                                             .c = cel_add_name(compiler, node->name)},
                    1);
        break;
    }
    return name.end;
}

static void check_kind(struct cel_compiler *compiler, struct cel_place place, const char *what,
                       uint32_t allowed, enum value_kind kind)
{
    if (compiler->options->check && kind != VALUE_KIND_COUNT && (allowed >> kind & 1) == 0)
        cel_compile_fail(compiler, ERR_TYPE, place, "%s, not %s", what, cel_kind_text(kind));
}

/* .name, has(.name) or ["name"] on the value on the stack. */
static struct cel_fact emit_select(struct cel_compiler *compiler, const struct cel_node *node,
                                   struct span name, struct cel_fact target, size_t start)
{
    check_kind(compiler, node->place, "only a map has members", 1u << VALUE_MAP, target.kind);
    bool has = node->kind == CEL_NODE_HAS;
    uint32_t index = cel_add_name(compiler, name);
    struct cel_instruction *last = instruction_at(compiler, compiler->program->code_size - 1);
    if (!has && last->op == CEL_OP_VARIABLE && here(compiler) == start + 1) {
        *last = (struct cel_instruction){.op = CEL_OP_ATTRIBUTE, .b = (uint16_t)last->c, .c = index};
        compiler->program->places[start] = node->place;
    } else {
        cel_emit_op(compiler, node->place,
                    (struct cel_instruction){.op = has ? CEL_OP_HAS : CEL_OP_SELECT, .c = index}, 0);
    }
    struct cel_fact fact = {.kind = has ? VALUE_BOOL : VALUE_KIND_COUNT};
    return target.constant ? cel_fold(compiler, start, node->place, fact) : fact;
}

static struct cel_fact emit_index(struct cel_compiler *compiler, const struct cel_node *node,
                                  struct cel_fact target, size_t start)
{
    struct span name;
    if (selected_attribute(node, &name) && target.kind != VALUE_LIST)
        return emit_select(compiler, node, name, target, start);
    check_kind(compiler, node->place, "only a list or a map has elements",
               1u << VALUE_LIST | 1u << VALUE_MAP, target.kind);
    struct cel_fact index = cel_emit(compiler, node->args[0]);
    cel_emit_op(compiler, node->place, (struct cel_instruction){.op = CEL_OP_INDEX}, -1);
    struct cel_fact fact = {.kind = VALUE_KIND_COUNT};
    return target.constant && index.constant ? cel_fold(compiler, start, node->place, fact) : fact;
}

/* ---- operators ---- */

static struct cel_fact emit_unary(struct cel_compiler *compiler, const struct cel_node *node,
                                  struct cel_fact target, size_t start)
{
    bool clash;
    struct cel_fact fact = {.kind = cel_unary_kind(node->detail, target.kind, &clash)};
    if (clash && compiler->options->check)
        cel_compile_fail(compiler, ERR_TYPE, node->place, "%s does not take %s",
                         cel_operator_text(node->detail), cel_kind_text(target.kind));
    cel_emit_op(compiler, node->place, (struct cel_instruction){.op = CEL_OP_UNARY, .a = node->detail}, 0);
    return target.constant ? cel_fold(compiler, start, node->place, fact) : fact;
}

/* Attribute, constant, comparison become one CEL_OP_TEST before the comparison. */
static void fuse_test(struct cel_compiler *compiler, size_t start)
{
    struct cel_program *program = compiler->program;
    if (here(compiler) != start + 3 || instruction_at(compiler, start)->op != CEL_OP_ATTRIBUTE)
        return;
    struct cel_instruction *attribute = instruction_at(compiler, start);
    struct cel_instruction *comparison = instruction_at(compiler, start + 2);
    attribute->op = CEL_OP_TEST;
    attribute->a = comparison->a;
    attribute->d = instruction_at(compiler, start + 1)->c;
    program->code[start + 1] = *comparison;
    program->places[start + 1] = program->places[start + 2];
    program->code_size -= 1;
}

static struct cel_fact emit_binary(struct cel_compiler *compiler, const struct cel_node *node,
                                   struct cel_fact left, size_t start)
{
    struct cel_fact right = cel_emit(compiler, node->args[0]);
    struct cel_fact fact = {.kind = VALUE_KIND_COUNT};
    if (compiler->options->check) {
        bool clash;
        fact.kind = cel_binary_kind(compiler, node->detail, left.kind, right.kind, &clash);
        if (clash)
            cel_compile_fail(
                compiler, ERR_TYPE, node->place, "%s %s %s makes no sense%s", cel_kind_text(left.kind),
                cel_operator_text(node->detail), cel_kind_text(right.kind),
                node->detail <= CEL_REMAINDER ? "; convert with int(), double() or string()" : "");
    }
    cel_emit_op(compiler, node->place, (struct cel_instruction){.op = CEL_OP_BINARY, .a = node->detail},
                -1);
    if (right.constant && node->detail >= CEL_EQUAL && node->detail <= CEL_GREATER_EQUAL)
        fuse_test(compiler, start);
    return left.constant && right.constant ? cel_fold(compiler, start, node->place, fact) : fact;
}

static struct cel_fact emit_logic(struct cel_compiler *compiler, const struct cel_node *node)
{
    size_t start = here(compiler);
    size_t *jumps = ARENA_ARRAY(compiler->arena, size_t, node->arg_count);
    bool constant = true;
    for (uint32_t i = 0; i < node->arg_count; i++) {
        struct cel_fact term = cel_emit(compiler, node->args[i]);
        check_kind(compiler, node->args[i]->place,
                   node->detail == CEL_AND ? "&& joins conditions" : "|| joins conditions",
                   1u << VALUE_BOOL, term.kind);
        constant = constant && term.constant;
        struct cel_instruction logic = {.op = i == 0 ? CEL_OP_LOGIC_1 : CEL_OP_LOGIC, .a = node->detail};
        jumps[i] = cel_emit_op(compiler, node->place, logic, i == 0 ? 0 : -1);
    }
    for (uint32_t i = 0; i < node->arg_count; i++)
        instruction_at(compiler, jumps[i])->c = here(compiler);
    struct cel_fact fact = {.kind = VALUE_BOOL};
    return constant ? cel_fold(compiler, start, node->place, fact) : fact;
}

static struct cel_fact emit_conditional(struct cel_compiler *compiler, const struct cel_node *node)
{
    size_t start = here(compiler);
    struct cel_fact condition = cel_emit(compiler, node->args[0]);
    check_kind(compiler, node->place, "what stands before ? is a condition", 1u << VALUE_BOOL,
               condition.kind);
    size_t branch = cel_emit_op(compiler, node->place, (struct cel_instruction){.op = CEL_OP_BRANCH}, -1);
    struct cel_fact yes = cel_emit(compiler, node->args[1]);
    size_t jump = cel_emit_op(compiler, node->place, (struct cel_instruction){.op = CEL_OP_JUMP}, -1);
    instruction_at(compiler, branch)->c = here(compiler);
    struct cel_fact no = cel_emit(compiler, node->args[2]);
    instruction_at(compiler, jump)->c = here(compiler);
    instruction_at(compiler, branch)->d = here(compiler);
    struct cel_fact fact = {.kind = yes.kind == no.kind ? yes.kind : VALUE_KIND_COUNT};
    return condition.constant && yes.constant && no.constant ? cel_fold(compiler, start, node->place, fact)
                                                             : fact;
}

/* ---- macros ---- */

static struct cel_fact emit_macro(struct cel_compiler *compiler, const struct cel_node *node,
                                  struct cel_fact range)
{
    check_kind(compiler, node->place, "a macro goes over a list or a map",
               1u << VALUE_LIST | 1u << VALUE_MAP, range.kind);
    struct cel_scope scope = {
        .name = node->name, .loop = (uint16_t)compiler->loops, .outer = compiler->scope};
    struct cel_instruction step = {.a = node->detail, .b = scope.loop};
    compiler->loops += 1;
    if (compiler->loops > compiler->program->max_loops)
        compiler->program->max_loops = compiler->loops;
    compiler->scope = &scope;
    step.op = CEL_OP_LOOP;
    size_t loop = cel_emit_op(compiler, node->place, step, -1);
    uint32_t body = here(compiler);
    step.c = body;
    size_t filter = 0;
    for (uint32_t i = 0; i < node->arg_count; i++) {
        struct cel_fact argument = cel_emit(compiler, node->args[i]);
        bool is_image = node->detail >= CEL_MACRO_MAP && i + 1 == node->arg_count;
        if (!is_image)
            check_kind(compiler, node->args[i]->place, "the macro's predicate is a condition",
                       1u << VALUE_BOOL, argument.kind);
        step.op = i + 1 == node->arg_count ? CEL_OP_NEXT : CEL_OP_FILTER;
        size_t at = cel_emit_op(compiler, node->place, step, step.op == CEL_OP_NEXT ? 0 : -1);
        if (step.op == CEL_OP_FILTER)
            filter = at;
    }
    instruction_at(compiler, loop)->c = here(compiler);
    if (filter != 0)
        instruction_at(compiler, filter)->d = here(compiler);
    compiler->scope = scope.outer;
    compiler->loops -= 1;
    return (struct cel_fact){.kind = node->detail >= CEL_MACRO_FILTER ? VALUE_LIST : VALUE_BOOL};
}

/* ---- the walk ---- */

static struct cel_fact emit_elements(struct cel_compiler *compiler, const struct cel_node *node)
{
    size_t start = here(compiler);
    bool constant = true;
    for (uint32_t i = 0; i < node->arg_count; i++)
        constant = cel_emit(compiler, node->args[i]).constant && constant;
    bool is_list = node->kind == CEL_NODE_LIST;
    cel_emit_op(compiler, node->place,
                (struct cel_instruction){.op = is_list ? CEL_OP_LIST : CEL_OP_MAP, .c = node->arg_count},
                1 - (int)node->arg_count);
    struct cel_fact fact = {.kind = is_list ? VALUE_LIST : VALUE_MAP};
    return constant ? cel_fold(compiler, start, node->place, fact) : fact;
}

/* A node without a target; returns the node of the chain that it takes up (itself, or the end of a dotted
 * name). */
static struct cel_node *emit_leaf(struct cel_compiler *compiler, struct cel_node *node,
                                  const struct cel_node *top, struct cel_fact *fact)
{
    switch ((enum cel_node_kind)node->kind) {
    case CEL_NODE_NAME:
        return emit_name(compiler, node, top, fact);
    case CEL_NODE_CALL:
        *fact = cel_emit_call(compiler, node, (struct cel_fact){.kind = VALUE_KIND_COUNT}, here(compiler));
        return node;
    case CEL_NODE_LIST:
    case CEL_NODE_MAP:
        *fact = emit_elements(compiler, node);
        return node;
    case CEL_NODE_LOGIC:
        *fact = emit_logic(compiler, node);
        return node;
    case CEL_NODE_CONDITIONAL:
        *fact = emit_conditional(compiler, node);
        return node;
    default: /* CEL_NODE_LITERAL */
        if (node->value.kind == VALUE_STRING || node->value.kind == VALUE_BYTES)
            node->value.bytes = arena_copy(compiler->arena, value_span(node->value)).data;
        *fact = emit_constant(compiler, node->place, node->value);
        return node;
    }
}

/* The rest of a node whose target's value is on the stack. */
static struct cel_fact emit_rest(struct cel_compiler *compiler, struct cel_node *node,
                                 struct cel_fact target, size_t start)
{
    switch ((enum cel_node_kind)node->kind) {
    case CEL_NODE_SELECT:
    case CEL_NODE_HAS:
        return emit_select(compiler, node, node->name, target, start);
    case CEL_NODE_INDEX:
        return emit_index(compiler, node, target, start);
    case CEL_NODE_CALL:
        return cel_emit_call(compiler, node, target, start);
    case CEL_NODE_UNARY:
        return emit_unary(compiler, node, target, start);
    case CEL_NODE_BINARY:
        return emit_binary(compiler, node, target, start);
    default: /* CEL_NODE_MACRO */
        return emit_macro(compiler, node, target);
    }
}

struct cel_fact cel_emit(struct cel_compiler *compiler, struct cel_node *top)
{
    size_t start = here(compiler);
    struct cel_node *node = top;
    for (; node->target != NULL; node = node->target)
        node->target->up = node;
    struct cel_fact fact;
    node = emit_leaf(compiler, node, top, &fact);
    while (node != top) {
        node = node->up;
        fact = emit_rest(compiler, node, fact, start);
    }
    return fact;
}

/* ---- the whole ---- */

static struct cel_program *new_program(struct cel_compiler *compiler)
{
    const struct cel_options *options = compiler->options;
    struct cel_program *program = ARENA_NEW(compiler->arena, struct cel_program);
    program->slot_count = options->variable_count;
    program->slots = ARENA_ARRAY(compiler->arena, struct cel_slot_reads, options->variable_count);
    program->variables = ARENA_ARRAY(compiler->arena, struct span, options->variable_count);
    for (size_t i = 0; i < options->variable_count; i++)
        program->variables[i] = arena_copy(compiler->arena, options->variables[i]);
    return program;
}

static enum err fail(struct diag *diag, enum err error, struct cel_place place, struct span message)
{
    return diag_set(diag, error, (int)place.line, (int)place.column, "%.*s", SPAN_PRINTF(message));
}

enum err cel_compile(const struct cel_options *options, struct span source, struct arena *arena,
                     struct cel_program **program, struct diag *diag)
{
    uint32_t most = options->max_source_bytes == 0 ? CEL_DEFAULT_SOURCE_BYTES : options->max_source_bytes;
    *program = NULL;
    if (options->variable_count > CEL_MAX_VARIABLES)
        return diag_set(diag, ERR_LIMIT, 0, 0, "more than %d variables", CEL_MAX_VARIABLES);
    if (source.size > most)
        return diag_set(diag, ERR_LIMIT, 0, 0, "the expression is longer than %u bytes", most);
    if (!cel_is_utf8(source, NULL))
        return diag_set(diag, ERR_SYNTAX, 0, 0, "the expression is not UTF-8");
    struct cel_parse parse = {
        .source = source,
        .arena = arena,
        .max_depth = options->max_depth == 0 ? CEL_DEFAULT_DEPTH : options->max_depth,
    };
    if (cel_parse_source(&parse) != ERR_OK)
        return fail(diag, parse.error, parse.place, parse.message);
    struct cel_compiler compiler = {.options = options, .arena = arena};
    compiler.program = new_program(&compiler);
    compiler.program->result_kind = cel_emit(&compiler, parse.root).kind;
    cel_emit_op(&compiler, (struct cel_place){1, 1}, (struct cel_instruction){.op = CEL_OP_RETURN}, 0);
    if (compiler.error != ERR_OK) {
        cel_program_close(compiler.program);
        return fail(diag, compiler.error, compiler.place, compiler.message);
    }
    cel_find_tests(&compiler, parse.root);
    *program = compiler.program;
    return ERR_OK;
}

void cel_program_close(struct cel_program *program)
{
    if (program == NULL)
        return;
    for (size_t i = 0; i < program->regex_count; i++)
        cel_regex_free(program->regexes[i]);
    program->regex_count = 0;
    for (size_t i = 0; i < program->counter_count; i++)
        cel_program_close((struct cel_program *)(uintptr_t)program->counters[i].predicate);
}
