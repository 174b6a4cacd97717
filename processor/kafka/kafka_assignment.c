#include "kafka/kafka_assignment.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

/* Seeks are answered by the client's main thread, without a round trip. */
#define SEEK_TIMEOUT_MS 200

enum part_state {
    PART_ABSENT,
    PART_IDLE,    /* assigned, no offset known */
    PART_SEEKING, /* `wanted` is known, the client has not moved there yet */
    PART_READING,
};

struct part {
    enum part_state state;
    bool stopped; /* the client stopped it (offset out of range): a seek is refused, assign anew */
    /* Something came from it, so the client has found the end at which it was assigned. A seek before that
     * is accepted, and then undone by the answer to the client's question for the end: records would be
     * passed over without a word (seen with librdkafka 2.0.2). */
    bool found_end;
    int64_t wanted;
};

/* The rebalance event that the engine is handling; answered by the next poll. */
struct standing {
    rd_kafka_event_t *event;
    bool assign;
    int32_t *partitions;
    size_t count;
};

struct kafka_assignment {
    rd_kafka_t *client;
    const char *topic;
    struct kafka_watch *watch;
    struct part *parts;
    size_t part_count;
    size_t seeking; /* how many are PART_SEEKING */
    struct standing standing;
    rd_kafka_consumer_group_metadata_t *metadata; /* as of the last rebalance event handed out */
    bool ever_given;
};

static struct part *part_at(struct kafka_assignment *a, int32_t partition)
{
    assert(partition >= 0);
    size_t need = (size_t)partition + 1;
    if (need > a->part_count) {
        a->parts = memory_checked(realloc(a->parts, need * sizeof(*a->parts)));
        memset(a->parts + a->part_count, 0, (need - a->part_count) * sizeof(*a->parts));
        a->part_count = need;
    }
    return &a->parts[partition];
}

static void part_set(struct kafka_assignment *a, int32_t partition, enum part_state state)
{
    struct part *part = part_at(a, partition);
    a->seeking -= part->state == PART_SEEKING;
    a->seeking += state == PART_SEEKING;
    part->state = state;
    if (state != PART_SEEKING)
        part->stopped = false;
}

