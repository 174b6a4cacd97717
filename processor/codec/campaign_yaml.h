/* Reading a campaign: YAML text -> struct campaign, checked whole and compiled.
 *
 * The result depends on the text and the snippets alone, so the engine compiles the definition in the
 * journal again and gets what `apply` saw. Options only add checks. docs/campaigns.md is the manual of
 * the format, schemas/campaign.schema.json its machine-readable form.
 */
#ifndef DECLIC_CODEC_CAMPAIGN_YAML_H
#define DECLIC_CODEC_CAMPAIGN_YAML_H

#include "base/diag_list.h"
#include "core/campaign.h"
#include "core/liquid/liquid.h"

#define CAMPAIGN_MAX_BYTES (1024 * 1024)

struct campaign_options {
    /* What `{% render %}` may name. A snippet that is missing or wrong is an error. */
    const struct liquid_snippet *snippets;
    size_t snippet_count;
    /* NULL: whether the policy has the followers that a trigger names is not checked. */
    const struct policy *policy;
    /* The profile attributes that are kept (config: profile.attributes); naming another is an error.
     * NULL: all are. */
    const struct name_set *profile_attributes;
};

/* Reads one campaign. `file` names the text in messages. On success *campaign (version 0) lives in
 * `arena`, owns a copy of the text (campaign->definition), and is given back by campaign_close before
 * the arena is. On ERR_INVALID every problem found was added to `diags`, sorted by place, and there is
 * nothing to close. `options` may be NULL. */
WARN_UNUSED enum err campaign_read(struct span yaml, struct span file,
                                   const struct campaign_options *options, struct arena *arena,
                                   struct campaign **campaign, struct diag_list *diags);

#endif
