#include "base/nearest.h"
#include "core/liquid/chars.h"
#include "core/liquid/filters.h"
#include "core/liquid/parser.h"

static bool is_signature(char c)
{
    return char_is_word(c) || c == '-' || c == '.' || c == '[' || c == ']' || c == '(' || c == ')';
}

/* Finds "name = rest": the first `=` with a name before it, wherever the name begins (Shopify's parser
 * searches for it and passes over what stands before). */
static bool split_assign(struct span markup, struct span *name, struct span *rest)
{
    const char *at = markup.data;
    const char *end = markup.data + markup.size;
    while (at < end && (at = memchr(at, '=', (size_t)(end - at))) != NULL) {
        const char *to = at;
        while (to > markup.data && char_is_space(to[-1]))
            to--;
        const char *from = to;
        while (from > markup.data && is_signature(from[-1]))
            from--;
        at++;
        if (from == to)
            continue;
        *name = span_make(from, (size_t)(to - from));
        *rest = span_make(at, (size_t)(end - at));
        return true;
    }
    return false;
}

/* A markup that is one name and nothing else. */
static struct name read_only_name(struct parser *parser, struct span markup)
{
    parser_tokenize(parser, markup);
    struct name name = name_make(parser_take(parser, TOKEN_ID).text);
    parser_expect_end(parser);
    return name;
}

static void read_assign(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct span left;
    struct span right;
    if (!split_assign(piece.markup, &left, &right))
        parser_fail(parser, ERR_SYNTAX, piece.tag.data, "assign is written: assign name = value");
    struct name name = read_only_name(parser, left);
    struct chain chain = parser_read_chain(parser, right);
    struct node *node = body_builder_add(parser, builder, NODE_ASSIGN, piece.tag.data);
    node->assign.name = name;
    node->assign.chain = chain;
}

static void read_capture(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct name name = read_only_name(parser, piece.markup);
    struct body_builder inner = body_builder_make(parser);
    struct piece end = parser_read_block(parser, piece, &inner);
    if (!piece_ends(end, piece))
        parser_fail_unknown(parser, end, piece);
    struct node *node = body_builder_add(parser, builder, NODE_CAPTURE, piece.tag.data);
    node->capture.name = name;
    node->capture.body = inner.body;
}

static void read_ifchanged(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct body_builder inner = body_builder_make(parser);
    struct piece end = parser_read_block(parser, piece, &inner);
    if (!piece_ends(end, piece))
        parser_fail_unknown(parser, end, piece);
    struct node *node = body_builder_add(parser, builder, NODE_IFCHANGED, piece.tag.data);
    node->ifchanged = inner.body;
    builder->body->is_blank &= inner.body->is_blank;
}

/* The arms of an if, unless or case while they are read. */
struct branch_list {
    struct branch *items;
    size_t count;
    size_t capacity;
};

static struct branch *add_branch(struct parser *parser, struct branch_list *list, const struct body *body)
{
    struct branch *branch = ARENA_PUSH(parser->arena, &list->items, &list->count, &list->capacity);
    branch->body = body;
    return branch;
}

/* When all the arms print nothing but whitespace they print nothing at all. */
static void finish_branches(struct parser *parser, struct piece piece, struct body_builder *builder,
                            enum node_kind kind, struct branch_list *list, bool is_blank)
{
    for (size_t i = 0; i < list->count && is_blank; i++)
        body_drop_text((struct body *)list->items[i].body);
    struct node *node = body_builder_add(parser, builder, kind, piece.tag.data);
    node->branches.branches = list->items;
    node->branches.count = list->count;
    builder->body->is_blank &= is_blank;
}

static void read_if(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct branch_list list = {0};
    bool is_blank = true;
    struct piece arm = piece;
    while (true) {
        struct body_builder inner = body_builder_make(parser);
        struct branch *branch = add_branch(parser, &list, inner.body);
        if (!span_equal_text(arm.tag, "else")) {
            size_t count;
            branch->conditions = parser_read_conditions(parser, arm.markup, &count);
            branch->condition_count = count;
            branch->is_negated = list.count == 1 && span_equal_text(piece.tag, "unless");
        }
        arm = parser_read_block(parser, piece, &inner);
        is_blank = is_blank && inner.body->is_blank;
        if (piece_ends(arm, piece))
            break;
        if (!span_equal_text(arm.tag, "elsif") && !span_equal_text(arm.tag, "else"))
            parser_fail_unknown(parser, arm, piece);
    }
    finish_branches(parser, piece, builder, NODE_IF, &list, is_blank);
}

