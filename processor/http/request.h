/* One request from its headers to its reply, as libmicrohttpd's callbacks.
 *
 * All of it is on the server's own thread, but for handlers that wait: the connection is suspended,
 * a thread of the pool runs the handler and resumes it. A request that is refused early (no token, no
 * such path, too large) is read to its end all the same, without keeping it, since a peer that still
 * writes when the connection closes does not see the answer.
 */
#ifndef DECLIC_HTTP_REQUEST_H
#define DECLIC_HTTP_REQUEST_H

#include <microhttpd.h>

#include "http/access.h"
#include "http/context.h"
#include "http/guard.h"
#include "http/pool.h"

struct request_shared {
    const struct http_access *access;
    struct http_context *context;
    struct http_pool *pool;
    struct http_guard *guard;
    size_t body_bytes; /* of all bodies held at the moment */
};

/* Connections come and go; what is kept for each is its guarded one. */
void request_connection(void *self, struct MHD_Connection *connection, void **state,
                        enum MHD_ConnectionNotificationCode what);
/* The access handler; `self` is a struct request_shared. */
enum MHD_Result request_handle(void *self, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **state);
void request_completed(void *self, struct MHD_Connection *connection, void **state,
                       enum MHD_RequestTerminationCode why);

#endif
