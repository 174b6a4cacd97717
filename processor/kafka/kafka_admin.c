#include "kafka/kafka_admin.h"

#include <stdlib.h>

#include "base/memory.h"

struct kafka_admin {
    struct kafka_watch watch; /* first: the client's opaque */
    rd_kafka_t *client;
};

/* What a topic of a kind is made with; compared again by kafka_topic_complaint. */
static const struct kafka_fixed journal_settings[] = {
    {"message.timestamp.type", "LogAppendTime"},
    {"cleanup.policy", "delete"},
    {"retention.ms", "-1"},
    {"retention.bytes", "-1"},
    {"max.message.bytes", "2097152"},
};
static const struct kafka_fixed campaigns_settings[] = {
    {"cleanup.policy", "compact"},
    {"max.message.bytes", "2097152"},
};

static const struct kafka_fixed dead_letters_settings[] = {
    {"max.message.bytes", "16777216"},
};

/* What topics of a kind are made with. */
static const struct {
    const struct kafka_fixed *settings;
    size_t count;
} made_with[] = {
    [KAFKA_TOPIC_JOURNAL] = {journal_settings, sizeof(journal_settings) / sizeof(journal_settings[0])},
    [KAFKA_TOPIC_CAMPAIGNS] = {campaigns_settings,
                               sizeof(campaigns_settings) / sizeof(campaigns_settings[0])},
    [KAFKA_TOPIC_DEAD_LETTERS] = {dead_letters_settings,
                                  sizeof(dead_letters_settings) / sizeof(dead_letters_settings[0])},
    [KAFKA_TOPIC_PLAIN] = {NULL, 0},
};

#define JOURNAL_MESSAGE_BYTES_MIN 1048576

enum err kafka_admin_open(const struct kafka_properties *properties, const struct log *log,
                          struct kafka_admin **result, struct diag *diag)
{
    static const struct kafka_fixed fixed[] = {
        {"allow.auto.create.topics", "false"},
        {"socket.timeout.ms", "10000"},
        {"reconnect.backoff.max.ms", "1000"},
        {"log.connection.close", "false"},
    };
    struct kafka_admin *admin = memory_checked(calloc(1, sizeof(*admin)));
    kafka_watch_init(&admin->watch, log, "admin");
    rd_kafka_conf_t *conf =
        kafka_client_conf(properties, fixed, sizeof(fixed) / sizeof(fixed[0]), &admin->watch, diag);
    if (conf != NULL)
        admin->client = kafka_client_new(conf, RD_KAFKA_PRODUCER, diag);
    if (admin->client == NULL) {
        kafka_admin_close(admin);
        return ERR_INVALID;
    }
    *result = admin;
    return ERR_OK;
}

void kafka_admin_close(struct kafka_admin *admin)
{
    if (admin->client != NULL)
        rd_kafka_destroy(admin->client);
    kafka_watch_destroy(&admin->watch);
    free(admin);
}

/* What a request that failed as a whole means; the last error of the connection says more than "timed out".
 */
static enum err request_failed(struct kafka_admin *admin, rd_kafka_resp_err_t error, const char *text,
                               struct diag *diag)
{
    char last[200];
    rd_kafka_poll(admin->client, 0);
    kafka_watch_last_error(&admin->watch, last, sizeof(last));
    if (kafka_error_is_permanent(error))
        return diag_set(diag, ERR_REFUSED, 0, 0, "Kafka refused: %s", text);
    if (last[0] != '\0')
        return diag_set(diag, ERR_UNREACHABLE, 0, 0, "Kafka cannot be reached: %s", last);
    return diag_set(diag, error == RD_KAFKA_RESP_ERR__TIMED_OUT ? ERR_TIMEOUT : ERR_UNREACHABLE, 0, 0,
                    "Kafka did not answer: %s", text);
}

/* ---- admin requests ---- */

static rd_kafka_AdminOptions_t *options_make(struct kafka_admin *admin, rd_kafka_admin_op_t operation,
                                             int timeout_ms)
{
    char reason[200];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->client, operation);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, reason, sizeof(reason));
    if (operation == RD_KAFKA_ADMIN_OP_CREATETOPICS) /* until the controller has made them */
        (void)rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, reason, sizeof(reason));
    return options;
}

