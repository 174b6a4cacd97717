/* POST /v1/simulate: campaigns over events in virtual time, as `declic simulate` runs them. */
#include <microhttpd.h>

#include "app/system_clock.h"
#include "codec/campaign_dir.h"
#include "codec/decision_json.h"
#include "codec/json.h"
#include "codec/policy_yaml.h"
#include "http/routes.h"
#include "icu/icu_locale.h"
#include "memory/simulate.h"

#define MOST_MS 10000
#define MOST_OUTPUT_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_FUTURE_MS ((int64_t)300000) /* as the command has it */

struct task {
    const struct http_request *request;
    struct http_reply *reply;
    struct value campaigns, events; /* lists */
    struct span policy;             /* data NULL: none */
    bool has_until;
    int64_t until_ms;
    struct campaign_dir dir;
    int64_t end_ms;     /* by the monotonic clock */
    bool too_long;      /* it was interrupted */
    struct buf refused; /* the list so far */
};

/* ---- the body ---- */

static bool bad_request(struct task *task, const char *text)
{
    http_problem(task->reply, MHD_HTTP_BAD_REQUEST, "%s", text);
    return false;
}

static bool read_campaigns(struct task *task, struct value value)
{
    if (value.kind != VALUE_LIST)
        return bad_request(task, "campaigns: must be a list of YAML texts");
    for (uint32_t i = 0; i < value.size; i++)
        if (value.items[i].kind != VALUE_STRING)
            return bad_request(task, "campaigns: must be a list of YAML texts");
    task->campaigns = value;
    return true;
}

static bool read_snippets(struct task *task, struct value value)
{
    if (value.kind != VALUE_MAP)
        return bad_request(task, "snippets: must be an object of name and text");
    struct liquid_snippet *snippets = ARENA_ARRAY(task->request->arena, struct liquid_snippet, value.size);
    for (uint32_t i = 0; i < value.size; i++) {
        if (value.members[i].value.kind != VALUE_STRING)
            return bad_request(task, "snippets: must be an object of name and text");
        snippets[i] =
            (struct liquid_snippet){value_span(value.members[i].key), value_span(value.members[i].value)};
    }
    task->dir.snippets = snippets;
    task->dir.snippet_count = value.size;
    return true;
}

static bool read_policy(struct task *task, struct value value)
{
    if (value.kind != VALUE_STRING)
        return bad_request(task, "policy: must be a YAML text");
    task->policy = value_span(value);
    return true;
}

static bool read_events(struct task *task, struct value value)
{
    task->events = value;
    return value.kind == VALUE_LIST || bad_request(task, "events: must be a list");
}

static bool read_until(struct task *task, struct value value)
{
    task->has_until = true;
    return simulation_time(value, &task->until_ms) == ERR_OK ||
           bad_request(task,
                       "until: must be an RFC 3339 time with a zone, such as 2026-12-01T08:30:00Z, or "
                       "a whole number of milliseconds");
}

static bool read_body(struct task *task)
{
    static const struct {
        const char *name;
        bool (*read)(struct task *task, struct value value);
    } members[] = {{"campaigns", read_campaigns},
                   {"policy", read_policy},
                   {"snippets", read_snippets},
                   {"events", read_events},
                   {"until", read_until}};
    enum { MEMBERS = sizeof members / sizeof members[0] };
    struct value body;
    struct diag diag = {0};
    if (json_parse(task->request->body, NULL, task->request->arena, &body, &diag) != ERR_OK) {
        http_problem(task->reply, MHD_HTTP_BAD_REQUEST,
                     "the body: not readable as JSON: %s (line %d, column %d)", diag.text, diag.line,
                     diag.column);
        return false;
    }
    if (body.kind != VALUE_MAP)
        return bad_request(task, "the body: must be a JSON object");
    for (uint32_t i = 0; i < body.size; i++) {
        struct span name = value_span(body.members[i].key);
        size_t known = 0;
        while (known < MEMBERS && !span_equal_text(name, members[known].name))
            known++;
        if (known == MEMBERS) {
            http_problem(task->reply, MHD_HTTP_BAD_REQUEST, "the body: \"%.*s\" is not known here",
                         SPAN_PRINTF(name));
            return false;
        }
        if (body.members[i].value.kind != VALUE_NULL && !members[known].read(task, body.members[i].value))
            return false;
    }
    if (task->campaigns.kind != VALUE_LIST)
        return bad_request(task, "campaigns: is missing");
    return task->events.kind == VALUE_LIST || bad_request(task, "events: is missing");
}

/* ---- the campaigns ---- */

static void check_id(struct task *task, const struct campaign_file *file, struct diag_list *diags)
{
    for (const struct campaign_file *other = task->dir.files; other < file; other++)
        if (other->campaign != NULL && span_equal(other->campaign->id, file->campaign->id))
            diag_list_add(diags, file->path, 1, 1, "the campaign `%.*s` is there twice",
                          SPAN_PRINTF(file->campaign->id));
}

