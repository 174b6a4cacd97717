/* What the files of the parser share. A parser fails by a jump out of liquid_parse's unit loop: the tree
 * is in the arena, so there is nothing to undo on the way. */
#ifndef DECLIC_CORE_LIQUID_PARSER_H
#define DECLIC_CORE_LIQUID_PARSER_H

#include <setjmp.h>

#include "core/liquid/lexer.h"
#include "core/liquid/tree.h"

/* Where pieces of a unit are read from: its text, or the lines of a `{% liquid %}` tag. */
struct source {
    const char *at;
    const char *end;
    bool is_lines;
};

enum piece_kind {
    PIECE_END,
    PIECE_TEXT,
    PIECE_OUTPUT,
    PIECE_TAG,
};

struct piece {
    enum piece_kind kind;
    struct span whole;
    struct span tag;    /* the tag's name; empty when it has none */
    struct span markup; /* what stands in an output, or after a tag's name */
    bool trims_before;
    bool trims_after;
};

struct body_builder {
    struct body *body;
    size_t capacity;
    struct node *last_text; /* the last thing in the body, if it is plain text */
};

struct parser {
    const struct liquid_options *options;
    struct arena *arena;
    struct liquid_template *template;
    size_t unit_capacity;
    struct unit *unit;
    struct source *source;
    struct tokens tokens; /* of the tag or output being parsed */
    bool trim_next;       /* the piece before ended in a dash */
    int depth;            /* of blocks */
    int expr_depth;
    size_t cycle_count;
    jmp_buf failure;
    enum err error;
    struct diag diag;
};

_Noreturn void parser_fail(struct parser *parser, enum err error, const char *at, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* pieces.c */
struct piece parser_next_piece(struct parser *parser);

/* parse_body.c: parses up to a tag that only the enclosing block knows (else, when, end…) and returns
 * it; PIECE_END at the end of the source. */
struct piece parser_read_body(struct parser *parser, struct body_builder *builder);
/* The same for the body of block `name`: counts the depth, and the end of the source is an error. */
struct piece parser_read_block(struct parser *parser, struct piece opening, struct body_builder *builder);
struct body_builder body_builder_make(struct parser *parser);
struct node *body_builder_add(struct parser *parser, struct body_builder *builder, enum node_kind kind,
                              const char *at);
/* Drops the whitespace of a body that prints nothing else. */
void body_drop_text(struct body *body);
bool piece_ends(struct piece piece, struct piece opening);
/* The tag that was probably meant; NULL: none is near. */
const char *parser_nearest_tag(struct span name);
_Noreturn void parser_fail_unknown(struct parser *parser, struct piece piece, struct piece opening);

/* parse_expr.c: all work on parser->tokens after parser_tokenize. */
void parser_tokenize(struct parser *parser, struct span markup);
const struct token *parser_peek(const struct parser *parser, size_t ahead);
struct token parser_take(struct parser *parser, enum token_kind kind);
bool parser_accept(struct parser *parser, enum token_kind kind);
bool parser_accept_word(struct parser *parser, const char *word);
void parser_expect_end(struct parser *parser);
struct expr parser_read_expr(struct parser *parser);
const struct expr *parser_read_expr_kept(struct parser *parser);
/* The text of the tokens from index `from` up to the next one to be read, without spaces. */
struct span parser_tokens_text(struct parser *parser, size_t from);
/* `word: value` pairs with optional commas, as render and include have them. */
const struct argument *parser_read_arguments(struct parser *parser, size_t *count);
struct chain parser_read_chain(struct parser *parser, struct span markup);
const struct condition *parser_read_conditions(struct parser *parser, struct span markup, size_t *count);
bool expr_is_string(const struct expr *expr);

typedef void parser_tag(struct parser *parser, struct piece piece, struct body_builder *builder);

/* parse_verbatim.c */
parser_tag parser_read_inline_comment;
parser_tag parser_read_raw;
parser_tag parser_read_doc;
parser_tag parser_read_comment;

/* parse_tags.c: parses the tag into the body and returns true; false for a tag it does not know. */
bool parser_read_tag(struct parser *parser, struct piece piece, struct body_builder *builder);

/* parse.c: the unit of a snippet, added to those still to be parsed; NULL when there is no such. */
struct unit *parser_find_unit(struct parser *parser, struct span name);
/* Adds every snippet: a name is only known when rendering. */
void parser_add_all_units(struct parser *parser);

#endif
