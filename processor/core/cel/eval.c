/* The stack machine. */
#include "core/cel/loop.h"
#include "core/cel/program.h"
#include "core/cel/regex.h"

static inline struct value faulted(struct value value, const struct cel_program *program,
                                   const struct cel_instruction *at)
{
    if (__builtin_expect(cel_is_fault(value), 0))
        value.integer = at - program->code;
    return value;
}

#define FAULT(name) faulted(cel_fault(CEL_FAULT_##name), program, at)

static inline bool is_bool(struct value value, bool boolean)
{
    return value.kind == VALUE_BOOL && value.boolean == boolean;
}

/* --- reading
 * ---------------------------------------------------------------------------------------------- */

static inline bool is_unbound(const struct cel_run *run, uint32_t slot)
{
    uint64_t unbound = run->activation->unbound;
    return __builtin_expect(unbound != 0, 0) && slot < CEL_TRACKED_SLOTS && (unbound >> slot & 1) != 0;
}

/* memcmp(a, b, size) == 0, without a call for names of usual length: overlapping words cover them. */
static inline bool equal_bytes(const char *a, const char *b, size_t size)
{
    if (size > 16)
        return memcmp(a, b, size) == 0;
    if (size >= 8) {
        uint64_t heads[2], tails[2];
        memcpy(&heads[0], a, 8);
        memcpy(&heads[1], b, 8);
        memcpy(&tails[0], a + size - 8, 8);
        memcpy(&tails[1], b + size - 8, 8);
        return ((heads[0] ^ heads[1]) | (tails[0] ^ tails[1])) == 0;
    }
    if (size >= 4) {
        uint32_t heads[2], tails[2];
        memcpy(&heads[0], a, 4);
        memcpy(&heads[1], b, 4);
        memcpy(&tails[0], a + size - 4, 4);
        memcpy(&tails[1], b + size - 4, 4);
        return ((heads[0] ^ heads[1]) | (tails[0] ^ tails[1])) == 0;
    }
    for (size_t i = 0; i < size; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

/* value_member_find, inlined: it is half of what a filter costs. */
static inline const struct value *find_key(const struct value *map, struct span name)
{
    const struct value_member *end = map->members + map->size;
    for (const struct value_member *member = map->members; member < end; member++)
        if (member->key.size == name.size && member->key.kind == VALUE_STRING &&
            equal_bytes(member->key.bytes, name.data, name.size))
            return &member->value;
    return NULL;
}

/* The member of a map, or NULL and why not. `map` may be anything but a fault. */
static inline const struct value *find_member(struct cel_run *run, const struct value *map,
                                              struct span name, enum cel_fault *fault)
{
    *fault = CEL_FAULT_NO_SELECTION;
    if (map->kind != VALUE_MAP)
        return NULL;
    *fault = CEL_FAULT_NO_ATTRIBUTE;
    (void)cel_spend_items(run, map->size);
    return find_key(map, name);
}

/* The attribute of the variable in a slot, or NULL and why not. */
static inline const struct value *find_attribute(struct cel_run *run, uint32_t slot, struct span name,
                                                 enum cel_fault *fault)
{
    *fault = CEL_FAULT_UNBOUND;
    return is_unbound(run, slot) ? NULL : find_member(run, &run->activation->variables[slot], name, fault);
}

static struct value read_variable(struct cel_run *run, uint32_t slot)
{
    return is_unbound(run, slot) ? cel_fault(CEL_FAULT_UNBOUND) : run->activation->variables[slot];
}

static struct value read_attribute(struct cel_run *run, uint32_t slot, struct span name)
{
    enum cel_fault fault;
    const struct value *found = find_attribute(run, slot, name, &fault);
    return found == NULL ? cel_fault(fault) : *found;
}

static struct value select_name(struct cel_run *run, struct value map, struct span name)
{
    enum cel_fault fault;
    const struct value *found = find_member(run, &map, name, &fault);
    return found == NULL ? cel_fault(fault) : *found;
}

static struct value has_name(struct cel_run *run, struct value map, struct span name)
{
    enum cel_fault fault;
    const struct value *found = find_member(run, &map, name, &fault);
    return found == NULL && fault == CEL_FAULT_NO_SELECTION ? cel_fault(fault) : value_bool(found != NULL);
}

/* --- operators
 * -------------------------------------------------------------------------------------------- */

static struct value apply_binary(struct cel_run *run, enum cel_operator operator_, struct value a,
                                 struct value b)
{
    switch (operator_) {
    case CEL_EQUAL:
        return value_bool(cel_equal(run, a, b));
    case CEL_NOT_EQUAL:
        return value_bool(!cel_equal(run, a, b));
    case CEL_LESS:
    case CEL_LESS_EQUAL:
    case CEL_GREATER:
    case CEL_GREATER_EQUAL:
        return cel_order(run, operator_, a, b);
    case CEL_IN:
        return cel_contains(run, b, a);
    default:
        return cel_arithmetic(run, operator_, a, b);
    }
}

/* Compares an attribute with a constant: the usual cases here, the others in the general way. */
static inline struct value compare_constant(struct cel_run *run, enum cel_operator operator_,
                                            const struct value *a, const struct value *b)
{
    if (a->kind == VALUE_STRING && b->kind == VALUE_STRING && operator_ == CEL_EQUAL)
        return value_bool(a->size == b->size && cel_spend_bytes(run, a->size) &&
                          equal_bytes(a->bytes, b->bytes, a->size));
    if (a->kind == VALUE_DOUBLE && b->kind == VALUE_DOUBLE && operator_ == CEL_GREATER_EQUAL)
        return value_bool(a->real >= b->real);
    if (a->kind == VALUE_DOUBLE && b->kind == VALUE_DOUBLE && operator_ == CEL_LESS)
        return value_bool(a->real < b->real);
    return apply_binary(run, operator_, *a, *b);
}

/* CEL_OP_TEST. What the comparison refuses is told at the instruction after it. */
static inline struct value run_test(struct cel_run *run, const struct cel_program *program,
                                    const struct cel_instruction *at)
{
    enum cel_fault fault;
    const struct value *found = find_attribute(run, at->b, program->names[at->c], &fault);
    if (found == NULL)
        return faulted(cel_fault(fault), program, at);
    return faulted(compare_constant(run, at->a, found, &program->constants[at->d]), program, at + 1);
}

static struct value apply_unary(enum cel_operator operator_, struct value a)
{
    if (operator_ == CEL_NEGATE)
        return cel_negate(a);
    return a.kind == VALUE_BOOL ? value_bool(!a.boolean) : cel_fault(CEL_FAULT_NO_OVERLOAD);
}

/* && and || of a left that does not decide alone with a right, not both bools; see langdef.md, "Logical
 * Operators". */
static void combine(const struct cel_program *program, const struct cel_instruction *at, struct value *left,
                    struct value right)
{
    if (is_bool(right, at->a == CEL_OR))
        *left = right;
    else if (left->kind == VALUE_BOOL && cel_is_fault(right))
        *left = right;
    else if (!cel_is_fault(*left))
        *left = FAULT(NOT_BOOL);
}

static struct value call(struct cel_run *run, const struct cel_program *program,
                         const struct cel_instruction *at, const struct value *args)
{
    const struct cel_function *function = &cel_functions[at->c];
    struct value passed[2] = {{0}, {0}};
    bool fits = true;
    for (uint32_t i = 0; i < function->arg_count; i++) {
        if (cel_is_fault(args[i]))
            return args[i];
        fits = fits && (function->kinds[i] >> args[i].kind & 1) != 0;
        passed[i] = args[i];
    }
    return faulted(fits ? function->body(run, passed) : cel_fault(CEL_FAULT_NO_OVERLOAD), program, at);
}

static struct value match(struct cel_run *run, const struct cel_regex *regex, struct value text)
{
    if (text.kind != VALUE_STRING)
        return cel_is_fault(text) ? text : cel_fault(CEL_FAULT_NO_OVERLOAD);
    if (!cel_spend_bytes(run, text.size))
        return cel_fault(CEL_FAULT_LIMIT);
    return value_bool(cel_regex_match(regex, value_span(text)));
}

/* The first fault among values, or null. */
static struct value first_fault(const struct value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (cel_is_fault(values[i]))
            return values[i];
    return value_null();
}

static struct value make_list(struct cel_run *run, const struct value *values, uint32_t count)
{
    struct value fault = first_fault(values, count);
    if (cel_is_fault(fault))
        return fault;
    if (!cel_spend_items(run, count))
        return cel_fault(CEL_FAULT_LIMIT);
    struct value *items = ARENA_ARRAY(run->arena, struct value, count);
    if (count != 0)
        memcpy(items, values, count * sizeof *items);
    return value_list(items, count);
}

static struct value make_map(struct cel_run *run, const struct value *values, uint32_t count)
{
    struct value fault = first_fault(values, count);
    return cel_is_fault(fault) ? fault : cel_make_map(run, values, count);
}

static struct value ask_host(struct cel_run *run, const struct cel_program *program,
                             const struct cel_instruction *at)
{
    const struct cel_host *host = run->activation->host;
    struct value result = value_null();
    if (host == NULL)
        return cel_fault(CEL_FAULT_NO_HOST);
    enum err error;
    if (at->op == CEL_OP_COUNT) {
        int64_t count = 0;
        error = host->count(host->self, &program->counters[at->c], run->activation->now_ms, &count);
        result = value_int(count);
    } else {
        error = host->last(host->self, program->last_names[at->c], &result);
    }
    if (error == ERR_OK)
        return result;
    run->host_error = error;
    return cel_fault(CEL_FAULT_HOST);
}

/* --- the machine
 * -------------------------------------------------------------------------------------------- */

/* `top` is the next free place of the stack. */
static struct value run_code(const struct cel_program *program, const struct cel_instruction *at,
                             struct cel_run *run, struct value *top, struct cel_loop *loops)
{
    const struct cel_instruction *code = program->code;
    struct value result;
    for (;; at++) {
        if (--run->steps < 0)
            return FAULT(LIMIT);
        switch ((enum cel_opcode)at->op) {
        case CEL_OP_RETURN:
            return top[-1];
        case CEL_OP_CONSTANT:
            *top++ = program->constants[at->c];
            break;
        case CEL_OP_VARIABLE:
            *top++ = faulted(read_variable(run, at->c), program, at);
            break;
        case CEL_OP_ATTRIBUTE:
            *top++ = faulted(read_attribute(run, at->b, program->names[at->c]), program, at);
            break;
        case CEL_OP_ITEM:
            *top++ = loops[at->b].item;
            break;
        case CEL_OP_SELECT:
            if (!cel_is_fault(top[-1]))
                top[-1] = faulted(select_name(run, top[-1], program->names[at->c]), program, at);
            break;
        case CEL_OP_HAS:
            if (!cel_is_fault(top[-1]))
                top[-1] = faulted(has_name(run, top[-1], program->names[at->c]), program, at);
            break;
        case CEL_OP_INDEX:
            top -= 1;
            if (!cel_is_fault(top[-1]))
                top[-1] = cel_is_fault(*top) ? *top : faulted(cel_index(run, top[-1], *top), program, at);
            break;
        case CEL_OP_BINARY:
            top -= 1;
            if (!cel_is_fault(top[-1]))
                top[-1] = cel_is_fault(*top)
                              ? *top
                              : faulted(apply_binary(run, at->a, top[-1], *top), program, at);
            break;
        case CEL_OP_UNARY:
            if (!cel_is_fault(top[-1]))
                top[-1] = faulted(apply_unary(at->a, top[-1]), program, at);
            break;
        case CEL_OP_CALL:
            top -= at->b;
            *top = call(run, program, at, top);
            top += 1;
            break;
        case CEL_OP_MATCH:
            if (!cel_is_fault(top[-1]))
                top[-1] = faulted(match(run, program->regexes[at->c], top[-1]), program, at);
            break;
        case CEL_OP_LIST:
            top -= at->c;
            *top = make_list(run, top, at->c);
            top += 1;
            break;
        case CEL_OP_MAP:
            top -= at->c;
            result = first_fault(top, at->c);
            *top = cel_is_fault(result) ? result : faulted(make_map(run, top, at->c), program, at);
            top += 1;
            break;
        case CEL_OP_JUMP:
            at = code + at->c - 1;
            break;
        case CEL_OP_BRANCH:
            if (is_bool(top[-1], true)) {
                top -= 1;
            } else if (is_bool(top[-1], false)) {
                top -= 1;
                at = code + at->c - 1;
            } else {
                if (!cel_is_fault(top[-1]))
                    top[-1] = FAULT(NOT_BOOL);
                at = code + at->d - 1;
            }
            break;
        case CEL_OP_TEST:
            *top++ = run_test(run, program, at);
            at += 1;
            if (at[1].op != CEL_OP_LOGIC_1)
                break;
            at += 1; /* what follows most often is done here too */
            __attribute__((fallthrough));
        case CEL_OP_LOGIC_1:
            if (is_bool(top[-1], at->a == CEL_OR))
                at = code + at->c - 1;
            break;
        case CEL_OP_LOGIC:
            top -= 1;
            if (top[-1].kind == VALUE_BOOL && top->kind == VALUE_BOOL)
                top[-1].boolean = top->boolean; /* the left one does not decide, or we were not here */
            else
                combine(program, at, &top[-1], *top);
            if (is_bool(top[-1], at->a == CEL_OR))
                at = code + at->c - 1;
            break;
        case CEL_OP_LOOP:
            result = top[-1];
            if (cel_loop_begin(run, &loops[at->b], at->a, result, &top[-1]))
                top -= 1;
            else {
                if (!cel_is_fault(result))
                    top[-1] = faulted(top[-1], program, at);
                at = code + at->c - 1;
            }
            break;
        case CEL_OP_FILTER:
            top -= 1;
            if (is_bool(*top, true))
                break;
            if (is_bool(*top, false)) {
                if (cel_loop_step(&loops[at->b])) {
                    at = code + at->c - 1;
                    break;
                }
                *top = cel_loop_result(&loops[at->b], CEL_MACRO_MAP_FILTER);
            } else if (!cel_is_fault(*top)) {
                *top = FAULT(NOT_BOOL);
            }
            top += 1;
            at = code + at->d - 1;
            break;
        case CEL_OP_NEXT:
            top -= 1;
            result = *top;
            if (!cel_is_fault(result) && result.kind != VALUE_BOOL && at->a < CEL_MACRO_MAP)
                result = FAULT(NOT_BOOL);
            if (!cel_loop_take(&loops[at->b], at->a, result, top)) {
                if (cel_loop_step(&loops[at->b])) {
                    at = code + at->c - 1;
                    break;
                }
                *top = cel_loop_result(&loops[at->b], at->a);
            }
            top += 1;
            break;
        case CEL_OP_COUNT:
        case CEL_OP_LAST:
            *top++ = faulted(ask_host(run, program, at), program, at);
            break;
        case CEL_OP_FAULT:
            *top++ = faulted(cel_fault(at->a), program, at);
            break;
        default: /* the compiler emits no other; said so that the switch needs no test of its range */
            __builtin_unreachable();
        }
    }
}

struct value cel_run_from(const struct cel_program *program, size_t from, struct cel_run *run)
{
    /* Most programs fit; the others take their stack from the arena. */
    struct value small_stack[32];
    struct cel_loop small_loops[2];
    struct value *stack = small_stack;
    struct cel_loop *loops = small_loops;
    if (program->max_stack > sizeof small_stack / sizeof *small_stack)
        stack = arena_alloc(run->arena, program->max_stack * sizeof *stack);
    if (program->max_loops > sizeof small_loops / sizeof *small_loops)
        loops = arena_alloc(run->arena, program->max_loops * sizeof *loops);
    struct value result = run_code(program, program->code + from, run, stack, loops);
    return run->steps < 0 ? cel_fault(CEL_FAULT_LIMIT) : result;
}

static struct value evaluate(const struct cel_program *program, struct cel_run *run,
                             const struct cel_activation *activation, struct arena *arena)
{
    *run = (struct cel_run){
        .activation = activation,
        .arena = arena,
        .steps = activation->max_steps == 0 ? CEL_DEFAULT_STEPS : activation->max_steps,
    };
    return cel_run_from(program, 0, run);
}

enum err cel_eval(const struct cel_program *program, const struct cel_activation *activation,
                  struct arena *arena, struct value *result, struct diag *diag)
{
    struct cel_run run;
    *result = evaluate(program, &run, activation, arena);
    if (!cel_is_fault(*result))
        return ERR_OK;
    if (diag != NULL)
        cel_fault_describe(program, *result, diag);
    enum err error = cel_fault_error(&run, *result);
    *result = value_null();
    return error;
}

bool cel_eval_condition(const struct cel_program *program, const struct cel_activation *activation,
                        struct arena *arena, enum err *error)
{
    struct cel_run run;
    struct value result = evaluate(program, &run, activation, arena);
    if (error != NULL)
        *error = cel_is_fault(result)        ? cel_fault_error(&run, result)
                 : result.kind == VALUE_BOOL ? ERR_OK
                                             : ERR_TYPE;
    return is_bool(result, true);
}
