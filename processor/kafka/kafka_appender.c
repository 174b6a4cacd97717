#include "kafka/kafka_appender.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

struct kafka_appender {
    struct kafka_watch watch; /* first: the client's opaque */
    rd_kafka_t *client;
    rd_kafka_queue_t *queue; /* delivery reports */
    rd_kafka_topic_t *journal, *dead_letters;
    rd_kafka_event_t *event; /* reports that are being handed out; NULL: none */
    char text[320];
};

static enum err error_of(struct kafka_appender *a, rd_kafka_resp_err_t error, const rd_kafka_topic_t *topic)
{
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ERR_OK;
    snprintf(a->text, sizeof(a->text), "topic %s refuses a record: %s", rd_kafka_topic_name(topic),
             rd_kafka_err2str(error));
    if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE)
        return ERR_LIMIT;
    return ERR_REFUSED;
}

static rd_kafka_headers_t *headers_of(const struct appender_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct appender_header *header = &record->headers[i];
        const char *value = header->value.data == NULL ? "" : header->value.data;
        (void)rd_kafka_header_add(headers, header->name.data, (ssize_t)header->name.size,
                                  header->has_value ? value : NULL, (ssize_t)header->value.size);
    }
    return headers;
}

/* Kafka tells null from empty by the pointer. */
static void *pointer_of(bool has, struct span bytes)
{
    return !has ? NULL : bytes.data == NULL ? (void *)"" : (void *)(uintptr_t)bytes.data;
}

static rd_kafka_resp_err_t produce_with_headers(struct kafka_appender *a, rd_kafka_topic_t *topic,
                                                const struct appender_record *record)
{
    rd_kafka_headers_t *headers = headers_of(record);
    rd_kafka_vu_t arguments[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {pointer_of(record->has_value, record->value), record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {pointer_of(record->has_key, record->key), record->key.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)record->cookie},
    };
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_t *error =
        rd_kafka_produceva(a->client, arguments, sizeof(arguments) / sizeof(*arguments));
    if (error != NULL) {
        code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        rd_kafka_headers_destroy(headers);
    }
    return code;
}

static enum err appender_append(void *self, const struct appender_record *record)
{
    struct kafka_appender *a = self;
    rd_kafka_topic_t *topic = record->target == APPENDER_JOURNAL ? a->journal : a->dead_letters;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (record->header_count > 0 || record->timestamp_ms != 0)
        code = produce_with_headers(a, topic, record);
    else if (rd_kafka_produce(topic, record->partition, RD_KAFKA_MSG_F_COPY,
                              pointer_of(record->has_value, record->value), record->value.size,
                              pointer_of(record->has_key, record->key), record->key.size,
                              (void *)(uintptr_t)record->cookie) != 0)
        code = rd_kafka_last_error();
    return error_of(a, code, topic);
}

/* Takes reports out of the event at hand; true when it is used up. */
static bool reports_take(struct kafka_appender *a, struct appender_report *reports, size_t capacity,
                         size_t *count)
{
    while (*count < capacity) {
        const rd_kafka_message_t *message = rd_kafka_event_message_next(a->event);
        if (message == NULL)
            return true;
        reports[(*count)++] = (struct appender_report){.error = error_of(a, message->err, message->rkt),
                                                       .cookie = (uint64_t)(uintptr_t)message->_private};
    }
    return false;
}

static size_t appender_poll(void *self, struct appender_report *reports, size_t capacity)
{
    struct kafka_appender *a = self;
    size_t count = 0;
    while (count < capacity) {
        if (a->event == NULL)
            a->event = rd_kafka_queue_poll(a->queue, 0);
        if (a->event == NULL)
            break;
        if (rd_kafka_event_type(a->event) == RD_KAFKA_EVENT_DR &&
            !reports_take(a, reports, capacity, &count))
            break;
        rd_kafka_event_destroy(a->event);
        a->event = NULL;
    }
    return count;
}

static struct span appender_trouble(void *self)
{
    struct kafka_appender *a = self;
    if (a->text[0] == 0)
        kafka_watch_last_error(&a->watch, a->text, sizeof(a->text));
    return span_from_text(a->text);
}

int32_t kafka_appender_partitions(struct kafka_appender *appender, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata;
    int32_t partitions = KAFKA_APPENDER_UNKNOWN;
    if (rd_kafka_metadata(appender->client, 0, appender->journal, &metadata, timeout_ms) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return KAFKA_APPENDER_UNKNOWN;
    if (metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
        partitions = metadata->topics[0].partition_cnt;
    else if (metadata->topic_cnt == 1 && kafka_error_is_permanent(metadata->topics[0].err))
        partitions = KAFKA_APPENDER_MISSING;
    rd_kafka_metadata_destroy(metadata);
    return partitions;
}

static rd_kafka_t *client_make(struct kafka_appender *a, const struct kafka_appender_options *options,
                               struct diag *diag)
{
    static const struct kafka_fixed fixed[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"message.timeout.ms", "0"},
        {"message.max.bytes", "67108864"},
        {"queue.buffering.max.messages", "1000000"},
        {"queue.buffering.max.kbytes", "1048576"},
        {"linger.ms", "20"}, /* else a request for each record: librdkafka's have one partition each */
        {"allow.auto.create.topics", "false"},
    };
    rd_kafka_conf_t *conf =
        kafka_client_conf(options->properties, fixed, sizeof(fixed) / sizeof(*fixed), &a->watch, diag);
    if (conf == NULL)
        return NULL;
    kafka_client_set(conf, "client.id", options->name);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    return kafka_client_new(conf, RD_KAFKA_PRODUCER, diag);
}

enum err kafka_appender_open(const struct kafka_appender_options *options, struct kafka_appender **appender,
                             struct diag *diag)
{
    struct kafka_appender *a = memory_checked(calloc(1, sizeof(*a)));
    kafka_watch_init(&a->watch, options->log, "appender");
    a->client = client_make(a, options, diag);
    if (a->client == NULL) {
        kafka_appender_destroy(a);
        return ERR_INVALID;
    }
    a->queue = rd_kafka_queue_get_main(a->client);
    a->journal = memory_checked(rd_kafka_topic_new(a->client, options->journal_topic, NULL));
    a->dead_letters = memory_checked(rd_kafka_topic_new(a->client, options->dead_letter_topic, NULL));
    *appender = a;
    return ERR_OK;
}

struct appender_port kafka_appender_port(struct kafka_appender *appender)
{
    return (struct appender_port){
        .self = appender, .append = appender_append, .poll = appender_poll, .trouble = appender_trouble};
}

void kafka_appender_destroy(struct kafka_appender *a)
{
    if (a == NULL)
        return;
    if (a->client != NULL) {
        (void)rd_kafka_purge(a->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                            RD_KAFKA_PURGE_F_NON_BLOCKING);
        if (a->event != NULL)
            rd_kafka_event_destroy(a->event);
        rd_kafka_topic_destroy(a->journal);
        rd_kafka_topic_destroy(a->dead_letters);
        rd_kafka_queue_destroy(a->queue);
        rd_kafka_destroy(a->client);
    }
    kafka_watch_destroy(&a->watch);
    free(a);
}
