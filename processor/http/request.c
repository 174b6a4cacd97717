#include "http/request.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>

#include "http/routes.h"

#define BODY_BYTES ((size_t)1024 * 1024)
#define ALL_BODIES_BYTES ((size_t)64 * 1024 * 1024)
#define DRAIN_BYTES ((size_t)16 * 1024 * 1024) /* read and dropped of a request that is refused */
#define RETRY_AFTER_S 1
#define TRACEPARENT_BYTES 128
#define TRACESTATE_BYTES 512

struct request {
    struct http_job job; /* first: the pool gives it back */
    struct request_shared *shared;
    struct MHD_Connection *connection;
    const struct http_route *route;
    struct http_request view;
    struct http_reply reply;
    struct arena arena;
    struct buf body;
    size_t received_bytes;
    atomic_bool answered; /* the reply is there */
};

static void overloaded(struct http_reply *reply)
{
    http_problem(reply, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests wait; send it again");
    reply->retry_after_s = RETRY_AFTER_S;
}

/* ---- the beginning: who, what, how much ---- */

static const char *header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static struct span trace_header(struct request *request, const char *name, size_t most)
{
    const char *value = header(request, name);
    if (value == NULL || strlen(value) > most)
        return (struct span){0};
    return arena_copy(&request->arena, span_from_text(value));
}

/* Notes the parameter that the route knows; any other is a mistake that must not pass in silence. */
static enum MHD_Result take_parameter(void *self, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    struct request *request = self;
    (void)kind;
    if (request->route->query == NULL || strcmp(name, request->route->query) != 0 ||
        request->view.query.data != NULL) {
        http_problem(&request->reply, MHD_HTTP_BAD_REQUEST, "the query parameter \"%s\" %s", name,
                     request->view.query.data != NULL ? "is one too many" : "is not known here");
        request->answered = true;
        return MHD_NO;
    }
    if (http_percent_decode(span_from_text(value == NULL ? "" : value), &request->arena,
                            &request->view.query) == ERR_OK)
        return MHD_YES;
    http_problem(&request->reply, MHD_HTTP_BAD_REQUEST,
                 "the query parameter \"%s\" is not percent-encoded UTF-8", name);
    request->answered = true;
    return MHD_NO;
}

static void refuse(struct request *request, unsigned status, const char *detail)
{
    http_problem(&request->reply, status, "%s", detail);
    request->answered = true;
}

static void find_route(struct request *request, const char *method, const char *url)
{
    struct http_request *view = &request->view;
    enum http_match match =
        http_route_find(method, url, &request->arena, &request->route, &view->id, request->reply.allow);
    if (match == HTTP_MATCH_MALFORMED)
        refuse(request, MHD_HTTP_BAD_REQUEST, "the path is not percent-encoded UTF-8");
    else if (match == HTTP_MATCH_NO_PATH)
        refuse(request, MHD_HTTP_NOT_FOUND, "there is nothing at this path");
    else if (match == HTTP_MATCH_NO_METHOD)
        refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, "this path takes another method");
}

static bool announces_too_much(const struct request *request)
{
    const char *length = header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length != NULL && strtoull(length, NULL, 10) > BODY_BYTES;
}

/* Nothing is unpacked here; identity is no coding. */
static bool is_encoded(const struct request *request)
{
    const char *coding = header(request, MHD_HTTP_HEADER_CONTENT_ENCODING);
    return coding != NULL && coding[0] != '\0' && strcasecmp(coding, "identity") != 0;
}

static void refuse_too_large(struct request *request)
{
    refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "a body has at most 1 MiB");
}

/* What can be said before the body is there. */
static void judge(struct request *request, const char *method, const char *url)
{
    find_route(request, method, url);
    bool open = request->route != NULL && request->route->open;
    const char *authorization = header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    if (!open && !http_access_allows(request->shared->access, authorization)) {
        refuse(request, MHD_HTTP_UNAUTHORIZED, "a bearer token is needed: `Authorization: Bearer TOKEN`");
        return;
    }
    if (request->answered)
        return;
    if (!open)
        (void)MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, take_parameter,
                                        request);
    if (!request->answered && is_encoded(request))
        refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
               "the body must come as it is, without Content-Encoding");
    if (!request->answered && announces_too_much(request))
        refuse_too_large(request);
}

