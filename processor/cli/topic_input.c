#include "cli/topic_input.h"

#include "app/own_topics.h"
#include "cli/service.h"
#include "kafka/kafka_log.h"
#include "kafka/schema_registry.h"

#define QUEUE_KBYTES "4096" /* a partition: there may be many */
#define POLL_MS 100

/* One partition, with the record that comes next in it. */
struct lane {
    const struct config_source *source;
    int32_t partition;
    struct kafka_log *log;
    int64_t begin, end;
    bool has_record;
    struct kafka_log_record record;
};

struct topic_input {
    const struct config *config;
    struct kafka_properties properties;
    struct arena *arena; /* of the caller */
    struct arena batch;  /* headers of the record that was handed out */
    struct lane *lanes;
    size_t count, capacity;
    struct schema_registry *schemas; /* NULL: no source needs it */
    struct avro_registry_port schemas_port;
    struct lane *out; /* whose record was handed out last */
};

/* ---- opening ---- */

static const struct config_source *source_find(const struct config *config, struct span topic)
{
    for (size_t i = 0; i < config->source_count; i++) {
        if (span_equal(config->sources[i].topic, topic))
            return &config->sources[i];
    }
    return span_equal(topic, config->events.topic) ? &config->events : NULL;
}

static enum err lane_open(struct topic_input *input, struct lane *lane, int64_t since_ms, struct diag *diag)
{
    const struct kafka_log_options options = {.properties = &input->properties,
                                              .topic = arena_copy(input->arena, lane->source->topic).data,
                                              .partition = lane->partition,
                                              .committed = true,
                                              .queue_kbytes = QUEUE_KBYTES};
    enum err error = kafka_log_open(&options, &lane->log, diag);
    if (error == ERR_OK)
        error = kafka_log_end(lane->log, SERVICE_TIMEOUT_MS, NULL, &lane->end, diag);
    if (error == ERR_OK)
        error = kafka_log_begin_at(lane->log, since_ms, lane->end, SERVICE_TIMEOUT_MS, diag);
    lane->begin = error == ERR_OK ? kafka_log_position(lane->log) : 0;
    return error;
}

/* A source in Avro is given the Schema Registry. */
static void schemas_give(struct topic_input *input, const struct config_source **source)
{
    if ((*source)->mapping.format != MAPPING_AVRO)
        return;
    if (input->schemas == NULL)
        input->schemas = schema_registry_open(input->config->registry_url);
    input->schemas_port = schema_registry_port(input->schemas);
    struct config_source *copy = ARENA_NEW(input->arena, struct config_source);
    *copy = **source;
    copy->mapping.registry = &input->schemas_port;
    *source = copy;
}

static enum err topic_open(struct topic_input *input, struct span topic, int64_t since_ms,
                           struct diag *diag)
{
    const struct config_source *source = source_find(input->config, topic);
    if (source == NULL)
        return diag_set(
            diag, ERR_NOT_FOUND, 0, 0,
            "`%.*s` is none of the configuration's `sources`, which say how its records are read",
            SPAN_PRINTF(topic));
    int32_t partitions = 0;
    schemas_give(input, &source);
    enum err error =
        service_partitions_count(&input->properties, source->topic, input->arena, &partitions, diag);
    for (int32_t p = 0; error == ERR_OK && p < partitions; p++) {
        struct lane *lane = ARENA_PUSH(input->arena, &input->lanes, &input->count, &input->capacity);
        *lane = (struct lane){.source = source, .partition = p};
        error = lane_open(input, lane, since_ms, diag);
    }
    return error;
}

enum err topic_input_open(const struct config *config, struct span topics, int64_t since_ms,
                          struct arena *arena, struct topic_input **input, struct diag *diag)
{
    struct topic_input *made = ARENA_NEW(arena, struct topic_input);
    made->config = config;
    made->properties = own_kafka_properties(config, arena);
    made->arena = arena;
    arena_init(&made->batch, 0);
    enum err error = ERR_OK;
    for (size_t at = 0; error == ERR_OK && at <= topics.size;) {
        size_t end = at;
        while (end < topics.size && topics.data[end] != ',')
            end++;
        error = topic_open(made, span_make(topics.data + at, end - at), since_ms, diag);
        at = end + 1;
    }
    if (error != ERR_OK) {
        topic_input_close(made);
        return error;
    }
    *input = made;
    return ERR_OK;
}

void topic_input_close(struct topic_input *input)
{
    if (input == NULL)
        return;
    for (size_t i = 0; i < input->count; i++)
        kafka_log_close(input->lanes[i].log);
    schema_registry_close(input->schemas);
    arena_destroy(&input->batch);
}

/* ---- reading ---- */

static int64_t lane_position(const struct lane *lane)
{
    int64_t position = kafka_log_position(lane->log);
    return position < lane->end ? position : lane->end;
}

void topic_input_progress(const struct topic_input *input, int64_t *total, int64_t *done)
{
    *total = *done = 0;
    for (size_t i = 0; i < input->count; i++) {
        *total += input->lanes[i].end - input->lanes[i].begin;
        *done += lane_position(&input->lanes[i]) - input->lanes[i].begin;
    }
}

/* Its next record, unless it has come to its end. */
static enum err lane_fill(struct lane *lane, struct diag *diag)
{
    int64_t until_us = kafka_now_us() + SERVICE_TIMEOUT_MS * 1000LL;
    while (!lane->has_record && kafka_log_position(lane->log) < lane->end) {
        if (kafka_log_next(lane->log, POLL_MS, &lane->record) == ERR_OK)
            lane->has_record = lane->record.offset < lane->end;
        else if (kafka_now_us() > until_us)
            return diag_set(diag, ERR_TIMEOUT, 0, 0, "the records of topic %.*s do not come",
                            SPAN_PRINTF(lane->source->topic));
    }
    return ERR_OK;
}

static void hand_out(struct topic_input *input, struct lane *lane, struct topic_input_record *record)
{
    const struct kafka_log_record *from = &lane->record;
    arena_reset(&input->batch);
    struct record_header *headers = ARENA_ARRAY(&input->batch, struct record_header, from->header_count);
    for (size_t i = 0; i < from->header_count; i++)
        headers[i] = (struct record_header){span_from_text(from->headers[i].name), from->headers[i].value};
    *record = (struct topic_input_record){
        .mapping = &lane->source->mapping,
        .profile = lane->source->kind == CONFIG_SOURCE_PROFILES,
        .record = {.topic = lane->source->topic,
                   .partition = lane->partition,
                   .offset = from->offset,
                   .timestamp_ms = from->timestamp_ms,
                   .has_value = from->has_value,
                   .value = from->value,
                   .key = from->has_key ? from->key : span_make(NULL, 0),
                   .headers = headers,
                   .header_count = from->header_count},
    };
}

enum err topic_input_next(struct topic_input *input, bool *more, struct topic_input_record *record,
                          struct diag *diag)
{
    struct lane *first = NULL;
    if (input->out != NULL)
        input->out->has_record = false;
    input->out = NULL;
    *more = false;
    for (size_t i = 0; i < input->count; i++) {
        struct lane *lane = &input->lanes[i];
        enum err error = lane_fill(lane, diag);
        if (error != ERR_OK)
            return error;
        if (lane->has_record && (first == NULL || lane->record.timestamp_ms < first->record.timestamp_ms))
            first = lane;
    }
    if (first == NULL)
        return ERR_OK;
    hand_out(input, first, record);
    input->out = first;
    *more = true;
    return ERR_OK;
}
