/* What a template is after parsing: an immutable tree, in the arena it was parsed into.
 *
 * Inside liquid/ only. A template is one unit of text and the units of the snippets it can reach;
 * every node points at its place in its unit's text, from which line and column are found when needed.
 */
#ifndef DECLIC_CORE_LIQUID_TREE_H
#define DECLIC_CORE_LIQUID_TREE_H

#include "core/liquid/liquid.h"

/* Kinds of `struct value` that only exist inside liquid/; `bytes` points at what is named. */
enum liquid_kind {
    LIQUID_RANGE = VALUE_KIND_COUNT, /* struct liquid_range */
    LIQUID_BIG,                      /* __int128: an integer that int64 cannot hold */
    LIQUID_LOOP,                     /* struct loop_state, the variable `forloop` */
    LIQUID_TABLE_LOOP,               /* struct loop_state, the variable `tablerowloop` */
    LIQUID_SELF,                     /* struct frame, the variable `self`: the frame's variables by name */
};

/* `flags` of a VALUE_STRING that HTML may take as it is. */
#define LIQUID_SAFE 0x80

struct liquid_range {
    int64_t from;
    int64_t to;
};

/* A name and its hash, so that most comparisons end at the hash. */
struct name {
    struct span text;
    uint32_t hash;
};

struct name name_make(struct span text);

static inline bool name_equal(struct name a, struct name b)
{
    return a.hash == b.hash && span_equal(a.text, b.text);
}

enum expr_kind {
    EXPR_LITERAL,
    EXPR_LOOKUP,
    EXPR_RANGE,
    EXPR_EMPTY, /* the words `empty` and `blank`: conditions ask them, elsewhere they are "" */
    EXPR_BLANK,
};

/* One `.name` or `[key]` of a lookup. */
struct lookup_step {
    struct span name;       /* for `.name` */
    const struct expr *key; /* for `[key]`; NULL for `.name` */
};

struct expr {
    enum expr_kind kind;
    const char *at;
    union {
        struct value literal;
        struct {
            struct name name;
            const struct lookup_step *steps;
            size_t step_count;
        } lookup;
        struct {
            const struct expr *from;
            const struct expr *to;
        } range;
    };
};

struct filter;

struct filter_call {
    const struct filter *filter;
    const char *at;
    const struct expr *arguments; /* the positional ones, then the values of the named ones */
    uint32_t positional_count;
    uint32_t named_count;
    const struct value *names; /* of the named ones; they reach the filter as one map, its last argument */
};

/* What stands in `{{ … }}`, after `echo` and to the right of an assign's `=`. */
struct chain {
    const struct expr *first; /* NULL: empty, which is nil */
    const struct filter_call *calls;
    size_t call_count;
    bool is_raw; /* went through `raw` */
};

enum compare_op {
    OP_NONE, /* the truth of `left` alone */
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_GREATER,
    OP_LESS_EQUAL,
    OP_GREATER_EQUAL,
    OP_CONTAINS,
};

enum relation {
    RELATION_NONE, /* the last one */
    RELATION_AND,
    RELATION_OR,
};

/* Conditions are read from the right: `a or b and c` is `a or (b and c)`. */
struct condition {
    const struct expr *left;
    const struct expr *right;
    enum compare_op op;
    enum relation next;
};

struct node;

struct body {
    const struct node **nodes;
    size_t count;
    bool is_blank; /* prints nothing but whitespace */
};

/* One arm of if, unless or case. Several `when` values share a body. */
struct branch {
    const struct condition *conditions; /* NULL: else */
    size_t condition_count;
    bool is_negated;
    const struct body *body;
};

struct argument {
    struct name name;
    struct expr value;
};

struct unit;

enum node_kind {
    NODE_TEXT,
    NODE_OUTPUT,
    NODE_ASSIGN,
    NODE_CAPTURE,
    NODE_IF,
    NODE_CASE,
    NODE_COUNTER,
    NODE_CYCLE,
    NODE_FOR,
    NODE_TABLEROW,
    NODE_IFCHANGED,
    NODE_RENDER,
    NODE_INCLUDE,
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_ABORT,
};

struct node {
    enum node_kind kind;
    const char *at;
    union {
        struct span text;
        struct chain output;
        struct {
            struct name name;
            struct chain chain;
        } assign;
        struct {
            struct name name;
            const struct body *body;
        } capture;
        const struct body *ifchanged;
        struct {
            const struct branch *branches;
            size_t count;
        } branches;
        struct {
            struct name name;
            bool is_decrement;
        } counter;
        struct {
            const struct expr *name; /* NULL: `key` tells the cycles apart */
            struct span key;
            const struct expr *values;
            size_t count;
        } cycle;
        const struct loop *loop;
        const struct partial *partial;
        const struct expr *reason; /* of abort; NULL: none given */
    };
};

/* for and tablerow. */
struct loop {
    struct name variable;
    struct span name; /* "item-collection", for `offset: continue` and forloop.name */
    struct expr collection;
    const struct expr *limit; /* NULL: none, as the three below */
    const struct expr *offset;
    const struct expr *columns;
    bool is_continued; /* offset: continue */
    bool is_reversed;
    const struct body *body;
    const struct body *otherwise; /* else; NULL: none */
};

/* render and include. */
struct partial {
    struct expr name;        /* a literal string for render */
    const struct unit *unit; /* of a literal name; NULL: no such snippet, or the name is no literal */
    const struct expr *with; /* NULL: no with, no for */
    bool is_for;
    struct name alias; /* empty: the last part of the snippet's name */
    const struct argument *arguments;
    size_t argument_count;
};

/* The text of the template or of one snippet. */
struct unit {
    struct span name; /* empty for the template itself */
    struct span source;
    const struct body *body; /* NULL when `error` */
    enum err error;          /* of its parse; raised when rendering reaches it */
    struct diag diag;
};

struct liquid_template {
    struct unit **units; /* the first is the template itself */
    size_t unit_count;
    bool html;
};

/* Line and column, from 1, of `at` within the unit's source; columns count code points. */
void unit_place(const struct unit *unit, const char *at, int *line, int *column);

#endif
