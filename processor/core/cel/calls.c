/* Function calls: the standard functions, count() and last(). */
#include "base/duration.h"
#include "base/nearest.h"
#include "core/cel/compile.h"
#include "core/cel/regex.h"

static struct cel_fact emit_fault(struct cel_compiler *compiler, const struct cel_node *node,
                                  enum cel_fault fault)
{
    cel_emit_op(compiler, node->place,
                (struct cel_instruction){
                    .op = CEL_OP_FAULT, .a = (uint8_t)fault, .c = cel_add_name(compiler, node->name)},
                1);
    return (struct cel_fact){.kind = VALUE_KIND_COUNT};
}

/* ---- counters ---- */

static bool is_text_literal(const struct cel_node *node)
{
    return node->kind == CEL_NODE_LITERAL && node->value.kind == VALUE_STRING;
}

/* The event name in the first argument. */
static bool read_event_name(struct cel_compiler *compiler, const struct cel_node *node, struct span *name)
{
    if (!is_text_literal(node->args[0])) {
        cel_compile_fail(compiler, ERR_INVALID, node->args[0]->place,
                         "the event name given to %.*s() must be a string literal",
                         SPAN_PRINTF(node->name));
        return false;
    }
    *name = arena_copy(compiler->arena, value_span(node->args[0]->value));
    return true;
}

static bool compile_predicate(struct cel_compiler *compiler, struct cel_node *node,
                              struct cel_counter *counter)
{
    static const struct span it[] = {{"it", 2}};
    struct cel_options options = *compiler->options;
    options.variables = it;
    options.variable_count = 1;
    options.counters = false;
    options.check = true;
    counter->predicate_text = cel_node_print(node, compiler->arena);
    struct cel_program *predicate = NULL;
    struct diag diag;
    enum err error = cel_compile(&options, counter->predicate_text, compiler->arena, &predicate, &diag);
    if (error != ERR_OK) {
        cel_compile_fail(compiler, error, node->place, "in the predicate of count(): %s", diag.text);
        return false;
    }
    counter->predicate = predicate;
    if (predicate->result_kind != VALUE_BOOL && predicate->result_kind != VALUE_KIND_COUNT) {
        cel_compile_fail(compiler, ERR_TYPE, node->place, "the predicate of count() is %s, not a condition",
                         cel_kind_text(predicate->result_kind));
        return false;
    }
    return true;
}

/* The index of an equal counter of the program, or of the new one. */
static uint32_t add_counter(struct cel_compiler *compiler, struct cel_counter counter)
{
    struct cel_program *program = compiler->program;
    for (size_t i = 0; i < program->counter_count; i++) {
        const struct cel_counter *other = &program->counters[i];
        if (span_equal(other->name, counter.name) && other->window_ms == counter.window_ms &&
            span_equal(other->predicate_text, counter.predicate_text)) {
            cel_program_close((struct cel_program *)(uintptr_t)counter.predicate);
            return other->index;
        }
    }
    counter.index = (uint32_t)program->counter_count;
    *ARENA_PUSH(compiler->arena, &program->counters, &program->counter_count, &compiler->counter_capacity) =
        counter;
    return counter.index;
}

/* Reads the arguments of count(); false when the compiler has an error. */
static bool read_counter(struct cel_compiler *compiler, struct cel_node *node, struct cel_counter *counter)
{
    if (node->arg_count != 2 && node->arg_count != 3) {
        cel_compile_fail(compiler, ERR_INVALID, node->place,
                         "count() takes an event name, a window and perhaps a predicate over `it`");
        return false;
    }
    if (!read_event_name(compiler, node, &counter->name))
        return false;
    const struct cel_node *window = node->args[1];
    if (!is_text_literal(window) ||
        duration_parse_ms(value_span(window->value), &counter->window_ms) != ERR_OK ||
        counter->window_ms == 0) {
        cel_compile_fail(
            compiler, ERR_INVALID, window->place,
            "the window of count() must be a string literal with a duration, such as \"30d\" or "
            "\"1h30m\"");
        return false;
    }
    return node->arg_count == 2 || compile_predicate(compiler, node->args[2], counter);
}

