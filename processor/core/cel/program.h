/* What cel_compile makes and cel_eval runs: instructions of a stack machine.
 *
 * Why a stack machine: chains of operators take no C stack however long they are, a step is one
 * instruction, and the depth of the stack is known when the program is compiled.
 */
#ifndef DECLIC_CORE_CEL_PROGRAM_H
#define DECLIC_CORE_CEL_PROGRAM_H

#include "core/cel/cel.h"
#include "core/cel/node.h"

enum cel_opcode {
    CEL_OP_RETURN,
    CEL_OP_CONSTANT,  /* push constants[c] */
    CEL_OP_VARIABLE,  /* push the variable in slot c */
    CEL_OP_ATTRIBUTE, /* push names[c] of the variable in slot b */
    CEL_OP_TEST,   /* push names[c] of the variable in slot b, compared by operator a with constants[d], and
                    * pass over the next instruction: the CEL_OP_BINARY that this does too, kept for messages
                    */
    CEL_OP_ITEM,   /* push the element that loop b stands at */
    CEL_OP_SELECT, /* top = top.names[c] */
    CEL_OP_HAS,    /* top = has(top.names[c]) */
    CEL_OP_INDEX,  /* two popped, one pushed */
    CEL_OP_BINARY, /* a: enum cel_operator; two popped, one pushed */
    CEL_OP_UNARY,  /* a: enum cel_operator; top replaced */
    CEL_OP_CALL,   /* function c with b arguments popped, one pushed */
    CEL_OP_MATCH,  /* top = does regex c match top */
    CEL_OP_LIST,   /* c popped, one pushed */
    CEL_OP_MAP,    /* c popped (key, value, …), one pushed */
    CEL_OP_JUMP,   /* to c */
    CEL_OP_BRANCH, /* ?: - true: pop, go on; false: pop, jump to c; else the top is the fault, jump to d */
    CEL_OP_LOGIC_1, /* a: operator; if the top decides it alone, jump to c */
    CEL_OP_LOGIC,   /* a: operator; two popped, their combination pushed; if it decides, jump to c */
    CEL_OP_LOOP,    /* a: macro, b: loop; pop the range; if it has no elements or is none, push the result
                     * and jump to c */
    CEL_OP_FILTER,  /* b: loop; pop a condition; true: go on; false: next element at c; else, or when there
                     * is none, push the result and jump to d */
    CEL_OP_NEXT,    /* a: macro, b: loop; pop an element's result; next element at c, or push the result */
    CEL_OP_COUNT,   /* push the host's count for counters[c] */
    CEL_OP_LAST,    /* push the host's last for last_names[c] */
    CEL_OP_FAULT,   /* push the fault a; names[c] is what it is about */
};

struct cel_instruction {
    uint8_t op;
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint32_t d;
};

struct cel_regex;

struct cel_slot_reads {
    struct cel_reads reads;
    size_t capacity;
    bool read;
};

struct cel_program {
    struct cel_instruction *code;
    struct cel_place *places; /* one for each instruction */
    size_t code_size;
    struct value *constants;
    size_t constant_count;
    struct span *names;
    size_t name_count;
    struct cel_regex **regexes;
    size_t regex_count;
    uint32_t max_stack;
    uint32_t max_loops;
    enum value_kind result_kind;

    struct cel_counter *counters;
    size_t counter_count;
    struct span *last_names;
    size_t last_name_count;
    struct cel_test *tests;
    size_t test_count;
    bool tests_are_all;
    struct span *variables;       /* their names */
    struct cel_slot_reads *slots; /* one for each variable */
    size_t slot_count;
};

/* ---- faults: errors as values, inside an evaluation only ---- */

enum cel_fault {
#define FAULT(name, error, text) CEL_FAULT_##name,
#include "core/cel/fault.def"
#undef FAULT
    CEL_FAULT_COUNT
};

/* A fault is a value of this kind: size the enum cel_fault, integer the instruction where it arose. */
enum { CEL_KIND_FAULT = VALUE_KIND_COUNT };

static inline struct value cel_fault(enum cel_fault fault)
{
    return (struct value){.kind = CEL_KIND_FAULT, .size = (uint32_t)fault};
}