/* Waits for the result of the request that was sent with `queue`; takes queue and options over. */
static enum err result_wait(struct kafka_admin *admin, rd_kafka_queue_t *queue,
                            rd_kafka_AdminOptions_t *options, int timeout_ms, rd_kafka_event_t **result,
                            struct diag *diag)
{
    enum err error = ERR_OK;
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    rd_kafka_queue_destroy(queue);
    if (event == NULL)
        return request_failed(admin, RD_KAFKA_RESP_ERR__TIMED_OUT, "timed out", diag);
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        error =
            request_failed(admin, rd_kafka_event_error(event), rd_kafka_event_error_string(event), diag);
        rd_kafka_event_destroy(event);
        return error;
    }
    *result = event;
    return ERR_OK;
}

/* ---- creating ---- */

static enum err partitions_describe(struct kafka_admin *admin, const struct span *names, size_t count,
                                    int timeout_ms, struct kafka_topic_description *descriptions,
                                    struct diag *diag)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t error = rd_kafka_metadata(admin->client, 1, NULL, &metadata, timeout_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return request_failed(admin, error, rd_kafka_err2str(error), diag);
    for (size_t i = 0; i < count; i++) {
        descriptions[i] = (struct kafka_topic_description){.name = names[i]};
        for (int t = 0; t < metadata->topic_cnt; t++) {
            const struct rd_kafka_metadata_topic *topic = &metadata->topics[t];
            if (!span_equal_text(names[i], topic->topic) ||
                topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
                continue;
            descriptions[i].exists = true;
            descriptions[i].partitions = topic->partition_cnt;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return ERR_OK;
}

/* The controller has made them, but a client may ask a broker that has not heard of it yet. Once the time
 * is up they are left to become known later. */
static void made_await(struct kafka_admin *admin, const struct kafka_topic_plan *plans, size_t count,
                       const struct kafka_topic_outcome *outcomes, int timeout_ms, struct arena *arena)
{
    struct span *names = ARENA_ARRAY(arena, struct span, count);
    struct kafka_topic_description *seen = ARENA_ARRAY(arena, struct kafka_topic_description, count);
    int64_t until_us = kafka_now_us() + (int64_t)timeout_ms * 1000;
    size_t unknown;
    for (size_t i = 0; i < count; i++)
        names[i] = plans[i].name;
    do {
        struct diag diag = {0};
        unknown = 0;
        if (partitions_describe(admin, names, count, timeout_ms, seen, &diag) != ERR_OK)
            return;
        for (size_t i = 0; i < count; i++)
            unknown += outcomes[i].result == KAFKA_TOPIC_MADE && !seen[i].exists;
        if (unknown > 0)
            (void)rd_kafka_poll(admin->client, 20);
    } while (unknown > 0 && kafka_now_us() < until_us);
}

static rd_kafka_NewTopic_t *new_topic(const struct kafka_topic_plan *plan, struct arena *arena,
                                      struct kafka_topic_outcome *outcome)
{
    char reason[200];
    struct span name = arena_copy(arena, plan->name);
    int32_t partitions = plan->kind == KAFKA_TOPIC_CAMPAIGNS ? 1 : plan->partitions;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        name.data, partitions, plan->replication > 0 ? plan->replication : -1, reason, sizeof(reason));
    if (topic == NULL) {
        *outcome = (struct kafka_topic_outcome){KAFKA_TOPIC_FAILED, arena_printf(arena, "%s", reason)};
        return NULL;
    }
    for (size_t i = 0; i < made_with[plan->kind].count; i++)
        (void)rd_kafka_NewTopic_set_config(topic, made_with[plan->kind].settings[i].name,
                                           made_with[plan->kind].settings[i].value);
    return topic;
}

static struct kafka_topic_outcome outcome_of(const rd_kafka_topic_result_t *result, struct arena *arena)
{
    rd_kafka_resp_err_t error = rd_kafka_topic_result_error(result);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return (struct kafka_topic_outcome){.result = KAFKA_TOPIC_MADE};
    if (error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return (struct kafka_topic_outcome){.result = KAFKA_TOPIC_EXISTS};
    const char *text = rd_kafka_topic_result_error_string(result);
    return (struct kafka_topic_outcome){
        KAFKA_TOPIC_FAILED, arena_printf(arena, "%s", text == NULL ? rd_kafka_err2str(error) : text)};
}

static void outcomes_take(const rd_kafka_event_t *event, const struct kafka_topic_plan *plans, size_t count,
                          struct arena *arena, struct kafka_topic_outcome *outcomes)
{
    size_t results_count;
    const rd_kafka_CreateTopics_result_t *result =
        rd_kafka_event_CreateTopics_result((rd_kafka_event_t *)(uintptr_t)event);
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(result, &results_count);
    for (size_t r = 0; r < results_count; r++) {
        for (size_t i = 0; i < count; i++) {
            if (span_equal_text(plans[i].name, rd_kafka_topic_result_name(results[r])))
                outcomes[i] = outcome_of(results[r], arena);
        }
    }
}

enum err kafka_admin_topics_create(struct kafka_admin *admin, const struct kafka_topic_plan *plans,
                                   size_t count, int timeout_ms, struct arena *arena,
                                   struct kafka_topic_outcome *outcomes, struct diag *diag)
{
    size_t made = 0;
    rd_kafka_event_t *event = NULL;
    rd_kafka_NewTopic_t **topics = ARENA_ARRAY(arena, rd_kafka_NewTopic_t *, count);
    for (size_t i = 0; i < count; i++) {
        outcomes[i] = (struct kafka_topic_outcome){KAFKA_TOPIC_FAILED, SPAN_LITERAL("no answer about it")};
        topics[made] = new_topic(&plans[i], arena, &outcomes[i]);
        made += topics[made] != NULL;
    }
    if (made == 0)
        return ERR_OK;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin->client);
    rd_kafka_AdminOptions_t *options = options_make(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
    rd_kafka_CreateTopics(admin->client, topics, made, options, queue);
    enum err error = result_wait(admin, queue, options, timeout_ms, &event, diag);
    if (error == ERR_OK) {
        outcomes_take(event, plans, count, arena, outcomes);
        rd_kafka_event_destroy(event);
        made_await(admin, plans, count, outcomes, timeout_ms, arena);
    }
    rd_kafka_NewTopic_destroy_array(topics, made);
    return error;
}

/* ---- describing ---- */

static void setting_take(const rd_kafka_ConfigEntry_t *entry, struct arena *arena,
                         struct kafka_topic_description *description)
{
    const struct {
        const char *name;
        struct span *place;
    } settings[] = {
        {"message.timestamp.type", &description->timestamp_type},
        {"retention.ms", &description->retention_ms},
        {"retention.bytes", &description->retention_bytes},
        {"cleanup.policy", &description->cleanup_policy},
        {"max.message.bytes", &description->max_message_bytes},
    };
    const char *value = rd_kafka_ConfigEntry_value(entry);
    for (size_t i = 0; value != NULL && i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entry), settings[i].name) == 0)
            *settings[i].place = arena_copy(arena, span_from_text(value));
    }
}

