/* One user as the view in Redis has him, for commands and HTTP that look and do not change anything.
 *
 * Opens what it needs of the services, reads once, and keeps it until closed. What it shows is as
 * current as the partition's owner has folded.
 */
#ifndef DECLIC_APP_USER_VIEW_H
#define DECLIC_APP_USER_VIEW_H

#include "app/campaign_log.h"
#include "app/config.h"
#include "app/definitions.h"
#include "base/log.h"
#include "core/user_state.h"

struct user_view;

/* Errors: ERR_UNREACHABLE (Redis or Kafka; diag says which), ERR_INVALID (settings; diag), ERR_CORRUPT (a
 * state of another version of the program; diag). A user of whom nothing is known has an empty state. */
WARN_UNUSED enum err user_view_open(const struct config *config, struct span user, const struct log *log,
                                    struct user_view **view, struct diag *diag);
/* The same beside a running process, whose compiled definitions it uses; they outlive the view. Opens only
 * Redis. */
WARN_UNUSED enum err user_view_open_shared(const struct config *config, struct span user,
                                           struct definitions *definitions, struct user_view **view,
                                           struct diag *diag);
void user_view_close(struct user_view *view);

const struct user_state *user_view_state(const struct user_view *view);
/* The step's id in that version of the campaign; "step N" where the definition is not to be had. */
struct span user_view_step(struct user_view *view, struct span campaign, uint32_t version, uint32_t step);

/* The channel of the step of that id; empty where the definition is not to be had. */
struct span user_view_channel(struct user_view *view, struct span campaign, uint32_t version,
                              struct span step);

/* The policy in force; the empty one where none is to be had. */
const struct policy *user_view_policy(struct user_view *view);

/* The campaign as it is in force; lives as long as the view. NULL: there is none of that id. Only of a
 * view that user_view_open made. */
const struct campaign_item *user_view_campaign(struct user_view *view, struct span id);

#endif
