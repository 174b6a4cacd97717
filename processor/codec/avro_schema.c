#include "codec/avro_schema.h"

#include "codec/json.h"

#define FIXED_BYTES (1 << 20)
#define NAMED_MAX 1000

static const struct span nothing = {NULL, 0};

static const char *const primitives[] = {
    [AVRO_NULL] = "null",   [AVRO_BOOLEAN] = "boolean", [AVRO_INT] = "int",     [AVRO_LONG] = "long",
    [AVRO_FLOAT] = "float", [AVRO_DOUBLE] = "double",   [AVRO_BYTES] = "bytes", [AVRO_STRING] = "string"};

struct reader {
    struct arena *arena;
    struct diag *diag;
    const struct avro_type **named; /* in the order of their definition */
    size_t named_count, named_capacity;
};

static enum err fail(struct reader *reader, struct span about, const char *sentence)
{
    if (about.size == 0)
        return diag_set(reader->diag, ERR_INVALID, 0, 0, "%s", sentence);
    return diag_set(reader->diag, ERR_INVALID, 0, 0, "%.*s: %s", SPAN_PRINTF(about), sentence);
}

/* ---- names ---- */

static bool is_name(struct span text)
{
    bool at_start = true;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        bool digit = c >= '0' && c <= '9';
        if (c == '.' ? at_start : !letter && !(digit && !at_start))
            return false;
        at_start = c == '.';
    }
    return text.size > 0 && !at_start;
}

static struct span text_member(struct value map, const char *name)
{
    const struct value *member = value_member_find(map, span_from_text(name));
    return member == NULL || member->kind != VALUE_STRING ? nothing : value_span(*member);
}

/* Up to the last dot; empty without one. */
static struct span namespace_of(struct span name)
{
    size_t size = name.size;
    while (size > 0 && name.data[size - 1] != '.')
        size--;
    return span_slice(name, 0, size == 0 ? 0 : size - 1);
}

static struct span full_name(struct reader *reader, struct span name, struct span namespace)
{
    if (namespace.size == 0 || memchr(name.data, '.', name.size) != NULL)
        return name;
    return arena_printf(reader->arena, "%.*s.%.*s", SPAN_PRINTF(namespace), SPAN_PRINTF(name));
}

static const struct avro_type *find_named(const struct reader *reader, struct span name)
{
    for (size_t i = 0; i < reader->named_count; i++)
        if (span_equal(reader->named[i]->name, name))
            return reader->named[i];
    return NULL;
}

/* The full name of a definition, which is known from here on, also inside itself. */
static enum err define(struct reader *reader, struct value schema, struct span namespace,
                       struct avro_type *type)
{
    struct span name = text_member(schema, "name");
    const struct value *own = value_member_find(schema, SPAN_LITERAL("namespace"));
    if (own != NULL && own->kind == VALUE_STRING)
    namespace = value_span(*own);
    if (!is_name(name) || (namespace.size != 0 && !is_name(namespace)))
        return fail(reader, name, "a definition needs a name of letters, digits, underscores and dots");
    type->name = full_name(reader, name, namespace);
    if (find_named(reader, type->name) != NULL)
        return fail(reader, type->name, "is defined twice");
    if (reader->named_count == NAMED_MAX)
        return fail(reader, type->name, "is one definition too many");
    *ARENA_PUSH(reader->arena, &reader->named, &reader->named_count, &reader->named_capacity) = type;
    return ERR_OK;
}

/* ---- types ---- */

static enum err read_type(struct reader *reader, struct value schema, struct span namespace,
                          const struct avro_type **type);

