#include "kafka/kafka_log.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

#define LEADER_WAIT_MS 50

struct kafka_log {
    struct kafka_watch watch; /* first: the client's opaque */
    rd_kafka_t *client;
    rd_kafka_t *asker;       /* for the log's ends: a broker answers a connection in order, so behind the
                                reader's fetches a question would wait for the next record */
    rd_kafka_topic_t *asked; /* without a handle a client does not look where a partition moved to */
    char *topic;
    int32_t partition;
    rd_kafka_message_t *message; /* handed out */
    struct kafka_log_header *headers;
    size_t header_capacity;
    int64_t position;
    int64_t from; /* where reading begins */
    bool reading;
};

static rd_kafka_t *client_make(struct kafka_log *log, const struct kafka_log_options *options,
                               struct diag *diag)
{
    static const struct kafka_fixed fixed[] = {
        {"group.id", "declic-without-group"}, /* the client wants one; it is never joined */
        {"enable.auto.commit", "false"},      {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "earliest"},    {"enable.partition.eof", "true"},
        {"fetch.wait.max.ms", "100"},         {"allow.auto.create.topics", "false"},
    };
    rd_kafka_conf_t *conf =
        kafka_client_conf(options->properties, fixed, sizeof(fixed) / sizeof(*fixed), &log->watch, diag);
    if (conf == NULL)
        return NULL;
    if (options->queue_kbytes != NULL)
        kafka_client_set(conf, "queued.max.messages.kbytes", options->queue_kbytes);
    kafka_client_set(conf, "isolation.level", options->committed ? "read_committed" : "read_uncommitted");
    return kafka_client_new(conf, RD_KAFKA_CONSUMER, diag);
}

/* Once only: librdkafka (2.0.2) ends the process where a partition is taken away that has not yet stopped
 * from the last time. */
static void reading_begin(struct kafka_log *log)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, log->topic, log->partition)->offset = log->from;
    (void)rd_kafka_assign(log->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    log->reading = true;
}

enum err kafka_log_open(const struct kafka_log_options *options, struct kafka_log **log, struct diag *diag)
{
    struct kafka_log *l = memory_checked(calloc(1, sizeof(*l)));
    l->topic = memory_checked(strdup(options->topic));
    kafka_watch_init(&l->watch, options->log, l->topic);
    l->partition = options->partition;
    l->client = client_make(l, options, diag);
    l->asker = l->client == NULL ? NULL : client_make(l, options, diag);
    if (l->asker == NULL) {
        kafka_log_close(l);
        return ERR_INVALID;
    }
    l->asked = memory_checked(rd_kafka_topic_new(l->asker, l->topic, NULL));
    (void)rd_kafka_poll_set_consumer(l->client);
    l->from = RD_KAFKA_OFFSET_BEGINNING;
    *log = l;
    return ERR_OK;
}

static void message_drop(struct kafka_log *log)
{
    if (log->message != NULL)
        rd_kafka_message_destroy(log->message);
    log->message = NULL;
}

void kafka_log_close(struct kafka_log *log)
{
    if (log == NULL)
        return;
    message_drop(log);
    if (log->client != NULL)
        rd_kafka_destroy_flags(log->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (log->asked != NULL)
        rd_kafka_topic_destroy(log->asked);
    if (log->asker != NULL)
        rd_kafka_destroy_flags(log->asker, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    kafka_watch_destroy(&log->watch);
    free(log->topic);
    free(log->headers);
    free(log);
}

static enum err explain(const struct kafka_log *log, rd_kafka_resp_err_t error, struct diag *diag)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return diag_set(diag, ERR_NOT_FOUND, 0, 0, "topic %s is missing: `declic topics create` makes it",
                        log->topic);
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
        return diag_set(diag, ERR_TIMEOUT, 0, 0, "Kafka does not answer about topic %s", log->topic);
    default:
        return diag_set(diag, kafka_error_is_permanent(error) ? ERR_REFUSED : ERR_UNREACHABLE, 0, 0,
                        "topic %s: %s", log->topic, rd_kafka_err2str(error));
    }
}

