/* Recursive descent over CEL's grammar; one token of lookahead.
 *
 * After the first error the current token is the end of the source, so every loop stops by itself; the
 * nodes built from then on are never used.
 */
#include "core/cel/node.h"

struct parser {
    struct cel_parse *out;
    struct cel_lexer lexer;
    struct cel_token token; /* the current one */
    uint32_t depth;
};

static struct cel_node *parse_expression(struct parser *parser);

static void fail(struct parser *parser, enum err error, struct cel_place place, const char *format, ...)
    PRINTF_LIKE(4, 5);

static void fail(struct parser *parser, enum err error, struct cel_place place, const char *format, ...)
{
    struct cel_parse *out = parser->out;
    if (out->error != ERR_OK)
        return;
    va_list arguments;
    va_start(arguments, format);
    out->message = arena_vprintf(out->arena, format, arguments);
    va_end(arguments);
    out->error = error;
    out->place = place;
    parser->lexer.at = parser->lexer.source.size;
    parser->token = (struct cel_token){.kind = CEL_TOKEN_END, .place = place};
}

static void advance_signed(struct parser *parser, bool negative)
{
    if (parser->out->error != ERR_OK)
        return;
    parser->token = cel_lexer_next(&parser->lexer, negative);
    if (parser->token.kind == CEL_TOKEN_ERROR)
        fail(parser, parser->lexer.error, parser->token.place, "%s", parser->lexer.message);
}

static void advance(struct parser *parser)
{
    advance_signed(parser, false);
}

static bool is_symbol(const struct parser *parser, int symbol)
{
    return parser->token.kind == CEL_TOKEN_SYMBOL && parser->token.symbol == symbol;
}

static bool accept(struct parser *parser, int symbol)
{
    bool found = is_symbol(parser, symbol);
    if (found)
        advance(parser);
    return found;
}

static const char *symbol_text(int symbol, char buffer[2])
{
    switch (symbol) {
    case CEL_SYMBOL_EQUAL:
        return "==";
    case CEL_SYMBOL_NOT_EQUAL:
        return "!=";
    case CEL_SYMBOL_LESS_EQUAL:
        return "<=";
    case CEL_SYMBOL_GREATER_EQUAL:
        return ">=";
    case CEL_SYMBOL_AND:
        return "&&";
    case CEL_SYMBOL_OR:
        return "||";
    default:
        buffer[0] = (char)symbol;
        buffer[1] = '\0';
        return buffer;
    }
}

static void fail_expected(struct parser *parser, const char *expected)
{
    const struct cel_token *token = &parser->token;
    char buffer[2];
    if (token->kind == CEL_TOKEN_END)
        fail(parser, ERR_SYNTAX, token->place, "expected %s, but the expression ends here", expected);
    else if (token->kind == CEL_TOKEN_SYMBOL)
        fail(parser, ERR_SYNTAX, token->place, "expected %s, not %s", expected,
             symbol_text(token->symbol, buffer));
    else if (token->kind == CEL_TOKEN_LITERAL)
        fail(parser, ERR_SYNTAX, token->place, "expected %s, not a literal", expected);
    else
        fail(parser, ERR_SYNTAX, token->place, "expected %s, not %.*s", expected,
             token->kind == CEL_TOKEN_IN ? 2 : (int)token->text.size,
             token->kind == CEL_TOKEN_IN ? "in" : token->text.data);
}

static void expect(struct parser *parser, int symbol)
{
    char buffer[2];
    if (!accept(parser, symbol))
        fail_expected(parser, symbol_text(symbol, buffer));
}

static struct cel_node *new_node(struct parser *parser, enum cel_node_kind kind, struct cel_place place)
{
    struct cel_node *node = ARENA_NEW(parser->out->arena, struct cel_node);
    node->kind = (uint8_t)kind;
    node->place = place;
    return node;
}

static void set_args(struct parser *parser, struct cel_node *node, size_t count)
{
    node->args = ARENA_ARRAY(parser->out->arena, struct cel_node *, count);
    node->arg_count = (uint32_t)count;
}

struct node_list {
    struct cel_node **nodes;
    size_t count, capacity;
};

