#include <stdio.h>

#include "app/apply.h"
#include "cli/apply_dir.h"
#include "cli/service.h"

/* --pending; false when it is none of the choices. */
static bool pending_read(const struct cli_call *call, struct span *pending)
{
    const char *text = cli_flag(call, "pending");
    *pending = text == NULL ? (struct span){0} : span_from_text(text);
    return text == NULL || change_pending_is_known(*pending);
}

static int write_changes(const struct cli_call *call, struct apply *writer, struct apply_dir *apply,
                         struct span pending)
{
    struct diag diag = {0};
    const struct campaign_log *log = apply_log(writer);
    apply_dir_plan(apply, log, pending, call->arena);
    apply_dir_print(call, apply, log);
    apply_dir_note_counters(apply, log, call->arena);
    fflush(stdout);
    size_t changed = apply_dir_changed(apply), unfinished = change_unfinished_count(log);
    if (unfinished > 0)
        fprintf(stderr, "note: %zu change%s of an apply that ended early will be completed\n", unfinished,
                unfinished == 1 ? "" : "s");
    if (changed > 0 && !service_confirm(call, "Apply these changes?"))
        return CLI_WRONG;
    enum err error = apply_write(writer, apply->changes, apply->count, &diag);
    if (error != ERR_OK)
        return service_fail(call, error, &diag);
    if (cli_flag(call, "json") == NULL)
        printf("%zu applied\n", changed);
    return CLI_DONE;
}

static int run(const struct cli_call *call)
{
    struct span pending;
    struct apply_dir apply;
    struct apply *writer;
    struct diag diag = {0};
    if (!pending_read(call, &pending))
        return cli_usage(call, "--pending is migrate, finish or cancel");
    int code = apply_dir_read(call, &apply);
    if (code == CLI_DONE) {
        enum err error = apply_open(apply.config, NULL, SERVICE_TIMEOUT_MS, &writer, &diag);
        if (error == ERR_OK) {
            code = write_changes(call, writer, &apply, pending);
            apply_close(writer);
        } else {
            code = service_fail(call, error, &diag);
        }
    }
    apply_dir_close(&apply);
    return code;
}

static const struct cli_flag flags[] = {
    {"pending", "CHOICE",
     "journeys on the former version of a changed campaign: migrate, finish (default) or cancel"},
    {"yes", NULL, "do not ask"},
    {"json", NULL, "print the plan as JSON"},
    {0},
};

const struct cli_command cli_campaigns_apply = {
    .name = "campaigns apply",
    .arguments = "DIR",
    .least_arguments = 1,
    .most_arguments = 1,
    .summary = "Put every changed campaign of a directory, and the policy, in force.",
    .help =
        "Checks everything first, shows what is created and updated, and asks on a terminal. Unchanged\n"
        "files make no new version. When it returns 0, every event produced from then on sees the new\n"
        "versions. An apply that was interrupted is completed by the next one.",
    .flags = flags,
    .takes_config = true,
    .run = run,
};
