#include "codec/cloudevents.h"

#include <strings.h>

#include "base/base64.h"
#include "base/utf8.h"

/* Headers that are not the event's own come along (traceparent and others); this bounds the map. */
#define ATTRIBUTES_MAX 64

static bool starts_without_case(struct span text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && strncasecmp(text.data, prefix, size) == 0;
}

/* Empty when there is none. */
static struct span content_type(const struct source_record *record)
{
    for (size_t i = 0; i < record->header_count; i++) {
        struct span name = record->headers[i].name;
        if (name.size == strlen("content-type") && starts_without_case(name, "content-type"))
            return record->headers[i].value;
    }
    return span_make(NULL, 0);
}

static bool is_attribute(struct span header_name)
{
    return header_name.size > 3 && span_starts_with(header_name, SPAN_LITERAL("ce_"));
}

static bool has_attributes(const struct source_record *record)
{
    for (size_t i = 0; i < record->header_count; i++)
        if (is_attribute(record->headers[i].name))
            return true;
    return false;
}

/* application/json, text/json, application/vnd.x+json, with or without parameters. */
static bool is_json(struct span type)
{
    const char *semicolon = type.size == 0 ? NULL : memchr(type.data, ';', type.size);
    if (semicolon != NULL)
        type.size = (size_t)(semicolon - type.data);
    while (type.size > 0 && type.data[type.size - 1] == ' ')
        type.size--;
    return type.size == 0 ||
           (type.size > 5 && (starts_without_case(span_slice(type, type.size - 5, type.size), "/json") ||
                              starts_without_case(span_slice(type, type.size - 5, type.size), "+json")));
}

static enum err read_data(struct span bytes, struct span type, const struct json_limits *limits,
                          struct arena *arena, struct value *data, struct diag *diag)
{
    if (is_json(type))
        return json_parse(bytes, limits, arena, data, diag);
    if (bytes.size > limits->bytes)
        return diag_set(diag, ERR_LIMIT, 0, 0, "data: more than %zu bytes", limits->bytes);
    if (!utf8_valid(bytes))
        return diag_set(diag, ERR_SYNTAX, 0, 0, "data: is neither JSON nor UTF-8 text");
    *data = value_string(bytes);
    return ERR_OK;
}

static enum err read_binary(const struct source_record *record, struct span type,
                            const struct json_limits *limits, struct arena *arena, struct value *event,
                            struct diag *diag)
{
    struct value_member *members = ARENA_ARRAY(arena, struct value_member, ATTRIBUTES_MAX + 2);
    size_t count = 0;
    for (size_t i = 0; i < record->header_count; i++) {
        const struct record_header *header = &record->headers[i];
        if (!is_attribute(header->name))
            continue;
        struct value name = value_string(span_slice(header->name, 3, header->name.size));
        if (!utf8_valid(header->name) || !utf8_valid(header->value))
            return diag_set(diag, ERR_SYNTAX, 0, 0, "a ce_ header is not valid UTF-8");
        if (value_member_find(value_map(members, count), value_span(name)) != NULL)
            return diag_set(diag, ERR_INVALID, 0, 0, "a ce_ header is there twice");
        if (count == ATTRIBUTES_MAX)
            return diag_set(diag, ERR_LIMIT, 0, 0, "more than %d ce_ headers", ATTRIBUTES_MAX);
        members[count++] = (struct value_member){name, value_string(header->value)};
    }
    if (type.size != 0)
        members[count++] =
            (struct value_member){value_string(SPAN_LITERAL("datacontenttype")), value_string(type)};
    if (record->value.size != 0 || !is_json(type)) { /* an event may have no data */
        struct value data;
        enum err error = read_data(record->value, type, limits, arena, &data, diag);
        if (error != ERR_OK)
            return error;
        members[count++] = (struct value_member){value_string(SPAN_LITERAL("data")), data};
    }
    *event = value_map(members, count);
    return ERR_OK;
}

static enum err check_required(struct value event, struct diag *diag)
{
    if (event.kind != VALUE_MAP)
        return diag_set(diag, ERR_TYPE, 0, 0, "a CloudEvent in structured mode must be a map");
    static const char *const required[] = {"specversion", "id", "source", "type"};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        const struct value *value = value_member_find(event, span_from_text(required[i]));
        if (value == NULL)
            return diag_set(diag, ERR_NOT_FOUND, 0, 0, "the CloudEvent has no %s", required[i]);
        if (value->kind != VALUE_STRING || value->size == 0)
            return diag_set(diag, ERR_TYPE, 0, 0, "the CloudEvent's %s must be a string", required[i]);
    }
    struct span version = value_span(*value_member_find(event, SPAN_LITERAL("specversion")));
    if (!span_starts_with(version, SPAN_LITERAL("1.")))
        return diag_set(diag, ERR_INVALID, 0, 0, "the CloudEvent's specversion must be 1.0");
    return ERR_OK;
}

/* What `data_base64` holds becomes `data`, as if it had come in binary mode. */
static enum err decode_data(const struct json_limits *limits, struct arena *arena, struct value *event,
                            struct diag *diag)
{
    const struct value *text = value_member_find(*event, SPAN_LITERAL("data_base64"));
    const struct value *type = value_member_find(*event, SPAN_LITERAL("datacontenttype"));
    struct span bytes;
    struct value data;
    if (text == NULL || text->kind == VALUE_NULL)
        return ERR_OK;
    if (value_member_find(*event, SPAN_LITERAL("data")) != NULL)
        return diag_set(diag, ERR_INVALID, 0, 0, "the CloudEvent has both data and data_base64");
    if (text->kind != VALUE_STRING || base64_decode(value_span(*text), arena, &bytes) != ERR_OK)
        return diag_set(diag, ERR_SYNTAX, 0, 0, "data_base64: must be a string in padded Base64");
    struct span content_type =
        type == NULL || type->kind != VALUE_STRING ? span_make(NULL, 0) : value_span(*type);
    enum err error = read_data(bytes, content_type, limits, arena, &data, diag);
    if (error != ERR_OK)
        return error;
    struct value_member *members = ARENA_ARRAY(arena, struct value_member, event->size + 1);
    memcpy(members, event->members, event->size * sizeof *members);
    members[event->size] = (struct value_member){value_string(SPAN_LITERAL("data")), data};
    *event = value_map(members, event->size + 1);
    return ERR_OK;
}

enum err cloudevents_read(const struct source_record *record, const struct json_limits *limits,
                          struct arena *arena, struct value *event, struct diag *diag)
{
    struct span type = content_type(record);
    if (starts_without_case(type, "application/cloudevents-batch"))
        return diag_set(diag, ERR_INVALID, 0, 0, "CloudEvents in batched mode are not taken");
    bool structured = starts_without_case(type, "application/cloudevents") || !has_attributes(record);
    enum err error = structured ? json_parse(record->value, limits, arena, event, diag)
                                : read_binary(record, type, limits, arena, event, diag);
    if (error == ERR_OK)
        error = check_required(*event, diag);
    return error == ERR_OK && structured ? decode_data(limits, arena, event, diag) : error;
}
