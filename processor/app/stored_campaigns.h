/* What is in force, for commands that look from outside of a running process: the campaigns topic read to
 * its end, and its definitions, each compiled when it is asked for.
 */
#ifndef DECLIC_APP_STORED_CAMPAIGNS_H
#define DECLIC_APP_STORED_CAMPAIGNS_H

#include "app/config.h"
#include "app/definitions.h"
#include "app/registry.h"

struct stored_campaigns {
    struct registry *registry;
    struct definitions *definitions;
};

/* Reads up to where the topic ended when it was called. `kafka`, `log` and `arena` (for names) outlive it.
 * In any case to be closed. Errors: ERR_UNREACHABLE (no answer within 10 s), ERR_INVALID (settings); diag.
 */
WARN_UNUSED enum err stored_campaigns_open(const struct config *config,
                                           const struct kafka_properties *kafka, const struct log *log,
                                           struct arena *arena, struct stored_campaigns *campaigns,
                                           struct diag *diag);
void stored_campaigns_close(struct stored_campaigns *campaigns);

#endif
