#include "http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "http/access.h"
#include "http/context.h"
#include "http/pool.h"
#include "http/request.h"

#define CONNECTIONS 256
#define IDLE_SECONDS 15
#define CONNECTION_MEMORY (32 * 1024) /* the request line and the headers must fit */

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_access access;
    struct http_context context;
    struct http_pool *pool;
    struct http_guard *guard;
    struct request_shared shared;
};

static const struct http_pool_options pool_options = {.threads = 16, .queue = 128, .patience_ms = 5000};

/* Paths and parameters are decoded segment by segment: a user id may hold a slash. */
static size_t leave_encoded(void *self, struct MHD_Connection *connection, char *text)
{
    (void)self;
    (void)connection;
    return strlen(text);
}

static enum err daemon_start(struct http_server *server, const struct config *config, struct diag *diag)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    if (server->access.address.ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, request_handle, &server->shared, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&server->access.address, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED, request_completed, &server->shared,
        MHD_OPTION_NOTIFY_CONNECTION, request_connection, &server->shared, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_encoded, NULL, MHD_OPTION_END);
    if (server->daemon != NULL)
        return ERR_OK;
    return diag_set(diag, ERR_IO, 0, 0, "http.listen: cannot listen on %.*s: %s",
                    SPAN_PRINTF(config->http_listen), strerror(errno));
}

enum err http_server_start(const struct config *config, const struct log *log, struct process *process,
                           struct http_server **made, struct diag *diag)
{
    struct http_server *server = memory_checked(calloc(1, sizeof *server));
    enum err error = http_access_read(config, &server->access, diag);
    if (error != ERR_OK) {
        free(server);
        return error;
    }
    error = http_context_open(&server->context, config, log, process, diag);
    server->pool = http_pool_new(&pool_options);
    server->guard = http_guard_new();
    server->shared =
        (struct request_shared){&server->access, &server->context, server->pool, server->guard, 0};
    if (error == ERR_OK)
        error = daemon_start(server, config, diag);
    if (error != ERR_OK) {
        http_server_stop(server);
        return error;
    }
    *made = server;
    return ERR_OK;
}

void http_server_stop(struct http_server *server)
{
    if (server == NULL)
        return;
    /* Every connection that waits for the pool goes on before the daemon ends, which it insists on. */
    http_pool_stop(server->pool);
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    http_pool_free(server->pool);
    http_guard_free(server->guard);
    http_context_close(&server->context);
    free(server);
}

int http_server_port(const struct http_server *server)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info == NULL ? 0 : info->port;
}
