#include "cli/eval.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/lines.h"
#include "codec/eval_json.h"
#include "icu/icu_locale.h"

static void answer(void *self, struct span line, struct arena *arena, struct buf *out)
{
    eval_json_line(line, self, arena, out);
}

int cli_eval(int argc, char **argv)
{
    if (argc > 1) {
        fprintf(stderr,
                "declic eval: unexpected argument '%s'\n"
                "usage: declic eval   (reads lines {\"expr\": \"x + 1\", \"vars\": {\"x\": 41}}, writes "
                "{\"value\":42} "
                "or {\"error\":\"…\"})\n",
                argv[1]);
        return 2;
    }
    struct locale_port locale = {0};
    if (icu_locale_open(&locale) != ERR_OK) {
        fprintf(stderr, "declic eval: ICU's data cannot be loaded; time zones would be missing\n");
        return 3;
    }
    enum err error = lines_run(STDIN_FILENO, STDOUT_FILENO, answer, &locale);
    icu_locale_close(&locale);
    if (error != ERR_OK) {
        fprintf(stderr, "declic eval: standard input or output: %s\n", err_sentence(error));
        return 3;
    }
    return 0;
}
