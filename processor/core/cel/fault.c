/* Faults and places, for a person. */
#include <stdio.h>

#include "core/cel/program.h"

static const struct {
    enum err error;
    const char *text;
} faults[] = {
#define FAULT(name, error, text) {ERR_##error, text},
#include "core/cel/fault.def"
#undef FAULT
};

enum err cel_fault_error(const struct cel_run *run, struct value fault)
{
    return fault.size == CEL_FAULT_HOST ? run->host_error : faults[fault.size].error;
}

/* The name of what an instruction reads or does. */
static struct span subject(const struct cel_program *program, const struct cel_instruction *instruction)
{
    switch ((enum cel_opcode)instruction->op) {
    case CEL_OP_ATTRIBUTE:
    case CEL_OP_TEST:
    case CEL_OP_SELECT:
    case CEL_OP_HAS:
    case CEL_OP_FAULT:
        return program->names[instruction->c];
    case CEL_OP_VARIABLE:
        return program->variables[instruction->c];
    case CEL_OP_BINARY:
    case CEL_OP_UNARY:
    case CEL_OP_LOGIC:
        return span_from_text(cel_operator_text(instruction->a));
    case CEL_OP_BRANCH:
        return SPAN_LITERAL("?:");
    case CEL_OP_INDEX:
        return SPAN_LITERAL("[]");
    case CEL_OP_CALL:
        return span_from_text(cel_functions[instruction->c].name);
    case CEL_OP_MATCH:
        return SPAN_LITERAL("matches");
    case CEL_OP_COUNT:
        return SPAN_LITERAL("count");
    case CEL_OP_LAST:
        return SPAN_LITERAL("last");
    case CEL_OP_LOOP:
    case CEL_OP_NEXT:
        return span_from_text(cel_macro_text(instruction->a));
    case CEL_OP_FILTER:
        return SPAN_LITERAL("map");
    default:
        return SPAN_LITERAL("");
    }
}

void cel_fault_describe(const struct cel_program *program, struct value fault, struct diag *diag)
{
    if (fault.size == CEL_FAULT_LIMIT) {
        (void)diag_set(diag, ERR_LIMIT, 0, 0, "%s", faults[CEL_FAULT_LIMIT].text);
        return;
    }
    struct cel_place place = program->places[fault.integer];
    const struct cel_instruction *instruction = &program->code[fault.integer];
    struct span name = subject(program, instruction);
    /* The variable of a fused read is what is missing, not its attribute. */
    if (fault.size == CEL_FAULT_UNBOUND && instruction->op != CEL_OP_VARIABLE)
        name = program->variables[instruction->b];
    const char *text = faults[fault.size].text;
    const char *slot = strstr(text, "%N");
    if (slot == NULL)
        (void)diag_set(diag, ERR_OK, (int)place.line, (int)place.column, "%s", text);
    else
        (void)diag_set(diag, ERR_OK, (int)place.line, (int)place.column, "%.*s%.*s%s", (int)(slot - text),
                       text, SPAN_PRINTF(name), slot + 2);
}
