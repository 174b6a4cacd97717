#include <errno.h>
#include <stdio.h>

#include "app/system_clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "codec/campaign_dir.h"
#include "codec/decision_json.h"
#include "codec/json.h"
#include "core/fold.h"
#include "core/render.h"
#include "icu/icu_locale.h"

#define MAX_FILE_BYTES ((size_t)1 << 20)

/* What a message is rendered with. */
struct preview {
    const struct cli_call *call;
    const struct campaign *campaign;
    struct locale_port locale;
    struct fold fold;
    struct user_state state;
    struct trigger_facts trigger;
    struct buf json; /* with --json */
};

/* The object in a file. */
static int read_object(const struct cli_call *call, const char *path, struct value *object)
{
    struct span text;
    struct diag diag = {0};
    if (file_read(span_from_text(path), MAX_FILE_BYTES, call->arena, &text) != ERR_OK) {
        fprintf(stderr, "declic campaigns preview: cannot read %s: %s\n", path, strerror(errno));
        return CLI_USAGE;
    }
    if (json_parse(text, NULL, call->arena, object, &diag) != ERR_OK || object->kind != VALUE_MAP) {
        fprintf(stderr, "%s:%d:%d: %s\n", path, diag.line, diag.column,
                diag.text[0] != '\0' ? diag.text : "an object is needed");
        return CLI_WRONG;
    }
    return CLI_DONE;
}

/* Its attributes: the member of that name, or the object itself. */
static struct value attributes_of(struct value object)
{
    const struct value *attributes = value_member_find(object, SPAN_LITERAL("attributes"));
    return attributes != NULL && attributes->kind == VALUE_MAP ? *attributes : object;
}

static struct span text_member(struct value object, struct span name, struct span otherwise)
{
    const struct value *member = value_member_find(object, name);
    return member != NULL && member->kind == VALUE_STRING ? value_span(*member) : otherwise;
}

/* The profile with another locale. */
static struct value with_locale(struct value profile, struct span locale, struct arena *arena)
{
    struct value_member *members = ARENA_ARRAY(arena, struct value_member, profile.size + 1);
    size_t count = 0;
    for (uint32_t i = 0; i < profile.size; i++)
        if (!span_equal_text(value_span(profile.members[i].key), "locale"))
            members[count++] = profile.members[i];
    members[count++] = (struct value_member){value_string(SPAN_LITERAL("locale")), value_string(locale)};
    return value_map(members, count);
}

static int read_facts(struct preview *preview)
{
    const struct cli_call *call = preview->call;
    const char *profile_path = cli_flag(call, "profile");
    const char *locale = cli_flag(call, "locale");
    struct value event, profile = value_map(NULL, 0);
    int code = read_object(call, cli_flag(call, "event"), &event);
    if (code == CLI_DONE && profile_path != NULL)
        code = read_object(call, profile_path, &profile);
    if (code != CLI_DONE)
        return code;
    user_state_init(&preview->state, text_member(event, SPAN_LITERAL("user"), SPAN_LITERAL("preview")));
    preview->state.has_profile = true;
    preview->state.profile = attributes_of(profile);
    if (locale != NULL)
        preview->state.profile = with_locale(preview->state.profile, span_from_text(locale), call->arena);
    preview->trigger = (struct trigger_facts){
        .id = text_member(event, SPAN_LITERAL("id"), SPAN_LITERAL("preview")),
        .name = text_member(event, SPAN_LITERAL("name"), SPAN_LITERAL("preview")),
        .time_ms = system_clock_wall_ms(),
        .attributes = attributes_of(event),
    };
    return CLI_DONE;
}

static void print_text(const struct step *step, const struct variant *variant,
                       const struct content *content, const char *failure)
{
    printf("%.*s (%.*s", SPAN_PRINTF(step->id), SPAN_PRINTF(step->channel));
    if (variant != NULL)
        printf(", variant %.*s", SPAN_PRINTF(variant->id));
    puts(")");
    if (failure != NULL)
        printf("  not sent: %s\n", failure);
    for (size_t i = 0; content != NULL && i < content->count; i++) {
        struct buf text = {0};
        struct value value = content->fields[i].value;
        if (value.kind == VALUE_STRING)
            buf_append(&text, value_span(value));
        else
            json_write_value(&text, value);
        printf("  %.*s: %.*s\n", SPAN_PRINTF(content->fields[i].name), SPAN_PRINTF(text));
        buf_free(&text);
    }
}

static void write_json(struct buf *out, const struct step *step, const struct variant *variant,
                       const struct content *content, const char *failure)
{
    buf_append_text(out, out->size == 0 ? "[{\"step\":" : ",{\"step\":");
    json_write_string(out, step->id);
    buf_append_text(out, ",\"channel\":");
    json_write_string(out, step->channel);
    if (variant != NULL) {
        buf_append_text(out, ",\"variant\":");
        json_write_string(out, variant->id);
    }
    if (failure != NULL) {
        buf_append_text(out, ",\"error\":");
        json_write_string(out, span_from_text(failure));
    } else {
        buf_append_text(out, ",\"content\":");
        content_json_write(out, content);
    }
    buf_append_byte(out, '}');
}

