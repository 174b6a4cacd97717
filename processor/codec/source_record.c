#include "codec/source_record.h"

#include "base/civil.h"
#include "base/utf8.h"
#include "codec/cloudevents.h"
#include "codec/json.h"

/* What lies beside the attributes in a record may nest deeper than they may. */
#define RECORD_DEPTH 64
#define TRACEPARENT_BYTES 128
#define TRACESTATE_BYTES 512

/* Years 0000 to 9999, as RFC 3339 has them. */
#define TIME_MIN_MS INT64_C(-62167219200000)
#define TIME_MAX_MS INT64_C(253402300799999)

const struct record_limits record_limits_default = {
    .record_bytes = 64 * 1024, .attributes = {.depth = 5, .entries = 128, .string_bytes = 4096}};

/* A record with its places found. */
struct found {
    const struct mapping *mapping;
    const struct value *values[MAPPING_FIELD_COUNT]; /* NULL: missing or null */
    bool null_attributes;
};

static struct found find_fields(const struct mapping *mapping, const struct value *record)
{
    struct found found = {.mapping = mapping};
    mapping_find(mapping, record, found.values);
    const struct value *attributes = found.values[MAPPING_ATTRIBUTES];
    found.null_attributes = attributes != NULL && attributes->kind == VALUE_NULL;
    for (int i = 0; i < MAPPING_FIELD_COUNT; i++)
        if (found.values[i] != NULL && found.values[i]->kind == VALUE_NULL)
            found.values[i] = NULL;
    return found;
}

static enum err fail_missing(const struct found *found, enum mapping_field_name field, const char *name,
                             struct diag *diag)
{
    return diag_set(diag, ERR_NOT_FOUND, 0, 0, "%s: is missing (looked for at \"%.*s\")", name,
                    SPAN_PRINTF(found->mapping->fields[field].text));
}

static enum err read_text(const struct value *value, const char *name, struct span *text, struct diag *diag)
{
    if (value->kind != VALUE_STRING)
        return diag_set(diag, ERR_TYPE, 0, 0, "%s: must be a string", name);
    *text = value_span(*value);
    return ERR_OK;
}

/* An id or a user. A topic that knows nothing of Declic may number both: at a place that the configuration
 * names, an integer is its decimal text. */
static enum err read_key(const struct found *found, enum mapping_field_name field, const char *name,
                         struct arena *arena, struct span *text, struct diag *diag)
{
    const struct value *value = found->values[field];
    if (value->kind != VALUE_INT || !found->mapping->fields[field].given)
        return read_text(value, name, text, diag);
    *text = arena_printf(arena, "%lld", (long long)value->integer);
    return ERR_OK;
}

static enum err read_id(const struct found *found, const struct source_record *record, struct arena *arena,
                        struct span *id, struct diag *diag)
{
    const struct value *value = found->values[MAPPING_ID];
    if (value == NULL) {
        *id = arena_printf(arena, "%.*s/%d/%lld", SPAN_PRINTF(record->topic), (int)record->partition,
                           (long long)record->offset);
        return ERR_OK;
    }
    enum err error = read_key(found, MAPPING_ID, "id", arena, id, diag);
    return error == ERR_OK ? event_check_id(*id, diag) : error;
}

/* A missing user is an empty one. */
static enum err read_user(const struct found *found, struct arena *arena, struct span *user,
                          struct diag *diag)
{
    const struct value *value = found->values[MAPPING_USER];
    if (value == NULL) {
        const struct mapping_field *field = &found->mapping->fields[MAPPING_USER];
        *user = field->constant ? field->text : span_make(NULL, 0);
        return ERR_OK;
    }
    enum err error = read_key(found, MAPPING_USER, "user", arena, user, diag);
    return error == ERR_OK ? event_check_user(*user, diag) : error;
}

static enum err read_name(const struct found *found, struct span *name, struct diag *diag)
{
    const struct value *value = found->values[MAPPING_NAME];
    if (value == NULL) {
        const struct mapping_field *field = &found->mapping->fields[MAPPING_NAME];
        *name = field->text;
        return field->constant ? ERR_OK : fail_missing(found, MAPPING_NAME, "name", diag);
    }
    enum err error = read_text(value, "name", name, diag);
    return error == ERR_OK ? event_check_name(*name, diag) : error;
}

