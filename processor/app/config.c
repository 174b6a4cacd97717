#include "app/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "app/config_internal.h"
#include "base/file.h"
#include "base/nearest.h"
#include "codec/yaml_scalar.h"

#define DEFAULT_PATH "declic.yaml"
#define VARIABLE_PREFIX "DECLIC_"
enum { MAX_FILE_BYTES = 1024 * 1024, MAX_KEYS = 64 };

static const char *const list_keys[] = {"sources", "profile.attributes"};
enum { LIST_COUNT = sizeof list_keys / sizeof *list_keys };
/* Maps whose members are free: `kafka.NAME`, `topics.out.CHANNEL`. */
#define KAFKA "kafka."
#define TOPICS_OUT "topics.out."

/* --- keys ------------------------------------------------------------------------------------------ */

static size_t known_keys(const char *keys[MAX_KEYS])
{
    size_t count;
    const struct config_setting *settings = config_settings(&count);
    for (size_t i = 0; i < count; i++)
        keys[i] = settings[i].key;
    for (size_t i = 0; i < LIST_COUNT; i++)
        keys[count++] = list_keys[i];
    keys[count++] = KAFKA "bootstrap.servers";
    keys[count++] = TOPICS_OUT "push";
    return count;
}

static bool has_prefix(struct span text, const char *prefix)
{
    struct span start = span_from_text(prefix);
    return text.size > start.size && span_starts_with(text, start);
}

bool config_key_is_known(struct span name)
{
    const char *keys[MAX_KEYS];
    size_t count = known_keys(keys);
    for (size_t i = 0; i < count; i++) {
        if (span_equal_text(name, keys[i]))
            return true;
    }
    return has_prefix(name, KAFKA) || has_prefix(name, TOPICS_OUT);
}

struct span config_key_nearest(struct span name)
{
    const char *keys[MAX_KEYS];
    size_t count = known_keys(keys);
    int nearest = nearest_word(name, keys, count);
    return nearest < 0 ? SPAN_LITERAL("") : span_from_text(keys[nearest]);
}

/* True when some known key is `name` + "." + more. */
static bool is_group(struct span name)
{
    const char *keys[MAX_KEYS];
    size_t count = known_keys(keys);
    for (size_t i = 0; i < count; i++) {
        struct span key = span_from_text(keys[i]);
        if (key.size > name.size && span_starts_with(key, name) && key.data[name.size] == '.')
            return true;
    }
    return false;
}

/* --- values ---------------------------------------------------------------------------------------- */

struct span loader_path(const struct loader *loader, struct span path)
{
    if (loader->directory.size == 0 || (path.size > 0 && path.data[0] == '/'))
        return arena_copy(loader->arena, path);
    return arena_printf(loader->arena, "%.*s/%.*s", SPAN_PRINTF(loader->directory), SPAN_PRINTF(path));
}

/* The value of one known key, wherever it was found. `place` is where an error about the key points. */
static void value_read(struct loader *loader, struct form *form, const struct yaml_node *place,
                       struct span key, const struct yaml_node *value)
{
    size_t count;
    const struct config_setting *settings = config_settings(&count);
    for (size_t i = 0; i < count; i++) {
        if (span_equal_text(key, settings[i].key)) {
            setting_read(loader, form, value, i);
            return;
        }
    }
    if (span_equal_text(key, "sources"))
        sources_read(loader, form, value);
    else if (span_equal_text(key, "profile.attributes"))
        profile_attributes_read(loader, form, value);
    else if (has_prefix(key, KAFKA))
        kafka_read(loader, form, place, span_slice(key, strlen(KAFKA), key.size), value);
    else
        outbound_topic_read(loader, form, place, span_slice(key, strlen(TOPICS_OUT), key.size), value);
}

/* The map of settings that looks most like `name`: "redis". */
static struct span group_nearest(struct span name, struct arena *arena)
{
    const char *groups[MAX_KEYS];
    size_t count = known_keys(groups);
    for (size_t i = 0; i < count; i++)
        groups[i] = arena_copy(arena, span_make(groups[i], strcspn(groups[i], "."))).data;
    int nearest = nearest_word(name, groups, count);
    return nearest < 0 ? SPAN_LITERAL("") : span_from_text(groups[nearest]);
}

