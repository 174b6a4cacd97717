/* A directory of campaigns held against the registry: what `campaigns apply` and `diff` begin with.
 */
#ifndef DECLIC_CLI_APPLY_DIR_H
#define DECLIC_CLI_APPLY_DIR_H

#include "app/apply_plan.h"
#include "cli/cli.h"
#include "codec/campaign_dir.h"

struct apply_dir {
    struct campaign_dir dir;
    const struct config *config;
    struct change *changes; /* the policy's first, where there is a file; then campaigns by file name */
    size_t count;
};

/* Reads and checks the directory named by the call's argument, with the configuration's policy and
 * profile attributes; prints what is wrong. CLI_DONE, CLI_WRONG, CLI_USAGE. */
WARN_UNUSED int apply_dir_read(const struct cli_call *call, struct apply_dir *apply);
void apply_dir_close(struct apply_dir *apply);

/* Works out the changes. */
void apply_dir_plan(struct apply_dir *apply, const struct campaign_log *log, struct span pending,
                    struct arena *arena);
/* How many change something. */
size_t apply_dir_changed(const struct apply_dir *apply);

/* Prints the changes: a table, or with --json an array of objects. */
void apply_dir_print(const struct cli_call *call, const struct apply_dir *apply,
                     const struct campaign_log *log);

/* Notes on standard error what the definitions count that nothing counted before: it begins with the
 * apply. */
void apply_dir_note_counters(const struct apply_dir *apply, const struct campaign_log *log,
                             struct arena *arena);

#endif
