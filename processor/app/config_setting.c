/* Plain settings: the table of config.def and its types. */
#include <assert.h>

#include "app/config_internal.h"
#include "base/duration.h"
#include "codec/yaml_scalar.h"

enum setting_type { TYPE_TEXT, TYPE_PATH, TYPE_COUNT, TYPE_SIZE, TYPE_DURATION, TYPE_CHOICE };

static const struct config_setting settings[] = {
#define CONFIG(field, key, type, default_, allowed, help) {key, #type, default_, allowed, help},
#include "app/config.def"
#undef CONFIG
};
enum { SETTING_COUNT = sizeof settings / sizeof *settings };

static const struct {
    enum setting_type type;
    size_t offset;
} places[SETTING_COUNT] = {
#define CONFIG(field, key, type, default_, allowed, help) {TYPE_##type, offsetof(struct config, field)},
#include "app/config.def"
#undef CONFIG
};

const struct config_setting *config_settings(size_t *count)
{
    *count = SETTING_COUNT;
    return settings;
}

/* "least-most" cut in two; an empty end means no bound. */
struct bounds {
    struct span least, most;
};

static struct bounds bounds_of(const char *allowed)
{
    struct span text = span_from_text(allowed);
    for (size_t at = 0; at < text.size; at++) {
        if (text.data[at] == '-')
            return (struct bounds){span_slice(text, 0, at), span_slice(text, at + 1, text.size)};
    }
    return (struct bounds){text, SPAN_LITERAL("")};
}

