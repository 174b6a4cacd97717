/* The settings that are lists: properties of librdkafka, sources, attributes, outbound topics. */
#include <errno.h>
#include <stdlib.h>

#include "app/config_internal.h"
#include "base/file.h"

/* Sets or replaces. */
static void property_set(struct property_list *list, struct span name, struct span value,
                         struct arena *arena)
{
    struct config_property *property = NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (span_equal(list->items[i].name, name))
            property = &list->items[i];
    }
    if (property == NULL) {
        property = ARENA_PUSH(arena, &list->items, &list->count, &list->capacity);
        property->name = arena_copy(arena, name);
    }
    property->value = arena_copy(arena, value);
}

static int compare_properties(const void *a, const void *b)
{
    return span_compare(((const struct config_property *)a)->name,
                        ((const struct config_property *)b)->name);
}

void property_sort(struct property_list *list)
{
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, compare_properties);
}

const struct config_property *property_find(const struct property_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (span_equal_text(list->items[i].name, name))
            return &list->items[i];
    }
    return NULL;
}

static const char *why_fixed(struct span property)
{
    static const struct {
        const char *name, *why;
    } fixed[] = {
#define FIXED(property, why) {property, why},
#include "app/config_kafka.def"
#undef FIXED
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        if (span_equal_text(property, fixed[i].name))
            return fixed[i].why;
    }
    return NULL;
}

void kafka_read(struct loader *loader, struct form *form, const struct yaml_node *place, struct span name,
                const struct yaml_node *value)
{
    const char *why = why_fixed(name);
    struct span text;
    if (why != NULL) {
        form_error(form, place, "`kafka.%.*s` is set by Declic itself: %s", SPAN_PRINTF(name), why);
        return;
    }
    struct span key = arena_printf(form->arena, "kafka.%.*s", SPAN_PRINTF(name));
    if (form_text(form, value, key.data, "a property's value", &text))
        property_set(&loader->kafka, name, text, loader->arena);
}

static bool topic_name_fits(struct span name)
{
    return name_fits(name, "A-Za-z0-9._-", 249) && !span_equal_text(name, ".") &&
           !span_equal_text(name, "..");
}

static bool read_topic(struct form *form, const struct yaml_node *node, const char *key, struct span *topic)
{
    const char *what = "a topic's name: 1 to 249 letters, digits, dots, underscores and hyphens";
    if (!form_text(form, node, key, what, topic))
        return false;
    return topic_name_fits(*topic) || form_expected(form, node, key, what);
}

void outbound_topic_read(struct loader *loader, struct form *form, const struct yaml_node *place,
                         struct span channel, const struct yaml_node *value)
{
    struct yaml_node name = {
        .kind = YAML_STRING, .line = place->line, .column = place->column, .text = channel};
    struct span topic;
    int choice;
    if (form_choice(form, &name, "topics.out", channel_names, &choice) &&
        read_topic(form, value, "topics.out", &topic))
        property_set(&loader->outbound_topics, channel, topic, loader->arena);
}

static void read_place(struct form *form, const struct yaml_node *map, const char *key,
                       struct mapping_place *place)
{
    const struct yaml_node *node = form_get(map, key);
    struct span text;
    if (node == NULL || !form_text(form, node, key, "a JSON Pointer such as /user/id, or =constant", &text))
        return;
    place->given = true;
    place->constant = text.size > 0 && text.data[0] == '=';
    place->text = place->constant ? span_slice(text, 1, text.size) : text;
}

static void read_map(struct form *form, const struct yaml_node *node, struct mapping_spec *spec)
{
    static const char *const keys[] = {"id", "user", "name", "time", "attributes", NULL};
    if (!form_map(form, node, "a mapping", keys))
        return;
    read_place(form, node, "id", &spec->id);
    read_place(form, node, "user", &spec->user);
    read_place(form, node, "name", &spec->name);
    read_place(form, node, "time", &spec->time);
    read_place(form, node, "attributes", &spec->attributes);
}

static void read_schemas(struct loader *loader, struct form *form, const struct yaml_node *node,
                         struct config_source *source)
{
    if (!form_list(form, node, "schemas"))
        return;
    struct span *schemas = ARENA_ARRAY(loader->arena, struct span, node->count);
    for (size_t i = 0; i < node->count; i++) {
        struct span path;
        if (form_text(form, node->items[i], "schemas", "a path", &path))
            schemas[source->schema_count++] = loader_path(loader, path);
    }
    source->schemas = schemas;
}

