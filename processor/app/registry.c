#include "app/registry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "app/campaign_compile.h"
#include "base/memory.h"
#include "base/thread.h"
#include "kafka/kafka_log.h"

#define IDLE_MS 50
#define ASK_TIMEOUT_MS 2000
#define RETRY_MS 200
#define READ_MS 20
/* Between two questions about the topic's end, so that a busy intake does not ask for each batch. */
#define ASK_PAUSE_MS 2

/* A version that was compiled once; its interest lasts as long as the text. */
struct compiled {
    const char *text; /* the definition's bytes: unique, and never freed before the registry */
    struct arena arena;
    struct campaign *campaign; /* NULL for a policy, or where it does not compile */
    struct policy *policy;
    struct compiled *next;
};

struct published {
    struct registry_snapshot snapshot;
    struct arena arena;
    size_t holders; /* the registry itself while it is the newest */
};

struct registry {
    const struct log *log;
    struct kafka_log *topic;
    struct campaign_log_builder *builder;
    struct compiled *compiled;
    pthread_t thread;
    atomic_bool ending;
    atomic_uint_fast64_t asked, passed;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t asked_changed, passed_changed;
    bool waiting; /* the thread waits for a ticket to be drawn */
    struct published *newest;
    char trouble[384];
    struct log_repeat repeat;
};