static enum err read_reference(struct reader *reader, struct span name, struct span namespace,
                               const struct avro_type **type)
{
    static const struct avro_type plain[] = {
        {.kind = AVRO_NULL},  {.kind = AVRO_BOOLEAN}, {.kind = AVRO_INT},   {.kind = AVRO_LONG},
        {.kind = AVRO_FLOAT}, {.kind = AVRO_DOUBLE},  {.kind = AVRO_BYTES}, {.kind = AVRO_STRING}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (span_equal_text(name, primitives[i])) {
            *type = &plain[i];
            return ERR_OK;
        }
    *type = find_named(reader, full_name(reader, name, namespace));
    return *type != NULL ? ERR_OK : fail(reader, name, "there is no type of this name");
}

static enum err read_union(struct reader *reader, struct value list, struct span namespace,
                           struct avro_type *type)
{
    const struct avro_type **branches = ARENA_ARRAY(reader->arena, const struct avro_type *, list.size);
    for (uint32_t i = 0; i < list.size; i++) {
        enum err error = read_type(reader, list.items[i], namespace, &branches[i]);
        if (error != ERR_OK)
            return error;
        if (branches[i]->kind == AVRO_UNION)
            return fail(reader, nothing, "a union lies directly in a union");
    }
    *type = (struct avro_type){.kind = AVRO_UNION, .count = list.size, .branches = branches};
    return ERR_OK;
}

static enum err read_fields(struct reader *reader, struct value schema, struct avro_type *record)
{
    const struct value *list = value_member_find(schema, SPAN_LITERAL("fields"));
    if (list == NULL || list->kind != VALUE_LIST)
        return fail(reader, record->name, "needs a list of fields");
    struct avro_field *fields = ARENA_ARRAY(reader->arena, struct avro_field, list->size);
    for (uint32_t i = 0; i < list->size; i++) {
        struct value field = list->items[i];
        const struct value *type =
            field.kind == VALUE_MAP ? value_member_find(field, SPAN_LITERAL("type")) : NULL;
        struct span name = field.kind == VALUE_MAP ? text_member(field, "name") : nothing;
        if (type == NULL || !is_name(name))
            return fail(reader, record->name, "a field lacks its name or its type");
        for (uint32_t k = 0; k < i; k++)
            if (span_equal(fields[k].name, name))
                return fail(reader, record->name, "two fields have the same name");
        fields[i].name = name;
        enum err error = read_type(reader, *type, namespace_of(record->name), &fields[i].type);
        if (error != ERR_OK)
            return error;
    }
    record->fields = fields;
    record->count = list->size;
    return ERR_OK;
}

static enum err read_symbols(struct reader *reader, struct value schema, struct avro_type *type)
{
    const struct value *list = value_member_find(schema, SPAN_LITERAL("symbols"));
    if (list == NULL || list->kind != VALUE_LIST)
        return fail(reader, type->name, "needs a list of symbols");
    struct span *symbols = ARENA_ARRAY(reader->arena, struct span, list->size);
    for (uint32_t i = 0; i < list->size; i++) {
        if (list->items[i].kind != VALUE_STRING || !is_name(value_span(list->items[i])))
            return fail(reader, type->name, "a symbol is no name");
        symbols[i] = value_span(list->items[i]);
    }
    type->symbols = symbols;
    type->count = list->size;
    return ERR_OK;
}

static enum err read_size(struct reader *reader, struct value schema, struct avro_type *type)
{
    const struct value *size = value_member_find(schema, SPAN_LITERAL("size"));
    if (size == NULL || size->kind != VALUE_INT || size->integer < 0 || size->integer > FIXED_BYTES)
        return fail(reader, type->name, "needs a size in bytes, at most 1 MiB");
    type->count = (size_t)size->integer;
    return ERR_OK;
}

/* A logical type that does not fit what carries it is none, as the specification says. */
static void read_logical(struct value schema, struct avro_type *type)
{
    static const struct {
        const char *name;
        enum avro_kind carrier;
        enum avro_logical logical;
    } known[] = {
        {"date", AVRO_INT, AVRO_DATE},
        {"timestamp-millis", AVRO_LONG, AVRO_TIMESTAMP_MILLIS},
        {"timestamp-micros", AVRO_LONG, AVRO_TIMESTAMP_MICROS},
        {"timestamp-nanos", AVRO_LONG, AVRO_TIMESTAMP_NANOS},
        {"decimal", AVRO_BYTES, AVRO_DECIMAL},
        {"decimal", AVRO_FIXED, AVRO_DECIMAL},
    };
    struct span name = text_member(schema, "logicalType");
    const struct value *scale = value_member_find(schema, SPAN_LITERAL("scale"));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].carrier == type->kind && span_equal_text(name, known[i].name))
            type->logical = known[i].logical;
    type->scale = scale != NULL && scale->kind == VALUE_INT ? scale->integer : 0;
    if (type->logical == AVRO_DECIMAL && (type->scale < 0 || type->scale > 300))
        type->logical = AVRO_PLAIN;
}

