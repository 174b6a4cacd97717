/* What commands that reach services share: exit codes, questions, time-outs, the user that one is about.
 */
#ifndef DECLIC_CLI_SERVICE_H
#define DECLIC_CLI_SERVICE_H

#include "app/user_view.h"
#include "cli/cli.h"
#include "kafka/kafka_admin.h"

#define SERVICE_TIMEOUT_MS 10000 /* for one answer */

/* "declic COMMAND: text" to standard error; the exit code that stands for `error`. An empty diag gets the
 * error's own sentence. */
int service_fail(const struct cli_call *call, enum err error, const struct diag *diag);

/* Asks on the terminal; true without asking where there is none, or with --yes. False: it says that nothing
 * was changed, and the command ends with CLI_WRONG. */
WARN_UNUSED bool service_confirm(const struct cli_call *call, const char *question);

/* The user named by --user as the view in Redis has him; `what` is wanted of him, for the message where no
 * user is named. To be closed. CLI_DONE, or another exit code (said). */
WARN_UNUSED int service_user_view(const struct cli_call *call, const char *what, struct user_view **view);

/* How many partitions a topic has. Errors (diag): ERR_NOT_FOUND, and those of kafka_admin_topics_describe.
 */
WARN_UNUSED enum err service_partitions_count(const struct kafka_properties *properties, struct span topic,
                                              struct arena *arena, int32_t *count, struct diag *diag);

#endif
