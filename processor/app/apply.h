/* Changing campaigns: the only writer of the campaigns topic, and of control records.
 *
 * A change is written in three steps: the definition and the state `applying` to the campaigns topic, in
 * one transaction; its control record to every journal partition, each acknowledged by all in-sync
 * replicas; the state `applied`. A crash in between leaves `applying` behind, and whoever writes next
 * repeats those control records first: the fold takes each once, by version or sequence. The control
 * records are no transaction, which could hold up every partition while its writer hangs.
 *
 * Two at once do not make one version twice: opening shuts out whoever had opened before
 * (kafka/kafka_exclusive.h), and his next write fails with ERR_FENCED.
 */
#ifndef DECLIC_APP_APPLY_H
#define DECLIC_APP_APPLY_H

#include "app/apply_plan.h"
#include "base/log.h"

struct apply;
struct config;

/* Reads the campaigns topic to its end. Errors (diag): ERR_INVALID (Kafka's properties; the journal has
 * another number of partitions than configured), ERR_NOT_FOUND (a topic is missing), ERR_UNREACHABLE,
 * ERR_TIMEOUT, ERR_REFUSED. `config` and `log` outlive it. */
WARN_UNUSED enum err apply_open(const struct config *config, const struct log *log, int timeout_ms,
                                struct apply **apply, struct diag *diag);
void apply_close(struct apply *apply);

/* What the topic said. Lives until apply_close. */
const struct campaign_log *apply_log(const struct apply *apply);

/* Completes what somebody left unfinished, then writes the changes (those that are CHANGE_NONE are passed
 * over), in their order. ERR_OK only when every partition has acknowledged everything: what is produced
 * to a source from then on is folded after it. Errors (diag): as above, ERR_FENCED (somebody else
 * changes campaigns: nothing of this was written), ERR_LIMIT (a definition is too large),
 * ERR_UNKNOWN_OUTCOME (run it again). */
WARN_UNUSED enum err apply_write(struct apply *apply, const struct change *changes, size_t count,
                                 struct diag *diag);

/* Reads the campaigns topic without opening it for writing; the log lives in `arena`. Errors as apply_open.
 */
WARN_UNUSED enum err apply_read(const struct config *config, const struct log *log, int timeout_ms,
                                struct arena *arena, const struct campaign_log **campaigns,
                                struct diag *diag);

/* Writes the control record that removes a user's state, to his partition. Errors as apply_open. */
WARN_UNUSED enum err apply_erase(const struct config *config, const struct log *log, struct span user,
                                 int64_t at_ms, int timeout_ms, struct diag *diag);

#endif
