/* What names mean, and what a program reads. */
#include "core/cel/compile.h"

/* Does the chain from `name` upwards spell the dotted `text`? *end gets its last node. */
static bool spells(struct span text, struct cel_node *name, const struct cel_node *top,
                   struct cel_node **end)
{
    struct cel_node *node = name;
    for (;;) {
        if (!span_starts_with(text, node->name))
            return false;
        text = span_slice(text, node->name.size, text.size);
        if (text.size == 0)
            break;
        if (text.data[0] != '.' || node == top || node->up->kind != CEL_NODE_SELECT)
            return false;
        text = span_slice(text, 1, text.size);
        node = node->up;
    }
    *end = node;
    return true;
}

static bool find_item(const struct cel_compiler *compiler, const struct cel_node *name, uint32_t *loop)
{
    for (const struct cel_scope *scope = compiler->scope; scope != NULL; scope = scope->outer) {
        if (span_equal(scope->name, name->name)) {
            *loop = scope->loop;
            return true;
        }
    }
    return false;
}

struct cel_name cel_resolve(const struct cel_compiler *compiler, struct cel_node *name,
                            const struct cel_node *top)
{
    const struct cel_options *options = compiler->options;
    struct cel_name result = {.kind = CEL_NAME_UNKNOWN, .end = name};
    if (!name->absolute && find_item(compiler, name, &result.slot)) {
        result.kind = CEL_NAME_ITEM;
        return result;
    }
    size_t longest = 0;
    for (size_t i = 0; i < options->variable_count; i++) {
        struct cel_node *end;
        struct span variable = options->variables[i];
        if (variable.size > longest && spells(variable, name, top, &end)) {
            longest = variable.size;
            result = (struct cel_name){.kind = CEL_NAME_VARIABLE, .slot = (uint32_t)i, .end = end};
        }
    }
    for (int kind = 0; kind < VALUE_KIND_COUNT && longest == 0; kind++) {
        struct span type = cel_type_name((enum value_kind)kind);
        if (spells(type, name, top, &result.end)) {
            result.kind = CEL_NAME_TYPE;
            (void)cel_find_type(type, &result.type);
            return result;
        }
    }
    return result;
}

void cel_note_read(struct cel_compiler *compiler, uint32_t slot, const struct span *attribute)
{
    struct cel_slot_reads *slot_reads = &compiler->program->slots[slot];
    struct cel_reads *reads = &slot_reads->reads;
    slot_reads->read = true;
    if (attribute == NULL) {
        reads->all = true;
        return;
    }
    for (size_t i = 0; i < reads->count; i++)
        if (span_equal(reads->names[i], *attribute))
            return;
    struct span *names = (struct span *)(uintptr_t)reads->names;
    *ARENA_PUSH(compiler->arena, &names, &reads->count, &slot_reads->capacity) =
        arena_copy(compiler->arena, *attribute);
    reads->names = names;
}

struct span cel_known_names(const struct cel_compiler *compiler)
{
    enum { SHOWN = 12 };
    const struct cel_options *options = compiler->options;
    struct span text = options->variable_count == 0 ? SPAN_LITERAL("no variable is known here")
                                                    : SPAN_LITERAL("known are");
    for (size_t i = 0; i < options->variable_count && i < SHOWN; i++)
        text = arena_printf(compiler->arena, "%.*s%s %.*s", SPAN_PRINTF(text), i == 0 ? "" : ",",
                            SPAN_PRINTF(options->variables[i]));
    return text;
}
