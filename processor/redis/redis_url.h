/* Where a Redis is: redis://[[user]:password@]host[:port][/db], rediss:// the same over TLS,
 * unix://path[?db=n][&password=p] (the provisional IANA registrations of redis and rediss; unix as common
 * clients have it). User and password may be percent-encoded.
 */
#ifndef DECLIC_REDIS_REDIS_URL_H
#define DECLIC_REDIS_REDIS_URL_H

#include "base/err.h"
#include "base/span.h"

struct redis_url {
    bool tls;
    char path[256]; /* of a Unix socket; empty: host and port */
    char host[256];
    int port;
    int database;
    char user[128];
    char password[256];
};

/* Errors: ERR_INVALID (diag says what is wrong; never the password). */
WARN_UNUSED enum err redis_url_parse(struct span text, struct redis_url *url, struct diag *diag);

#endif