static enum err read_item(struct reader *reader, struct value schema, struct span namespace,
                          struct avro_type *type)
{
    const char *member = type->kind == AVRO_ARRAY ? "items" : "values";
    const struct value *item = value_member_find(schema, span_from_text(member));
    if (item == NULL)
        return fail(reader, span_from_text(member), "is missing in an array or map");
    return read_type(reader, *item, namespace, &type->item);
}

/* `{"type": NAME, …}`: a definition, a primitive with more said about it, or a reference. */
static enum err read_object(struct reader *reader, struct value schema, struct span name,
                            struct span namespace, const struct avro_type **read)
{
    struct avro_type *type = ARENA_ARRAY(reader->arena, struct avro_type, 1);
    *read = type;
    static const struct {
        const char *name;
        enum avro_kind kind;
    } complex[] = {{"record", AVRO_RECORD}, {"error", AVRO_RECORD}, {"enum", AVRO_ENUM},
                   {"fixed", AVRO_FIXED},   {"array", AVRO_ARRAY},  {"map", AVRO_MAP}};
    for (size_t i = 0; i < sizeof complex / sizeof *complex; i++) {
        if (!span_equal_text(name, complex[i].name))
            continue;
        type->kind = complex[i].kind;
        if (type->kind == AVRO_ARRAY || type->kind == AVRO_MAP)
            return read_item(reader, schema, namespace, type);
        enum err error = define(reader, schema, namespace, type);
        if (error != ERR_OK)
            return error;
        read_logical(schema, type);
        return type->kind == AVRO_RECORD ? read_fields(reader, schema, type)
               : type->kind == AVRO_ENUM ? read_symbols(reader, schema, type)
                                         : read_size(reader, schema, type);
    }
    enum err error = read_reference(reader, name, namespace, read);
    if (error != ERR_OK || (*read)->kind >= AVRO_RECORD)
        return error;
    *type = **read;
    *read = type;
    read_logical(schema, type);
    return ERR_OK;
}

static enum err read_type(struct reader *reader, struct value schema, struct span namespace,
                          const struct avro_type **read)
{
    if (schema.kind == VALUE_STRING)
        return read_reference(reader, value_span(schema), namespace, read);
    if (schema.kind == VALUE_LIST) {
        struct avro_type *type = ARENA_ARRAY(reader->arena, struct avro_type, 1);
        *read = type;
        return read_union(reader, schema, namespace, type);
    }
    const struct value *inner =
        schema.kind == VALUE_MAP ? value_member_find(schema, SPAN_LITERAL("type")) : NULL;
    if (inner == NULL)
        return fail(reader, nothing, "a type is a name, a list or an object with a \"type\"");
    if (inner->kind != VALUE_STRING)
        return read_type(reader, *inner, namespace, read);
    return read_object(reader, schema, value_span(*inner), namespace, read);
}

enum err avro_schema_read_all(const struct span *texts, size_t count, struct arena *arena,
                              const struct avro_type **type, struct diag *diag)
{
    struct reader reader = {.arena = arena, .diag = diag};
    struct json_limits limits = json_limits_document;
    limits.bytes = AVRO_SCHEMA_BYTES;
    enum err error = ERR_OK;
    for (size_t i = 0; error == ERR_OK && i < count; i++) {
        struct value schema;
        error = json_parse(texts[i], &limits, arena, &schema, diag);
        if (error == ERR_OK)
            error = read_type(&reader, schema, nothing, type);
    }
    return error;
}