static void push_node(struct parser *parser, struct node_list *list, struct cel_node *node)
{
    *ARENA_PUSH(parser->out->arena, &list->nodes, &list->count, &list->capacity) = node;
}

static void take_args(struct cel_node *node, const struct node_list *list)
{
    node->args = list->nodes;
    node->arg_count = (uint32_t)list->count;
}

/* Expressions separated by commas up to `close`, which is taken too. */
static void parse_args(struct parser *parser, struct cel_node *node, int close, bool trailing_comma)
{
    struct node_list list = {0};
    while (!is_symbol(parser, close) && parser->out->error == ERR_OK) {
        push_node(parser, &list, parse_expression(parser));
        if (!accept(parser, ','))
            break;
        if (!trailing_comma && is_symbol(parser, close))
            fail_expected(parser, "an argument");
    }
    expect(parser, close);
    take_args(node, &list);
}

static struct cel_node *parse_map(struct parser *parser, struct cel_place place)
{
    struct cel_node *node = new_node(parser, CEL_NODE_MAP, place);
    struct node_list list = {0};
    while (!is_symbol(parser, '}') && parser->out->error == ERR_OK) {
        push_node(parser, &list, parse_expression(parser));
        expect(parser, ':');
        push_node(parser, &list, parse_expression(parser));
        if (!accept(parser, ','))
            break;
    }
    expect(parser, '}');
    take_args(node, &list);
    return node;
}

/* ---- macros ---- */

/* has(e.f): its argument, a selection, becomes the node. */
static struct cel_node *expand_has(struct parser *parser, struct cel_node *call)
{
    struct cel_node *argument = call->args[0];
    if (argument->kind != CEL_NODE_SELECT) {
        fail(parser, ERR_SYNTAX, call->place, "has() takes a selection, as in has(event.total)");
        return call;
    }
    argument->kind = CEL_NODE_HAS;
    return argument;
}

const char *cel_macro_text(enum cel_macro macro)
{
    static const char *const texts[] = {"all", "exists", "exists_one", "filter", "map", "map"};
    return texts[macro];
}

/* A receiver-style call that is a macro becomes one; others stay as they are. */
static struct cel_node *expand_macro(struct parser *parser, struct cel_node *call)
{
    static const struct {
        const char *name;
        uint32_t arg_count;
        enum cel_macro macro;
    } macros[] = {
        {"all", 2, CEL_MACRO_ALL},        {"exists", 2, CEL_MACRO_EXISTS},
        {"filter", 2, CEL_MACRO_FILTER},  {"exists_one", 2, CEL_MACRO_EXISTS_ONE},
        {"map", 2, CEL_MACRO_MAP},        {"existsOne", 2, CEL_MACRO_EXISTS_ONE},
        {"map", 3, CEL_MACRO_MAP_FILTER},
    };
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
        if (call->arg_count != macros[i].arg_count || !span_equal_text(call->name, macros[i].name))
            continue;
        struct cel_node *variable = call->args[0];
        if (variable->kind != CEL_NODE_NAME || variable->absolute) {
            fail(parser, ERR_SYNTAX, variable->place,
                 "the first argument of %s() names its variable: one plain name, as in list.%s(x, …)",
                 macros[i].name, macros[i].name);
            return call;
        }
        call->kind = CEL_NODE_MACRO;
        call->detail = (uint8_t)macros[i].macro;
        call->name = variable->name;
        call->args += 1;
        call->arg_count -= 1;
        return call;
    }
    return call;
}

/* ---- primaries and members ---- */

static struct cel_node *parse_name(struct parser *parser, bool absolute)
{
    struct cel_token name = parser->token;
    if (name.kind != CEL_TOKEN_NAME) {
        fail_expected(parser, "a name");
        return new_node(parser, CEL_NODE_NAME, name.place);
    }
    if (cel_is_reserved(name.text))
        fail(parser, ERR_SYNTAX, name.place, "%.*s is a reserved word and names nothing",
             SPAN_PRINTF(name.text));
    advance(parser);
    struct cel_node *node = new_node(parser, CEL_NODE_NAME, name.place);
    node->name = name.text;
    node->absolute = absolute;
    if (accept(parser, '(')) {
        node->kind = CEL_NODE_CALL;
        parse_args(parser, node, ')', false);
        if (parser->out->error == ERR_OK && node->arg_count == 1 && span_equal_text(node->name, "has"))
            return expand_has(parser, node);
    }
    return node;
}

