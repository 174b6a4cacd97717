/* The parts of a campaign's reader, split by what they know. Internal to campaign_yaml. */
#ifndef DECLIC_CODEC_CAMPAIGN_PARTS_H
#define DECLIC_CODEC_CAMPAIGN_PARTS_H

#include "codec/definition.h"

#define CAMPAIGN_MAX_STEPS 100
#define NAME_ALLOWED "A-Za-z0-9_.:-"
#define NAME_MAX_BYTES 64

struct campaign_reader {
    struct definition definition;
    struct campaign *campaign;
    /* Which kinds of trigger there are; all of them when the trigger could not be read, so that its error
     * does not cause others. */
    bool has_event, has_thing, has_date;
};

/* What has a value when a journey is entered, and what when one of its sends is decided. */
uint32_t bound_at_entry(const struct campaign_reader *reader);
uint32_t bound_at_decision(const struct campaign_reader *reader);

/* One trigger, or a list of alternatives. Read before everything that has expressions. */
void read_triggers(struct campaign_reader *reader, const struct yaml_node *node);
void read_entry(struct campaign_reader *reader, const struct yaml_node *node);
void read_cancels(struct campaign_reader *reader, const struct yaml_node *node);
void read_steps(struct campaign_reader *reader, const struct yaml_node *node);
void read_send(struct campaign_reader *reader, const struct yaml_node *node, struct send_rule *send);

#endif
