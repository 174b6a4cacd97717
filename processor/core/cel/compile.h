/* Inside cel_compile: shared by the parts of the compiler. */
#ifndef DECLIC_CORE_CEL_COMPILE_H
#define DECLIC_CORE_CEL_COMPILE_H

#include "core/cel/program.h"

/* A macro's variable, seen in its arguments. */
struct cel_scope {
    struct span name;
    uint16_t loop;
    const struct cel_scope *outer;
};

struct cel_compiler {
    const struct cel_options *options;
    struct arena *arena;
    struct cel_program *program;
    const struct cel_scope *scope;
    size_t code_capacity, place_capacity, constant_capacity, name_capacity, regex_capacity;
    size_t counter_capacity, last_capacity, test_capacity;
    uint32_t stack, loops; /* in use where the code now stands */
    /* The first error; what is emitted after it is never run. */
    enum err error;
    struct cel_place place;
    struct span message;
};

/* What is known of an expression: the kind it has if it has a value (VALUE_KIND_COUNT: not known), and
 * whether it is one CEL_OP_CONSTANT. */
struct cel_fact {
    enum value_kind kind;
    bool constant;
};

/* Sets the compiler's error unless there is one. */
void cel_compile_fail(struct cel_compiler *compiler, enum err error, struct cel_place place,
                      const char *format, ...) PRINTF_LIKE(4, 5);

/* Emits code that leaves the node's value on the stack. */
struct cel_fact cel_emit(struct cel_compiler *compiler, struct cel_node *node);

size_t cel_emit_op(struct cel_compiler *compiler, struct cel_place place,
                   struct cel_instruction instruction, int stack_change);
uint32_t cel_add_name(struct cel_compiler *compiler, struct span name);

/* ---- names (names.c) ---- */

struct cel_name {
    enum { CEL_NAME_UNKNOWN, CEL_NAME_ITEM, CEL_NAME_VARIABLE, CEL_NAME_TYPE } kind;
    uint32_t slot; /* or the loop */
    struct value type;
    /* The node that the name takes up: the NAME itself, or the SELECT at the end of a dotted name. */
    struct cel_node *end;
};

/* What a NAME node stands for; `top` ends the chain of selections (node->up) that may belong to it. */
struct cel_name cel_resolve(const struct cel_compiler *compiler, struct cel_node *name,
                            const struct cel_node *top);
/* Notes that the variable in a slot is read: its attribute, or (NULL) all of it. */
void cel_note_read(struct cel_compiler *compiler, uint32_t slot, const struct span *attribute);
/* "known are event, profile, now", for messages. */
struct span cel_known_names(const struct cel_compiler *compiler);

/* ---- calls (calls.c) ---- */

/* A CALL whose receiver, if it has one, is on the stack already, with what is known of it. */
struct cel_fact cel_emit_call(struct cel_compiler *compiler, struct cel_node *node,
                              struct cel_fact receiver, size_t start);

/* ---- kinds (kinds.c): what the checker knows ---- */

/* The kind of the result; VALUE_KIND_COUNT when not known. *clash: no values of these kinds have a result.
 */
enum value_kind cel_binary_kind(struct cel_compiler *compiler, enum cel_operator operator_,
                                enum value_kind a, enum value_kind b, bool *clash);
enum value_kind cel_unary_kind(enum cel_operator operator_, enum value_kind a, bool *clash);
/* "a string", "an int". */
const char *cel_kind_text(enum value_kind kind);

/* ---- folding (compile.c) ---- */

/* Replaces the code from `start` on, whose operands are constants, by the constant it computes, unless that
 * is a fault. */
struct cel_fact cel_fold(struct cel_compiler *compiler, size_t start, struct cel_place place,
                         struct cel_fact fact);
/* The constant that the last instruction pushes. */
struct value cel_last_constant(const struct cel_compiler *compiler);

/* ---- facts (tests.c) ---- */

/* Fills program->tests from the whole tree. */
void cel_find_tests(struct cel_compiler *compiler, struct cel_node *root);

#endif