static void unknown_key(struct form *form, const struct yaml_node *place, struct span key)
{
    struct span nearest = config_key_nearest(key);
    if (nearest.size == 0)
        nearest = group_nearest(key, form->arena);
    if (nearest.size > 0)
        form_error(form, place, "unknown key `%.*s`; did you mean `%.*s`?", SPAN_PRINTF(key),
                   SPAN_PRINTF(nearest));
    else
        form_error(form, place, "unknown key `%.*s`; docs/configuration.md lists all", SPAN_PRINTF(key));
}

/* --- the file ---------------------------------------------------------------------------------------- */

static void members_read(struct loader *loader, struct form *form, struct span prefix,
                         const struct yaml_node *map)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_member *member = &map->members[i];
        struct span key = arena_printf(loader->arena, "%.*s%s%.*s", SPAN_PRINTF(prefix),
                                       prefix.size == 0 ? "" : ".", SPAN_PRINTF(member->key));
        if (config_key_is_known(key))
            value_read(loader, form, member->key_node, key, member->value);
        else if (!is_group(key))
            unknown_key(form, member->key_node, key);
        else if (member->value->kind == YAML_MAP)
            members_read(loader, form, key, member->value);
        else if (member->value->kind != YAML_NULL)
            form_expected(form, member->value, key.data, "a map");
    }
}

static struct span directory_of(struct span path)
{
    size_t size = path.size;
    while (size > 0 && path.data[size - 1] != '/')
        size--;
    return span_slice(path, 0, size > 1 ? size - 1 : size);
}

static void form_done(struct loader *loader, const struct form *form, size_t first)
{
    if (form->errors > 0) {
        loader->failed = true;
        diag_list_sort(loader->diags, first);
    }
}

static enum err load_file(struct loader *loader, struct span path, bool may_be_missing)
{
    struct form form = {.file = path, .arena = loader->arena, .diags = loader->diags};
    size_t first = loader->diags->count;
    if (file_read(path, MAX_FILE_BYTES, loader->arena, &form.source) != ERR_OK) {
        if (errno == ENOENT && may_be_missing)
            return ERR_OK;
        diag_list_add(loader->diags, path, 0, 0, "cannot be read: %s", strerror(errno));
        return ERR_IO;
    }
    if (form.source.size > MAX_FILE_BYTES)
        form_error_at(&form, 1, 1, "the file is larger than 1 MiB");
    const struct yaml_node *root = form.errors > 0 ? NULL : form_parse(&form);
    loader->config->path = arena_copy(loader->arena, path);
    loader->directory = directory_of(loader->config->path);
    if (root != NULL && root->kind == YAML_MAP)
        members_read(loader, &form, SPAN_LITERAL(""), root);
    else if (root != NULL && root->kind != YAML_NULL)
        form_error(&form, root, "expected a map of settings");
    loader->directory = SPAN_LITERAL("");
    form_done(loader, &form, first);
    return ERR_OK;
}

/* --- variables and flags ---------------------------------------------------------------------------- */

static bool is_list(struct span key)
{
    for (size_t i = 0; i < LIST_COUNT; i++) {
        if (span_equal_text(key, list_keys[i]))
            return true;
    }
    return false;
}

/* A value that came as one text, from `origin` (a variable's or flag's name). Lists are YAML, but for plain
 * names a comma does. */
static void text_read(struct loader *loader, struct span origin, struct span key, struct span text)
{
    struct form form = {.source = text, .file = origin, .arena = loader->arena, .diags = loader->diags};
    size_t first = loader->diags->count;
    struct yaml_node scalar = {.style = YAML_PLAIN, .text = arena_copy(loader->arena, text)};
    const struct yaml_node *node = &scalar;
    if (span_equal_text(key, "profile.attributes") && text.size > 0 && isalpha((unsigned char)text.data[0]))
        form.source = arena_printf(loader->arena, "[%.*s]", SPAN_PRINTF(text));
    if (is_list(key))
        node = form_parse(&form);
    else if (yaml_scalar_resolve(&scalar, NULL) != ERR_OK)
        node = NULL;
    if (node != NULL)
        value_read(loader, &form, &scalar, key, node);
    form_done(loader, &form, first);
}

static struct span variable_of(struct span key, struct arena *arena)
{
    char *name = arena_alloc(arena, key.size + 1);
    for (size_t i = 0; i < key.size; i++)
        name[i] = key.data[i] == '.' ? '_' : (char)toupper((unsigned char)key.data[i]);
    name[key.size] = '\0';
    return span_make(name, key.size);
}