static void read_when(struct parser *parser, struct piece arm, const struct expr *left,
                      struct branch_list *list, const struct body *body)
{
    parser_tokenize(parser, arm.markup);
    do {
        struct condition *condition = ARENA_NEW(parser->arena, struct condition);
        *condition =
            (struct condition){.left = left, .op = OP_EQUAL, .right = parser_read_expr_kept(parser)};
        struct branch *branch = add_branch(parser, list, body);
        branch->conditions = condition;
        branch->condition_count = 1;
    } while (parser_accept_word(parser, "or") || parser_accept(parser, TOKEN_COMMA));
    parser_expect_end(parser);
}

static void read_case(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct branch_list list = {0};
    parser_tokenize(parser, piece.markup);
    struct expr *left = ARENA_NEW(parser->arena, struct expr);
    *left = parser_read_expr(parser);
    if (left->kind == EXPR_EMPTY || left->kind == EXPR_BLANK)
        *left =
            (struct expr){.kind = EXPR_LITERAL, .at = left->at, .literal = value_string(span_make("", 0))};
    parser_expect_end(parser);
    struct body_builder before =
        body_builder_make(parser); /* what stands before the first when is dropped */
    struct piece arm = parser_read_block(parser, piece, &before);
    bool is_blank = before.body->is_blank;
    while (!piece_ends(arm, piece)) {
        struct body_builder inner = body_builder_make(parser);
        if (span_equal_text(arm.tag, "when"))
            read_when(parser, arm, left, &list, inner.body);
        else if (!span_equal_text(arm.tag, "else"))
            parser_fail_unknown(parser, arm, piece);
        else if (span_strip(arm.markup).size != 0)
            parser_fail(parser, ERR_SYNTAX, arm.markup.data, "the else of a case takes no condition");
        else
            add_branch(parser, &list, inner.body);
        arm = parser_read_block(parser, piece, &inner);
        is_blank = is_blank && inner.body->is_blank;
    }
    finish_branches(parser, piece, builder, NODE_CASE, &list, is_blank);
}

static void read_for_head(struct parser *parser, struct piece piece, struct loop *loop)
{
    parser_tokenize(parser, piece.markup);
    loop->variable = name_make(parser_take(parser, TOKEN_ID).text);
    if (!parser_accept_word(parser, "in"))
        parser_fail(parser, ERR_SYNTAX, parser_peek(parser, 0)->text.data,
                    "expected 'in' after the variable");
    size_t from = parser->tokens.next;
    loop->collection = parser_read_expr(parser);
    struct span collection = parser_tokens_text(parser, from);
    loop->name =
        arena_printf(parser->arena, "%.*s-%.*s", SPAN_PRINTF(loop->variable.text), SPAN_PRINTF(collection));
}

static void read_for_options(struct parser *parser, struct loop *loop)
{
    loop->is_reversed = parser_accept_word(parser, "reversed");
    while (parser_peek(parser, 0)->kind == TOKEN_COMMA || parser_peek(parser, 0)->kind == TOKEN_ID) {
        parser_accept(parser, TOKEN_COMMA);
        bool is_limit = parser_accept_word(parser, "limit");
        if (!is_limit && !parser_accept_word(parser, "offset"))
            parser_fail(parser, ERR_SYNTAX, parser_peek(parser, 0)->text.data,
                        "a for takes 'reversed', then 'limit' and 'offset'");
        parser_take(parser, TOKEN_COLON);
        const struct expr *value = parser_read_expr_kept(parser);
        bool is_continue = value->kind == EXPR_LOOKUP && value->lookup.step_count == 0 &&
                           span_equal_text(value->lookup.name.text, "continue");
        if (is_limit)
            loop->limit = value;
        else
            loop->offset = value;
        if (!is_limit)
            loop->is_continued = is_continue;
    }
    parser_expect_end(parser);
}

