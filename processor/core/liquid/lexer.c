#include "core/liquid/lexer.h"

#include "core/liquid/chars.h"

static const char *const kind_names[] = {
    [TOKEN_END] = "the end",
    [TOKEN_ID] = "a name",
    [TOKEN_STRING] = "a string",
    [TOKEN_NUMBER] = "a number",
    [TOKEN_COMPARISON] = "a comparison",
    [TOKEN_PIPE] = "'|'",
    [TOKEN_DOT] = "'.'",
    [TOKEN_DOTDOT] = "'..'",
    [TOKEN_COLON] = "':'",
    [TOKEN_COMMA] = "','",
    [TOKEN_OPEN_SQUARE] = "'['",
    [TOKEN_CLOSE_SQUARE] = "']'",
    [TOKEN_OPEN_ROUND] = "'('",
    [TOKEN_CLOSE_ROUND] = "')'",
    [TOKEN_QUESTION] = "'?'",
    [TOKEN_DASH] = "'-'",
};

const char *lexer_kind_name(enum token_kind kind)
{
    return kind_names[kind];
}

static enum token_kind punctuation(char c)
{
    switch (c) {
    case '|':
        return TOKEN_PIPE;
    case '.':
        return TOKEN_DOT;
    case ':':
        return TOKEN_COLON;
    case ',':
        return TOKEN_COMMA;
    case '[':
        return TOKEN_OPEN_SQUARE;
    case ']':
        return TOKEN_CLOSE_SQUARE;
    case '(':
        return TOKEN_OPEN_ROUND;
    case ')':
        return TOKEN_CLOSE_ROUND;
    case '?':
        return TOKEN_QUESTION;
    case '-':
        return TOKEN_DASH;
    default:
        return TOKEN_END;
    }
}

/* -?\d+(\.\d+)? from `at`, which is a digit or a dash before one. */
static const char *number_end(const char *at, const char *end)
{
    at++;
    while (at < end && char_is_digit(*at))
        at++;
    if (end - at >= 2 && at[0] == '.' && char_is_digit(at[1])) {
        at += 2;
        while (at < end && char_is_digit(*at))
            at++;
    }
    return at;
}

static const char *identifier_end(const char *at, const char *end)
{
    while (at < end && (char_is_word(*at) || *at == '-'))
        at++;
    return at < end && *at == '?' ? at + 1 : at;
}

/* The length of the comparison at `at`, 0 when there is none. */
static size_t comparison_size(const char *at, const char *end)
{
    char second = end - at >= 2 ? at[1] : '\0';
    if (*at == '=' || *at == '!')
        return second == '=' ? 2 : 0;
    if (*at == '<')
        return second == '=' || second == '>' ? 2 : 1;
    if (*at == '>')
        return second == '=' ? 2 : 1;
    return 0;
}

/* Reads the token at `at` into *token; the end of it, or NULL when no token begins there. */
static const char *read_token(const char *at, const char *end, enum token_kind before, struct token *token)
{
    const char *from = at;
    enum token_kind kind = punctuation(*at);
    if (char_is_digit(*at) || (*at == '-' && end - at >= 2 && char_is_digit(at[1]))) {
        kind = TOKEN_NUMBER;
        at = number_end(at, end);
    } else if (kind == TOKEN_DOT && end - at >= 2 && at[1] == '.') {
        kind = TOKEN_DOTDOT;
        at += 2;
    } else if (kind != TOKEN_END) {
        at++;
    } else if (char_is_letter(*at) || *at == '_') {
        kind = TOKEN_ID;
        at = identifier_end(at, end);
        if (before != TOKEN_DOT && span_equal_text(span_make(from, (size_t)(at - from)), "contains"))
            kind = TOKEN_COMPARISON;
    } else if (*at == '"' || *at == '\'') {
        kind = TOKEN_STRING;
        const char *close = memchr(at + 1, *at, (size_t)(end - at - 1));
        if (close == NULL)
            return NULL;
        at = close + 1;
    } else {
        kind = TOKEN_COMPARISON;
        at += comparison_size(at, end);
        if (at == from)
            return NULL;
    }
    *token = (struct token){kind, span_make(from, (size_t)(at - from))};
    return at;
}

enum err lexer_split(struct span markup, struct arena *arena, struct tokens *tokens, const char **bad)
{
    *tokens = (struct tokens){0};
    const char *at = markup.data;
    const char *end = markup.data + markup.size;
    enum token_kind before = TOKEN_END;
    while (true) {
        while (at < end && char_is_space(*at))
            at++;
        struct token token = {TOKEN_END, span_make(at, 0)};
        if (at < end) {
            const char *next = read_token(at, end, before, &token);
            if (next == NULL) {
                *bad = at;
                return ERR_SYNTAX;
            }
            at = next;
        }
        *ARENA_PUSH(arena, &tokens->items, &tokens->count, &tokens->capacity) = token;
        before = token.kind;
        if (token.kind == TOKEN_END)
            return ERR_OK;
    }
}
