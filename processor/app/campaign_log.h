/* The records of the campaigns topic, and what they add up to.
 *
 * The topic is compacted and has one partition. Keys:
 *     campaign/ID@VERSION   value: the YAML text; never changes
 *     campaign/ID           value: the state, a JSON object
 *     policy@VERSION, policy    likewise, for the policy
 * A definition's header `declic-snippets`, where there is one, is a JSON object of the template snippets
 * that it uses, by name.
 *
 * Every change is one control record with the next sequence number of its id, written to every journal
 * partition. The state is written first as `applying`, then, with all acknowledged, as `applied`:
 * whoever finds `applying` and no writer alive repeats the control record, which the fold takes once.
 */
#ifndef DECLIC_APP_CAMPAIGN_LOG_H
#define DECLIC_APP_CAMPAIGN_LOG_H

#include "base/buf.h"
#include "core/campaign_set.h"
#include "core/entry.h"

#define CAMPAIGN_LOG_SNIPPETS "declic-snippets"

struct campaign_definition {
    struct span text;     /* YAML */
    struct span snippets; /* JSON object; empty: none */
};

struct campaign_version {
    uint32_t version;
    struct campaign_definition definition;
};

/* A campaign, or the policy (id empty). */
struct campaign_item {
    struct span id;
    uint32_t version; /* the one that new entries get; 0: no state was read yet */
    enum campaign_status status;
    uint64_t sequence;         /* of its last control record */
    enum control_kind control; /* what that record was */
    struct span option;
    bool applied; /* every partition has it; false: to be completed */
    int64_t at_ms;
    const struct campaign_version *versions; /* by version */
    size_t version_count;
};

/* All of it. Items are sorted by id, as bytes. */
struct campaign_log {
    const struct campaign_item *items;
    size_t count;
    struct campaign_item policy; /* version 0: none */
};

const struct campaign_item *campaign_log_find(const struct campaign_log *log, struct span id);
/* NULL when that version is not there. */
const struct campaign_definition *campaign_item_definition(const struct campaign_item *item,
                                                           uint32_t version);

/* The highest version of which there is a trace; the next one is one more. */
uint32_t campaign_item_last_version(const struct campaign_item *item);
/* active, paused, archived */
const char *campaign_status_name(enum campaign_status status);

/* Folds records into a log. Owns copies of all it was given until freed; what it gave out for a record
 * stays valid until then, also when a later record with the same key took its place. */
struct campaign_log_builder;
struct campaign_log_builder *campaign_log_builder_new(void);
void campaign_log_builder_free(struct campaign_log_builder *builder);
/* ERR_INVALID with diag when the record is none of the above (it is then passed over). A null value
 * (has_value false) removes what the key names. */
WARN_UNUSED enum err campaign_log_builder_add(struct campaign_log_builder *builder, struct span key,
                                              bool has_value, struct span value, struct span snippets,
                                              struct diag *diag);
/* The log as of now. The arrays live in `arena`, texts in the builder. */
struct campaign_log *campaign_log_build(const struct campaign_log_builder *builder, struct arena *arena);

/* Keys and values, to be written. id empty: the policy. */
void campaign_log_write_definition_key(struct buf *buf, struct span id, uint32_t version);
void campaign_log_write_state_key(struct buf *buf, struct span id);
void campaign_log_write_state(struct buf *buf, const struct campaign_item *item);

/* The control record that an item's state stands for; spans point into the item. */
struct control campaign_item_control(const struct campaign_item *item);

#endif
