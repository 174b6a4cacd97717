#include "kafka/kafka_source.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_RECORDS 1000
/* Unwanted records are left in the client's queue; after this long the partitions are paused, so that
 * the queue can be served for the events behind them. */
#define UNWANTED_MS 1000
#define LOOKUP_TIMEOUT_MS 2000
#define CLOSE_TIMEOUT_MS 5000

enum part_state {
    PART_ABSENT,
    PART_HELD, /* assigned and paused: nobody named it to be started */
    PART_READING,
};

struct part {
    enum part_state state;
    bool early; /* records came while it was held and were dropped: read again from `start` */
    int64_t start;
};

struct topic {
    char *name;
    const rd_kafka_topic_t *handle; /* as records carry it; NULL until one came */
    struct part *parts;
    int32_t part_count;
};

struct batch {
    struct batch *next; /* of the free ones */
    size_t count;
    rd_kafka_message_t *raw[BATCH_RECORDS];
    struct source_message messages[BATCH_RECORDS];
    struct source_header *headers; /* of all its records */
    size_t header_count, header_capacity;
};

/* The rebalance that the owner is handling, or that waits for the brokers' answers to be handed out. */
struct standing {
    rd_kafka_topic_partition_list_t *list; /* NULL: none */
    enum source_event_kind kind;
    bool handed_out;
    struct source_assignment *assignments;
    char **metadata; /* their texts */
};

/* The answer to the commit under way. */
struct answer {
    bool waiting, here;
    uint64_t tag;
    enum err error;
};

struct kafka_source {
    struct kafka_watch watch; /* first: the client's opaque */
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;   /* records, rebalances, errors */
    rd_kafka_queue_t *answers; /* of commits */
    struct topic *topics;
    size_t topic_count;
    struct standing standing;
    struct answer answer;
    struct batch *free_batches;
    int64_t unwanted_since_us; /* 0: they are wanted */
    bool paused, closing;
    unsigned troubles_seen;
    char text[320];
};

