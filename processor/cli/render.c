#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/lines.h"
#include "codec/render_json.h"
#include "icu/icu_locale.h"

static int64_t wall_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void answer(void *self, struct span line, struct arena *arena, struct buf *out)
{
    render_json_line(line, self, wall_clock_ms(), arena, out);
}

static int run(const struct cli_call *call)
{
    struct locale_port locale = {0};
    (void)call;
    if (icu_locale_open(&locale) != ERR_OK) {
        fprintf(stderr, "declic render: ICU's data cannot be loaded: install it (package libicu)\n");
        return CLI_UNREACHABLE;
    }
    enum err error = lines_run(STDIN_FILENO, STDOUT_FILENO, answer, &locale);
    icu_locale_close(&locale);
    if (error != ERR_OK) {
        fprintf(stderr, "declic render: standard input or output: %s\n", err_sentence(error));
        return CLI_UNREACHABLE;
    }
    return CLI_DONE;
}

const struct cli_command cli_render = {
    .name = "render",
    .arguments = "",
    .summary = "Render templates: JSON lines in, JSON lines out.",
    .help =
        "Reads lines {\"template\": \"Hi {{ name }}\", \"vars\": {\"name\": \"Ada\"}} from standard input "
        "and "
        "answers\n"
        "each with {\"output\":\"Hi Ada\"} or {\"error\":\"…\"}. Also taken: \"html\" (true: outputs are "
        "escaped) and\n"
        "\"templates\" (snippets by name).",
    .run = run,
};
