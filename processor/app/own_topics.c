#include "app/own_topics.h"

/* A consumer of these may come to any channel that the campaign language knows. */
static const char *const channels[] = {"push", "web_push", "in_app", "sms", "email", "webhook"};
#define CHANNELS (sizeof channels / sizeof channels[0])

const struct kafka_topic_plan *own_topics(const struct config *config, struct arena *arena, size_t *count)
{
    struct kafka_topic_plan *plans = ARENA_ARRAY(arena, struct kafka_topic_plan, 5 + CHANNELS);
    plans[0] = (struct kafka_topic_plan){config_topic(config, "journal", arena), KAFKA_TOPIC_JOURNAL,
                                         (int32_t)config->journal_partitions};
    plans[1] =
        (struct kafka_topic_plan){config_topic(config, "campaigns", arena), KAFKA_TOPIC_CAMPAIGNS, 1};
    *count = 2;
    static const char *const plain[] = {"events", "decisions", "dlq"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        plans[(*count)++] =
            (struct kafka_topic_plan){config_topic(config, plain[i], arena), KAFKA_TOPIC_PLAIN, -1};
    for (size_t i = 0; i < CHANNELS; i++)
        plans[(*count)++] = (struct kafka_topic_plan){
            config_outbound_topic(config, span_from_text(channels[i]), arena), KAFKA_TOPIC_PLAIN, -1};
    return plans;
}

struct kafka_properties own_kafka_properties(const struct config *config, struct arena *arena)
{
    struct kafka_property *list = ARENA_ARRAY(arena, struct kafka_property, config->kafka_count);
    for (size_t i = 0; i < config->kafka_count; i++)
        list[i] = (struct kafka_property){config->kafka[i].name, config->kafka[i].value};
    return (struct kafka_properties){list, config->kafka_count};
}