static struct timespec deadline(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* ---- snapshots ---- */

static void published_free(struct published *published)
{
    interest_free((struct interest *)(uintptr_t)published->snapshot.interest);
    arena_destroy(&published->arena);
    free(published);
}

static void say_uncompiled(const struct registry *registry, struct span id, uint32_t version,
                           const struct diag_list *diags)
{
    if (registry->log == NULL)
        return;
    struct span why = diags->count > 0 ? diags->items[0].text : SPAN_LITERAL("unknown");
    log_line(registry->log, LOG_WARN, "A stored definition does not compile: all events are taken in",
             log_span("campaign", id), log_number("version", version), log_span("why", why));
}

/* The compiled form of a definition, compiling it where it is new. */
static const struct compiled *compiled_of(struct registry *registry, const struct campaign_item *item,
                                          const struct campaign_version *version)
{
    for (struct compiled *c = registry->compiled; c != NULL; c = c->next)
        if (c->text == version->definition.text.data)
            return c;
    struct compiled *c = memory_checked(calloc(1, sizeof(*c)));
    arena_init(&c->arena, 0);
    c->text = version->definition.text.data;
    struct diag_list diags = {.arena = &c->arena};
    enum err error = item->id.size > 0
                         ? campaign_definition_compile(&version->definition, item->id, version->version,
                                                       &c->arena, &c->campaign, &diags)
                         : policy_definition_compile(&version->definition, version->version, &c->arena,
                                                     &c->policy, &diags);
    if (error != ERR_OK) {
        c->campaign = NULL;
        c->policy = NULL;
        say_uncompiled(registry, item->id, version->version, &diags);
    }
    c->next = registry->compiled;
    registry->compiled = c;
    return c;
}

/* Every version counts, also a former one: journeys may still be on it, and its cancels end them. */
static void interest_add_item(struct registry *registry, struct interest *interest,
                              const struct campaign_item *item)
{
    if (item->status == CAMPAIGN_ARCHIVED && item->applied)
        return;
    for (size_t i = 0; i < item->version_count; i++) {
        const struct compiled *c = compiled_of(registry, item, &item->versions[i]);
        if (c->campaign != NULL)
            interest_add_campaign(interest, c->campaign);
        else if (c->policy != NULL)
            interest_add_policy(interest, c->policy);
        else
            interest_add_all(interest);
    }
}

static struct published *published_new(struct registry *registry)
{
    struct published *published = memory_checked(calloc(1, sizeof(*published)));
    arena_init(&published->arena, 0);
    published->holders = 1;
    struct campaign_log *log = campaign_log_build(registry->builder, &published->arena);
    struct interest *interest = interest_new();
    for (size_t i = 0; i < log->count; i++)
        interest_add_item(registry, interest, &log->items[i]);
    interest_add_item(registry, interest, &log->policy);
    published->snapshot = (struct registry_snapshot){log, interest, kafka_log_position(registry->topic)};
    return published;
}

/* Called with the lock held. */
static void published_let_go(struct published *published)
{
    if (--published->holders == 0)
        published_free(published);
}

static void publish(struct registry *registry)
{
    struct published *fresh = published_new(registry);
    pthread_mutex_lock(&registry->lock);
    if (registry->newest != NULL)
        published_let_go(registry->newest);
    registry->newest = fresh;
    pthread_mutex_unlock(&registry->lock);
}

const struct registry_snapshot *registry_acquire(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    struct published *published = registry->newest;
    published->holders++;
    pthread_mutex_unlock(&registry->lock);
    return &published->snapshot;
}

void registry_release(struct registry *registry, const struct registry_snapshot *snapshot)
{
    /* The snapshot is the first member of what was published. */
    struct published *published = (struct published *)(uintptr_t)snapshot;
    pthread_mutex_lock(&registry->lock);
    published_let_go(published);
    pthread_mutex_unlock(&registry->lock);
}

/* ---- following the topic ---- */

static void record_fold(struct registry *registry, const struct kafka_log_record *record)
{
    struct span snippets = {0};
    struct diag diag = {0};
    for (size_t i = 0; i < record->header_count; i++)
        if (strcmp(record->headers[i].name, CAMPAIGN_LOG_SNIPPETS) == 0)
            snippets = record->headers[i].value;
    enum err error = campaign_log_builder_add(registry->builder, record->key, record->has_value,
                                              record->value, snippets, &diag);
    if (error != ERR_OK && registry->log != NULL)
        log_line(registry->log, LOG_WARN, "A record of the campaigns topic is passed over",
                 log_number("offset", record->offset), log_text("why", diag.text));
}

/* Reads what is there, waiting up to timeout_ms for a first record; true when something came. */
static bool read_some(struct registry *registry, int timeout_ms)
{
    struct kafka_log_record record;
    bool came = false;
    while (kafka_log_next(registry->topic, came ? 0 : timeout_ms, &record) == ERR_OK) {
        record_fold(registry, &record);
        came = true;
    }
    return came;
}

static void trouble_set(struct registry *registry, const char *text)
{
    uint64_t times;
    pthread_mutex_lock(&registry->lock);
    bool was = registry->trouble[0] != 0;
    snprintf(registry->trouble, sizeof(registry->trouble), "%s", text);
    pthread_mutex_unlock(&registry->lock);
    if (registry->log == NULL)
        return;
    if (text[0] != 0 && log_repeat_due(&registry->repeat, kafka_now_us() / 1000, &times))
        log_line(registry->log, LOG_WARN, "Waiting for the campaigns topic", log_text("why", text));
    if (text[0] == 0 && was && log_repeat_end(&registry->repeat))
        log_line(registry->log, LOG_INFO, "The campaigns topic can be read again");
}

/* Waits until a ticket is drawn that is not passed, or for a while; returns the last drawn. */
static uint64_t tickets_wait(struct registry *registry)
{
    struct timespec at = deadline(IDLE_MS);
    pthread_mutex_lock(&registry->lock);
    registry->waiting = true;
    while (atomic_load(&registry->asked) == atomic_load(&registry->passed) &&
           !atomic_load(&registry->ending) &&
           pthread_cond_timedwait(&registry->asked_changed, &registry->lock, &at) == 0)
        ;
    registry->waiting = false;
    pthread_mutex_unlock(&registry->lock);
    return atomic_load(&registry->asked);
}

static void tickets_pass(struct registry *registry, uint64_t ticket)
{
    pthread_mutex_lock(&registry->lock);
    atomic_store(&registry->passed, ticket);
    pthread_cond_broadcast(&registry->passed_changed);
    pthread_mutex_unlock(&registry->lock);
}

static void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Reads up to the end that the topic has from now on. False: Kafka did not answer. */
static bool catch_up(struct registry *registry, bool *changed)
{
    int64_t end;
    struct diag diag;
    if (kafka_log_end(registry->topic, ASK_TIMEOUT_MS, NULL, &end, &diag) != ERR_OK) {
        trouble_set(registry, diag.text);
        return false;
    }
    int64_t give_up_us = kafka_now_us() + ASK_TIMEOUT_MS * 1000;
    while (kafka_log_position(registry->topic) < end && !atomic_load(&registry->ending)) {
        *changed |= read_some(registry, READ_MS);
        if (kafka_log_position(registry->topic) < end && kafka_now_us() > give_up_us) {
            trouble_set(registry, "records of the campaigns topic do not come");
            return false;
        }
    }
    trouble_set(registry, "");
    return true;
}

static void *registry_run(void *argument)
{
    struct registry *registry = argument;
    while (!atomic_load(&registry->ending)) {
        uint64_t ticket = tickets_wait(registry);
        bool changed = read_some(registry, 0), asked = ticket != atomic_load(&registry->passed);
        bool passed = asked && catch_up(registry, &changed);
        if (changed)
            publish(registry);
        if (passed)
            tickets_pass(registry, ticket);
        if (asked)
            pause_ms(passed ? ASK_PAUSE_MS : RETRY_MS);
    }
    return NULL;
}

uint64_t registry_ask(struct registry *registry)
{
    uint64_t ticket = atomic_fetch_add(&registry->asked, 1) + 1;
    pthread_mutex_lock(&registry->lock);
    if (registry->waiting)
        pthread_cond_signal(&registry->asked_changed);
    pthread_mutex_unlock(&registry->lock);
    return ticket;
}

static bool registry_passed(const struct registry *registry, uint64_t ticket)
{
    return atomic_load(&registry->passed) >= ticket;
}

enum err registry_wait(struct registry *registry, uint64_t ticket, int64_t timeout_ms)
{
    struct timespec at = deadline(timeout_ms);
    int status = 0;
    pthread_mutex_lock(&registry->lock);
    while (!registry_passed(registry, ticket) && status == 0)
        status = pthread_cond_timedwait(&registry->passed_changed, &registry->lock, &at);
    pthread_mutex_unlock(&registry->lock);
    return registry_passed(registry, ticket) ? ERR_OK : ERR_TIMEOUT;
}

/* True when the newest snapshot has it. */
static bool definition_find(struct registry *registry, struct span id, uint32_t version,
                            struct campaign_definition *definition)
{
    const struct registry_snapshot *snapshot = registry_acquire(registry);
    const struct campaign_item *item = campaign_log_find(snapshot->log, id);
    const struct campaign_definition *found = item == NULL ? NULL : campaign_item_definition(item, version);
    if (found != NULL)
        *definition = *found;
    registry_release(registry, snapshot);
    return found != NULL;
}

enum err registry_definition_wait(struct registry *registry, struct span id, uint32_t version,
                                  int64_t timeout_ms, struct campaign_definition *definition)
{
    if (definition_find(registry, id, version, definition))
        return ERR_OK;
    enum err error = registry_wait(registry, registry_ask(registry), timeout_ms);
    if (definition_find(registry, id, version, definition))
        return ERR_OK;
    return error == ERR_OK ? ERR_NOT_FOUND : error;
}

void registry_trouble(struct registry *registry, char *text, size_t text_bytes)
{
    pthread_mutex_lock(&registry->lock);
    snprintf(text, text_bytes, "%s", registry->trouble);
    pthread_mutex_unlock(&registry->lock);
}

/* ---- the port of intake ---- */

static uint64_t port_ask(void *self)
{
    return registry_ask(self);
}

static bool port_passed(void *self, uint64_t ticket)
{
    return registry_passed(self, ticket);
}

static const struct interest *port_acquire(void *self, void **hold)
{
    const struct registry_snapshot *snapshot = registry_acquire(self);
    *hold = (void *)(uintptr_t)snapshot;
    return snapshot->interest;
}

static void port_release(void *self, void *hold)
{
    registry_release(self, hold);
}

struct interest_port registry_interest_port(struct registry *registry)
{
    return (struct interest_port){registry, port_ask, port_passed, port_acquire, port_release};
}

/* ---- life ---- */

static void locks_init(struct registry *registry)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&registry->lock, NULL);
    pthread_cond_init(&registry->asked_changed, &attributes);
    pthread_cond_init(&registry->passed_changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum err registry_open(const struct registry_options *options, struct registry **registry,
                       struct diag *diag)
{
    struct registry *r = memory_checked(calloc(1, sizeof(*r)));
    r->log = options->log;
    locks_init(r);
    r->builder = campaign_log_builder_new();
    struct kafka_log_options log_options = {.properties = options->properties,
                                            .log = options->log,
                                            .topic = options->topic,
                                            .committed = false};
    enum err error = kafka_log_open(&log_options, &r->topic, diag);
    if (error == ERR_OK) {
        publish(r);
        thread_start(&r->thread, registry_run, r);
        *registry = r;
        return ERR_OK;
    }
    campaign_log_builder_free(r->builder);
    free(r);
    return error;
}

static void compiled_free(struct compiled *compiled)
{
    while (compiled != NULL) {
        struct compiled *next = compiled->next;
        campaign_close(compiled->campaign);
        policy_close(compiled->policy);
        arena_destroy(&compiled->arena);
        free(compiled);
        compiled = next;
    }
}

void registry_close(struct registry *registry)
{
    if (registry == NULL)
        return;
    atomic_store(&registry->ending, true);
    pthread_mutex_lock(&registry->lock);
    pthread_cond_signal(&registry->asked_changed);
    pthread_mutex_unlock(&registry->lock);
    pthread_join(registry->thread, NULL);
    kafka_log_close(registry->topic);
    published_free(registry->newest);
    compiled_free(registry->compiled);
    campaign_log_builder_free(registry->builder);
    pthread_mutex_destroy(&registry->lock);
    pthread_cond_destroy(&registry->asked_changed);
    pthread_cond_destroy(&registry->passed_changed);
    free(registry);
}
