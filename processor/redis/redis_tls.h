/* TLS for a connection to Redis, where hiredis_ssl (hiredis >= 1.0) was found at configure time.
 *
 * The server's certificate must be signed by a CA that OpenSSL trusts (the system's, or the file named by
 * SSL_CERT_FILE) and be for the host of the URL, which hiredis alone would not check.
 */
#ifndef DECLIC_REDIS_REDIS_TLS_H
#define DECLIC_REDIS_REDIS_TLS_H

#include <hiredis/hiredis.h>

#include "base/err.h"
#include "base/span.h"

bool redis_tls_is_built(void);
/* The handshake, on a connected context. False: context->errstr says why. */
bool redis_tls_start(redisContext *context, const char *host);
/* Writes all of it. False: context->errstr says why. */
bool redis_tls_write(redisContext *context, struct span bytes);

#endif
