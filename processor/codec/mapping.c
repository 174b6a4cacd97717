#include "codec/mapping.h"

#include "base/civil.h"
#include "base/utf8.h"
#include "core/event.h"

/* ---- compiling ---- */

static const char *const default_places[][5] = {
    [MAPPING_JSON] = {"/id", "/user", "/name", "/time", "/attributes"},
    [MAPPING_CLOUDEVENTS] = {"/id", "/subject", "/type", "/time", "/data"},
};

/* One reference token with ~1 and ~0 resolved. */
static enum err unescape_token(struct span token, struct arena *arena, struct span *step)
{
    char *text = arena_alloc_aligned(arena, token.size, 1);
    size_t size = 0;
    for (size_t i = 0; i < token.size; i++) {
        char byte = token.data[i];
        if (byte == '~') {
            i++;
            if (i == token.size || (token.data[i] != '0' && token.data[i] != '1'))
                return ERR_SYNTAX;
            byte = token.data[i] == '0' ? '~' : '/';
        }
        text[size++] = byte;
    }
    *step = span_make(text, size);
    return ERR_OK;
}

static enum err compile_pointer(struct mapping_field *field, const char *name, struct arena *arena,
                                struct diag *diag)
{
    struct span pointer = field->text;
    if (pointer.size == 0 || span_equal_text(pointer, "/"))
        return ERR_OK;
    if (pointer.data[0] != '/')
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "%s: \"%.*s\" is no JSON Pointer: it begins with \"/\" (a constant with \"=\")",
                        name, SPAN_PRINTF(pointer));
    struct span *steps = NULL;
    size_t capacity = 0;
    for (size_t start = 1; start <= pointer.size;) {
        const char *slash = memchr(pointer.data + start, '/', pointer.size - start);
        size_t end = slash == NULL ? pointer.size : (size_t)(slash - pointer.data);
        struct span *step = ARENA_PUSH(arena, &steps, &field->step_count, &capacity);
        if (unescape_token(span_slice(pointer, start, end), arena, step) != ERR_OK)
            return diag_set(diag, ERR_INVALID, 0, 0, "%s: in \"%.*s\" a \"~\" must be followed by 0 or 1",
                            name, SPAN_PRINTF(pointer));
        start = end + 1;
    }
    field->steps = steps;
    return ERR_OK;
}

static enum err compile_field(const struct mapping_place *place, const char *name,
                              const char *default_place, struct arena *arena, struct mapping_field *field,
                              struct diag *diag)
{
    struct span text = place->given ? place->text : span_from_text(default_place);
    *field = (struct mapping_field){.constant = place->given && place->constant,
                                    .text = arena_copy(arena, text)};
    if (!utf8_valid(text))
        return diag_set(diag, ERR_INVALID, 0, 0, "%s: is not valid UTF-8", name);
    return field->constant ? ERR_OK : compile_pointer(field, name, arena, diag);
}

static enum err check_constants(struct mapping *mapping, struct diag *diag)
{
    if (mapping->id.constant)
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "id: must not be a constant: all events but the first would be duplicates");
    if (mapping->attributes.constant)
        return diag_set(diag, ERR_INVALID, 0, 0, "attributes: must not be a constant: they are a map");
    enum err error = ERR_OK;
    if (mapping->user.constant)
        error = event_check_user(mapping->user.text, diag);
    if (error == ERR_OK && mapping->name.constant)
        error = event_check_name(mapping->name.text, diag);
    if (error == ERR_OK && mapping->time.constant) {
        int64_t seconds;
        uint32_t nanos;
        if (civil_parse_rfc3339(mapping->time.text, &seconds, &nanos) != ERR_OK)
            return diag_set(diag, ERR_INVALID, 0, 0, "time: the constant is no RFC 3339 time");
        mapping->time.time_ms = seconds * 1000 + nanos / 1000000;
    }
    return error;
}

enum err mapping_compile(const struct mapping_spec *spec, struct arena *arena, struct mapping *mapping,
                         struct diag *diag)
{
    if (spec->format != MAPPING_JSON && spec->format != MAPPING_CLOUDEVENTS)
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "format: %s is not supported yet (json and cloudevents are)",
                        spec->format == MAPPING_AVRO ? "avro" : "avro_single_object");
    const char *const *defaults = default_places[spec->format];
    *mapping = (struct mapping){.format = spec->format};
    enum err error = compile_field(&spec->id, "id", defaults[0], arena, &mapping->id, diag);
    if (error == ERR_OK)
        error = compile_field(&spec->user, "user", defaults[1], arena, &mapping->user, diag);
    if (error == ERR_OK)
        error = compile_field(&spec->name, "name", defaults[2], arena, &mapping->name, diag);
    if (error == ERR_OK)
        error = compile_field(&spec->time, "time", defaults[3], arena, &mapping->time, diag);
    if (error == ERR_OK)
        error =
            compile_field(&spec->attributes, "attributes", defaults[4], arena, &mapping->attributes, diag);
    return error == ERR_OK ? check_constants(mapping, diag) : error;
}

/* ---- finding ---- */

/* An array index is 0 or digits without a leading zero (RFC 6901, section 4). */
static const struct value *find_item(const struct value *list, struct span step)
{
    uint64_t index = 0;
    if (step.size == 0 || step.size > 9 || (step.size > 1 && step.data[0] == '0'))
        return NULL;
    for (size_t i = 0; i < step.size; i++) {
        if (step.data[i] < '0' || step.data[i] > '9')
            return NULL;
        index = index * 10 + (uint64_t)(step.data[i] - '0');
    }
    return index < list->size ? &list->items[index] : NULL;
}

const struct value *mapping_find(const struct mapping_field *field, const struct value *record)
{
    assert(!field->constant);
    const struct value *value = record;
    for (size_t i = 0; i < field->step_count && value != NULL; i++) {
        if (value->kind == VALUE_MAP)
            value = value_member_find(*value, field->steps[i]);
        else if (value->kind == VALUE_LIST)
            value = find_item(value, field->steps[i]);
        else
            value = NULL;
    }
    return value;
}
