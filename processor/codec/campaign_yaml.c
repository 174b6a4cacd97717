#include "codec/campaign_yaml.h"

#include "codec/campaign_parts.h"

#define CAMPAIGN_ID_ALLOWED "a-z0-9-"
enum { DEFAULT_PRIORITY = 50, MAX_PRIORITY = 100 };

uint32_t bound_at_entry(const struct campaign_reader *reader)
{
    uint32_t bound = BIND(PROFILE) | BIND(USER) | BIND(NOW);
    if (reader->has_event || reader->has_thing)
        bound |= BIND(EVENT) | BIND(META);
    if (reader->has_thing)
        bound |= BIND(FOLLOW);
    return bound;
}

uint32_t bound_at_decision(const struct campaign_reader *reader)
{
    uint32_t bound = bound_at_entry(reader);
    return bound & BIND(EVENT) ? bound | BIND(TRIGGER) : bound;
}

static void read_type(struct campaign_reader *reader, const struct yaml_node *node)
{
    static const char *const types[] = {"functional", "event",         "behavioural",
                                        "service",    "transactional", NULL};
    int choice;
    if (form_choice(&reader->definition.form, node, "type", types, &choice))
        reader->campaign->type = (enum campaign_type)choice;
}

static void read_period(struct campaign_reader *reader, const struct yaml_node *root)
{
    struct form *form = &reader->definition.form;
    struct campaign *campaign = reader->campaign;
    const struct yaml_node *starts = form_get(root, "starts"), *ends = form_get(root, "ends");
    campaign->has_starts = starts != NULL && form_instant(form, starts, "starts", &campaign->starts_ms);
    campaign->has_ends = ends != NULL && form_instant(form, ends, "ends", &campaign->ends_ms);
    if (campaign->has_starts && campaign->has_ends && campaign->ends_ms <= campaign->starts_ms)
        form_error(form, ends, "`ends` is not after `starts`: nobody would ever enter");
}

static void read_audience(struct campaign_reader *reader, const struct yaml_node *root)
{
    const struct yaml_node *audience = form_get(root, "audience"), *recheck = form_get(root, "recheck");
    reader->campaign->recheck = true;
    if (recheck != NULL)
        form_bool(&reader->definition.form, recheck, "recheck", &reader->campaign->recheck);
    if (audience != NULL)
        definition_expression(&reader->definition, audience,
                              &(struct expression_scope){"audience", bound_at_entry(reader),
                                                         WANTS_CONDITION, reader->campaign->recheck},
                              &reader->campaign->audience);
}

static void read_numbers(struct campaign_reader *reader, const struct yaml_node *root)
{
    const struct yaml_node *priority = form_get(root, "priority"), *holdout = form_get(root, "holdout");
    int64_t value = DEFAULT_PRIORITY;
    double percent;
    if (priority != NULL)
        form_int(&reader->definition.form, priority, "priority", 0, MAX_PRIORITY, &value);
    reader->campaign->priority = (int)value;
    if (holdout != NULL && form_percent(&reader->definition.form, holdout, "holdout", &percent))
        reader->campaign->holdout_bp = percent_buckets(percent);
}

static void read_rules(struct campaign_reader *reader, const struct yaml_node *root)
{
    const struct yaml_node *labels = form_get(root, "labels"), *late = form_get(root, "late"),
                           *quiet = form_get(root, "quiet");
    if (labels != NULL)
        definition_labels(&reader->definition, labels, "labels", &reader->campaign->labels);
    if (late != NULL)
        definition_late(&reader->definition, late, &reader->campaign->late);
    if (quiet != NULL)
        definition_quiet(&reader->definition, quiet, bound_at_decision(reader), &reader->campaign->quiet);
}

static void read_head(struct campaign_reader *reader, const struct yaml_node *root)
{
    struct form *form = &reader->definition.form;
    const struct yaml_node *id = form_need(form, root, "a campaign", "campaign"),
                           *type = form_get(root, "type");
    if (id != NULL)
        form_name(form, id, "campaign", CAMPAIGN_ID_ALLOWED, 64, &reader->campaign->id);
    reader->campaign->type = CAMPAIGN_EVENT;
    if (type != NULL)
        read_type(reader, type);
    read_numbers(reader, root);
    read_period(reader, root);
}

static void read_campaign(struct campaign_reader *reader, const struct yaml_node *root)
{
    static const char *const keys[] = {"campaign", "type",     "labels",  "priority", "starts", "ends",
                                       "trigger",  "audience", "recheck", "entry",    "cancel", "steps",
                                       "holdout",  "quiet",    "late",    NULL};
    struct form *form = &reader->definition.form;
    if (!form_map(form, root, "a campaign", keys))
        return;
    const struct yaml_node *trigger = form_need(form, root, "a campaign", "trigger");
    const struct yaml_node *steps = form_need(form, root, "a campaign", "steps");
    const struct yaml_node *entry = form_get(root, "entry"), *cancel = form_get(root, "cancel");
    reader->has_event = reader->has_thing = reader->has_date = trigger == NULL;
    read_head(reader, root);
    if (trigger != NULL)
        read_triggers(reader, trigger);
    read_audience(reader, root);
    read_rules(reader, root);
    if (entry != NULL)
        read_entry(reader, entry);
    if (cancel != NULL)
        read_cancels(reader, cancel);
    if (steps != NULL)
        read_steps(reader, steps);
}

static void finish(struct campaign_reader *reader)
{
    struct definition *definition = &reader->definition;
    reader->campaign->kept_trigger = name_builder_finish(&definition->kept_trigger);
    reader->campaign->kept_follow = name_builder_finish(&definition->kept_follow);
    reader->campaign->programs = definition->programs;
    reader->campaign->program_count = definition->program_count;
}

enum err campaign_read(struct span yaml, struct span file, const struct campaign_options *options,
                       struct arena *arena, struct campaign **campaign, struct diag_list *diags)
{
    static const struct campaign_options no_options;
    struct campaign_reader reader = {
        .definition =
            {.form = {.source = arena_copy(arena, yaml), .file = file, .arena = arena, .diags = diags},
             .options = options == NULL ? &no_options : options},
        .campaign = ARENA_NEW(arena, struct campaign),
    };
    size_t first = diags->count;
    *campaign = NULL;
    const struct yaml_node *root = definition_parse(&reader.definition);
    if (root != NULL)
        read_campaign(&reader, root);
    if (definition_failed(&reader.definition, first))
        return ERR_INVALID;
    reader.campaign->definition = reader.definition.form.source;
    finish(&reader);
    *campaign = reader.campaign;
    return ERR_OK;
}