static struct cel_fact emit_count(struct cel_compiler *compiler, struct cel_node *node)
{
    struct cel_counter counter = {0};
    if (!read_counter(compiler, node, &counter)) {
        cel_program_close((struct cel_program *)(uintptr_t)counter.predicate);
        return emit_fault(compiler, node,
                          CEL_FAULT_UNKNOWN_FUNCTION); /* never run, but code must stand here */
    }
    cel_emit_op(compiler, node->place,
                (struct cel_instruction){.op = CEL_OP_COUNT, .c = add_counter(compiler, counter)}, 1);
    return (struct cel_fact){.kind = VALUE_INT};
}

static struct cel_fact emit_last(struct cel_compiler *compiler, struct cel_node *node)
{
    struct cel_program *program = compiler->program;
    struct span name;
    if (node->arg_count != 1)
        cel_compile_fail(compiler, ERR_INVALID, node->place, "last() takes an event name");
    if (node->arg_count != 1 || !read_event_name(compiler, node, &name))
        return emit_fault(compiler, node, CEL_FAULT_UNKNOWN_FUNCTION); /* as above */
    uint32_t index = 0;
    while (index < program->last_name_count && !span_equal(program->last_names[index], name))
        index++;
    if (index == program->last_name_count)
        *ARENA_PUSH(compiler->arena, &program->last_names, &program->last_name_count,
                    &compiler->last_capacity) = name;
    cel_emit_op(compiler, node->place, (struct cel_instruction){.op = CEL_OP_LAST, .c = index}, 1);
    return (struct cel_fact){.kind = VALUE_KIND_COUNT}; /* a timestamp or null */
}

/* ---- standard functions ---- */

/* The index in cel_functions, or cel_function_count; *named: there is one of that name and style, whatever
 * it takes. */
static size_t find_function(struct span name, bool receiver, uint32_t arg_count, bool *named)
{
    *named = false;
    for (size_t i = 0; i < cel_function_count; i++) {
        const struct cel_function *function = &cel_functions[i];
        if (function->receiver != receiver || !span_equal_text(name, function->name))
            continue;
        *named = true;
        if (function->arg_count == arg_count)
            return i;
    }
    return cel_function_count;
}

