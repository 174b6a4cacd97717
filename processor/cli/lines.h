/* Commands that answer lines: standard input line by line, an answer to each. */
#ifndef DECLIC_CLI_LINES_H
#define DECLIC_CLI_LINES_H

#include "base/arena.h"
#include "base/buf.h"

/* Appends the answer to `line` (without its newline), with a newline, to `out`. `arena` is empty at each
 * call. */
typedef void lines_answer(void *self, struct span line, struct arena *arena, struct buf *out);

/* Reads `in` to its end and writes to `out` the answer to each line, also an empty one, and to a last line
 * without a newline. Answers go out whenever the input has no complete line left, so that a caller may ask
 * and wait. ERR_IO when reading or writing fails. */
WARN_UNUSED enum err lines_run(int in, int out, lines_answer *answer, void *self);

#endif
