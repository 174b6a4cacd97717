/* What starts a journey, which journeys there may be, and what ends them. */
#include "codec/campaign_parts.h"

enum { MAX_TIMES = 1000, MAX_ENTRIES = 1000 };

static void read_times(struct campaign_reader *reader, const struct yaml_node *node,
                       struct trigger *trigger)
{
    static const char *const keys[] = {"at_least", "within", "same", NULL};
    struct form *form = &reader->definition.form;
    if (!form_map(form, node, "times", keys))
        return;
    const struct yaml_node *at_least = form_need(form, node, "times", "at_least");
    const struct yaml_node *within = form_need(form, node, "times", "within");
    const struct yaml_node *same = form_get(node, "same");
    int64_t count;
    if (at_least != NULL && form_int(form, at_least, "at_least", 1, MAX_TIMES, &count))
        trigger->times_at_least = (uint32_t)count;
    if (within != NULL)
        form_duration(form, within, "within", 1, &trigger->times_within_ms);
    if (same != NULL)
        definition_expression(&reader->definition, same,
                              &(struct expression_scope){"same", BIND_LOOKED_AT, WANTS_ANY, false},
                              &trigger->times_same);
}

static void read_followers(struct campaign_reader *reader, const struct yaml_node *node,
                           struct trigger *trigger)
{
    struct form *form = &reader->definition.form;
    const struct policy *policy = reader->definition.options->policy;
    if (!form_name(form, node, "followers", NAME_ALLOWED, NAME_MAX_BYTES, &trigger->followers))
        return;
    if (policy != NULL && policy_follow_find(policy, trigger->followers) == NULL)
        form_error(form, node, "`followers`: the policy's `follows` has no `%.*s`",
                   SPAN_PRINTF(trigger->followers));
}

static void read_thing_trigger(struct campaign_reader *reader, const struct yaml_node *node,
                               struct trigger *trigger)
{
    struct form *form = &reader->definition.form;
    const struct yaml_node *thing = form_get(node, "thing"), *followers = form_get(node, "followers");
    if (thing == NULL)
        form_error(form, followers, "`followers` needs `thing`: what the event is about");
    else
        definition_expression(
            &reader->definition, thing,
            &(struct expression_scope){"thing", BIND(EVENT) | BIND(META) | BIND(NOW), WANTS_ANY, false},
            &trigger->thing);
    if (followers == NULL)
        form_error(form, thing,
                   "`thing` needs `followers`: who follows it, by name in the policy's `follows`");
    else
        read_followers(reader, followers, trigger);
    if (form_get(node, "times") != NULL)
        form_error(form, form_get(node, "times"), "`times` is not allowed with `thing`");
    trigger->kind = TRIGGER_THING;
}

static void read_event_trigger(struct campaign_reader *reader, const struct yaml_node *node,
                               struct trigger *trigger)
{
    const struct yaml_node *where = form_get(node, "where"), *times = form_get(node, "times");
    trigger->kind = TRIGGER_EVENT;
    definition_event_name(&reader->definition, form_get(node, "event"), "event", &trigger->event);
    bool is_thing = form_get(node, "thing") != NULL || form_get(node, "followers") != NULL;
    if (is_thing)
        read_thing_trigger(reader, node, trigger);
    else if (times != NULL)
        read_times(reader, times, trigger);
    uint32_t bound = is_thing ? BIND_LOOKED_AT | BIND(FOLLOW) : BIND_LOOKED_AT;
    if (where != NULL)
        definition_expression(&reader->definition, where,
                              &(struct expression_scope){"where", bound, WANTS_CONDITION, false},
                              &trigger->where);
}

