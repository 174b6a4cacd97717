#include <stdio.h>

#include "app/apply.h"
#include "app/system_clock.h"
#include "cli/service.h"
#include "core/event.h"

static int run(const struct cli_call *call)
{
    const char *user = cli_flag(call, "user");
    struct config *config;
    struct diag diag = {0};
    if (user == NULL || user[0] == 0)
        return cli_usage(call, "--user is missing");
    if (event_check_user(span_from_text(user), &diag) != ERR_OK)
        return cli_usage(call, "%s", diag.text);
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    if (!service_confirm(call, "This removes everything that is known of the user. Go on?"))
        return CLI_WRONG;
    enum err error =
        apply_erase(config, NULL, span_from_text(user), system_clock_wall_ms(), SERVICE_TIMEOUT_MS, &diag);
    if (error != ERR_OK)
        return service_fail(call, error, &diag);
    puts("The removal is in the log.");
    return CLI_DONE;
}

static const struct cli_flag flags[] = {
    {"user", "U", "the user's id"},
    {"yes", NULL, "do not ask"},
    {0},
};

const struct cli_command cli_erase = {
    .name = "erase",
    .arguments = "",
    .summary = "Remove a user's state: pending sends, history, profile.",
    .help = "Takes effect where the record is folded, moments later. What the log holds of the user goes\n"
            "when it is trimmed next.",
    .flags = flags,
    .takes_config = true,
    .run = run,
};
