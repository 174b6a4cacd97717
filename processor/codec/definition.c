#include "codec/definition.h"

#include <stdlib.h>

#include "base/civil.h"

static void name_builder_add(struct name_builder *builder, struct span name, struct arena *arena)
{
    *ARENA_PUSH(arena, &builder->names, &builder->count, &builder->capacity) = name;
}

static int compare_names(const void *a, const void *b)
{
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

struct name_set name_builder_finish(struct name_builder *builder)
{
    size_t count = 0;
    if (builder->count > 0)
        qsort(builder->names, builder->count, sizeof *builder->names, compare_names);
    for (size_t i = 0; i < builder->count; i++) {
        if (count == 0 || !span_equal(builder->names[count - 1], builder->names[i]))
            builder->names[count++] = builder->names[i];
    }
    return (struct name_set){builder->names, count, builder->all};
}

const struct yaml_node *definition_parse(struct definition *definition)
{
    struct form *form = &definition->form;
    if (form->source.size <= CAMPAIGN_MAX_BYTES)
        return form_parse(form);
    form_error_at(form, 1, 1, "the file is larger than 1 MiB");
    return NULL;
}

bool definition_failed(struct definition *definition, size_t first)
{
    if (definition->form.errors == 0)
        return false;
    diag_list_sort(definition->form.diags, first);
    for (size_t i = 0; i < definition->program_count; i++)
        cel_program_close(definition->programs[i]);
    return true;
}

/* --- expressions ------------------------------------------------------------------------------ */

static void error_within(struct definition *definition, const struct yaml_node *node, int line, int column,
                         const char *key, const char *text)
{
    struct yaml_place place =
        yaml_content_place(definition->form.source, node, line < 1 ? 1 : line, column < 1 ? 1 : column);
    form_error_at(&definition->form, place.line, place.column, "`%s`: %s", key, text);
}

static bool is_word_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '_';
}

/* The first place in the scalar where `word` stands as a whole word, for messages about a name that the
 * compiler only tells by its text. */
static void error_at_word(struct definition *definition, const struct yaml_node *node, const char *key,
                          struct span word, const char *text)
{
    struct span content = node->text;
    int line = 1, column = 1;
    for (size_t at = 0; at + word.size <= content.size; at++) {
        bool starts = at == 0 || !is_word_byte(content.data[at - 1]);
        bool ends = at + word.size == content.size || !is_word_byte(content.data[at + word.size]);
        if (starts && ends && memcmp(content.data + at, word.data, word.size) == 0) {
            error_within(definition, node, line, column, key, text);
            return;
        }
        line += content.data[at] == '\n';
        column = content.data[at] == '\n' ? 1 : column + ((content.data[at] & 0xC0) != 0x80);
    }
    error_within(definition, node, 1, 1, key, text);
}

static struct span bound_names(struct definition *definition, uint32_t bound)
{
    struct span text = SPAN_LITERAL("");
    for (uint32_t slot = 0; slot < VARIABLE_COUNT; slot++) {
        if (bound & 1u << slot)
            text = arena_printf(definition->form.arena, "%.*s%s%.*s", SPAN_PRINTF(text),
                                text.size == 0 ? "" : ", ", SPAN_PRINTF(variable_names[slot]));
    }
    return text;
}

/* False, with an error at its first place, when the program names a variable that has no value there. */
static bool check_bound(struct definition *definition, const struct yaml_node *node,
                        const struct expression_scope *scope, const struct cel_program *program)
{
    bool fits = true;
    for (uint32_t slot = 0; slot < VARIABLE_IT; slot++) {
        if ((scope->bound & 1u << slot) || !cel_reads_variable(program, slot))
            continue;
        struct span text = arena_printf(definition->form.arena, "`%.*s` has no value here; known are %.*s",
                                        SPAN_PRINTF(variable_names[slot]),
                                        SPAN_PRINTF(bound_names(definition, scope->bound)));
        error_at_word(definition, node, scope->key, variable_names[slot], text.data);
        fits = false;
    }
    return fits;
}

static bool is_known_member(enum variable variable, struct span name)
{
    if (variable == VARIABLE_USER)
        return span_equal_text(name, "id");
    return span_equal_text(name, "id") || span_equal_text(name, "name") || span_equal_text(name, "time");
}

static bool check_members(struct definition *definition, const struct yaml_node *node,
                          const struct expression_scope *scope, const struct cel_program *program,
                          enum variable variable, const char *known)
{
    struct cel_reads reads = cel_reads_of(program, variable);
    bool fits = true;
    for (size_t i = 0; i < reads.count; i++) {
        if (is_known_member(variable, reads.names[i]))
            continue;
        struct span text = arena_printf(definition->form.arena, "`%.*s` has only %s",
                                        SPAN_PRINTF(variable_names[variable]), known);
        error_at_word(definition, node, scope->key, reads.names[i], text.data);
        fits = false;
    }
    return fits;
}

