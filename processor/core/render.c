#include "core/render.h"

#include "base/uuid.h"
#include "core/liquid/liquid.h"
#include "core/zone.h"

/* --- locale and variant ----------------------------------------------------------------------------------
 */

static struct span profile_locale(const struct user_state *state)
{
    const struct value *locale = value_member_find(state->profile, SPAN_LITERAL("locale"));
    return locale != NULL && locale->kind == VALUE_STRING ? value_span(*locale) : span_make(NULL, 0);
}

struct span render_locale(const struct fold *fold, const struct user_state *state)
{
    struct span locale = profile_locale(state);
    if (locale.size != 0)
        return locale;
    return fold->policy->locale.size != 0 ? fold->policy->locale : SPAN_LITERAL("en");
}

const struct variant *render_variant(const struct campaign *campaign, const struct step *step,
                                     struct span user)
{
    if (step->variant_count == 0)
        return NULL;
    uint32_t bucket = bucket_of(SPAN_LITERAL("variant"), campaign->id, user);
    uint32_t upto = 0;
    for (size_t i = 0; i + 1 < step->variant_count; i++) {
        upto += step->variants[i].weight_bp;
        if (bucket < upto)
            return &step->variants[i];
    }
    return &step->variants[step->variant_count - 1];
}

static char locale_char(char c)
{
    if (c == '_')
        return '-';
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Locale names differ neither by case nor by `_` for `-`. */
static bool same_locale(struct span a, struct span b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        if (locale_char(a.data[i]) != locale_char(b.data[i]))
            return false;
    }
    return true;
}

static const struct message *message_for_locale(const struct message_set *messages, struct span locale)
{
    for (size_t i = 0; i < messages->locale_count; i++) {
        if (same_locale(messages->locales[i].locale, locale))
            return &messages->locales[i].message;
    }
    return NULL;
}

static const struct message_value *field_find(const struct message *message, struct span name)
{
    for (size_t i = 0; i < message->count; i++) {
        if (span_equal(message->fields[i].name, name))
            return &message->fields[i].value;
    }
    return NULL;
}

#define MAX_LOCALES 8

/* The messages that may have a field, the nearest locale first, the message itself last. */
static size_t message_layers(const struct message_set *messages, struct span locale,
                             const struct message *layers[MAX_LOCALES + 1])
{
    size_t count = 0;
    while (locale.size != 0 && count < MAX_LOCALES) {
        const struct message *message = message_for_locale(messages, locale);
        if (message != NULL)
            layers[count++] = message;
        size_t cut = locale.size;
        while (cut > 0 && locale_char(locale.data[cut - 1]) != '-')
            cut--;
        locale.size = cut == 0 ? 0 : cut - 1;
    }
    layers[count++] = &messages->message;
    return count;
}

/* --- rendering
 * -------------------------------------------------------------------------------------------- */

struct rendering {
    struct arena *arena;
    struct diag *diag;
    struct liquid_context context;
    struct value_member variables[9];
    struct value_member campaign[1], step[1], send[1];
};

static void add_variable(struct rendering *rendering, struct span name, struct value value)
{
    uint32_t index = rendering->context.variables.size++;
    rendering->variables[index] = (struct value_member){value_string(name), value};
}

static struct value id_map(struct value_member member[1], struct span id)
{
    member[0] = (struct value_member){value_string(SPAN_LITERAL("id")), value_string(id)};
    return value_map(member, 1);
}

