/* /v1/campaigns: read, validate, change. Changes go the same way as the commands' (app/apply.h). */
#include <microhttpd.h>

#include "app/apply.h"
#include "app/campaign_compile.h"
#include "app/campaign_json.h"
#include "app/definitions.h"
#include "app/registry.h"
#include "app/system_clock.h"
#include "codec/campaign_yaml.h"
#include "codec/json.h"
#include "codec/yaml_doc.h"
#include "http/routes.h"

#define ANSWER_MS 5000 /* for one answer of Kafka */

/* ---- what is known ---- */

/* The campaigns topic read to its end as of now; to be released. NULL: the reply says why not. */
static const struct registry_snapshot *acquire_fresh(struct http_context *context, struct http_reply *reply)
{
    struct registry *registry = process_registry(context->process);
    char trouble[256] = "";
    struct diag diag;
    if (registry != NULL && registry_wait(registry, registry_ask(registry), ANSWER_MS) == ERR_OK)
        return registry_acquire(registry);
    if (registry != NULL)
        registry_trouble(registry, trouble, sizeof trouble);
    (void)diag_set(&diag, ERR_UNREACHABLE, 0, 0, "the campaigns are not known yet%s%s",
                   trouble[0] == '\0' ? "" : ": ", trouble);
    http_fail(reply, ERR_UNREACHABLE, &diag);
    return NULL;
}

static void release(struct http_context *context, const struct registry_snapshot *snapshot)
{
    registry_release(process_registry(context->process), snapshot);
}

static void no_campaign(struct http_reply *reply, struct span id)
{
    http_problem(reply, MHD_HTTP_NOT_FOUND, "there is no campaign \"%.*s\"", SPAN_PRINTF(id));
}

static bool read_version(struct span text, uint32_t *version)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.size && number <= UINT32_MAX; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *version = (uint32_t)number;
    return number != 0 && number <= UINT32_MAX;
}

static void show(const struct campaign_item *item, const struct http_request *request, uint32_t version,
                 struct http_reply *reply)
{
    if (item == NULL || item->version == 0) {
        no_campaign(reply, request->id);
        return;
    }
    if (version == 0)
        version = item->version;
    const struct campaign_definition *definition = campaign_item_definition(item, version);
    if (definition == NULL) {
        http_problem(reply, MHD_HTTP_NOT_FOUND, "\"%.*s\" has no version %u", SPAN_PRINTF(request->id),
                     version);
        return;
    }
    http_respond_json(reply, MHD_HTTP_OK);
    campaign_json_write(&reply->body, item, version, definition);
    buf_append_byte(&reply->body, '\n');
}

void http_campaign_get(struct http_context *context, const struct http_request *request,
                       struct http_reply *reply)
{
    uint32_t version = 0;
    if (request->query.data != NULL && !read_version(request->query, &version)) {
        http_problem(reply, MHD_HTTP_BAD_REQUEST, "version: must be a number from 1");
        return;
    }
    const struct registry_snapshot *snapshot = acquire_fresh(context, reply);
    if (snapshot == NULL)
        return;
    show(campaign_log_find(snapshot->log, request->id), request, version, reply);
    release(context, snapshot);
}

/* ---- checking ---- */

/* What a definition is checked against: the policy in force, and the snippets that the campaign's current
 * version came with (a definition over HTTP brings none). */
struct surroundings {
    const struct policy *policy; /* NULL: not known */
    struct span snippets;
};

static void look_around(struct http_context *context, const struct registry_snapshot *snapshot,
                        struct span id, struct surroundings *around)
{
    const struct campaign_item *item = id.size == 0 ? NULL : campaign_log_find(snapshot->log, id);
    struct definitions *definitions = process_definitions(context->process);
    if (definitions_policy(definitions, snapshot->log->policy.version, &around->policy) != ERR_OK)
        around->policy = NULL;
    if (item == NULL || item->version == 0)
        return;
    const struct campaign_definition *definition = campaign_item_definition(item, item->version);
    if (definition != NULL)
        around->snippets = definition->snippets;
}

