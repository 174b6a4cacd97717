#include "kafka/kafka_replay.h"

#include <stdlib.h>

#include "base/memory.h"

struct kafka_replay {
    struct kafka_watch watch; /* first: the client's opaque */
    rd_kafka_t *client;
    rd_kafka_resp_err_t failed; /* the first delivery that did */
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_replay *replay = opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && replay->failed == RD_KAFKA_RESP_ERR_NO_ERROR)
        replay->failed = message->err;
}

enum err kafka_replay_open(const struct kafka_properties *properties, struct kafka_replay **replay,
                           struct diag *diag)
{
    static const struct kafka_fixed fixed[] = {
        {"enable.idempotence", "true"},        {"acks", "all"},
        {"message.max.bytes", "67108864"},     {"partitioner", "murmur2_random"},
        {"allow.auto.create.topics", "false"},
    };
    struct kafka_replay *r = memory_checked(calloc(1, sizeof(*r)));
    kafka_watch_init(&r->watch, NULL, "replay");
    rd_kafka_conf_t *conf =
        kafka_client_conf(properties, fixed, sizeof(fixed) / sizeof(*fixed), &r->watch, diag);
    if (conf != NULL) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        r->client = kafka_client_new(conf, RD_KAFKA_PRODUCER, diag);
    }
    if (r->client == NULL) {
        kafka_replay_close(r);
        return ERR_INVALID;
    }
    *replay = r;
    return ERR_OK;
}

void kafka_replay_close(struct kafka_replay *replay)
{
    if (replay == NULL)
        return;
    if (replay->client != NULL)
        rd_kafka_destroy(replay->client);
    kafka_watch_destroy(&replay->watch);
    free(replay);
}

static rd_kafka_headers_t *headers_without(const struct kafka_log_record *record, const char *without)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct kafka_log_header *header = &record->headers[i];
        if (strncmp(header->name, without, strlen(without)) == 0)
            continue;
        const char *value = header->value.data == NULL ? "" : header->value.data;
        (void)rd_kafka_header_add(headers, header->name, -1, header->has_value ? value : NULL,
                                  (ssize_t)header->value.size);
    }
    return headers;
}

static rd_kafka_resp_err_t produce(struct kafka_replay *replay, const char *topic, int32_t partition,
                                   const struct kafka_log_record *record, const char *without)
{
    rd_kafka_headers_t *headers = headers_without(record, without);
    rd_kafka_vu_t arguments[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {record->has_value ? (void *)(uintptr_t)record->value.data : NULL, record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {record->has_key ? (void *)(uintptr_t)record->key.data : NULL, record->key.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error =
        rd_kafka_produceva(replay->client, arguments, sizeof(arguments) / sizeof(*arguments));
    if (error == NULL)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    rd_kafka_headers_destroy(headers);
    return code;
}

enum err kafka_replay_send(struct kafka_replay *replay, struct span topic, int32_t partition,
                           const struct kafka_log_record *record, const char *without, struct diag *diag)
{
    char name[256]; /* topics have at most 249 characters */
    if (topic.size >= sizeof(name))
        return diag_set(diag, ERR_REFUSED, 0, 0, "\"%.*s\" is no topic", SPAN_PRINTF(topic));
    memcpy(name, topic.data, topic.size);
    name[topic.size] = 0;
    rd_kafka_resp_err_t code = produce(replay, name, partition, record, without);
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        code = produce(replay, name, partition = RD_KAFKA_PARTITION_UA, record, without);
    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(replay->client, 100);
        code = produce(replay, name, partition, record, without);
    }
    rd_kafka_poll(replay->client, 0);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return diag_set(diag, ERR_REFUSED, 0, 0, "topic %s: %s", name, rd_kafka_err2str(code));
    return ERR_OK;
}

enum err kafka_replay_flush(struct kafka_replay *replay, int timeout_ms, struct diag *diag)
{
    if (rd_kafka_flush(replay->client, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return diag_set(diag, ERR_TIMEOUT, 0, 0, "%d records are not acknowledged",
                        rd_kafka_outq_len(replay->client));
    if (replay->failed != RD_KAFKA_RESP_ERR_NO_ERROR)
        return diag_set(diag, ERR_REFUSED, 0, 0, "a record was not taken: %s",
                        rd_kafka_err2str(replay->failed));
    return ERR_OK;
}
