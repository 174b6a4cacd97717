/* The view of a partition against what its journal says.
 *
 * Both may go on meanwhile: each piece of the view is read in one step with the head it stands at, and
 * compared when the journal is folded to just there.
 */
#ifndef DECLIC_APP_VIEW_CHECK_H
#define DECLIC_APP_VIEW_CHECK_H

#include "ports/store.h"

/* What the journal says, as far as it was folded. */
struct view_reference {
    void *self;
    /* Folds everything below `offset`, which grows. ERR_ABORTED: to be begun anew. */
    enum err (*fold_to)(void *self, int64_t offset, struct diag *diag);
    const struct store_port *store;
};

struct view_difference {
    int32_t partition;
    struct span user; /* empty: of the partition itself */
    /* Which parts of the state, separated by ", ": names that the manual explains, no content. */
    struct span what;
};

struct view_report {
    void *self;
    void (*difference)(void *self, const struct view_difference *difference);
    size_t users; /* out: compared */
};

/* Errors (diag): ERR_ABORTED, the view was rewound or the journal trimmed meanwhile: begin anew (what was
 * reported does not count); ERR_NOT_FOUND, there is no view; others as the store's and the reference's. */
WARN_UNUSED enum err view_check(const struct store_port *view, const struct view_reference *reference,
                                int32_t partition, struct view_report *report, struct diag *diag);

#endif