static struct cel_node *parse_primary(struct parser *parser)
{
    struct cel_token token = parser->token;
    if (token.kind == CEL_TOKEN_LITERAL) {
        advance(parser);
        struct cel_node *node = new_node(parser, CEL_NODE_LITERAL, token.place);
        node->value = token.value;
        return node;
    }
    if (accept(parser, '(')) {
        struct cel_node *node = parse_expression(parser);
        expect(parser, ')');
        return node;
    }
    if (accept(parser, '[')) {
        struct cel_node *node = new_node(parser, CEL_NODE_LIST, token.place);
        parse_args(parser, node, ']', true);
        return node;
    }
    if (accept(parser, '{'))
        return parse_map(parser, token.place);
    if (accept(parser, '.'))
        return parse_name(parser, true);
    if (token.kind == CEL_TOKEN_NAME)
        return parse_name(parser, false);
    fail_expected(parser, "a value");
    return new_node(parser, CEL_NODE_LITERAL, token.place);
}

/* What follows a dot: a selection or a call on `target`. */
static struct cel_node *parse_selection(struct parser *parser, struct cel_node *target)
{
    struct cel_token name = parser->token;
    struct cel_node *node = new_node(parser, CEL_NODE_SELECT, name.place);
    node->target = target;
    node->name = name.text;
    if (name.kind != CEL_TOKEN_NAME && name.kind != CEL_TOKEN_ESCAPED) {
        fail_expected(parser, "a name after the dot");
        return node;
    }
    advance(parser);
    if (name.kind == CEL_TOKEN_NAME && accept(parser, '(')) {
        node->kind = CEL_NODE_CALL;
        parse_args(parser, node, ')', false);
        if (parser->out->error == ERR_OK)
            return expand_macro(parser, node);
    }
    return node;
}

static bool is_qualified_name(const struct cel_node *node)
{
    while (node->kind == CEL_NODE_SELECT)
        node = node->target;
    return node->kind == CEL_NODE_NAME;
}

static struct cel_node *parse_member(struct parser *parser)
{
    struct cel_node *node = parse_primary(parser);
    for (;;) {
        struct cel_place place = parser->token.place;
        if (accept(parser, '.')) {
            node = parse_selection(parser, node);
        } else if (accept(parser, '[')) {
            struct cel_node *index = new_node(parser, CEL_NODE_INDEX, place);
            index->target = node;
            set_args(parser, index, 1);
            index->args[0] = parse_expression(parser);
            expect(parser, ']');
            node = index;
        } else if (is_symbol(parser, '{') && is_qualified_name(node)) {
            fail(parser, ERR_INVALID, place, "messages (Name{field: value}) are not part of Declic's CEL");
        } else {
            return node;
        }
    }
}

/* ---- operators ---- */

/* ! and - before a member. A minus directly before a number is part of it. */
static struct cel_node *parse_unary(struct parser *parser)
{
    struct cel_node *outer = NULL, **inner = &outer;
    while (is_symbol(parser, '!') || is_symbol(parser, '-')) {
        bool minus = is_symbol(parser, '-');
        struct cel_place place = parser->token.place;
        advance_signed(parser, minus);
        if (minus && parser->token.kind == CEL_TOKEN_LITERAL &&
            (parser->token.value.kind == VALUE_INT || parser->token.value.kind == VALUE_DOUBLE))
            break;
        struct cel_node *node = new_node(parser, CEL_NODE_UNARY, place);
        node->detail = minus ? CEL_NEGATE : CEL_NOT;
        *inner = node;
        inner = &node->target;
    }
    *inner = parse_member(parser);
    return outer;
}

const char *cel_operator_text(enum cel_operator operator_)
{
    static const char *const texts[] = {"+",  "-", "*",  "/",  "%",  "==", "!=", "<",
                                        "<=", ">", ">=", "in", "&&", "||", "!",  "-"};
    return texts[operator_];
}

/* The binary operator at the current token and its precedence (relations 1, sums 2, products 3); 0: none.
 */
