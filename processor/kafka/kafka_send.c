#include "kafka/kafka_send.h"

#include <stdlib.h>

#include "base/memory.h"

#define FULL_QUEUE_MS 3000
#define FULL_QUEUE_POLL_MS 2
#define ONE_BATCH_BYTES 900000 /* all of it fits one batch, even when it is for one partition */
#define RECORD_BYTES 64        /* and beside key, value and headers, at most */
#define PUSH_MS 1
#define PUSH_WAIT_MS 5 /* on a busy machine a push may have ended before the client's thread saw it */

struct kafka_topic_handle {
    char *name;
    size_t size;
    rd_kafka_topic_t *topic;
};

/* Batches are ended by kafka_send_push, not by linger: librdkafka 2.0 has at most one batch of an
 * idempotent producer's partition under way, and its thread spins while messages whose linger is over wait
 * behind it. The local queue must hold a whole transaction. */
const struct kafka_fixed kafka_send_fixed[] = {
    {"enable.idempotence", "true"},
    {"partitioner", "murmur2_random"},
    {"allow.auto.create.topics", "false"},
    {"linger.ms", "1000"},
    {"queue.buffering.max.messages", "1000000"},
    {"queue.buffering.max.kbytes", "1048576"},
    {"message.max.bytes", "2000000"},
    {"socket.nagle.disable", "true"},
    {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "1000"},
    {"retry.backoff.ms", "50"},
    {"log.connection.close", "false"},
    {"delivery.report.only.error", "false"},
};
const size_t kafka_send_fixed_count = sizeof(kafka_send_fixed) / sizeof(kafka_send_fixed[0]);

void kafka_topics_clear(struct kafka_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++) {
        rd_kafka_topic_destroy(topics->list[i].topic);
        free(topics->list[i].name);
    }
    free(topics->list);
    *topics = (struct kafka_topics){0};
}

static rd_kafka_topic_t *topic_find(rd_kafka_t *client, struct kafka_topics *topics, struct span name)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (span_equal(span_make(topics->list[i].name, topics->list[i].size), name))
            return topics->list[i].topic;
    }
    if (topics->count == topics->capacity) {
        topics->capacity = topics->capacity == 0 ? 8 : topics->capacity * 2;
        topics->list = realloc(topics->list, topics->capacity * sizeof(*topics->list));
    }
    char *copy = strndup(name.data, name.size);
    if (copy == NULL || topics->list == NULL)
        memory_exhausted();
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, copy, NULL);
    if (topic == NULL) {
        free(copy);
        return NULL;
    }
    topics->list[topics->count++] = (struct kafka_topic_handle){copy, name.size, topic};
    return topic;
}

static size_t record_bytes(const struct outbox_record *record)
{
    size_t bytes = RECORD_BYTES + record->key.size + record->value.size;
    for (size_t i = 0; i < record->header_count; i++)
        bytes += strlen(record->headers[i].name) + record->headers[i].value.size;
    return bytes;
}

static rd_kafka_headers_t *headers_make(const struct outbox_record *record)
{
    if (record->header_count == 0)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct outbox_header *header = &record->headers[i];
        rd_kafka_header_add(headers, header->name, -1, header->value.data, (ssize_t)header->value.size);
    }
    return headers;
}

/* `flags`: RD_KAFKA_MSG_F_COPY, or 0 when the value stays where it is until its report. */
static rd_kafka_resp_err_t send_once(rd_kafka_t *client, rd_kafka_topic_t *topic,
                                     const struct outbox_record *record, int flags, void *opaque)
{
    /* The casts drop const only: the client copies, or reads. */
    rd_kafka_vu_t fields[7] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION,
         .u.i32 = record->partition < 0 ? RD_KAFKA_PARTITION_UA : record->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = flags},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = (void *)(uintptr_t)record->value.data, .size = record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque},
    };
    size_t count = 5;
    rd_kafka_headers_t *headers = headers_make(record);
    if (record->key.size > 0)
        fields[count++] = (rd_kafka_vu_t){
            .vtype = RD_KAFKA_VTYPE_KEY,
            .u.mem = {.ptr = (void *)(uintptr_t)record->key.data, .size = record->key.size}};
    if (headers != NULL)
        fields[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers};
    rd_kafka_error_t *error = rd_kafka_produceva(client, fields, count);
    if (error == NULL)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers != NULL)
        rd_kafka_headers_destroy(headers);
    return code;
}

static rd_kafka_resp_err_t send_record(rd_kafka_t *client, struct kafka_topics *topics,
                                       const struct outbox_record *record, int flags, void *opaque)
{
    rd_kafka_topic_t *topic = topic_find(client, topics, record->topic);
    if (topic == NULL)
        return rd_kafka_last_error();
    topics->given_bytes += record_bytes(record);
    rd_kafka_resp_err_t error = send_once(client, topic, record, flags, opaque);
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return error;
    int64_t until_us = kafka_now_us() + FULL_QUEUE_MS * 1000;
    do {
        rd_kafka_poll(client, FULL_QUEUE_POLL_MS);
        error = send_once(client, topic, record, flags, opaque);
    } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL && kafka_now_us() <= until_us);
    return error;
}

rd_kafka_resp_err_t kafka_send(rd_kafka_t *client, struct kafka_topics *topics,
                               const struct outbox_record *record, void *opaque)
{
    return send_record(client, topics, record, RD_KAFKA_MSG_F_COPY, opaque);
}

rd_kafka_resp_err_t kafka_send_lent(rd_kafka_t *client, struct kafka_topics *topics,
                                    const struct outbox_record *record, void *opaque)
{
    return send_record(client, topics, record, 0, opaque);
}

static bool push(rd_kafka_t *client, const struct kafka_topics *topics, int wait_ms)
{
    if (topics->given_bytes < ONE_BATCH_BYTES)
        return rd_kafka_flush(client, wait_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (rd_kafka_flush(client, PUSH_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    (void)rd_kafka_poll(client, wait_ms < PUSH_WAIT_MS ? wait_ms : PUSH_WAIT_MS);
    return false;
}

bool kafka_send_push(rd_kafka_t *client, struct kafka_topics *topics, int wait_ms)
{
    bool all = push(client, topics, wait_ms);
    if (all)
        topics->given_bytes = 0;
    return all;
}
