#include "codec/mapping.h"

#include "base/civil.h"
#include "base/utf8.h"
#include "core/event.h"

/* ---- compiling ---- */

static const char *const field_names[MAPPING_FIELD_COUNT] = {"id", "user", "name", "time", "attributes"};

static const char *const default_places[][MAPPING_FIELD_COUNT] = {
    [MAPPING_JSON] = {"/id", "/user", "/name", "/time", "/attributes"},
    [MAPPING_CLOUDEVENTS] = {"/id", "/subject", "/type", "/time", "/data"},
    [MAPPING_AVRO] = {"/id", "/user", "/name", "/time", "/attributes"},
    [MAPPING_AVRO_SINGLE_OBJECT] = {"/id", "/user", "/name", "/time", "/attributes"},
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

/* Tells most names apart at one glance. */
static inline unsigned name_mark(struct span name)
{
    return (unsigned)(8 * name.size + (name.size == 0 ? 0 : (unsigned char)name.data[0])) % 64;
}

/* Enters the field among the marks; two fields with one mark are looked for the long way. */
static void mark_field(struct mapping *mapping, int number)
{
    const struct mapping_field *field = &mapping->fields[number];
    if (field->step_count == 0)
        return;
    uint8_t *mark = &mapping->marks[name_mark(field->steps[0])];
    if (field->step_count > 1 || *mark != 0)
        mapping->flat = false;
    *mark = (uint8_t)(number + 1);
}

static enum err compile_field(const struct mapping_place *place, const char *name,
                              const char *default_place, struct arena *arena, struct mapping_field *field,
                              struct diag *diag)
{
    struct span text = place->given ? place->text : span_from_text(default_place);
    *field = (struct mapping_field){.given = place->given,
                                    .constant = place->given && place->constant,
                                    .text = arena_copy(arena, text)};
    if (!utf8_valid(text))
        return diag_set(diag, ERR_INVALID, 0, 0, "%s: is not valid UTF-8", name);
    return field->constant ? ERR_OK : compile_pointer(field, name, arena, diag);
}

/* The rule for the field, if it is a constant. */
static enum err check_constant(struct mapping_field *field, enum mapping_field_name name, struct diag *diag)
{
    if (!field->constant)
        return ERR_OK;
    int64_t seconds;
    uint32_t nanos;
    switch (name) {
    case MAPPING_ID:
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "id: must not be a constant: all events but the first would be duplicates");
    case MAPPING_USER:
        return event_check_user(field->text, diag);
    case MAPPING_NAME:
        return event_check_name(field->text, diag);
    case MAPPING_TIME:
        if (civil_parse_rfc3339(field->text, &seconds, &nanos) != ERR_OK)
            return diag_set(diag, ERR_INVALID, 0, 0, "time: the constant is no RFC 3339 time");
        field->time_ms = seconds * 1000 + nanos / 1000000;
        return ERR_OK;
    default:
        return diag_set(diag, ERR_INVALID, 0, 0, "attributes: must not be a constant: they are a map");
    }
}

enum err mapping_compile(const struct mapping_spec *spec, struct arena *arena, struct mapping *mapping,
                         struct diag *diag)
{
    const struct mapping_place *places[] = {&spec->id, &spec->user, &spec->name, &spec->time,
                                            &spec->attributes};
    *mapping = (struct mapping){.format = spec->format, .schemas = spec->schemas, .flat = true};
    for (int i = 0; i < MAPPING_FIELD_COUNT; i++) {
        struct mapping_field *field = &mapping->fields[i];
        enum err error =
            compile_field(places[i], field_names[i], default_places[spec->format][i], arena, field, diag);
        if (error == ERR_OK)
            error = check_constant(field, (enum mapping_field_name)i, diag);
        if (error != ERR_OK)
            return error;
        mark_field(mapping, i);
    }
    return ERR_OK;
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

static const struct value *find_one(const struct mapping_field *field, const struct value *record)
{
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

/* All fields in one pass over the members: what nearly every record takes. */
static void find_in_members(const struct mapping *mapping, const struct value *record,
                            const struct value *found[MAPPING_FIELD_COUNT])
{
    for (uint32_t i = 0; i < record->size; i++) {
        const struct value_member *member = &record->members[i];
        struct span name = value_span(member->key);
        unsigned mark = mapping->marks[name_mark(name)];
        if (mark != 0 && span_equal(mapping->fields[mark - 1].steps[0], name))
            found[mark - 1] = &member->value;
    }
}

void mapping_find(const struct mapping *mapping, const struct value *record,
                  const struct value *found[MAPPING_FIELD_COUNT])
{
    bool in_members = mapping->flat && record->kind == VALUE_MAP;
    for (int i = 0; i < MAPPING_FIELD_COUNT; i++) {
        const struct mapping_field *field = &mapping->fields[i];
        if (field->constant)
            found[i] = NULL;
        else if (in_members)
            found[i] = field->step_count == 0 ? record : NULL;
        else
            found[i] = find_one(field, record);
    }
    if (in_members)
        find_in_members(mapping, record, found);
}