static bool is_declared(const struct definition *definition, struct span attribute)
{
    const struct name_set *declared = definition->options->profile_attributes;
    return declared == NULL || declared->all || name_set_has(declared, attribute);
}

static bool check_profile(struct definition *definition, const struct yaml_node *node, const char *key,
                          const struct span *names, size_t count)
{
    bool fits = true;
    for (size_t i = 0; i < count; i++) {
        if (is_declared(definition, names[i]))
            continue;
        struct span text = arena_printf(
            definition->form.arena,
            "the profile attribute `%.*s` is not kept; add it to profile.attributes in the configuration",
            SPAN_PRINTF(names[i]));
        error_at_word(definition, node, key, names[i], text.data);
        fits = false;
    }
    return fits;
}

static bool check_event_names(struct definition *definition, const struct yaml_node *node, const char *key,
                              const struct cel_program *program)
{
    size_t counters, lasts;
    const struct cel_counter *counter = cel_counters(program, &counters);
    const struct span *last = cel_last_names(program, &lasts);
    bool fits = true;
    for (size_t i = 0; i < counters + lasts; i++) {
        struct span name = i < counters ? counter[i].name : last[i - counters];
        if (name_fits(name, EVENT_NAME_ALLOWED, EVENT_NAME_MAX))
            continue;
        error_at_word(definition, node, key, name,
                      "expected an event's name of 1 to 64 characters out of " EVENT_NAME_ALLOWED);
        fits = false;
    }
    return fits;
}

static bool kind_fits(enum expression_wants wants, enum value_kind kind)
{
    if (kind == VALUE_KIND_COUNT || wants == WANTS_ANY)
        return true;
    switch (wants) {
    case WANTS_CONDITION:
        return kind == VALUE_BOOL;
    case WANTS_PRINTABLE:
        return kind != VALUE_NULL && kind != VALUE_LIST && kind != VALUE_MAP && kind != VALUE_TYPE;
    case WANTS_DATE:
        return kind == VALUE_STRING || kind == VALUE_INT || kind == VALUE_UINT || kind == VALUE_DOUBLE ||
               kind == VALUE_TIMESTAMP;
    default:
        return kind == VALUE_STRING;
    }
}

static bool check_kind(struct definition *definition, const struct yaml_node *node,
                       const struct expression_scope *scope, const struct cel_program *program)
{
    static const char *const wanted[] = {
        [WANTS_CONDITION] = "true or false",
        [WANTS_PRINTABLE] = "something that prints (text, a number, a time)",
        [WANTS_DATE] = "a date (text, milliseconds or a timestamp)",
        [WANTS_ZONE] = "the name of a time zone",
        [WANTS_ANY] = "",
    };
    static const char *const kinds[VALUE_KIND_COUNT] = {
        [VALUE_NULL] = "null",           [VALUE_BOOL] = "a bool",
        [VALUE_INT] = "an int",          [VALUE_UINT] = "a uint",
        [VALUE_DOUBLE] = "a double",     [VALUE_STRING] = "a string",
        [VALUE_BYTES] = "bytes",         [VALUE_LIST] = "a list",
        [VALUE_MAP] = "a map",           [VALUE_TIMESTAMP] = "a timestamp",
        [VALUE_DURATION] = "a duration", [VALUE_TYPE] = "a type",
    };
    enum value_kind kind = cel_result_kind(program);
    if (kind_fits(scope->wants, kind))
        return true;
    struct span text = arena_printf(definition->form.arena, "expected %s, the expression gives %s",
                                    wanted[scope->wants], kinds[kind]);
    error_within(definition, node, 1, 1, scope->key, text.data);
    return false;
}

static void keep(struct definition *definition, struct name_builder *kept, struct cel_reads reads)
{
    kept->all |= reads.all;
    for (size_t i = 0; i < reads.count; i++)
        name_builder_add(kept, reads.names[i], definition->form.arena);
}

static bool check_program(struct definition *definition, const struct yaml_node *node,
                          const struct expression_scope *scope, const struct cel_program *program)
{
    struct cel_reads profile = cel_reads_of(program, VARIABLE_PROFILE);
    bool fits = check_bound(definition, node, scope, program);
    fits &= check_members(definition, node, scope, program, VARIABLE_USER, "id");
    fits &= check_members(definition, node, scope, program, VARIABLE_META, "id, name and time");
    fits &= check_profile(definition, node, scope->key, profile.names, profile.count);
    fits &= check_event_names(definition, node, scope->key, program);
    return check_kind(definition, node, scope, program) && fits;
}

