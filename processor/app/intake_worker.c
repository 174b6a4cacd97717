#include "app/intake_worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/intake.h"
#include "app/store_room.h"
#include "app/system_clock.h"
#include "base/thread.h"
#include "base/uuid.h"
#include "kafka/kafka_appender.h"
#include "kafka/kafka_source.h"
#include "kafka/schema_registry.h"
#include "redis/redis_store.h"

#define TURN_WAIT_MS 10
#define BEGIN_AGAIN_MS 1000
#define NUMBERS_MS 1000
#define METRIC_SLOT 128 /* engines have the slots below */
#define SAY_AGAIN_MS 3000
#define STORE_TIMEOUT_MS 500

/* What one intake holds open, from one beginning to the next. */
struct intake_parts_open {
    struct kafka_source *source;
    struct kafka_appender *appender;
    struct intake *intake;
    struct schema_registry *schemas; /* NULL: no source needs it */
    struct avro_registry_port schemas_port;
    struct redis_store *store; /* only asked how full it is */
    struct store_room room;
    struct arena arena;
};

static int64_t monotonic_ms(void)
{
    struct clock_port clock = system_clock();
    return clock.monotonic_ms(clock.self);
}

/* The topic PREFIX + events is always read; the configuration may name it with a mapping of its own. */
static enum err list_sources(const struct config *config, struct arena *arena,
                             struct intake_source **sources, size_t *count, struct diag *diag)
{
    struct span own = config_topic(config, "events", arena);
    bool has_own = false;
    struct intake_source *list = ARENA_ARRAY(arena, struct intake_source, config->source_count + 1);
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *source = &config->sources[i];
        has_own |= span_equal(source->topic, own);
        list[i] = (struct intake_source){.topic = source->topic,
                                         .profiles = source->kind == CONFIG_SOURCE_PROFILES,
                                         .mapping = source->mapping};
    }
    *count = config->source_count;
    *sources = list;
    if (has_own)
        return ERR_OK;
    struct mapping_spec plain = {.format = MAPPING_JSON};
    list[*count].topic = own;
    return mapping_compile(&plain, arena, &list[(*count)++].mapping, diag);
}

/* Gives the sources in Avro the Schema Registry. */
static void open_schemas(const struct config *config, struct intake_source *sources, size_t count,
                         struct intake_parts_open *open)
{
    for (size_t i = 0; i < count; i++) {
        if (sources[i].mapping.format != MAPPING_AVRO)
            continue;
        if (open->schemas == NULL)
            open->schemas = schema_registry_open(config->registry_url);
        open->schemas_port = schema_registry_port(open->schemas);
        sources[i].mapping.registry = &open->schemas_port;
    }
}

static struct intake_settings make_settings(const struct intake_worker *worker,
                                            const struct intake_source *sources, size_t count,
                                            struct arena *arena)
{
    const struct config *config = worker->shared->config;
    struct intake_settings settings = {
        .sources = sources,
        .source_count = count,
        .partitions = (int32_t)config->journal_partitions,
        .connector = arena_printf(arena, "%.*sintake", SPAN_PRINTF(config->topics_prefix)),
        .worker = worker->number,
        .limits = {.record_bytes = config->limits_record,
                   .attributes = {.string_bytes = config->limits_string,
                                  .entries = config->limits_entries,
                                  .depth = config->limits_depth}},
        .max_age_ms = config->intake_max_age,
        .max_future_ms = config->intake_max_future,
        .profile_attributes = &config->profile_attributes,
        .random = uuid_random_u64,
    };
    intake_settings_turn(&settings);
    return settings;
}

static enum err open_parts(const struct intake_worker *worker, struct intake_parts_open *open,
                           struct diag *diag)
{
    const struct worker_shared *shared = worker->shared;
    struct intake_source *sources;
    size_t count;
    enum err error = list_sources(shared->config, &open->arena, &sources, &count, diag);
    if (error != ERR_OK)
        return error;
    open_schemas(shared->config, sources, count, open);
    const char **topics = ARENA_ARRAY(&open->arena, const char *, count);
    for (size_t i = 0; i < count; i++)
        topics[i] = arena_copy(&open->arena, sources[i].topic).data;
    struct kafka_source_options source = {
        .properties = shared->kafka,
        .log = shared->log,
        .topics = topics,
        .topic_count = count,
        .group = arena_printf(&open->arena, "%.*sintake", SPAN_PRINTF(shared->prefix)).data,
        .worker = worker->number,
    };
    error = kafka_source_open(&source, &open->source, diag);
    if (error != ERR_OK)
        return error;
    struct kafka_appender_options appender = {
        .properties = shared->kafka,
        .log = shared->log,
        .journal_topic = shared->journal_topic.data,
        .dead_letter_topic = config_topic(shared->config, "dlq", &open->arena).data,
        .name =
            arena_printf(&open->arena, "%.*sintake-%d", SPAN_PRINTF(shared->prefix), worker->number).data,
    };
    error = kafka_appender_open(&appender, &open->appender, diag);
    if (error != ERR_OK)
        return error;
    struct intake_settings settings = make_settings(worker, sources, count, &open->arena);
    struct intake_ports ports = {
        .source = kafka_source_port(open->source),
        .appender = kafka_appender_port(open->appender),
        .interest = registry_interest_port(worker->registry),
        .clock = system_clock(),
    };
    open->intake = intake_new(&settings, &ports);
    struct redis_store_options store = {.url = shared->config->redis_url,
                                        .prefix = shared->config->topics_prefix,
                                        .timeout_ms = STORE_TIMEOUT_MS};
    error = redis_store_open(&store, &open->store, diag);
    if (error == ERR_OK)
        open->room.store = redis_store_port(open->store);
    return error;
}

