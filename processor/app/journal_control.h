/* Control records into the journal.
 */
#ifndef DECLIC_APP_JOURNAL_CONTROL_H
#define DECLIC_APP_JOURNAL_CONTROL_H

#include "base/log.h"
#include "core/entry.h"

struct config;
struct journal_control;

/* Errors (diag): ERR_INVALID (the properties; the journal has another number of partitions than
 * configured), ERR_NOT_FOUND (no journal), ERR_UNREACHABLE. */
WARN_UNUSED enum err journal_control_open(const struct config *config, const struct log *log,
                                          int timeout_ms, struct journal_control **journal,
                                          struct diag *diag);
void journal_control_close(struct journal_control *journal);

/* Writes the records, in order, to every partition (ERASE: to the user's), and waits until all are
 * acknowledged by all in-sync replicas. Errors (diag): ERR_UNREACHABLE (some partitions may have them: to
 * be repeated), ERR_REFUSED. */
WARN_UNUSED enum err journal_control_write(struct journal_control *journal, const struct control *controls,
                                           size_t count, struct diag *diag);

#endif
