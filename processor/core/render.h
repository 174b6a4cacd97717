/* The message of a send: variant, locale, and the templates rendered field by field. */
#ifndef DECLIC_CORE_RENDER_H
#define DECLIC_CORE_RENDER_H

#include "core/scope.h"
#include "core/send_id.h"

struct render_request {
    const struct scope *scope; /* of the decision */
    const struct campaign *campaign;
    const struct step *step;
    const unsigned char *send_id;
    int64_t now_ms;
    struct diag *diag; /* NULL, or where it is told what went wrong in the template */
};

/* The user's locale for filters and the outbound record: profile.locale, else the policy's, else en. */
struct span render_locale(const struct fold *fold, const struct user_state *state);

/* The variant that the user's bucket falls to; NULL when the step has none. */
const struct variant *render_variant(const struct campaign *campaign, const struct step *step,
                                     struct span user);

/* Renders the step's (or the variant's) message for the user's locale. A field comes from fr-CA, else
 * from fr, else from the message itself; fields that only a locale has follow those of the message.
 * Errors: ERR_ABORTED ({% abort %}); any other: a template failed. The first failing field decides. */
WARN_UNUSED enum err render_message(const struct render_request *request, const struct content **content);

#endif
