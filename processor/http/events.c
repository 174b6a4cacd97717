/* POST /v1/events: events into the topic that is always read. */
#include <microhttpd.h>

#include "app/interest.h"
#include "app/registry.h"
#include "app/system_clock.h"
#include "codec/json.h"
#include "codec/json_split.h"
#include "codec/source_record.h"
#include "http/routes.h"

#define EVENTS_MOST 1000
#define REGISTRY_MS 2000

/* An element of the request and what is to become of it. */
struct element {
    struct span text;
    struct span user;
    const char *error; /* NULL: accepted */
};

struct intake_request {
    struct http_context *context;
    const struct http_request *request;
    struct element *elements;
    size_t count;
    int64_t now_ms;
    bool registry_asked; /* it was waited for already */
};

/* Whether a campaign takes the event without a user for one about a thing, as far as this process knows;
 * what it does not know yet passes, and the intake decides. */
static bool is_about_a_thing(struct intake_request *intake, struct span name)
{
    struct registry *registry = process_registry(intake->context->process);
    if (registry == NULL)
        return true;
    for (;;) {
        const struct registry_snapshot *snapshot = registry_acquire(registry);
        bool wanted = interest_wants_thing(snapshot->interest, name);
        registry_release(registry, snapshot);
        if (wanted || intake->registry_asked)
            return wanted;
        intake->registry_asked = true;
        if (registry_wait(registry, registry_ask(registry), REGISTRY_MS) != ERR_OK)
            return true;
    }
}

/* The verdict that the intake would give. */
static enum err judge(struct intake_request *intake, struct element *element, struct diag *diag)
{
    struct http_context *context = intake->context;
    const struct source_record record = {
        .topic = SPAN_LITERAL("http"),
        .timestamp_ms = intake->now_ms,
        .has_value = true,
        .value = element->text,
    };
    struct event event;
    enum err error = source_record_read_event(&record, &context->config->events.mapping, &context->limits,
                                              intake->request->arena, &event, diag);
    if (error != ERR_OK)
        return error;
    event.arrived_ms = intake->now_ms;
    error =
        event_check_age(&event, context->config->intake_max_age, context->config->intake_max_future, diag);
    if (error == ERR_OK && event.user.size == 0 && !is_about_a_thing(intake, event.name))
        error = diag_set(diag, ERR_NOT_FOUND, 0, 0,
                         "user: is missing, and no campaign takes this event for one about a thing");
    element->user = event.user;
    return error;
}

/* False when the body as a whole is refused. */
static bool read_elements(struct intake_request *intake, struct http_reply *reply)
{
    struct arena *arena = intake->request->arena;
    struct span *texts = ARENA_ARRAY(arena, struct span, EVENTS_MOST);
    struct diag diag = {0};
    enum err error = json_split_list(intake->request->body, SPAN_LITERAL("events"), texts, EVENTS_MOST,
                                     &intake->count, &diag);
    if (error != ERR_OK) {
        http_problem(reply, error == ERR_LIMIT ? MHD_HTTP_CONTENT_TOO_LARGE : MHD_HTTP_BAD_REQUEST, "%s%s",
                     error == ERR_LIMIT ? "events: " : "the body: ", diag.text);
        return false;
    }
    intake->elements = ARENA_ARRAY(arena, struct element, intake->count);
    for (size_t i = 0; i < intake->count; i++) {
        intake->elements[i].text = texts[i];
        error = judge(intake, &intake->elements[i], &diag);
        if (error == ERR_SYNTAX) {
            http_problem(reply, MHD_HTTP_BAD_REQUEST, "the body: in event %zu: %s", i, diag.text);
            return false;
        }
        if (error != ERR_OK)
            intake->elements[i].error = arena_copy(arena, span_from_text(diag.text)).data;
    }
    return true;
}

static void add_trace(const struct http_request *request, struct kafka_publisher_record *record)
{
    size_t count = 0;
    if (request->traceparent.data == NULL)
        return;
    record->headers[count++] = (struct kafka_publisher_header){"traceparent", request->traceparent};
    if (request->tracestate.data != NULL)
        record->headers[count] = (struct kafka_publisher_header){"tracestate", request->tracestate};
}

static enum err publish(struct intake_request *intake, struct diag *diag)
{
    struct kafka_publisher_record *records =
        ARENA_ARRAY(intake->request->arena, struct kafka_publisher_record, intake->count);
    struct element **elements = ARENA_ARRAY(intake->request->arena, struct element *, intake->count);
    size_t count = 0;
    for (size_t i = 0; i < intake->count; i++) {
        struct element *element = &intake->elements[i];
        if (element->error != NULL)
            continue;
        elements[count] = element;
        records[count].key = element->user;
        records[count].value = element->text;
        add_trace(intake->request, &records[count++]);
    }
    if (count == 0)
        return ERR_OK;
    enum err error = kafka_publisher_publish(intake->context->events, records, count, diag);
    for (size_t i = 0; error == ERR_OK && i < count; i++)
        if (records[i].error != ERR_OK)
            elements[i]->error = "the event is larger than its topic takes (max.message.bytes)";
    return error;
}

static void write_verdicts(const struct intake_request *intake, struct http_reply *reply)
{
    size_t rejected = 0;
    for (size_t i = 0; i < intake->count; i++)
        rejected += intake->elements[i].error != NULL;
    http_respond_json(reply, MHD_HTTP_ACCEPTED);
    buf_printf(&reply->body, "{\"accepted\":%zu,\"rejected\":[", intake->count - rejected);
    const char *separator = "";
    for (size_t i = 0; i < intake->count; i++) {
        if (intake->elements[i].error == NULL)
            continue;
        buf_printf(&reply->body, "%s{\"index\":%zu,\"error\":", separator, i);
        json_write_string(&reply->body, span_from_text(intake->elements[i].error));
        buf_append_byte(&reply->body, '}');
        separator = ",";
    }
    buf_append_text(&reply->body, "]}\n");
}

void http_events(struct http_context *context, const struct http_request *request, struct http_reply *reply)
{
    struct intake_request intake = {
        .context = context, .request = request, .now_ms = system_clock_wall_ms()};
    struct diag diag = {0};
    if (!read_elements(&intake, reply))
        return;
    enum err error = publish(&intake, &diag);
    if (error != ERR_OK)
        http_fail(reply, error, &diag);
    else
        write_verdicts(&intake, reply);
}
