#include "cli/line_diff.h"

struct lines {
    struct span *list;
    size_t count;
};

/* One line of the result. */
struct row {
    char sign;
    struct span text;
};

static struct lines split(struct span text, struct arena *arena)
{
    struct lines lines = {0};
    size_t capacity = 0;
    while (text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end == NULL ? text.size : (size_t)(end - text.data);
        *ARENA_PUSH(arena, &lines.list, &lines.count, &capacity) = span_slice(text, 0, size);
        text = span_slice(text, end == NULL ? size : size + 1, text.size);
    }
    return lines;
}

/* Fills `rows` (room for all lines of both) by the longest common subsequence; returns how many. */
static size_t align(struct lines a, struct lines b, struct arena *arena, struct row *rows)
{
    /* common[i * width + j]: the longest common subsequence of a from i and b from j */
    size_t width = b.count + 1, count = 0, i = 0, j = 0;
    uint16_t *common = ARENA_ARRAY(arena, uint16_t, (a.count + 1) * width);
    for (i = a.count; i-- > 0;)
        for (j = b.count; j-- > 0;) {
            uint16_t down = common[(i + 1) * width + j], right = common[i * width + j + 1];
            common[i * width + j] = span_equal(a.list[i], b.list[j])
                                        ? (uint16_t)(common[(i + 1) * width + j + 1] + 1)
                                    : down >= right ? down
                                                    : right;
        }
    i = j = 0;
    while (i < a.count || j < b.count) {
        if (i < a.count && j < b.count && span_equal(a.list[i], b.list[j])) {
            rows[count++] = (struct row){' ', a.list[i++]};
            j++;
        } else if (j == b.count ||
                   (i < a.count && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
            rows[count++] = (struct row){'-', a.list[i++]};
        } else {
            rows[count++] = (struct row){'+', b.list[j++]};
        }
    }
    return count;
}

static bool near_change(const struct row *rows, size_t count, size_t at, size_t context)
{
    size_t from = at > context ? at - context : 0, to = at + context < count ? at + context + 1 : count;
    for (size_t i = from; i < to; i++)
        if (rows[i].sign != ' ')
            return true;
    return false;
}

void line_diff(struct span a, struct span b, size_t context, struct arena *arena, struct buf *out)
{
    struct lines from = split(a, arena), to = split(b, arena);
    struct row *rows = ARENA_ARRAY(arena, struct row, from.count + to.count);
    size_t count = 0;
    if (from.count <= LINE_DIFF_MAX && to.count <= LINE_DIFF_MAX) {
        count = align(from, to, arena, rows);
    } else if (!span_equal(a, b)) {
        for (size_t i = 0; i < from.count; i++)
            rows[count++] = (struct row){'-', from.list[i]};
        for (size_t i = 0; i < to.count; i++)
            rows[count++] = (struct row){'+', to.list[i]};
    }
    bool skipped = false;
    for (size_t i = 0; i < count; i++) {
        if (near_change(rows, count, i, context)) {
            if (skipped)
                buf_append_text(out, "...\n");
            buf_printf(out, "%c%.*s\n", rows[i].sign, SPAN_PRINTF(rows[i].text));
        }
        skipped = !near_change(rows, count, i, context);
    }
}