/* Compiles everything; false: the reply lists what is wrong. */
static bool compile(struct task *task)
{
    struct arena *arena = task->request->arena;
    struct campaign_dir *dir = &task->dir;
    struct diag_list diags = {.arena = arena};
    dir->policy = policy_empty();
    if (task->policy.data != NULL &&
        policy_read(task->policy, SPAN_LITERAL("policy"), NULL, arena, &dir->own_policy, &diags) == ERR_OK)
        dir->policy = dir->own_policy;
    const struct campaign_options options = {
        .snippets = dir->snippets, .snippet_count = dir->snippet_count, .policy = dir->policy};
    dir->files = ARENA_ARRAY(arena, struct campaign_file, task->campaigns.size);
    for (uint32_t i = 0; i < task->campaigns.size; i++) {
        struct campaign_file *file = &dir->files[dir->count++];
        file->path = arena_printf(arena, "campaigns/%u", i);
        file->text = value_span(task->campaigns.items[i]);
        if (campaign_read(file->text, file->path, &options, arena, &file->campaign, &diags) == ERR_OK)
            check_id(task, file, &diags);
    }
    if (diags.count != 0)
        http_problem_list(task->reply, "the campaigns or the policy have errors", &diags);
    return diags.count == 0;
}

/* ---- the run ---- */

static bool is_interrupted(void *self)
{
    struct task *task = self;
    task->too_long = task->too_long || system_clock_monotonic_ms() > task->end_ms ||
                     task->reply->body.size + task->refused.size > MOST_OUTPUT_BYTES;
    return task->too_long;
}

static void take_record(void *self, const struct decision_record *record)
{
    struct task *task = self;
    struct buf *body = &task->reply->body;
    buf_append_text(body, body->data[body->size - 1] == '[' ? "\n " : ",\n ");
    decision_json_write(body, record);
}

static void take_refused(void *self, uint64_t line, int column, const char *why)
{
    (void)column; /* of a line that was written here */
    struct task *task = self;
    buf_printf(&task->refused, "%s{\"index\":%llu,\"error\":", task->refused.size == 0 ? "" : ",",
               (unsigned long long)line);
    json_write_string(&task->refused, span_from_text(why));
    buf_append_byte(&task->refused, '}');
}

static void run(struct task *task, const struct campaign_set *campaigns, const struct locale_port *locale)
{
    struct buf line = {0};
    const struct simulation_options options = {
        .campaigns = campaigns,
        .locale = locale,
        .max_future_ms = MAX_FUTURE_MS,
        .has_until = task->has_until,
        .until_ms = task->until_ms,
        .decisions = {task, take_record},
        .refused_self = task,
        .refused = take_refused,
        .interrupted_self = task,
        .interrupted = is_interrupted,
    };
    struct simulation *simulation = simulation_new(&options);
    for (uint32_t i = 0; i < task->events.size && !is_interrupted(task); i++) {
        buf_clear(&line);
        json_write_value(&line, task->events.items[i]);
        simulation_take(simulation, buf_span(&line));
    }
    simulation_finish(simulation);
    simulation_free(simulation);
    buf_free(&line);
}

static void answer(struct task *task)
{
    struct locale_port locale;
    struct http_reply *reply = task->reply;
    if (icu_locale_open(&locale) != ERR_OK) {
        http_problem(reply, MHD_HTTP_INTERNAL_SERVER_ERROR, "ICU's data cannot be loaded");
        return;
    }
    task->end_ms = system_clock_monotonic_ms() + MOST_MS;
    http_respond_json(reply, MHD_HTTP_OK);
    buf_append_text(&reply->body, "{\"decisions\":[");
    run(task, campaign_dir_set(&task->dir, task->request->arena), &locale);
    buf_append_text(&reply->body, "],\"refused\":[");
    buf_append(&reply->body, buf_span(&task->refused));
    buf_append_text(&reply->body, "]}\n");
    if (task->too_long)
        http_problem(
            reply, MHD_HTTP_UNPROCESSABLE_CONTENT,
            "the simulation takes more than 10 s or 16 MiB of decisions: give less, or run `declic "
            "simulate`");
    icu_locale_close(&locale);
}

void http_simulate(struct http_context *context, const struct http_request *request,
                   struct http_reply *reply)
{
    struct task task = {.request = request, .reply = reply};
    struct diag diag = {0};
    if (!read_body(&task))
        return;
    if (!http_context_enter(&context->simulating)) {
        (void)diag_set(&diag, ERR_TIMEOUT, 0, 0, "another simulation runs; send it again");
        http_fail(reply, ERR_TIMEOUT, &diag);
        return;
    }
    if (compile(&task))
        answer(&task);
    http_context_leave(&context->simulating);
    campaign_dir_close(&task.dir);
    buf_free(&task.refused);
}
