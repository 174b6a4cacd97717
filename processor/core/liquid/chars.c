#include "core/liquid/chars.h"

size_t utf8_size(struct span text)
{
    uint8_t first = (uint8_t)text.data[0];
    size_t size = first < 0x80   ? 1
                  : first < 0xC2 ? 0
                  : first < 0xE0 ? 2
                  : first < 0xF0 ? 3
                  : first < 0xF5 ? 4
                                 : 0;
    if (size <= 1 || size > text.size)
        return 1;
    for (size_t i = 1; i < size; i++)
        if (((uint8_t)text.data[i] & 0xC0) != 0x80)
            return 1;
    uint8_t second = (uint8_t)text.data[1];
    /* Overlong forms, surrogates and what lies past U+10FFFF are no characters. */
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
        return 1;
    return size;
}

size_t utf8_count(struct span text)
{
    size_t count = 0;
    for (size_t at = 0; at < text.size; count++)
        at += (uint8_t)text.data[at] < 0x80 ? 1 : utf8_size(span_slice(text, at, text.size));
    return count;
}

size_t utf8_offset(struct span text, size_t index)
{
    size_t at = 0;
    while (index > 0 && at < text.size) {
        at += (uint8_t)text.data[at] < 0x80 ? 1 : utf8_size(span_slice(text, at, text.size));
        index--;
    }
    return at;
}

bool utf8_is_valid(struct span text)
{
    for (size_t at = 0; at < text.size;) {
        size_t size = utf8_size(span_slice(text, at, text.size));
        if (size == 1 && (uint8_t)text.data[at] >= 0x80)
            return false;
        at += size;
    }
    return true;
}