/* Logs and destroys; true when there was none. */
static bool error_is_none(struct kafka_assignment *a, rd_kafka_error_t *error, const char *doing)
{
    if (error == NULL)
        return true;
    if (a->watch->log != NULL)
        log_line(a->watch->log, LOG_WARN, "Kafka consumer refused", log_text("doing", doing),
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

bool kafka_assignment_is_supported(void)
{
    rd_kafka_consumer_group_metadata_t *sample =
        rd_kafka_consumer_group_metadata_new_with_genid("group", 1234567, "member", NULL);
    bool readable = metadata_generation(sample) == 1234567;
    rd_kafka_consumer_group_metadata_destroy(sample);
    return readable;
}

/* Taken when a rebalance event is handed out: while it stands the client cannot join anew, so this is the
 * generation that the event is about (or none, when the member was kicked out since). */
static void metadata_take(struct kafka_assignment *a, bool lost)
{
    if (a->metadata != NULL)
        rd_kafka_consumer_group_metadata_destroy(a->metadata);
    a->metadata = lost ? NULL : rd_kafka_consumer_group_metadata(a->client);
    if (a->metadata != NULL && metadata_generation(a->metadata) < 0) {
        rd_kafka_consumer_group_metadata_destroy(a->metadata);
        a->metadata = NULL;
    }
}

/* ---- moving ---- */

rd_kafka_topic_partition_list_t *kafka_list_of_one(const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    return list;
}

/* Two calls: the client has heard that the partition stopped before it looks at whatever is asked of it
 * after them. Behind one call that does both it may not have, and ends the process when the partition is
 * taken away (librdkafka 2.0.2). */
static void part_reassign(struct kafka_assignment *a, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = kafka_list_of_one(a->topic, partition, offset);
    bool good = error_is_none(a, rd_kafka_incremental_unassign(a->client, list), "stopping a partition");
    list->elems[0].offset = offset;
    if (good && error_is_none(a, rd_kafka_incremental_assign(a->client, list), "starting a partition"))
        part_set(a, partition, PART_READING);
    rd_kafka_topic_partition_list_destroy(list);
}

/* A seek is refused until the client has begun to work on the assignment; poll tries again. It waits for
 * the client's thread: only after that is what was read ahead known to be dropped. */
static void part_seek(struct kafka_assignment *a, int32_t partition)
{
    struct part *part = part_at(a, partition);
    if (part->stopped) {
        part_reassign(a, partition, part->wanted);
        return;
    }
    if (!part->found_end)
        return;
    rd_kafka_topic_partition_list_t *list = kafka_list_of_one(a->topic, partition, part->wanted);
    kafka_seek(a->client, list, SEEK_TIMEOUT_MS);
    if (list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
        part_set(a, partition, PART_READING);
    rd_kafka_topic_partition_list_destroy(list);
}

bool kafka_assignment_settle(struct kafka_assignment *a)
{
    for (size_t p = 0; a->seeking > 0 && p < a->part_count; p++) {
        if (a->parts[p].state == PART_SEEKING)
            part_seek(a, (int32_t)p);
    }
    return a->seeking > 0;
}

static bool is_standing(const struct kafka_assignment *a, int32_t partition)
{
    for (size_t i = 0; a->standing.event != NULL && a->standing.assign && i < a->standing.count; i++) {
        if (a->standing.partitions[i] == partition)
            return true;
    }
    return false;
}

enum err kafka_assignment_start(struct kafka_assignment *a, int32_t partition, int64_t offset)
{
    assert(offset >= 0);
    struct part *part = part_at(a, partition);
    if (part->state == PART_ABSENT)
        return ERR_NOT_FOUND;
    part->wanted = offset;
    part_set(a, partition, PART_SEEKING);
    if (!is_standing(a, partition))
        part_seek(a, partition);
    return ERR_OK;
}

/* ---- rebalancing ---- */

static bool is_cooperative(struct kafka_assignment *a)
{
    const char *protocol = rd_kafka_rebalance_protocol(a->client);
    return protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
}

static void standing_clear(struct kafka_assignment *a)
{
    rd_kafka_event_destroy(a->standing.event);
    free(a->standing.partitions);
    a->standing = (struct standing){0};
}

/* A pause of an earlier tenure would still hold. */
static void resume(struct kafka_assignment *a, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = kafka_list_of_one(a->topic, partition, RD_KAFKA_OFFSET_INVALID);
    (void)rd_kafka_resume_partitions(a->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* An answer that the client refuses (it has other partitions than we think) is none: the group would wait
 * for ever. An empty list always is one. */
static bool answer_with(struct kafka_assignment *a,
                        rd_kafka_error_t *(*call)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *),
                        const rd_kafka_topic_partition_list_t *list, const char *doing)
{
    if (error_is_none(a, call(a->client, list), doing))
        return true;
    rd_kafka_topic_partition_list_t *empty = rd_kafka_topic_partition_list_new(0);
    (void)error_is_none(a, call(a->client, empty), doing);
    rd_kafka_topic_partition_list_destroy(empty);
    return false;
}

static void answer_assign(struct kafka_assignment *a)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)a->standing.count);
    for (size_t i = 0; i < a->standing.count; i++) {
        int32_t p = a->standing.partitions[i];
        const struct part *part = part_at(a, p);
        int64_t offset = part->state == PART_SEEKING ? part->wanted : RD_KAFKA_OFFSET_END;
        rd_kafka_topic_partition_list_add(list, a->topic, p)->offset = offset;
        resume(a, p);
    }
    if (answer_with(a, rd_kafka_incremental_assign, list, "assigning")) {
        for (size_t i = 0; i < a->standing.count; i++) {
            if (part_at(a, a->standing.partitions[i])->state == PART_SEEKING)
                part_set(a, a->standing.partitions[i], PART_READING);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void answer_revoke(struct kafka_assignment *a)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(a->standing.event);
    if (is_cooperative(a))
        (void)answer_with(a, rd_kafka_incremental_unassign, list, "unassigning");
    else
        (void)rd_kafka_assign(a->client, NULL);
    for (size_t i = 0; i < a->standing.count; i++)
        part_set(a, a->standing.partitions[i], PART_ABSENT);
}

void kafka_assignment_answer(struct kafka_assignment *a)
{
    if (a->standing.event == NULL)
        return;
    if (a->standing.assign)
        answer_assign(a);
    else
        answer_revoke(a);
    standing_clear(a);
}

void kafka_assignment_hand_out(struct kafka_assignment *a, rd_kafka_event_t *message,
                               struct journal_event *event)
{
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(message);
    size_t count = list == NULL ? 0 : (size_t)list->cnt;
    struct standing *standing = &a->standing;
    *standing = (struct standing){
        .event = message,
        .assign = rd_kafka_event_error(message) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
        .partitions = memory_checked(malloc((count + 1) * sizeof(int32_t))),
        .count = count,
    };
    for (size_t i = 0; i < count; i++) {
        standing->partitions[i] = list->elems[i].partition;
        if (standing->assign) {
            part_set(a, standing->partitions[i], PART_IDLE);
            part_at(a, standing->partitions[i])->found_end = false;
        }
    }
    a->ever_given = a->ever_given || (standing->assign && count > 0);
    event->kind = standing->assign                      ? JOURNAL_ASSIGNED
                  : rd_kafka_assignment_lost(a->client) ? JOURNAL_LOST
                                                        : JOURNAL_REVOKED;
    metadata_take(a, event->kind == JOURNAL_LOST);
    event->partitions = standing->partitions;
    event->count = count;
}

bool kafka_assignment_stands(const struct kafka_assignment *a)
{
    return a->standing.event != NULL;
}

bool kafka_assignment_has_any(const struct kafka_assignment *a)
{
    for (size_t p = 0; p < a->part_count; p++)
        if (a->parts[p].state != PART_ABSENT)
            return true;
    return false;
}

bool kafka_assignment_was_given(const struct kafka_assignment *a)
{
    return a->ever_given;
}

bool kafka_assignment_is_reading(const struct kafka_assignment *a, int32_t partition)
{
    return partition >= 0 && (size_t)partition < a->part_count && a->parts[partition].state == PART_READING;
}

void kafka_assignment_stopped(struct kafka_assignment *a, int32_t partition)
{
    part_at(a, partition)->stopped = true;
}

const rd_kafka_consumer_group_metadata_t *kafka_assignment_metadata(const struct kafka_assignment *a)
{
    return a->metadata;
}

struct kafka_assignment *kafka_assignment_new(rd_kafka_t *client, const char *topic,
                                              struct kafka_watch *watch)
{
    struct kafka_assignment *a = memory_checked(calloc(1, sizeof(*a)));
    a->client = client;
    a->topic = topic;
    a->watch = watch;
    return a;
}

void kafka_assignment_free(struct kafka_assignment *a)
{
    if (a->metadata != NULL)
        rd_kafka_consumer_group_metadata_destroy(a->metadata);
    free(a->parts);
    free(a);
}

void kafka_assignment_saw(struct kafka_assignment *a, int32_t partition)
{
    part_at(a, partition)->found_end = true;
}
