#include "core/liquid/chars.h"
#include "core/liquid/parser.h"

struct body_builder body_builder_make(struct parser *parser)
{
    struct body *body = ARENA_NEW(parser->arena, struct body);
    body->is_blank = true;
    return (struct body_builder){.body = body};
}

struct node *body_builder_add(struct parser *parser, struct body_builder *builder, enum node_kind kind,
                              const char *at)
{
    struct node *node = ARENA_NEW(parser->arena, struct node);
    node->kind = kind;
    node->at = at;
    builder->last_text = NULL;
    *ARENA_PUSH(parser->arena, &builder->body->nodes, &builder->body->count, &builder->capacity) = node;
    return node;
}

void body_drop_text(struct body *body)
{
    size_t kept = 0;
    for (size_t i = 0; i < body->count; i++)
        if (body->nodes[i]->kind != NODE_TEXT)
            body->nodes[kept++] = body->nodes[i];
    body->count = kept;
}

static void add_text(struct parser *parser, struct body_builder *builder, struct span text)
{
    if (parser->trim_next)
        text = span_strip_left(text);
    parser->trim_next = false;
    if (text.size == 0)
        return;
    struct node *node = body_builder_add(parser, builder, NODE_TEXT, text.data);
    node->text = text;
    builder->last_text = node;
    if (span_strip(text).size != 0)
        builder->body->is_blank = false;
}

static void trim(struct parser *parser, struct body_builder *builder, struct piece piece)
{
    if (piece.trims_before && builder->last_text != NULL)
        builder->last_text->text = span_strip_right(builder->last_text->text);
    parser->trim_next = piece.trims_after;
    builder->last_text = NULL;
}

/* The tags of a `{% liquid %}`, one a line, join the body that it stands in. */
static void read_liquid(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    struct source lines = {piece.markup.data, piece.markup.data + piece.markup.size, true};
    struct source *outer = parser->source;
    if (parser->depth >= LIQUID_MAX_DEPTH)
        parser_fail(parser, ERR_LIMIT, piece.whole.data, "blocks nest deeper than %d", LIQUID_MAX_DEPTH);
    parser->depth++;
    parser->source = &lines;
    struct piece end = parser_read_body(parser, builder);
    if (end.kind != PIECE_END)
        parser_fail_unknown(parser, end, piece);
    parser->source = outer;
    parser->depth--;
}

struct piece parser_read_body(struct parser *parser, struct body_builder *builder)
{
    while (true) {
        struct piece piece = parser_next_piece(parser);
        switch (piece.kind) {
        case PIECE_END:
            return piece;
        case PIECE_TEXT:
            add_text(parser, builder, piece.whole);
            break;
        case PIECE_OUTPUT: {
            trim(parser, builder, piece);
            struct chain chain = parser_read_chain(parser, piece.markup);
            body_builder_add(parser, builder, NODE_OUTPUT, piece.markup.data)->output = chain;
            builder->body->is_blank = false;
            break;
        }
        case PIECE_TAG:
            if (!parser->source->is_lines)
                trim(parser, builder, piece);
            if (span_equal_text(piece.tag, "liquid"))
                read_liquid(parser, piece, builder);
            else if (!parser_read_tag(parser, piece, builder))
                return piece;
            break;
        }
    }
}

struct piece parser_read_block(struct parser *parser, struct piece opening, struct body_builder *builder)
{
    if (parser->depth >= LIQUID_MAX_DEPTH)
        parser_fail(parser, ERR_LIMIT, opening.tag.data, "blocks nest deeper than %d", LIQUID_MAX_DEPTH);
    parser->depth++;
    struct piece end = parser_read_body(parser, builder);
    parser->depth--;
    if (end.kind == PIECE_END)
        parser_fail(parser, ERR_SYNTAX, opening.tag.data, "'%.*s' is never closed: 'end%.*s' is missing",
                    SPAN_PRINTF(opening.tag), SPAN_PRINTF(opening.tag));
    return end;
}

bool piece_ends(struct piece piece, struct piece opening)
{
    return piece.tag.size == opening.tag.size + 3 && memcmp(piece.tag.data, "end", 3) == 0 &&
           memcmp(piece.tag.data + 3, opening.tag.data, opening.tag.size) == 0;
}

void parser_fail_unknown(struct parser *parser, struct piece piece, struct piece opening)
{
    if (piece.tag.size == 0)
        parser_fail(parser, ERR_SYNTAX, piece.whole.data, "a tag needs a name");
    const char *nearest = parser_nearest_tag(piece.tag);
    if (opening.tag.size == 0)
        parser_fail(parser, ERR_SYNTAX, piece.tag.data, "unknown tag '%.*s'%s%s%s", SPAN_PRINTF(piece.tag),
                    nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                    nearest == NULL ? "" : "'?");
    if (piece.tag.size > 3 && memcmp(piece.tag.data, "end", 3) == 0)
        parser_fail(parser, ERR_SYNTAX, piece.tag.data, "'%.*s' does not close '%.*s', which is open here",
                    SPAN_PRINTF(piece.tag), SPAN_PRINTF(opening.tag));
    parser_fail(parser, ERR_SYNTAX, piece.tag.data, "unknown tag '%.*s' (inside '%.*s')",
                SPAN_PRINTF(piece.tag), SPAN_PRINTF(opening.tag));
}
