#include "http/routes.h"

/* Alive: the process answers and no thread has ended by an error that waiting cannot mend. */
void http_livez(struct http_context *context, const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    struct process_status status;
    process_status_read(context->process, &status);
    http_respond(reply, status.failed ? 503 : 200, "text/plain; charset=utf-8");
    buf_append_text(&reply->body, status.failed ? "a worker has ended; see the log\n" : "ok\n");
}

/* Ready: this process fires for every partition that it owns. */
void http_readyz(struct http_context *context, const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    struct process_status status;
    process_status_read(context->process, &status);
    http_respond(reply, status.ready ? 200 : 503, "text/plain; charset=utf-8");
    if (status.ready)
        buf_printf(&reply->body, "ready: %d of %d partitions attached\n", status.attached, status.owned);
    else if (status.trouble[0] != '\0')
        buf_printf(&reply->body, "waiting: %s\n", status.trouble);
    else
        buf_printf(&reply->body, "attaching: %d of %d partitions\n", status.attached, status.owned);
}

void http_metrics(struct http_context *context, const struct http_request *request,
                  struct http_reply *reply)
{
    (void)request;
    http_respond(reply, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    metrics_write(process_metrics(context->process), &reply->body);
}
