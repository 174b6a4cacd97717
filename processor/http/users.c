/* /v1/users/{id}: what is due, what happened, and removal. The objects are those of `declic pending --json`
 * and `declic explain --json`. */
#include <microhttpd.h>

#include "app/apply.h"
#include "app/system_clock.h"
#include "app/user_json.h"
#include "codec/json.h"
#include "core/event.h"
#include "http/routes.h"

#define ANSWER_MS 5000

static bool check_user(const struct http_request *request, struct http_reply *reply)
{
    struct diag diag = {0};
    if (event_check_user(request->id, &diag) == ERR_OK)
        return true;
    http_problem(reply, MHD_HTTP_BAD_REQUEST, "%s", diag.text);
    return false;
}

/* NULL: the reply says why not. To be closed. */
static struct user_view *open_view(struct http_context *context, const struct http_request *request,
                                   struct http_reply *reply)
{
    struct definitions *definitions = process_definitions(context->process);
    struct user_view *view;
    struct diag diag = {0};
    enum err error = ERR_UNREACHABLE;
    if (!check_user(request, reply))
        return NULL;
    if (definitions == NULL)
        (void)diag_set(&diag, error, 0, 0, "Declic is starting: it does not know its campaigns yet");
    else
        error = user_view_open_shared(context->config, request->id, definitions, &view, &diag);
    if (error == ERR_OK)
        return view;
    http_fail(reply, error, &diag);
    return NULL;
}

void http_user_pending(struct http_context *context, const struct http_request *request,
                       struct http_reply *reply)
{
    struct user_view *view = open_view(context, request, reply);
    if (view == NULL)
        return;
    size_t count;
    const struct pending_send *list = user_pending_list(view, request->arena, &count);
    http_respond_json(reply, MHD_HTTP_OK);
    user_pending_write_json(&reply->body, list, count);
    user_view_close(view);
}

void http_user_explain(struct http_context *context, const struct http_request *request,
                       struct http_reply *reply)
{
    struct user_view *view = open_view(context, request, reply);
    if (view == NULL)
        return;
    http_respond_json(reply, MHD_HTTP_OK);
    user_history_write_json(&reply->body, view, request->query, request->arena);
    user_view_close(view);
}

void http_user_erase(struct http_context *context, const struct http_request *request,
                     struct http_reply *reply)
{
    struct diag diag = {0};
    if (!check_user(request, reply))
        return;
    enum err error =
        apply_erase(context->config, context->log, request->id, system_clock_wall_ms(), ANSWER_MS, &diag);
    if (error != ERR_OK) {
        http_fail(reply, error, &diag);
        return;
    }
    http_respond_json(reply, MHD_HTTP_ACCEPTED);
    buf_append_text(&reply->body, "{\"user\":");
    json_write_string(&reply->body, request->id);
    buf_append_text(&reply->body, ",\"erase\":\"in the log\"}\n");
}
