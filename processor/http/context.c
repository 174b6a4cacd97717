#include "http/context.h"

#include <time.h>

#include "app/own_topics.h"
#include "app/system_clock.h"

#define PUBLISH_MS 5000
#define TURN_S 5

bool http_context_enter(pthread_mutex_t *turn)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TURN_S;
    return pthread_mutex_clocklock(turn, CLOCK_MONOTONIC, &until) == 0;
}

void http_context_leave(pthread_mutex_t *turn)
{
    pthread_mutex_unlock(turn);
}

/* The topic is a JSON source with the default places, unless the configuration says otherwise. */
static enum err events_mapping(struct http_context *context, struct span topic, struct diag *diag)
{
    const struct config *config = context->config;
    for (size_t i = 0; i < config->source_count; i++) {
        if (span_equal(config->sources[i].topic, topic)) {
            context->events_mapping = config->sources[i].mapping;
            return ERR_OK;
        }
    }
    const struct mapping_spec plain = {.format = MAPPING_JSON};
    return mapping_compile(&plain, &context->arena, &context->events_mapping, diag);
}

enum err http_context_open(struct http_context *context, const struct config *config, const struct log *log,
                           struct process *process, struct diag *diag)
{
    *context = (struct http_context){.config = config, .log = log, .process = process};
    arena_init(&context->arena, 0);
    pthread_mutex_init(&context->applying, NULL);
    pthread_mutex_init(&context->simulating, NULL);
    context->limits = (struct record_limits){.record_bytes = config->limits_record,
                                             .attributes = {.string_bytes = config->limits_string,
                                                            .entries = config->limits_entries,
                                                            .depth = config->limits_depth}};
    struct kafka_properties properties = own_kafka_properties(config, &context->arena);
    struct span topic = config_topic(config, "events", &context->arena);
    struct kafka_publisher_options options = {
        .properties = &properties,
        .log = log,
        .topic = topic.data,
        .name = arena_printf(&context->arena, "%.*shttp", SPAN_PRINTF(config->topics_prefix)).data,
        .timeout_ms = PUBLISH_MS,
    };
    enum err error = events_mapping(context, topic, diag);
    return error == ERR_OK ? kafka_publisher_open(&options, &context->events, diag) : error;
}

void http_context_close(struct http_context *context)
{
    kafka_publisher_close(context->events);
    pthread_mutex_destroy(&context->applying);
    pthread_mutex_destroy(&context->simulating);
    arena_destroy(&context->arena);
}
