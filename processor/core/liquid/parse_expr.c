#include <stdlib.h>

#include "core/liquid/chars.h"
#include "core/liquid/filters.h"
#include "core/liquid/number.h"
#include "core/liquid/parser.h"

void parser_tokenize(struct parser *parser, struct span markup)
{
    const char *bad = NULL;
    if (lexer_split(markup, parser->arena, &parser->tokens, &bad) != ERR_OK) {
        struct span rest = span_make(bad, (size_t)(markup.data + markup.size - bad));
        parser_fail(parser, ERR_SYNTAX, bad, "unexpected character '%.*s'", (int)utf8_size(rest), bad);
    }
}

const struct token *parser_peek(const struct parser *parser, size_t ahead)
{
    size_t at = parser->tokens.next + ahead;
    return &parser->tokens.items[at < parser->tokens.count ? at : parser->tokens.count - 1];
}

bool parser_accept(struct parser *parser, enum token_kind kind)
{
    if (parser_peek(parser, 0)->kind != kind)
        return false;
    parser->tokens.next++;
    return true;
}

bool parser_accept_word(struct parser *parser, const char *word)
{
    const struct token *token = parser_peek(parser, 0);
    if (token->kind != TOKEN_ID || !span_equal_text(token->text, word))
        return false;
    parser->tokens.next++;
    return true;
}

struct token parser_take(struct parser *parser, enum token_kind kind)
{
    const struct token *token = parser_peek(parser, 0);
    if (token->kind != kind)
        parser_fail(parser, ERR_SYNTAX, token->text.data, "expected %s, found %s%s%.*s%s",
                    lexer_kind_name(kind), lexer_kind_name(token->kind), token->text.size > 0 ? " \"" : "",
                    SPAN_PRINTF(token->text), token->text.size > 0 ? "\"" : "");
    if (kind != TOKEN_END)
        parser->tokens.next++;
    return *token;
}

void parser_expect_end(struct parser *parser)
{
    parser_take(parser, TOKEN_END);
}

struct span parser_tokens_text(struct parser *parser, size_t from)
{
    size_t size = 0;
    for (size_t i = from; i < parser->tokens.next; i++)
        size += parser->tokens.items[i].text.size;
    char *text = arena_alloc_aligned(parser->arena, size + 1, 1);
    size = 0;
    for (size_t i = from; i < parser->tokens.next; i++) {
        struct span token = parser->tokens.items[i].text;
        memcpy(text + size, token.data, token.size);
        size += token.size;
    }
    return span_make(text, size);
}

static struct expr literal(const char *at, struct value value)
{
    return (struct expr){.kind = EXPR_LITERAL, .at = at, .literal = value};
}

static struct expr read_number(struct parser *parser, struct token token)
{
    struct value value;
    if (number_parse_literal(token.text, parser->arena, &value) != ERR_OK)
        parser_fail(parser, ERR_SYNTAX, token.text.data, "the number has too many digits");
    return literal(token.text.data, value);
}

