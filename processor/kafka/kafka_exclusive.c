#include "kafka/kafka_exclusive.h"

#include <stdlib.h>
#include <time.h>

#include "base/memory.h"

#define COMING_TIMES 4 /* as long as otherwise */

struct kafka_exclusive {
    struct kafka_watch watch; /* first: the client's opaque */
    rd_kafka_t *client;
};

static enum err err_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING:
        return ERR_FENCED;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        return ERR_TIMEOUT;
    default:
        return kafka_error_is_permanent(code) ? ERR_REFUSED : ERR_UNREACHABLE;
    }
}

/* Takes the error over. A fenced client's errors read "fatal"; what is meant is that. */
static enum err explain(rd_kafka_error_t *error, const char *doing, struct diag *diag)
{
    enum err result = err_of(rd_kafka_error_code(error));
    (void)diag_set(diag, result, 0, 0, "%s: %s", doing, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return result;
}

/* The brokers are there, and make or load the topic that they keep transactions in: they do so for the
 * first that a cluster ever has, which takes a busy machine half a minute. */
static bool is_coming(const rd_kafka_error_t *error)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    return code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

static rd_kafka_error_t *begin(rd_kafka_t *client, int timeout_ms)
{
    int64_t began_us = kafka_now_us(), most_us = (int64_t)timeout_ms * 1000;
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(client, timeout_ms);
        if (error == NULL)
            return NULL;
        bool coming = is_coming(error);
        int64_t spent_us = kafka_now_us() - began_us;
        if (spent_us >= (coming ? COMING_TIMES * most_us : most_us) ||
            (!coming && rd_kafka_error_is_retriable(error) == 0))
            return error;
        rd_kafka_error_destroy(error);
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
}

enum err kafka_exclusive_open(const struct kafka_properties *properties, const struct log *log,
                              const char *transactional_id, int timeout_ms,
                              struct kafka_exclusive **exclusive, struct diag *diag)
{
    static const struct kafka_fixed fixed[] = {
        {"enable.idempotence", "true"},        {"acks", "all"},    {"transaction.timeout.ms", "10000"},
        {"message.timeout.ms", "9000"},        {"linger.ms", "0"}, {"message.max.bytes", "16777216"},
        {"allow.auto.create.topics", "false"},
    };
    struct kafka_exclusive *x = memory_checked(calloc(1, sizeof(*x)));
    kafka_watch_init(&x->watch, log, "exclusive writer");
    rd_kafka_conf_t *conf =
        kafka_client_conf(properties, fixed, sizeof(fixed) / sizeof(*fixed), &x->watch, diag);
    if (conf != NULL) {
        kafka_client_set(conf, "transactional.id", transactional_id);
        x->client = kafka_client_new(conf, RD_KAFKA_PRODUCER, diag);
    }
    if (x->client == NULL) {
        kafka_exclusive_close(x);
        return ERR_INVALID;
    }
    rd_kafka_error_t *error = begin(x->client, timeout_ms);
    if (error != NULL) {
        enum err result = explain(error, "Kafka gives no transactions", diag);
        kafka_exclusive_close(x);
        return result;
    }
    *exclusive = x;
    return ERR_OK;
}

void kafka_exclusive_close(struct kafka_exclusive *exclusive)
{
    if (exclusive == NULL)
        return;
    if (exclusive->client != NULL)
        rd_kafka_destroy(exclusive->client);
    kafka_watch_destroy(&exclusive->watch);
    free(exclusive);
}

static rd_kafka_error_t *produce(struct kafka_exclusive *exclusive, const char *topic,
                                 const struct kafka_exclusive_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    if (record->header_name != NULL)
        (void)rd_kafka_header_add(headers, record->header_name, -1, record->header_value.data,
                                  (ssize_t)record->header_value.size);
    rd_kafka_vu_t arguments[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)record->value.data, record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)record->key.data, record->key.size}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error =
        rd_kafka_produceva(exclusive->client, arguments, sizeof(arguments) / sizeof(*arguments));
    if (error != NULL)
        rd_kafka_headers_destroy(headers);
    return error;
}

/* Commits, trying again while the client says that this is safe. */
static enum err commit(struct kafka_exclusive *exclusive, int timeout_ms, struct diag *diag)
{
    int64_t until_us = kafka_now_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_commit_transaction(exclusive->client, timeout_ms);
        if (error == NULL)
            return ERR_OK;
        bool again = rd_kafka_error_is_retriable(error) != 0 && kafka_now_us() < until_us;
        bool aborted = rd_kafka_error_txn_requires_abort(error) != 0;
        if (again) {
            rd_kafka_error_destroy(error);
            continue;
        }
        enum err result = explain(error, "committing", diag);
        if (aborted) {
            rd_kafka_error_t *abort_error = rd_kafka_abort_transaction(exclusive->client, timeout_ms);
            if (abort_error != NULL)
                rd_kafka_error_destroy(abort_error);
            return result;
        }
        return result == ERR_FENCED || result == ERR_REFUSED ? result : ERR_UNKNOWN_OUTCOME;
    }
}

enum err kafka_exclusive_write(struct kafka_exclusive *exclusive, const char *topic,
                               const struct kafka_exclusive_record *records, size_t count, int timeout_ms,
                               struct diag *diag)
{
    rd_kafka_error_t *error = rd_kafka_begin_transaction(exclusive->client);
    for (size_t i = 0; error == NULL && i < count; i++)
        error = produce(exclusive, topic, &records[i]);
    if (error == NULL)
        return commit(exclusive, timeout_ms, diag);
    enum err result = explain(error, "writing", diag);
    error = rd_kafka_abort_transaction(exclusive->client, timeout_ms);
    if (error != NULL)
        rd_kafka_error_destroy(error);
    return result;
}
