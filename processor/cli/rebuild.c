/* `declic rebuild`: views are dropped and folded anew from the journal. */
#include <stdio.h>

#include "app/view_session.h"
#include "cli/service.h"
#include "cli/views.h"

static int drop_all(const struct cli_call *call, struct view_session *session, int32_t first, int32_t end)
{
    for (int32_t p = first; p < end; p++) {
        struct diag diag = {0};
        views_progress(p - first, end - first);
        enum err error = view_session_drop(session, p, &diag);
        if (error != ERR_OK) {
            views_progress(end - first, end - first);
            printf("%d of %d views were dropped.\n", (int)(p - first), (int)(end - first));
            return service_fail(call, error, &diag);
        }
    }
    views_progress(end - first, end - first);
    printf("%d %s dropped; whoever runs folds %s anew from the journal.\n", (int)(end - first),
           end - first == 1 ? "view was" : "views were", end - first == 1 ? "it" : "them");
    return CLI_DONE;
}

static int run(const struct cli_call *call)
{
    struct config *config;
    struct view_session *session;
    struct diag diag = {0};
    int32_t first, end;
    int code = cli_config(call, &config);
    if (code == CLI_DONE)
        code = views_partitions(call, config, &first, &end);
    if (code != CLI_DONE)
        return code;
    if (!service_confirm(call, "Nothing is sent from a partition until its view is folded anew. Go on?"))
        return CLI_WRONG;
    enum err error = view_session_open(config, &cli_log, &session, &diag);
    if (error != ERR_OK)
        return service_fail(call, error, &diag);
    code = drop_all(call, session, first, end);
    view_session_close(session);
    return code;
}

static const struct cli_flag flags[] = {
    {"partition", "P", "this journal partition only"},
    {"yes", NULL, "do not ask"},
    {0},
};

const struct cli_command cli_rebuild = {
    .name = "rebuild",
    .arguments = "",
    .summary = "Drop what Redis holds and fold it anew from the journal.",
    .help = "Also while processes run: the owner of a partition notices within about a second,\n"
            "folds the journal from its start (where it was trimmed: from the snapshots there),\n"
            "and goes on. What falls due meanwhile is sent as soon as that is done. Nothing is\n"
            "lost and nothing is sent twice.",
    .flags = flags,
    .takes_config = true,
    .run = run,
};
