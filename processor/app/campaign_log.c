#include "app/campaign_log.h"

#include <stdlib.h>

#include "base/civil.h"
#include "base/memory.h"
#include "codec/json.h"

static const char *const status_names[] = {"active", "paused", "archived"};
/* By enum control_kind; the others never stand in a state. */
static const char *const control_names[] = {NULL, "campaign", "policy", "pause", "resume", "archive"};

#define NAME_COUNT(names) (sizeof(names) / sizeof(*(names)))

/* An item as it grows: `item.versions` is not used before campaign_log_build. */
struct building {
    struct campaign_item item;
    struct campaign_version *versions; /* by version */
    size_t count, capacity;
};

struct campaign_log_builder {
    struct arena arena; /* texts, and arrays that were outgrown */
    struct building *items;
    size_t count, capacity;
    struct building policy;
};

struct campaign_log_builder *campaign_log_builder_new(void)
{
    struct campaign_log_builder *builder = memory_checked(calloc(1, sizeof(*builder)));
    arena_init(&builder->arena, 0);
    return builder;
}

void campaign_log_builder_free(struct campaign_log_builder *builder)
{
    if (builder == NULL)
        return;
    arena_destroy(&builder->arena);
    free(builder);
}

/* The place of `id` in order; *found says whether it is there. */
static size_t item_place(const struct campaign_log_builder *builder, struct span id, bool *found)
{
    size_t low = 0, high = builder->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(builder->items[middle].item.id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < builder->count && span_equal(builder->items[low].item.id, id);
    return low;
}

static struct building *item_of(struct campaign_log_builder *builder, bool is_policy, struct span id)
{
    if (is_policy)
        return &builder->policy;
    bool found;
    size_t place = item_place(builder, id, &found);
    if (!found) {
        ARENA_PUSH(&builder->arena, &builder->items, &builder->count, &builder->capacity);
        memmove(&builder->items[place + 1], &builder->items[place],
                (builder->count - 1 - place) * sizeof(*builder->items));
        builder->items[place] = (struct building){.item.id = arena_copy(&builder->arena, id)};
    }
    return &builder->items[place];
}

static size_t version_place(const struct building *building, uint32_t version)
{
    size_t place = building->count;
    while (place > 0 && building->versions[place - 1].version >= version)
        place--;
    return place;
}

static void version_set(struct campaign_log_builder *builder, struct building *building, uint32_t version,
                        bool present, struct span text, struct span snippets)
{
    size_t place = version_place(building, version);
    bool found = place < building->count && building->versions[place].version == version;
    if (!present) {
        if (found) {
            building->count--;
            memmove(&building->versions[place], &building->versions[place + 1],
                    (building->count - place) * sizeof(*building->versions));
        }
        return;
    }
    if (!found) {
        ARENA_PUSH(&builder->arena, &building->versions, &building->count, &building->capacity);
        memmove(&building->versions[place + 1], &building->versions[place],
                (building->count - 1 - place) * sizeof(*building->versions));
    }
    building->versions[place] = (struct campaign_version){
        version, {arena_copy(&builder->arena, text), arena_copy(&builder->arena, snippets)}};
}

static bool name_find(struct value value, const char *const *names, size_t count, int *index)
{
    for (size_t i = 0; i < count; i++)
        if (names[i] != NULL && span_equal_text(value_span(value), names[i])) {
            *index = (int)i;
            return true;
        }
    return false;
}

static const struct value *member(struct value map, const char *name, enum value_kind kind)
{
    const struct value *found = value_member_find(map, span_from_text(name));
    return found != NULL && found->kind == kind ? found : NULL;
}

/* Fills what a state says; false when it is no state. */
static bool state_read(struct value map, struct campaign_item *item)
{
    if (map.kind != VALUE_MAP)
        return false;
    const struct value *version = member(map, "version", VALUE_INT);
    const struct value *sequence = member(map, "sequence", VALUE_INT);
    const struct value *status = member(map, "status", VALUE_STRING);
    const struct value *control = member(map, "control", VALUE_STRING);
    const struct value *stage = member(map, "stage", VALUE_STRING);
    const struct value *option = member(map, "option", VALUE_STRING);
    const struct value *at = member(map, "at", VALUE_STRING);
    int status_index, control_index;
    if (version == NULL || sequence == NULL || status == NULL || control == NULL || stage == NULL ||
        version->integer < 1 || version->integer > UINT32_MAX || sequence->integer < 1 ||
        !name_find(*status, status_names, NAME_COUNT(status_names), &status_index) ||
        !name_find(*control, control_names, NAME_COUNT(control_names), &control_index))
        return false;
    int64_t seconds = 0;
    uint32_t nanos = 0;
    if (at != NULL && civil_parse_rfc3339(value_span(*at), &seconds, &nanos) != ERR_OK)
        return false;
    item->version = (uint32_t)version->integer;
    item->sequence = (uint64_t)sequence->integer;
    item->status = (enum campaign_status)status_index;
    item->control = (enum control_kind)control_index;
    item->applied = span_equal_text(value_span(*stage), "applied");
    item->option = option == NULL ? (struct span){0} : value_span(*option);
    item->at_ms = seconds * 1000 + nanos / 1000000;
    return true;
}

static enum err state_set(struct campaign_log_builder *builder, bool is_policy, struct span id,
                          bool has_value, struct span value, struct diag *diag)
{
    struct campaign_item read = {0};
    if (has_value) {
        struct value map;
        enum err error = json_parse(value, NULL, &builder->arena, &map, diag);
        if (error != ERR_OK || !state_read(map, &read))
            return diag_set(diag, ERR_INVALID, 0, 0, "the state of \"%.*s\" cannot be read",
                            SPAN_PRINTF(id));
        read.option = arena_copy(&builder->arena, read.option);
    }
    struct campaign_item *item = &item_of(builder, is_policy, id)->item;
    read.id = item->id;
    *item = read;
    return ERR_OK;
}

/* What a key names; ERR_INVALID when it is none of ours. *version is 0 for a state. */
static enum err key_read(struct span key, bool *is_policy, struct span *id, uint32_t *version)
{
    struct span campaign = SPAN_LITERAL("campaign/"), policy = SPAN_LITERAL("policy");
    *is_policy = false;
    *version = 0;
    if (span_starts_with(key, campaign))
        *id = span_slice(key, campaign.size, key.size);
    else if (span_starts_with(key, policy)) {
        *is_policy = true;
        *id = span_slice(key, policy.size, key.size);
    } else
        return ERR_INVALID;
    const char *at = id->size == 0 ? NULL : memchr(id->data, '@', id->size);
    if (at != NULL) {
        uint64_t number = 0;
        for (const char *digit = at + 1; digit < id->data + id->size; digit++) {
            if (*digit < '0' || *digit > '9' || number > UINT32_MAX)
                return ERR_INVALID;
            number = number * 10 + (uint64_t)(*digit - '0');
        }
        if (number == 0 || number > UINT32_MAX)
            return ERR_INVALID;
        *version = (uint32_t)number;
        id->size = (size_t)(at - id->data);
    }
    return (id->size == 0) == *is_policy ? ERR_OK : ERR_INVALID;
}

enum err campaign_log_builder_add(struct campaign_log_builder *builder, struct span key, bool has_value,
                                  struct span value, struct span snippets, struct diag *diag)
{
    bool is_policy;
    struct span id;
    uint32_t version;
    if (key_read(key, &is_policy, &id, &version) != ERR_OK)
        return diag_set(diag, ERR_INVALID, 0, 0, "the key \"%.*s\" is not known", SPAN_PRINTF(key));
    if (version == 0)
        return state_set(builder, is_policy, id, has_value, value, diag);
    version_set(builder, item_of(builder, is_policy, id), version, has_value, value, snippets);
    return ERR_OK;
}

static struct campaign_item item_build(const struct building *building, struct arena *arena)
{
    struct campaign_item item = building->item;
    struct campaign_version *versions = ARENA_ARRAY(arena, struct campaign_version, building->count);
    if (building->count > 0)
        memcpy(versions, building->versions, building->count * sizeof(*versions));
    item.versions = versions;
    item.version_count = building->count;
    return item;
}

struct campaign_log *campaign_log_build(const struct campaign_log_builder *builder, struct arena *arena)
{
    struct campaign_log *log = ARENA_NEW(arena, struct campaign_log);
    struct campaign_item *items = ARENA_ARRAY(arena, struct campaign_item, builder->count);
    for (size_t i = 0; i < builder->count; i++) {
        struct campaign_item item = item_build(&builder->items[i], arena);
        if (item.version != 0 || item.version_count != 0)
            items[log->count++] = item;
    }
    log->items = items;
    log->policy = item_build(&builder->policy, arena);
    return log;
}

const struct campaign_item *campaign_log_find(const struct campaign_log *log, struct span id)
{
    if (id.size == 0)
        return log->policy.version == 0 && log->policy.version_count == 0 ? NULL : &log->policy;
    size_t low = 0, high = log->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(log->items[middle].id, id);
        if (order == 0)
            return &log->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct campaign_definition *campaign_item_definition(const struct campaign_item *item,
                                                           uint32_t version)
{
    for (size_t i = item->version_count; i-- > 0;)
        if (item->versions[i].version == version)
            return &item->versions[i].definition;
    return NULL;
}

uint32_t campaign_item_last_version(const struct campaign_item *item)
{
    uint32_t last = item->version;
    if (item->version_count > 0 && item->versions[item->version_count - 1].version > last)
        last = item->versions[item->version_count - 1].version;
    return last;
}

const char *campaign_status_name(enum campaign_status status)
{
    return status_names[status];
}

void campaign_log_write_definition_key(struct buf *buf, struct span id, uint32_t version)
{
    campaign_log_write_state_key(buf, id);
    buf_printf(buf, "@%u", version);
}

void campaign_log_write_state_key(struct buf *buf, struct span id)
{
    if (id.size == 0)
        buf_append_text(buf, "policy");
    else
        buf_printf(buf, "campaign/%.*s", SPAN_PRINTF(id));
}

void campaign_log_write_state(struct buf *buf, const struct campaign_item *item)
{
    buf_printf(buf,
               "{\"version\":%u,\"status\":\"%s\",\"sequence\":%llu,\"control\":\"%s\",\"stage\":\"%s\"",
               item->version, status_names[item->status], (unsigned long long)item->sequence,
               control_names[item->control], item->applied ? "applied" : "applying");
    if (item->option.size > 0) {
        buf_append_text(buf, ",\"option\":");
        json_write_string(buf, item->option);
    }
    buf_append_text(buf, ",\"at\":");
    json_write_time(buf, item->at_ms);
    buf_append_byte(buf, '}');
}

struct control campaign_item_control(const struct campaign_item *item)
{
    struct control control = {.kind = item->control,
                              .id = item->id,
                              .version = item->version,
                              .sequence = item->sequence,
                              .option = item->option,
                              .at_ms = item->at_ms};
    const struct campaign_definition *definition = campaign_item_definition(item, item->version);
    if (definition != NULL && (item->control == CONTROL_CAMPAIGN || item->control == CONTROL_POLICY)) {
        control.definition = definition->text;
        control.snippets = definition->snippets;
    }
    return control;
}