enum err avro_schema_read(struct span json, struct arena *arena, const struct avro_type **type,
                          struct diag *diag)
{
    return avro_schema_read_all(&json, 1, arena, type, diag);
}

/* ---- the canonical form ---- */

struct writer {
    struct buf *buf;
    struct span written[NAMED_MAX]; /* definitions so far */
    size_t written_count;
};

static void write_type(struct writer *writer, const struct avro_type *type);

static void write_name(struct writer *writer, const struct avro_type *type, const char *kind)
{
    buf_append_text(writer->buf, "{\"name\":");
    json_write_string(writer->buf, type->name);
    buf_printf(writer->buf, ",\"type\":\"%s\"", kind);
}

static void write_named(struct writer *writer, const struct avro_type *type)
{
    struct buf *buf = writer->buf;
    for (size_t i = 0; i < writer->written_count; i++)
        if (span_equal(writer->written[i], type->name)) {
            json_write_string(buf, type->name);
            return;
        }
    writer->written[writer->written_count++] = type->name;
    if (type->kind == AVRO_FIXED) {
        write_name(writer, type, "fixed");
        buf_printf(buf, ",\"size\":%zu}", type->count);
        return;
    }
    write_name(writer, type, type->kind == AVRO_ENUM ? "enum" : "record");
    buf_append_text(buf, type->kind == AVRO_ENUM ? ",\"symbols\":[" : ",\"fields\":[");
    for (size_t i = 0; i < type->count; i++) {
        buf_append_text(buf, i == 0 ? "" : ",");
        if (type->kind == AVRO_ENUM) {
            json_write_string(buf, type->symbols[i]);
            continue;
        }
        buf_append_text(buf, "{\"name\":");
        json_write_string(buf, type->fields[i].name);
        buf_append_text(buf, ",\"type\":");
        write_type(writer, type->fields[i].type);
        buf_append_byte(buf, '}');
    }
    buf_append_text(buf, "]}");
}

static void write_type(struct writer *writer, const struct avro_type *type)
{
    struct buf *buf = writer->buf;
    switch (type->kind) {
    case AVRO_RECORD:
    case AVRO_ENUM:
    case AVRO_FIXED:
        write_named(writer, type);
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        buf_append_text(buf, type->kind == AVRO_ARRAY ? "{\"type\":\"array\",\"items\":"
                                                      : "{\"type\":\"map\",\"values\":");
        write_type(writer, type->item);
        buf_append_byte(buf, '}');
        break;
    case AVRO_UNION:
        buf_append_byte(buf, '[');
        for (size_t i = 0; i < type->count; i++) {
            buf_append_text(buf, i == 0 ? "" : ",");
            write_type(writer, type->branches[i]);
        }
        buf_append_byte(buf, ']');
        break;
    default:
        buf_printf(buf, "\"%s\"", primitives[type->kind]);
        break;
    }
}

void avro_schema_write_canonical(struct buf *buf, const struct avro_type *type)
{
    struct writer writer = {.buf = buf};
    write_type(&writer, type);
}

uint64_t avro_schema_fingerprint(const struct avro_type *type)
{
    static const uint64_t empty = 0xc15d213aa4d7a795;
    struct buf text = {0};
    avro_schema_write_canonical(&text, type);
    uint64_t fingerprint = empty;
    for (size_t i = 0; i < text.size; i++) {
        fingerprint ^= (unsigned char)text.data[i];
        for (int bit = 0; bit < 8; bit++)
            fingerprint = (fingerprint >> 1) ^ (empty & -(fingerprint & 1));
    }
    buf_free(&text);
    return fingerprint;
}