/* Compiles again with only the variables that have a value there, so that the message about an unknown one
 * lists these. The place and the kind of other errors stay. */
static void error_of_compile(struct definition *definition, const struct yaml_node *node,
                             const struct expression_scope *scope, const struct diag *first)
{
    struct span names[VARIABLE_IT];
    size_t count = 0;
    for (uint32_t slot = 0; slot < VARIABLE_IT; slot++) {
        if (scope->bound & 1u << slot)
            names[count++] = variable_names[slot];
    }
    const struct cel_options options = {
        .variables = names, .variable_count = count, .check = true, .counters = true};
    struct cel_program *program;
    struct diag diag = *first;
    if (cel_compile(&options, node->text, definition->form.arena, &program, &diag) == ERR_OK)
        cel_program_close(program);
    error_within(definition, node, diag.line, diag.column, scope->key, diag.text);
}

/* A bare 2026-12-24 is what its author means to be a day, and what the language takes for subtractions. */
static bool is_bare_day(const struct expression_scope *scope, struct span text)
{
    int64_t days;
    return scope->wants == WANTS_DATE && civil_parse_date(text, &days) == ERR_OK;
}

void definition_expression(struct definition *definition, const struct yaml_node *node,
                           const struct expression_scope *scope, struct expression *expression)
{
    struct span text;
    if (!form_text(&definition->form, node, scope->key, "an expression", &text))
        return;
    if (is_bare_day(scope, text)) {
        error_within(
            definition, node, 1, 1, scope->key,
            "this subtracts numbers; a fixed day is text with quotes of its own: \"'2026-12-24'\"");
        return;
    }
    const struct cel_options options = {
        .variables = variable_names, .variable_count = VARIABLE_IT, .check = true, .counters = true};
    struct cel_program *program;
    struct diag diag = {0};
    if (cel_compile(&options, text, definition->form.arena, &program, &diag) != ERR_OK) {
        error_of_compile(definition, node, scope, &diag);
        return;
    }
    *ARENA_PUSH(definition->form.arena, &definition->programs, &definition->program_count,
                &definition->program_capacity) = program;
    if (!check_program(definition, node, scope, program))
        return;
    keep(definition, &definition->kept_trigger, cel_reads_of(program, VARIABLE_TRIGGER));
    keep(definition, &definition->kept_follow, cel_reads_of(program, VARIABLE_FOLLOW));
    if (scope->keeps_event)
        keep(definition, &definition->kept_trigger, cel_reads_of(program, VARIABLE_EVENT));
    struct yaml_place place = yaml_content_place(definition->form.source, node, 1, 1);
    *expression =
        (struct expression){.program = program, .text = text, .line = place.line, .column = place.column};
}

void definition_zone(struct definition *definition, const struct yaml_node *node,
                     const struct expression_scope *scope, struct zone_spec *zone)
{
    struct span text = node->text;
    bool is_text = node->kind == YAML_STRING;
    bool is_offset =
        is_text && text.size == 6 && (text.data[0] == '+' || text.data[0] == '-') && text.data[3] == ':';
    if (is_offset || (is_text && name_fits(text, "A-Za-z0-9_/+-", 64)))
        zone->name = text;
    else
        definition_expression(definition, node, scope, &zone->expression);
}

/* --- templates ---------------------------------------------------------------------------------- */

static void keep_reads(struct definition *definition, struct name_builder *kept,
                       const struct liquid_template *template, const char *variable)
{
    struct liquid_reads reads =
        liquid_template_reads(template, span_from_text(variable), definition->form.arena);
    kept->all |= reads.all;
    for (size_t i = 0; i < reads.count; i++)
        name_builder_add(kept, reads.names[i], definition->form.arena);
}

const struct liquid_template *definition_template(struct definition *definition,
                                                  const struct yaml_node *node, const char *key, bool html)
{
    const struct liquid_options options = {
        .html = html,
        .snippets = definition->options->snippets,
        .snippet_count = definition->options->snippet_count,
        .check_snippets = true,
    };
    const struct liquid_template *template;
    struct diag diag = {0};
    if (liquid_parse(&options, node->text, definition->form.arena, &template, &diag) != ERR_OK) {
        error_within(definition, node, diag.line, diag.column, key, diag.text);
        return NULL;
    }
    struct liquid_reads profile =
        liquid_template_reads(template, SPAN_LITERAL("profile"), definition->form.arena);
    if (!check_profile(definition, node, key, profile.names, profile.count))
        return NULL;
    keep_reads(definition, &definition->kept_trigger, template, "event");
    keep_reads(definition, &definition->kept_trigger, template, "trigger");
    keep_reads(definition, &definition->kept_follow, template, "follow");
    return template;
}