static void read_for(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct loop *loop = ARENA_NEW(parser->arena, struct loop);
    read_for_head(parser, piece, loop);
    read_for_options(parser, loop);
    struct body_builder inner = body_builder_make(parser);
    struct body_builder otherwise = body_builder_make(parser);
    struct piece end = parser_read_block(parser, piece, &inner);
    if (span_equal_text(end.tag, "else")) {
        end = parser_read_block(parser, piece, &otherwise);
        loop->otherwise = otherwise.body;
    }
    if (!piece_ends(end, piece))
        parser_fail_unknown(parser, end, piece);
    loop->body = inner.body;
    bool is_blank = inner.body->is_blank && otherwise.body->is_blank;
    if (is_blank) {
        body_drop_text(inner.body);
        body_drop_text(otherwise.body);
    }
    body_builder_add(parser, builder, NODE_FOR, piece.tag.data)->loop = loop;
    builder->body->is_blank &= is_blank;
}

static void read_tablerow(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct loop *loop = ARENA_NEW(parser->arena, struct loop);
    read_for_head(parser, piece, loop);
    parser_accept(parser, TOKEN_COMMA);
    while (parser_peek(parser, 0)->kind == TOKEN_ID) {
        struct token key = parser_take(parser, TOKEN_ID);
        const struct expr **place = span_equal_text(key.text, "cols")     ? &loop->columns
                                    : span_equal_text(key.text, "limit")  ? &loop->limit
                                    : span_equal_text(key.text, "offset") ? &loop->offset
                                                                          : NULL;
        if (place == NULL && !span_equal_text(key.text, "range"))
            parser_fail(parser, ERR_SYNTAX, key.text.data, "a tablerow takes 'cols', 'limit' and 'offset'");
        parser_take(parser, TOKEN_COLON);
        const struct expr *value = parser_read_expr_kept(parser);
        if (place != NULL)
            *place = value;
        parser_accept(parser, TOKEN_COMMA);
    }
    parser_expect_end(parser);
    struct body_builder inner = body_builder_make(parser);
    struct piece end = parser_read_block(parser, piece, &inner);
    if (!piece_ends(end, piece))
        parser_fail_unknown(parser, end, piece);
    loop->body = inner.body;
    body_builder_add(parser, builder, NODE_TABLEROW, piece.tag.data)->loop = loop;
    builder->body->is_blank &= inner.body->is_blank;
}

static void read_counter(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct name name = read_only_name(parser, piece.markup);
    struct node *node = body_builder_add(parser, builder, NODE_COUNTER, piece.tag.data);
    node->counter.name = name;
    node->counter.is_decrement = piece.tag.data[0] == 'd';
    builder->body->is_blank = false;
}

/* Cycles of the same literals go on together; one with a variable in it goes on alone. */
static struct span cycle_key(struct parser *parser, size_t from, const struct expr *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].kind == EXPR_LOOKUP || values[i].kind == EXPR_RANGE)
            return arena_printf(parser->arena, "%zu", ++parser->cycle_count);
    /* Starts with a quote, digit or letter, or is empty of them: never a number alone. */
    struct span text = parser_tokens_text(parser, from);
    return arena_printf(parser->arena, "=%.*s", SPAN_PRINTF(text));
}

static void read_cycle(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct expr *values = NULL;
    size_t count = 0;
    size_t capacity = 0;
    const struct expr *name = NULL;
    parser_tokenize(parser, piece.markup);
    struct expr first = parser_read_expr(parser);
    size_t from = 0;
    if (parser_accept(parser, TOKEN_COLON)) {
        struct expr *kept = ARENA_NEW(parser->arena, struct expr);
        *kept = first;
        name = kept;
        from = parser->tokens.next;
        first = parser_read_expr(parser);
    }
    *ARENA_PUSH(parser->arena, &values, &count, &capacity) = first;
    while (parser_accept(parser, TOKEN_COMMA)) {
        if (parser_peek(parser, 0)->kind == TOKEN_END)
            break;
        struct expr value = parser_read_expr(parser);
        *ARENA_PUSH(parser->arena, &values, &count, &capacity) = value;
    }
    parser_expect_end(parser);
    struct node *node = body_builder_add(parser, builder, NODE_CYCLE, piece.tag.data);
    node->cycle.name = name;
    node->cycle.key = cycle_key(parser, from, values, count);
    node->cycle.values = values;
    node->cycle.count = count;
    builder->body->is_blank = false;
}

