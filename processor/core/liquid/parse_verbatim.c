/* The tags whose inside is not Liquid: raw, doc and comments. */
#include "core/liquid/chars.h"
#include "core/liquid/parser.h"

/* Every further line of an inline comment begins with '#'. */
void parser_read_inline_comment(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    const char *at = piece.markup.data;
    const char *end = at + piece.markup.size;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        while (at < end && char_is_space(*at))
            at++;
        if (at < end && *at != '#')
            parser_fail(parser, ERR_SYNTAX, at, "each line of a comment must begin with '#'");
    }
    builder->last_text = NULL;
}

/* Finds `{%- name …%}` from *at on, for the blocks whose inside is not Liquid. */
static bool find_raw_tag(struct source *source, const char *name, struct piece *tag)
{
    size_t name_size = strlen(name);
    for (const char *at = source->at; source->end - at >= 2; at++) {
        at = memmem(at, (size_t)(source->end - at), "{%", 2);
        if (at == NULL)
            return false;
        const char *word = at + 2;
        if (word < source->end && *word == '-')
            word++;
        while (word < source->end && char_is_space(*word))
            word++;
        if ((size_t)(source->end - word) < name_size || memcmp(word, name, name_size) != 0)
            continue;
        word += name_size;
        if (word < source->end && char_is_word(*word))
            continue;
        const char *close = memmem(word, (size_t)(source->end - word), "%}", 2);
        if (close == NULL)
            return false;
        /* Of several that no %} ends, the last one counts. */
        if (memmem(word, (size_t)(close - word), "{%", 2) != NULL)
            continue;
        *tag = (struct piece){.kind = PIECE_TAG,
                              .whole = span_make(at, (size_t)(close + 2 - at)),
                              .trims_after = close[-1] == '-'};
        return true;
    }
    return false;
}

static _Noreturn void fail_unclosed(struct parser *parser, struct piece piece)
{
    parser_fail(parser, ERR_SYNTAX, piece.tag.data, "'%.*s' is never closed", SPAN_PRINTF(piece.tag));
}

/* Passes over the inside of raw or doc and its closing tag; returns the inside. */
static struct span read_verbatim(struct parser *parser, struct piece piece, const char *closing)
{
    struct piece end;
    if (parser->source->is_lines || !find_raw_tag(parser->source, closing, &end))
        fail_unclosed(parser, piece);
    struct span inside = span_make(parser->source->at, (size_t)(end.whole.data - parser->source->at));
    parser->source->at = end.whole.data + end.whole.size;
    parser->trim_next = end.trims_after;
    return inside;
}

static void expect_no_markup(struct parser *parser, struct piece piece)
{
    if (span_strip(piece.markup).size != 0)
        parser_fail(parser, ERR_SYNTAX, piece.markup.data, "'%.*s' takes no arguments",
                    SPAN_PRINTF(piece.tag));
}

void parser_read_raw(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    expect_no_markup(parser, piece);
    struct span inside = read_verbatim(parser, piece, "endraw");
    builder->last_text = NULL;
    if (inside.size == 0)
        return;
    /* An output of a literal, not a text: whitespace control and blank blocks leave it alone. */
    struct expr *literal = ARENA_NEW(parser->arena, struct expr);
    *literal = (struct expr){.kind = EXPR_LITERAL, .at = inside.data, .literal = value_string(inside)};
    struct node *node = body_builder_add(parser, builder, NODE_OUTPUT, inside.data);
    node->output = (struct chain){.first = literal, .is_raw = true};
    builder->body->is_blank = false;
}

void parser_read_doc(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    expect_no_markup(parser, piece);
    struct source *source = parser->source;
    struct piece nested;
    struct source before = *source;
    struct span inside = read_verbatim(parser, piece, "enddoc");
    before.end = inside.data + inside.size;
    if (find_raw_tag(&before, "doc", &nested))
        parser_fail(parser, ERR_SYNTAX, nested.whole.data, "a doc cannot stand in another");
    builder->last_text = NULL;
    builder->body->is_blank &= inside.size == 0;
}

/* Past the output that begins at source->at, as Shopify's tokenizer finds its end: a brace that closes it,
 * or the end of a tag that begins inside. */
static void skip_output(struct source *source)
{
    const char *end = source->end;
    const char *at = source->at + 2;
    while (at < end && *at != '}' && !(*at == '{' && end - at >= 2 && at[1] == '%'))
        at++;
    if (at < end && *at == '{')
        at = memmem(at, (size_t)(end - at), "%}", 2);
    if (at == NULL || end - at < 2)
        source->at = end;
    else
        source->at = at + (at[0] == '%' || at[1] == '}' ? 2 : 1);
}

static void skip_tag(struct source *source, struct piece *piece)
{
    const char *close = memmem(source->at + 2, (size_t)(source->end - source->at - 2), "%}", 2);
    if (close == NULL) {
        source->at = source->end;
        return;
    }
    const char *word = source->at + 2;
    if (*word == '-')
        word++;
    while (word < close && char_is_space(*word))
        word++;
    const char *name = word;
    while (word < close && char_is_word(*word))
        word++;
    piece->tag = span_make(name, (size_t)(word - name));
    piece->trims_after = close[-1] == '-';
    source->at = close + 2;
}

/* Moves past one piece, well-formed or not (a comment may hold anything), and tells its tag's name. */
static bool skip_piece(struct source *source, struct piece *piece)
{
    *piece = (struct piece){.kind = PIECE_TAG};
    while (source->at < source->end) {
        source->at = memchr(source->at, '{', (size_t)(source->end - source->at));
        if (source->at == NULL || source->end - source->at < 2) {
            source->at = source->end;
        } else if (source->at[1] == '{') {
            skip_output(source);
        } else if (source->at[1] == '%') {
            skip_tag(source, piece);
            return true;
        } else {
            source->at++;
        }
    }
    return false;
}

void parser_read_comment(struct parser *parser, struct piece piece, struct body_builder *builder)
{
    int depth = 1;
    builder->last_text = NULL;
    while (depth > 0) {
        struct piece next;
        if (parser->source->is_lines) {
            next = parser_next_piece(parser);
            if (next.kind == PIECE_END)
                fail_unclosed(parser, piece);
        } else if (!skip_piece(parser->source, &next)) {
            fail_unclosed(parser, piece);
        }
        if (span_equal_text(next.tag, "raw"))
            read_verbatim(parser, piece, "endraw");
        else if (span_equal_text(next.tag, "comment"))
            depth++;
        else if (span_equal_text(next.tag, "endcomment"))
            depth--;
        if (depth == 0 && !parser->source->is_lines)
            parser->trim_next = next.trims_after;
    }
}
