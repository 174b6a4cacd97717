/* The HTTP interface: health, metrics, events in, campaigns and users. docs/http.md is its manual.
 *
 * libmicrohttpd with epoll on one thread, and a small pool for what waits. One route table (routes.h); a
 * group of routes is a file of its own. Listens where the configuration says; anything but loopback needs a
 * bearer token. Bounds on connections, time and size. Errors are RFC 9457 problem documents.
 */
#ifndef DECLIC_HTTP_SERVER_H
#define DECLIC_HTTP_SERVER_H

#include "app/process.h"

struct http_server;

/* Starts listening at config->http_listen. Errors: ERR_INVALID (address, token file, Kafka's properties;
 * diag), ERR_IO (the port is taken; diag). */
WARN_UNUSED enum err http_server_start(const struct config *config, const struct log *log,
                                       struct process *process, struct http_server **server,
                                       struct diag *diag);
/* Waits for the requests that are being answered, some seconds at most. Before the process is freed. */
void http_server_stop(struct http_server *server);
/* The port it listens on (where the configuration says 0, the one the system chose). */
int http_server_port(const struct http_server *server);

#endif