/* False: a client was left, see kafka_consumer_destroy. */
static bool close_parts(struct intake_parts_open *open)
{
    bool all = true;
    if (open->intake != NULL)
        intake_free(open->intake);
    schema_registry_close(open->schemas);
    if (open->source != NULL)
        all = kafka_source_destroy(open->source);
    if (open->appender != NULL)
        kafka_appender_destroy(open->appender);
    if (open->store != NULL)
        redis_store_close(open->store);
    arena_destroy(&open->arena);
    *open = (struct intake_parts_open){0};
    return all;
}

/* Adds what happened since the last time to the metrics. */
static void publish(struct intake_worker *worker, const struct intake_parts_open *open,
                    struct intake_stats *last, struct metrics_batch *numbers)
{
    const struct intake_stats *stats = intake_stats(open->intake);
    if (worker->number == 0) { /* all look at the same Redis, and gauges are summed */
        numbers->values[METRIC_REDIS_USED] = open->room.used_bytes;
        numbers->values[METRIC_REDIS_LIMIT] = open->room.limit_bytes;
    }
    numbers->values[METRIC_INTAKE_LAG] = kafka_source_lag(open->source);
    metrics_count(numbers, METRIC_RECORDS_READ, (int64_t)(stats->records - last->records));
    metrics_count(numbers, METRIC_RECORDS_KEPT, (int64_t)(stats->entries - last->entries));
    metrics_count(numbers, METRIC_RECORDS_DROPPED, (int64_t)(stats->dropped - last->dropped));
    metrics_count(numbers, METRIC_DEAD_LETTERS, (int64_t)(stats->refused - last->refused));
    metrics_merge(worker->shared->metrics, numbers, METRIC_SLOT + worker->number);
    *last = *stats;
}

/* Says every few seconds what the intake waits for. */
static void say_waiting(const struct intake_worker *worker, const struct intake_parts_open *open,
                        int64_t now_ms, int64_t *say_ms)
{
    struct span trouble = intake_trouble(open->intake);
    if (now_ms < *say_ms || (trouble.size == 0 && !open->room.tight))
        return;
    *say_ms = now_ms + SAY_AGAIN_MS;
    if (open->room.tight)
        log_line(worker->shared->log, LOG_WARN,
                 "Redis is nearly full: no events are taken in until there is room; raise maxmemory",
                 log_number("used_bytes", open->room.used_bytes),
                 log_number("limit_bytes", open->room.limit_bytes), log_number("worker", worker->number));
    else
        log_line(worker->shared->log, LOG_WARN, "intake waits", log_span("for", trouble),
                 log_number("worker", worker->number));
}

/* Steps until the intake has stopped, or cannot go on. */
static enum err turn(struct intake_worker *worker, struct intake_parts_open *open,
                     struct metrics_batch *numbers)
{
    struct intake *intake = open->intake;
    struct intake_stats last = {0};
    int64_t publish_ms = 0, say_ms = 0;
    bool stopping = false;
    enum err error = ERR_OK;
    while (error == ERR_OK && !intake_stopped(intake)) {
        if (!stopping && atomic_load(&worker->stop)) {
            stopping = true;
            intake_stop(intake);
        }
        intake_hold(intake, store_room_is_tight(&open->room, monotonic_ms()));
        error = intake_step(intake, TURN_WAIT_MS);
        int64_t now_ms = monotonic_ms();
        if (now_ms >= publish_ms) {
            publish_ms = now_ms + NUMBERS_MS;
            publish(worker, open, &last, numbers);
        }
        say_waiting(worker, open, now_ms, &say_ms);
    }
    publish(worker, open, &last, numbers);
    return error;
}

static void *run_intake(void *argument)
{
    struct intake_worker *worker = argument;
    struct metrics_batch numbers;
    metrics_batch_init(&numbers);
    while (!atomic_load(&worker->stop)) {
        struct intake_parts_open open = {0};
        arena_init(&open.arena, 0);
        struct diag diag = {0};
        enum err error = open_parts(worker, &open, &diag);
        if (error != ERR_OK) {
            log_line(worker->shared->log, LOG_ERROR, "intake cannot begin",
                     log_number("worker", worker->number),
                     log_text("error", diag.text[0] != '\0' ? diag.text : err_sentence(error)));
            atomic_store(&worker->failed, true);
            worker->left_client |= !close_parts(&open);
            break;
        }
        error = turn(worker, &open, &numbers);
        if (error != ERR_OK)
            log_line(worker->shared->log, LOG_WARN, "intake begins again from what was committed",
                     log_number("worker", worker->number), log_span("error", intake_trouble(open.intake)));
        worker->left_client |= !close_parts(&open);
        for (int64_t until_ms = monotonic_ms() + BEGIN_AGAIN_MS;
             error != ERR_OK && monotonic_ms() < until_ms && !atomic_load(&worker->stop);)
            nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    metrics_batch_free(&numbers);
    atomic_store(&worker->ended, true);
    return NULL;
}

void intake_worker_start(struct intake_worker *worker)
{
    thread_start(&worker->thread, run_intake, worker);
    worker->running = true;
}

void intake_worker_stop(struct intake_worker *worker)
{
    atomic_store(&worker->stop, true);
}
