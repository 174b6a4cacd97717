#include <stdio.h>

#include "app/apply.h"
#include "cli/apply_dir.h"
#include "cli/line_diff.h"
#include "cli/service.h"

#define CONTEXT_LINES 3

/* The lines in which a changed definition differs from the one in force. */
static void print_lines(const struct change *change, const struct campaign_log *log, struct arena *arena)
{
    const struct campaign_item *item = campaign_log_find(log, change->item.id);
    const struct campaign_definition *now =
        item == NULL ? NULL : campaign_item_definition(item, item->version);
    const struct campaign_definition *then = campaign_item_definition(&change->item, change->item.version);
    struct buf out = {0};
    if (change->action == CHANGE_NONE || now == NULL || then == NULL)
        return;
    struct span name = change->item.id.size == 0 ? SPAN_LITERAL("policy") : change->item.id;
    buf_printf(&out, "\n--- %.*s version %u\n+++ %.*s version %u\n", SPAN_PRINTF(name), item->version,
               SPAN_PRINTF(name), change->item.version);
    line_diff(now->text, then->text, CONTEXT_LINES, arena, &out);
    if (!span_equal(now->snippets, then->snippets))
        buf_append_text(&out, "(its snippets differ)\n");
    cli_print(&out);
}

static int run(const struct cli_call *call)
{
    struct apply_dir apply;
    const struct campaign_log *log;
    struct diag diag = {0};
    int code = apply_dir_read(call, &apply);
    if (code == CLI_DONE) {
        enum err error = apply_read(apply.config, NULL, SERVICE_TIMEOUT_MS, call->arena, &log, &diag);
        if (error == ERR_OK) {
            apply_dir_plan(&apply, log, (struct span){0}, call->arena);
            apply_dir_print(call, &apply, log);
            for (size_t i = 0; i < apply.count && cli_flag(call, "json") == NULL; i++)
                print_lines(&apply.changes[i], log, call->arena);
        } else {
            code = service_fail(call, error, &diag);
        }
    }
    apply_dir_close(&apply);
    return code;
}

static const struct cli_flag flags[] = {
    {"json", NULL, "print the plan as JSON"},
    {0},
};

const struct cli_command cli_campaigns_diff = {
    .name = "campaigns diff",
    .arguments = "DIR",
    .least_arguments = 1,
    .most_arguments = 1,
    .summary = "Show what an apply of a directory would change, line by line.",
    .flags = flags,
    .takes_config = true,
    .run = run,
};
