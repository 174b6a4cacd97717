/* Bytes that somebody else owns: a pointer and a length.
 *
 * Used for all text and bytes from outside, which are not NUL-terminated and may hold NUL bytes.
 * A span never owns; the function that hands one out says how long it lives.
 */
#ifndef DECLIC_BASE_SPAN_H
#define DECLIC_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *data;
    size_t size;
};

/* For printf: printf("%.*s", SPAN_PRINTF(s)). */
#define SPAN_PRINTF(s) (int)(s).size, (s).data
#define SPAN_LITERAL(text) ((struct span){(text), sizeof(text) - 1})

static inline struct span span_make(const void *data, size_t size)
{
    return (struct span){(const char *)data, size};
}

/* For text of our own only (literals, argv); bytes from outside bring their length. */
static inline struct span span_from_text(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* memcmp for equality alone. Most of what is compared are names of a few bytes, for which the call costs
 * more than the comparison; up to 16 bytes are two words that overlap. */
static inline bool span_bytes_equal(const char *a, const char *b, size_t size)
{
    if (size > 16)
        return memcmp(a, b, size) == 0;
    if (size >= 8) {
        uint64_t a_words[2], b_words[2];
        memcpy(&a_words[0], a, 8);
        memcpy(&b_words[0], b, 8);
        memcpy(&a_words[1], a + size - 8, 8);
        memcpy(&b_words[1], b + size - 8, 8);
        return ((a_words[0] ^ b_words[0]) | (a_words[1] ^ b_words[1])) == 0;
    }
    if (size >= 4) {
        uint32_t a_words[2], b_words[2];
        memcpy(&a_words[0], a, 4);
        memcpy(&b_words[0], b, 4);
        memcpy(&a_words[1], a + size - 4, 4);
        memcpy(&b_words[1], b + size - 4, 4);
        return ((a_words[0] ^ b_words[0]) | (a_words[1] ^ b_words[1])) == 0;
    }
    return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}

/* memcpy of a span, to where there is room for it; likewise. */
static inline void span_copy_to(char *to, struct span s)
{
    if (s.size > 16) {
        memcpy(to, s.data, s.size);
    } else if (s.size >= 8) {
        uint64_t words[2];
        memcpy(&words[0], s.data, 8);
        memcpy(&words[1], s.data + s.size - 8, 8);
        memcpy(to, &words[0], 8);
        memcpy(to + s.size - 8, &words[1], 8);
    } else if (s.size >= 4) {
        uint32_t words[2];
        memcpy(&words[0], s.data, 4);
        memcpy(&words[1], s.data + s.size - 4, 4);
        memcpy(to, &words[0], 4);
        memcpy(to + s.size - 4, &words[1], 4);
    } else if (s.size != 0) {
        char middle = s.data[s.size / 2], last = s.data[s.size - 1];
        to[0] = s.data[0];
        to[s.size / 2] = middle;
        to[s.size - 1] = last;
    }
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.data == b.data || span_bytes_equal(a.data, b.data, a.size));
}

static inline bool span_equal_text(struct span a, const char *text)
{
    return span_equal(a, span_from_text(text));
}

/* Order by bytes, shorter first where one is a prefix of the other; <0, 0, >0. */
static inline int span_compare(struct span a, struct span b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

static inline bool span_starts_with(struct span s, struct span prefix)
{
    return s.size >= prefix.size && (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

static inline struct span span_slice(struct span s, size_t from, size_t to)
{
    /* An empty span may have no address, and nothing may be added to that. */
    return (struct span){from == 0 ? s.data : s.data + from, to - from};
}

#endif
