/* The commit of a fold as commands: MULTI … EXEC, and the script for a full Redis.
 */
#ifndef DECLIC_REDIS_REDIS_COMMIT_H
#define DECLIC_REDIS_REDIS_COMMIT_H

#include "ports/store.h"
#include "redis/redis_keys.h"
#include "redis/redis_wire.h"

/* Gathers MULTI, every write and EXEC. */
void redis_commit_gather(struct redis_wire *wire, struct redis_key_table *keys,
                         const struct store_commit *commits, size_t count);

/* What the replies to the commit that was sent say: ERR_OK; ERR_CONFLICT, a watched head moved; ERR_LIMIT,
 * at maxmemory, nothing written; ERR_UNREACHABLE, nothing written (a passing state); ERR_REFUSED;
 * ERR_UNKNOWN_OUTCOME when they do not all come. */
WARN_UNUSED enum err redis_commit_receive(struct redis_wire *wire, struct arena *arena);

/* The same commit through a script that is allowed at maxmemory (Redis >= 7.0): done when every write
 * deletes or rewrites a user who is there without growing him by much, so that settling and cancelling go
 * on. Heads are compared inside. ERR_LIMIT when it would take more memory, or Redis is too old; else as
 * above. */
WARN_UNUSED enum err redis_commit_frugally(struct redis_wire *wire, struct redis_key_table *keys,
                                           struct arena *arena, const struct store_commit *commits,
                                           size_t count);

/* store_port.ids_write at maxmemory, likewise. */
WARN_UNUSED enum err redis_ids_write_frugally(struct redis_wire *wire, const struct redis_keys *keys,
                                              struct arena *arena, int64_t expected_head, struct span ids);

/* A score of `due`: decimal ms, "-inf" for INT64_MIN, "+inf" for INT64_MAX. */
void redis_score_word(struct redis_wire *wire, int64_t due_ms);

#endif
