#include "app/process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app/definitions.h"
#include "app/intake_worker.h"
#include "app/own_topics.h"
#include "app/registry.h"
#include "app/system_clock.h"
#include "app/worker.h"
#include "base/memory.h"
#include "base/thread.h"
#include "codec/outbound_avro.h"
#include "kafka/kafka_admin.h"
#include "kafka/schema_registry.h"
#include "redis/redis_store.h"

#define SAY_AGAIN_MS 3000
#define ASK_AGAIN_MS 500
#define ANSWER_MS 3000
#define END_PATIENCE_MS 2000 /* after this long it is asked whether Kafka is there to end in order with */
#define END_ANSWER_MS 1500

struct process {
    const struct config *config;
    const struct log *log;
    struct arena arena;
    struct kafka_properties kafka;
    char process_id[KAFKA_PROCESS_ID_BYTES];
    struct worker_shared shared;
    struct registry *registry;
    struct definitions *definitions;
    struct metrics *metrics;
    struct worker *workers;
    struct intake_worker *intakes;
    int worker_count;
    atomic_bool stop;
    atomic_bool started;
    pthread_mutex_t lock;
    char trouble[512]; /* under the lock */
};

static void pause_ms(int64_t ms)
{
    struct timespec wait = {ms / 1000, (ms % 1000) * 1000000};
    nanosleep(&wait, NULL);
}

static void set_trouble(struct process *process, const char *text)
{
    pthread_mutex_lock(&process->lock);
    snprintf(process->trouble, sizeof process->trouble, "%s", text);
    pthread_mutex_unlock(&process->lock);
}

