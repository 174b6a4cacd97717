/* The topics of an installation: those that are Declic's own, and the sources that must be there.
 */
#ifndef DECLIC_APP_OWN_TOPICS_H
#define DECLIC_APP_OWN_TOPICS_H

#include "app/config.h"
#include "kafka/kafka_admin.h"

/* Journal, campaigns, events, decisions, dlq, and one outbound topic a channel of the campaign language.
 * Lives in `arena`. */
const struct kafka_topic_plan *own_topics(const struct config *config, struct arena *arena, size_t *count);

/* The `kafka:` settings as the clients take them; lives as long as `config` and `arena`. */
struct kafka_properties own_kafka_properties(const struct config *config, struct arena *arena);

#endif