static bool word_literal(struct token token, struct expr *expr)
{
    static const struct {
        const char *word;
        struct expr expr;
    } words[] = {
        {"nil", {.kind = EXPR_LITERAL, .literal = {.kind = VALUE_NULL}}},
        {"null", {.kind = EXPR_LITERAL, .literal = {.kind = VALUE_NULL}}},
        {"true", {.kind = EXPR_LITERAL, .literal = {.kind = VALUE_BOOL, .boolean = true}}},
        {"false", {.kind = EXPR_LITERAL, .literal = {.kind = VALUE_BOOL, .boolean = false}}},
        {"empty", {.kind = EXPR_EMPTY}},
        {"blank", {.kind = EXPR_BLANK}},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (span_equal_text(token.text, words[i].word)) {
            *expr = words[i].expr;
            expr->at = token.text.data;
            return true;
        }
    return false;
}

static struct expr read_lookup(struct parser *parser, struct token token)
{
    struct expr expr = {.kind = EXPR_LOOKUP, .at = token.text.data};
    struct lookup_step *steps = NULL;
    size_t capacity = 0;
    while (true) {
        struct lookup_step step = {0};
        if (parser_accept(parser, TOKEN_OPEN_SQUARE)) {
            step.key = parser_read_expr_kept(parser);
            parser_take(parser, TOKEN_CLOSE_SQUARE);
        } else if (parser_accept(parser, TOKEN_DOT)) {
            step.name = parser_take(parser, TOKEN_ID).text;
        } else {
            break;
        }
        *ARENA_PUSH(parser->arena, &steps, &expr.lookup.step_count, &capacity) = step;
    }
    struct expr word;
    if (expr.lookup.step_count == 0 && word_literal(token, &word))
        return word;
    expr.lookup.name = name_make(token.text);
    expr.lookup.steps = steps;
    return expr;
}

/* The whole number that a literal end of a range stands for, as Ruby's to_i. */
static int64_t range_end(struct parser *parser, const struct expr *end)
{
    int64_t whole = 0;
    if (end->kind == EXPR_LITERAL && !number_literal_to_int(end->literal, &whole))
        parser_fail(parser, ERR_SYNTAX, end->at, "a range needs whole numbers at its ends");
    return whole;
}

static struct expr read_range(struct parser *parser, const char *at)
{
    const struct expr *from = parser_read_expr_kept(parser);
    parser_take(parser, TOKEN_DOTDOT);
    const struct expr *to = parser_read_expr_kept(parser);
    parser_take(parser, TOKEN_CLOSE_ROUND);
    bool is_fixed = from->kind != EXPR_LOOKUP && from->kind != EXPR_RANGE && to->kind != EXPR_LOOKUP &&
                    to->kind != EXPR_RANGE;
    if (!is_fixed)
        return (struct expr){.kind = EXPR_RANGE, .at = at, .range = {from, to}};
    struct liquid_range *range = ARENA_NEW(parser->arena, struct liquid_range);
    *range = (struct liquid_range){range_end(parser, from), range_end(parser, to)};
    return literal(at, (struct value){.kind = LIQUID_RANGE, .bytes = (const char *)range});
}

struct expr parser_read_expr(struct parser *parser)
{
    struct token token = *parser_peek(parser, 0);
    if (parser->expr_depth >= LIQUID_MAX_DEPTH)
        parser_fail(parser, ERR_LIMIT, token.text.data, "expressions nest deeper than %d",
                    LIQUID_MAX_DEPTH);
    if (token.kind != TOKEN_END)
        parser->tokens.next++;
    parser->expr_depth++;
    struct expr expr;
    switch (token.kind) {
    case TOKEN_ID:
        expr = read_lookup(parser, token);
        break;
    case TOKEN_STRING:
        expr = literal(token.text.data, value_string(span_slice(token.text, 1, token.text.size - 1)));
        break;
    case TOKEN_NUMBER:
        expr = read_number(parser, token);
        break;
    case TOKEN_OPEN_ROUND:
        expr = read_range(parser, token.text.data);
        break;
    case TOKEN_OPEN_SQUARE:
        parser_fail(parser, ERR_SYNTAX, token.text.data,
                    "a name is missing before '[' (use self['name'] for a name with odd characters)");
    default:
        parser_fail(parser, ERR_SYNTAX, token.text.data, "expected a value, found %s",
                    lexer_kind_name(token.kind));
    }
    parser->expr_depth--;
    return expr;
}

const struct expr *parser_read_expr_kept(struct parser *parser)
{
    struct expr *expr = ARENA_NEW(parser->arena, struct expr);
    *expr = parser_read_expr(parser);
    return expr;
}

bool expr_is_string(const struct expr *expr)
{
    return expr->kind == EXPR_LITERAL && expr->literal.kind == VALUE_STRING;
}

static bool at_named_argument(const struct parser *parser)
{
    return parser_peek(parser, 0)->kind == TOKEN_ID && parser_peek(parser, 1)->kind == TOKEN_COLON;
}

const struct argument *parser_read_arguments(struct parser *parser, size_t *count)
{
    struct argument *arguments = NULL;
    size_t capacity = 0;
    *count = 0;
    parser_accept(parser, TOKEN_COMMA);
    while (parser_peek(parser, 0)->kind == TOKEN_ID) {
        struct name name = name_make(parser_take(parser, TOKEN_ID).text);
        parser_take(parser, TOKEN_COLON);
        struct expr value = parser_read_expr(parser);
        *ARENA_PUSH(parser->arena, &arguments, count, &capacity) = (struct argument){name, value};
        parser_accept(parser, TOKEN_COMMA);
    }
    return arguments;
}

struct filter_arguments {
    struct expr *positional;
    size_t positional_count;
    size_t positional_capacity;
    struct argument *named;
    size_t named_count;
    size_t named_capacity;
};

static void read_filter_argument(struct parser *parser, struct filter_arguments *arguments)
{
    if (!at_named_argument(parser)) {
        struct expr value = parser_read_expr(parser);
        *ARENA_PUSH(parser->arena, &arguments->positional, &arguments->positional_count,
                    &arguments->positional_capacity) = value;
        return;
    }
    struct name name = name_make(parser_take(parser, TOKEN_ID).text);
    parser_take(parser, TOKEN_COLON);
    struct argument *argument = NULL;
    for (size_t i = 0; i < arguments->named_count && argument == NULL; i++)
        if (name_equal(arguments->named[i].name, name))
            argument = &arguments->named[i];
    if (argument == NULL)
        argument = ARENA_PUSH(parser->arena, &arguments->named, &arguments->named_count,
                              &arguments->named_capacity);
    *argument = (struct argument){name, parser_read_expr(parser)};
}

static bool at_end_of_arguments(const struct parser *parser)
{
    enum token_kind kind = parser_peek(parser, 0)->kind;
    return kind == TOKEN_PIPE || kind == TOKEN_END;
}

/* Positional arguments first, then the named ones in one array of expressions and one of names. */
static struct filter_call make_call(struct parser *parser, const struct filter_arguments *arguments)
{
    size_t count = arguments->positional_count + arguments->named_count;
    struct expr *values = count == 0 ? NULL : ARENA_ARRAY(parser->arena, struct expr, count);
    struct value *names = arguments->named_count == 0
                              ? NULL
                              : ARENA_ARRAY(parser->arena, struct value, arguments->named_count);
    for (size_t i = 0; i < arguments->positional_count; i++)
        values[i] = arguments->positional[i];
    for (size_t i = 0; i < arguments->named_count; i++) {
        values[arguments->positional_count + i] = arguments->named[i].value;
        names[i] = value_string(arguments->named[i].name.text);
    }
    return (struct filter_call){.arguments = values,
                                .names = names,
                                .positional_count = (uint32_t)arguments->positional_count,
                                .named_count = (uint32_t)arguments->named_count};
}

static void check_argument_count(struct parser *parser, const struct filter_call *call)
{
    const struct filter *filter = call->filter;
    uint32_t given = call->positional_count + (call->named_count > 0 ? 1 : 0);
    if (given >= filter->least_arguments && given <= filter->most_arguments)
        return;
    if (filter->least_arguments == filter->most_arguments)
        parser_fail(parser, ERR_SYNTAX, call->at, "filter '%s' takes %u argument%s, not %u", filter->name,
                    filter->most_arguments, filter->most_arguments == 1 ? "" : "s", given);
    parser_fail(parser, ERR_SYNTAX, call->at, "filter '%s' takes %u to %u arguments, not %u", filter->name,
                filter->least_arguments, filter->most_arguments, given);
}

static struct filter_call read_filter_call(struct parser *parser)
{
    struct token token = parser_take(parser, TOKEN_ID);
    const struct filter *filter = filter_by_name(token.text);
    if (filter == NULL) {
        const char *nearest = filter_nearest(token.text);
        parser_fail(parser, ERR_SYNTAX, token.text.data, "unknown filter '%.*s'%s%s%s",
                    SPAN_PRINTF(token.text), nearest == NULL ? "" : "; did you mean '",
                    nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
    }
    struct filter_arguments arguments = {0};
    if (parser_accept(parser, TOKEN_COLON)) {
        if (!at_end_of_arguments(parser))
            read_filter_argument(parser, &arguments);
        while (parser_accept(parser, TOKEN_COMMA) && !at_end_of_arguments(parser))
            read_filter_argument(parser, &arguments);
    }
    struct filter_call call = make_call(parser, &arguments);
    call.filter = filter;
    call.at = token.text.data;
    check_argument_count(parser, &call);
    return call;
}

struct chain parser_read_chain(struct parser *parser, struct span markup)
{
    struct chain chain = {0};
    struct filter_call *calls = NULL;
    size_t capacity = 0;
    parser_tokenize(parser, markup);
    if (parser_peek(parser, 0)->kind == TOKEN_END)
        return chain;
    chain.first = parser_read_expr_kept(parser);
    while (parser_accept(parser, TOKEN_PIPE)) {
        struct filter_call call = read_filter_call(parser);
        chain.is_raw = chain.is_raw || filter_is_raw(call.filter);
        *ARENA_PUSH(parser->arena, &calls, &chain.call_count, &capacity) = call;
    }
    parser_expect_end(parser);
    chain.calls = calls;
    return chain;
}

static enum compare_op compare_op_of(struct span text)
{
    static const struct {
        const char *text;
        enum compare_op op;
    } ops[] = {
        {"==", OP_EQUAL},      {"!=", OP_NOT_EQUAL},     {"<>", OP_NOT_EQUAL}, {"<", OP_LESS},
        {"<=", OP_LESS_EQUAL}, {">=", OP_GREATER_EQUAL}, {">", OP_GREATER},    {"contains", OP_CONTAINS},
    };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (span_equal_text(text, ops[i].text))
            return ops[i].op;
    return OP_NONE;
}

const struct condition *parser_read_conditions(struct parser *parser, struct span markup, size_t *count)
{
    struct condition *conditions = NULL;
    size_t capacity = 0;
    *count = 0;
    parser_tokenize(parser, markup);
    enum relation relation;
    do {
        struct condition condition = {.left = parser_read_expr_kept(parser)};
        const struct token *token = parser_peek(parser, 0);
        if (token->kind == TOKEN_COMPARISON) {
            condition.op = compare_op_of(token->text);
            parser->tokens.next++;
            condition.right = parser_read_expr_kept(parser);
        }
        relation = parser_accept_word(parser, "and")  ? RELATION_AND
                   : parser_accept_word(parser, "or") ? RELATION_OR
                                                      : RELATION_NONE;
        condition.next = relation;
        *ARENA_PUSH(parser->arena, &conditions, count, &capacity) = condition;
    } while (relation != RELATION_NONE);
    parser_expect_end(parser);
    return conditions;
}