static void *checked(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* ---- topics and partitions ---- */

static uint32_t topic_find(const struct kafka_source *s, const char *name)
{
    for (size_t i = 0; i < s->topic_count; i++)
        if (strcmp(s->topics[i].name, name) == 0)
            return (uint32_t)i;
    return UINT32_MAX;
}

static uint32_t topic_of(struct kafka_source *s, const rd_kafka_topic_t *handle)
{
    for (size_t i = 0; i < s->topic_count; i++)
        if (s->topics[i].handle == handle)
            return (uint32_t)i;
    uint32_t found = topic_find(s, rd_kafka_topic_name(handle));
    if (found != UINT32_MAX)
        s->topics[found].handle = handle;
    return found;
}

static struct part *part_at(struct kafka_source *s, uint32_t topic, int32_t partition)
{
    struct topic *t = &s->topics[topic];
    if (partition >= t->part_count) {
        int32_t more = partition + 16;
        t->parts = checked(realloc(t->parts, (size_t)more * sizeof(*t->parts)));
        memset(t->parts + t->part_count, 0, (size_t)(more - t->part_count) * sizeof(*t->parts));
        t->part_count = more;
    }
    return &t->parts[partition];
}

/* Pauses or resumes everything that is read. */
static void reading_pause(struct kafka_source *s, bool pause)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (size_t t = 0; t < s->topic_count; t++)
        for (int32_t p = 0; p < s->topics[t].part_count; p++)
            if (s->topics[t].parts[p].state == PART_READING)
                rd_kafka_topic_partition_list_add(list, s->topics[t].name, p);
    if (pause)
        (void)rd_kafka_pause_partitions(s->client, list);
    else
        (void)rd_kafka_resume_partitions(s->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    s->paused = pause;
}

static void source_start(void *self, uint32_t topic, int32_t partition)
{
    struct kafka_source *s = self;
    struct part *part = part_at(s, topic, partition);
    assert(part->state == PART_HELD);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, s->topics[topic].name, partition)->offset = part->start;
    if (part->early) {
        rd_kafka_error_t *error = rd_kafka_seek_partitions(s->client, list, LOOKUP_TIMEOUT_MS);
        if (error != NULL)
            rd_kafka_error_destroy(error);
    }
    part->state = PART_READING;
    part->early = false;
    if (!s->paused)
        (void)rd_kafka_resume_partitions(s->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- rebalancing ---- */

/* Only notes it: answered by `served`, as the client allows. */
static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t what,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_source *s = opaque;
    assert(s->standing.list == NULL);
    s->standing = (struct standing){.list = rd_kafka_topic_partition_list_copy(list)};
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        s->standing.kind = SOURCE_ASSIGNED;
    else
        s->standing.kind = rd_kafka_assignment_lost(client) ? SOURCE_LOST : SOURCE_REVOKED;
    rd_kafka_yield(client);
}

static void standing_clear(struct kafka_source *s)
{
    struct standing *standing = &s->standing;
    for (int i = 0; standing->metadata != NULL && i < standing->list->cnt; i++)
        free(standing->metadata[i]);
    free(standing->metadata);
    free(standing->assignments);
    if (standing->list != NULL)
        rd_kafka_topic_partition_list_destroy(standing->list);
    *standing = (struct standing){0};
}

/* The log's start or end of all partitions in the list. */
static bool offsets_ask(struct kafka_source *s, rd_kafka_topic_partition_list_t *list, int64_t which)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = which;
    if (rd_kafka_offsets_for_times(s->client, list, LOOKUP_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR || list->elems[i].offset < 0)
            return false;
    return true;
}

static void assignment_fill(struct kafka_source *s, int i, const rd_kafka_topic_partition_t *committed,
                            int64_t low, int64_t high)
{
    struct source_assignment *assignment = &s->standing.assignments[i];
    *assignment = (struct source_assignment){.topic = topic_find(s, committed->topic),
                                             .partition = committed->partition,
                                             .committed = committed->offset < 0 ? -1 : committed->offset,
                                             .low = low,
                                             .high = high};
    if (committed->offset >= 0 && committed->metadata_size > 0) {
        s->standing.metadata[i] = checked(malloc(committed->metadata_size));
        memcpy(s->standing.metadata[i], committed->metadata, committed->metadata_size);
        assignment->metadata = span_make(s->standing.metadata[i], committed->metadata_size);
    }
    bool inside = assignment->committed >= low && assignment->committed <= high;
    assignment->start = inside ? assignment->committed : low;
}

/* Asks for the committed offsets and the logs' ends; false: the brokers did not answer, ask again. */
static bool assignments_look_up(struct kafka_source *s)
{
    struct standing *standing = &s->standing;
    size_t count = (size_t)standing->list->cnt;
    rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_copy(standing->list);
    rd_kafka_topic_partition_list_t *low = rd_kafka_topic_partition_list_copy(standing->list);
    rd_kafka_topic_partition_list_t *high = rd_kafka_topic_partition_list_copy(standing->list);
    bool good =
        count == 0 ||
        (rd_kafka_committed(s->client, committed, LOOKUP_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR &&
         offsets_ask(s, low, RD_KAFKA_OFFSET_BEGINNING) && offsets_ask(s, high, RD_KAFKA_OFFSET_END));
    for (size_t i = 0; good && i < count; i++)
        good = committed->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (good) {
        standing->assignments = checked(calloc(count + 1, sizeof(*standing->assignments)));
        standing->metadata = checked(calloc(count + 1, sizeof(*standing->metadata)));
        for (int i = 0; i < (int)count; i++)
            assignment_fill(s, i, &committed->elems[i], low->elems[i].offset, high->elems[i].offset);
    }
    rd_kafka_topic_partition_list_destroy(committed);
    rd_kafka_topic_partition_list_destroy(low);
    rd_kafka_topic_partition_list_destroy(high);
    return good;
}

static void revocations_fill(struct kafka_source *s)
{
    struct standing *standing = &s->standing;
    standing->assignments =
        checked(calloc((size_t)standing->list->cnt + 1, sizeof(*standing->assignments)));
    for (int i = 0; i < standing->list->cnt; i++)
        standing->assignments[i] =
            (struct source_assignment){.topic = topic_find(s, standing->list->elems[i].topic),
                                       .partition = standing->list->elems[i].partition};
}

/* True when the event is filled. */
static bool standing_hand_out(struct kafka_source *s, struct source_event *event)
{
    struct standing *standing = &s->standing;
    if (standing->list == NULL || standing->handed_out)
        return false;
    if (standing->kind == SOURCE_ASSIGNED) {
        if (!assignments_look_up(s))
            return false;
    } else {
        revocations_fill(s);
    }
    standing->handed_out = true;
    *event = (struct source_event){
        .kind = standing->kind, .assignments = standing->assignments, .count = (size_t)standing->list->cnt};
    return true;
}

static void error_drop(struct kafka_source *s, rd_kafka_error_t *error, const char *doing)
{
    if (error == NULL)
        return;
    if (s->watch.log != NULL)
        log_line(s->watch.log, LOG_WARN, "Kafka consumer refused", log_text("doing", doing),
                 log_text("error", rd_kafka_error_string(error)));
    rd_kafka_error_destroy(error);
}

/* A pause outlives an assignment, so pausing first makes it begin paused. */
static void assign(struct kafka_source *s)
{
    rd_kafka_topic_partition_list_t *list = s->standing.list;
    for (int i = 0; i < list->cnt; i++) {
        const struct source_assignment *assignment = &s->standing.assignments[i];
        list->elems[i].offset = assignment->start;
        *part_at(s, assignment->topic, assignment->partition) =
            (struct part){.state = PART_HELD, .start = assignment->start};
    }
    (void)rd_kafka_pause_partitions(s->client, list);
    error_drop(s, rd_kafka_incremental_assign(s->client, list), "assigning");
    (void)rd_kafka_pause_partitions(s->client, list);
}

static void unassign(struct kafka_source *s)
{
    rd_kafka_topic_partition_list_t *list = s->standing.list;
    for (int i = 0; i < list->cnt; i++)
        *part_at(s, s->standing.assignments[i].topic, s->standing.assignments[i].partition) =
            (struct part){.state = PART_ABSENT};
    const char *protocol = rd_kafka_rebalance_protocol(s->client);
    if (protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0)
        error_drop(s, rd_kafka_incremental_unassign(s->client, list), "unassigning");
    else
        (void)rd_kafka_assign(s->client, NULL);
}

static void source_served(void *self)
{
    struct kafka_source *s = self;
    assert(s->standing.handed_out);
    if (s->standing.kind == SOURCE_ASSIGNED)
        assign(s);
    else
        unassign(s);
    standing_clear(s);
}

/* ---- records ---- */

static struct batch *batch_take(struct kafka_source *s)
{
    struct batch *batch = s->free_batches;
    if (batch == NULL)
        batch = checked(calloc(1, sizeof(*batch)));
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
        batch->headers = checked(realloc(batch->headers, batch->header_capacity * sizeof(*batch->headers)));
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
    uint32_t topic = raw->err == RD_KAFKA_RESP_ERR_NO_ERROR ? topic_of(s, raw->rkt) : UINT32_MAX;
    struct part *part = topic == UINT32_MAX ? NULL : part_at(s, topic, raw->partition);
    if (part == NULL || part->state != PART_READING) {
        if (raw->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            trouble_read(s, raw);
        else if (part != NULL && part->state == PART_HELD)
            part->early = true;
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
}

/* The client's batch call waits until the batch is full, so wait for one record and then take what is
 * there. */
static bool records_hand_out(struct kafka_source *s, int timeout_ms, struct source_event *event)
{
    rd_kafka_message_t *raw[BATCH_RECORDS];
    raw[0] = rd_kafka_consume_queue(s->queue, timeout_ms);
    if (raw[0] == NULL)
        return false;
    ssize_t more = rd_kafka_consume_batch_queue(s->queue, 0, raw + 1, BATCH_RECORDS - 1);
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
        one->metadata = checked(malloc(commits[i].metadata.size + 1));
        memcpy(one->metadata, commits[i].metadata.data, commits[i].metadata.size);
        one->metadata_size = commits[i].metadata.size;
    }
    s->answer = (struct answer){.waiting = true, .tag = tag};
    if (rd_kafka_commit_queue(s->client, list, s->answers, on_commit, NULL) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        s->answer.here = true;
        s->answer.error = ERR_CONFLICT;
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static bool answer_hand_out(struct kafka_source *s, int timeout_ms, struct source_event *event)
{
    if (s->answer.waiting && !s->answer.here)
        (void)rd_kafka_queue_poll_callback(s->answers, timeout_ms);
    if (!s->answer.here)
        return false;
    *event =
        (struct source_event){.kind = SOURCE_COMMITTED, .tag = s->answer.tag, .error = s->answer.error};
    s->answer = (struct answer){0};
    return true;
}

/* ---- polling ---- */

static void wait_ms(int timeout_ms)
{
    struct timespec time = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* Records are not wanted: leave them in the queue for a while, then pause, so that only other things are
 * left in it. */
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
        reading_pause(s, true);
    }
    struct source_event dropped;
    if (records_hand_out(s, timeout_ms, &dropped)) {
        /* Read before the pause took hold (or while leaving): to be read again from there. */
        const struct source_message *first = dropped.messages;
        for (size_t i = 0; i < dropped.count; i++) {
            struct part *part = part_at(s, first[i].topic, first[i].partition);
            if (!part->early)
                part->start = first[i].offset;
            part->early = true;
        }
        source_release(s, dropped.batch);
    }
}

/* Records are wanted again. */
static void wanted_again(struct kafka_source *s)
{
    s->unwanted_since_us = 0;
    if (!s->paused)
        return;
    reading_pause(s, false);
    for (size_t t = 0; t < s->topic_count; t++)
        for (int32_t p = 0; p < s->topics[t].part_count; p++) {
            struct part *part = &s->topics[t].parts[p];
            if (part->state != PART_READING || !part->early)
                continue;
            part->state = PART_HELD;
            source_start(s, (uint32_t)t, p);
        }
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

static enum err source_poll(void *self, int timeout_ms, bool records_wanted, struct source_event *event)
{
    struct kafka_source *s = self;
    *event = (struct source_event){.kind = SOURCE_NOTHING};
    if (standing_hand_out(s, event) || answer_hand_out(s, 0, event))
        return ERR_OK;
    if (records_wanted) {
        wanted_again(s);
        if (records_hand_out(s, timeout_ms, event))
            return ERR_OK;
    } else {
        unwanted_wait(s, timeout_ms);
    }
    return trouble_hand_out(s, event);
}

/* ---- life ---- */

static void source_close(void *self)
{
    struct kafka_source *s = self;
    s->closing = true;
    error_drop(s, rd_kafka_consumer_close_queue(s->client, s->queue), "leaving the group");
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
        {"heartbeat.interval.ms", "1500"},
        {"fetch.wait.max.ms", "100"},
        {"allow.auto.create.topics", "false"},
        {"topic.metadata.refresh.interval.ms", "10000"},
    };
    rd_kafka_conf_t *conf =
        kafka_client_conf(options->properties, fixed, sizeof(fixed) / sizeof(*fixed), &s->watch, diag);
    if (conf == NULL)
        return NULL;
    char name[64];
    snprintf(name, sizeof(name), "declic-intake-%d", options->worker);
    kafka_client_set(conf, "client.id", name);
    kafka_client_set(conf, "group.id", options->group);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    return kafka_client_new(conf, RD_KAFKA_CONSUMER, diag);
}

enum err kafka_source_open(const struct kafka_source_options *options, struct kafka_source **source,
                           struct diag *diag)
{
    struct kafka_source *s = checked(calloc(1, sizeof(*s)));
    kafka_watch_init(&s->watch, options->log, "intake");
    s->topics = checked(calloc(options->topic_count, sizeof(*s->topics)));
    s->topic_count = options->topic_count;
    for (size_t i = 0; i < s->topic_count; i++)
        s->topics[i].name = checked(strdup(options->topics[i]));
    s->client = client_make(s, options, diag);
    if (s->client == NULL) {
        kafka_source_destroy(s);
        return ERR_INVALID;
    }
    (void)rd_kafka_poll_set_consumer(s->client);
    s->queue = rd_kafka_queue_get_consumer(s->client);
    s->answers = rd_kafka_queue_new(s->client);
    enum err error = subscribe(s, diag);
    if (error != ERR_OK)
        kafka_source_destroy(s);
    else
        *source = s;
    return error;
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
    if (s->standing.list != NULL) {
        if (!s->standing.handed_out)
            revocations_fill(s);
        unassign(s);
        standing_clear(s);
    }
    if (!s->closing)
        source_close(s);
    while (!source_closed(s) && kafka_now_us() < deadline_us) {
        struct source_event event;
        if (records_hand_out(s, 50, &event))
            source_release(s, event.batch);
        if (standing_hand_out(s, &event))
            source_served(s);
    }
}

void kafka_source_destroy(struct kafka_source *s)
{
    if (s == NULL)
        return;
    if (s->client != NULL) {
        leave(s);
        rd_kafka_queue_destroy(s->queue);
        rd_kafka_queue_destroy(s->answers);
        rd_kafka_destroy_flags(s->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
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
}
