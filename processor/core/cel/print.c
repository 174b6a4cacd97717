/* The syntax tree as text. */
#include <math.h>

#include "base/real.h"
#include "core/cel/node.h"

struct printer {
    struct arena *arena;
    char *text;
    size_t size, capacity;
};

static void put(struct printer *printer, struct span bytes)
{
    if (printer->capacity - printer->size < bytes.size) {
        size_t grown = (printer->size + bytes.size) * 2 + 64;
        char *larger = arena_alloc_aligned(printer->arena, grown, 1);
        if (printer->size != 0)
            memcpy(larger, printer->text, printer->size);
        printer->text = larger;
        printer->capacity = grown;
    }
    if (bytes.size != 0)
        memcpy(printer->text + printer->size, bytes.data, bytes.size);
    printer->size += bytes.size;
}

static void put_text(struct printer *printer, const char *text)
{
    put(printer, span_from_text(text));
}

static void put_quoted(struct printer *printer, struct value value)
{
    struct span text = value_span(value);
    put_text(printer, value.kind == VALUE_BYTES ? "b\"" : "\"");
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\')
            put(printer, arena_printf(printer->arena, "\\%c", c));
        else if (c < 0x20 || c == 0x7F || (c >= 0x80 && value.kind == VALUE_BYTES))
            put(printer, arena_printf(printer->arena, "\\x%02x", c));
        else
            put(printer, span_slice(text, i, i + 1));
    }
    put_text(printer, "\"");
}

static void put_double(struct printer *printer, double real)
{
    char text[REAL_BYTES];
    struct span digits = span_make(text, real_format_general(real, text));
    put(printer, digits);
    if (memchr(digits.data, '.', digits.size) == NULL && memchr(digits.data, 'e', digits.size) == NULL)
        put_text(printer, ".0");
}

static void put_literal(struct printer *printer, struct value value)
{
    switch ((enum value_kind)value.kind) {
    case VALUE_BOOL:
        put_text(printer, value.boolean ? "true" : "false");
        break;
    case VALUE_INT:
        put(printer, arena_printf(printer->arena, "%lld", (long long)value.integer));
        break;
    case VALUE_UINT:
        put(printer, arena_printf(printer->arena, "%lluu", (unsigned long long)value.natural));
        break;
    case VALUE_DOUBLE:
        put_double(printer, value.real);
        break;
    case VALUE_STRING:
    case VALUE_BYTES:
        put_quoted(printer, value);
        break;
    default: /* no other kind has a literal */
        put_text(printer, "null");
        break;
    }
}

/* How tightly a node binds: what stands in a place that needs more gets parentheses. */
enum level {
    LEVEL_CONDITIONAL,
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_RELATION,
    LEVEL_SUM,
    LEVEL_PRODUCT,
    LEVEL_UNARY,
    LEVEL_MEMBER,
};

static enum level level_of(const struct cel_node *node)
{
    switch ((enum cel_node_kind)node->kind) {
    case CEL_NODE_CONDITIONAL:
        return LEVEL_CONDITIONAL;
    case CEL_NODE_LOGIC:
        return node->detail == CEL_OR ? LEVEL_OR : LEVEL_AND;
    case CEL_NODE_BINARY:
        return node->detail <= CEL_SUBTRACT    ? LEVEL_SUM
               : node->detail <= CEL_REMAINDER ? LEVEL_PRODUCT
                                               : LEVEL_RELATION;
    case CEL_NODE_UNARY:
        return LEVEL_UNARY;
    default:
        return LEVEL_MEMBER;
    }
}

/* Does the node's text begin with a number that has no sign? A minus before it would become part of it. */
static bool begins_with_number(const struct cel_node *node)
{
    while (node->target != NULL && node->kind != CEL_NODE_HAS && level_of(node) == LEVEL_MEMBER &&
           level_of(node->target) == LEVEL_MEMBER)
        node = node->target;
    if (node->kind != CEL_NODE_LITERAL)
        return false;
    return (node->value.kind == VALUE_INT && node->value.integer >= 0) ||
           (node->value.kind == VALUE_DOUBLE && !signbit(node->value.real));
}

/* Does this node need parentheses as the target of `outer`? */
static bool target_needs_parentheses(const struct cel_node *outer, const struct cel_node *target)
{
    if (outer->kind == CEL_NODE_BINARY)
        return level_of(target) < level_of(outer);
    if (outer->kind == CEL_NODE_UNARY) /* -(5) is an operation, -5 a number */
        return level_of(target) < LEVEL_UNARY ||
               (outer->detail == CEL_NEGATE && begins_with_number(target));
    return level_of(target) < LEVEL_MEMBER;
}

static void put_node(struct printer *printer, struct cel_node *top, enum level needed);

