/* The rules that a campaign, a step and the policy may each give. */
#include "codec/definition.h"

enum { DEFAULT_TOLERANCE_MS = 60 * 60 * 1000 };

bool definition_channel(struct definition *definition, const struct yaml_node *node, const char *key,
                        struct span *channel)
{
    int choice;
    if (!form_choice(&definition->form, node, key, channel_names, &choice))
        return false;
    *channel = span_from_text(channel_names[choice]);
    return true;
}

void definition_event_name(struct definition *definition, const struct yaml_node *node, const char *key,
                           struct span *name)
{
    struct span text;
    if (form_name(&definition->form, node, key, EVENT_NAME_ALLOWED, EVENT_NAME_MAX, &text))
        *name = text;
}

static bool is_repeated(struct definition *definition, const struct yaml_node *node, const char *key,
                        const struct span *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal(names[i], node->text)) {
            form_error(&definition->form, node, "`%s`: `%.*s` is given twice", key,
                       SPAN_PRINTF(node->text));
            return true;
        }
    }
    return false;
}

void definition_labels(struct definition *definition, const struct yaml_node *node, const char *key,
                       struct labels *labels)
{
    labels->given = true;
    if (!form_list(&definition->form, node, key))
        return;
    struct span *names = ARENA_ARRAY(definition->form.arena, struct span, node->count);
    for (size_t i = 0; i < node->count; i++) {
        struct span name;
        if (form_name(&definition->form, node->items[i], key, LABEL_ALLOWED, LABEL_MAX, &name) &&
            !is_repeated(definition, node->items[i], key, names, labels->count))
            names[labels->count++] = name;
    }
    labels->names = names;
}

void definition_channels(struct definition *definition, const struct yaml_node *node,
                         struct labels *channels)
{
    channels->given = true;
    if (!form_list(&definition->form, node, "channels"))
        return;
    struct span *names = ARENA_ARRAY(definition->form.arena, struct span, node->count);
    for (size_t i = 0; i < node->count; i++) {
        struct span name;
        if (definition_channel(definition, node->items[i], "channels", &name) &&
            !is_repeated(definition, node->items[i], "channels", names, channels->count))
            names[channels->count++] = name;
    }
    channels->names = names;
}

void definition_late(struct definition *definition, const struct yaml_node *node, struct late_rule *late)
{
    static const char *const keys[] = {"tolerance", "then", NULL};
    static const char *const thens[] = {"skip", "send", NULL};
    *late = (struct late_rule){.given = true, .tolerance_ms = DEFAULT_TOLERANCE_MS, .then = LATE_SKIP};
    if (!form_map(&definition->form, node, "late", keys))
        return;
    const struct yaml_node *tolerance = form_get(node, "tolerance"), *then = form_get(node, "then");
    int choice = LATE_SKIP;
    if (tolerance != NULL)
        form_duration(&definition->form, tolerance, "tolerance", 0, &late->tolerance_ms);
    if (then != NULL)
        form_choice(&definition->form, then, "then", thens, &choice);
    late->then = (enum late_then)choice;
}

static void quiet_range(struct definition *definition, const struct yaml_node *node,
                        struct quiet_rule *quiet)
{
    const struct yaml_node *from = form_get(node, "from"), *to = form_get(node, "to");
    if (from != NULL)
        form_clock(&definition->form, from, "from", &quiet->from_minute);
    if (to != NULL)
        form_clock(&definition->form, to, "to", &quiet->to_minute);
    if ((from == NULL) != (to == NULL))
        form_error(&definition->form, node, "`from` and `to` of quiet hours go together; `%s` is missing",
                   from == NULL ? "from" : "to");
    quiet->has_range = from != NULL && to != NULL;
}

void definition_quiet(struct definition *definition, const struct yaml_node *node, uint32_t bound,
                      struct quiet_rule *quiet)
{
    static const char *const keys[] = {"from", "to", "days", "time_zone", "then", NULL};
    static const char *const thens[] = {"postpone", "skip", NULL};
    enum { ALL_DAYS = 0x7F };
    *quiet = (struct quiet_rule){.given = true, .then = THEN_POSTPONE};
    if (!form_map(&definition->form, node, "quiet", keys))
        return;
    quiet_range(definition, node, quiet);
    const struct yaml_node *days = form_get(node, "days"), *zone = form_get(node, "time_zone"),
                           *then = form_get(node, "then");
    int choice = THEN_POSTPONE;
    if (then != NULL)
        form_choice(&definition->form, then, "then", thens, &choice);
    quiet->then = (enum blocked_then)choice;
    if (days != NULL)
        form_days(&definition->form, days, "days", &quiet->days);
    if (days != NULL && quiet->days == ALL_DAYS)
        form_error(&definition->form, days, "`days`: with all seven days quiet nothing would ever be sent");
    if (zone != NULL)
        definition_zone(definition, zone,
                        &(struct expression_scope){"time_zone", bound, WANTS_ZONE, .keeps_event = true},
                        &quiet->zone);
    if (days == NULL && form_get(node, "from") == NULL && form_get(node, "to") == NULL)
        form_error(&definition->form, node,
                   "`quiet` needs `from` and `to`, or `days` (`days: []`: never quiet)");
}
