#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kafka/kafka_source_parts.h"

#define SEEK_TIMEOUT_MS 200

uint32_t source_topic_find(const struct kafka_source *s, const char *name)
{
    for (size_t i = 0; i < s->topic_count; i++)
        if (strcmp(s->topics[i].name, name) == 0)
            return (uint32_t)i;
    return UINT32_MAX;
}

uint32_t source_topic_of(struct kafka_source *s, const rd_kafka_topic_t *handle)
{
    for (size_t i = 0; i < s->topic_count; i++)
        if (s->topics[i].handle == handle)
            return (uint32_t)i;
    uint32_t found = source_topic_find(s, rd_kafka_topic_name(handle));
    if (found != UINT32_MAX)
        s->topics[found].handle = handle;
    return found;
}

struct part *source_part(struct kafka_source *s, uint32_t topic, int32_t partition)
{
    struct topic *t = &s->topics[topic];
    if (partition >= t->part_count) {
        int32_t more = partition + 16;
        t->parts = memory_checked(realloc(t->parts, (size_t)more * sizeof(*t->parts)));
        memset(t->parts + t->part_count, 0, (size_t)(more - t->part_count) * sizeof(*t->parts));
        t->part_count = more;
    }
    return &t->parts[partition];
}

bool source_has_parts(const struct kafka_source *s)
{
    for (size_t t = 0; t < s->topic_count; t++)
        for (int32_t p = 0; p < s->topics[t].part_count; p++)
            if (s->topics[t].parts[p].state != PART_ABSENT)
                return true;
    return false;
}

static void part_set(struct kafka_source *s, struct part *part, enum part_state state)
{
    s->moving -= part->state == PART_MOVING;
    s->moving += state == PART_MOVING;
    s->anew -= part->state == PART_ANEW;
    s->anew += state == PART_ANEW;
    part->state = state;
}

/* The partitions in one of two states, with their places. */
static rd_kafka_topic_partition_list_t *parts_in(struct kafka_source *s, enum part_state one,
                                                 enum part_state other)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (size_t t = 0; t < s->topic_count; t++)
        for (int32_t p = 0; p < s->topics[t].part_count; p++) {
            const struct part *part = &s->topics[t].parts[p];
            if (part->state == one || part->state == other)
                rd_kafka_topic_partition_list_add(list, s->topics[t].name, p)->offset = part->next;
        }
    return list;
}

/* The client may have lost its places. */
static void move_all(struct kafka_source *s)
{
    for (size_t t = 0; t < s->topic_count; t++)
        for (int32_t p = 0; p < s->topics[t].part_count; p++)
            if (s->topics[t].parts[p].state == PART_READING)
                part_set(s, &s->topics[t].parts[p], PART_MOVING);
}

