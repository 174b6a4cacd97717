/* From a place in a scalar's content back to the file: undoes quotes, escapes, indentation and folding
 * by walking both texts side by side. */
#include "base/utf8.h"
#include "codec/yaml_scalar.h"

struct walk {
    const char *at, *end; /* in the source */
    int line, column;
    const char *content, *content_end;
    int content_line, content_column;
};

static void source_step(struct walk *walk)
{
    size_t size = utf8_sequence(walk->at, walk->end);
    if (*walk->at == '\n') {
        walk->line++;
        walk->column = 1;
    } else {
        walk->column++;
    }
    walk->at += size == 0 ? 1 : size;
}

static void content_step(struct walk *walk)
{
    size_t size = utf8_sequence(walk->content, walk->content_end);
    if (*walk->content == '\n') {
        walk->content_line++;
        walk->content_column = 1;
    } else {
        walk->content_column++;
    }
    walk->content += size == 0 ? 1 : size;
}

static bool is_reached(const struct walk *walk, int line, int column)
{
    return walk->content >= walk->content_end || walk->content_line > line ||
           (walk->content_line == line && walk->content_column >= column);
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* A run of blanks that ends in a line break; where it is, its end. */
static const char *break_ahead(const struct walk *walk)
{
    const char *at = walk->at;
    while (at < walk->end && is_blank(*at))
        at++;
    return at < walk->end && *at == '\n' ? at : NULL;
}

/* Line breaks and the indentation after them, and the space or breaks that they are folded to. */
static void fold(struct walk *walk, int line, int column)
{
    while (walk->at < walk->end && (is_blank(*walk->at) || *walk->at == '\n'))
        source_step(walk);
    if (walk->content < walk->content_end && *walk->content == ' ' && !is_reached(walk, line, column))
        content_step(walk);
    else
        while (walk->content < walk->content_end && *walk->content == '\n' &&
               !is_reached(walk, line, column))
            content_step(walk);
}

/* Bytes of the escape at `at` after its backslash. */
static size_t escape_digits(char kind)
{
    return kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
}

/* An escaped line break is nothing at all, nor is the indentation after it. */
static void skip_escaped_breaks(struct walk *walk)
{
    while (walk->end - walk->at >= 2 && walk->at[0] == '\\' &&
           (walk->at[1] == '\n' || walk->at[1] == '\r')) {
        source_step(walk);
        while (walk->at < walk->end && (is_blank(*walk->at) || *walk->at == '\n'))
            source_step(walk);
    }
}

/* The source of one character of the content. */
static void flow_step(struct walk *walk, enum yaml_style style)
{
    char first = *walk->at;
    source_step(walk);
    if (walk->at == walk->end)
        return;
    if (style == YAML_DOUBLE_QUOTED && first == '\\') {
        size_t more = escape_digits(*walk->at);
        for (size_t i = 0; i <= more && walk->at < walk->end; i++)
            source_step(walk);
    } else if (style == YAML_SINGLE_QUOTED && first == '\'') {
        source_step(walk); /* a doubled quote */
    }
}

static void walk_flow(struct walk *walk, enum yaml_style style, int line, int column)
{
    if (style != YAML_PLAIN)
        source_step(walk); /* the opening quote */
    while (walk->at < walk->end) {
        if (style == YAML_DOUBLE_QUOTED)
            skip_escaped_breaks(walk);
        if (is_reached(walk, line, column))
            break;
        if (break_ahead(walk) != NULL) {
            fold(walk, line, column);
            continue;
        }
        flow_step(walk, style);
        content_step(walk);
    }
}

/* The header line: `|2-  # comment`. */
static void skip_header(struct walk *walk)
{
    while (walk->at < walk->end && *walk->at != '\n')
        source_step(walk);
    if (walk->at < walk->end)
        source_step(walk);
}

/* The indentation of a block scalar's content: how far its first line that is not empty is moved in,
 * less what the content itself begins with. */
static int block_indentation(const struct walk *walk)
{
    int indentation = 0, own = 0;
    for (const char *at = walk->at; at < walk->end; at++) {
        if (*at == '\n')
            indentation = 0;
        else if (*at == ' ')
            indentation++;
        else if (*at != '\r')
            break;
    }
    const char *content = walk->content;
    while (content < walk->content_end && *content == '\n')
        content++;
    while (content < walk->content_end && *content == ' ') {
        content++;
        own++;
    }
    return indentation > own ? indentation - own : 0;
}

static void skip_indentation(struct walk *walk, int indentation)
{
    for (int i = 0; i < indentation && walk->at < walk->end && *walk->at == ' '; i++)
        source_step(walk);
}

static void walk_block(struct walk *walk, int line, int column)
{
    skip_header(walk);
    int indentation = block_indentation(walk);
    skip_indentation(walk, indentation);
    while (!is_reached(walk, line, column) && walk->at < walk->end) {
        char source = *walk->at, content = *walk->content;
        if (source == '\r' && content != '\r') {
            source_step(walk);
        } else if (source == '\n') {
            source_step(walk);
            skip_indentation(walk, indentation);
            /* Folded: one break is a space, the first of several is dropped. */
            bool more = walk->at < walk->end && *walk->at == '\n';
            if (content == '\n' || (content == ' ' && !more))
                content_step(walk);
        } else {
            source_step(walk);
            content_step(walk);
        }
    }
}

struct yaml_place yaml_content_place(struct span source, const struct yaml_node *scalar, int line,
                                     int column)
{
    source = span_slice(source, yaml_mark_bytes(source), source.size);
    size_t end = scalar->end <= source.size ? scalar->end : source.size;
    struct walk walk = {
        .at = source.data + (scalar->start <= end ? scalar->start : end),
        .end = source.data + end,
        .line = scalar->line,
        .column = scalar->column,
        .content = scalar->text.data,
        .content_end = scalar->text.data + scalar->text.size,
        .content_line = 1,
        .content_column = 1,
    };
    if (scalar->style == YAML_LITERAL || scalar->style == YAML_FOLDED)
        walk_block(&walk, line, column);
    else
        walk_flow(&walk, scalar->style, line, column);
    return (struct yaml_place){walk.line, walk.column};
}
