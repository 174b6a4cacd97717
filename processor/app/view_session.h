/* The views of all partitions, for those who look after them: compared with the journal, or dropped so that
 * they are folded anew.
 */
#ifndef DECLIC_APP_VIEW_SESSION_H
#define DECLIC_APP_VIEW_SESSION_H

#include "app/config.h"
#include "app/view_check.h"
#include "base/log.h"

struct view_session;

/* `config` and `log` outlive it. Errors (diag): ERR_INVALID, ERR_UNREACHABLE, ERR_TIMEOUT, ERR_REFUSED. */
WARN_UNUSED enum err view_session_open(const struct config *config, const struct log *log,
                                       struct view_session **session, struct diag *diag);
void view_session_close(struct view_session *session);

/* Compares a partition's view with a fresh replay of its journal; see app/view_check.h. ERR_ABORTED (diag):
 * the view was rewound or the journal trimmed meanwhile; what was reported does not count, and it is to be
 * begun anew. Other errors as view_session_open's. */
WARN_UNUSED enum err view_session_check(struct view_session *session, int32_t partition,
                                        struct view_report *report, struct diag *diag);

/* Drops the view of a partition. Whoever owns it notices within about a second and folds it anew from the
 * journal; until then nothing of it fires. ERR_CONFLICT (diag): the journal does not hold what the view
 * stands on, so nothing was dropped. */
WARN_UNUSED enum err view_session_drop(struct view_session *session, int32_t partition, struct diag *diag);

#endif
