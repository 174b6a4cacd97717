/* Caps: how many messages a user may get.
 *
 * A cap is for sends that have one of its labels and one of its channels (all, where it names none), counts
 * those of them that were sent, and is exceeded at `at_most`. */
#ifndef DECLIC_CORE_CAPS_H
#define DECLIC_CORE_CAPS_H

#include "core/zone.h"

/* The first cap of the policy, in file order, that is exceeded for such a send now; NULL when none is. */
const struct cap_rule *caps_exceeded(const struct fold *fold, const struct user_state *state,
                                     struct span channel, const struct labels *labels, int64_t now_ms);

/* The first instant after now_ms that this cap allows. False when it never does (at_most 0). */
bool caps_allowed_from(const struct fold *fold, const struct user_state *state, const struct cap_rule *cap,
                       int64_t now_ms, int64_t *from_ms);

#endif
