#include "app/system_clock.h"
#include "cli/lines.h"
#include "codec/render_json.h"

static void answer(void *self, struct span line, struct arena *arena, struct buf *out)
{
    render_json_line(line, self, system_clock_wall_ms(), arena, out);
}

static int run(const struct cli_call *call)
{
    return lines_command(call, answer);
}

const struct cli_command cli_render = {
    .name = "render",
    .arguments = "",
    .summary = "Render templates: JSON lines in, JSON lines out.",
    .help =
        "Reads lines {\"template\": \"Hi {{ name }}\", \"vars\": {\"name\": \"Ada\"}} from standard\n"
        "input and answers each with {\"output\":\"Hi Ada\"} or {\"error\":\"…\"}. Also taken: \"html\"\n"
        "(true: outputs are escaped) and \"templates\" (snippets by name).",
    .run = run,
};
