/* What the readers of campaigns and of the policy share: expressions, templates, and the rules that
 * both may give (quiet, late, labels). Internal to these readers.
 *
 * A definition collects, beside its errors, every program it compiled and which attributes of the
 * trigger (and of the followed event) are read after the entry.
 */
#ifndef DECLIC_CODEC_DEFINITION_H
#define DECLIC_CODEC_DEFINITION_H

#include "codec/campaign_yaml.h"
#include "codec/yaml_form.h"
#include "core/cel/cel.h"

#define EVENT_NAME_ALLOWED "A-Za-z0-9_.:-"
#define EVENT_NAME_MAX 64
#define LABEL_ALLOWED "A-Za-z0-9_.:-"
#define LABEL_MAX 64

/* Names that were read, as they come; name_builder_finish makes a set of them. */
struct name_builder {
    struct span *names;
    size_t count, capacity;
    bool all;
};
struct name_set name_builder_finish(struct name_builder *builder);

struct definition {
    struct form form;
    const struct campaign_options *options; /* never NULL */
    struct cel_program **programs;
    size_t program_count, program_capacity;
    struct name_builder kept_trigger, kept_follow;
};

/* The file's root; NULL after an error: it is too large, or no YAML. */
const struct yaml_node *definition_parse(struct definition *definition);
/* True when something was wrong with the file: what was said is in order of place then, from the item
 * `first` on, and all programs are closed. */
bool definition_failed(struct definition *definition, size_t first);

#define BIND(variable) (1u << VARIABLE_##variable)
enum {
    BIND_LOOKED_AT = BIND(EVENT) | BIND(PROFILE) | BIND(USER) | BIND(META) | BIND(NOW),
    BIND_DECISION = BIND_LOOKED_AT | BIND(TRIGGER),
};

enum expression_wants { WANTS_CONDITION, WANTS_PRINTABLE, WANTS_DATE, WANTS_ZONE, WANTS_ANY };

/* Where an expression stands: what its variables are, and what it must yield. */
struct expression_scope {
    const char *key; /* for messages */
    uint32_t bound;  /* BIND(…) of what has a value there */
    enum expression_wants wants;
    bool keeps_event; /* evaluated after the entry with `event` the trigger: what it reads of it is kept */
};

/* Compiles; on any error *expression is left as not given. What it reads of `trigger` and `follow` is
 * always kept. */
void definition_expression(struct definition *definition, const struct yaml_node *node,
                           const struct expression_scope *scope, struct expression *expression);

/* `time_zone`: a zone's name (letters, digits, _ + - and /, or an offset) or an expression. */
void definition_zone(struct definition *definition, const struct yaml_node *node,
                     const struct expression_scope *scope, struct zone_spec *zone);

/* Parses a template; NULL after an error. */
const struct liquid_template *definition_template(struct definition *definition,
                                                  const struct yaml_node *node, const char *key, bool html);

void definition_event_name(struct definition *definition, const struct yaml_node *node, const char *key,
                           struct span *name);
void definition_labels(struct definition *definition, const struct yaml_node *node, const char *key,
                       struct labels *labels);
/* A list of channels. */
void definition_channels(struct definition *definition, const struct yaml_node *node,
                         struct labels *channels);
void definition_late(struct definition *definition, const struct yaml_node *node, struct late_rule *late);
/* `scope` is that of the zone's expression. */
void definition_quiet(struct definition *definition, const struct yaml_node *node, uint32_t bound,
                      struct quiet_rule *quiet);

bool definition_channel(struct definition *definition, const struct yaml_node *node, const char *key,
                        struct span *channel);

#endif