static enum err time_from_value(const struct value *value, int64_t *time_ms, struct diag *diag)
{
    int64_t seconds;
    uint32_t nanos;
    switch (value->kind) {
    case VALUE_INT:
        *time_ms = value->integer;
        break;
    case VALUE_TIMESTAMP:
        if (value->integer < TIME_MIN_MS / 1000 || value->integer > TIME_MAX_MS / 1000)
            return diag_set(diag, ERR_INVALID, 0, 0, "time: is outside the years 0000 to 9999");
        *time_ms = value_to_ms(*value);
        break;
    case VALUE_STRING:
        if (civil_parse_rfc3339(value_span(*value), &seconds, &nanos) != ERR_OK)
            return diag_set(diag, ERR_INVALID, 0, 0,
                            "time: is no RFC 3339 time with a zone, such as 2026-12-01T08:30:00Z");
        *time_ms = seconds * 1000 + nanos / 1000000;
        break;
    default:
        return diag_set(diag, ERR_TYPE, 0, 0,
                        "time: must be an RFC 3339 string or a whole number of milliseconds");
    }
    if (*time_ms < TIME_MIN_MS || *time_ms > TIME_MAX_MS)
        return diag_set(diag, ERR_INVALID, 0, 0, "time: is outside the years 0000 to 9999");
    return ERR_OK;
}

static enum err read_time(const struct found *found, int64_t timestamp_ms, int64_t *time_ms,
                          struct diag *diag)
{
    const struct value *value = found->values[MAPPING_TIME];
    const struct mapping_field *field = &found->mapping->fields[MAPPING_TIME];
    if (value != NULL)
        return time_from_value(value, time_ms, diag);
    if (!field->constant && timestamp_ms < 0)
        return fail_missing(found, MAPPING_TIME, "time", diag);
    *time_ms = field->constant ? field->time_ms : timestamp_ms;
    return ERR_OK;
}

/* Missing attributes are empty ones. */
static enum err read_attributes(const struct found *found, const struct attribute_limits *limits,
                                struct value *attributes, struct diag *diag)
{
    const struct value *value = found->values[MAPPING_ATTRIBUTES];
    *attributes = value == NULL ? value_map(NULL, 0) : *value;
    return value == NULL ? ERR_OK : event_check_attributes(*value, limits, diag);
}

enum err source_value_read_event(const struct source_record *record, struct value value,
                                 const struct mapping *mapping, const struct attribute_limits *limits,
                                 struct arena *arena, struct event *event, struct diag *diag)
{
    struct found found = find_fields(mapping, &value);
    struct event result = {0};
    enum err error = read_id(&found, record, arena, &result.id, diag);
    if (error == ERR_OK)
        error = read_user(&found, arena, &result.user, diag);
    if (error == ERR_OK)
        error = read_name(&found, &result.name, diag);
    if (error == ERR_OK)
        error = read_time(&found, record->timestamp_ms, &result.time_ms, diag);
    if (error == ERR_OK)
        error = read_attributes(&found, limits, &result.attributes, diag);
    if (error == ERR_OK)
        *event = result;
    return error;
}

enum err source_value_read_profile(struct value value, int64_t timestamp_ms, bool null_removes,
                                   const struct mapping *mapping, const struct attribute_limits *limits,
                                   struct arena *arena, struct profile_update *profile, struct diag *diag)
{
    struct found found = find_fields(mapping, &value);
    struct profile_update result = {.tombstone = found.null_attributes};
    enum err error = read_user(&found, arena, &result.user, diag);
    if (error == ERR_OK && result.user.size == 0)
        error = fail_missing(&found, MAPPING_USER, "user", diag);
    if (error == ERR_OK)
        error = read_time(&found, timestamp_ms, &result.time_ms, diag);
    if (error == ERR_OK)
        error = read_attributes(&found, limits, &result.attributes, diag);
    if (error != ERR_OK)
        return error;
    if (result.tombstone && !null_removes)
        return diag_set(diag, ERR_TYPE, 0, 0,
                        "attributes: must be a map (a record without a value removes the profile)");
    *profile = result;
    return ERR_OK;
}

/* ---- bytes ---- */

/* The reason stands alone in a header: the place goes into the sentence. */
static void tell_place(struct diag *diag)
{
    if (diag == NULL || diag->line == 0)
        return;
    struct diag bare = *diag;
    (void)diag_set(diag, ERR_SYNTAX, 0, 0, "not readable as JSON: %s (line %d, column %d)", bare.text,
                   bare.line, bare.column);
}

