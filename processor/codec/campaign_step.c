/* The steps of a campaign, and the messages they send. */
#include "codec/campaign_parts.h"

#define FIELD_ALLOWED "a-z_"
enum {
    FIELD_MAX_BYTES = 32,
};

/* --- messages ----------------------------------------------------------------------------------- */

static struct value constant_of(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_BOOL:
        return value_bool(node->boolean);
    case YAML_INT:
        return value_int(node->integer);
    case YAML_FLOAT:
        return value_double(node->real);
    default:
        return value_null();
    }
}

static void read_value(struct campaign_reader *reader, const struct yaml_node *node, const char *key,
                       bool html, struct message_value *value)
{
    if (node->kind == YAML_STRING) {
        value->kind = MESSAGE_TEMPLATE;
        value->text = definition_template(&reader->definition, node, key, html);
        return;
    }
    if (node->kind != YAML_LIST && node->kind != YAML_MAP) {
        value->kind = MESSAGE_CONSTANT;
        value->constant = constant_of(node);
        return;
    }
    struct message_member *members =
        ARENA_ARRAY(reader->definition.form.arena, struct message_member, node->count);
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == YAML_MAP)
            members[i].name = node->members[i].key;
        read_value(reader, node->kind == YAML_MAP ? node->members[i].value : node->items[i], key, html,
                   &members[i].value);
    }
    value->kind = node->kind == YAML_MAP ? MESSAGE_MAP : MESSAGE_LIST;
    value->members = members;
    value->count = node->count;
}

static void read_message(struct campaign_reader *reader, const struct yaml_node *node, const char *what,
                         bool html_channel, struct message *message)
{
    struct form *form = &reader->definition.form;
    if (node->kind != YAML_MAP || node->count == 0) {
        form_expected(form, node, what, "a map of at least one field (title, body, …)");
        return;
    }
    struct message_member *fields = ARENA_ARRAY(form->arena, struct message_member, node->count);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_member *member = &node->members[i];
        bool html = html_channel && span_equal_text(member->key, "html");
        form_name(form, member->key_node, what, FIELD_ALLOWED, FIELD_MAX_BYTES, &fields[i].name);
        read_value(reader, member->value, arena_copy(form->arena, member->key).data, html,
                   &fields[i].value);
    }
    message->fields = fields;
    message->count = node->count;
}

static void read_locales(struct campaign_reader *reader, const struct yaml_node *node, bool html_channel,
                         struct message_set *set)
{
    struct form *form = &reader->definition.form;
    if (node->kind != YAML_MAP) {
        form_expected(form, node, "locales", "a map from language tags to messages");
        return;
    }
    struct message_locale *locales = ARENA_ARRAY(form->arena, struct message_locale, node->count);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_member *member = &node->members[i];
        form_locale(form, member->key_node, "locales", &locales[i].locale);
        read_message(reader, member->value, "locales", html_channel, &locales[i].message);
    }
    set->locales = locales;
    set->locale_count = node->count;
}

static void read_message_set(struct campaign_reader *reader, const struct yaml_node *node, const char *what,
                             bool html_channel, struct message_set *set)
{
    const struct yaml_node *message = form_need(&reader->definition.form, node, what, "message");
    const struct yaml_node *locales = form_get(node, "locales");
    if (message != NULL)
        read_message(reader, message, "message", html_channel, &set->message);
    if (locales != NULL)
        read_locales(reader, locales, html_channel, set);
}

static void check_variant_id(struct campaign_reader *reader, const struct yaml_node *node,
                             const struct variant *variants, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (variants[index].id.size > 0 && span_equal(variants[i].id, variants[index].id))
            form_error(&reader->definition.form, node, "two variants have the id `%.*s`",
                       SPAN_PRINTF(variants[index].id));
    }
}

/* Weights are cumulated before they are made hundredths, so that three of 33.33… leave no bucket out. */
static void read_weight(struct campaign_reader *reader, const struct yaml_node *node, double *sum,
                        bool *known, struct variant *variant)
{
    double weight;
    if (node == NULL || !form_percent(&reader->definition.form, node, "weight", &weight)) {
        *known = false;
        return;
    }
    uint32_t before = percent_buckets(*sum > 100.0 ? 100.0 : *sum);
    *sum += weight;
    variant->weight_bp = percent_buckets(*sum > 100.0 ? 100.0 : *sum) - before;
}