/* The campaign's id as the text has it; empty where it has none. */
static struct span id_in(struct span yaml, struct arena *arena, int *line, int *column)
{
    const struct yaml_node *root;
    const struct yaml_member *member = NULL;
    if (yaml_parse(yaml, arena, &root, NULL) == ERR_OK && root->kind == YAML_MAP)
        member = yaml_find(root, SPAN_LITERAL("campaign"));
    if (member == NULL)
        return (struct span){0};
    *line = member->value->line;
    *column = member->value->column;
    return member->value->text;
}

/* Checks the body as `campaigns apply` would; false: the reply says what is wrong. `id` empty: any
 * campaign. */
static bool check_definition(struct http_context *context, const struct http_request *request,
                             const struct surroundings *around, struct span id, struct span *found_id,
                             struct http_reply *reply)
{
    struct diag_list diags = {.arena = request->arena};
    struct campaign_options options = {.policy = around->policy,
                                       .profile_attributes = &context->config->profile_attributes};
    struct campaign *campaign;
    int line = 1, column = 1;
    if (snippets_read(around->snippets, request->arena, &options.snippets, &options.snippet_count) !=
        ERR_OK)
        options.snippet_count = 0;
    *found_id = id_in(request->body, request->arena, &line, &column);
    if (campaign_read(request->body, (struct span){0}, &options, request->arena, &campaign, &diags) ==
        ERR_OK)
        campaign_close(campaign);
    if (diags.count == 0 && id.size != 0 && !span_equal(*found_id, id))
        diag_list_add(&diags, (struct span){0}, line, column,
                      "the campaign is `%.*s`, the path says `%.*s`", SPAN_PRINTF(*found_id),
                      SPAN_PRINTF(id));
    if (diags.count != 0)
        http_problem_list(reply, "the campaign's definition has errors", &diags);
    return diags.count == 0;
}

void http_campaign_validate(struct http_context *context, const struct http_request *request,
                            struct http_reply *reply)
{
    struct surroundings around = {0};
    int line, column;
    struct span id = id_in(request->body, request->arena, &line, &column);
    const struct registry_snapshot *snapshot = acquire_fresh(context, reply);
    if (snapshot == NULL)
        return;
    look_around(context, snapshot, id, &around);
    release(context, snapshot);
    if (!check_definition(context, request, &around, (struct span){0}, &id, reply))
        return;
    http_respond_json(reply, MHD_HTTP_OK);
    buf_append_text(&reply->body, "{\"valid\":true,\"campaign\":");
    json_write_string(&reply->body, id);
    buf_append_text(&reply->body, "}\n");
}

/* ---- changing ---- */

/* What is to become of a campaign. */
struct wish {
    struct span id;
    const struct campaign_definition *definition; /* NULL: a control */
    enum control_kind kind;
    struct span option;
};

static void tell_change(const struct change *change, struct http_reply *reply)
{
    http_respond_json(reply, change->action == CHANGE_CREATE ? MHD_HTTP_CREATED : MHD_HTTP_OK);
    buf_append_text(&reply->body, "{\"campaign\":");
    json_write_string(&reply->body, change->item.id);
    buf_printf(&reply->body, ",\"action\":\"%s\",\"version\":%u,\"status\":\"%s\"}\n",
               change_action_name(change->action), change->item.version,
               campaign_status_name(change->item.status));
}

static void plan_and_write(struct apply *writer, const struct wish *wish, struct arena *arena,
                           struct http_reply *reply)
{
    const struct campaign_log *log = apply_log(writer);
    struct change change;
    struct diag diag = {0};
    enum err error = ERR_OK;
    if (wish->definition != NULL)
        change =
            change_define(log, wish->id, wish->definition, wish->option, system_clock_wall_ms(), arena);
    else
        error =
            change_control(log, wish->id, wish->kind, wish->option, system_clock_wall_ms(), &change, &diag);
    if (error == ERR_NOT_FOUND)
        no_campaign(reply, wish->id);
    else if (error != ERR_OK)
        http_problem(reply, MHD_HTTP_CONFLICT, "%s", diag.text);
    if (error != ERR_OK)
        return;
    error = apply_write(writer, &change, 1, &diag);
    if (error != ERR_OK)
        http_fail(reply, error, &diag);
    else
        tell_change(&change, reply);
}

