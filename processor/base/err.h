/* Errors.
 *
 * One enum for the whole program. A function that can fail returns it and is WARN_UNUSED; what a
 * person needs beside it (file, line, topic, offset) is formatted once, at the edge, with
 * `struct diag`.
 */
#ifndef DECLIC_BASE_ERR_H
#define DECLIC_BASE_ERR_H

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first) __attribute__((format(printf, format_index, first)))

enum err {
#define ERR(name, sentence) ERR_##name,
#include "base/err.def"
#undef ERR
    ERR_COUNT
};

/* The sentence of err.def for `error`; never NULL. */
const char *err_sentence(enum err error);

/* A message for a person about a place in a text. `line` and `column` count from 1 (columns in
 * code points); 0 means "no place". `text` is NUL-terminated, cut when too long. */
struct diag {
    int line;
    int column;
    char text[384];
};

/* Fills *diag (which may be NULL) and returns `error`, so that one can write
 * `return diag_set(diag, ERR_SYNTAX, line, column, "expected …")`. */
enum err diag_set(struct diag *diag, enum err error, int line, int column, const char *format, ...)
    PRINTF_LIKE(5, 6);

#endif