static void read_date_trigger(struct campaign_reader *reader, const struct yaml_node *node, const char *key,
                              struct trigger *trigger)
{
    trigger->kind = strcmp(key, "yearly") == 0 ? TRIGGER_YEARLY : TRIGGER_DATE;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_member *member = &node->members[i];
        if (!span_equal_text(member->key, key))
            form_error(&reader->definition.form, member->key_node,
                       "`%.*s` does not go with `%s`; who enters is told by `audience`",
                       SPAN_PRINTF(member->key), key);
    }
    definition_expression(
        &reader->definition, form_get(node, key),
        &(struct expression_scope){key, BIND(PROFILE) | BIND(USER) | BIND(NOW), WANTS_DATE, false},
        &trigger->date);
}

static void expect_everything(struct campaign_reader *reader)
{
    reader->has_event = reader->has_thing = reader->has_date = true;
}

static void read_trigger(struct campaign_reader *reader, const struct yaml_node *node,
                         struct trigger *trigger)
{
    static const char *const keys[] = {"event",     "where",  "times", "thing",
                                       "followers", "yearly", "date",  NULL};
    if (!form_map(&reader->definition.form, node, "a trigger", keys)) {
        expect_everything(reader);
        return;
    }
    if (form_get(node, "event") != NULL) {
        for (const char *const *key = (const char *const[]){"yearly", "date", NULL}; *key != NULL; key++) {
            if (form_get(node, *key) != NULL)
                form_error(&reader->definition.form, form_get(node, *key),
                           "`%s` and `event` are two triggers; give them as a list", *key);
        }
        read_event_trigger(reader, node, trigger);
    } else if (form_get(node, "yearly") != NULL) {
        read_date_trigger(reader, node, "yearly", trigger);
    } else if (form_get(node, "date") != NULL) {
        read_date_trigger(reader, node, "date", trigger);
    } else {
        form_error(&reader->definition.form, node, "a trigger needs `event`, `yearly` or `date`");
        expect_everything(reader);
        return;
    }
    reader->has_event |= trigger->kind == TRIGGER_EVENT;
    reader->has_thing |= trigger->kind == TRIGGER_THING;
    reader->has_date |= trigger->kind == TRIGGER_YEARLY || trigger->kind == TRIGGER_DATE;
}

void read_triggers(struct campaign_reader *reader, const struct yaml_node *node)
{
    struct campaign *campaign = reader->campaign;
    size_t count = node->kind == YAML_LIST ? node->count : 1;
    struct trigger *triggers = ARENA_ARRAY(reader->definition.form.arena, struct trigger, count);
    if (count == 0) {
        form_error(&reader->definition.form, node, "`trigger`: the list has no alternative");
        expect_everything(reader);
    }
    for (size_t i = 0; i < count; i++)
        read_trigger(reader, node->kind == YAML_LIST ? node->items[i] : node, &triggers[i]);
    campaign->triggers = triggers;
    campaign->trigger_count = count;
}

static void read_at_most(struct campaign_reader *reader, const struct yaml_node *node)
{
    static const char *const keys[] = {"count", "within", NULL};
    struct form *form = &reader->definition.form;
    struct entry_rule *entry = &reader->campaign->entry;
    if (!form_map(form, node, "at_most", keys))
        return;
    const struct yaml_node *count = form_need(form, node, "at_most", "count");
    const struct yaml_node *within = form_need(form, node, "at_most", "within");
    int64_t value;
    if (count != NULL && form_int(form, count, "count", 1, MAX_ENTRIES, &value))
        entry->at_most_count = (uint32_t)value;
    if (within != NULL)
        form_duration(form, within, "within", 1, &entry->at_most_within_ms);
}

static void read_when_pending(struct campaign_reader *reader, const struct yaml_node *node)
{
    static const char *const choices[] = {"restart", "restart_always", "keep", "update", "parallel", NULL};
    struct form *form = &reader->definition.form;
    int choice;
    if (!form_choice(form, node, "when_pending", choices, &choice))
        return;
    reader->campaign->entry.when_pending = (enum when_pending)choice;
    bool only_dates = reader->has_date && !reader->has_event && !reader->has_thing;
    if (only_dates && choice != PENDING_RESTART && choice != PENDING_RESTART_ALWAYS)
        form_error(form, node,
                   "`when_pending`: a trigger that is a date allows restart and restart_always only");
}