/* The key that a variable's name (without DECLIC_) stands for; empty: none. */
static struct span key_of_variable(struct loader *loader, struct span name)
{
    static const char *const free_groups[] = {KAFKA, TOPICS_OUT};
    const char *keys[MAX_KEYS];
    size_t count = known_keys(keys);
    for (size_t i = 0; i < count; i++) {
        if (span_equal(variable_of(span_from_text(keys[i]), loader->arena), name))
            return span_from_text(keys[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        struct span group = span_from_text(free_groups[i]);
        struct span prefix = variable_of(group, loader->arena);
        if (!has_prefix(name, prefix.data))
            continue;
        char *key = arena_alloc(loader->arena, name.size + 1);
        for (size_t at = 0; at < name.size; at++) {
            char byte = (char)tolower((unsigned char)name.data[at]);
            bool dot = at < group.size ? group.data[at] == '.' : (byte == '_' && i == 0);
            key[at] = dot ? '.' : byte;
        }
        return span_make(key, name.size);
    }
    return SPAN_LITERAL("");
}

/* Variables that are not ours pass (an orchestrator sets DECLIC_PORT and the like for a service of our
 * name), but not one that is nearly a setting's. */
static void check_variable(struct loader *loader, struct span name)
{
    const char *keys[MAX_KEYS];
    size_t count = known_keys(keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = variable_of(span_from_text(keys[i]), loader->arena).data;
    int nearest = name.size < 6 ? -1 : nearest_word(name, keys, count);
    if (nearest < 0)
        return;
    diag_list_add(loader->diags, SPAN_LITERAL(""), 0, 0,
                  "unknown variable " VARIABLE_PREFIX "%.*s; did you mean " VARIABLE_PREFIX "%s?",
                  SPAN_PRINTF(name), keys[nearest]);
    loader->failed = true;
}

static void load_environment(struct loader *loader, const char *const *environment)
{
    for (; environment != NULL && *environment != NULL; environment++) {
        struct span entry = span_from_text(*environment);
        const char *equals = memchr(entry.data, '=', entry.size);
        if (equals == NULL || !has_prefix(entry, VARIABLE_PREFIX))
            continue;
        struct span origin = span_slice(entry, 0, (size_t)(equals - entry.data));
        struct span name = span_slice(origin, strlen(VARIABLE_PREFIX), origin.size);
        struct span value = span_slice(entry, origin.size + 1, entry.size);
        if (span_equal_text(name, "CONFIG") || value.size == 0)
            continue;
        struct span key = key_of_variable(loader, name);
        if (key.size > 0)
            text_read(loader, origin, key, value);
        else
            check_variable(loader, name);
    }
}

static void load_flags(struct loader *loader, const struct config_property *flags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct span origin = arena_printf(loader->arena, "--%.*s", SPAN_PRINTF(flags[i].name));
        if (config_key_is_known(flags[i].name))
            text_read(loader, origin, flags[i].name, flags[i].value);
        else
            diag_list_add(loader->diags, origin, 0, 0, "unknown setting");
        loader->failed |= !config_key_is_known(flags[i].name);
    }
}

/* --- all together ------------------------------------------------------------------------------------- */

static bool is_loopback(struct span listen)
{
    return span_starts_with(listen, SPAN_LITERAL("127.")) ||
           span_starts_with(listen, SPAN_LITERAL("[::1]:")) ||
           span_starts_with(listen, SPAN_LITERAL("localhost:"));
}

static void complain(struct loader *loader, const char *text)
{
    diag_list_add(loader->diags, loader->config->path, 0, 0, "%s", text);
    loader->failed = true;
}

/* As the topic PREFIXevents is read. */
static bool is_plain(const struct config_source *source)
{
    bool plain = source->kind == CONFIG_SOURCE_EVENTS && source->mapping.format == MAPPING_JSON;
    for (int i = 0; i < MAPPING_FIELD_COUNT; i++)
        plain &= !source->mapping.fields[i].given;
    return plain;
}

/* The topic PREFIXevents may be named as what it is anyway. */
static void drop_own_source(struct loader *loader)
{
    struct config *config = loader->config;
    struct span own = config->events.topic;
    struct config_source *kept = ARENA_ARRAY(loader->arena, struct config_source, config->source_count);
    size_t count = 0;
    for (size_t i = 0; i < config->source_count; i++)
        if (!span_equal(config->sources[i].topic, own) || !is_plain(&config->sources[i]))
            kept[count++] = config->sources[i];
    config->sources = kept;
    config->source_count = count;
}

/* What Declic writes for itself is no source; of a source that is the dead-letter topic each refused record
 * would come back for ever. */
static void check_source_topic(struct loader *loader, struct span topic)
{
    static const char *const own[] = {"journal", "campaigns", "dlq"};
    if (span_equal(topic, loader->config->events.topic))
        complain(loader,
                 arena_printf(loader->arena,
                              "`sources`: the topic %.*s is always read, as JSON with the default mapping; "
                              "leave it out",
                              SPAN_PRINTF(topic))
                     .data);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (span_equal(topic, config_topic(loader->config, own[i], loader->arena)))
            complain(loader,
                     arena_printf(loader->arena,
                                  "`sources`: the topic %.*s is Declic's own and no source; leave it out",
                                  SPAN_PRINTF(topic))
                         .data);
    }
}

static void check_whole(struct loader *loader, struct span path)
{
    const struct config *config = loader->config;
    if (property_find(&loader->kafka, "bootstrap.servers") == NULL &&
        property_find(&loader->kafka, "metadata.broker.list") == NULL) {
        struct span text = arena_printf(
            loader->arena,
            "`kafka.bootstrap.servers` is not set%s%.*s%s; give the broker's address there, as "
            "DECLIC_KAFKA_BOOTSTRAP_SERVERS or as --kafka.bootstrap.servers",
            config->path.size == 0 ? " (there is no " : "", config->path.size == 0 ? (int)path.size : 0,
            path.data, config->path.size == 0 ? ")" : "");
        complain(loader, text.data);
    }
    if (!is_loopback(config->http_listen) && config->http_token_file.size == 0)
        complain(loader,
                 "`http.listen` is not a loopback address; `http.token_file` must name a file with a "
                 "bearer token then");
    drop_own_source(loader);
    for (size_t i = 0; i < config->source_count; i++) {
        check_source_topic(loader, config->sources[i].topic);
        if (config->sources[i].mapping.format == MAPPING_AVRO && config->registry_url.size == 0)
            complain(loader, "`registry.url` is not set; a source in the format avro needs it (or "
                             "avro_single_object, which needs none)");
    }
}

static void events_source_make(struct config *config, struct arena *arena)
{
    const struct mapping_spec json = {.format = MAPPING_JSON};
    config->events = (struct config_source){.topic = config_topic(config, "events", arena)};
    enum err error = mapping_compile(&json, arena, &config->events.mapping, NULL);
    assert(error == ERR_OK); /* the format's own places */
}

static const char *variable_value(const char *const *environment, const char *name)
{
    size_t size = strlen(name);
    for (; environment != NULL && *environment != NULL; environment++) {
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=' &&
            (*environment)[size + 1] != '\0')
            return *environment + size + 1;
    }
    return NULL;
}

