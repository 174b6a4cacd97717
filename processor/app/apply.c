#include "app/apply.h"

#include <inttypes.h>
#include <stdlib.h>

#include "app/journal_control.h"
#include "app/own_topics.h"
#include "base/memory.h"
#include "kafka/kafka_exclusive.h"
#include "kafka/kafka_log.h"

/* A control record has to fit a journal block with room for the rest. */
#define DEFINITION_MAX_BYTES (900 * 1000)

struct apply {
    const struct config *config;
    const struct log *log;
    int timeout_ms;
    struct arena arena;
    struct span topic; /* NUL-terminated */
    struct kafka_properties properties;
    struct kafka_exclusive *exclusive;
    struct journal_control *journal;
    const struct campaign_log *campaigns;
};

/* ---- reading ---- */

static enum err fold_until(struct kafka_log *topic, int64_t end, int timeout_ms,
                           struct campaign_log_builder *builder, const struct log *log, struct diag *diag)
{
    int64_t until_us = kafka_now_us() + (int64_t)timeout_ms * 1000;
    while (kafka_log_position(topic) < end) {
        struct kafka_log_record record;
        struct diag why = {0};
        if (kafka_log_next(topic, 100, &record) != ERR_OK) {
            if (kafka_now_us() > until_us)
                return diag_set(diag, ERR_TIMEOUT, 0, 0, "the campaigns topic cannot be read to its end");
            continue;
        }
        if (record.offset >= end) /* the beginning of a transaction that was committed meanwhile */
            break;
        struct span snippets = {0};
        for (size_t i = 0; i < record.header_count; i++)
            if (strcmp(record.headers[i].name, CAMPAIGN_LOG_SNIPPETS) == 0)
                snippets = record.headers[i].value;
        if (campaign_log_builder_add(builder, record.key, record.has_value, record.value, snippets, &why) !=
                ERR_OK &&
            log != NULL)
            log_line(log, LOG_WARN, "A record of the campaigns topic is passed over",
                     log_number("offset", record.offset), log_text("why", why.text));
    }
    return ERR_OK;
}

/* Texts of the log that came out are copied: the builder goes. */
static const struct campaign_log *log_copy(const struct campaign_log_builder *builder, struct arena *arena)
{
    struct campaign_log *log = campaign_log_build(builder, arena);
    struct campaign_item *items = ARENA_ARRAY(arena, struct campaign_item, log->count + 1);
    if (log->count > 0)
        memcpy(items, log->items, log->count * sizeof(*items));
    items[log->count] = log->policy;
    for (size_t i = 0; i <= log->count; i++) {
        struct campaign_version *versions =
            ARENA_ARRAY(arena, struct campaign_version, items[i].version_count);
        for (size_t v = 0; v < items[i].version_count; v++) {
            versions[v] = items[i].versions[v];
            versions[v].definition.text = arena_copy(arena, versions[v].definition.text);
            versions[v].definition.snippets = arena_copy(arena, versions[v].definition.snippets);
        }
        items[i].versions = versions;
        items[i].id = arena_copy(arena, items[i].id);
        items[i].option = arena_copy(arena, items[i].option);
    }
    log->items = items;
    log->policy = items[log->count];
    return log;
}

static enum err topic_read(const struct kafka_properties *properties, struct span topic,
                           const struct log *log, int timeout_ms, struct arena *arena,
                           const struct campaign_log **campaigns, struct diag *diag)
{
    struct kafka_log *reader;
    struct kafka_log_options options = {
        .properties = properties, .log = log, .topic = topic.data, .committed = true};
    int64_t end;
    enum err error = kafka_log_open(&options, &reader, diag);
    if (error != ERR_OK)
        return error;
    struct campaign_log_builder *builder = campaign_log_builder_new();
    error = kafka_log_end(reader, timeout_ms, NULL, &end, diag);
    if (error == ERR_OK)
        error = fold_until(reader, end, timeout_ms, builder, log, diag);
    if (error == ERR_OK)
        *campaigns = log_copy(builder, arena);
    campaign_log_builder_free(builder);
    kafka_log_close(reader);
    return error;
}

enum err apply_read(const struct config *config, const struct log *log, int timeout_ms, struct arena *arena,
                    const struct campaign_log **campaigns, struct diag *diag)
{
    struct kafka_properties properties = own_kafka_properties(config, arena);
    return topic_read(&properties, config_topic(config, "campaigns", arena), log, timeout_ms, arena,
                      campaigns, diag);
}

enum err apply_open(const struct config *config, const struct log *log, int timeout_ms,
                    struct apply **apply, struct diag *diag)
{
    struct apply *a = memory_checked(calloc(1, sizeof(*a)));
    arena_init(&a->arena, 0);
    a->config = config;
    a->log = log;
    a->timeout_ms = timeout_ms;
    a->properties = own_kafka_properties(config, &a->arena);
    a->topic = config_topic(config, "campaigns", &a->arena);
    struct span id = arena_printf(&a->arena, "%.*sapply", SPAN_PRINTF(config->topics_prefix));
    enum err error = journal_control_open(config, log, timeout_ms, &a->journal, diag);
    if (error == ERR_OK)
        error = kafka_exclusive_open(&a->properties, log, id.data, timeout_ms, &a->exclusive, diag);
    if (error == ERR_OK)
        error = topic_read(&a->properties, a->topic, log, timeout_ms, &a->arena, &a->campaigns, diag);
    if (error != ERR_OK)
        apply_close(a);
    else
        *apply = a;
    return error;
}

void apply_close(struct apply *apply)
{
    if (apply == NULL)
        return;
    journal_control_close(apply->journal);
    kafka_exclusive_close(apply->exclusive);
    arena_destroy(&apply->arena);
    free(apply);
}