/* One at a time in this process: opening shuts out whoever had opened before. */
static void carry_out(struct http_context *context, const struct wish *wish, struct arena *arena,
                      struct http_reply *reply)
{
    struct apply *writer;
    struct diag diag = {0};
    if (!http_context_enter(&context->applying)) {
        (void)diag_set(&diag, ERR_TIMEOUT, 0, 0, "campaigns are being changed; send it again");
        http_fail(reply, ERR_TIMEOUT, &diag);
        return;
    }
    enum err error = apply_open(context->config, context->log, ANSWER_MS, &writer, &diag);
    if (error != ERR_OK) {
        http_fail(reply, error, &diag);
    } else {
        plan_and_write(writer, wish, arena, reply);
        apply_close(writer);
    }
    http_context_leave(&context->applying);
}

void http_campaign_put(struct http_context *context, const struct http_request *request,
                       struct http_reply *reply)
{
    struct surroundings around = {0};
    struct span id;
    if (request->query.data != NULL && !change_pending_is_known(request->query)) {
        http_problem(reply, MHD_HTTP_BAD_REQUEST, "pending: must be migrate, finish or cancel");
        return;
    }
    const struct registry_snapshot *snapshot = acquire_fresh(context, reply);
    if (snapshot == NULL)
        return;
    look_around(context, snapshot, request->id, &around);
    release(context, snapshot);
    if (!check_definition(context, request, &around, request->id, &id, reply))
        return;
    struct campaign_definition definition = {.text = request->body};
    if (definition_may_render(definition.text))
        definition.snippets = around.snippets;
    const struct wish wish = {.id = request->id, .definition = &definition, .option = request->query};
    carry_out(context, &wish, request->arena, reply);
}

/* Reads {"pending": CHOICE} where the change takes one; no body, or {}, is the default. False: refused. */
static bool read_pending(const struct http_request *request, bool takes, struct span *pending,
                         struct http_reply *reply)
{
    struct value body;
    struct diag diag = {0};
    *pending = (struct span){0};
    if (request->body.size == 0)
        return true;
    if (json_parse(request->body, NULL, request->arena, &body, &diag) != ERR_OK) {
        http_problem(reply, MHD_HTTP_BAD_REQUEST, "the body: not readable as JSON: %s", diag.text);
        return false;
    }
    const struct value *choice =
        body.kind == VALUE_MAP ? value_member_find(body, SPAN_LITERAL("pending")) : NULL;
    if (body.kind != VALUE_MAP || body.size != (choice != NULL) || (choice != NULL && !takes)) {
        http_problem(reply, MHD_HTTP_BAD_REQUEST,
                     takes ? "the body: must be empty, or an object with `pending` and nothing else"
                           : "the body: must be empty, or an empty object");
        return false;
    }
    if (choice == NULL || choice->kind == VALUE_NULL)
        return true;
    if (choice->kind == VALUE_STRING && change_treatment_is_known(value_span(*choice))) {
        *pending = value_span(*choice);
        return true;
    }
    http_problem(reply, MHD_HTTP_BAD_REQUEST, "pending: must be hold, shift, expire or drain");
    return false;
}

static void control(struct http_context *context, const struct http_request *request,
                    enum control_kind kind, struct http_reply *reply)
{
    struct wish wish = {.id = request->id, .kind = kind};
    if (read_pending(request, kind == CONTROL_PAUSE, &wish.option, reply))
        carry_out(context, &wish, request->arena, reply);
}

void http_campaign_pause(struct http_context *context, const struct http_request *request,
                         struct http_reply *reply)
{
    control(context, request, CONTROL_PAUSE, reply);
}

void http_campaign_resume(struct http_context *context, const struct http_request *request,
                          struct http_reply *reply)
{
    control(context, request, CONTROL_RESUME, reply);
}

void http_campaign_archive(struct http_context *context, const struct http_request *request,
                           struct http_reply *reply)
{
    control(context, request, CONTROL_ARCHIVE, reply);
}
