#include "kafka/kafka_journal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "kafka/kafka_watermark.h"

/* Seeks are answered by the client's main thread, without a round trip. */
#define SEEK_TIMEOUT_MS 200
#define SEEK_RETRY_MS 5

/* Where a partition stands between the group and the engine.
 *
 * A rebalance must be answered at the next poll, but the engine may not know the offset yet. So a partition
 * without one is assigned at the end of the log (IDLE: what comes is dropped) and moved by a seek once
 * `start` names the offset. Assigning it only then would not do: an incremental assign or unassign outside
 * of a rebalance event counts as the answer to one that may just be waiting in the queue. */
enum part_state {
    PART_ABSENT,
    PART_IDLE,    /* assigned, no offset known */
    PART_SEEKING, /* `wanted` is known, the client has not moved there yet */
    PART_READING,
};

struct part {
    enum part_state state;
    bool stopped; /* the client stopped it (offset out of range): a seek is refused, assign anew */
    int64_t wanted;
};

/* The rebalance event that the engine is handling; answered by the next poll. */
struct standing {
    rd_kafka_event_t *event;
    bool assign;
    int32_t *partitions;
    size_t count;
};

struct kafka_journal {
    struct kafka_watch watch; /* first: the client's opaque */
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    struct kafka_watermark *watermark;
    char *topic;
    struct part *parts;
    size_t part_count;
    size_t seeking; /* how many are PART_SEEKING */
    struct standing standing;
    rd_kafka_consumer_group_metadata_t *metadata; /* as of the last rebalance event handed out */
    bool ever_assigned;
    bool closing;
    char text[256];
};

static void *checked(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static struct part *part_at(struct kafka_journal *j, int32_t partition)
{
    assert(partition >= 0);
    size_t need = (size_t)partition + 1;
    if (need > j->part_count) {
        j->parts = checked(realloc(j->parts, need * sizeof(*j->parts)));
        memset(j->parts + j->part_count, 0, (need - j->part_count) * sizeof(*j->parts));
        j->part_count = need;
    }
    return &j->parts[partition];
}

static void part_set(struct kafka_journal *j, int32_t partition, enum part_state state)
{
    struct part *part = part_at(j, partition);
    j->seeking -= part->state == PART_SEEKING;
    j->seeking += state == PART_SEEKING;
    part->state = state;
    if (state != PART_SEEKING)
        part->stopped = false;
}

/* Logs and destroys; true when there was none. */
static bool error_is_none(struct kafka_journal *j, rd_kafka_error_t *error, const char *doing)
{
    if (error == NULL)
        return true;
    if (j->watch.log != NULL)
        log_line(j->watch.log, LOG_WARN, "Kafka consumer refused", log_text("doing", doing),
                 log_text("error", rd_kafka_error_string(error)));
    rd_kafka_error_destroy(error);
    return false;
}

/* ---- group metadata ---- */

/* The generation inside of the metadata; the client's accessor came after 2.0.2, there it is read from the
 * serialised form: "CGMDv2:", then the number as the machine has it. INT32_MIN: not readable. */
static int32_t metadata_generation(const rd_kafka_consumer_group_metadata_t *metadata)
{
#if RD_KAFKA_VERSION >= 0x020800ff
    return rd_kafka_consumer_group_metadata_generation_id(metadata);
#else
    static const char magic[] = {'C', 'G', 'M', 'D', 'v', '2', ':'};
    void *bytes = NULL;
    size_t size = 0;
    int32_t generation = INT32_MIN;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);
    if (error != NULL) {
        rd_kafka_error_destroy(error);
        return generation;
    }
    if (size >= sizeof(magic) + sizeof(generation) && memcmp(bytes, magic, sizeof(magic)) == 0)
        memcpy(&generation, (const char *)bytes + sizeof(magic), sizeof(generation));
    rd_kafka_mem_free(NULL, bytes);
    return generation;
#endif
}

static bool metadata_readable(void)
{
    rd_kafka_consumer_group_metadata_t *sample =
        rd_kafka_consumer_group_metadata_new_with_genid("group", 1234567, "member", NULL);
    bool readable = metadata_generation(sample) == 1234567;
    rd_kafka_consumer_group_metadata_destroy(sample);
    return readable;
}

/* Taken when a rebalance event is handed out: while it stands the client cannot join anew, so this is the
 * generation that the event is about (or none, when the member was kicked out since). */
static void metadata_take(struct kafka_journal *j)
{
    if (j->metadata != NULL)
        rd_kafka_consumer_group_metadata_destroy(j->metadata);
    j->metadata = rd_kafka_consumer_group_metadata(j->client);
    if (j->metadata != NULL && metadata_generation(j->metadata) < 0) {
        rd_kafka_consumer_group_metadata_destroy(j->metadata);
        j->metadata = NULL;
    }
}

/* ---- moving ---- */

