#include "kafka/kafka_publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread.h"

#define POLL_MS 100

/* What one call waits for. Under the publisher's lock. */
struct publish_batch {
    struct kafka_publisher *publisher;
    size_t waiting;
    pthread_cond_t done;
};

struct kafka_publisher {
    struct kafka_watch watch; /* first: the client's opaque */
    const struct log *log;
    struct kafka_properties *properties;
    char *topic_name, *name;
    int timeout_ms;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t calls; /* under way */
    bool broken;  /* the client said that it cannot go on: it is made anew when no call is under way */
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    pthread_t thread; /* serves delivery reports */
    atomic_bool stop;
};

static enum err error_of(rd_kafka_resp_err_t error)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return ERR_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
        return ERR_LIMIT;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return ERR_NOT_FOUND;
    default:
        return kafka_error_is_permanent(error) ? ERR_REFUSED : ERR_UNREACHABLE;
    }
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    struct kafka_publisher_record *record = message->_private;
    struct publish_batch *batch = record->batch;
    struct kafka_publisher *publisher = batch->publisher;
    pthread_mutex_lock(&publisher->lock);
    record->error = error_of(message->err);
    if (--batch->waiting == 0)
        pthread_cond_signal(&batch->done);
    pthread_mutex_unlock(&publisher->lock);
}

static void *serve_reports(void *argument)
{
    struct kafka_publisher *publisher = argument;
    while (!atomic_load(&publisher->stop))
        rd_kafka_poll(publisher->client, POLL_MS);
    return NULL;
}

/* ---- the client ---- */

static enum err client_open(struct kafka_publisher *publisher, struct diag *diag)
{
    static const struct kafka_fixed fixed[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"partitioner", "murmur2_random"},
        {"allow.auto.create.topics", "false"},
        {"linger.ms", "1"},
        {"message.max.bytes", "4194304"}, /* the topic says what is too large */
        {"queue.buffering.max.kbytes", "131072"},
    };
    char timeout[16];
    rd_kafka_conf_t *conf = kafka_client_conf(publisher->properties, fixed, sizeof(fixed) / sizeof(*fixed),
                                              &publisher->watch, diag);
    if (conf == NULL)
        return ERR_INVALID;
    snprintf(timeout, sizeof(timeout), "%d", publisher->timeout_ms);
    kafka_client_set(conf, "message.timeout.ms", timeout);
    kafka_client_set(conf, "client.id", publisher->name);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    publisher->client = kafka_client_new(conf, RD_KAFKA_PRODUCER, diag);
    if (publisher->client == NULL)
        return ERR_INVALID;
    publisher->topic = memory_checked(rd_kafka_topic_new(publisher->client, publisher->topic_name, NULL));
    atomic_store(&publisher->stop, false);
    thread_start(&publisher->thread, serve_reports, publisher);
    return ERR_OK;
}

static void client_close(struct kafka_publisher *publisher)
{
    if (publisher->client == NULL)
        return;
    atomic_store(&publisher->stop, true);
    pthread_join(publisher->thread, NULL);
    rd_kafka_topic_destroy(publisher->topic);
    rd_kafka_destroy(publisher->client);
    publisher->client = NULL;
}

enum err kafka_publisher_open(const struct kafka_publisher_options *options,
                              struct kafka_publisher **publisher, struct diag *diag)
{
    struct kafka_publisher *p = memory_checked(calloc(1, sizeof(*p)));
    p->properties = kafka_properties_copy(options->properties);
    p->log = options->log;
    p->topic_name = memory_checked(strdup(options->topic));
    p->name = memory_checked(strdup(options->name));
    p->timeout_ms = options->timeout_ms;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->idle, NULL);
    kafka_watch_init(&p->watch, options->log, "publisher");
    enum err error = client_open(p, diag);
    if (error != ERR_OK)
        kafka_publisher_close(p);
    else
        *publisher = p;
    return error;
}

void kafka_publisher_close(struct kafka_publisher *publisher)
{
    if (publisher == NULL)
        return;
    client_close(publisher);
    kafka_watch_destroy(&publisher->watch);
    kafka_properties_free(publisher->properties);
    pthread_cond_destroy(&publisher->idle);
    pthread_mutex_destroy(&publisher->lock);
    free(publisher->topic_name);
    free(publisher->name);
    free(publisher);
}

/* ---- publishing ---- */