static void read_variants(struct campaign_reader *reader, const struct yaml_node *node, bool html_channel,
                          struct step *step)
{
    static const char *const keys[] = {"id", "weight", "message", "locales", NULL};
    struct form *form = &reader->definition.form;
    if (!form_list(form, node, "variants"))
        return;
    if (node->count == 0) {
        form_error(form, node, "`variants`: the list has no variant");
        return;
    }
    struct variant *variants = ARENA_ARRAY(form->arena, struct variant, node->count);
    double sum = 0.0;
    bool known = true;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *item = node->items[i];
        if (!form_map(form, item, "a variant", keys)) {
            known = false;
            continue;
        }
        const struct yaml_node *id = form_need(form, item, "a variant", "id");
        if (id != NULL && form_name(form, id, "id", NAME_ALLOWED, NAME_MAX_BYTES, &variants[i].id))
            check_variant_id(reader, id, variants, i);
        read_weight(reader, form_need(form, item, "a variant", "weight"), &sum, &known, &variants[i]);
        read_message_set(reader, item, "a variant", html_channel, &variants[i].messages);
    }
    if (known && (sum < 100.0 - 1e-7 || sum > 100.0 + 1e-7))
        form_error(form, node, "`variants`: the weights sum to %g, expected 100", sum);
    step->variants = variants;
    step->variant_count = node->count;
}

/* `message`, `locales` and `variants` of a step; the channel decides which fields are HTML. */
static void read_messages(struct campaign_reader *reader, const struct yaml_node *node, struct step *step)
{
    struct form *form = &reader->definition.form;
    bool html_channel = span_equal_text(step->channel, "email") || span_equal_text(step->channel, "in_app");
    const struct yaml_node *variants = form_get(node, "variants");
    if (variants == NULL) {
        read_message_set(reader, node, "a step", html_channel, &step->messages);
        return;
    }
    for (const char *const *key = (const char *const[]){"message", "locales", NULL}; *key != NULL; key++) {
        if (form_get(node, *key) != NULL)
            form_error(form, form_get(node, *key), "`%s`: with `variants` each variant has its own", *key);
    }
    read_variants(reader, variants, html_channel, step);
}

/* --- steps ---------------------------------------------------------------------------------------- */

static void read_step_id(struct campaign_reader *reader, const struct yaml_node *node,
                         const struct step *steps, struct step *step)
{
    struct form *form = &reader->definition.form;
    if (!form_name(form, node, "id", NAME_ALLOWED, NAME_MAX_BYTES, &step->id))
        return;
    for (const struct step *other = steps; other < step; other++) {
        if (span_equal(other->id, step->id))
            form_error(form, node, "two steps have the id `%.*s`", SPAN_PRINTF(step->id));
    }
}

static void read_step(struct campaign_reader *reader, const struct yaml_node *node,
                      const struct step *steps, struct step *step)
{
    static const char *const keys[] = {"id",     "send",    "if",      "channel",  "late", "quiet",
                                       "labels", "message", "locales", "variants", NULL};
    struct definition *definition = &reader->definition;
    if (!form_map(&definition->form, node, "a step", keys))
        return;
    const struct yaml_node *id = form_need(&definition->form, node, "a step", "id"),
                           *channel = form_need(&definition->form, node, "a step", "channel"),
                           *send = form_get(node, "send"), *condition = form_get(node, "if"),
                           *late = form_get(node, "late"), *quiet = form_get(node, "quiet"),
                           *labels = form_get(node, "labels");
    if (id != NULL)
        read_step_id(reader, id, steps, step);
    if (channel != NULL)
        definition_channel(definition, channel, "channel", &step->channel);
    if (send != NULL)
        read_send(reader, send, &step->send);
    if (condition != NULL)
        definition_expression(
            definition, condition,
            &(struct expression_scope){"if", bound_at_decision(reader), WANTS_CONDITION, true},
            &step->condition);
    if (late != NULL)
        definition_late(definition, late, &step->late);
    if (quiet != NULL)
        definition_quiet(definition, quiet, bound_at_decision(reader), &step->quiet);
    if (labels != NULL)
        definition_labels(definition, labels, "labels", &step->labels);
    read_messages(reader, node, step);
}

void read_steps(struct campaign_reader *reader, const struct yaml_node *node)
{
    struct form *form = &reader->definition.form;
    if (!form_list(form, node, "steps"))
        return;
    if (node->count == 0 || node->count > CAMPAIGN_MAX_STEPS) {
        form_error(form, node, "`steps`: expected 1 to %d steps, found %zu", CAMPAIGN_MAX_STEPS,
                   node->count);
        return;
    }
    struct step *steps = ARENA_ARRAY(form->arena, struct step, node->count);
    for (size_t i = 0; i < node->count; i++)
        read_step(reader, node->items[i], steps, &steps[i]);
    reader->campaign->steps = steps;
    reader->campaign->step_count = node->count;
}