static rd_kafka_topic_partition_list_t *list_of_one(const struct kafka_journal *j, int32_t partition,
                                                    int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, j->topic, partition)->offset = offset;
    return list;
}

static void part_reassign(struct kafka_journal *j, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = list_of_one(j, partition, offset);
    bool good = error_is_none(j, rd_kafka_incremental_unassign(j->client, list), "stopping a partition");
    list->elems[0].offset = offset;
    if (good && error_is_none(j, rd_kafka_incremental_assign(j->client, list), "starting a partition"))
        part_set(j, partition, PART_READING);
    rd_kafka_topic_partition_list_destroy(list);
}

/* A seek is refused until the client has begun to work on the assignment; poll tries again. It waits for
 * the client's thread: only after that is what was read ahead known to be dropped. */
static void part_seek(struct kafka_journal *j, int32_t partition)
{
    struct part *part = part_at(j, partition);
    if (part->stopped) {
        part_reassign(j, partition, part->wanted);
        return;
    }
    rd_kafka_topic_partition_list_t *list = list_of_one(j, partition, part->wanted);
    rd_kafka_error_t *error = rd_kafka_seek_partitions(j->client, list, SEEK_TIMEOUT_MS);
    if (error == NULL && list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
        part_set(j, partition, PART_READING);
    if (error != NULL)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
}

static void seeks_serve(struct kafka_journal *j)
{
    for (size_t p = 0; j->seeking > 0 && p < j->part_count; p++) {
        if (j->parts[p].state == PART_SEEKING)
            part_seek(j, (int32_t)p);
    }
}

static bool is_standing(const struct kafka_journal *j, int32_t partition)
{
    for (size_t i = 0; j->standing.event != NULL && j->standing.assign && i < j->standing.count; i++) {
        if (j->standing.partitions[i] == partition)
            return true;
    }
    return false;
}

static enum err journal_start(void *self, int32_t partition, int64_t offset)
{
    struct kafka_journal *j = self;
    assert(offset >= 0);
    struct part *part = part_at(j, partition);
    if (part->state == PART_ABSENT)
        return ERR_NOT_FOUND;
    part->wanted = offset;
    part_set(j, partition, PART_SEEKING);
    kafka_watermark_forget_low(j->watermark, partition);
    if (!is_standing(j, partition))
        part_seek(j, partition);
    return ERR_OK;
}

static void journal_pause(void *self, int32_t partition)
{
    struct kafka_journal *j = self;
    rd_kafka_topic_partition_list_t *list = list_of_one(j, partition, RD_KAFKA_OFFSET_INVALID);
    (void)rd_kafka_pause_partitions(j->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void journal_resume(void *self, int32_t partition)
{
    struct kafka_journal *j = self;
    rd_kafka_topic_partition_list_t *list = list_of_one(j, partition, RD_KAFKA_OFFSET_INVALID);
    (void)rd_kafka_resume_partitions(j->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- rebalancing ---- */

static bool is_cooperative(struct kafka_journal *j)
{
    const char *protocol = rd_kafka_rebalance_protocol(j->client);
    return protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
}

static void standing_clear(struct kafka_journal *j)
{
    rd_kafka_event_destroy(j->standing.event);
    free(j->standing.partitions);
    j->standing = (struct standing){0};
}

static void answer_assign(struct kafka_journal *j)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)j->standing.count);
    for (size_t i = 0; i < j->standing.count; i++) {
        int32_t p = j->standing.partitions[i];
        const struct part *part = part_at(j, p);
        int64_t offset = part->state == PART_SEEKING ? part->wanted : RD_KAFKA_OFFSET_END;
        rd_kafka_topic_partition_list_add(list, j->topic, p)->offset = offset;
        journal_resume(j, p); /* a pause from an earlier assignment would still hold */
    }
    if (error_is_none(j, rd_kafka_incremental_assign(j->client, list), "assigning")) {
        for (size_t i = 0; i < j->standing.count; i++) {
            if (part_at(j, j->standing.partitions[i])->state == PART_SEEKING)
                part_set(j, j->standing.partitions[i], PART_READING);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void answer_revoke(struct kafka_journal *j)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(j->standing.event);
    if (is_cooperative(j))
        (void)error_is_none(j, rd_kafka_incremental_unassign(j->client, list), "unassigning");
    else
        (void)rd_kafka_assign(j->client, NULL);
    for (size_t i = 0; i < j->standing.count; i++)
        part_set(j, j->standing.partitions[i], PART_ABSENT);
}

static void rebalance_answer(struct kafka_journal *j)
{
    if (j->standing.event == NULL)
        return;
    if (j->standing.assign)
        answer_assign(j);
    else
        answer_revoke(j);
    standing_clear(j);
}

static void rebalance_hand_out(struct kafka_journal *j, rd_kafka_event_t *message,
                               struct journal_event *event)
{
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(message);
    size_t count = list == NULL ? 0 : (size_t)list->cnt;
    struct standing *standing = &j->standing;
    *standing = (struct standing){
        .event = message,
        .assign = rd_kafka_event_error(message) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
        .partitions = checked(malloc((count + 1) * sizeof(int32_t))),
        .count = count,
    };
    for (size_t i = 0; i < count; i++) {
        standing->partitions[i] = list->elems[i].partition;
        if (standing->assign) {
            part_set(j, standing->partitions[i], PART_IDLE);
            kafka_watermark_forget_low(j->watermark, standing->partitions[i]);
        }
    }
    metadata_take(j);
    j->ever_assigned = j->ever_assigned || (standing->assign && count > 0);
    event->kind = standing->assign                      ? JOURNAL_ASSIGNED
                  : rd_kafka_assignment_lost(j->client) ? JOURNAL_LOST
                                                        : JOURNAL_REVOKED;
    event->partitions = standing->partitions;
    event->count = count;
}

/* ---- polling ---- */

/* True when the record is for the engine; the event then belongs to the record. */
static bool record_hand_out(struct kafka_journal *j, rd_kafka_event_t *message, struct journal_event *event)
{
    const rd_kafka_message_t *record = rd_kafka_event_message_next(message);
    if (record == NULL || part_at(j, record->partition)->state != PART_READING) {
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
    struct part *part = part_at(j, partition);
    if (error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        part->stopped = true;
    if (part->state != PART_READING)
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
    bool permanent = fatal || (kafka_error_is_permanent(error) && !(unknown && j->ever_assigned));
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
        rebalance_hand_out(j, message, event);
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
    if (j->seeking > 0 && left > SEEK_RETRY_MS)
        left = SEEK_RETRY_MS;
    return left < 0 ? 0 : (int)left;
}

static enum err journal_poll(void *self, int timeout_ms, struct journal_event *event)
{
    struct kafka_journal *j = self;
    int64_t until_us = kafka_now_us() + (int64_t)timeout_ms * 1000;
    rebalance_answer(j);
    *event = (struct journal_event){.kind = JOURNAL_NOTHING};
    for (;;) {
        if (kafka_watermark_take(j->watermark, event))
            return ERR_OK;
        seeks_serve(j);
        rd_kafka_event_t *message = rd_kafka_queue_poll(j->queue, wait_ms(j, until_us));
        if (message != NULL) {
            enum err error = message_hand_out(j, message, event);
            if (error != ERR_OK || event->kind != JOURNAL_NOTHING)
                return error;
        } else if (j->seeking == 0 || kafka_now_us() >= until_us) {
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
    return j->metadata;
}

static void journal_close(void *self)
{
    struct kafka_journal *j = self;
    if (j->closing)
        return;
    j->closing = true;
    (void)error_is_none(j, rd_kafka_consumer_close_queue(j->client, j->queue), "leaving the group");
}

static bool journal_closed(void *self)
{
    struct kafka_journal *j = self;
    return j->closing && j->standing.event == NULL && rd_kafka_consumer_closed(j->client) != 0;
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
        {"heartbeat.interval.ms", "1500"},
        {"socket.timeout.ms", "10000"},
        {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "1000"},
        {"log.connection.close", "false"},
        {"socket.nagle.disable", "true"},
        {"fetch.wait.max.ms", "10"},
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
        list_of_one(j, RD_KAFKA_PARTITION_UA, RD_KAFKA_OFFSET_INVALID);
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
    if (!metadata_readable())
        return diag_set(diag, ERR_INVALID, 0, 0, "librdkafka %s writes group metadata in an unknown form",
                        rd_kafka_version_str());
    struct kafka_journal *j = checked(calloc(1, sizeof(*j)));
    kafka_watch_init(&j->watch, options->log, "journal");
    j->topic = checked(strdup(options->topic));
    j->client = client_open(options, &j->watch, diag);
    enum err error = j->client == NULL ? ERR_INVALID : subscribe(j, diag);
    if (error == ERR_OK)
        error = kafka_watermark_open(options->properties, options->topic, options->log, wake, j,
                                     &j->watermark, diag);
    if (error != ERR_OK) {
        kafka_journal_destroy(j);
        return error;
    }
    *journal = j;
    return ERR_OK;
}

void kafka_journal_destroy(struct kafka_journal *j)
{
    if (j->watermark != NULL)
        kafka_watermark_close(j->watermark);
    if (j->standing.event != NULL)
        rebalance_answer(j);
    if (j->queue != NULL)
        rd_kafka_queue_destroy(j->queue);
    if (j->client != NULL) {
        if (!j->closing)
            (void)rd_kafka_consumer_close(j->client);
        rd_kafka_destroy(j->client);
    }
    if (j->metadata != NULL)
        rd_kafka_consumer_group_metadata_destroy(j->metadata);
    free(j->parts);
    free(j->topic);
    kafka_watch_destroy(&j->watch);
    free(j);
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
        .group_metadata = journal_group_metadata,
        .close = journal_close,
        .closed = journal_closed,
    };
}