bool source_settle(struct kafka_source *s)
{
    if (s->moving == 0)
        return false;
    rd_kafka_topic_partition_list_t *list = parts_in(s, PART_MOVING, PART_MOVING);
    kafka_seek(s->client, list, SEEK_TIMEOUT_MS);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *moved = &list->elems[i];
        if (moved->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            part_set(s, source_part(s, source_topic_find(s, moved->topic), moved->partition), PART_READING);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return s->moving > 0;
}

void source_pause_all(struct kafka_source *s, bool pause)
{
    rd_kafka_topic_partition_list_t *list = parts_in(s, PART_READING, PART_MOVING);
    if (pause)
        (void)rd_kafka_pause_partitions(s->client, list);
    else
        (void)rd_kafka_resume_partitions(s->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    s->paused = pause;
    move_all(s);
}

void source_start(void *self, uint32_t topic, int32_t partition)
{
    struct kafka_source *s = self;
    struct part *part = source_part(s, topic, partition);
    assert(part->state == PART_HELD);
    part_set(s, part, PART_MOVING);
    if (s->paused)
        return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, s->topics[topic].name, partition);
    (void)rd_kafka_resume_partitions(s->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- rebalancing ---- */

void source_on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t what,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_source *s = opaque;
    assert(s->standing.list == NULL);
    s->standing = (struct standing){.list = rd_kafka_topic_partition_list_copy(list)};
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        s->standing.kind = SOURCE_ASSIGNED;
        s->was_assigned = true;
    } else {
        s->standing.kind = rd_kafka_assignment_lost(client) ? SOURCE_LOST : SOURCE_REVOKED;
    }
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
    if (rd_kafka_offsets_for_times(s->client, list, SOURCE_LOOKUP_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR || list->elems[i].offset < 0)
            return false;
    return true;
}

static void outside_say(const struct kafka_source *s, const struct source_assignment *assignment)
{
    if (s->watch.log == NULL)
        return;
    log_line(s->watch.log, LOG_WARN,
             assignment->committed < assignment->low
                 ? "source records were deleted before they were read; reading goes on behind them"
                 : "a source topic was made anew, or has lost its end; it is read from its start",
             log_text("topic", s->topics[assignment->topic].name),
             log_number("partition", assignment->partition), log_number("offset", assignment->committed),
             log_number("log_start", assignment->low), log_number("log_end", assignment->high));
}

static void assignment_fill(struct kafka_source *s, int i, const rd_kafka_topic_partition_t *committed,
                            int64_t low, int64_t high)
{
    struct source_assignment *assignment = &s->standing.assignments[i];
    bool known = committed->offset >= 0 && !s->standing.own; /* else of the log that was there before */
    *assignment = (struct source_assignment){.topic = source_topic_find(s, committed->topic),
                                             .partition = committed->partition,
                                             .committed = known ? committed->offset : -1,
                                             .low = low,
                                             .high = high};
    if (known && committed->metadata_size > 0) {
        s->standing.metadata[i] = memory_checked(malloc(committed->metadata_size));
        memcpy(s->standing.metadata[i], committed->metadata, committed->metadata_size);
        assignment->metadata = span_make(s->standing.metadata[i], committed->metadata_size);
    }
    bool inside = assignment->committed >= low && assignment->committed <= high;
    assignment->start = inside ? assignment->committed : low;
    if (!inside && assignment->committed >= 0)
        outside_say(s, assignment);
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
        (rd_kafka_committed(s->client, committed, SOURCE_LOOKUP_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR &&
         offsets_ask(s, low, RD_KAFKA_OFFSET_BEGINNING) && offsets_ask(s, high, RD_KAFKA_OFFSET_END));
    for (size_t i = 0; good && i < count; i++)
        good = committed->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (good) {
        standing->assignments = memory_checked(calloc(count + 1, sizeof(*standing->assignments)));
        standing->metadata = memory_checked(calloc(count + 1, sizeof(*standing->metadata)));
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
        memory_checked(calloc((size_t)standing->list->cnt + 1, sizeof(*standing->assignments)));
    for (int i = 0; i < standing->list->cnt; i++)
        standing->assignments[i] =
            (struct source_assignment){.topic = source_topic_find(s, standing->list->elems[i].topic),
                                       .partition = standing->list->elems[i].partition};
}

void source_part_is_anew(struct kafka_source *s, uint32_t topic, int32_t partition)
{
    part_set(s, source_part(s, topic, partition), PART_ANEW);
    if (s->watch.log != NULL)
        log_line(s->watch.log, LOG_WARN, "a source topic was made anew; it is read from its start",
                 log_text("topic", s->topics[topic].name), log_number("partition", partition));
}

static void anew_note(struct kafka_source *s, enum source_event_kind kind)
{
    s->standing = (struct standing){.list = parts_in(s, PART_ANEW, PART_ANEW), .kind = kind, .own = true};
}

bool source_standing_hand_out(struct kafka_source *s, struct source_event *event)
{
    struct standing *standing = &s->standing;
    if (standing->list == NULL && s->anew > 0)
        anew_note(s, SOURCE_LOST);
    if (standing->list == NULL || standing->handed_out)
        return false;
    if (standing->kind == SOURCE_ASSIGNED) {
        if (s->closing) { /* nobody wants it any more */
            source_standing_give_up(s);
            return false;
        }
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

void source_error_drop(struct kafka_source *s, rd_kafka_error_t *error, const char *doing)
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
        struct part *part = source_part(s, assignment->topic, assignment->partition);
        part_set(s, part, PART_HELD);
        part->next = assignment->start;
    }
    (void)rd_kafka_pause_partitions(s->client, list);
    if (s->standing.own)
        return;
    source_error_drop(s, rd_kafka_incremental_assign(s->client, list), "assigning");
    (void)rd_kafka_pause_partitions(s->client, list);
}

static void unassign(struct kafka_source *s)
{
    rd_kafka_topic_partition_list_t *list = s->standing.list;
    for (int i = 0; i < list->cnt; i++)
        part_set(s, source_part(s, s->standing.assignments[i].topic, s->standing.assignments[i].partition),
                 PART_ABSENT);
    if (s->standing.own)
        return;
    const char *protocol = rd_kafka_rebalance_protocol(s->client);
    if (protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0)
        source_error_drop(s, rd_kafka_incremental_unassign(s->client, list), "unassigning");
    else
        (void)rd_kafka_assign(s->client, NULL);
}

void source_served(void *self)
{
    struct kafka_source *s = self;
    assert(s->standing.handed_out);
    static const char *const what[] = {[SOURCE_ASSIGNED] = "source partitions assigned",
                                       [SOURCE_REVOKED] = "source partitions given up",
                                       [SOURCE_LOST] = "source partitions lost"};
    if (s->watch.log != NULL)
        log_line(s->watch.log, LOG_INFO, what[s->standing.kind], log_number("count", s->standing.list->cnt),
                 log_number("worker", s->worker));
    bool anew = s->standing.own && s->standing.kind == SOURCE_LOST;
    if (s->standing.kind == SOURCE_ASSIGNED && !s->standing.answered)
        assign(s);
    else if (s->standing.kind != SOURCE_ASSIGNED && !anew)
        unassign(s);
    standing_clear(s);
    move_all(s);
    if (anew)
        anew_note(s, SOURCE_ASSIGNED);
}

void source_standing_forestall(struct kafka_source *s)
{
    struct standing *standing = &s->standing;
    if (standing->list == NULL || standing->kind != SOURCE_ASSIGNED || standing->answered || standing->own)
        return;
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    source_error_drop(s, rd_kafka_incremental_assign(s->client, none), "assigning");
    rd_kafka_topic_partition_list_destroy(none);
    standing->answered = true;
}

void source_standing_give_up(struct kafka_source *s)
{
    if (s->standing.list == NULL)
        return;
    if (!s->standing.handed_out)
        revocations_fill(s);
    if (!s->standing.answered)
        unassign(s);
    standing_clear(s);
}
