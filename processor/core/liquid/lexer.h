/* The tokens inside `{{ … }}` and `{% … %}`.
 *
 * The grammar of Shopify/liquid's lexer: identifiers may hold dashes and end in a question mark,
 * strings have no escapes, `contains` is an operator except after a dot.
 */
#ifndef DECLIC_CORE_LIQUID_LEXER_H
#define DECLIC_CORE_LIQUID_LEXER_H

#include "base/arena.h"

enum token_kind {
    TOKEN_END,
    TOKEN_ID,
    TOKEN_STRING, /* with its quotes */
    TOKEN_NUMBER,
    TOKEN_COMPARISON,
    TOKEN_PIPE,
    TOKEN_DOT,
    TOKEN_DOTDOT,
    TOKEN_COLON,
    TOKEN_COMMA,
    TOKEN_OPEN_SQUARE,
    TOKEN_CLOSE_SQUARE,
    TOKEN_OPEN_ROUND,
    TOKEN_CLOSE_ROUND,
    TOKEN_QUESTION,
    TOKEN_DASH,
};

struct token {
    enum token_kind kind;
    struct span text;
};

/* The tokens of one tag or output, ended by TOKEN_END, and how far they are read. */
struct tokens {
    struct token *items;
    size_t count;
    size_t capacity;
    size_t next;
};

/* Splits `markup`. ERR_SYNTAX with *bad at the first character that begins no token. */
WARN_UNUSED enum err lexer_split(struct span markup, struct arena *arena, struct tokens *tokens,
                                 const char **bad);

/* "an identifier", "end of tag", …: for messages. */
const char *lexer_kind_name(enum token_kind kind);

#endif
