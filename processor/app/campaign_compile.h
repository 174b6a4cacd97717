/* From a stored definition to something that runs.
 *
 * What `apply` accepted compiles again to the same thing: the text and its snippets say everything.
 */
#ifndef DECLIC_APP_CAMPAIGN_COMPILE_H
#define DECLIC_APP_CAMPAIGN_COMPILE_H

#include "app/campaign_log.h"
#include "base/diag_list.h"

/* Compiles a campaign and gives it its version. It lives in `arena`; campaign_close before that is
 * given back. ERR_INVALID with diags: written by a later build whose language this one does not know. */
WARN_UNUSED enum err campaign_definition_compile(const struct campaign_definition *definition,
                                                 struct span id, uint32_t version, struct arena *arena,
                                                 struct campaign **campaign, struct diag_list *diags);
/* The same for the policy. */
WARN_UNUSED enum err policy_definition_compile(const struct campaign_definition *definition,
                                               uint32_t version, struct arena *arena,
                                               struct policy **policy, struct diag_list *diags);

/* Whether a definition may name a snippet: only then do snippets go with it, so that others do not change
 * with them. */
bool definition_may_render(struct span text);

/* Snippets as one JSON object of name -> text, in the order given; empty for none. In `arena`. */
struct liquid_snippet;
struct span snippets_write(const struct liquid_snippet *snippets, size_t count, struct arena *arena);
/* Back. ERR_INVALID when it is not such an object. */
WARN_UNUSED enum err snippets_read(struct span json, struct arena *arena,
                                   const struct liquid_snippet **snippets, size_t *count);

#endif
