#include "codec/eval_json.h"

#include <stdio.h>

#include "codec/eval_wrap.h"
#include "codec/json.h"
#include "core/cel/cel.h"

/* ---- values from JSON ---- */

static enum err decode_list(struct value json, struct arena *arena, struct value *value, struct diag *diag)
{
    struct value *items = ARENA_ARRAY(arena, struct value, json.size);
    for (uint32_t i = 0; i < json.size; i++) {
        enum err error = eval_json_decode(json.items[i], arena, &items[i], diag);
        if (error != ERR_OK)
            return error;
    }
    *value = value_list(items, json.size);
    return ERR_OK;
}

static enum err decode_object(struct value json, struct arena *arena, struct value *value,
                              struct diag *diag)
{
    struct value_member *members = ARENA_ARRAY(arena, struct value_member, json.size);
    for (uint32_t i = 0; i < json.size; i++) {
        members[i].key = json.members[i].key;
        enum err error = eval_json_decode(json.members[i].value, arena, &members[i].value, diag);
        if (error != ERR_OK)
            return error;
    }
    *value = value_map(members, json.size);
    return ERR_OK;
}

static bool is_key_kind(struct value key)
{
    return key.kind == VALUE_STRING || key.kind == VALUE_BOOL || key.kind == VALUE_INT ||
           key.kind == VALUE_UINT;
}

static bool same_key(struct value a, struct value b)
{
    bool ints =
        (a.kind == VALUE_INT && b.kind == VALUE_UINT) || (a.kind == VALUE_UINT && b.kind == VALUE_INT);
    return value_equal(a, b) || (ints && a.integer == b.integer && a.integer >= 0);
}

static enum err decode_map(struct value pairs, struct arena *arena, struct value *value, struct diag *diag)
{
    struct value_member *members =
        ARENA_ARRAY(arena, struct value_member, pairs.kind == VALUE_LIST ? pairs.size : 0);
    if (pairs.kind != VALUE_LIST)
        return diag_set(diag, ERR_INVALID, 0, 0, "$map takes a list of [key, value] pairs");
    for (uint32_t i = 0; i < pairs.size; i++) {
        struct value pair = pairs.items[i];
        if (pair.kind != VALUE_LIST || pair.size != 2)
            return diag_set(diag, ERR_INVALID, 0, 0, "$map takes a list of [key, value] pairs");
        enum err error = eval_json_decode(pair.items[0], arena, &members[i].key, diag);
        if (error == ERR_OK)
            error = eval_json_decode(pair.items[1], arena, &members[i].value, diag);
        if (error != ERR_OK)
            return error;
        if (!is_key_kind(members[i].key))
            return diag_set(diag, ERR_INVALID, 0, 0, "a key in $map is an int, uint, bool or string");
        for (uint32_t j = 0; j < i; j++)
            if (same_key(members[j].key, members[i].key))
                return diag_set(diag, ERR_INVALID, 0, 0, "repeated key in $map");
    }
    *value = value_map(members, pairs.size);
    return ERR_OK;
}

enum err eval_json_decode(struct value json, struct arena *arena, struct value *value, struct diag *diag)
{
    *value = json;
    if (json.kind == VALUE_UINT)
        return diag_set(diag, ERR_INVALID, 0, 0, "%llu is beyond the largest int; a uint is {\"$uint\": …}",
                        (unsigned long long)json.natural);
    if (json.kind == VALUE_LIST)
        return decode_list(json, arena, value, diag);
    if (json.kind != VALUE_MAP)
        return ERR_OK;
    for (uint32_t i = 0; i < json.size; i++) {
        struct span key = value_span(json.members[i].key);
        bool is_map = span_equal_text(key, "$map");
        const struct eval_wrapper *wrapper = eval_wrapper_find(key);
        if (!is_map && wrapper == NULL)
            continue;
        if (json.size != 1)
            return diag_set(diag, ERR_INVALID, 0, 0, "an object with %.*s has no other members",
                            SPAN_PRINTF(key));
        if (is_map)
            return decode_map(json.members[i].value, arena, value, diag);
        if (wrapper->decode(json.members[i].value, arena, value))
            return ERR_OK;
        return diag_set(diag, ERR_INVALID, 0, 0, "%s takes %s", wrapper->name, wrapper->takes);
    }
    return decode_object(json, arena, value, diag);
}

/* ---- values to JSON ---- */