static void find_snippet(struct parser *parser, struct partial *partial)
{
    if (!expr_is_string(&partial->name)) {
        parser_add_all_units(parser);
        return;
    }
    struct span name = value_span(partial->name.literal);
    partial->unit = parser_find_unit(parser, name);
    if (partial->unit == NULL && parser->options->check_snippets)
        parser_fail(parser, ERR_NOT_FOUND, partial->name.at, "there is no snippet '%.*s'",
                    SPAN_PRINTF(name));
}

static void read_partial(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct partial *partial = ARENA_NEW(parser->arena, struct partial);
    bool is_render = span_equal_text(piece.tag, "render");
    parser_tokenize(parser, piece.markup);
    if (is_render && parser_peek(parser, 0)->kind != TOKEN_STRING)
        parser_fail(parser, ERR_SYNTAX, parser_peek(parser, 0)->text.data,
                    "render needs the snippet's name in quotes");
    partial->name = parser_read_expr(parser);
    partial->is_for = parser_accept_word(parser, "for");
    if (partial->is_for || parser_accept_word(parser, "with"))
        partial->with = parser_read_expr_kept(parser);
    if (parser_accept_word(parser, "as"))
        partial->alias = name_make(parser_take(parser, TOKEN_ID).text);
    partial->arguments = parser_read_arguments(parser, &partial->argument_count);
    parser_expect_end(parser);
    find_snippet(parser, partial);
    body_builder_add(parser, builder, is_render ? NODE_RENDER : NODE_INCLUDE, piece.tag.data)->partial =
        partial;
    builder->body->is_blank = false;
}

static void read_interrupt(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    body_builder_add(parser, builder, piece.tag.data[0] == 'b' ? NODE_BREAK : NODE_CONTINUE,
                     piece.tag.data);
    builder->body->is_blank = false;
}

static void read_echo(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct chain chain = parser_read_chain(parser, piece.markup);
    body_builder_add(parser, builder, NODE_OUTPUT, piece.tag.data)->output = chain;
    builder->body->is_blank = false;
}

static void read_abort(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    const struct expr *reason = NULL;
    parser_tokenize(parser, piece.markup);
    if (parser_peek(parser, 0)->kind != TOKEN_END)
        reason = parser_read_expr_kept(parser);
    parser_expect_end(parser);
    body_builder_add(parser, builder, NODE_ABORT, piece.tag.data)->reason = reason;
    builder->body->is_blank = false;
}

static const struct {
    const char *name;
    parser_tag *read;
} tags[] = {
    {"#", parser_read_inline_comment},
    {"abort", read_abort},
    {"assign", read_assign},
    {"break", read_interrupt},
    {"capture", read_capture},
    {"case", read_case},
    {"comment", parser_read_comment},
    {"continue", read_interrupt},
    {"cycle", read_cycle},
    {"decrement", read_counter},
    {"doc", parser_read_doc},
    {"echo", read_echo},
    {"for", read_for},
    {"if", read_if},
    {"ifchanged", read_ifchanged},
    {"include", read_partial},
    {"increment", read_counter},
    {"raw", parser_read_raw},
    {"render", read_partial},
    {"tablerow", read_tablerow},
    {"unless", read_if},
};

const char *parser_nearest_tag(struct span name)
{
    return nearest_name(name, &tags[0].name, sizeof *tags, sizeof tags / sizeof *tags);
}

bool parser_read_tag(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (span_equal_text(piece.tag, tags[i].name)) {
            tags[i].read(parser, piece, builder);
            return true;
        }
    return false;
}
