/* Topics: what is there, and making those that Declic owns.
 */
#ifndef DECLIC_KAFKA_KAFKA_ADMIN_H
#define DECLIC_KAFKA_KAFKA_ADMIN_H

#include "base/arena.h"
#include "kafka/kafka_client.h"

struct kafka_admin;

/* Errors: ERR_INVALID (diag). Connects in the background. */
WARN_UNUSED enum err kafka_admin_open(const struct kafka_properties *properties, const struct log *log,
                                      struct kafka_admin **admin, struct diag *diag);
void kafka_admin_close(struct kafka_admin *admin);

/* What a topic must be. */
enum kafka_topic_kind {
    KAFKA_TOPIC_JOURNAL,      /* LogAppendTime, kept for ever (trimmed by us only), blocks of up to 1 MiB */
    KAFKA_TOPIC_CAMPAIGNS,    /* one partition, compacted */
    KAFKA_TOPIC_DEAD_LETTERS, /* takes any source record with the headers that are added to it */
    KAFKA_TOPIC_PLAIN,        /* events, decisions, out.<channel>: the broker's defaults */
};

struct kafka_topic_plan {
    struct span name;
    enum kafka_topic_kind kind;
    int32_t partitions; /* CAMPAIGNS: taken as 1; -1: the broker's default */
    int replication;    /* 0: the broker's default */
};

enum kafka_topic_result {
    KAFKA_TOPIC_MADE,
    KAFKA_TOPIC_EXISTS,
    KAFKA_TOPIC_FAILED, /* text says why */
};

struct kafka_topic_outcome {
    enum kafka_topic_result result;
    struct span text;
};

/* Makes what is missing, and waits until clients see it; outcomes[i] is about plans[i] and lives in the
 * arena. Errors: ERR_UNREACHABLE, ERR_TIMEOUT for all of them together (diag). */
WARN_UNUSED enum err kafka_admin_topics_create(struct kafka_admin *admin,
                                               const struct kafka_topic_plan *plans, size_t count,
                                               int timeout_ms, struct arena *arena,
                                               struct kafka_topic_outcome *outcomes, struct diag *diag);

struct kafka_topic_description {
    struct span name;
    bool exists;
    int32_t partitions;
    /* Only when configs were asked for and may be read; empty otherwise. */
    struct span timestamp_type, retention_ms, retention_bytes, cleanup_policy, max_message_bytes;
};

/* Fills descriptions[i] for names[i]. Errors: ERR_UNREACHABLE, ERR_TIMEOUT, ERR_REFUSED (diag). */
WARN_UNUSED enum err kafka_admin_topics_describe(struct kafka_admin *admin, const struct span *names,
                                                 size_t count, bool with_configs, int timeout_ms,
                                                 struct arena *arena,
                                                 struct kafka_topic_description *descriptions,
                                                 struct diag *diag);

/* What is wrong with a topic that is there: another number of partitions, a setting that would lose or
 * misdate records. Empty when nothing; else a sentence with the remedy, in the arena. */
struct span kafka_topic_complaint(const struct kafka_topic_plan *plan,
                                  const struct kafka_topic_description *description, struct arena *arena);

#endif
