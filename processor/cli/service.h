/* What commands that reach services share: exit codes, questions, time-outs.
 */
#ifndef DECLIC_CLI_SERVICE_H
#define DECLIC_CLI_SERVICE_H

#include "cli/cli.h"

#define SERVICE_TIMEOUT_MS 10000 /* for one answer */

/* "declic COMMAND: text" to standard error; the exit code that stands for `error`. An empty diag gets the
 * error's own sentence. */
int service_fail(const struct cli_call *call, enum err error, const struct diag *diag);

/* Asks on the terminal; true without asking where there is none, or with --yes. */
bool service_confirm(const struct cli_call *call, const char *question);

/* Wall time, ms since the epoch. */
int64_t service_now_ms(void);

#endif
