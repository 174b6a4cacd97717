#include "codec/policy_yaml.h"

#include "codec/campaign_parts.h"

enum { MAX_CAP = 1000 };

/* `addresses` and `consent`: channel -> expression. */
static struct channel_rule *read_channel_rules(struct definition *definition, const struct yaml_node *node,
                                               const char *key, enum expression_wants wants, size_t *count)
{
    struct form *form = &definition->form;
    if (node->kind != YAML_MAP) {
        form_expected(form, node, key, "a map from channels to expressions");
        return NULL;
    }
    struct channel_rule *rules = ARENA_ARRAY(form->arena, struct channel_rule, node->count);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_member *member = &node->members[i];
        const struct expression_scope scope = {key, BIND_DECISION, wants, .keeps_event = true};
        definition_channel(definition, member->key_node, key, &rules[i].channel);
        definition_expression(definition, member->value, &scope, &rules[i].expression);
    }
    *count = node->count;
    return rules;
}

static void read_cap_window(struct form *form, const struct yaml_node *node, struct cap_rule *cap)
{
    static const char *const periods[] = {"day", "week", "month", NULL};
    const struct yaml_node *within = form_get(node, "within"), *per = form_get(node, "per");
    int choice = CAP_DAY;
    if (within != NULL)
        form_duration(form, within, "within", 1, &cap->within_ms);
    if (per != NULL)
        form_choice(form, per, "per", periods, &choice);
    cap->per = (enum cap_per)choice;
    if (within == NULL && per == NULL)
        form_error(form, node, "a cap needs `within` (rolling) or `per` (day, week or month)");
    if (within != NULL && per != NULL)
        form_error(form, per, "`per` and `within` do not go together");
}

static void read_cap(struct definition *definition, const struct yaml_node *node, struct cap_rule *cap)
{
    static const char *const keys[] = {"labels", "channels", "at_most", "within", "per", "then", NULL};
    static const char *const thens[] = {"postpone", "skip", NULL};
    struct form *form = &definition->form;
    if (!form_map(form, node, "a cap", keys))
        return;
    const struct yaml_node *labels = form_get(node, "labels"), *channels = form_get(node, "channels"),
                           *then = form_get(node, "then"),
                           *at_most = form_need(form, node, "a cap", "at_most");
    int64_t count;
    int choice = THEN_SKIP;
    if (labels != NULL)
        definition_labels(definition, labels, "labels", &cap->labels);
    if (channels != NULL)
        definition_channels(definition, channels, &cap->channels);
    if (at_most != NULL && form_int(form, at_most, "at_most", 0, MAX_CAP, &count))
        cap->at_most = (uint32_t)count;
    read_cap_window(form, node, cap);
    if (then != NULL)
        form_choice(form, then, "then", thens, &choice);
    cap->then = (enum blocked_then)choice;
}

static void read_caps(struct definition *definition, const struct yaml_node *node, struct policy *policy)
{
    if (!form_list(&definition->form, node, "caps"))
        return;
    struct cap_rule *caps = ARENA_ARRAY(definition->form.arena, struct cap_rule, node->count);
    for (size_t i = 0; i < node->count; i++)
        read_cap(definition, node->items[i], &caps[i]);
    policy->caps = caps;
    policy->cap_count = node->count;
}

static void read_side(struct definition *definition, const struct yaml_node *node, const char *what,
                      struct follow_side *side)
{
    static const char *const keys[] = {"event", "thing", "where", NULL};
    struct form *form = &definition->form;
    if (!form_map(form, node, what, keys))
        return;
    const struct yaml_node *event = form_need(form, node, what, "event"),
                           *thing = form_need(form, node, what, "thing"), *where = form_get(node, "where");
    if (event != NULL)
        definition_event_name(definition, event, "event", &side->event);
    if (thing != NULL)
        definition_expression(definition, thing,
                              &(struct expression_scope){"thing", BIND_LOOKED_AT, WANTS_ANY, false},
                              &side->thing);
    if (where != NULL)
        definition_expression(definition, where,
                              &(struct expression_scope){"where", BIND_LOOKED_AT, WANTS_CONDITION, false},
                              &side->where);
}