static inline bool cel_is_fault(struct value value)
{
    return value.kind == CEL_KIND_FAULT;
}

/* ---- a run, and the operations on values ---- */

struct cel_run {
    const struct cel_activation *activation;
    struct arena *arena;
    int64_t steps; /* left; below zero the run ends with CEL_FAULT_LIMIT */
    enum err host_error;
};

/* Pays for work beyond the instruction itself; false when the budget is used up. */
static inline bool cel_spend(struct cel_run *run, size_t steps)
{
    run->steps -= (int64_t)steps;
    return run->steps >= 0;
}

static inline bool cel_spend_bytes(struct cel_run *run, size_t bytes)
{
    return cel_spend(run, bytes / 64);
}

static inline bool cel_spend_items(struct cel_run *run, size_t items)
{
    return cel_spend(run, items / 8);
}

/* Of two values that are no faults. */
struct value cel_arithmetic(struct cel_run *run, enum cel_operator operator_, struct value a,
                            struct value b);
struct value cel_negate(struct value a);
bool cel_equal(struct cel_run *run, struct value a, struct value b);
/* CEL_LESS and so on. */
struct value cel_order(struct cel_run *run, enum cel_operator operator_, struct value a, struct value b);
struct value cel_contains(struct cel_run *run, struct value container, struct value value);
struct value cel_index(struct cel_run *run, struct value container, struct value key);
/* NULL when it is not there. Keys are equal as values are: 1, 1u and 1.0 are one key. */
const struct value *cel_find(struct cel_run *run, struct value map, struct value key);
struct value cel_make_map(struct cel_run *run, const struct value *keys_and_values, uint32_t count);

/* <0, 0, >0, for values of the numeric kinds on one number line; 2 when one is NaN. */
int cel_compare_numbers(struct value a, struct value b);

static inline bool cel_is_number(struct value value)
{
    return value.kind == VALUE_INT || value.kind == VALUE_UINT || value.kind == VALUE_DOUBLE;
}

/* CEL's name of a kind. */
struct span cel_type_name(enum value_kind kind);

/* ---- functions ---- */

/* `args` has two elements, the second null when the overload takes one. */
typedef struct value cel_function_body(struct cel_run *run, const struct value *args);

/* One overload: its arguments' kinds as bit sets. A receiver is the first argument. */
struct cel_function {
    const char *name;
    bool receiver;
    uint8_t arg_count;
    uint16_t kinds[2];
    uint8_t result;   /* enum value_kind; VALUE_KIND_COUNT: not known before it runs */
    bool needs_world; /* depends on more than its arguments (time zone data): not folded */
    cel_function_body *body;
};

extern const struct cel_function cel_functions[];
extern const size_t cel_function_count;

/* The bodies in the table. */
cel_function_body cel_size, cel_starts_with, cel_ends_with, cel_contains_text, cel_matches;
cel_function_body cel_to_bool, cel_to_bytes, cel_to_double, cel_to_int, cel_to_uint, cel_to_string;
cel_function_body cel_to_duration, cel_to_timestamp, cel_to_type, cel_to_dyn;
cel_function_body cel_get_full_year, cel_get_month, cel_get_date, cel_get_day_of_month, cel_get_day_of_week;
cel_function_body cel_get_day_of_year, cel_get_hours, cel_get_minutes, cel_get_seconds,
    cel_get_milliseconds;

/* Normalises seconds and nanoseconds (any sign, below 2^62) into a TIMESTAMP or DURATION, or a range fault.
 */
struct value cel_make_time(enum value_kind kind, __int128 nanos);
__int128 cel_time_nanos(struct value time);

/* Runs program->code from an instruction on until CEL_OP_RETURN; the result may be a fault. Also serves a
 * program that is still being built. */
struct value cel_run_from(const struct cel_program *program, size_t from, struct cel_run *run);

/* What a fault means outside. */
enum err cel_fault_error(const struct cel_run *run, struct value fault);
void cel_fault_describe(const struct cel_program *program, struct value fault, struct diag *diag);

#endif
