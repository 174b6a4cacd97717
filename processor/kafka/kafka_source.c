#include "base/memory.h"
#include "kafka/kafka_source_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Unwanted records are left in the client's queue; after this long the partitions are paused, so that
 * the queue can be served for the events behind them. */
#define UNWANTED_MS 1000
#define CLOSE_TIMEOUT_MS 5000
#define MOVE_RETRY_MS 5

/* ---- records ---- */

static struct batch *batch_take(struct kafka_source *s)
{
    struct batch *batch = s->free_batches;
    if (batch == NULL)
        batch = memory_checked(calloc(1, sizeof(*batch)));
    else
        s->free_batches = batch->next;
    batch->count = batch->header_count = 0;
    return batch;
}

static void source_release(void *self, void *handle)
{
    struct kafka_source *s = self;
    struct batch *batch = handle;
    for (size_t i = 0; i < batch->count; i++)
        rd_kafka_message_destroy(batch->raw[i]);
    batch->next = s->free_batches;
    s->free_batches = batch;
}

static void header_add(struct batch *batch, const char *name, const void *value, size_t size)
{
    if (batch->header_count == batch->header_capacity) {
        batch->header_capacity = batch->header_capacity == 0 ? 64 : batch->header_capacity * 2;
        batch->headers =
            memory_checked(realloc(batch->headers, batch->header_capacity * sizeof(*batch->headers)));
    }
    batch->headers[batch->header_count++] =
        (struct source_header){span_from_text(name), span_make(value, size), value != NULL};
}

/* Where the headers lie is filled in once all of the batch's are there: the array moves as it grows. */
static void headers_read(struct batch *batch, struct source_message *message, rd_kafka_message_t *raw)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(raw, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    while (rd_kafka_header_get_all(headers, message->header_count, &name, &value, &size) ==
           RD_KAFKA_RESP_ERR_NO_ERROR) {
        header_add(batch, name, value, size);
        message->header_count++;
    }
}

static void headers_place(struct batch *batch)
{
    const struct source_header *at = batch->headers;
    for (size_t i = 0; batch->header_count > 0 && i < batch->count; i++) {
        batch->messages[i].headers = at;
        at += batch->messages[i].header_count;
    }
}

