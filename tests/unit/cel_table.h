/* Tables of expressions, shared by the CEL tests: tests/unit/cel/NAME.cel.
 *
 * A line is `expression // result`; a line that begins with # is a comment, one that begins with `vars `
 * has the variables of the lines after it as a JSON object.
 */
#ifndef DECLIC_TESTS_UNIT_CEL_TABLE_H
#define DECLIC_TESTS_UNIT_CEL_TABLE_H

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/span.h"

struct cel_case {
    const char *file;
    int line;
    struct span vars; /* JSON */
    struct span expression;
    struct span expected;
};

static inline struct span cel_table_read_file(const char *path)
{
    static struct buf contents;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    buf_clear(&contents);
    size_t size;
    while ((size = fread(buf_reserve(&contents, 65536), 1, 65536, file)) > 0)
        contents.size += size;
    fclose(file);
    return buf_span(&contents);
}

/* The last " // " of the line splits it; false when there is none. */
static inline bool cel_table_split(struct span line, struct cel_case *found)
{
    for (size_t at = line.size; at >= 4; at--) {
        if (memcmp(line.data + at - 4, " // ", 4) == 0) {
            found->expression = span_slice(line, 0, at - 4);
            found->expected = span_slice(line, at, line.size);
            return true;
        }
    }
    return false;
}

/* Calls `check` for each case of a table; everything it gets is valid during the call. Returns how many. */
static inline int cel_table_each(const char *name, void (*check)(const struct cel_case *))
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/unit/cel/%s.cel", DECLIC_SOURCE_DIR, name);
    struct span rest = cel_table_read_file(path);
    struct cel_case current = {.file = name, .vars = SPAN_LITERAL("{}")};
    int count = 0;
    while (rest.size != 0) {
        const char *end = memchr(rest.data, '\n', rest.size);
        struct span line = span_slice(rest, 0, end == NULL ? rest.size : (size_t)(end - rest.data));
        rest = span_slice(rest, line.size + (end != NULL), rest.size);
        current.line += 1;
        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (span_starts_with(line, SPAN_LITERAL("vars "))) {
            current.vars = span_slice(line, 5, line.size);
            continue;
        }
        if (!cel_table_split(line, &current))
            fail_msg("%s.cel:%d: no ` // ` in the line", name, current.line);
        check(&current);
        count += 1;
    }
    return count;
}

#endif