static int binary_operator(const struct parser *parser, enum cel_operator *found)
{
    static const struct {
        int symbol;
        enum cel_operator operator_;
        int precedence;
    } table[] = {{'+', CEL_ADD, 2},
                 {'-', CEL_SUBTRACT, 2},
                 {'*', CEL_MULTIPLY, 3},
                 {'/', CEL_DIVIDE, 3},
                 {'%', CEL_REMAINDER, 3},
                 {'<', CEL_LESS, 1},
                 {'>', CEL_GREATER, 1},
                 {CEL_SYMBOL_EQUAL, CEL_EQUAL, 1},
                 {CEL_SYMBOL_NOT_EQUAL, CEL_NOT_EQUAL, 1},
                 {CEL_SYMBOL_LESS_EQUAL, CEL_LESS_EQUAL, 1},
                 {CEL_SYMBOL_GREATER_EQUAL, CEL_GREATER_EQUAL, 1}};
    if (parser->token.kind == CEL_TOKEN_IN) {
        *found = CEL_IN;
        return 1;
    }
    for (size_t i = 0; parser->token.kind == CEL_TOKEN_SYMBOL && i < sizeof table / sizeof *table; i++) {
        if (parser->token.symbol == table[i].symbol) {
            *found = table[i].operator_;
            return table[i].precedence;
        }
    }
    return 0;
}

/* Precedence climbing over the left-associative operators of at least `lowest`. */
static struct cel_node *parse_binary(struct parser *parser, int lowest)
{
    struct cel_node *left = parse_unary(parser);
    for (;;) {
        enum cel_operator operator_ = CEL_ADD;
        int precedence = binary_operator(parser, &operator_);
        if (precedence == 0 || precedence < lowest)
            return left;
        struct cel_node *node = new_node(parser, CEL_NODE_BINARY, parser->token.place);
        advance(parser);
        node->detail = (uint8_t)operator_;
        node->target = left;
        set_args(parser, node, 1);
        node->args[0] = parse_binary(parser, precedence + 1);
        left = node;
    }
}

/* Terms joined by && (or, one level up, ||) become one node. */
static struct cel_node *parse_logic(struct parser *parser, enum cel_operator operator_)
{
    int symbol = operator_ == CEL_OR ? CEL_SYMBOL_OR : CEL_SYMBOL_AND;
    struct cel_node *first = operator_ == CEL_OR ? parse_logic(parser, CEL_AND) : parse_binary(parser, 1);
    if (!is_symbol(parser, symbol))
        return first;
    struct cel_node *node = new_node(parser, CEL_NODE_LOGIC, parser->token.place);
    struct node_list list = {0};
    push_node(parser, &list, first);
    while (accept(parser, symbol))
        push_node(parser, &list,
                  operator_ == CEL_OR ? parse_logic(parser, CEL_AND) : parse_binary(parser, 1));
    node->detail = (uint8_t)operator_;
    take_args(node, &list);
    return node;
}

static struct cel_node *parse_expression(struct parser *parser)
{
    if (++parser->depth > parser->out->max_depth)
        fail(parser, ERR_LIMIT, parser->token.place, "the expression is nested more than %u deep",
             parser->out->max_depth);
    struct cel_node *node = parse_logic(parser, CEL_OR);
    struct cel_place place = parser->token.place;
    if (accept(parser, '?')) {
        struct cel_node *conditional = new_node(parser, CEL_NODE_CONDITIONAL, place);
        set_args(parser, conditional, 3);
        conditional->args[0] = node;
        conditional->args[1] = parse_logic(parser, CEL_OR);
        expect(parser, ':');
        conditional->args[2] = parse_expression(parser);
        node = conditional;
    }
    parser->depth -= 1;
    return node;
}

enum err cel_parse_source(struct cel_parse *parse)
{
    struct parser parser = {.out = parse};
    parse->error = ERR_OK;
    cel_lexer_init(&parser.lexer, parse->source, parse->arena);
    advance(&parser);
    parse->root = parse_expression(&parser);
    if (parser.token.kind != CEL_TOKEN_END)
        fail_expected(&parser, "an operator or the end");
    return parse->error;
}