enum err config_load(const struct config_input *input, struct arena *arena, struct config **config,
                     struct diag_list *diags)
{
    struct loader loader = {.arena = arena, .diags = diags, .config = ARENA_NEW(arena, struct config)};
    const char *path =
        input->path != NULL ? input->path : variable_value(input->environment, "DECLIC_CONFIG");
    bool may_be_missing = path == NULL;
    if (path == NULL)
        path = DEFAULT_PATH;
    *config = NULL;
    settings_default(&loader);
    enum err error = load_file(&loader, span_from_text(path), may_be_missing);
    if (error != ERR_OK)
        return error;
    load_environment(&loader, input->environment);
    load_flags(&loader, input->flags, input->flag_count);
    events_source_make(loader.config, arena);
    if (!loader.failed)
        check_whole(&loader, span_from_text(path));
    property_sort(&loader.kafka);
    property_sort(&loader.outbound_topics);
    loader.config->kafka = loader.kafka.items;
    loader.config->kafka_count = loader.kafka.count;
    loader.config->outbound_topics = loader.outbound_topics.items;
    loader.config->outbound_topic_count = loader.outbound_topics.count;
    *config = loader.failed ? NULL : loader.config;
    return loader.failed ? ERR_INVALID : ERR_OK;
}

struct span config_topic(const struct config *config, const char *name, struct arena *arena)
{
    return arena_printf(arena, "%.*s%s", SPAN_PRINTF(config->topics_prefix), name);
}

struct span config_outbound_topic(const struct config *config, struct span channel, struct arena *arena)
{
    for (size_t i = 0; i < config->outbound_topic_count; i++) {
        if (span_equal(config->outbound_topics[i].name, channel))
            return config->outbound_topics[i].value;
    }
    return arena_printf(arena, "%.*sout.%.*s", SPAN_PRINTF(config->topics_prefix), SPAN_PRINTF(channel));
}
