#include "core/liquid/chars.h"

#include "base/utf8.h"

size_t utf8_size(struct span text)
{
    size_t size = utf8_sequence(text.data, text.data + text.size);
    return size == 0 ? 1 : size;
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