static struct request *begin(struct request_shared *shared, struct MHD_Connection *connection)
{
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->shared = shared;
    request->connection = connection;
    arena_init(&request->arena, 4096);
    request->view.arena = &request->arena;
    request->view.body = SPAN_LITERAL(""); /* an address for parsers, also where there is no body */
    request->view.traceparent = trace_header(request, "traceparent", TRACEPARENT_BYTES);
    request->view.tracestate = trace_header(request, "tracestate", TRACESTATE_BYTES);
    return request;
}

void request_connection(void *self, struct MHD_Connection *connection, void **state,
                        enum MHD_ConnectionNotificationCode what)
{
    struct request_shared *shared = self;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *state = http_guard_add(shared->guard, info->connect_fd);
    } else if (*state != NULL) {
        http_guard_remove(shared->guard, *state);
        *state = NULL;
    }
}

/* What the peer is waited for. */
static void await(const struct request_shared *shared, struct MHD_Connection *connection,
                  enum http_awaited what)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info != NULL && info->socket_context != NULL)
        http_guard_await(shared->guard, info->socket_context, what);
}

void request_completed(void *self, struct MHD_Connection *connection, void **state,
                       enum MHD_RequestTerminationCode why)
{
    struct request_shared *shared = self;
    struct request *request = *state;
    (void)why;
    if (request == NULL)
        return;
    await(shared, connection, HTTP_AWAIT_HEADERS);
    shared->body_bytes -= request->body.size;
    buf_free(&request->body);
    buf_free(&request->reply.body);
    arena_destroy(&request->arena);
    free(request);
    *state = NULL;
}

/* ---- the body ---- */

/* MHD_NO closes the connection: for a peer that goes on and on. */
static enum MHD_Result take_body(struct request *request, struct span piece)
{
    request->received_bytes += piece.size;
    if (request->received_bytes > DRAIN_BYTES)
        return MHD_NO;
    if (request->answered)
        return MHD_YES;
    if (request->received_bytes > BODY_BYTES) {
        refuse_too_large(request);
    } else if (request->shared->body_bytes + piece.size > ALL_BODIES_BYTES) {
        overloaded(&request->reply);
        request->answered = true;
    } else {
        buf_append(&request->body, piece);
        request->shared->body_bytes += piece.size;
    }
    return MHD_YES;
}

/* ---- the reply ---- */

static enum MHD_Result send_reply(struct request *request)
{
    struct http_reply *reply = &request->reply;
    await(request->shared, request->connection, HTTP_AWAIT_TRANSFER);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body.size, reply->body.data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO;
    reply->body = (struct buf){0};
    if (reply->content_type != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
    if (reply->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (reply->retry_after_s != 0) {
        struct span seconds = arena_printf(&request->arena, "%d", reply->retry_after_s);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds.data);
    }
    enum MHD_Result result = MHD_queue_response(request->connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* On a thread of the pool. */
static void run_job(struct http_job *job, bool overdue)
{
    struct request *request = (struct request *)job;
    if (overdue)
        overloaded(&request->reply);
    else
        request->route->handle(request->shared->context, &request->view, &request->reply);
    atomic_store(&request->answered, true);
    MHD_resume_connection(request->connection);
}

static enum MHD_Result answer(struct request *request)
{
    if (!request->answered) {
        if (request->body.size != 0)
            request->view.body = buf_span(&request->body);
        if (request->route->waits) {
            request->job.run = run_job;
            await(request->shared, request->connection, HTTP_AWAIT_NOTHING);
            MHD_suspend_connection(request->connection);
            if (!http_pool_submit(request->shared->pool, &request->job))
                run_job(&request->job, true);
            return MHD_YES;
        }
        request->route->handle(request->shared->context, &request->view, &request->reply);
        request->answered = true;
    }
    return send_reply(request);
}

enum MHD_Result request_handle(void *self, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **state)
{
    struct request *request = *state;
    (void)version;
    if (request == NULL) {
        request = begin(self, connection);
        if (request == NULL)
            return MHD_NO;
        *state = request;
        await(self, connection, HTTP_AWAIT_TRANSFER);
        judge(request, method, url);
        /* Who asks before he writes is told before he writes. */
        bool asks = header(request, MHD_HTTP_HEADER_EXPECT) != NULL;
        return asks && request->answered ? send_reply(request) : MHD_YES;
    }
    if (*upload_size != 0) {
        struct span piece = span_make(upload, *upload_size);
        *upload_size = 0;
        return take_body(request, piece);
    }
    return answer(request);
}
