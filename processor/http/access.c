#include "http/access.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool http_access_allows(const struct http_access *access, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (access->token[0] == '\0')
        return true;
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *given = authorization + sizeof scheme - 1;
    size_t size = strlen(access->token);
    if (strlen(given) != size)
        return false;
    unsigned difference = 0;
    for (size_t i = 0; i < size; i++)
        difference |= (unsigned char)given[i] ^ (unsigned char)access->token[i];
    return difference == 0;
}

/* Cuts white space off both ends, as headers have none there. False: nobody could send the rest. */
static bool token_trim(char *token, size_t size)
{
    static const char white[] = " \t\r\n";
    while (size > 0 && memchr(white, token[size - 1], sizeof white - 1) != NULL)
        size--;
    token[size] = '\0';
    size_t lead = strspn(token, white);
    memmove(token, token + lead, size + 1 - lead);
    for (size_t i = 0; i < size - lead; i++)
        if ((unsigned char)token[i] < ' ' || token[i] == 0x7F)
            return false;
    return true;
}

static enum err read_token(const struct config *config, struct http_access *access, struct diag *diag)
{
    if (config->http_token_file.size == 0)
        return ERR_OK;
    char path[4096];
    snprintf(path, sizeof path, "%.*s", SPAN_PRINTF(config->http_token_file));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return diag_set(diag, ERR_INVALID, 0, 0, "http.token_file: %s cannot be read: %s", path,
                        strerror(errno));
    ssize_t size = read(fd, access->token, sizeof access->token - 1);
    close(fd);
    if (size == sizeof access->token - 1)
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "http.token_file: %s holds more than a token: %zu bytes or more", path,
                        sizeof access->token - 1);
    bool fits = size < 0 || token_trim(access->token, (size_t)size);
    if (size < 0 || access->token[0] == '\0')
        return diag_set(diag, ERR_INVALID, 0, 0, "http.token_file: %s holds no token", path);
    return fits ? ERR_OK
                : diag_set(
                      diag, ERR_INVALID, 0, 0,
                      "http.token_file: %s holds several lines or control characters; a token is one line",
                      path);
}

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

enum err http_access_read(const struct config *config, struct http_access *access, struct diag *diag)
{
    bool loopback;
    if (read_address(config->http_listen, &access->address, &loopback) != ERR_OK)
        return diag_set(diag, ERR_INVALID, 0, 0, "http.listen: %.*s is not ADDRESS:PORT",
                        SPAN_PRINTF(config->http_listen));
    if (!loopback && config->http_token_file.size == 0)
        return diag_set(
            diag, ERR_INVALID, 0, 0,
            "http.listen: %.*s can be reached from outside: set http.token_file, or listen on 127.0.0.1",
            SPAN_PRINTF(config->http_listen));
    return read_token(config, access, diag);
}
