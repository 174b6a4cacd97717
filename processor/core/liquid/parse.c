#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "core/liquid/chars.h"
#include "core/liquid/parser.h"

#define MAX_SOURCE_BYTES (16u << 20)

/* FNV-1a. */
struct name name_make(struct span text)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (uint8_t)text.data[i]) * 16777619u;
    return (struct name){text, hash};
}

void unit_place(const struct unit *unit, const char *at, int *line, int *column)
{
    *line = 1;
    *column = 1;
    if (at < unit->source.data || at > unit->source.data + unit->source.size)
        return;
    for (const char *c = unit->source.data; c < at; c++) {
        if (*c == '\n') {
            *line += 1;
            *column = 1;
        } else if (((uint8_t)*c & 0xC0) != 0x80) {
            *column += 1;
        }
    }
}

void parser_fail(struct parser *parser, enum err error, const char *at, const char *format, ...)
{
    char text[sizeof parser->diag.text];
    int line;
    int column;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    unit_place(parser->unit, at, &line, &column);
    parser->error = diag_set(&parser->diag, error, line, column, "%s", text);
    longjmp(parser->failure, 1);
}

static struct unit *add_unit(struct parser *parser, struct span name, struct span source)
{
    struct unit **place = ARENA_PUSH(parser->arena, &parser->template->units, &parser->template->unit_count,
                                     &parser->unit_capacity);
    *place = ARENA_NEW(parser->arena, struct unit);
    (*place)->name = arena_copy(parser->arena, name);
    (*place)->source = arena_copy(parser->arena, source);
    return *place;
}

struct unit *parser_find_unit(struct parser *parser, struct span name)
{
    struct liquid_template *template = parser->template;
    for (size_t i = 1; i < template->unit_count; i++)
        if (span_equal(template->units[i]->name, name))
            return template->units[i];
    for (size_t i = 0; i < parser->options->snippet_count; i++)
        if (span_equal(parser->options->snippets[i].name, name))
            return add_unit(parser, name, parser->options->snippets[i].text);
    return NULL;
}

void parser_add_all_units(struct parser *parser)
{
    for (size_t i = 0; i < parser->options->snippet_count; i++)
        parser_find_unit(parser, parser->options->snippets[i].name);
}

static const struct body *read_unit(struct parser *parser)
{
    struct unit *unit = parser->unit;
    struct source source = {unit->source.data, unit->source.data + unit->source.size, false};
    parser->source = &source;
    if (unit->source.size > MAX_SOURCE_BYTES)
        parser_fail(parser, ERR_LIMIT, source.at, "the template is larger than %u bytes", MAX_SOURCE_BYTES);
    if (!utf8_valid(unit->source))
        parser_fail(parser, ERR_SYNTAX, source.at, "the template is not valid UTF-8");
    struct body_builder builder = body_builder_make(parser);
    struct piece end = parser_read_body(parser, &builder);
    if (end.kind != PIECE_END)
        parser_fail_unknown(parser, end, (struct piece){0});
    return builder.body;
}

static void parse_unit(struct parser *parser, struct unit *unit)
{
    parser->unit = unit;
    parser->depth = 0;
    parser->expr_depth = 0;
    parser->trim_next = false;
    if (setjmp(parser->failure) == 0) {
        unit->body = read_unit(parser);
        return;
    }
    parser->unit->error = parser->error;
    parser->unit->diag = parser->diag;
}

/* Parsing a unit may add the snippets that it names behind it. */
static enum err parse_units(struct parser *parser, struct diag *diag)
{
    struct liquid_template *template = parser->template;
    for (size_t i = 0; i < template->unit_count; i++) {
        parse_unit(parser, template->units[i]);
        const struct unit *unit = template->units[i];
        if (unit->error == ERR_OK || (i > 0 && !parser->options->check_snippets))
            continue;
        if (i == 0)
            return diag_set(diag, unit->error, unit->diag.line, unit->diag.column, "%s", unit->diag.text);
        return diag_set(diag, unit->error, unit->diag.line, unit->diag.column, "in snippet '%.*s': %s",
                        SPAN_PRINTF(unit->name), unit->diag.text);
    }
    return ERR_OK;
}

enum err liquid_parse(const struct liquid_options *options, struct span source, struct arena *arena,
                      const struct liquid_template **parsed, struct diag *diag)
{
    struct parser parser = {.options = options, .arena = arena};
    parser.template = ARENA_NEW(arena, struct liquid_template);
    parser.template->html = options->html;
    add_unit(&parser, span_make("", 0), source);
    enum err error = parse_units(&parser, diag);
    *parsed = error == ERR_OK ? parser.template : NULL;
    return error;
}