static void read_follow(struct definition *definition, const struct yaml_member *member,
                        struct follow_rule *follow)
{
    static const char *const keys[] = {"on", "off", "expires", NULL};
    struct form *form = &definition->form;
    form_name(form, member->key_node, "follows", NAME_ALLOWED, NAME_MAX_BYTES, &follow->name);
    if (!form_map(form, member->value, "an entry of `follows`", keys))
        return;
    const struct yaml_node *on = form_need(form, member->value, "an entry of `follows`", "on"),
                           *off = form_get(member->value, "off"),
                           *expires = form_get(member->value, "expires");
    if (on != NULL)
        read_side(definition, on, "`on`", &follow->on);
    if (off != NULL)
        read_side(definition, off, "`off`", &follow->off);
    if (expires != NULL)
        form_duration(form, expires, "expires", 1, &follow->expires_ms);
}

static void read_follows(struct definition *definition, const struct yaml_node *node, struct policy *policy)
{
    struct form *form = &definition->form;
    if (node->kind != YAML_MAP) {
        form_expected(form, node, "follows", "a map from names to what following means");
        return;
    }
    struct follow_rule *follows = ARENA_ARRAY(form->arena, struct follow_rule, node->count);
    for (size_t i = 0; i < node->count; i++)
        read_follow(definition, &node->members[i], &follows[i]);
    policy->follows = follows;
    policy->follow_count = node->count;
}

static void read_zone_name(struct form *form, const struct yaml_node *node, struct span *name)
{
    struct span text = SPAN_LITERAL("");
    if (!form_text(form, node, "time_zone", "the name of a time zone such as Europe/Paris", &text))
        return;
    if (node->kind == YAML_STRING && name_fits(text, "A-Za-z0-9_/+:-", 64))
        *name = text;
    else
        form_expected(form, node, "time_zone", "the name of a time zone such as Europe/Paris");
}

static void read_defaults(struct definition *definition, const struct yaml_node *root,
                          struct policy *policy)
{
    const struct yaml_node *time_zone = form_get(root, "time_zone"), *locale = form_get(root, "locale"),
                           *quiet = form_get(root, "quiet"), *late = form_get(root, "late"),
                           *labels = form_get(root, "labels");
    if (time_zone != NULL)
        read_zone_name(&definition->form, time_zone, &policy->time_zone);
    if (locale != NULL)
        form_locale(&definition->form, locale, "locale", &policy->locale);
    if (quiet != NULL)
        definition_quiet(definition, quiet, BIND_DECISION, &policy->quiet);
    if (late != NULL)
        definition_late(definition, late, &policy->late);
    if (labels != NULL)
        definition_labels(definition, labels, "labels", &policy->labels);
}

static void read_policy(struct definition *definition, const struct yaml_node *root, struct policy *policy)
{
    static const char *const keys[] = {"time_zone", "locale", "addresses", "consent", "quiet",
                                       "late",      "labels", "caps",      "follows", NULL};
    if (root->kind == YAML_NULL) /* an empty file: no rules */
        return;
    if (!form_map(&definition->form, root, "a policy", keys))
        return;
    const struct yaml_node *addresses = form_get(root, "addresses"), *consent = form_get(root, "consent"),
                           *caps = form_get(root, "caps"), *follows = form_get(root, "follows");
    read_defaults(definition, root, policy);
    if (addresses != NULL)
        policy->addresses =
            read_channel_rules(definition, addresses, "addresses", WANTS_PRINTABLE, &policy->address_count);
    if (consent != NULL)
        policy->consents =
            read_channel_rules(definition, consent, "consent", WANTS_CONDITION, &policy->consent_count);
    if (caps != NULL)
        read_caps(definition, caps, policy);
    if (follows != NULL)
        read_follows(definition, follows, policy);
}

enum err policy_read(struct span yaml, struct span file, const struct name_set *profile_attributes,
                     struct arena *arena, struct policy **policy, struct diag_list *diags)
{
    const struct campaign_options options = {.profile_attributes = profile_attributes};
    struct definition definition = {
        .form = {.source = arena_copy(arena, yaml), .file = file, .arena = arena, .diags = diags},
        .options = &options,
    };
    struct policy *result = ARENA_NEW(arena, struct policy);
    size_t first = diags->count;
    *policy = NULL;
    const struct yaml_node *root = definition_parse(&definition);
    if (root != NULL)
        read_policy(&definition, root, result);
    if (definition_failed(&definition, first))
        return ERR_INVALID;
    result->definition = definition.form.source;
    result->kept_trigger = name_builder_finish(&definition.kept_trigger);
    result->programs = definition.programs;
    result->program_count = definition.program_count;
    *policy = result;
    return ERR_OK;
}

const struct policy *policy_empty(void)
{
    static const struct policy empty;
    return &empty;
}
