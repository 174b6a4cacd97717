/* The campaigns topic, followed: which campaigns and policies there are, in every version.
 *
 * One registry serves a whole process. A thread of its own reads `<prefix>campaigns` to its end and
 * on, and publishes what it knows as immutable snapshots; every function here may be called from any
 * thread. The engine takes definitions from it (a version whose control record was folded is always
 * in the topic, since `apply` writes the definition first), intake the names of the events that anything
 * needs.
 */
#ifndef DECLIC_APP_REGISTRY_H
#define DECLIC_APP_REGISTRY_H

#include "app/campaign_log.h"
#include "app/interest.h"

struct registry;

struct kafka_properties;
struct log;

struct registry_options {
    const struct kafka_properties *properties;
    const struct log *log; /* NULL: silent */
    const char *topic;     /* PREFIX + campaigns; copied */
};

/* What the topic said at one moment. */
struct registry_snapshot {
    const struct campaign_log *log; /* campaigns, policy, all versions */
    const struct interest *interest;
    int64_t position; /* all records below it are in */
};

/* Starts the thread. ERR_INVALID: the Kafka properties are refused (diag). An unreachable broker is no
 * error: the thread goes on trying and says so. */
WARN_UNUSED enum err registry_open(const struct registry_options *options, struct registry **registry,
                                   struct diag *diag);
/* Ends the thread. No snapshot may be held any more. NULL is allowed. */
void registry_close(struct registry *registry);

/* A ticket that is passed once the registry has read everything that was in the topic when this was
 * called: the topic's high watermark is asked for after the call, and then read up to. Cheap: tickets
 * that are drawn while an answer is under way share the next one. */
uint64_t registry_ask(struct registry *registry);
/* Waits until it is passed. ERR_TIMEOUT. */
WARN_UNUSED enum err registry_wait(struct registry *registry, uint64_t ticket, int64_t timeout_ms);

/* The newest snapshot, held until registry_release. Never NULL: an empty one before the first is read. */
const struct registry_snapshot *registry_acquire(struct registry *registry);
void registry_release(struct registry *registry, const struct registry_snapshot *snapshot);

/* The definition of one version of a campaign (or, id empty, of the policy), waiting for it to be read
 * where it is not there yet. The spans live as long as the registry. ERR_NOT_FOUND: the topic was read to
 * its end as of this call and has no such version; ERR_TIMEOUT: it could not be read so far. */
WARN_UNUSED enum err registry_definition_wait(struct registry *registry, struct span id, uint32_t version,
                                              int64_t timeout_ms, struct campaign_definition *definition);

/* Why nothing is passed (the broker is away, the topic is missing), for a person; copied into `text`,
 * which is empty when all is well. */
void registry_trouble(struct registry *registry, char *text, size_t text_bytes);

/* Intake's view of it (app/interest.h). */
struct interest_port registry_interest_port(struct registry *registry);

#endif
