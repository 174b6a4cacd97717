/* CEL's tokens (langdef.md, "Syntax"): the lexer.
 *
 * A token is a span of the source; literals are decoded when the lexer meets them, so that a malformed
 * one is an error at its place.
 */
#ifndef DECLIC_CORE_CEL_TOKEN_H
#define DECLIC_CORE_CEL_TOKEN_H

#include "base/arena.h"
#include "core/value.h"

enum cel_token_kind {
    CEL_TOKEN_END,
    CEL_TOKEN_ERROR,   /* lexer->error and lexer->message say what */
    CEL_TOKEN_NAME,    /* text: an identifier that is no keyword */
    CEL_TOKEN_ESCAPED, /* text: what stands between backticks; only after a dot */
    CEL_TOKEN_LITERAL, /* value: number, string, bytes, bool, null */
    CEL_TOKEN_IN,
    CEL_TOKEN_SYMBOL, /* symbol: one of ? : . , ( ) [ ] { } < > ! + - * / % or a CEL_SYMBOL_… */
};

enum {
    CEL_SYMBOL_EQUAL = 256,
    CEL_SYMBOL_NOT_EQUAL,
    CEL_SYMBOL_LESS_EQUAL,
    CEL_SYMBOL_GREATER_EQUAL,
    CEL_SYMBOL_AND,
    CEL_SYMBOL_OR,
};

struct cel_place {
    uint32_t line;   /* from 1 */
    uint32_t column; /* from 1, in code points */
};

struct cel_token {
    enum cel_token_kind kind;
    int symbol;
    struct cel_place place;
    struct span text;
    struct value value;
};

struct cel_lexer {
    struct span source;
    size_t at;
    struct cel_place place; /* of `at` */
    struct arena *arena;
    /* Set when a token is CEL_TOKEN_ERROR. */
    enum err error;
    const char *message;
};

void cel_lexer_init(struct cel_lexer *lexer, struct span source, struct arena *arena);

/* The next token. `negative`: a minus sign stands directly before it, so that -9223372036854775808 is an
 * int (its digits alone are not); the value then comes out negated. */
struct cel_token cel_lexer_next(struct cel_lexer *lexer, bool negative);

/* Words that are no identifiers, though they may follow a dot. */
bool cel_is_reserved(struct span name);

/* ---- literals ---- */

/* The value of a string or bytes literal's body (without quotes), escapes decoded unless raw; NULL and, or
 * what is wrong. The text goes to `arena` when it differs from the source. */
const char *cel_decode_text(struct span body, bool raw, bool bytes, struct arena *arena,
                            struct value *value);

/* True when all of `text` is UTF-8 (shortest forms, no surrogates). *code_points, if not NULL, gets how
 * many. */
bool cel_is_utf8(struct span text, size_t *code_points);

#endif
