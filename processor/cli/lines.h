/* Commands that answer lines: standard input line by line, an answer to each on standard output. */
#ifndef DECLIC_CLI_LINES_H
#define DECLIC_CLI_LINES_H

#include "cli/cli.h"

/* Appends the answer to `line` (without its newline), with a newline, to `out`. `arena` is empty at each
 * call. */
typedef void lines_answer(void *self, struct span line, struct arena *arena, struct buf *out);

/* Reads `in` to its end and writes to `out` the answer to each line, also an empty one, and to a last line
 * without a newline. Answers go out whenever the input has no complete line left, so that a caller may ask
 * and wait. ERR_IO when reading or writing fails. */
WARN_UNUSED enum err lines_run(int in, int out, lines_answer *answer, void *self);

/* The whole of a command that answers lines; `self` of `answer` is a struct locale_port. Returns the exit
 * code. */
int lines_command(const struct cli_call *call, lines_answer *answer);

#endif
