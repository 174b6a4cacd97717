/* What changed between two texts, line by line, as `diff -u` shows it.
 */
#ifndef DECLIC_CLI_LINE_DIFF_H
#define DECLIC_CLI_LINE_DIFF_H

#include "base/arena.h"
#include "base/buf.h"

/* Appends the lines of both, each with ' ', '-' (only in a) or '+' (only in b) before it, leaving out
 * unchanged stretches but for `context` lines around changes ("..." stands for them). Nothing when they
 * are equal. Costs lines(a) x lines(b); longer than LINE_DIFF_MAX lines, all of a and all of b is shown. */
#define LINE_DIFF_MAX 3000
void line_diff(struct span a, struct span b, size_t context, struct arena *arena, struct buf *out);

#endif