/* Whole numbers with an optional unit of bytes: 65536, 64KiB, 1MiB. */
static bool parse_size(struct span text, int64_t *bytes)
{
    static const struct {
        const char *name;
        int64_t bytes;
    } units[] = {{"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"kB", 1000}, {"MB", 1000000}};
    size_t at = 0;
    int64_t number = 0;
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
        if (number > INT32_MAX)
            return false;
        number = number * 10 + (text.data[at] - '0');
    }
    for (size_t i = 0; at > 0 && i < sizeof units / sizeof *units; i++) {
        if (span_equal_text(span_slice(text, at, text.size), units[i].name)) {
            *bytes = number * units[i].bytes;
            return true;
        }
    }
    return false;
}

static int64_t parse_bound(struct span text, int64_t otherwise, bool is_duration)
{
    int64_t value = otherwise;
    if (text.size > 0 && is_duration && duration_parse_ms(text, &value) != ERR_OK)
        return otherwise;
    if (text.size > 0 && !is_duration && !parse_size(text, &value))
        return otherwise;
    return value;
}

static void read_count(struct form *form, const struct yaml_node *node,
                       const struct config_setting *setting, uint32_t *count)
{
    struct bounds bounds = bounds_of(setting->allowed);
    int64_t value;
    if (form_int(form, node, setting->key, parse_bound(bounds.least, 0, false),
                 parse_bound(bounds.most, INT32_MAX, false), &value))
        *count = (uint32_t)value;
}

static void read_size(struct form *form, const struct yaml_node *node, const struct config_setting *setting,
                      uint32_t *size)
{
    struct bounds bounds = bounds_of(setting->allowed);
    struct span text = SPAN_LITERAL("");
    int64_t bytes = -1;
    bool fits = node->kind != YAML_LIST && node->kind != YAML_MAP;
    if (fits)
        text = node->text;
    if (fits && parse_size(text, &bytes) && bytes >= parse_bound(bounds.least, 0, false) &&
        bytes <= parse_bound(bounds.most, INT32_MAX, false)) {
        *size = (uint32_t)bytes;
        return;
    }
    struct span what = arena_printf(form->arena, "a size such as 64KiB, from %.*s to %.*s",
                                    SPAN_PRINTF(bounds.least), SPAN_PRINTF(bounds.most));
    form_expected(form, node, setting->key, what.data);
}

static void read_duration(struct form *form, const struct yaml_node *node,
                          const struct config_setting *setting, int64_t *ms)
{
    struct bounds bounds = bounds_of(setting->allowed);
    int64_t value, least = parse_bound(bounds.least, 0, true),
                   most = parse_bound(bounds.most, FORM_MAX_DURATION_MS, true);
    if (!form_duration(form, node, setting->key, 0, &value))
        return;
    if (value >= least && value <= most) {
        *ms = value;
        return;
    }
    struct span what =
        arena_printf(form->arena, "a duration of at least %.*s%s%.*s", SPAN_PRINTF(bounds.least),
                     bounds.most.size > 0 ? " and at most " : "", SPAN_PRINTF(bounds.most));
    form_expected(form, node, setting->key, what.data);
}

static void read_choice(struct form *form, const struct yaml_node *node,
                        const struct config_setting *setting, int *choice)
{
    enum { MAX_CHOICES = 8 };
    const char *choices[MAX_CHOICES + 1] = {NULL};
    struct span allowed = span_from_text(setting->allowed);
    size_t count = 0, start = 0;
    for (size_t at = 0; at <= allowed.size; at++) {
        if (at < allowed.size && allowed.data[at] != '|')
            continue;
        assert(count < MAX_CHOICES);
        choices[count++] = arena_copy(form->arena, span_slice(allowed, start, at)).data;
        start = at + 1;
    }
    form_choice(form, node, setting->key, choices, choice);
}

/* --- what the type does not tell -------------------------------------------------------------------- */

static void check_redis_url(struct form *form, const struct yaml_node *node, struct span url)
{
    if (!span_starts_with(url, SPAN_LITERAL("redis://")) &&
        !span_starts_with(url, SPAN_LITERAL("rediss://")) &&
        !span_starts_with(url, SPAN_LITERAL("unix://")))
        form_error(form, node,
                   "`redis.url`: expected a URL that begins with redis://, rediss:// or unix://");
}

static void check_listen(struct form *form, const struct yaml_node *node, struct span listen)
{
    size_t colon = listen.size;
    while (colon > 0 && listen.data[colon - 1] != ':')
        colon--;
    struct span port = span_slice(listen, colon, listen.size);
    int64_t number = 0;
    bool fits = colon > 1 && name_fits(port, "0-9", 5) && parse_size(port, &number) && number <= 65535;
    if (!fits)
        form_expected(form, node, "http.listen",
                      "an address and port such as 127.0.0.1:8080 or [::1]:8080");
}

static void check_text(struct form *form, const struct yaml_node *node,
                       const struct config_setting *setting, struct span text)
{
    if (strcmp(setting->key, "redis.url") == 0)
        check_redis_url(form, node, text);
    else if (strcmp(setting->key, "http.listen") == 0)
        check_listen(form, node, text);
    else if (strcmp(setting->key, "topics.prefix") == 0 && !name_fits(text, "A-Za-z0-9._-", 100))
        form_expected(form, node, setting->key, "1 to 100 letters, digits, dots, underscores and hyphens");
    else if (strcmp(setting->key, "registry.url") == 0 && text.size > 0 &&
             !span_starts_with(text, SPAN_LITERAL("http://")) &&
             !span_starts_with(text, SPAN_LITERAL("https://")))
        form_expected(form, node, setting->key, "a URL that begins with http:// or https://");
}

static void read_text(struct loader *loader, struct form *form, const struct yaml_node *node,
                      const struct config_setting *setting, bool is_path, struct span *text)
{
    struct span value;
    if (!form_text(form, node, setting->key, is_path ? "a path" : "text", &value))
        return;
    *text = is_path ? loader_path(loader, value) : arena_copy(loader->arena, value);
    check_text(form, node, setting, *text);
}

void setting_read(struct loader *loader, struct form *form, const struct yaml_node *node, size_t index)
{
    const struct config_setting *setting = &settings[index];
    char *place = (char *)loader->config + places[index].offset;
    switch (places[index].type) {
    case TYPE_TEXT:
    case TYPE_PATH:
        read_text(loader, form, node, setting, places[index].type == TYPE_PATH,
                  (struct span *)(void *)place);
        break;
    case TYPE_COUNT:
        read_count(form, node, setting, (uint32_t *)(void *)place);
        break;
    case TYPE_SIZE:
        read_size(form, node, setting, (uint32_t *)(void *)place);
        break;
    case TYPE_DURATION:
        read_duration(form, node, setting, (int64_t *)(void *)place);
        break;
    case TYPE_CHOICE:
        read_choice(form, node, setting, (int *)(void *)place);
        break;
    }
}

void settings_default(struct loader *loader)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct form form = {.arena = loader->arena, .diags = loader->diags};
        struct yaml_node node = {.text = span_from_text(settings[i].default_text)};
        if (node.text.size == 0)
            continue;
        enum err error = yaml_scalar_resolve(&node, NULL);
        setting_read(loader, &form, &node, i);
        assert(error == ERR_OK && form.errors == 0);
        (void)error;
    }
}
