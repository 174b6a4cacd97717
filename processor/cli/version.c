#include <stdio.h>

#include "cli/cli.h"

static int run(const struct cli_call *call)
{
    (void)call;
    puts("declic " DECLIC_VERSION);
    return CLI_DONE;
}

const struct cli_command cli_version = {
    .name = "version",
    .arguments = "",
    .summary = "Print the version.",
    .run = run,
};
