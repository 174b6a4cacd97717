#include "cli/service.h"

#include <stdio.h>
#include <unistd.h>

#include "app/system_clock.h"

int service_fail(const struct cli_call *call, enum err error, const struct diag *diag)
{
    const char *text = diag->text[0] != 0 ? diag->text : err_sentence(error);
    fprintf(stderr, "declic %s: %s\n", call->command->name, text);
    switch (error) {
    case ERR_UNREACHABLE:
    case ERR_TIMEOUT:
    case ERR_UNKNOWN_OUTCOME:
        return CLI_UNREACHABLE;
    case ERR_INVALID:
    case ERR_USAGE:
        return CLI_USAGE;
    default:
        return CLI_WRONG;
    }
}

bool service_confirm(const struct cli_call *call, const char *question)
{
    char answer[16];
    if (cli_flag(call, "yes") != NULL || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return true;
    fprintf(stderr, "%s [y/N] ", question);
    if (fgets(answer, sizeof(answer), stdin) == NULL)
        return false;
    return answer[0] == 'y' || answer[0] == 'Y';
}

int64_t service_now_ms(void)
{
    struct clock_port clock = system_clock();
    return clock.wall_ms(clock.self);
}
