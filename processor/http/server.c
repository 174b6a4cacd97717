#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "http/routes.h"

#define CONNECTIONS 256
#define IDLE_SECONDS 15
#define TOKEN_BYTES 512
#define BODY_BYTES (1024 * 1024)
#define REQUEST_MEMORY (32 * 1024)

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_context context;
    char token[TOKEN_BYTES]; /* empty: none is asked for */
};

/* A request while its body comes in. */
struct request {
    struct buf body;
    bool too_large;
};

void http_respond(struct http_reply *reply, unsigned status, const char *content_type)
{
    reply->status = status;
    reply->content_type = content_type;
}

void http_problem(struct http_reply *reply, unsigned status, const char *title, const char *detail)
{
    http_respond(reply, status, "application/problem+json");
    buf_clear(&reply->body);
    buf_printf(&reply->body,
               "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\"}\n", title,
               status, detail);
}

/* Takes as long for every wrong token of the same length. */
static bool token_matches(const struct http_server *server, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (server->token[0] == '\0')
        return true;
    if (authorization == NULL || strncmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *given = authorization + sizeof scheme - 1;
    size_t size = strlen(server->token);
    if (strlen(given) != size)
        return false;
    unsigned difference = 0;
    for (size_t i = 0; i < size; i++)
        difference |= (unsigned char)given[i] ^ (unsigned char)server->token[i];
    return difference == 0;
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct http_reply *reply)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body.size, reply->body.data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        buf_free(&reply->body);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED && reply->allow != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
    if (reply->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

static void route(struct http_server *server, const struct http_request *request, struct http_reply *reply)
{
    const struct http_route *best = NULL;
    for (size_t i = 0; i < http_route_count; i++) {
        const struct http_route *candidate = &http_routes[i];
        if (strcmp(candidate->path, request->path) != 0)
            continue;
        best = candidate;
        bool head = strcmp(request->method, "HEAD") == 0 && strcmp(candidate->method, "GET") == 0;
        if (head || strcmp(candidate->method, request->method) == 0) {
            candidate->handle(&server->context, request, reply);
            return;
        }
    }
    if (best != NULL) {
        http_problem(reply, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed",
                     "this path takes another method");
        reply->allow = best->method;
    } else {
        http_problem(reply, MHD_HTTP_NOT_FOUND, "Not Found", "there is nothing at this path");
    }
}

static enum MHD_Result handle(void *self, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    (void)version;
    struct http_server *server = self;
    struct request *request = *state;
    if (request == NULL) {
        *state = calloc(1, sizeof(struct request));
        return *state == NULL ? MHD_NO : MHD_YES;
    }
    if (*upload_size != 0) {
        if (request->body.size + *upload_size > BODY_BYTES)
            request->too_large = true;
        else
            buf_append(&request->body, span_make(upload, *upload_size));
        *upload_size = 0;
        return MHD_YES;
    }
    struct http_reply reply = {0};
    bool probe = strcmp(url, "/livez") == 0 || strcmp(url, "/readyz") == 0;
    const char *authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    if (!probe && !token_matches(server, authorization)) {
        http_problem(&reply, MHD_HTTP_UNAUTHORIZED, "Unauthorized", "a bearer token is needed");
    } else if (request->too_large) {
        http_problem(&reply, MHD_HTTP_CONTENT_TOO_LARGE, "Content Too Large", "a body has at most 1 MiB");
    } else {
        struct http_request view = {.method = method, .path = url, .body = buf_span(&request->body)};
        route(server, &view, &reply);
    }
    return send_reply(connection, &reply);
}

static void completed(void *self, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode why)
{
    (void)self;
    (void)connection;
    (void)why;
    struct request *request = *state;
    if (request == NULL)
        return;
    buf_free(&request->body);
    free(request);
    *state = NULL;
}

static enum err read_token(const struct config *config, struct http_server *server, struct diag *diag)
{
    if (config->http_token_file.size == 0)
        return ERR_OK;
    char path[4096];
    snprintf(path, sizeof path, "%.*s", SPAN_PRINTF(config->http_token_file));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return diag_set(diag, ERR_INVALID, 0, 0, "http.token_file: %s cannot be read: %s", path,
                        strerror(errno));
    ssize_t size = read(fd, server->token, sizeof server->token - 1);
    close(fd);
    while (size > 0 && (server->token[size - 1] == '\n' || server->token[size - 1] == '\r'))
        size--;
    if (size <= 0)
        return diag_set(diag, ERR_INVALID, 0, 0, "http.token_file: %s holds no token", path);
    server->token[size] = '\0';
    return ERR_OK;
}

/* "ADDRESS:PORT", "[ADDRESS]:PORT"; "localhost" is 127.0.0.1. */
static enum err read_address(struct span listen, struct sockaddr_storage *address, bool *loopback)
{
    char text[256];
    if (listen.size >= sizeof text)
        return ERR_INVALID;
    memcpy(text, listen.data, listen.size);
    text[listen.size] = '\0';
    char *colon = strrchr(text, ':');
    if (colon == NULL)
        return ERR_INVALID;
    *colon = '\0';
    char *end;
    long port = strtol(colon + 1, &end, 10);
    if (colon[1] == '\0' || *end != '\0' || port < 0 || port > 65535)
        return ERR_INVALID;
    const char *host = strcmp(text, "localhost") == 0 ? "127.0.0.1" : text;
    memset(address, 0, sizeof *address);
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
        return ERR_OK;
    }
    size_t size = strlen(text);
    if (size < 2 || text[0] != '[' || text[size - 1] != ']')
        return ERR_INVALID;
    text[size - 1] = '\0';
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    if (inet_pton(AF_INET6, text + 1, &v6->sin6_addr) != 1)
        return ERR_INVALID;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    *loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    return ERR_OK;
}

enum err http_server_start(const struct config *config, struct process *process, struct http_server **made,
                           struct diag *diag)
{
    struct sockaddr_storage address;
    bool loopback;
    if (read_address(config->http_listen, &address, &loopback) != ERR_OK)
        return diag_set(diag, ERR_INVALID, 0, 0, "http.listen: %.*s is not ADDRESS:PORT",
                        SPAN_PRINTF(config->http_listen));
    if (!loopback && config->http_token_file.size == 0)
        return diag_set(
            diag, ERR_INVALID, 0, 0,
            "http.listen: %.*s can be reached from outside: set http.token_file, or listen on 127.0.0.1",
            SPAN_PRINTF(config->http_listen));
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return ERR_NO_MEMORY;
    server->context.process = process;
    enum err error = read_token(config, server, diag);
    if (error != ERR_OK) {
        free(server);
        return error;
    }
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD;
    if (address.ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, server, MHD_OPTION_SOCK_ADDR,
                                      (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
                                      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                                      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY,
                                      MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
    if (server->daemon == NULL) {
        int failure = errno;
        free(server);
        return diag_set(diag, ERR_IO, 0, 0, "http.listen: cannot listen on %.*s: %s",
                        SPAN_PRINTF(config->http_listen), strerror(failure));
    }
    *made = server;
    return ERR_OK;
}

void http_server_stop(struct http_server *server)
{
    if (server == NULL)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}

int http_server_port(const struct http_server *server)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info == NULL ? 0 : info->port;
}
