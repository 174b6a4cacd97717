#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/lines.h"
#include "codec/eval_json.h"
#include "icu/icu_locale.h"

static void answer(void *self, struct span line, struct arena *arena, struct buf *out)
{
    eval_json_line(line, self, arena, out);
}

static int run(const struct cli_call *call)
{
    struct locale_port locale = {0};
    (void)call;
    if (icu_locale_open(&locale) != ERR_OK) {
        fprintf(stderr, "declic eval: ICU's data cannot be loaded; time zones would be missing\n");
        return CLI_UNREACHABLE;
    }
    enum err error = lines_run(STDIN_FILENO, STDOUT_FILENO, answer, &locale);
    icu_locale_close(&locale);
    if (error != ERR_OK) {
        fprintf(stderr, "declic eval: standard input or output: %s\n", err_sentence(error));
        return CLI_UNREACHABLE;
    }
    return CLI_DONE;
}

const struct cli_command cli_eval = {
    .name = "eval",
    .arguments = "",
    .summary = "Evaluate expressions: JSON lines in, JSON lines out.",
    .help = "Reads lines {\"expr\": \"x + 1\", \"vars\": {\"x\": 41}} from standard input and answers each "
            "with\n"
            "{\"value\":42} or {\"error\":\"…\"}.",
    .run = run,
};