static void settings_take(rd_kafka_event_t *event, size_t count, struct arena *arena,
                          struct kafka_topic_description *descriptions)
{
    size_t resource_count;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &resource_count);
    for (size_t r = 0; r < resource_count; r++) {
        size_t entry_count;
        const rd_kafka_ConfigEntry_t **entries =
            rd_kafka_ConfigResource_configs(resources[r], &entry_count);
        for (size_t i = 0; i < count; i++) {
            if (!span_equal_text(descriptions[i].name, rd_kafka_ConfigResource_name(resources[r])))
                continue;
            for (size_t e = 0; e < entry_count; e++)
                setting_take(entries[e], arena, &descriptions[i]);
        }
    }
}

static enum err settings_describe(struct kafka_admin *admin, size_t count, int timeout_ms,
                                  struct arena *arena, struct kafka_topic_description *descriptions,
                                  struct diag *diag)
{
    size_t asked = 0;
    rd_kafka_event_t *event = NULL;
    rd_kafka_ConfigResource_t **resources = ARENA_ARRAY(arena, rd_kafka_ConfigResource_t *, count);
    for (size_t i = 0; i < count; i++) {
        struct span name = arena_copy(arena, descriptions[i].name);
        if (descriptions[i].exists)
            resources[asked++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.data);
    }
    if (asked == 0)
        return ERR_OK;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin->client);
    rd_kafka_AdminOptions_t *options = options_make(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
    rd_kafka_DescribeConfigs(admin->client, resources, asked, options, queue);
    enum err error = result_wait(admin, queue, options, timeout_ms, &event, diag);
    if (error == ERR_OK) {
        settings_take(event, count, arena, descriptions);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_ConfigResource_destroy_array(resources, asked);
    return error;
}

enum err kafka_admin_topics_describe(struct kafka_admin *admin, const struct span *names, size_t count,
                                     bool with_configs, int timeout_ms, struct arena *arena,
                                     struct kafka_topic_description *descriptions, struct diag *diag)
{
    enum err error = partitions_describe(admin, names, count, timeout_ms, descriptions, diag);
    if (error == ERR_OK && with_configs)
        error = settings_describe(admin, count, timeout_ms, arena, descriptions, diag);
    return error;
}

/* ---- judging ---- */

/* A setting that was read and is another; the first of them is told. */
static bool differs(struct span value, const char *expected)
{
    return value.size > 0 && !span_equal_text(value, expected);
}

static struct span setting_complaint(const struct kafka_topic_description *topic, const char *name,
                                     struct span value, const char *expected, const char *harm,
                                     struct arena *arena)
{
    return arena_printf(
        arena,
        "topic %.*s has %s=%.*s, which %s; set it to %s (kafka-configs.sh --alter --topic %.*s "
        "--add-config %s=%s)",
        SPAN_PRINTF(topic->name), name, SPAN_PRINTF(value), harm, expected, SPAN_PRINTF(topic->name), name,
        expected);
}

static struct span journal_complaint(const struct kafka_topic_description *topic, struct arena *arena)
{
    static const char loses[] = "would lose what pending sends need";
    if (differs(topic->timestamp_type, "LogAppendTime"))
        return setting_complaint(topic, "message.timestamp.type", topic->timestamp_type, "LogAppendTime",
                                 "leaves the order of cancels and sends to other machines' clocks", arena);
    if (differs(topic->cleanup_policy, "delete"))
        return setting_complaint(topic, "cleanup.policy", topic->cleanup_policy, "delete", loses, arena);
    if (differs(topic->retention_ms, "-1"))
        return setting_complaint(topic, "retention.ms", topic->retention_ms, "-1", loses, arena);
    if (differs(topic->retention_bytes, "-1"))
        return setting_complaint(topic, "retention.bytes", topic->retention_bytes, "-1", loses, arena);
    if (topic->max_message_bytes.size > 0 &&
        strtoll(topic->max_message_bytes.data, NULL, 10) < JOURNAL_MESSAGE_BYTES_MIN)
        return setting_complaint(topic, "max.message.bytes", topic->max_message_bytes, "2097152",
                                 "refuses large blocks of events", arena);
    return span_make(NULL, 0);
}

struct span kafka_topic_complaint(const struct kafka_topic_plan *plan,
                                  const struct kafka_topic_description *topic, struct arena *arena)
{
    int32_t partitions = plan->kind == KAFKA_TOPIC_CAMPAIGNS ? 1 : plan->partitions;
    if (!topic->exists)
        return arena_printf(arena, "topic %.*s is missing; `declic topics create` makes it",
                            SPAN_PRINTF(topic->name));
    if (plan->kind == KAFKA_TOPIC_CAMPAIGNS && topic->partitions != partitions)
        return arena_printf(arena, "topic %.*s has %d partitions, not 1; make it anew",
                            SPAN_PRINTF(topic->name), (int)topic->partitions);
    if (plan->kind == KAFKA_TOPIC_JOURNAL && topic->partitions != partitions)
        return arena_printf(arena,
                            "topic %.*s has %d partitions, not %d: users would be looked for in other "
                            "partitions; set journal.partitions to %d or make the topic anew",
                            SPAN_PRINTF(topic->name), (int)topic->partitions, (int)partitions,
                            (int)topic->partitions);
    if (plan->kind == KAFKA_TOPIC_JOURNAL)
        return journal_complaint(topic, arena);
    if (plan->kind == KAFKA_TOPIC_CAMPAIGNS && differs(topic->cleanup_policy, "compact"))
        return setting_complaint(topic, "cleanup.policy", topic->cleanup_policy, "compact",
                                 "would lose campaigns", arena);
    return span_make(NULL, 0);
}
