#include "core/liquid/chars.h"
#include "core/liquid/parser.h"

/* The first `{{` or `{%` in [at, end), or end. */
static const char *find_opening(const char *at, const char *end)
{
    while (at < end) {
        at = memchr(at, '{', (size_t)(end - at));
        if (at == NULL)
            return end;
        if (end - at >= 2 && (at[1] == '{' || at[1] == '%'))
            return at;
        at++;
    }
    return end;
}

static const char *find_tag_end(const char *at, const char *end)
{
    return end - at < 2 ? NULL : memmem(at, (size_t)(end - at), "%}", 2);
}

/* Splits "name markup" as `\s*(#|\w+)\s*(.*)` does; leaves the name empty when there is none. */
static void split_tag(struct piece *piece, struct span inside)
{
    const char *at = inside.data;
    const char *end = inside.data + inside.size;
    while (at < end && char_is_space(*at))
        at++;
    const char *name = at;
    if (at < end && *at == '#')
        at++;
    else
        while (at < end && char_is_word(*at))
            at++;
    piece->tag = span_make(name, (size_t)(at - name));
    while (at < end && char_is_space(*at))
        at++;
    piece->markup = span_make(at, (size_t)(end - at));
}

/* Takes the two braces and the dashes off both ends. */
static struct span inside_of(struct piece *piece)
{
    struct span whole = piece->whole;
    piece->trims_before = whole.size >= 5 && whole.data[2] == '-';
    piece->trims_after = whole.size >= 5 && whole.data[whole.size - 3] == '-';
    size_t from = piece->trims_before ? 3 : 2;
    size_t to = whole.size - (piece->trims_after ? 3 : 2);
    return span_make(whole.data + from, to > from ? to - from : 0);
}

static struct piece read_tag(struct parser *parser)
{
    struct source *source = parser->source;
    struct piece piece = {.kind = PIECE_TAG};
    const char *close = find_tag_end(source->at + 2, source->end);
    if (close == NULL)
        parser_fail(parser, ERR_SYNTAX, source->at, "a tag begins here and never ends: '%%}' is missing");
    piece.whole = span_make(source->at, (size_t)(close + 2 - source->at));
    source->at = close + 2;
    split_tag(&piece, inside_of(&piece));
    return piece;
}

static struct piece read_output(struct parser *parser)
{
    struct source *source = parser->source;
    struct piece piece = {.kind = PIECE_OUTPUT};
    const char *at = source->at + 2;
    while (at < source->end && *at != '}' && !(*at == '{' && source->end - at >= 2 && at[1] == '%'))
        at++;
    if (source->end - at < 2 || at[0] != '}' || at[1] != '}')
        parser_fail(parser, ERR_SYNTAX, source->at,
                    "an output begins here and never ends: '}}' is missing");
    piece.whole = span_make(source->at, (size_t)(at + 2 - source->at));
    source->at = at + 2;
    piece.markup = inside_of(&piece);
    return piece;
}

static struct piece read_line(struct source *source)
{
    while (source->at < source->end) {
        const char *newline = memchr(source->at, '\n', (size_t)(source->end - source->at));
        const char *end = newline == NULL ? source->end : newline;
        struct span line = span_make(source->at, (size_t)(end - source->at));
        source->at = newline == NULL ? end : end + 1;
        if (span_strip(line).size == 0)
            continue;
        struct piece piece = {.kind = PIECE_TAG, .whole = line};
        split_tag(&piece, line);
        return piece;
    }
    return (struct piece){.kind = PIECE_END, .whole = span_make(source->end, 0)};
}

struct piece parser_next_piece(struct parser *parser)
{
    struct source *source = parser->source;
    if (source->is_lines)
        return read_line(source);
    if (source->at == source->end)
        return (struct piece){.kind = PIECE_END, .whole = span_make(source->end, 0)};
    const char *opening = find_opening(source->at, source->end);
    if (opening == source->at)
        return opening[1] == '%' ? read_tag(parser) : read_output(parser);
    struct piece piece = {.kind = PIECE_TEXT,
                          .whole = span_make(source->at, (size_t)(opening - source->at))};
    source->at = opening;
    return piece;
}