/* One call more uses the client; makes a broken one anew first. */
static enum err call_begin(struct kafka_publisher *publisher, struct diag *diag)
{
    enum err error = ERR_OK;
    pthread_mutex_lock(&publisher->lock);
    while (publisher->broken && publisher->calls > 0)
        pthread_cond_wait(&publisher->idle, &publisher->lock);
    if (publisher->broken) {
        client_close(publisher); /* nothing is waited for, so no report comes that would want the lock */
        error = client_open(publisher, diag);
        publisher->broken = error != ERR_OK;
    }
    publisher->calls += error == ERR_OK;
    pthread_mutex_unlock(&publisher->lock);
    return error;
}

static void call_end(struct kafka_publisher *publisher)
{
    char text[64];
    bool fatal = rd_kafka_fatal_error(publisher->client, text, sizeof(text)) != RD_KAFKA_RESP_ERR_NO_ERROR;
    pthread_mutex_lock(&publisher->lock);
    publisher->broken |= fatal;
    if (--publisher->calls == 0)
        pthread_cond_broadcast(&publisher->idle);
    pthread_mutex_unlock(&publisher->lock);
}

static rd_kafka_headers_t *headers_of(const struct kafka_publisher_record *record)
{
    if (record->headers[0].name == NULL)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(KAFKA_PUBLISHER_HEADERS);
    for (size_t i = 0; i < KAFKA_PUBLISHER_HEADERS && record->headers[i].name != NULL; i++)
        (void)rd_kafka_header_add(headers, record->headers[i].name, -1, record->headers[i].value.data,
                                  (ssize_t)record->headers[i].value.size);
    return headers;
}

static rd_kafka_resp_err_t produce(struct kafka_publisher *publisher, struct kafka_publisher_record *record)
{
    /* The casts drop const only: the client copies. */
    rd_kafka_vu_t fields[7] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = publisher->topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = (void *)(uintptr_t)record->value.data, .size = record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = record},
    };
    size_t count = 4;
    rd_kafka_headers_t *headers = headers_of(record);
    if (record->key.size > 0)
        fields[count++] = (rd_kafka_vu_t){
            .vtype = RD_KAFKA_VTYPE_KEY,
            .u.mem = {.ptr = (void *)(uintptr_t)record->key.data, .size = record->key.size}};
    if (headers != NULL)
        fields[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers};
    rd_kafka_error_t *error = rd_kafka_produceva(publisher->client, fields, count);
    if (error == NULL)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers != NULL)
        rd_kafka_headers_destroy(headers);
    return code;
}

static void publish_all(struct kafka_publisher *publisher, struct kafka_publisher_record *records,
                        size_t count)
{
    struct publish_batch batch = {.publisher = publisher, .waiting = count};
    pthread_cond_init(&batch.done, NULL);
    for (size_t i = 0; i < count; i++) {
        records[i].batch = &batch;
        rd_kafka_resp_err_t refused = produce(publisher, &records[i]);
        if (refused == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        pthread_mutex_lock(&publisher->lock);
        records[i].error = error_of(refused);
        batch.waiting--;
        pthread_mutex_unlock(&publisher->lock);
    }
    /* The client reports on every record that it took, at the latest when its time is up. */
    pthread_mutex_lock(&publisher->lock);
    while (batch.waiting > 0)
        pthread_cond_wait(&batch.done, &publisher->lock);
    pthread_mutex_unlock(&publisher->lock);
    pthread_cond_destroy(&batch.done);
}

static enum err explain(struct kafka_publisher *publisher, enum err error, struct diag *diag)
{
    char text[200];
    if (error == ERR_NOT_FOUND)
        return diag_set(diag, error, 0, 0, "the topic %s is missing: `declic topics create` makes it",
                        publisher->topic_name);
    kafka_watch_last_error(&publisher->watch, text, sizeof(text));
    return diag_set(diag, error, 0, 0, "Kafka does not acknowledge%s%s", text[0] == '\0' ? "" : ": ", text);
}

enum err kafka_publisher_publish(struct kafka_publisher *publisher, struct kafka_publisher_record *records,
                                 size_t count, struct diag *diag)
{
    enum err error = call_begin(publisher, diag);
    if (error != ERR_OK)
        return error;
    publish_all(publisher, records, count);
    for (size_t i = 0; i < count; i++)
        if (records[i].error != ERR_OK && records[i].error != ERR_LIMIT)
            error = records[i].error;
    call_end(publisher);
    return error == ERR_OK ? ERR_OK : explain(publisher, error, diag);
}
