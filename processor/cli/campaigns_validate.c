#include <stdio.h>

#include "cli/cli.h"
#include "codec/campaign_dir.h"

/* What the configuration adds to the check, when one was named. */
struct surroundings {
    struct span policy_path;
    const struct name_set *profile_attributes;
};

static int read_surroundings(const struct cli_call *call, struct surroundings *surroundings)
{
    const char *policy = cli_flag(call, "policy");
    if (cli_flag(call, "config") != NULL) {
        struct config *config;
        int code = cli_config(call, &config);
        if (code != CLI_DONE)
            return code;
        surroundings->policy_path = config->policy;
        surroundings->profile_attributes = &config->profile_attributes;
    }
    if (policy != NULL)
        surroundings->policy_path = span_from_text(policy);
    return CLI_DONE;
}

static int run(const struct cli_call *call)
{
    struct surroundings surroundings = {0};
    struct campaign_dir dir;
    struct diag_list diags = {.arena = call->arena};
    int code = read_surroundings(call, &surroundings);
    if (code != CLI_DONE)
        return code;
    enum err error = campaign_dir_read(call->arguments[0], surroundings.policy_path,
                                       surroundings.profile_attributes, call->arena, &dir, &diags);
    cli_print_diags(&diags);
    if (error == ERR_OK)
        printf("%zu campaign%s ok\n", dir.count, dir.count == 1 ? "" : "s");
    campaign_dir_close(&dir);
    return error == ERR_OK ? CLI_DONE : error == ERR_IO ? CLI_USAGE : CLI_WRONG;
}

static const struct cli_flag flags[] = {
    {"policy", "FILE", "the policy; default: the configuration's, else DIR/policy.yaml where there is one"},
    {0},
};

const struct cli_command cli_campaigns_validate = {
    .name = "campaigns validate",
    .arguments = "DIR",
    .least_arguments = 1,
    .most_arguments = 1,
    .summary = "Check every campaign in a directory, and the policy.",
    .help = "Prints everything that is wrong as FILE:LINE:COLUMN: text and exits with 1. Needs\n"
            "no service. With --config, profile attributes that the configuration does not\n"
            "declare are errors too.",
    .flags = flags,
    .takes_config = true,
    .run = run,
};
