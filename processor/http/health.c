#include "http/routes.h"

#define PLAIN_TEXT "text/plain; charset=utf-8"

/* Alive: the process answers and no thread has ended by an error that waiting cannot mend. */
void http_livez(struct http_context *context, const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    struct process_status status;
    process_status_read(context->process, &status);
    if (status.failed) {
        http_problem(reply, 503, "a worker has ended; see the log");
        return;
    }
    http_respond(reply, 200, PLAIN_TEXT);
    buf_append_text(&reply->body, "ok\n");
}

/* Ready: this process fires for every partition that it owns. */
void http_readyz(struct http_context *context, const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    struct process_status status;
    process_status_read(context->process, &status);
    if (status.ready) {
        http_respond(reply, 200, PLAIN_TEXT);
        buf_printf(&reply->body, "ready: %d of %d partitions attached\n", status.attached, status.owned);
    } else if (status.trouble[0] != '\0') {
        http_problem(reply, 503, "waiting: %s", status.trouble);
    } else {
        http_problem(reply, 503, "attaching: %d of %d partitions", status.attached, status.owned);
    }
}

void http_metrics(struct http_context *context, const struct http_request *request,
                  struct http_reply *reply)
{
    (void)request;
    http_respond(reply, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    metrics_write(process_metrics(context->process), &reply->body);
}
