#include "app/own_topics.h"

const struct kafka_topic_plan *own_topics(const struct config *config, struct arena *arena, size_t *count)
{
    static const struct {
        const char *name;
        enum kafka_topic_kind kind;
    } named[] = {{"journal", KAFKA_TOPIC_JOURNAL},
                 {"campaigns", KAFKA_TOPIC_CAMPAIGNS},
                 {"dlq", KAFKA_TOPIC_DEAD_LETTERS},
                 {"events", KAFKA_TOPIC_PLAIN},
                 {"decisions", KAFKA_TOPIC_PLAIN}};
    const size_t names = sizeof named / sizeof named[0];
    struct kafka_topic_plan *plans = ARENA_ARRAY(arena, struct kafka_topic_plan, names + CHANNEL_COUNT);
    for (size_t i = 0; i < names + CHANNEL_COUNT; i++)
        plans[i] = (struct kafka_topic_plan){.kind = i < names ? named[i].kind : KAFKA_TOPIC_PLAIN,
                                             .partitions = -1,
                                             .replication = (int)config->topics_replication};
    for (size_t i = 0; i < names; i++)
        plans[i].name = config_topic(config, named[i].name, arena);
    for (size_t i = 0; i < CHANNEL_COUNT; i++)
        plans[names + i].name = config_outbound_topic(config, span_from_text(channel_names[i]), arena);
    plans[0].partitions = (int32_t)config->journal_partitions;
    *count = names + CHANNEL_COUNT;
    return plans;
}

struct kafka_properties own_kafka_properties(const struct config *config, struct arena *arena)
{
    struct kafka_property *list = ARENA_ARRAY(arena, struct kafka_property, config->kafka_count);
    for (size_t i = 0; i < config->kafka_count; i++)
        list[i] = (struct kafka_property){config->kafka[i].name, config->kafka[i].value};
    return (struct kafka_properties){list, config->kafka_count};
}