/* A message that is no record: the client's word about a partition or topic. */
static void trouble_read(struct kafka_source *s, const rd_kafka_message_t *raw)
{
    if (raw->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        kafka_watch_error(&s->watch, raw->err, rd_kafka_message_errstr(raw));
}

/* Keeps the record in the batch, or gives it back. */
static void record_add(struct kafka_source *s, struct batch *batch, rd_kafka_message_t *raw)
{
    uint32_t topic = raw->err == RD_KAFKA_RESP_ERR_NO_ERROR ? source_topic_of(s, raw->rkt) : UINT32_MAX;
    struct part *part = topic == UINT32_MAX ? NULL : source_part(s, topic, raw->partition);
    if (part == NULL || part->state != PART_READING) {
        if (raw->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            trouble_read(s, raw);
        rd_kafka_message_destroy(raw);
        return;
    }
    if (raw->offset < part->next) {
        source_part_is_anew(s, topic, raw->partition);
        rd_kafka_message_destroy(raw);
        return;
    }
    rd_kafka_timestamp_type_t type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(raw, &type);
    struct source_message *message = &batch->messages[batch->count];
    *message = (struct source_message){
        .topic = topic,
        .partition = raw->partition,
        .offset = raw->offset,
        .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms,
        .has_key = raw->key != NULL,
        .has_value = raw->payload != NULL,
        .key = span_make(raw->key, raw->key_len),
        .value = span_make(raw->payload, raw->len),
    };
    headers_read(batch, message, raw);
    batch->raw[batch->count++] = raw;
    part->next = raw->offset + 1;
}

/* The client's batch call waits until the batch is full, so wait for one record and then take what is
 * there. */
static bool records_hand_out(struct kafka_source *s, int timeout_ms, struct source_event *event)
{
    rd_kafka_message_t *raw[SOURCE_BATCH_RECORDS];
    raw[0] = rd_kafka_consume_queue(s->queue, timeout_ms);
    if (raw[0] == NULL)
        return false;
    ssize_t more = rd_kafka_consume_batch_queue(s->queue, 0, raw + 1, SOURCE_BATCH_RECORDS - 1);
    struct batch *batch = batch_take(s);
    for (ssize_t i = 0; i <= (more < 0 ? 0 : more); i++)
        record_add(s, batch, raw[i]);
    if (batch->count == 0) {
        source_release(s, batch);
        return false;
    }
    headers_place(batch);
    *event = (struct source_event){
        .kind = SOURCE_RECORDS, .messages = batch->messages, .count = batch->count, .batch = batch};
    return true;
}

/* ---- commits ---- */

static void on_commit(rd_kafka_t *client, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *list,
                      void *opaque)
{
    struct kafka_source *s = rd_kafka_opaque(client);
    (void)opaque;
    for (int i = 0; error == RD_KAFKA_RESP_ERR_NO_ERROR && list != NULL && i < list->cnt; i++)
        error = list->elems[i].err;
    s->answer.here = true;
    switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        s->answer.error = ERR_OK;
        break;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
        s->answer.error = ERR_CONFLICT;
        break;
    default:
        s->answer.error = ERR_UNREACHABLE;
        break;
    }
}

static void source_commit(void *self, const struct source_commit *commits, size_t count, uint64_t tag)
{
    struct kafka_source *s = self;
    assert(!s->answer.waiting && count > 0);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *one =
            rd_kafka_topic_partition_list_add(list, s->topics[commits[i].topic].name, commits[i].partition);
        one->offset = commits[i].offset;
        one->metadata = memory_checked(malloc(commits[i].metadata.size + 1));
        memcpy(one->metadata, commits[i].metadata.data, commits[i].metadata.size);
        one->metadata_size = commits[i].metadata.size;
    }
    s->answer = (struct answer){.waiting = true, .tag = tag};
    /* Behind a request to join it would be answered by the next generation, which refuses it, and the
     * client would take that for the loss of all its partitions (librdkafka before 2.10.0). */
    if (atomic_load(&s->watch.joining) ||
        rd_kafka_commit_queue(s->client, list, s->answers, on_commit, NULL) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        s->answer.here = true;
        s->answer.error = ERR_CONFLICT;
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* Waits up to timeout_ms for the answer to the commit under way; true once it is here. */
static bool answer_await(struct kafka_source *s, int timeout_ms)
{
    if (s->answer.waiting && !s->answer.here)
        (void)rd_kafka_queue_poll_callback(s->answers, timeout_ms);
    return s->answer.here;
}

static bool answer_hand_out(struct kafka_source *s, struct source_event *event)
{
    if (!s->answer.here)
        return false;
    *event =
        (struct source_event){.kind = SOURCE_COMMITTED, .tag = s->answer.tag, .error = s->answer.error};
    s->answer = (struct answer){0};
    s->answered_last = true;
    return true;
}

/* ---- polling ---- */

static void wait_ms(int timeout_ms)
{
    struct timespec time = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* Records are not wanted: leave them in the queue for a while, then pause, so that only other things are
 * left in it. What comes before the pause takes hold is dropped: the partitions are to be moved. */
static void unwanted_wait(struct kafka_source *s, int timeout_ms)
{
    int64_t now_us = kafka_now_us();
    if (s->unwanted_since_us == 0)
        s->unwanted_since_us = now_us;
    if (!s->paused && !s->closing) {
        if (now_us - s->unwanted_since_us < UNWANTED_MS * 1000) {
            wait_ms(timeout_ms);
            return;
        }
        source_pause_all(s, true);
    }
    struct source_event none;
    if (records_hand_out(s, timeout_ms, &none))
        source_release(s, none.batch); /* only while leaving */
}

/* Records are wanted again. */
static void wanted_again(struct kafka_source *s)
{
    s->unwanted_since_us = 0;
    if (!s->paused)
        return;
    source_pause_all(s, false);
}

static enum err trouble_hand_out(struct kafka_source *s, struct source_event *event)
{
    unsigned troubles = atomic_load(&s->watch.troubles);
    char fatal[200];
    if (rd_kafka_fatal_error(s->client, fatal, sizeof(fatal)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(s->text, sizeof(s->text), "%s", fatal);
        event->text = span_from_text(s->text);
        return ERR_REFUSED;
    }
    if (troubles == s->troubles_seen)
        return ERR_OK;
    s->troubles_seen = troubles;
    kafka_watch_last_error(&s->watch, s->text, sizeof(s->text));
    *event = (struct source_event){.kind = SOURCE_AWAY, .text = span_from_text(s->text)};
    return ERR_OK;
}

/* The client's queue: records and rebalances. True when the event is filled. */
static bool queue_hand_out(struct kafka_source *s, int timeout_ms, bool records_wanted,
                           struct source_event *event)
{
    if (!records_wanted) {
        unwanted_wait(s, timeout_ms);
        return false;
    }
    wanted_again(s);
    if (source_settle(s) && timeout_ms > MOVE_RETRY_MS)
        timeout_ms = MOVE_RETRY_MS;
    return records_hand_out(s, timeout_ms, event);
}

/* An owner that commits again at each answer may find the next answer here at each poll: behind one the
 * queue comes first, or the group would wait for a rebalance that nobody takes out of it. */
static enum err source_poll(void *self, int timeout_ms, bool records_wanted, struct source_event *event)
{
    struct kafka_source *s = self;
    *event = (struct source_event){.kind = SOURCE_NOTHING};
    if (source_standing_hand_out(s, event))
        return ERR_OK;
    bool queue_first = s->answered_last && s->standing.list == NULL;
    s->answered_last = false;
    if (answer_await(s, 0)) {
        if (!queue_first && answer_hand_out(s, event))
            return ERR_OK;
        timeout_ms = 0;
    }
    /* The client's queue is left alone until the rebalance is answered: the next one may already lie in it,
     * when the group was left or lost meanwhile. */
    if (s->standing.list == NULL) {
        if (queue_hand_out(s, timeout_ms, records_wanted, event))
            return ERR_OK;
    } else if (s->answer.waiting) {
        (void)answer_await(s, timeout_ms);
    } else {
        wait_ms(timeout_ms);
    }
    return answer_hand_out(s, event) ? ERR_OK : trouble_hand_out(s, event);
}

/* ---- life ---- */

/* Serves what lies in the client's queue, up to a rebalance; records are dropped. */
static void queue_drain(struct kafka_source *s)
{
    rd_kafka_message_t *raw;
    while (s->standing.list == NULL && (raw = rd_kafka_consume_queue(s->queue, 0)) != NULL)
        rd_kafka_message_destroy(raw);
}

static void source_close(void *self)
{
    struct kafka_source *s = self;
    s->closing = true;
    queue_drain(s);
    source_standing_forestall(s);
    if (!source_has_parts(s))
        kafka_consumer_leave(s->client);
    source_error_drop(s, rd_kafka_consumer_close_queue(s->client, s->queue), "leaving the group");
}

static bool source_closed(void *self)
{
    struct kafka_source *s = self;
    return s->closing && rd_kafka_consumer_closed(s->client) != 0;
}

static enum err subscribe(struct kafka_source *s, struct diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)s->topic_count);
    for (size_t i = 0; i < s->topic_count; i++)
        rd_kafka_topic_partition_list_add(list, s->topics[i].name, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(s->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return diag_set(diag, ERR_INVALID, 0, 0, "the sources cannot be subscribed to: %s",
                        rd_kafka_err2str(error));
    return ERR_OK;
}

static rd_kafka_t *client_make(struct kafka_source *s, const struct kafka_source_options *options,
                               struct diag *diag)
{
    static const struct kafka_fixed fixed[] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "earliest"},
        {"isolation.level", "read_committed"},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", "6000"},
        {"max.poll.interval.ms", KAFKA_REBALANCE_TIMEOUT_MS},
        {"heartbeat.interval.ms", "1500"},
        {"socket.timeout.ms", "10000"}, /* one answer to a commit is waited for before the next one goes */
        {"fetch.wait.max.ms", "20"},
        {"fetch.min.bytes", "16384"}, /* else an answer for each record */
        {"allow.auto.create.topics", "false"},
        {"topic.metadata.refresh.interval.ms", "10000"},
        {"debug", "cgrp"}, /* for kafka_watch.joining; the lines themselves go nowhere */
    };
    rd_kafka_conf_t *conf =
        kafka_client_conf(options->properties, fixed, sizeof(fixed) / sizeof(*fixed), &s->watch, diag);
    if (conf == NULL)
        return NULL;
    char name[64];
    snprintf(name, sizeof(name), "declic-intake-%d", options->worker);
    kafka_client_set(conf, "client.id", name);
    kafka_client_set(conf, "group.id", options->group);
    rd_kafka_conf_set_rebalance_cb(conf, source_on_rebalance);
    return kafka_client_new(conf, RD_KAFKA_CONSUMER, diag);
}

enum err kafka_source_open(const struct kafka_source_options *options, struct kafka_source **source,
                           struct diag *diag)
{
    struct kafka_source *s = memory_checked(calloc(1, sizeof(*s)));
    kafka_watch_init(&s->watch, options->log, "intake");
    s->topics = memory_checked(calloc(options->topic_count, sizeof(*s->topics)));
    s->topic_count = options->topic_count;
    s->worker = options->worker;
    for (size_t i = 0; i < s->topic_count; i++)
        s->topics[i].name = memory_checked(strdup(options->topics[i]));
    s->client = client_make(s, options, diag);
    if (s->client == NULL) {
        (void)kafka_source_destroy(s);
        return ERR_INVALID;
    }
    (void)rd_kafka_poll_set_consumer(s->client);
    s->queue = rd_kafka_queue_get_consumer(s->client);
    s->answers = rd_kafka_queue_new(s->client);
    enum err error = subscribe(s, diag);
    if (error != ERR_OK)
        (void)kafka_source_destroy(s);
    else
        *source = s;
    return error;
}

int64_t kafka_source_lag(const struct kafka_source *source)
{
    int64_t lag = 0;
    for (size_t t = 0; t < source->topic_count; t++) {
        const struct topic *topic = &source->topics[t];
        for (int32_t p = 0; p < topic->part_count; p++) {
            int64_t low, high;
            const struct part *part = &topic->parts[p];
            if (part->state != PART_ABSENT && part->state != PART_ANEW &&
                rd_kafka_get_watermark_offsets(source->client, topic->name, p, &low, &high) ==
                    RD_KAFKA_RESP_ERR_NO_ERROR &&
                high > part->next)
                lag += high - part->next;
        }
    }
    return lag;
}

struct source_port kafka_source_port(struct kafka_source *source)
{
    return (struct source_port){.self = source,
                                .poll = source_poll,
                                .release = source_release,
                                .served = source_served,
                                .start = source_start,
                                .commit = source_commit,
                                .close = source_close,
                                .closed = source_closed};
}

/* Leaves the group without asking anybody. */
static void leave(struct kafka_source *s)
{
    int64_t deadline_us = kafka_now_us() + CLOSE_TIMEOUT_MS * 1000;
    source_standing_forestall(s);
    source_standing_give_up(s);
    if (!s->closing)
        source_close(s);
    while (!source_closed(s) && kafka_now_us() < deadline_us) {
        struct source_event event;
        if (source_standing_hand_out(s, &event))
            source_served(s);
        else if (records_hand_out(s, 50, &event))
            source_release(s, event.batch);
    }
}

bool kafka_source_destroy(struct kafka_source *s)
{
    if (s == NULL)
        return true;
    if (s->client != NULL) {
        leave(s);
        rd_kafka_queue_destroy(s->queue);
        rd_kafka_queue_destroy(s->answers);
        if (!kafka_consumer_destroy(s->client, s->was_assigned))
            return false;
    }
    while (s->free_batches != NULL) {
        struct batch *next = s->free_batches->next;
        free(s->free_batches->headers);
        free(s->free_batches);
        s->free_batches = next;
    }
    for (size_t i = 0; i < s->topic_count; i++) {
        free(s->topics[i].name);
        free(s->topics[i].parts);
    }
    free(s->topics);
    kafka_watch_destroy(&s->watch);
    free(s);
    return true;
}
