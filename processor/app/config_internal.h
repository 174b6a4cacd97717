/* The parts of the configuration's reader. Internal to config.c. */
#ifndef DECLIC_APP_CONFIG_INTERNAL_H
#define DECLIC_APP_CONFIG_INTERNAL_H

#include "app/config.h"
#include "codec/yaml_form.h"

struct property_list {
    struct config_property *items;
    size_t count, capacity;
};
/* By name. */
void property_sort(struct property_list *list);
const struct config_property *property_find(const struct property_list *list, const char *name);

struct loader {
    struct arena *arena;
    struct diag_list *diags;
    struct config *config;
    struct property_list kafka, outbound_topics;
    /* Paths found in the file are relative to its directory; empty: the working directory. */
    struct span directory;
    bool failed;
};

/* Reads the value of a plain setting, `index` in config_settings. */
void setting_read(struct loader *loader, struct form *form, const struct yaml_node *node, size_t index);
/* Sets all plain settings to their defaults. */
void settings_default(struct loader *loader);

struct span loader_path(const struct loader *loader, struct span path);

/* The values that are no plain setting. `kafka` and `topics.out` one property at a time. */
void kafka_read(struct loader *loader, struct form *form, const struct yaml_node *place, struct span name,
                const struct yaml_node *value);
void outbound_topic_read(struct loader *loader, struct form *form, const struct yaml_node *place,
                         struct span channel, const struct yaml_node *value);
void sources_read(struct loader *loader, struct form *form, const struct yaml_node *node);
void profile_attributes_read(struct loader *loader, struct form *form, const struct yaml_node *node);

#endif
