#include "cli/lines.h"
#include "codec/eval_json.h"

static void answer(void *self, struct span line, struct arena *arena, struct buf *out)
{
    eval_json_line(line, self, arena, out);
}

static int run(const struct cli_call *call)
{
    return lines_command(call, answer);
}

const struct cli_command cli_eval = {
    .name = "eval",
    .arguments = "",
    .summary = "Evaluate expressions: JSON lines in, JSON lines out.",
    .help = "Reads lines {\"expr\": \"x + 1\", \"vars\": {\"x\": 41}} from standard input and answers\n"
            "each with {\"value\":42} or {\"error\":\"…\"}.",
    .run = run,
};
