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
    struct kafka_publisher_options options = {
        .properties = &properties,
        .log = log,
        .topic = config->events.topic.data,
        .name = arena_printf(&context->arena, "%.*shttp", SPAN_PRINTF(config->topics_prefix)).data,
        .timeout_ms = PUBLISH_MS,
    };
    return kafka_publisher_open(&options, &context->events, diag);
}

void http_context_close(struct http_context *context)
{
    kafka_publisher_close(context->events);
    pthread_mutex_destroy(&context->applying);
    pthread_mutex_destroy(&context->simulating);
    arena_destroy(&context->arena);
}