static void encode_list(struct value list, struct buf *out)
{
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < list.size; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        eval_json_encode(list.items[i], out);
    }
    buf_append_byte(out, ']');
}

static void encode_map(struct value map, struct buf *out)
{
    bool plain = true;
    for (uint32_t i = 0; i < map.size; i++)
        plain = plain && map.members[i].key.kind == VALUE_STRING;
    buf_append_text(out, plain ? "{" : "{\"$map\":[");
    for (uint32_t i = 0; i < map.size; i++) {
        buf_append_text(out, i > 0 ? "," : "");
        buf_append_text(out, plain ? "" : "[");
        eval_json_encode(map.members[i].key, out);
        buf_append_text(out, plain ? ":" : ",");
        eval_json_encode(map.members[i].value, out);
        buf_append_text(out, plain ? "" : "]");
    }
    buf_append_text(out, plain ? "}" : "]}");
}

void eval_json_encode(struct value value, struct buf *out)
{
    if (value.kind == VALUE_LIST)
        encode_list(value, out);
    else if (value.kind == VALUE_MAP)
        encode_map(value, out);
    else
        eval_wrap(value, out);
}

/* ---- the line ---- */

static void put_error(struct buf *out, const struct diag *diag, const char *what)
{
    char text[sizeof diag->text + 64];
    int size = diag->line > 0
                   ? snprintf(text, sizeof text, "%s%d:%d: %s", what, diag->line, diag->column, diag->text)
                   : snprintf(text, sizeof text, "%s%s", what, diag->text);
    buf_append_text(out, "{\"error\":");
    json_write_string(out, span_make(text, size < 0 ? 0 : (size_t)size));
    buf_append_text(out, "}\n");
}

/* The names and values of `vars`, decoded. */
static enum err read_variables(const struct value *vars, struct arena *arena, struct span **names,
                               struct value **values, size_t *count, struct diag *diag)
{
    *count = 0;
    if (vars == NULL || vars->kind == VALUE_NULL)
        return ERR_OK;
    if (vars->kind != VALUE_MAP)
        return diag_set(diag, ERR_INVALID, 0, 0, "\"vars\" must be an object: {name: value}");
    *names = ARENA_ARRAY(arena, struct span, vars->size);
    *values = ARENA_ARRAY(arena, struct value, vars->size);
    for (uint32_t i = 0; i < vars->size; i++) {
        (*names)[i] = value_span(vars->members[i].key);
        enum err error = eval_json_decode(vars->members[i].value, arena, &(*values)[i], diag);
        if (error != ERR_OK)
            return error;
    }
    *count = vars->size;
    return ERR_OK;
}

static enum err evaluate(struct value request, const struct locale_port *locale, struct arena *arena,
                         struct value *result, struct diag *diag)
{
    const struct value *source =
        request.kind == VALUE_MAP ? value_member_find(request, SPAN_LITERAL("expr")) : NULL;
    if (source == NULL || source->kind != VALUE_STRING)
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "the line must be an object with a string \"expr\" and perhaps an object \"vars\"");
    struct span *names = NULL;
    struct value *values = NULL;
    struct cel_options options = {0};
    enum err error = read_variables(value_member_find(request, SPAN_LITERAL("vars")), arena, &names,
                                    &values, &options.variable_count, diag);
    if (error != ERR_OK)
        return error;
    options.variables = names;
    struct cel_program *program;
    error = cel_compile(&options, value_span(*source), arena, &program, diag);
    if (error != ERR_OK)
        return error;
    struct cel_activation activation = {.variables = values, .locale = locale};
    error = cel_eval(program, &activation, arena, result, diag);
    cel_program_close(program);
    return error;
}

void eval_json_line(struct span line, const struct locale_port *locale, struct arena *arena,
                    struct buf *out)
{
    static const struct json_limits limits = {
        .bytes = 64u << 20, .depth = 256, .entries = 1u << 20, .string_bytes = 16u << 20, .uints = true};
    struct value request, result;
    struct diag diag = {0};
    if (json_parse(line, &limits, arena, &request, &diag) != ERR_OK) {
        put_error(out, &diag, "the line is not JSON: ");
        return;
    }
    if (evaluate(request, locale, arena, &result, &diag) != ERR_OK) {
        put_error(out, &diag, "");
        return;
    }
    buf_append_text(out, "{\"value\":");
    eval_json_encode(result, out);
    buf_append_text(out, "}\n");
}