static void begin_rendering(struct rendering *rendering, const struct render_request *request)
{
    const struct scope *scope = request->scope;
    const struct fold *fold = scope->fold;
    char *send_id = arena_alloc(fold->arena, UUID_TEXT_BYTES);
    uuid_format(request->send_id, send_id);
    *rendering = (struct rendering){.arena = fold->arena, .diag = request->diag};
    rendering->context = (struct liquid_context){
        .variables = value_map(rendering->variables, 0),
        .locale_port = fold->locale,
        .locale = render_locale(fold, scope->state),
        .zone = zone_of_user(fold, scope->state),
        .now_ms = request->now_ms,
    };
    add_variable(rendering, SPAN_LITERAL("event"), scope->variables[VARIABLE_TRIGGER]);
    add_variable(rendering, SPAN_LITERAL("trigger"), scope->variables[VARIABLE_TRIGGER]);
    add_variable(rendering, SPAN_LITERAL("profile"), scope->variables[VARIABLE_PROFILE]);
    add_variable(rendering, SPAN_LITERAL("user"), scope->variables[VARIABLE_USER]);
    add_variable(rendering, SPAN_LITERAL("campaign"), id_map(rendering->campaign, request->campaign->id));
    add_variable(rendering, SPAN_LITERAL("step"), id_map(rendering->step, request->step->id));
    add_variable(rendering, SPAN_LITERAL("send"),
                 id_map(rendering->send, span_make(send_id, UUID_TEXT_BYTES)));
    add_variable(rendering, SPAN_LITERAL("now"), value_timestamp_from_ms(request->now_ms));
    if ((scope->unbound >> VARIABLE_FOLLOW & 1) == 0)
        add_variable(rendering, SPAN_LITERAL("follow"), scope->variables[VARIABLE_FOLLOW]);
}

static enum err render_value(struct rendering *rendering, const struct message_value *source,
                             struct value *value);

static enum err render_members(struct rendering *rendering, const struct message_value *source,
                               struct value *value)
{
    bool map = source->kind == MESSAGE_MAP;
    struct value_member *members = ARENA_ARRAY(rendering->arena, struct value_member, source->count);
    struct value *items = ARENA_ARRAY(rendering->arena, struct value, source->count);
    for (size_t i = 0; i < source->count; i++) {
        enum err error = render_value(rendering, &source->members[i].value, &items[i]);
        if (error != ERR_OK)
            return error;
        members[i] = (struct value_member){value_string(source->members[i].name), items[i]};
    }
    *value = map ? value_map(members, source->count) : value_list(items, source->count);
    return ERR_OK;
}

static enum err render_value(struct rendering *rendering, const struct message_value *source,
                             struct value *value)
{
    struct span text;
    enum err error;
    switch (source->kind) {
    case MESSAGE_TEMPLATE:
        error = liquid_render(source->text, &rendering->context, rendering->arena, &text, rendering->diag);
        if (error == ERR_OK)
            *value = value_string(text);
        return error;
    case MESSAGE_CONSTANT:
        *value = source->constant;
        return ERR_OK;
    default:
        return render_members(rendering, source, value);
    }
}

enum err render_message(const struct render_request *request, const struct content **content)
{
    const struct user_state *state = request->scope->state;
    const struct variant *variant = render_variant(request->campaign, request->step, state->user);
    const struct message_set *messages = variant != NULL ? &variant->messages : &request->step->messages;
    const struct message *layers[MAX_LOCALES + 1];
    size_t layer_count = message_layers(messages, profile_locale(state), layers);

    struct rendering rendering;
    begin_rendering(&rendering, request);
    size_t room = 0, count = 0;
    for (size_t i = 0; i < layer_count; i++)
        room += layers[i]->count;
    struct content_field *fields = ARENA_ARRAY(rendering.arena, struct content_field, room);
    /* The message's own fields first, then what only locales have. */
    for (size_t turn = 0; turn < layer_count; turn++) {
        const struct message *message = layers[turn == 0 ? layer_count - 1 : turn - 1];
        for (size_t i = 0; i < message->count; i++) {
            struct span name = message->fields[i].name;
            size_t known = 0;
            while (known < count && !span_equal(fields[known].name, name))
                known++;
            if (known < count)
                continue;
            const struct message_value *source = NULL;
            for (size_t layer = 0; source == NULL; layer++)
                source = field_find(layers[layer], name);
            enum err error = render_value(&rendering, source, &fields[count].value);
            if (error != ERR_OK)
                return error;
            fields[count++].name = name;
        }
    }
    struct content *result = ARENA_NEW(rendering.arena, struct content);
    *result = (struct content){fields, count};
    *content = result;
    return ERR_OK;
}