/* The schemas that a source's records may have, read from their files. */
static void compile_schemas(struct loader *loader, struct form *form, const struct yaml_node *node,
                            const struct config_source *source, struct mapping_spec *spec)
{
    struct avro_known_schema *list =
        ARENA_ARRAY(loader->arena, struct avro_known_schema, source->schema_count);
    for (size_t i = 0; i < source->schema_count; i++) {
        struct span text;
        struct diag diag = {0};
        if (file_read(source->schemas[i], AVRO_SCHEMA_BYTES, loader->arena, &text) != ERR_OK)
            form_error(form, node->items[i], "`schemas`: %.*s cannot be read: %s",
                       SPAN_PRINTF(source->schemas[i]), strerror(errno));
        else if (avro_schema_read(text, loader->arena, &list[i].type, &diag) != ERR_OK)
            form_error(form, node->items[i], "`schemas`: %.*s is no Avro schema: %s",
                       SPAN_PRINTF(source->schemas[i]), diag.text);
        else
            list[i].fingerprint = avro_schema_fingerprint(list[i].type);
    }
    spec->schemas = (struct avro_schemas){list, source->schema_count};
}

/* Names the mapping's own place where there is one. */
static void compile_mapping(struct loader *loader, struct form *form, const struct yaml_node *node,
                            const struct mapping_spec *spec, struct config_source *source)
{
    const struct yaml_node *map = form_get(node, "map");
    struct diag diag = {0};
    if (mapping_compile(spec, loader->arena, &source->mapping, &diag) != ERR_OK)
        form_error(form, map != NULL ? map : node, "a source: %s", diag.text);
}

static void read_source(struct loader *loader, struct form *form, const struct yaml_node *node,
                        struct config_source *source)
{
    static const char *const keys[] = {"topic", "format", "kind", "map", "schemas", NULL};
    static const char *const formats[] = {"json", "cloudevents", "avro", "avro_single_object", NULL};
    static const char *const kinds[] = {"event", "profile", NULL};
    if (!form_map(form, node, "a source", keys))
        return;
    const struct yaml_node *topic = form_need(form, node, "a source", "topic"),
                           *format = form_get(node, "format"), *kind = form_get(node, "kind"),
                           *map = form_get(node, "map"), *schemas = form_get(node, "schemas");
    struct mapping_spec spec = {.format = MAPPING_JSON};
    int choice = MAPPING_JSON;
    size_t errors = form->errors;
    if (topic != NULL && read_topic(form, topic, "topic", &source->topic))
        source->topic = arena_copy(loader->arena, source->topic);
    if (format != NULL && form_choice(form, format, "format", formats, &choice))
        spec.format = (enum mapping_format)choice;
    choice = CONFIG_SOURCE_EVENTS;
    if (kind != NULL)
        form_choice(form, kind, "kind", kinds, &choice);
    source->kind = (enum config_source_kind)choice;
    if (map != NULL)
        read_map(form, map, &spec);
    if (schemas != NULL)
        read_schemas(loader, form, schemas, source);
    if (schemas != NULL && spec.format != MAPPING_AVRO_SINGLE_OBJECT)
        form_error(form, schemas, "`schemas` is for the format avro_single_object");
    else if (spec.format == MAPPING_AVRO_SINGLE_OBJECT && source->schema_count == 0)
        form_error(form, node,
                   "`schemas` is missing: the files of the Avro schemas that records of this source "
                   "may have");
    else if (form->errors == errors && schemas != NULL)
        compile_schemas(loader, form, schemas, source, &spec);
    if (form->errors == errors)
        compile_mapping(loader, form, node, &spec, source);
}

static void check_topic(struct form *form, const struct yaml_node *node,
                        const struct config_source *sources, size_t index)
{
    for (size_t i = 0; i < index && sources[index].topic.size > 0; i++) {
        if (span_equal(sources[i].topic, sources[index].topic))
            form_error(form, node, "`sources`: the topic %.*s is given twice",
                       SPAN_PRINTF(sources[i].topic));
    }
}

void sources_read(struct loader *loader, struct form *form, const struct yaml_node *node)
{
    if (!form_list(form, node, "sources"))
        return;
    struct config_source *sources = ARENA_ARRAY(loader->arena, struct config_source, node->count);
    for (size_t i = 0; i < node->count; i++) {
        read_source(loader, form, node->items[i], &sources[i]);
        check_topic(form, node->items[i], sources, i);
    }
    loader->config->sources = sources;
    loader->config->source_count = node->count;
}

static int compare_spans(const void *a, const void *b)
{
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

void profile_attributes_read(struct loader *loader, struct form *form, const struct yaml_node *node)
{
    if (!form_list(form, node, "profile.attributes"))
        return;
    struct span *names = ARENA_ARRAY(loader->arena, struct span, node->count);
    size_t count = 0;
    for (size_t i = 0; i < node->count; i++) {
        struct span name;
        if (form_text(form, node->items[i], "profile.attributes", "the name of an attribute", &name))
            names[count++] = arena_copy(loader->arena, name);
    }
    if (count > 0)
        qsort(names, count, sizeof *names, compare_spans);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        if (distinct == 0 || !span_equal(names[distinct - 1], names[i]))
            names[distinct++] = names[i];
    }
    loader->config->profile_attributes = (struct name_set){names, distinct, false};
}