void read_entry(struct campaign_reader *reader, const struct yaml_node *node)
{
    static const char *const keys[] = {"key", "when_pending", "cooldown", "at_most", NULL};
    struct form *form = &reader->definition.form;
    if (!form_map(form, node, "entry", keys))
        return;
    const struct yaml_node *key = form_get(node, "key"), *when_pending = form_get(node, "when_pending"),
                           *cooldown = form_get(node, "cooldown"), *at_most = form_get(node, "at_most");
    if (key != NULL)
        definition_expression(&reader->definition, key,
                              &(struct expression_scope){"key", bound_at_entry(reader), WANTS_ANY, false},
                              &reader->campaign->entry.key);
    if (when_pending != NULL)
        read_when_pending(reader, when_pending);
    if (cooldown != NULL)
        form_duration(form, cooldown, "cooldown", 0, &reader->campaign->entry.cooldown_ms);
    if (at_most != NULL)
        read_at_most(reader, at_most);
}

static uint32_t bound_on_journey(const struct campaign_reader *reader)
{
    return (reader->has_event || reader->has_thing ? BIND(TRIGGER) : 0) |
           (reader->has_thing ? BIND(FOLLOW) : 0);
}

static void read_matches(struct campaign_reader *reader, const struct yaml_node *node,
                         struct cancel_rule *cancel)
{
    struct form *form = &reader->definition.form;
    if (node->kind != YAML_MAP) {
        form_expected(form, node, "match",
                      "a map from expressions on the cancel event to ones on the journey");
        return;
    }
    struct match_pair *pairs = ARENA_ARRAY(form->arena, struct match_pair, node->count);
    const struct expression_scope cancel_side = {"match", BIND_LOOKED_AT, WANTS_ANY, false};
    const struct expression_scope journey_side = {
        "match", bound_on_journey(reader) | BIND(PROFILE) | BIND(USER) | BIND(NOW), WANTS_ANY, false};
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_member *member = &node->members[i];
        definition_expression(&reader->definition, member->key_node, &cancel_side, &pairs[i].cancel_side);
        definition_expression(&reader->definition, member->value, &journey_side, &pairs[i].journey_side);
    }
    cancel->matches = pairs;
    cancel->match_count = node->count;
}

static void read_cancel(struct campaign_reader *reader, const struct yaml_node *node,
                        struct cancel_rule *cancel)
{
    static const char *const keys[] = {"event", "where", "match", NULL};
    struct form *form = &reader->definition.form;
    if (!form_map(form, node, "a cancel", keys))
        return;
    const struct yaml_node *event = form_need(form, node, "a cancel", "event"),
                           *where = form_get(node, "where"), *match = form_get(node, "match");
    if (event != NULL)
        definition_event_name(&reader->definition, event, "event", &cancel->event);
    if (where != NULL)
        definition_expression(&reader->definition, where,
                              &(struct expression_scope){"where", BIND_LOOKED_AT | bound_on_journey(reader),
                                                         WANTS_CONDITION, false},
                              &cancel->where);
    if (match != NULL)
        read_matches(reader, match, cancel);
    const struct cel_program *program = cancel->where.program;
    cancel->where_names_trigger = program != NULL && (cel_reads_variable(program, VARIABLE_TRIGGER) ||
                                                      cel_reads_variable(program, VARIABLE_FOLLOW));
}

void read_cancels(struct campaign_reader *reader, const struct yaml_node *node)
{
    if (!form_list(&reader->definition.form, node, "cancel"))
        return;
    struct cancel_rule *cancels =
        ARENA_ARRAY(reader->definition.form.arena, struct cancel_rule, node->count);
    for (size_t i = 0; i < node->count; i++)
        read_cancel(reader, node->items[i], &cancels[i]);
    reader->campaign->cancels = cancels;
    reader->campaign->cancel_count = node->count;
}