static void put_args(struct printer *printer, const struct cel_node *node, uint32_t from)
{
    for (uint32_t i = from; i < node->arg_count; i++) {
        if (i != from)
            put_text(printer, node->kind == CEL_NODE_MAP && i % 2 == 1 ? ": " : ", ");
        put_node(printer, node->args[i], LEVEL_CONDITIONAL);
    }
}

static void put_selector(struct printer *printer, struct span name)
{
    bool plain = true;
    for (size_t i = 0; i < name.size; i++)
        plain = plain && memchr(".-/ ", name.data[i], 4) == NULL && (i > 0 || name.data[0] > '9');
    bool keyword = span_equal_text(name, "in") || span_equal_text(name, "true") ||
                   span_equal_text(name, "false") || span_equal_text(name, "null");
    put_text(printer, plain && !keyword ? "." : ".`");
    put(printer, name);
    put_text(printer, plain && !keyword ? "" : "`");
}

/* What stands before the target, and opens for it. */
static void put_before_target(struct printer *printer, const struct cel_node *node)
{
    if (node->kind == CEL_NODE_HAS)
        put_text(printer, "has(");
    if (node->kind == CEL_NODE_UNARY)
        put_text(printer, cel_operator_text(node->detail));
    if (target_needs_parentheses(node, node->target))
        put_text(printer, "(");
}

static void put_after_target(struct printer *printer, struct cel_node *node)
{
    if (target_needs_parentheses(node, node->target))
        put_text(printer, ")");
    switch ((enum cel_node_kind)node->kind) {
    case CEL_NODE_SELECT:
    case CEL_NODE_HAS:
        put_selector(printer, node->name);
        put_text(printer, node->kind == CEL_NODE_HAS ? ")" : "");
        break;
    case CEL_NODE_INDEX:
        put_text(printer, "[");
        put_node(printer, node->args[0], LEVEL_CONDITIONAL);
        put_text(printer, "]");
        break;
    case CEL_NODE_CALL:
        put_text(printer, ".");
        put(printer, node->name);
        put_text(printer, "(");
        put_args(printer, node, 0);
        put_text(printer, ")");
        break;
    case CEL_NODE_MACRO:
        put_text(printer, ".");
        put_text(printer, cel_macro_text(node->detail));
        put_text(printer, "(");
        put(printer, node->name);
        put_text(printer, ", ");
        put_args(printer, node, 0);
        put_text(printer, ")");
        break;
    case CEL_NODE_BINARY:
        put_text(printer, " ");
        put_text(printer, cel_operator_text(node->detail));
        put_text(printer, " ");
        put_node(printer, node->args[0], level_of(node) + 1);
        break;
    default: /* CEL_NODE_UNARY: nothing follows */
        break;
    }
}

/* A node without a target. */
static void put_leaf(struct printer *printer, struct cel_node *node)
{
    switch ((enum cel_node_kind)node->kind) {
    case CEL_NODE_LITERAL:
        put_literal(printer, node->value);
        break;
    case CEL_NODE_LIST:
    case CEL_NODE_MAP:
        put_text(printer, node->kind == CEL_NODE_LIST ? "[" : "{");
        put_args(printer, node, 0);
        put_text(printer, node->kind == CEL_NODE_LIST ? "]" : "}");
        break;
    case CEL_NODE_LOGIC:
        for (uint32_t i = 0; i < node->arg_count; i++) {
            if (i > 0)
                put_text(printer, node->detail == CEL_OR ? " || " : " && ");
            put_node(printer, node->args[i], level_of(node) + 1);
        }
        break;
    case CEL_NODE_CONDITIONAL:
        put_node(printer, node->args[0], LEVEL_OR);
        put_text(printer, " ? ");
        put_node(printer, node->args[1], LEVEL_OR);
        put_text(printer, " : ");
        put_node(printer, node->args[2], LEVEL_CONDITIONAL);
        break;
    default: /* a name or a call */
        put_text(printer, node->absolute ? "." : "");
        put(printer, node->name);
        if (node->kind == CEL_NODE_CALL) {
            put_text(printer, "(");
            put_args(printer, node, 0);
            put_text(printer, ")");
        }
        break;
    }
}

static void put_node(struct printer *printer, struct cel_node *top, enum level needed)
{
    bool parentheses = level_of(top) < needed;
    put_text(printer, parentheses ? "(" : "");
    struct cel_node *node = top;
    for (; node->target != NULL; node = node->target) {
        put_before_target(printer, node);
        node->target->up = node;
    }
    put_leaf(printer, node);
    while (node != top) {
        node = node->up;
        put_after_target(printer, node);
    }
    put_text(printer, parentheses ? ")" : "");
}

struct span cel_node_print(struct cel_node *root, struct arena *arena)
{
    struct printer printer = {.arena = arena};
    put_node(&printer, root, LEVEL_CONDITIONAL);
    return span_make(printer.text, printer.size);
}