static enum err parse_avro(const struct source_record *record, const struct mapping *mapping,
                           const struct record_limits *limits, struct arena *arena, struct value *value,
                           struct diag *diag)
{
    const struct avro_limits avro = {.depth = RECORD_DEPTH, .entries = limits->record_bytes};
    if (record->value.size > limits->record_bytes)
        return diag_set(diag, ERR_LIMIT, 0, 0, "more than %zu bytes", limits->record_bytes);
    enum err error =
        mapping->format == MAPPING_AVRO
            ? avro_numbered_read(record->value, mapping->registry, &avro, arena, value, diag)
            : avro_single_object_read(record->value, &mapping->schemas, &avro, arena, value, diag);
    if (error == ERR_OK && value->kind != VALUE_MAP)
        return diag_set(diag, ERR_TYPE, 0, 0, "the schema must be a record");
    return error;
}

static enum err parse_record(const struct source_record *record, const struct mapping *mapping,
                             const struct record_limits *limits, struct arena *arena, struct value *value,
                             struct diag *diag)
{
    if (mapping->format == MAPPING_AVRO || mapping->format == MAPPING_AVRO_SINGLE_OBJECT)
        return parse_avro(record, mapping, limits, arena, value, diag);
    struct json_limits json = {.bytes = limits->record_bytes,
                               .depth = RECORD_DEPTH,
                               .entries = limits->record_bytes,
                               .string_bytes = limits->record_bytes};
    enum err error = mapping->format == MAPPING_CLOUDEVENTS
                         ? cloudevents_read(record, &json, arena, value, diag)
                         : json_parse(record->value, &json, arena, value, diag);
    if (error != ERR_OK) {
        tell_place(diag);
        return error;
    }
    if (value->kind != VALUE_MAP && value->kind != VALUE_LIST)
        return diag_set(diag, ERR_TYPE, 0, 0, "the record must be a JSON object");
    return ERR_OK;
}

static bool is_visible_ascii(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7E)
            return false;
    return true;
}

/* Trace context (W3C) goes along when it looks like it; it never makes a record bad. */
static struct span trace_header(const struct source_record *record, const char *name, size_t most)
{
    for (size_t i = 0; i < record->header_count; i++) {
        struct span value = record->headers[i].value;
        if (span_equal_text(record->headers[i].name, name) && value.size <= most && is_visible_ascii(value))
            return value;
    }
    return span_make(NULL, 0);
}

enum err source_record_read_event(const struct source_record *record, const struct mapping *mapping,
                                  const struct record_limits *limits, struct arena *arena,
                                  struct event *event, struct diag *diag)
{
    if (!record->has_value)
        return diag_set(diag, ERR_INVALID, 0, 0, "the record has no value: only a profile can be removed");
    struct value value;
    enum err error = parse_record(record, mapping, limits, arena, &value, diag);
    if (error == ERR_OK)
        error = source_value_read_event(record, value, mapping, &limits->attributes, arena, event, diag);
    if (error == ERR_OK && record->header_count != 0) {
        event->traceparent = trace_header(record, "traceparent", TRACEPARENT_BYTES);
        event->tracestate = trace_header(record, "tracestate", TRACESTATE_BYTES);
    }
    return error;
}

static enum err read_tombstone(const struct source_record *record, struct profile_update *profile,
                               struct diag *diag)
{
    if (record->key.size == 0)
        return diag_set(diag, ERR_NOT_FOUND, 0, 0,
                        "user: a record without a value needs the user as its key");
    if (!utf8_valid(record->key))
        return diag_set(diag, ERR_SYNTAX, 0, 0, "user: the record's key is not valid UTF-8");
    enum err error = event_check_user(record->key, diag);
    if (error == ERR_OK)
        *profile = (struct profile_update){.user = record->key,
                                           .time_ms = record->timestamp_ms,
                                           .tombstone = true,
                                           .attributes = value_map(NULL, 0)};
    return error;
}

enum err source_record_read_profile(const struct source_record *record, const struct mapping *mapping,
                                    const struct record_limits *limits, struct arena *arena,
                                    struct profile_update *profile, struct diag *diag)
{
    if (!record->has_value)
        return read_tombstone(record, profile, diag);
    struct value value;
    enum err error = parse_record(record, mapping, limits, arena, &value, diag);
    if (error != ERR_OK)
        return error;
    return source_value_read_profile(value, record->timestamp_ms, false, mapping, &limits->attributes,
                                     arena, profile, diag);
}
