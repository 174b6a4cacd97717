/* All that is wrong with some files, each with its place, in the order in which it is printed.
 *
 * Readers of campaigns, policy and configuration report everything they find, not only the first
 * thing: whoever mends a file wants to see the whole of it.
 */
#ifndef DECLIC_BASE_DIAG_LIST_H
#define DECLIC_BASE_DIAG_LIST_H

#include "base/arena.h"
#include "base/buf.h"

struct diag_item {
    struct span file; /* as the caller named it; empty: no file */
    int line, column; /* from 1, columns in code points; 0: no place */
    struct span text;
};

/* Lives in an arena that the caller chose. Zero-initialise with that arena: {.arena = &arena}. */
struct diag_list {
    struct arena *arena;
    struct diag_item *items;
    size_t count;
    size_t capacity;
};

/* Copies everything. */
void diag_list_add(struct diag_list *list, struct span file, int line, int column, const char *format, ...)
    PRINTF_LIKE(5, 6);

/* Sorts the items from index `first` on by line and column; equal places stay in the order added. */
void diag_list_sort(struct diag_list *list, size_t first);

/* Appends one line: "FILE:LINE:COLUMN: text\n"; a file, or a line and column, that there is not is
 * left out. */
void diag_item_print(const struct diag_item *item, struct buf *out);

#endif