struct process *process_new(const struct config *config, const struct log *log)
{
    struct process *process = memory_checked(calloc(1, sizeof *process));
    process->config = config;
    process->log = log;
    arena_init(&process->arena, 0);
    pthread_mutex_init(&process->lock, NULL);
    process->metrics = metrics_new();
    kafka_process_id(process->process_id);
    process->kafka = own_kafka_properties(config, &process->arena);
    process->worker_count =
        config->workers != 0 ? (int)config->workers : (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (process->worker_count < 1)
        process->worker_count = 1;
    /* More engines than partitions would have nothing to own. */
    if (process->worker_count > (int)config->journal_partitions)
        process->worker_count = (int)config->journal_partitions;
    return process;
}

void process_free(struct process *process)
{
    if (process == NULL)
        return;
    definitions_free(process->definitions);
    registry_close(process->registry);
    metrics_free(process->metrics);
    free(process->workers);
    free(process->intakes);
    pthread_mutex_destroy(&process->lock);
    arena_destroy(&process->arena);
    free(process);
}

/* ---- waiting for what must be there --------------------------------------------------------------- */

/* Repeats `ask` until it is content, says what is missing every few seconds. */
static enum err wait_for(struct process *process, const char *what,
                         enum err (*ask)(struct process *process, void *self, struct diag *diag),
                         void *self, struct diag *diag)
{
    int64_t say_ms = 0;
    for (;;) {
        if (atomic_load(&process->stop))
            return ERR_ABORTED;
        *diag = (struct diag){0};
        enum err error = ask(process, self, diag);
        if (error == ERR_OK || error == ERR_INVALID)
            return error;
        char trouble[sizeof process->trouble];
        snprintf(trouble, sizeof trouble, "%s: %s", what,
                 diag->text[0] != '\0' ? diag->text : err_sentence(error));
        set_trouble(process, trouble);
        if (system_clock_monotonic_ms() >= say_ms) {
            log_line(process->log, LOG_WARN, "waiting", log_text("for", what),
                     log_text("error", diag->text[0] != '\0' ? diag->text : err_sentence(error)));
            say_ms = system_clock_monotonic_ms() + SAY_AGAIN_MS;
        }
        pause_ms(ASK_AGAIN_MS);
    }
}

static enum err ask_topics(struct process *process, void *self, struct diag *diag)
{
    struct kafka_admin *admin = self;
    struct arena arena;
    arena_init(&arena, 0);
    const struct kafka_topic_plan plans[] = {
        {.name = config_topic(process->config, "journal", &arena),
         .kind = KAFKA_TOPIC_JOURNAL,
         .partitions = (int32_t)process->config->journal_partitions},
        {.name = config_topic(process->config, "campaigns", &arena),
         .kind = KAFKA_TOPIC_CAMPAIGNS,
         .partitions = 1},
    };
    struct span names[] = {plans[0].name, plans[1].name};
    struct kafka_topic_description descriptions[2] = {0};
    enum err error =
        kafka_admin_topics_describe(admin, names, 2, true, ANSWER_MS, &arena, descriptions, diag);
    for (size_t i = 0; i < 2 && error == ERR_OK; i++) {
        if (!descriptions[i].exists) {
            error = diag_set(diag, ERR_NOT_FOUND, 0, 0, "topic %.*s is missing: run `declic topics create`",
                             SPAN_PRINTF(names[i]));
            break;
        }
        struct span complaint = kafka_topic_complaint(&plans[i], &descriptions[i], &arena);
        if (complaint.size != 0)
            error = diag_set(diag, ERR_INVALID, 0, 0, "%.*s", SPAN_PRINTF(complaint));
    }
    arena_destroy(&arena);
    return error;
}

static enum err ask_redis(struct process *process, void *self, struct diag *diag)
{
    (void)process;
    struct redis_store *store = self;
    struct store_port port = redis_store_port(store);
    return port.check(port.self, diag);
}

static enum err ask_registry(struct process *process, void *self, struct diag *diag)
{
    (void)self;
    enum err error = registry_wait(process->registry, registry_ask(process->registry), ANSWER_MS);
    if (error != ERR_OK)
        registry_trouble(process->registry, diag->text, sizeof diag->text);
    return error;
}

static enum err wait_for_kafka(struct process *process, struct diag *diag)
{
    struct kafka_admin *admin;
    enum err error = kafka_admin_open(&process->kafka, process->log, &admin, diag);
    if (error != ERR_OK)
        return error;
    error = wait_for(process, "Kafka", ask_topics, admin, diag);
    kafka_admin_close(admin);
    return error;
}

static enum err wait_for_redis(struct process *process, struct diag *diag)
{
    struct redis_store_options options = {.url = process->config->redis_url,
                                          .prefix = process->config->topics_prefix};
    struct redis_store *store;
    enum err error = redis_store_open(&options, &store, diag);
    if (error != ERR_OK)
        return error;
    error = wait_for(process, "Redis", ask_redis, store, diag);
    redis_store_close(store);
    return error;
}

/* ---- outbound values in Avro ---- */

static enum err ask_schema(struct process *process, void *self, struct diag *diag)
{
    uint32_t id;
    struct span subject = config_topic(process->config, "outbound-value", &process->arena);
    enum err error = schema_registry_enter(self, subject.data, outbound_avro_schema(), &id, diag);
    if (error == ERR_OK)
        process->shared.avro_head = outbound_avro_head_of_id(id, &process->arena);
    return error == ERR_REFUSED ? ERR_INVALID : error;
}

static enum err wait_for_schema(struct process *process, struct diag *diag)
{
    const struct config *config = process->config;
    if (config->outbound_format != CONFIG_OUTBOUND_AVRO)
        return ERR_OK;
    if (config->registry_url.size == 0) {
        process->shared.avro_head = outbound_avro_head_of_fingerprint(&process->arena);
        return ERR_OK;
    }
    struct schema_registry *registry = schema_registry_open(config->registry_url);
    enum err error = wait_for(process, "the Schema Registry", ask_schema, registry, diag);
    schema_registry_close(registry);
    return error;
}

/* ---- the threads ---------------------------------------------------------------------------------- */

static bool find_definition(void *self, struct span id, uint32_t version,
                            struct campaign_definition *definition)
{
    return registry_definition_wait(self, id, version, 0, definition) == ERR_OK;
}

static enum err open_registry(struct process *process, struct diag *diag)
{
    struct registry_options options = {
        .properties = &process->kafka,
        .log = process->log,
        .topic = config_topic(process->config, "campaigns", &process->arena).data};
    enum err error = registry_open(&options, &process->registry, diag);
    if (error != ERR_OK)
        return error;
    struct definition_source source = {process->registry, find_definition};
    process->definitions = definitions_new(&source, process->log);
    return wait_for(process, "the campaigns topic", ask_registry, NULL, diag);
}

static void start_threads(struct process *process)
{
    process->shared = (struct worker_shared){
        .config = process->config,
        .log = process->log,
        .kafka = &process->kafka,
        .definitions = process->definitions,
        .metrics = process->metrics,
        .avro_head = process->shared.avro_head,
        .process_id = process->process_id,
        .prefix = arena_copy(&process->arena, process->config->topics_prefix),
        .journal_topic = config_topic(process->config, "journal", &process->arena),
        .decisions_topic = config_topic(process->config, "decisions", &process->arena),
    };
    size_t count = (size_t)process->worker_count;
    process->workers = memory_checked(calloc(count, sizeof *process->workers));
    process->intakes = memory_checked(calloc(count, sizeof *process->intakes));
    for (int i = 0; i < process->worker_count; i++) {
        process->workers[i].shared = process->intakes[i].shared = &process->shared;
        process->workers[i].number = process->intakes[i].number = i;
        process->intakes[i].registry = process->registry;
        worker_start(&process->workers[i]);
        intake_worker_start(&process->intakes[i]);
    }
}

enum err process_start(struct process *process, struct diag *diag)
{
    enum err error = wait_for_kafka(process, diag);
    if (error == ERR_OK)
        error = wait_for_redis(process, diag);
    if (error == ERR_OK)
        error = wait_for_schema(process, diag);
    if (error == ERR_OK)
        error = open_registry(process, diag);
    if (error == ERR_OK) {
        start_threads(process);
        set_trouble(process, "");
        atomic_store(&process->started, true);
    }
    return error;
}

void process_stop(struct process *process)
{
    atomic_store(&process->stop, true);
    /* Also those that a failed start left running. */
    for (int i = 0; i < process->worker_count && process->workers != NULL && process->intakes != NULL;
         i++) {
        intake_worker_stop(&process->intakes[i]);
        worker_stop(&process->workers[i]);
    }
}

static bool join_one(pthread_t thread, bool *running, atomic_bool *ended, int64_t until_ms)
{
    while (*running && !atomic_load(ended)) {
        if (system_clock_monotonic_ms() >= until_ms)
            return false;
        pause_ms(5);
    }
    if (*running)
        pthread_join(thread, NULL);
    *running = false;
    return true;
}

static bool join_all(struct process *process, int64_t until_ms)
{
    bool all = true;
    for (int i = 0; i < process->worker_count && process->workers != NULL && process->intakes != NULL;
         i++) {
        struct worker *worker = &process->workers[i];
        struct intake_worker *intake = &process->intakes[i];
        all &= join_one(intake->thread, &intake->running, &intake->ended, until_ms);
        all &= join_one(worker->thread, &worker->running, &worker->ended, until_ms);
    }
    return all;
}

/* Asked anew: what the threads' own clients last heard may be old. */
static bool kafka_answers(struct process *process)
{
    struct arena arena;
    struct diag diag = {0};
    struct kafka_admin *admin;
    struct kafka_topic_description description = {0};
    if (kafka_admin_open(&process->kafka, NULL, &admin, &diag) != ERR_OK)
        return false;
    arena_init(&arena, 0);
    struct span name = config_topic(process->config, "journal", &arena);
    enum err error =
        kafka_admin_topics_describe(admin, &name, 1, false, END_ANSWER_MS, &arena, &description, &diag);
    kafka_admin_close(admin);
    arena_destroy(&arena);
    return error != ERR_UNREACHABLE && error != ERR_TIMEOUT;
}

bool process_join(struct process *process, int64_t timeout_ms)
{
    int64_t began_ms = system_clock_monotonic_ms();
    bool all = join_all(process, began_ms + END_PATIENCE_MS);
    if (!all && !kafka_answers(process)) {
        log_line(process->log, LOG_WARN,
                 "Kafka does not answer: what is under way is left to the next start");
        return false;
    }
    all = all || join_all(process, began_ms + timeout_ms);
    if (!all)
        log_line(process->log, LOG_WARN, "some threads did not end in time");
    for (int i = 0; all && i < process->worker_count && process->workers != NULL; i++)
        all = !process->workers[i].left_client && !process->intakes[i].left_client;
    return all;
}

void process_status_read(struct process *process, struct process_status *status)
{
    *status = (struct process_status){.workers = process->worker_count};
    status->started = atomic_load(&process->started);
    pthread_mutex_lock(&process->lock);
    memcpy(status->trouble, process->trouble, sizeof status->trouble);
    pthread_mutex_unlock(&process->lock);
    if (!status->started)
        return;
    bool ready = true;
    for (int i = 0; i < process->worker_count; i++) {
        struct worker *worker = &process->workers[i];
        status->owned += atomic_load(&worker->owned);
        status->attached += atomic_load(&worker->attached);
        status->failed |= atomic_load(&worker->failed) || atomic_load(&process->intakes[i].failed);
        ready &= atomic_load(&worker->assigned_once);
        if (atomic_load(&worker->store_away)) {
            ready = false;
            snprintf(status->trouble, sizeof status->trouble, "Redis does not answer");
        }
    }
    status->ready =
        ready && !status->failed && status->attached == status->owned && !atomic_load(&process->stop);
}

struct metrics *process_metrics(struct process *process)
{
    return process->metrics;
}

struct registry *process_registry(struct process *process)
{
    return atomic_load(&process->started) ? process->registry : NULL;
}

struct definitions *process_definitions(struct process *process)
{
    return atomic_load(&process->started) ? process->definitions : NULL;
}
