/* CEL's syntax tree, the parser and the printer.
 *
 * A tree is as deep as its source is nested, which the parser bounds. What chains without nesting (a + b +
 * c, a.b.c, !!a) is linked through `target`, leftmost at the end, and can be as long as the source: whoever
 * walks a tree follows `target` in a loop and recurses only into `args`.
 */
#ifndef DECLIC_CORE_CEL_NODE_H
#define DECLIC_CORE_CEL_NODE_H

#include "core/cel/token.h"

enum cel_node_kind {
    CEL_NODE_LITERAL,     /* value */
    CEL_NODE_NAME,        /* name; absolute: written with a leading dot */
    CEL_NODE_SELECT,      /* target.name */
    CEL_NODE_HAS,         /* has(target.name) */
    CEL_NODE_INDEX,       /* target[args[0]] */
    CEL_NODE_CALL,        /* name(args), or target.name(args) */
    CEL_NODE_LIST,        /* args */
    CEL_NODE_MAP,         /* args: key, value, key, value, … */
    CEL_NODE_UNARY,       /* operator ! or - on target */
    CEL_NODE_BINARY,      /* target operator args[0] */
    CEL_NODE_LOGIC,       /* args, two or more, joined by && or || */
    CEL_NODE_CONDITIONAL, /* args[0] ? args[1] : args[2] */
    CEL_NODE_MACRO,       /* target.all(name, args[0]) and so on; map(name, args[0], args[1]) */
};

enum cel_operator {
    CEL_ADD,
    CEL_SUBTRACT,
    CEL_MULTIPLY,
    CEL_DIVIDE,
    CEL_REMAINDER,
    CEL_EQUAL,
    CEL_NOT_EQUAL,
    CEL_LESS,
    CEL_LESS_EQUAL,
    CEL_GREATER,
    CEL_GREATER_EQUAL,
    CEL_IN,
    CEL_BINARY_COUNT,
    CEL_AND = CEL_BINARY_COUNT,
    CEL_OR,
    CEL_NOT,
    CEL_NEGATE,
};

enum cel_macro {
    CEL_MACRO_ALL,
    CEL_MACRO_EXISTS,
    CEL_MACRO_EXISTS_ONE,
    CEL_MACRO_FILTER,
    CEL_MACRO_MAP,        /* one argument: the element's image */
    CEL_MACRO_MAP_FILTER, /* two: a condition first */
};

struct cel_node {
    uint8_t kind;   /* enum cel_node_kind */
    uint8_t detail; /* enum cel_operator or enum cel_macro */
    bool absolute;
    uint32_t arg_count;
    struct cel_place place; /* of the operator or name, where a person would look */
    struct span name;       /* points into the source */
    struct value value;
    struct cel_node *target;
    struct cel_node **args;
    struct cel_node *up; /* scratch of a walk: the node whose target this is */
};

struct cel_parse {
    struct span source; /* must live as long as the tree */
    struct arena *arena;
    uint32_t max_depth;
    struct cel_node *root;
    enum err error;
    struct cel_place place; /* of the error */
    struct span message;
};

/* Parses parse->source. On error parse->error is set (and returned), with place and message. */
WARN_UNUSED enum err cel_parse_source(struct cel_parse *parse);

/* How an operator is written. */
const char *cel_operator_text(enum cel_operator operator_);
const char *cel_macro_text(enum cel_macro macro);

/* The tree as CEL again, in one canonical form: one space around binary operators and after commas, only
 * the parentheses that are needed, strings in double quotes. Parsing it gives the same tree. */
struct span cel_node_print(struct cel_node *root, struct arena *arena);

#endif
