/* The routes of the HTTP interface: one row each, handlers in a file a group.
 *
 * A handler reads the request and fills the reply (http/reply.h). Those marked as waiting run on a thread
 * of the pool, may wait some seconds for Kafka or Redis, and may run at the same time as others;
 * the rest run on the server's own thread and must not wait at all.
 */
#ifndef DECLIC_HTTP_ROUTES_H
#define DECLIC_HTTP_ROUTES_H

#include "http/context.h"
#include "http/reply.h"

struct http_request {
    struct span id; /* what stands for {id}, percent-decoded: not empty, valid UTF-8 */
    /* The value of the one parameter that the route knows, decoded; data NULL: not given. */
    struct span query;
    struct span body;
    struct span traceparent, tracestate; /* W3C trace context; data NULL: none */
    struct arena *arena;                 /* lives as long as the request */
};

typedef void http_handler(struct http_context *context, const struct http_request *request,
                          struct http_reply *reply);

struct http_route {
    const char *method;
    const char *path; /* {id} stands for one segment */
    http_handler *handle;
    bool waits;
    bool open;         /* needs no token, and takes any query */
    const char *query; /* the parameter that it knows; NULL: none */
};

enum http_match { HTTP_MATCH_FOUND, HTTP_MATCH_NO_PATH, HTTP_MATCH_NO_METHOD, HTTP_MATCH_MALFORMED };

/* Finds the route for a path as it came (not decoded, without its query). HEAD is taken by the route of
 * GET. FOUND: *route, *id (in `arena`). NO_METHOD: `allow` has the methods of that path. MALFORMED: the
 * path has a wrong percent-encoding. */
enum http_match http_route_find(const char *method, const char *path, struct arena *arena,
                                const struct http_route **route, struct span *id,
                                char allow[HTTP_ALLOW_BYTES]);

/* Undoes percent-encoding. ERR_SYNTAX: a `%` without two hexadecimal digits, or no UTF-8 came out. */
WARN_UNUSED enum err http_percent_decode(struct span text, struct arena *arena, struct span *decoded);

/* health.c */
http_handler http_livez, http_readyz, http_metrics;
/* events.c */
http_handler http_events;
/* campaigns.c */
http_handler http_campaign_get, http_campaign_put, http_campaign_validate;
http_handler http_campaign_pause, http_campaign_resume, http_campaign_archive;
/* simulate.c */
http_handler http_simulate;
/* users.c */
http_handler http_user_pending, http_user_explain, http_user_erase;

#endif
