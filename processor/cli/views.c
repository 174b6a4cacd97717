#include "cli/views.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int views_partitions(const struct cli_call *call, const struct config *config, int32_t *first, int32_t *end)
{
    const char *text = cli_flag(call, "partition");
    *first = 0;
    *end = (int32_t)config->journal_partitions;
    if (text == NULL)
        return CLI_DONE;
    char *rest;
    long number = strtol(text, &rest, 10);
    if (rest == text || *rest != '\0' || number < 0 || number >= *end)
        return cli_usage(call, "--partition: expected a number from 0 to %d, found `%s`", (int)*end - 1,
                         text);
    *first = (int32_t)number;
    *end = *first + 1;
    return CLI_DONE;
}

void views_progress(int32_t done, int32_t all)
{
    if (all < 2 || !isatty(STDERR_FILENO))
        return;
    if (done == all)
        fputs("\r\033[K", stderr);
    else
        fprintf(stderr, "\rpartition %d of %d", (int)done + 1, (int)all);
}
