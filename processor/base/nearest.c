#include "base/nearest.h"

enum { MAX_BYTES = 63 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance (Levenshtein with swaps of neighbours), three rows at a time. */
static unsigned distance(struct span a, struct span b)
{
    unsigned rows[3][MAX_BYTES + 1];
    for (size_t j = 0; j <= b.size; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.size; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.size; j++) {
            bool same = a.data[i - 1] == b.data[j - 1];
            row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a.size % 3][b.size];
}

static const char *name_at(const char *const *first, size_t stride, size_t row)
{
    return *(const char *const *)((const char *)first + row * stride);
}

static int nearest_row(struct span text, const char *const *first, size_t stride, size_t count)
{
    int nearest = -1;
    unsigned best = text.size < 6 ? 1 : (unsigned)(text.size / 3);
    if (text.size == 0 || text.size > MAX_BYTES)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct span word = span_from_text(name_at(first, stride, i));
        if (word.size > MAX_BYTES)
            continue;
        unsigned found = distance(text, word);
        if (found < best || (found == best && nearest < 0)) {
            best = found;
            nearest = (int)i;
        }
    }
    return nearest;
}

int nearest_word(struct span text, const char *const *words, size_t count)
{
    return nearest_row(text, words, sizeof *words, count);
}

const char *nearest_name(struct span text, const char *const *first, size_t stride, size_t count)
{
    int nearest = nearest_row(text, first, stride, count);
    return nearest < 0 ? NULL : name_at(first, stride, (size_t)nearest);
}
