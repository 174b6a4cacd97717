/* One partition of the journal folded into a view of its own in memory, as far as one says.
 *
 * The same engine as a worker's does it, over a journal without a group, so it is what an owner would come
 * to that found no view: it begins at the log's start, with the snapshot taken there where the log was
 * trimmed. It writes nothing anywhere.
 */
#ifndef DECLIC_APP_JOURNAL_REPLAY_H
#define DECLIC_APP_JOURNAL_REPLAY_H

#include "app/worker.h"

struct journal_replay;

/* `shared` and `locale` outlive it. Errors (diag): ERR_INVALID, ERR_NOT_FOUND (no such topic),
 * ERR_UNREACHABLE, ERR_TIMEOUT, ERR_REFUSED. */
WARN_UNUSED enum err journal_replay_open(const struct worker_shared *shared,
                                         const struct locale_port *locale, int32_t partition,
                                         struct journal_replay **replay, struct diag *diag);
/* NULL is allowed. */
void journal_replay_close(struct journal_replay *replay);

/* Where the log began and ended when it was opened. */
int64_t journal_replay_log_start(const struct journal_replay *replay);
int64_t journal_replay_log_end(const struct journal_replay *replay);

/* Folds everything below `offset`, which is no less than at the last call. Errors (diag): ERR_ABORTED, the
 * log was trimmed meanwhile: open another; ERR_TIMEOUT, nothing came for a while. */
WARN_UNUSED enum err journal_replay_to(struct journal_replay *replay, int64_t offset, struct diag *diag);

/* The view, at the offset of the last call. */
const struct store_port *journal_replay_store(const struct journal_replay *replay);

#endif
