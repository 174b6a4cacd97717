/* The view in Redis (>= 6.2; a full one settles and cancels from 7.0 on): one store_port on two
 * connections.
 *
 * A fold reads under WATCH on one connection and commits with MULTI/EXEC there; everything else travels on
 * the other, so that firing never breaks a fold's watch. Connections are made anew when they break. All
 * keys of a partition carry one hash tag. The layout of the keys is private to this folder and may change
 * freely: it is a view of the journal.
 */
#ifndef DECLIC_REDIS_REDIS_STORE_H
#define DECLIC_REDIS_REDIS_STORE_H

#include "ports/store.h"

struct redis_store_options {
    struct span url;    /* redis://[[user]:password@]host[:port][/db], rediss://…, unix://path[?db=n] */
    struct span prefix; /* of every key; topics.prefix */
    int timeout_ms;     /* for an answer; 0: 2,000 */
};

struct redis_store;

/* Reads the URL; connects at the first call.
 * Errors: ERR_INVALID (diag): not such a URL, or rediss:// where the client library has no TLS. */
WARN_UNUSED enum err redis_store_open(const struct redis_store_options *options, struct redis_store **store,
                                      struct diag *diag);
struct store_port redis_store_port(struct redis_store *store);
void redis_store_close(struct redis_store *store);
/* Why the last call failed, for a log; empty when it did not. Valid until the next call. */
struct span redis_store_failure(const struct redis_store *store);

#endif
