#include "app/worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/system_clock.h"
#include "base/thread.h"
#include "icu/icu_locale.h"
#include "kafka/kafka_journal.h"
#include "kafka/kafka_outbox.h"
#include "redis/redis_store.h"

#define TURN_WAIT_MS 10

/* What one engine thread holds open. */
struct worker_parts {
    struct kafka_journal *journal;
    struct kafka_outbox *outbox;
    struct redis_store *store;
    struct locale_port locale;
    bool has_locale;
    struct journal_port journal_port;
    struct outbox_port outbox_port;
    struct store_port store_port;
    struct engine *engine;
    struct arena names;
    struct channel_topic {
        struct span channel, topic;
    } * topics;
    size_t topic_count, topic_capacity;
    const struct config *config;
};

static struct span outbound_topic(void *self, struct span channel)
{
    struct worker_parts *parts = self;
    for (size_t i = 0; i < parts->topic_count; i++)
        if (span_equal(parts->topics[i].channel, channel))
            return parts->topics[i].topic;
    struct channel_topic *added =
        ARENA_PUSH(&parts->names, &parts->topics, &parts->topic_count, &parts->topic_capacity);
    added->channel = arena_copy(&parts->names, channel);
    added->topic = config_outbound_topic(parts->config, channel, &parts->names);
    return added->topic;
}

static void wake_journal(void *context)
{
    kafka_journal_wake(context);
}

static enum err open_kafka(const struct worker *worker, struct worker_parts *parts, struct diag *diag)
{
    const struct worker_shared *shared = worker->shared;
    char group[256];
    snprintf(group, sizeof group, "%.*sengine", SPAN_PRINTF(shared->prefix));
    struct kafka_journal_options journal = {.properties = shared->kafka,
                                            .topic = shared->journal_topic.data,
                                            .group = group,
                                            .worker = worker->number,
                                            .log = shared->log};
    enum err error = kafka_journal_open(&journal, &parts->journal, diag);
    if (error != ERR_OK)
        return error;
    parts->journal_port = kafka_journal_port(parts->journal);
    struct kafka_outbox_options outbox = {
        .properties = shared->kafka,
        .prefix = shared->prefix.data,
        .process_id = shared->process_id,
        .worker = worker->number,
        .journal_topic = shared->journal_topic.data,
        .log = shared->log,
        .transactional = shared->config->delivery == CONFIG_EXACTLY_ONCE,
        .wake = wake_journal,
        .wake_context = parts->journal,
    };
    error = kafka_outbox_open(&outbox, &parts->outbox, diag);
    if (error == ERR_OK)
        parts->outbox_port = kafka_outbox_port(parts->outbox);
    return error;
}

struct engine_options worker_engine_options(const struct worker_shared *shared)
{
    const struct config *config = shared->config;
    return (struct engine_options){
        .bounds = engine_bounds_live,
        .log = shared->log,
        .prefix = shared->prefix,
        .journal_topic = shared->journal_topic,
        .decisions_topic = shared->decisions_topic,
        .decisions = (enum engine_decisions)config->decisions,
        .limits = {.journeys = config->limits_journeys,
                   .remembered = config->limits_remembered,
                   .history = fold_limits_default.history,
                   .dedupe_ms = config->intake_dedupe,
                   .lateness_ms = config->intake_lateness,
                   .max_age_ms = config->intake_max_age},
        .profile_attributes = &config->profile_attributes,
        .mark_window_ms = ENGINE_MARK_WINDOW_MS,
        .sweep_every_ms = config->journal_snapshots,
    };
}

static enum err open_parts(const struct worker *worker, struct worker_parts *parts, struct diag *diag)
{
    const struct worker_shared *shared = worker->shared;
    const struct config *config = shared->config;
    arena_init(&parts->names, 1024);
    parts->config = config;
    enum err error = icu_locale_open(&parts->locale);
    if (error != ERR_OK)
        return diag_set(diag, error, 0, 0, "ICU's time zone and locale data cannot be opened");
    parts->has_locale = true;
    struct redis_store_options store = {.url = config->redis_url, .prefix = shared->prefix};
    error = redis_store_open(&store, &parts->store, diag);
    if (error != ERR_OK)
        return error;
    parts->store_port = redis_store_port(parts->store);
    error = open_kafka(worker, parts, diag);
    if (error != ERR_OK)
        return error;
    struct engine_options options = worker_engine_options(shared);
    options.outbound_topic = outbound_topic;
    options.outbound_topic_self = parts;
    options.avro_head = shared->avro_head;
    options.worker = worker->number;
    struct engine_ports ports = {.journal = &parts->journal_port,
                                 .outbox = &parts->outbox_port,
                                 .store = &parts->store_port,
                                 .clock = system_clock(),
                                 .locale = &parts->locale};
    parts->engine = engine_new(&options, &ports, shared->definitions, shared->metrics);
    return ERR_OK;
}

/* False: a client was left, see kafka_consumer_destroy. */
static bool close_parts(struct worker_parts *parts)
{
    bool all = true;
    engine_free(parts->engine);
    if (parts->outbox != NULL)
        kafka_outbox_destroy(parts->outbox);
    if (parts->journal != NULL)
        all = kafka_journal_destroy(parts->journal);
    if (parts->store != NULL)
        redis_store_close(parts->store);
    if (parts->has_locale)
        icu_locale_close(&parts->locale);
    arena_destroy(&parts->names);
    return all;
}

static void publish_status(struct worker *worker, const struct engine *engine)
{
    struct engine_status status = engine_status(engine);
    atomic_store(&worker->owned, status.owned);
    atomic_store(&worker->attached, status.attached);
    atomic_store(&worker->assigned_once, status.assigned_once);
    atomic_store(&worker->store_away, status.store_away);
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct worker_parts parts = {0};
    struct diag diag = {0};
    enum err error = open_parts(worker, &parts, &diag);
    bool stopping = false;
    while (error == ERR_OK && !engine_stopped(parts.engine)) {
        if (!stopping && atomic_load(&worker->stop)) {
            stopping = true;
            engine_stop(parts.engine);
        }
        error = engine_turn(parts.engine, TURN_WAIT_MS, &diag);
        publish_status(worker, parts.engine);
    }
    if (error != ERR_OK) {
        log_line(worker->shared->log, LOG_ERROR, "a worker cannot go on",
                 log_number("worker", worker->number),
                 log_text("error", diag.text[0] != '\0' ? diag.text : err_sentence(error)));
        atomic_store(&worker->failed, true);
    }
    worker->left_client = !close_parts(&parts);
    atomic_store(&worker->ended, true);
    return NULL;
}

void worker_start(struct worker *worker)
{
    thread_start(&worker->thread, run_worker, worker);
    worker->running = true;
}

void worker_stop(struct worker *worker)
{
    atomic_store(&worker->stop, true);
}