const struct campaign_log *apply_log(const struct apply *apply)
{
    return apply->campaigns;
}

/* ---- writing ---- */

static struct span written(void (*write)(struct buf *, const struct campaign_item *),
                           const struct campaign_item *item, struct arena *arena)
{
    struct buf buf = {0};
    write(&buf, item);
    struct span text = arena_copy(arena, buf_span(&buf));
    buf_free(&buf);
    return text;
}

static void write_definition_key(struct buf *buf, const struct campaign_item *item)
{
    campaign_log_write_definition_key(buf, item->id, item->version);
}

static void write_state_key(struct buf *buf, const struct campaign_item *item)
{
    campaign_log_write_state_key(buf, item->id);
}

struct records {
    struct kafka_exclusive_record *list;
    size_t count;
};

static void add_state(struct records *records, const struct campaign_item *item, struct arena *arena)
{
    records->list[records->count++] =
        (struct kafka_exclusive_record){.key = written(write_state_key, item, arena),
                                        .value = written(campaign_log_write_state, item, arena)};
}

static void add_definition(struct records *records, const struct campaign_item *item, struct arena *arena)
{
    const struct campaign_definition *definition = campaign_item_definition(item, item->version);
    records->list[records->count++] = (struct kafka_exclusive_record){
        .key = written(write_definition_key, item, arena),
        .value = definition->text,
        .header_name = definition->snippets.size > 0 ? CAMPAIGN_LOG_SNIPPETS : NULL,
        .header_value = definition->snippets,
    };
}

static bool is_definition(const struct campaign_item *item)
{
    return item->control == CONTROL_CAMPAIGN || item->control == CONTROL_POLICY;
}

/* The states of these items, and where `with_definitions` their definitions first, as one transaction. */
static enum err topic_write(struct apply *apply, const struct campaign_item *items, size_t count,
                            bool with_definitions, struct diag *diag)
{
    struct arena *arena = &apply->arena;
    struct records records = {ARENA_ARRAY(arena, struct kafka_exclusive_record, 2 * count), 0};
    for (size_t i = 0; i < count; i++) {
        if (with_definitions && is_definition(&items[i]))
            add_definition(&records, &items[i], arena);
        add_state(&records, &items[i], arena);
    }
    enum err error = kafka_exclusive_write(apply->exclusive, apply->topic.data, records.list, records.count,
                                           apply->timeout_ms, diag);
    if (error == ERR_FENCED)
        (void)diag_set(diag, error, 0, 0,
                       "somebody else began to change campaigns meanwhile; nothing of this was written");
    return error;
}

/* Steps two and three, for items whose state is `applying`. */
static enum err items_finish(struct apply *apply, struct campaign_item *items, size_t count,
                             struct diag *diag)
{
    struct control *controls = ARENA_ARRAY(&apply->arena, struct control, count);
    for (size_t i = 0; i < count; i++)
        controls[i] = campaign_item_control(&items[i]);
    enum err error = journal_control_write(apply->journal, controls, count, diag);
    if (error != ERR_OK)
        return error;
    for (size_t i = 0; i < count; i++)
        items[i].applied = true;
    error = topic_write(apply, items, count, false, diag);
    if (error == ERR_FENCED) /* who came after us repeats them as well as we did */
        error = ERR_OK;
    return error;
}

static enum err unfinished_finish(struct apply *apply, struct diag *diag)
{
    const struct campaign_log *log = apply->campaigns;
    size_t count = 0;
    struct campaign_item *items =
        ARENA_ARRAY(&apply->arena, struct campaign_item, change_unfinished_count(log) + 1);
    if (log->policy.version != 0 && !log->policy.applied)
        items[count++] = log->policy;
    for (size_t i = 0; i < log->count; i++)
        if (log->items[i].version != 0 && !log->items[i].applied)
            items[count++] = log->items[i];
    return count == 0 ? ERR_OK : items_finish(apply, items, count, diag);
}

static enum err definition_check(const struct campaign_item *item, struct diag *diag)
{
    const struct campaign_definition *definition = campaign_item_definition(item, item->version);
    if (definition == NULL || definition->text.size + definition->snippets.size <= DEFINITION_MAX_BYTES)
        return ERR_OK;
    return diag_set(diag, ERR_LIMIT, 0, 0, "\"%.*s\" is larger than %d bytes with its snippets",
                    SPAN_PRINTF(item->id), DEFINITION_MAX_BYTES);
}

enum err apply_write(struct apply *apply, const struct change *changes, size_t count, struct diag *diag)
{
    struct campaign_item *items = ARENA_ARRAY(&apply->arena, struct campaign_item, count);
    size_t changed = 0;
    enum err error = ERR_OK;
    for (size_t i = 0; error == ERR_OK && i < count; i++) {
        if (changes[i].action == CHANGE_NONE)
            continue;
        items[changed++] = changes[i].item;
        error = definition_check(&changes[i].item, diag);
    }
    if (error == ERR_OK)
        error = unfinished_finish(apply, diag);
    if (error != ERR_OK || changed == 0)
        return error;
    error = topic_write(apply, items, changed, true, diag);
    return error == ERR_OK ? items_finish(apply, items, changed, diag) : error;
}

enum err apply_erase(const struct config *config, const struct log *log, struct span user, int64_t at_ms,
                     int timeout_ms, struct diag *diag)
{
    struct journal_control *journal;
    enum err error = journal_control_open(config, log, timeout_ms, &journal, diag);
    if (error != ERR_OK)
        return error;
    struct control control = {
        .kind = CONTROL_ERASE, .id = user, .sequence = (uint64_t)at_ms, .at_ms = at_ms};
    error = journal_control_write(journal, &control, 1, diag);
    journal_control_close(journal);
    return error;
}
