#include "kafka/kafka_journal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kafka/kafka_assignment.h"
#include "kafka/kafka_watermark.h"

#define MOVE_RETRY_MS 5
#define COMMITTED_WAIT_MS 1000
#define COMMITTED_AGAIN_US 10000000

struct kafka_journal {
    struct kafka_watch watch; /* first: the client's opaque */
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    struct kafka_watermark *watermark;
    char *topic;
    struct kafka_assignment *assignment;
    bool moving; /* some partition is not yet where `start` wants it */
    bool closing;
    int64_t committed_not_before_us;
    char text[256];
};

static enum err journal_start(void *self, int32_t partition, int64_t offset)
{
    struct kafka_journal *j = self;
    kafka_watermark_forget_low(j->watermark, partition);
    return kafka_assignment_start(j->assignment, partition, offset);
}

static void journal_pause(void *self, int32_t partition)
{
    struct kafka_journal *j = self;
    rd_kafka_topic_partition_list_t *list = kafka_list_of_one(j->topic, partition, RD_KAFKA_OFFSET_INVALID);
    (void)rd_kafka_pause_partitions(j->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void journal_resume(void *self, int32_t partition)
{
    struct kafka_journal *j = self;
    rd_kafka_topic_partition_list_t *list = kafka_list_of_one(j->topic, partition, RD_KAFKA_OFFSET_INVALID);
    (void)rd_kafka_resume_partitions(j->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- trimming ---- */

/* The answer comes to the queue that everything else comes to. */
static void journal_trim(void *self, int32_t partition, int64_t offset)
{
    struct kafka_journal *j = self;
    rd_kafka_topic_partition_list_t *list = kafka_list_of_one(j->topic, partition, offset);
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(j->client, &request, 1, NULL, j->queue);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
}

static void trim_failed(struct kafka_journal *j, rd_kafka_resp_err_t error, const char *text)
{
    if (j->watch.log != NULL)
        log_line(j->watch.log, LOG_WARN, "the journal cannot be trimmed; it is tried again",
                 log_text("topic", j->topic), log_text("error", rd_kafka_err2name(error)),
                 log_text("why", text));
}

static void trim_hand_out(struct kafka_journal *j, rd_kafka_event_t *message, struct journal_event *event)
{
    const rd_kafka_DeleteRecords_result_t *result = rd_kafka_event_DeleteRecords_result(message);
    const rd_kafka_topic_partition_list_t *list =
        result == NULL ? NULL : rd_kafka_DeleteRecords_result_offsets(result);
    if (rd_kafka_event_error(message) != RD_KAFKA_RESP_ERR_NO_ERROR || list == NULL || list->cnt != 1) {
        trim_failed(j, rd_kafka_event_error(message), rd_kafka_event_error_string(message));
    } else if (list->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        trim_failed(j, list->elems[0].err, rd_kafka_err2str(list->elems[0].err));
    } else {
        kafka_watermark_forget_low(j->watermark, list->elems[0].partition);
        *event = (struct journal_event){
            .kind = JOURNAL_TRIMMED, .partition = list->elems[0].partition, .low = list->elems[0].offset};
    }
    rd_kafka_event_destroy(message);
}

/* There is no answer, too, while a transaction that commits one has not ended. Who waited in vain does not
 * ask for the next partitions: each would cost as much. */
static int64_t journal_committed(void *self, int32_t partition)
{
    struct kafka_journal *j = self;
    if (kafka_now_us() < j->committed_not_before_us)
        return -1;
    rd_kafka_topic_partition_list_t *list = kafka_list_of_one(j->topic, partition, RD_KAFKA_OFFSET_INVALID);
    bool answered = rd_kafka_committed(j->client, list, COMMITTED_WAIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR &&
                    list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!answered)
        j->committed_not_before_us = kafka_now_us() + COMMITTED_AGAIN_US;
    int64_t offset = answered && list->elems[0].offset >= 0 ? list->elems[0].offset : -1;
    rd_kafka_topic_partition_list_destroy(list);
    return offset;
}

/* ---- polling ---- */

/* True when the record is for the engine; the event then belongs to the record. */
static bool record_hand_out(struct kafka_journal *j, rd_kafka_event_t *message, struct journal_event *event)
{
    const rd_kafka_message_t *record = rd_kafka_event_message_next(message);
    if (record != NULL)
        kafka_assignment_saw(j->assignment, record->partition);
    if (record == NULL || !kafka_assignment_is_reading(j->assignment, record->partition)) {
        rd_kafka_event_destroy(message);
        return false;
    }
    rd_kafka_timestamp_type_t type;
    *event = (struct journal_event){
        .kind = JOURNAL_RECORD,
        .partition = record->partition,
        .offset = record->offset,
        .append_ms = rd_kafka_message_timestamp(record, &type),
        .value = span_make(record->payload, record->len),
        .record = message,
    };
    return true;
}

/* Errors about one partition. True when the engine is to know. */
static bool partition_error_hand_out(struct kafka_journal *j, rd_kafka_resp_err_t error, int32_t partition,
                                     int64_t offset, struct journal_event *event)
{
    if (error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        kafka_assignment_stopped(j->assignment, partition);
        kafka_watermark_forget_low(j->watermark, partition); /* the log is not the one that was known */
    }
    if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        kafka_assignment_saw(j->assignment, partition);
    if (!kafka_assignment_is_reading(j->assignment, partition))
        return false;
    event->partition = partition;
    event->offset = offset;
    if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        event->kind = JOURNAL_END;
    else if (error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        event->kind = JOURNAL_RANGE;
    else
        return false;
    return true;
}

/* A topic that is not known may be one that a restarting broker has not loaded yet, once it was there. */
static enum err client_error_hand_out(struct kafka_journal *j, rd_kafka_event_t *message,
                                      struct journal_event *event)
{
    rd_kafka_resp_err_t error = rd_kafka_event_error(message);
    bool unknown = error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                   error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
                   error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    bool fatal = error == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(message) != 0;
    bool permanent = fatal || (kafka_error_is_permanent(error) &&
                               !(unknown && kafka_assignment_was_given(j->assignment)));
    snprintf(j->text, sizeof(j->text), "%s: %s (topic %s)", rd_kafka_err2name(error),
             rd_kafka_event_error_string(message), j->topic);
    kafka_watch_error(&j->watch, error, rd_kafka_event_error_string(message));
    event->kind = JOURNAL_AWAY;
    event->text = span_from_text(j->text);
    return permanent ? ERR_REFUSED : ERR_OK;
}

/* Sets event->kind when there is something for the engine. */
static enum err error_hand_out(struct kafka_journal *j, rd_kafka_event_t *message,
                               struct journal_event *event)
{
    enum err result = ERR_OK;
    rd_kafka_resp_err_t error = rd_kafka_event_error(message);
    rd_kafka_topic_partition_t *about = rd_kafka_event_topic_partition(message);
    bool ours = about != NULL && about->partition >= 0;
    if (ours && partition_error_hand_out(j, error, about->partition, about->offset, event)) {
        if (event->kind == JOURNAL_RANGE) {
            snprintf(j->text, sizeof(j->text), "%s", rd_kafka_event_error_string(message));
            event->text = span_from_text(j->text);
        }
    } else if (error != RD_KAFKA_RESP_ERR__PARTITION_EOF && error != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        result = client_error_hand_out(j, message, event);
    }
    if (about != NULL)
        rd_kafka_topic_partition_destroy(about);
    rd_kafka_event_destroy(message);
    return result;
}

static enum err message_hand_out(struct kafka_journal *j, rd_kafka_event_t *message,
                                 struct journal_event *event)
{
    switch (rd_kafka_event_type(message)) {
    case RD_KAFKA_EVENT_FETCH:
        (void)record_hand_out(j, message, event);
        return ERR_OK;
    case RD_KAFKA_EVENT_REBALANCE:
        kafka_assignment_hand_out(j->assignment, message, event);
        for (size_t i = 0; event->kind == JOURNAL_ASSIGNED && i < event->count; i++)
            kafka_watermark_forget_low(j->watermark, event->partitions[i]);
        return ERR_OK;
    case RD_KAFKA_EVENT_DELETERECORDS_RESULT:
        trim_hand_out(j, message, event);
        return ERR_OK;
    case RD_KAFKA_EVENT_ERROR:
        return error_hand_out(j, message, event);
    default:
        rd_kafka_event_destroy(message);
        return ERR_OK;
    }
}

static int wait_ms(const struct kafka_journal *j, int64_t until_us)
{
    int64_t left = (until_us - kafka_now_us() + 999) / 1000;
    if (j->moving && left > MOVE_RETRY_MS)
        left = MOVE_RETRY_MS;
    return left < 0 ? 0 : (int)left;
}

static enum err journal_poll(void *self, int timeout_ms, struct journal_event *event)
{
    struct kafka_journal *j = self;
    int64_t until_us = kafka_now_us() + (int64_t)timeout_ms * 1000;
    kafka_assignment_answer(j->assignment);
    *event = (struct journal_event){.kind = JOURNAL_NOTHING};
    for (;;) {
        if (kafka_watermark_take(j->watermark, event))
            return ERR_OK;
        j->moving = kafka_assignment_settle(j->assignment);
        rd_kafka_event_t *message = rd_kafka_queue_poll(j->queue, wait_ms(j, until_us));
        if (message != NULL) {
            enum err error = message_hand_out(j, message, event);
            if (error != ERR_OK || event->kind != JOURNAL_NOTHING)
                return error;
        } else if (!j->moving || kafka_now_us() >= until_us) {
            (void)kafka_watermark_take(j->watermark, event);
            return ERR_OK; /* timed out, or woken */
        }
    }
}

static void journal_release(void *self, void *record)
{
    (void)self;
    rd_kafka_event_destroy(record);
}

static void journal_watermark_request(void *self, const int32_t *partitions, size_t count,
                                      bool with_last_stable, int64_t tag_ms)
{
    struct kafka_journal *j = self;
    kafka_watermark_request(j->watermark, partitions, count, with_last_stable, tag_ms);
}

static const void *journal_group_metadata(void *self)
{
    const struct kafka_journal *j = self;
    return kafka_assignment_metadata(j->assignment);
}

static void journal_close(void *self)
{
    struct kafka_journal *j = self;
    if (j->closing)
        return;
    j->closing = true;
    /* The engine is done with it. A client that is leaving never leaves once it waits for the answer to an
     * empty assignment (librdkafka before 2.4.0). */
    kafka_assignment_answer(j->assignment);
    if (!kafka_assignment_has_any(j->assignment))
        kafka_consumer_leave(j->client);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(j->client, j->queue);
    if (error != NULL) {
        kafka_watch_error(&j->watch, rd_kafka_error_code(error), rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
}

static bool journal_closed(void *self)
{
    struct kafka_journal *j = self;
    return j->closing && !kafka_assignment_stands(j->assignment) &&
           rd_kafka_consumer_closed(j->client) != 0;
}

/* ---- opening ---- */

static rd_kafka_t *client_open(const struct kafka_journal_options *options, struct kafka_watch *watch,
                               struct diag *diag)
{
    static const struct kafka_fixed fixed[] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"isolation.level", "read_committed"},
        {"enable.partition.eof", "true"},
        {"allow.auto.create.topics", "false"},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", "6000"},
        {"max.poll.interval.ms", KAFKA_REBALANCE_TIMEOUT_MS},
        {"heartbeat.interval.ms", "1500"},
        {"socket.timeout.ms", "10000"},
        {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "1000"},
        {"log.connection.close", "false"},
        {"socket.nagle.disable", "true"},
        {"fetch.wait.max.ms", "10"},
        {"fetch.min.bytes", "16384"}, /* else an answer for each record: a hundred a second will do */
        {"fetch.error.backoff.ms", "50"},
        /* A partition whose queue is full is looked at again after up to 1 s: bound bytes only, high. */
        {"queued.min.messages", "10000000"},
        {"queued.max.messages.kbytes", "65536"},
#if RD_KAFKA_VERSION >= 0x020800ff
        {"fetch.queue.backoff.ms", "20"},
#endif
    };
    rd_kafka_conf_t *conf =
        kafka_client_conf(options->properties, fixed, sizeof(fixed) / sizeof(fixed[0]), watch, diag);
    if (conf == NULL)
        return NULL;
    kafka_client_set(conf, "group.id", options->group);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_FETCH);
    return kafka_client_new(conf, RD_KAFKA_CONSUMER, diag);
}

static enum err subscribe(struct kafka_journal *j, struct diag *diag)
{
    rd_kafka_topic_partition_list_t *topics =
        kafka_list_of_one(j->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_OFFSET_INVALID);
    (void)rd_kafka_poll_set_consumer(j->client);
    j->queue = rd_kafka_queue_get_consumer(j->client);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(j->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return diag_set(diag, ERR_INVALID, 0, 0, "kafka: subscribing to %s: %s", j->topic,
                        rd_kafka_err2str(error));
    return ERR_OK;
}

static void wake(void *context)
{
    kafka_journal_wake(context);
}

void kafka_journal_wake(struct kafka_journal *journal)
{
    rd_kafka_queue_yield(journal->queue);
}

enum err kafka_journal_open(const struct kafka_journal_options *options, struct kafka_journal **journal,
                            struct diag *diag)
{
    if (!kafka_assignment_is_supported())
        return diag_set(diag, ERR_INVALID, 0, 0, "librdkafka %s writes group metadata in an unknown form",
                        rd_kafka_version_str());
    struct kafka_journal *j = memory_checked(calloc(1, sizeof(*j)));
    kafka_watch_init(&j->watch, options->log, "journal");
    j->topic = memory_checked(strdup(options->topic));
    j->client = client_open(options, &j->watch, diag);
    enum err error = ERR_INVALID;
    if (j->client != NULL) {
        j->assignment = kafka_assignment_new(j->client, j->topic, &j->watch);
        error = subscribe(j, diag);
    }
    if (error == ERR_OK)
        error = kafka_watermark_open(options->properties, options->topic, options->log, wake, j,
                                     &j->watermark, diag);
    if (error != ERR_OK) {
        (void)kafka_journal_destroy(j);
        return error;
    }
    *journal = j;
    return ERR_OK;
}

bool kafka_journal_destroy(struct kafka_journal *j)
{
    bool was_given = j->assignment != NULL && kafka_assignment_was_given(j->assignment);
    if (j->watermark != NULL)
        kafka_watermark_close(j->watermark);
    if (j->assignment != NULL)
        kafka_assignment_answer(j->assignment);
    if (j->queue != NULL)
        rd_kafka_queue_destroy(j->queue);
    if (j->client != NULL) {
        if (!j->closing)
            (void)rd_kafka_consumer_close(j->client);
        if (!kafka_consumer_destroy(j->client, was_given))
            return false;
    }
    if (j->assignment != NULL)
        kafka_assignment_free(j->assignment);
    free(j->topic);
    kafka_watch_destroy(&j->watch);
    free(j);
    return true;
}

struct journal_port kafka_journal_port(struct kafka_journal *journal)
{
    return (struct journal_port){
        .self = journal,
        .poll = journal_poll,
        .release = journal_release,
        .start = journal_start,
        .pause = journal_pause,
        .resume = journal_resume,
        .watermark_request = journal_watermark_request,
        .trim = journal_trim,
        .committed = journal_committed,
        .group_metadata = journal_group_metadata,
        .close = journal_close,
        .closed = journal_closed,
    };
}
