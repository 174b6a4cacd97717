/* What the commands share that look after the views in Redis. */
#ifndef DECLIC_CLI_VIEWS_H
#define DECLIC_CLI_VIEWS_H

#include "cli/cli.h"

/* The partitions that the call is about: all, or the one that --partition names. CLI_DONE, or CLI_USAGE
 * (said). */
WARN_UNUSED int views_partitions(const struct cli_call *call, const struct config *config, int32_t *first,
                                 int32_t *end);

/* "partition N of M" on a terminal; N = M clears it. */
void views_progress(int32_t done, int32_t all);

#endif
