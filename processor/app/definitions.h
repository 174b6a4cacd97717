/* Campaign and policy definitions, compiled once for the whole process.
 *
 * A version never changes, so a compiled one is immutable and shared by all workers. Texts come from
 * the registry (the campaigns topic) and from control records in the journal, which carry the text
 * itself so that the fold never waits for another topic. Thread-safe. Nothing is ever unloaded: a
 * journey may go on with any version that was once live.
 */
#ifndef DECLIC_APP_DEFINITIONS_H
#define DECLIC_APP_DEFINITIONS_H

#include "app/campaign_log.h"
#include "base/err.h"
#include "base/log.h"
#include "core/campaign.h"

struct definitions;

/* Where a text that was not added is looked for. */
struct definition_source {
    void *self;
    /* The definition of a campaign's version, or (id empty) the policy's; false: not known (yet). Its spans
     * need live only until the next call. */
    bool (*find)(void *self, struct span id, uint32_t version, struct campaign_definition *definition);
};

/* `source` may be NULL: then only what is added is known. Out of memory ends the process. */
struct definitions *definitions_new(const struct definition_source *source, const struct log *log);
void definitions_free(struct definitions *definitions);

/* The compiled version, compiled at the first call; lives as long as `definitions`.
 * ERR_NOT_FOUND: its text is not known, or not yet. ERR_INVALID: it does not compile, which `apply`
 * prevents (logged once); *campaign is NULL then, *policy the empty policy. */
WARN_UNUSED enum err definitions_campaign(struct definitions *definitions, struct span id, uint32_t version,
                                          const struct campaign **campaign);
/* Version 0 is the empty policy. */
WARN_UNUSED enum err definitions_policy(struct definitions *definitions, uint32_t version,
                                        const struct policy **policy);

/* The text of a definition that was compiled; false: it was not. Lives as long as `definitions`. */
bool definitions_text(struct definitions *definitions, struct span id, uint32_t version,
                      struct campaign_definition *definition);

/* Makes a definition known (id empty: a policy's) and compiles it. Adding a version again has no effect.
 * ERR_INVALID: it does not compile (logged once). */
WARN_UNUSED enum err definitions_add(struct definitions *definitions, struct span id, uint32_t version,
                                     const struct campaign_definition *definition);

#endif
