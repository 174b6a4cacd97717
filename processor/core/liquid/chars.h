/* Classes of bytes and steps through UTF-8, as the language needs them. */
#ifndef DECLIC_CORE_LIQUID_CHARS_H
#define DECLIC_CORE_LIQUID_CHARS_H

#include "base/span.h"

/* Ruby's \s. */
static inline bool char_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What Ruby's strip takes away: \s and NUL. */
static inline bool char_is_strippable(char c)
{
    return char_is_space(c) || c == '\0';
}

static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool char_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Ruby's \w. */
static inline bool char_is_word(char c)
{
    return char_is_letter(c) || char_is_digit(c) || c == '_';
}

static inline char char_to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline char char_to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

static inline struct span span_strip_left(struct span text)
{
    while (text.size > 0 && char_is_strippable(text.data[0]))
        text = span_slice(text, 1, text.size);
    return text;
}

static inline struct span span_strip_right(struct span text)
{
    while (text.size > 0 && char_is_strippable(text.data[text.size - 1]))
        text.size--;
    return text;
}

static inline struct span span_strip(struct span text)
{
    return span_strip_right(span_strip_left(text));
}

/* The size of the character at the start of a non-empty text; a byte that is no UTF-8 is one of its own. */
size_t utf8_size(struct span text);
/* Characters in `text`. */
size_t utf8_count(struct span text);
/* The byte at which character `index` begins; the text's size when it has no more. */
size_t utf8_offset(struct span text, size_t index);

#endif
