/* The routes of the HTTP interface. A handler fills the reply's body and calls http_respond, or answers
 * http_problem. It runs on the server's thread and must not wait long.
 */
#ifndef DECLIC_HTTP_ROUTES_H
#define DECLIC_HTTP_ROUTES_H

#include "app/process.h"
#include "base/buf.h"

struct http_context {
    struct process *process;
};

struct http_request {
    const char *method, *path;
    struct span body;
};

struct http_reply {
    unsigned status;
    const char *content_type;
    const char *allow; /* with 405 */
    struct buf body;
};

struct http_route {
    const char *method, *path;
    void (*handle)(const struct http_context *context, const struct http_request *request,
                   struct http_reply *reply);
};
extern const struct http_route http_routes[];
extern const size_t http_route_count;

void http_respond(struct http_reply *reply, unsigned status, const char *content_type);
/* An RFC 9457 problem document. The texts are our own: they are not escaped. */
void http_problem(struct http_reply *reply, unsigned status, const char *title, const char *detail);

/* health.c */
void http_livez(const struct http_context *context, const struct http_request *request,
                struct http_reply *reply);
void http_readyz(const struct http_context *context, const struct http_request *request,
                 struct http_reply *reply);
void http_metrics(const struct http_context *context, const struct http_request *request,
                  struct http_reply *reply);

#endif
