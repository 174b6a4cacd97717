/* Where the server listens and who may speak to it.
 */
#ifndef DECLIC_HTTP_ACCESS_H
#define DECLIC_HTTP_ACCESS_H

#include <sys/socket.h>

#include "app/config.h"

#define HTTP_TOKEN_BYTES 512

struct http_access {
    struct sockaddr_storage address;
    char token[HTTP_TOKEN_BYTES]; /* empty: none is asked for */
};

/* Reads http.listen ("ADDRESS:PORT", "[ADDRESS]:PORT"; "localhost" is 127.0.0.1) and the token. Anything
 * but loopback needs a token. ERR_INVALID (diag). */
WARN_UNUSED enum err http_access_read(const struct config *config, struct http_access *access,
                                      struct diag *diag);

/* Whether an Authorization header (NULL: none) opens the door. Takes as long for every wrong token of the
 * same length. */
bool http_access_allows(const struct http_access *access, const char *authorization);

#endif
