/* The HTTP interface: health, metrics, and what later versions add.
 *
 * libmicrohttpd with epoll and a small pool. One route table; a group of routes is a file of its own.
 * Listens where the configuration says; anything but loopback needs a bearer token. Bounds on
 * connections, time and size. Errors are RFC 9457 problem documents.
 */
#ifndef DECLIC_HTTP_SERVER_H
#define DECLIC_HTTP_SERVER_H

#include "app/process.h"

struct http_server;

/* Starts listening at config->http_listen. Errors: ERR_INVALID (address, token file; diag), ERR_IO (the
 * port is taken; diag). */
WARN_UNUSED enum err http_server_start(const struct config *config, struct process *process,
                                       struct http_server **server, struct diag *diag);
void http_server_stop(struct http_server *server);
/* The port it listens on (where the configuration says 0, the one the system chose). */
int http_server_port(const struct http_server *server);

#endif