static int show_step(struct preview *preview, const struct step *step)
{
    struct scope scope;
    struct diag diag = {0};
    unsigned char send_id[SEND_ID_BYTES];
    const struct content *content = NULL;
    scope_init(&scope, &preview->fold, &preview->state, system_clock_wall_ms());
    scope_bind_decision(&scope, &preview->trigger);
    send_id_make(preview->campaign->id, preview->state.user, SPAN_LITERAL(""), preview->trigger.id,
                 step->id, send_id);
    struct render_request request = {.scope = &scope,
                                     .campaign = preview->campaign,
                                     .step = step,
                                     .send_id = send_id,
                                     .now_ms = scope.now_ms,
                                     .diag = &diag};
    enum err error = render_message(&request, &content);
    struct span failure = error == ERR_ABORTED
                              ? arena_printf(preview->call->arena, "aborted: %s", diag.text)
                              : arena_printf(preview->call->arena, "render_failed: %s", diag.text);
    const char *why = error == ERR_OK ? NULL : failure.data;
    const struct variant *variant = render_variant(preview->campaign, step, preview->state.user);
    if (cli_flag(preview->call, "json") != NULL)
        write_json(&preview->json, step, variant, content, why);
    else
        print_text(step, variant, content, why);
    return error == ERR_OK || error == ERR_ABORTED ? CLI_DONE : CLI_WRONG;
}

static int show_steps(struct preview *preview)
{
    int code = CLI_DONE;
    for (size_t i = 0; i < preview->campaign->step_count; i++)
        if (show_step(preview, &preview->campaign->steps[i]) != CLI_DONE)
            code = CLI_WRONG;
    if (preview->json.size != 0)
        printf("%.*s]\n", SPAN_PRINTF(preview->json));
    buf_free(&preview->json);
    return code;
}

static const struct campaign *find_campaign(const struct campaign_dir *dir, struct span id)
{
    for (size_t i = 0; i < dir->count; i++)
        if (dir->files[i].campaign != NULL && span_equal(dir->files[i].campaign->id, id))
            return dir->files[i].campaign;
    return NULL;
}

/* Other campaigns' mistakes are told and do not keep this one from being shown. */
static int preview_from(struct preview *preview, const struct campaign_dir *dir)
{
    const struct cli_call *call = preview->call;
    preview->campaign = find_campaign(dir, span_from_text(call->arguments[0]));
    if (preview->campaign == NULL || dir->policy == NULL) {
        fprintf(stderr, "declic campaigns preview: there is no campaign %s without mistakes\n",
                call->arguments[0]);
        return CLI_WRONG;
    }
    preview->fold = (struct fold){.policy = dir->policy,
                                  .limits = &fold_limits_default,
                                  .locale = &preview->locale,
                                  .arena = call->arena};
    int code = read_facts(preview);
    return code == CLI_DONE ? show_steps(preview) : code;
}

static int run(const struct cli_call *call)
{
    struct preview preview = {.call = call};
    struct campaign_dir dir;
    struct diag_list diags = {.arena = call->arena};
    const char *path = cli_flag(call, "campaigns");
    const char *policy = cli_flag(call, "policy");
    if (cli_flag(call, "event") == NULL)
        return cli_usage(call, "--event FILE is missing");
    int code = cli_locale_open(call, &preview.locale);
    if (code != CLI_DONE)
        return code;
    enum err error =
        campaign_dir_read(path == NULL ? "campaigns" : path, span_from_text(policy == NULL ? "" : policy),
                          NULL, call->arena, &dir, &diags);
    cli_print_diags(&diags);
    code = error == ERR_IO ? CLI_USAGE : preview_from(&preview, &dir);
    campaign_dir_close(&dir);
    icu_locale_close(&preview.locale);
    return code;
}

static const struct cli_flag flags[] = {
    {"event", "FILE", "the trigger's event, as simulate takes it, or its attributes alone (JSON)"},
    {"profile", "FILE", "the user's profile, or its attributes alone (JSON)"},
    {"locale", "LOCALE", "in place of the profile's"},
    {"campaigns", "DIR", "where the campaign lies; default: campaigns"},
    {"policy", "FILE", "the policy; default: DIR/policy.yaml where there is one"},
    {"json", NULL, "one JSON array of objects"},
    {0},
};

const struct cli_command cli_campaigns_preview = {
    .name = "campaigns preview",
    .arguments = "ID",
    .least_arguments = 1,
    .most_arguments = 1,
    .summary = "Show a campaign's messages as they would go out for an event.",
    .help =
        "Renders every step for the event and the profile, in the profile's language. Needs no service.",
    .flags = flags,
    .run = run,
};
