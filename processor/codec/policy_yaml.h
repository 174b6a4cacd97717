/* Reading policy.yaml: YAML text -> struct policy, checked whole and compiled.
 *
 * As campaign_yaml.h: all problems are collected, the result depends on the text alone.
 */
#ifndef DECLIC_CODEC_POLICY_YAML_H
#define DECLIC_CODEC_POLICY_YAML_H

#include "base/diag_list.h"
#include "core/campaign.h"

/* `profile_attributes`: those that are kept (naming another is an error); NULL: all are. On success
 * *policy (version 0) lives in `arena` and is given back by policy_close before the arena is. On
 * ERR_INVALID every problem was added to `diags` and there is nothing to close. */
WARN_UNUSED enum err policy_read(struct span yaml, struct span file,
                                 const struct name_set *profile_attributes, struct arena *arena,
                                 struct policy **policy, struct diag_list *diags);

/* What holds where no policy was given: UTC, en, no consent, addresses, quiet hours, caps or follows. */
const struct policy *policy_empty(void);

#endif
