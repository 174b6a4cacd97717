/* "Did you mean …?": the known word that looks most like a mistyped one. */
#ifndef DECLIC_BASE_NEAREST_H
#define DECLIC_BASE_NEAREST_H

#include "base/span.h"

/* The index of the word with the least edit distance to `text` (insert, delete, replace, swap of
 * neighbours), the first of equals; -1 when none is within a third of the text's length, at least 1. Words
 * and texts over 63 bytes are never near. */
int nearest_word(struct span text, const char *const *words, size_t count);

/* Likewise among the names that stand in a table: `first` is the name of its first row, each row has
 * `stride` bytes. NULL: none is near. */
const char *nearest_name(struct span text, const char *const *first, size_t stride, size_t count);

#endif
