/* "Did you mean …?": the known word that looks most like a mistyped one. */
#ifndef DECLIC_BASE_NEAREST_H
#define DECLIC_BASE_NEAREST_H

#include "base/span.h"

/* The index of the word with the least edit distance to `text` (insert, delete, replace, swap of
 * neighbours), the first of equals; -1 when none is within a third of the text's length, at least 1. Words
 * and texts over 63 bytes are never near. */
int nearest_word(struct span text, const char *const *words, size_t count);

#endif
