/* Ends connections whose peer takes too long to say what it wants.
 *
 * The server's own time-out is for silence; a peer that sends a byte now and then would keep its
 * connection for hours, and there are only so many. Each connection has an instant by which the next thing
 * must be complete (its headers, its body, the reply), and a thread that shuts down those that are past
 * theirs.
 */
#ifndef DECLIC_HTTP_GUARD_H
#define DECLIC_HTTP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct http_guard;
struct http_guarded; /* one connection */

struct http_guard *http_guard_new(void);
/* No connection may be left. */
void http_guard_free(struct http_guard *guard);

/* A connection that opens; its headers are awaited. */
struct http_guarded *http_guard_add(struct http_guard *guard, int socket);
/* Before its socket is closed. */
void http_guard_remove(struct http_guard *guard, struct http_guarded *connection);

enum http_awaited { HTTP_AWAIT_HEADERS, HTTP_AWAIT_TRANSFER, HTTP_AWAIT_NOTHING };
/* From now on it is this that the peer is waited for. */
void http_guard_await(struct http_guard *guard, struct http_guarded *connection, enum http_awaited what);

#endif
