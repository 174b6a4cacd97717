/* What the files of the source on Kafka share; nobody else's business.
 *
 *     kafka_source.c        records, commits, the poll, its life
 *     kafka_source_group.c  partitions: where they stand, rebalances
 *
 * The client can lose the place of a partition: it pauses everything by itself for each rebalance, and when
 * one begins just as a batch is being filled, it takes records out of the batch again and goes on behind
 * them (librdkafka 2.0.2, among its known issues of the batch calls). So the place of each partition is
 * kept here, and after each rebalance and each pause it is moved there.
 */
#ifndef DECLIC_KAFKA_KAFKA_SOURCE_PARTS_H
#define DECLIC_KAFKA_KAFKA_SOURCE_PARTS_H

#include "kafka/kafka_source.h"

#define SOURCE_BATCH_RECORDS 1000
#define SOURCE_LOOKUP_TIMEOUT_MS 2000 /* for the brokers' answers about partitions that were assigned */

enum part_state {
    PART_ABSENT,
    PART_HELD,   /* assigned and paused: nobody named it to be started */
    PART_MOVING, /* to be moved to `next`; what comes from it is dropped */
    PART_READING,
    PART_ANEW, /* its log was made anew under us; what comes is dropped until the owner knows */
};

struct part {
    enum part_state state;
    int64_t next; /* the offset behind the last record taken, or where reading begins */
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
    rd_kafka_message_t *raw[SOURCE_BATCH_RECORDS];
    struct source_message messages[SOURCE_BATCH_RECORDS];
    struct source_header *headers; /* of all its records */
    size_t header_count, header_capacity;
};

/* The rebalance that the owner is handling, or that waits for the brokers' answers to be handed out. */
struct standing {
    rd_kafka_topic_partition_list_t *list; /* NULL: none */
    enum source_event_kind kind;
    bool handed_out, answered;
    bool own; /* not the client's: of partitions that are PART_ANEW, first LOST, then ASSIGNED */
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
    bool answered_last; /* the last poll handed an answer out */
    struct batch *free_batches;
    int worker;
    int64_t unwanted_since_us; /* 0: they are wanted */
    bool paused, closing;
    size_t moving;     /* how many are PART_MOVING */
    size_t anew;       /* how many are PART_ANEW */
    bool was_assigned; /* the group has handed out an assignment, be it an empty one */
    unsigned troubles_seen;
    char text[320];
};

/* Index of a topic by name or by the handle that records carry; UINT32_MAX: none of ours. */
uint32_t source_topic_find(const struct kafka_source *s, const char *name);
uint32_t source_topic_of(struct kafka_source *s, const rd_kafka_topic_t *handle);
struct part *source_part(struct kafka_source *s, uint32_t topic, int32_t partition);

/* Whether any partition is this member's. */
bool source_has_parts(const struct kafka_source *s);

/* Pauses or resumes everything that is read; it is to be moved to its place afterwards. */
void source_pause_all(struct kafka_source *s, bool pause);
/* Moves what is to be moved; true while some could not be. */
bool source_settle(struct kafka_source *s);
/* What it holds begins before what was read: it is another log. To its owner it is lost and assigned again.
 */
void source_part_is_anew(struct kafka_source *s, uint32_t topic, int32_t partition);
/* source_port.start and source_port.served. */
void source_start(void *self, uint32_t topic, int32_t partition);
void source_served(void *self);

/* The client's rebalance callback. Only notes it: answered by `served`, as the client allows. */
void source_on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t what,
                         rd_kafka_topic_partition_list_t *list, void *opaque);
/* Hands out the rebalance that was noted. True when the event is filled. */
bool source_standing_hand_out(struct kafka_source *s, struct source_event *event);
/* Answers one without the owner, who is gone. */
void source_standing_give_up(struct kafka_source *s);
/* Before the group is left: takes an assignment for given, though nothing is read. A client that is leaving
 * never leaves once it waits for the answer to an empty one (librdkafka before 2.4.0). */
void source_standing_forestall(struct kafka_source *s);

/* Logs and destroys; NULL is allowed. */
void source_error_drop(struct kafka_source *s, rd_kafka_error_t *error, const char *doing);

#endif