/* Says why a call fits no function. */
static void explain_unknown(struct cel_compiler *compiler, const struct cel_node *node, bool named)
{
    bool receiver = node->target != NULL, named_otherwise;
    (void)find_function(node->name, !receiver, 0, &named_otherwise);
    if (named)
        cel_compile_fail(compiler, ERR_INVALID, node->place, "%.*s() does not take %u argument%s",
                         SPAN_PRINTF(node->name), node->arg_count, node->arg_count == 1 ? "" : "s");
    else if (named_otherwise)
        cel_compile_fail(compiler, ERR_INVALID, node->place, "%.*s() is called as %s",
                         SPAN_PRINTF(node->name),
                         receiver ? "a function: name(value)" : "a method: value.name(…)");
    else {
        const char *nearest =
            nearest_name(node->name, &cel_functions[0].name, sizeof *cel_functions, cel_function_count);
        cel_compile_fail(compiler, ERR_INVALID, node->place, "unknown function '%.*s'%s%s%s",
                         SPAN_PRINTF(node->name), nearest == NULL ? "" : "; did you mean '",
                         nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
    }
}

static void check_argument(struct cel_compiler *compiler, const struct cel_function *function, uint32_t at,
                           struct cel_place place, enum value_kind kind)
{
    if (!compiler->options->check || kind == VALUE_KIND_COUNT || (function->kinds[at] >> kind & 1) != 0)
        return;
    bool first = false;
    struct span wanted = SPAN_LITERAL("");
    for (int other = 0; other < VALUE_KIND_COUNT; other++) {
        if ((function->kinds[at] >> other & 1) == 0)
            continue;
        wanted = arena_printf(compiler->arena, "%.*s%s%s", SPAN_PRINTF(wanted), first ? " or " : "",
                              cel_kind_text((enum value_kind)other));
        first = true;
    }
    cel_compile_fail(compiler, ERR_TYPE, place, "%s() takes %.*s here, not %s", function->name,
                     SPAN_PRINTF(wanted), cel_kind_text(kind));
}

/* matches() with a literal pattern: the pattern, on the stack now, is compiled once. False when it is none.
 */
static bool emit_match(struct cel_compiler *compiler, const struct cel_node *node)
{
    struct cel_program *program = compiler->program;
    struct value pattern = cel_last_constant(compiler);
    struct cel_regex *regex = pattern.kind == VALUE_STRING ? cel_regex_new(value_span(pattern)) : NULL;
    if (regex == NULL) {
        if (compiler->options->check && pattern.kind == VALUE_STRING)
            cel_compile_fail(compiler, ERR_INVALID, node->place,
                             "the pattern is not an RE2 regular expression");
        return false;
    }
    program->code_size -= 1;
    compiler->stack -= 1;
    uint32_t index = (uint32_t)program->regex_count;
    *ARENA_PUSH(compiler->arena, &program->regexes, &program->regex_count, &compiler->regex_capacity) =
        regex;
    cel_emit_op(compiler, node->place, (struct cel_instruction){.op = CEL_OP_MATCH, .c = index}, 0);
    return true;
}

struct cel_fact cel_emit_call(struct cel_compiler *compiler, struct cel_node *node,
                              struct cel_fact receiver, size_t start)
{
    bool has_target = node->target != NULL;
    if (!has_target && compiler->options->counters && span_equal_text(node->name, "count"))
        return emit_count(compiler, node);
    if (!has_target && compiler->options->counters && span_equal_text(node->name, "last"))
        return emit_last(compiler, node);
    uint32_t count = node->arg_count + has_target;
    bool named;
    size_t index = find_function(node->name, has_target, count, &named);
    if (index == cel_function_count) {
        if (compiler->options->check)
            explain_unknown(compiler, node, named);
        if (has_target) { /* the fault takes the receiver's place */
            compiler->program->code_size = start;
            compiler->stack -= 1;
        }
        return emit_fault(compiler, node, named ? CEL_FAULT_NO_OVERLOAD : CEL_FAULT_UNKNOWN_FUNCTION);
    }
    const struct cel_function *function = &cel_functions[index];
    bool constant = !has_target || receiver.constant, last_constant = receiver.constant;
    if (has_target)
        check_argument(compiler, function, 0, node->place, receiver.kind);
    for (uint32_t i = 0; i < node->arg_count; i++) {
        struct cel_fact argument = cel_emit(compiler, node->args[i]);
        check_argument(compiler, function, i + has_target, node->args[i]->place, argument.kind);
        constant = constant && argument.constant;
        last_constant = argument.constant;
    }
    struct cel_fact fact = {.kind = (enum value_kind)function->result, .constant = constant};
    bool matched =
        function->body == cel_matches && last_constant && !constant && emit_match(compiler, node);
    if (!matched)
        cel_emit_op(compiler, node->place,
                    (struct cel_instruction){.op = CEL_OP_CALL, .b = (uint16_t)count, .c = (uint32_t)index},
                    1 - (int)count);
    if (!constant || function->needs_world) {
        fact.constant = false;
        return fact;
    }
    fact = cel_fold(compiler, start, node->place, fact);
    if (function->result == VALUE_KIND_COUNT) /* dyn(): its very use is that nothing is known */
        fact.kind = VALUE_KIND_COUNT;
    return fact;
}
