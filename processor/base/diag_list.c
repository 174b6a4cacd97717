#include "base/diag_list.h"

void diag_list_add(struct diag_list *list, struct span file, int line, int column, const char *format, ...)
{
    struct diag_item *item = ARENA_PUSH(list->arena, &list->items, &list->count, &list->capacity);
    va_list arguments;
    va_start(arguments, format);
    *item = (struct diag_item){
        .file = arena_copy(list->arena, file),
        .line = line,
        .column = column,
        .text = arena_vprintf(list->arena, format, arguments),
    };
    va_end(arguments);
}

static bool is_before(const struct diag_item *a, const struct diag_item *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

void diag_list_sort(struct diag_list *list, size_t first)
{
    for (size_t i = first + 1; i < list->count; i++) {
        struct diag_item item = list->items[i];
        size_t at = i;
        for (; at > first && is_before(&item, &list->items[at - 1]); at--)
            list->items[at] = list->items[at - 1];
        list->items[at] = item;
    }
}

void diag_item_print(const struct diag_item *item, struct buf *out)
{
    if (item->file.size > 0) {
        buf_append(out, item->file);
        if (item->line > 0)
            buf_printf(out, ":%d:%d", item->line, item->column);
        buf_append_text(out, ": ");
    } else if (item->line > 0) {
        buf_printf(out, "%d:%d: ", item->line, item->column);
    }
    buf_append(out, item->text);
    buf_append_byte(out, '\n');
}
