/* One connection to Redis, made again when it breaks: commands out in one write, replies into an arena.
 *
 * Commands are gathered (redis_wire_command, then its arguments), sent together, and answered in order.
 * Bytes are written in RESP by this module, without an allocation for each argument (Redis protocol
 * specification, RESP2); replies are read by hiredis with object functions that allocate in an arena.
 */
#ifndef DECLIC_REDIS_REDIS_WIRE_H
#define DECLIC_REDIS_REDIS_WIRE_H

#include "base/arena.h"
#include "redis/redis_url.h"

enum redis_kind { REDIS_TEXT, REDIS_LIST, REDIS_NUMBER, REDIS_NIL, REDIS_STATUS, REDIS_ERROR };

struct redis_value {
    enum redis_kind kind;
    int64_t number;
    struct span text; /* TEXT, STATUS, ERROR */
    struct redis_value **elements;
    size_t count;
};

struct redis_wire;

/* `url` is copied. */
struct redis_wire *redis_wire_new(const struct redis_url *url, int timeout_ms);
void redis_wire_free(struct redis_wire *wire);

/* Connects unless connected, drops gathered commands. After a failure nothing is tried for a while that
 * grows to a second. Errors: ERR_UNREACHABLE, ERR_REFUSED (password, database). */
WARN_UNUSED enum err redis_wire_ready(struct redis_wire *wire);
/* Counts the connections made: another number than before means that WATCH is forgotten. */
uint64_t redis_wire_generation(const struct redis_wire *wire);

/* A command of `count` words, the first of them `name`; redis_wire_word count - 1 times after it. */
void redis_wire_command(struct redis_wire *wire, size_t count, const char *name);
void redis_wire_word(struct redis_wire *wire, struct span word);
/* One word made of two pieces. */
void redis_wire_joined(struct redis_wire *wire, struct span first, struct span second);
void redis_wire_text(struct redis_wire *wire, const char *text);
void redis_wire_number(struct redis_wire *wire, int64_t number);

/* Writes what was gathered. ERR_UNREACHABLE: the connection is gone; the commands may have arrived. */
WARN_UNUSED enum err redis_wire_send(struct redis_wire *wire);
/* What the last redis_wire_send wrote, valid until the next; and how many commands that were: as many
 * replies come. */
struct span redis_wire_sent(const struct redis_wire *wire);
size_t redis_wire_sent_count(const struct redis_wire *wire);
/* The next reply, in the arena; an error reply is a value too. ERR_UNREACHABLE: no answer within the
 * time-out, or the connection broke; it is given up then. */
WARN_UNUSED enum err redis_wire_receive(struct redis_wire *wire, struct arena *arena,
                                        struct redis_value **value);

/* Gives the connection up: the next redis_wire_ready makes another. */
void redis_wire_drop(struct redis_wire *wire);

/* What an error reply means: ERR_LIMIT (OOM), ERR_UNREACHABLE (a state that passes: loading, read-only
 * replica, fail-over), ERR_CONFLICT never, ERR_REFUSED otherwise. The text is kept for redis_wire_failure.
 */
enum err redis_wire_judge(struct redis_wire *wire, const struct redis_value *value);
/* Why the last call failed; empty when none did. */
struct span redis_wire_failure(const struct redis_wire *wire);

#endif
