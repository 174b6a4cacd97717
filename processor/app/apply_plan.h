/* What an apply, a pause, a resume or an archive changes: worked out, not done.
 *
 * Pure: from the campaigns topic's content and what is wanted to the changes to be written
 * (app/apply.h).
 */
#ifndef DECLIC_APP_APPLY_PLAN_H
#define DECLIC_APP_APPLY_PLAN_H

#include "app/campaign_log.h"

enum change_action {
    CHANGE_NONE,   /* it is so already */
    CHANGE_CREATE, /* version 1 */
    CHANGE_UPDATE, /* the next version */
    CHANGE_REVIVE, /* the next version of an archived campaign */
    CHANGE_PAUSE,
    CHANGE_RESUME,
    CHANGE_ARCHIVE,
};

struct change {
    enum change_action action;
    uint32_t from_version;     /* 0: none */
    struct campaign_item item; /* as it will be, stage applying; `versions` has the new one only */
};

/* create, update, unchanged, …: what people read. */
const char *change_action_name(enum change_action action);

/* A definition (id empty: the policy's) is to be in force. `pending`: what happens to journeys under way
 * on the former version (migrate, finish, cancel; empty: finish). Lives in `arena`. */
struct change change_define(const struct campaign_log *log, struct span id,
                            const struct campaign_definition *definition, struct span pending,
                            int64_t at_ms, struct arena *arena);

/* A pause, resume or archive. `option`: the pause's treatment (empty: hold).
 * ERR_NOT_FOUND: no such campaign. ERR_INVALID: it is archived, so that only an apply brings it back. */
WARN_UNUSED enum err change_control(const struct campaign_log *log, struct span id, enum control_kind kind,
                                    struct span option, int64_t at_ms, struct change *change,
                                    struct diag *diag);

/* True for a choice of --pending of apply, or of pause. */
bool change_pending_is_known(struct span option);
bool change_treatment_is_known(struct span option);

/* Items that a writer left behind before all partitions had their control record. */
size_t change_unfinished_count(const struct campaign_log *log);

#endif