static rd_kafka_resp_err_t offset_ask_once(struct kafka_log *log, int64_t which, int timeout_ms,
                                           int64_t *offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, log->topic, log->partition)->offset = which;
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(log->asker, list, timeout_ms);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        error = list->elems[0].err;
    *offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return error;
}

/* A topic that was made a moment ago is in the metadata before its broker serves it; librdkafka does
 * not ask again by itself. */
static enum err offset_ask(struct kafka_log *log, int64_t which, int timeout_ms, int64_t *offset,
                           struct diag *diag)
{
    rd_kafka_resp_err_t error;
    int waited_ms = 0;
    while ((error = offset_ask_once(log, which, timeout_ms, offset)) != RD_KAFKA_RESP_ERR_NO_ERROR &&
           (error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
            error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) &&
           waited_ms < timeout_ms) {
        (void)usleep(LEADER_WAIT_MS * 1000);
        waited_ms += LEADER_WAIT_MS;
    }
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_OK : explain(log, error, diag);
}

enum err kafka_log_end(struct kafka_log *log, int timeout_ms, int64_t *start, int64_t *end,
                       struct diag *diag)
{
    enum err error = ERR_OK;
    if (start != NULL)
        error = offset_ask(log, RD_KAFKA_OFFSET_BEGINNING, timeout_ms, start, diag);
    if (error == ERR_OK)
        error = offset_ask(log, RD_KAFKA_OFFSET_END, timeout_ms, end, diag);
    return error;
}

enum err kafka_log_begin_at(struct kafka_log *log, int64_t since_ms, int64_t end, int timeout_ms,
                            struct diag *diag)
{
    int64_t offset;
    enum err error = offset_ask(log, since_ms, timeout_ms, &offset, diag);
    if (error != ERR_OK)
        return error;
    log->position = offset < 0 ? end : offset; /* negative: the end of the log, as it is now */
    log->from = log->position;
    return ERR_OK;
}

static void headers_read(struct kafka_log *log, struct kafka_log_record *record)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(log->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    size_t count = rd_kafka_header_cnt(headers);
    if (count > log->header_capacity) {
        log->headers = memory_checked(realloc(log->headers, count * sizeof(*log->headers)));
        log->header_capacity = count;
    }
    for (size_t i = 0; i < count; i++) {
        if (rd_kafka_header_get_all(headers, i, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        log->headers[record->header_count++] =
            (struct kafka_log_header){name, span_make(value, size), value != NULL};
    }
    record->headers = log->headers;
}

static enum err error_next(struct kafka_log *log)
{
    rd_kafka_resp_err_t error = log->message->err;
    if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (log->message->offset > log->position)
            log->position = log->message->offset;
    } else {
        kafka_watch_error(&log->watch, error, rd_kafka_message_errstr(log->message));
    }
    message_drop(log);
    return ERR_TIMEOUT;
}

enum err kafka_log_next(struct kafka_log *log, int timeout_ms, struct kafka_log_record *record)
{
    message_drop(log);
    if (!log->reading)
        reading_begin(log);
    log->message = rd_kafka_consumer_poll(log->client, timeout_ms);
    if (log->message == NULL)
        return ERR_TIMEOUT;
    if (log->message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_next(log);
    rd_kafka_timestamp_type_t type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(log->message, &type);
    *record = (struct kafka_log_record){
        .offset = log->message->offset,
        .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0 : timestamp_ms,
        .has_key = log->message->key != NULL,
        .has_value = log->message->payload != NULL,
        .key = span_make(log->message->key, log->message->key_len),
        .value = span_make(log->message->payload, log->message->len),
    };
    headers_read(log, record);
    log->position = record->offset + 1;
    return ERR_OK;
}

int64_t kafka_log_position(const struct kafka_log *log)
{
    return log->position;
}
