/* What an installation is told: declic.yaml, DECLIC_… variables, flags.
 *
 * A flag wins over a variable, a variable over the file. A key `a.b` is `a: {b: …}` in the file,
 * DECLIC_A_B in the environment and --a.b on the command line; the lists (`sources`,
 * `profile.attributes`) are YAML there too. `kafka.*` is handed to librdkafka as it is, but for the
 * properties that the protocol fixes, which are refused with the reason (config_kafka.def). Relative paths
 * in the file are relative to the file, others to the working directory. docs/configuration.md is the
 * manual, config.def the table.
 */
#ifndef DECLIC_APP_CONFIG_H
#define DECLIC_APP_CONFIG_H

#include "base/diag_list.h"
#include "codec/mapping.h"
#include "core/campaign.h"

enum config_outbound_format { CONFIG_OUTBOUND_JSON, CONFIG_OUTBOUND_AVRO };
enum config_delivery { CONFIG_EXACTLY_ONCE, CONFIG_AT_LEAST_ONCE };
enum config_decisions { CONFIG_DECISIONS_ALL, CONFIG_DECISIONS_FINAL, CONFIG_DECISIONS_OFF };

enum config_source_kind { CONFIG_SOURCE_EVENTS, CONFIG_SOURCE_PROFILES };

struct config_source {
    struct span topic;
    enum config_source_kind kind;
    struct mapping mapping;     /* compiled; with the format */
    const struct span *schemas; /* paths of Avro schema files */
    size_t schema_count;
};

struct config_property {
    struct span name;
    struct span value;
};

/* The types of config.def. Times are ms, sizes bytes, choices the enums above. */
#define CONFIG_TYPE_TEXT struct span
#define CONFIG_TYPE_PATH struct span
#define CONFIG_TYPE_COUNT uint32_t
#define CONFIG_TYPE_SIZE uint32_t
#define CONFIG_TYPE_DURATION int64_t
#define CONFIG_TYPE_CHOICE int

struct config {
    struct span path; /* of the file that was read; empty: none was */
#define CONFIG(field, key, type, default_, allowed, help) CONFIG_TYPE_##type field;
#include "app/config.def"
#undef CONFIG
    /* For librdkafka, in order of name; bootstrap.servers is among them. */
    const struct config_property *kafka;
    size_t kafka_count;
    const struct config_source *sources; /* without `events`, which is always read */
    size_t source_count;
    struct config_source events;                   /* the topic PREFIXevents, what HTTP takes: plain JSON */
    struct name_set profile_attributes;            /* what the fold keeps of profiles */
    const struct config_property *outbound_topics; /* channel -> topic, where topics.out names one */
    size_t outbound_topic_count;
};

struct config_input {
    const char *path;               /* NULL: $DECLIC_CONFIG, else declic.yaml, which need not be there */
    const char *const *environment; /* NAME=value, ended by NULL; NULL: none */
    const struct config_property *flags; /* names without the dashes */
    size_t flag_count;
};

/* Reads and checks everything; the result lives in `arena`.
 * Errors: ERR_IO (the file cannot be read), ERR_INVALID; all problems are in `diags`. */
WARN_UNUSED enum err config_load(const struct config_input *input, struct arena *arena,
                                 struct config **config, struct diag_list *diags);

/* True for what may stand as --NAME: a key of config.def, a list, or anything that begins with kafka. */
bool config_key_is_known(struct span name);
/* The known key that looks most like `name`; empty when none is near. */
struct span config_key_nearest(struct span name);

/* The topics: PREFIX + journal, campaigns, decisions, dlq, events; NUL-terminated, in `arena`. */
struct span config_topic(const struct config *config, const char *name, struct arena *arena);
/* The outbound topic of a channel: topics.out.CHANNEL, else PREFIXout.CHANNEL. */
struct span config_outbound_topic(const struct config *config, struct span channel, struct arena *arena);

/* One row of config.def, for help texts and the test that holds the manual against it. */
struct config_setting {
    const char *key, *type, *default_text, *allowed, *help;
};
const struct config_setting *config_settings(size_t *count);

#endif
