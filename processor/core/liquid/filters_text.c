/* Filters that take text apart and put it together. Lengths and places count characters. */
#include "core/liquid/chars.h"
#include "core/liquid/filter_common.h"
#include "core/liquid/filters.h"

/* The input as text, its reading paid for. */
static struct span take_text(struct run *run, struct value value)
{
    struct span text = run_to_text(run, value);
    run_charge_bytes(run, text.size);
    return text;
}

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((uint8_t)text.data[i] >= 0x80)
            return false;
    return true;
}

static struct span map_case(struct run *run, struct span text, enum locale_case how)
{
    if (!is_ascii(text)) {
        run_reserve_memory(run, text.size * 3);
        run_charge_unicode(run, text.size);
        const struct locale_port *port = run->context->locale_port;
        return port->map_case(port->self, text, how, run->arena);
    }
    char *mapped = run_alloc(run, text.size, 1);
    for (size_t i = 0; i < text.size; i++)
        mapped[i] = how == LOCALE_UPPER ? char_to_upper(text.data[i]) : char_to_lower(text.data[i]);
    return span_make(mapped, text.size);
}

FILTER_FUNCTION(upcase)
{
    NO_ARGUMENTS;
    return value_string(map_case(run, take_text(run, input), LOCALE_UPPER));
}

FILTER_FUNCTION(downcase)
{
    NO_ARGUMENTS;
    return value_string(map_case(run, take_text(run, input), LOCALE_LOWER));
}

/* The first character in title case ("ß" gives "Ss"), the rest in lower case. */
FILTER_FUNCTION(capitalize)
{
    NO_ARGUMENTS;
    struct span text = take_text(run, input);
    struct text result = {0};
    size_t first = utf8_offset(text, 1);
    struct span upper = map_case(run, span_slice(text, 0, first), LOCALE_UPPER);
    size_t title = utf8_offset(upper, 1);
    text_append(run, &result, span_slice(upper, 0, title));
    text_append(run, &result, map_case(run, span_slice(upper, title, upper.size), LOCALE_LOWER));
    text_append(run, &result, map_case(run, span_slice(text, first, text.size), LOCALE_LOWER));
    return text_value(&result);
}

FILTER_FUNCTION(append)
{
    struct text result = {0};
    text_append(run, &result, take_text(run, input));
    text_append(run, &result, take_text(run, ARGUMENT(0)));
    return text_value(&result);
}

FILTER_FUNCTION(prepend)
{
    struct text result = {0};
    text_append(run, &result, take_text(run, ARGUMENT(0)));
    text_append(run, &result, take_text(run, input));
    return text_value(&result);
}

FILTER_FUNCTION(strip)
{
    NO_ARGUMENTS;
    return value_string(span_strip(take_text(run, input)));
}

FILTER_FUNCTION(lstrip)
{
    NO_ARGUMENTS;
    return value_string(span_strip_left(take_text(run, input)));
}

FILTER_FUNCTION(rstrip)
{
    NO_ARGUMENTS;
    return value_string(span_strip_right(take_text(run, input)));
}

FILTER_FUNCTION(squish)
{
    NO_ARGUMENTS;
    if (input.kind == VALUE_NULL)
        return input;
    struct span text = span_strip(take_text(run, input));
    char *squished = run_alloc(run, text.size, 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!char_is_space(text.data[i]))
            squished[size++] = text.data[i];
        else if (!char_is_space(text.data[i - 1]))
            squished[size++] = ' ';
    }
    return value_string(span_make(squished, size));
}

/* Copies the text with `with` in place of each line end. */
static struct value replace_line_ends(struct run *run, struct value input, struct span with)
{
    struct span text = take_text(run, input);
    struct text result = {0};
    size_t from = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '\n')
            continue;
        size_t end = i > from && text.data[i - 1] == '\r' ? i - 1 : i;
        text_append(run, &result, span_slice(text, from, end));
        text_append(run, &result, with);
        from = i + 1;
    }
    text_append(run, &result, span_slice(text, from, text.size));
    return text_value(&result);
}

FILTER_FUNCTION(strip_newlines)
{
    NO_ARGUMENTS;
    return replace_line_ends(run, input, SPAN_LITERAL(""));
}

FILTER_FUNCTION(newline_to_br)
{
    NO_ARGUMENTS;
    return replace_line_ends(run, input, SPAN_LITERAL("<br />\n"));
}

static size_t find_text(struct span text, size_t from, struct span part)
{
    if (from > text.size || part.size > text.size - from)
        return SIZE_MAX;
    if (part.size == 0)
        return from;
    const char *at = memmem(text.data + from, text.size - from, part.data, part.size);
    return at == NULL ? SIZE_MAX : (size_t)(at - text.data);
}

static size_t find_text_last(struct span text, struct span part)
{
    if (part.size > text.size)
        return SIZE_MAX;
    for (size_t at = text.size - part.size + 1; at > 0; at--)
        if (memcmp(text.data + at - 1, part.data, part.size) == 0)
            return at - 1;
    return SIZE_MAX;
}

/* Appends a replacement in which, as in Ruby's gsub, \0 and \& are the match, \` and \' what stands
 * before and after it, \1 to \9 nothing, and \\ a backslash. */
static void append_replacement(struct run *run, struct text *result, struct span with, struct span text,
                               size_t at, size_t size)
{
    size_t from = 0;
    for (size_t i = 0; i + 1 < with.size; i++) {
        if (with.data[i] != '\\')
            continue;
        char code = with.data[i + 1];
        bool known = char_is_digit(code) || code == '&' || code == '`' || code == '\'' || code == '\\';
        if (!known)
            continue;
        text_append(run, result, span_slice(with, from, i));
        if (code == '0' || code == '&')
            text_append(run, result, span_slice(text, at, at + size));
        else if (code == '`')
            text_append(run, result, span_slice(text, 0, at));
        else if (code == '\'')
            text_append(run, result, span_slice(text, at + size, text.size));
        else if (code == '\\')
            text_append(run, result, SPAN_LITERAL("\\"));
        from = i + 2;
        i++;
    }
    text_append(run, result, span_slice(with, from, with.size));
}

/* An empty part is found before every character and at the end. */
static struct value replace_some(struct run *run, struct value input, struct span part, struct span with,
                                 bool all)
{
    struct span text = take_text(run, input);
    struct text result = {0};
    size_t from = 0;
    size_t search = 0;
    size_t at;
    while ((at = find_text(text, search, part)) != SIZE_MAX) {
        run_charge_bytes(run, 8);
        text_append(run, &result, span_slice(text, from, at));
        append_replacement(run, &result, with, text, at, part.size);
        from = at + part.size;
        search = from;
        if (part.size == 0 && at < text.size)
            search += utf8_size(span_slice(text, at, text.size));
        if (!all || (part.size == 0 && at == text.size))
            break;
    }
    text_append(run, &result, span_slice(text, from, text.size));
    return text_value(&result);
}

FILTER_FUNCTION(replace)
{
    struct span part = take_text(run, ARGUMENT(0));
    return replace_some(run, input, part, take_text(run, ARGUMENT(1)), true);
}

FILTER_FUNCTION(replace_first)
{
    struct span part = take_text(run, ARGUMENT(0));
    return replace_some(run, input, part, take_text(run, ARGUMENT(1)), false);
}

static struct value replace_at_last(struct run *run, struct value input, struct span part, struct span with)
{
    struct span text = take_text(run, input);
    struct text result = {0};
    size_t at = find_text_last(text, part);
    if (at == SIZE_MAX)
        return value_string(text);
    text_append(run, &result, span_slice(text, 0, at));
    text_append(run, &result, with);
    text_append(run, &result, span_slice(text, at + part.size, text.size));
    return text_value(&result);
}

FILTER_FUNCTION(replace_last)
{
    struct span part = take_text(run, ARGUMENT(0));
    return replace_at_last(run, input, part, take_text(run, ARGUMENT(1)));
}

FILTER_FUNCTION(remove)
{
    return replace_some(run, input, take_text(run, ARGUMENT(0)), SPAN_LITERAL(""), true);
}

FILTER_FUNCTION(remove_first)
{
    return replace_some(run, input, take_text(run, ARGUMENT(0)), SPAN_LITERAL(""), false);
}

FILTER_FUNCTION(remove_last)
{
    return replace_at_last(run, input, take_text(run, ARGUMENT(0)), SPAN_LITERAL(""));
}

/* Counts graphemes, so that no emoji or accented letter is cut in two. */
FILTER_FUNCTION(truncate)
{
    if (input.kind == VALUE_NULL)
        return input;
    const struct locale_port *port = run->context->locale_port;
    struct span text = take_text(run, input);
    int64_t length = count > 0 ? run_to_integer(run, arguments[0]) : 50;
    struct span ellipsis = count > 1 ? take_text(run, arguments[1]) : SPAN_LITERAL("...");
    if (length < 0)
        length = 0;
    if (length >= (int64_t)text.size)
        return value_string(text); /* no grapheme is shorter than a byte */
    size_t total;
    run_charge_unicode(run, text.size);
    port->grapheme_prefix(port->self, text, (size_t)length, &total);
    if (total <= (size_t)length)
        return value_string(text);
    size_t taken;
    port->grapheme_prefix(port->self, ellipsis, ellipsis.size, &taken);
    size_t kept = (size_t)length > taken ? (size_t)length - taken : 0;
    struct text result = {0};
    text_append(run, &result, span_slice(text, 0, port->grapheme_prefix(port->self, text, kept, NULL)));
    text_append(run, &result, ellipsis);
    return text_value(&result);
}

/* Moves *at past white space and one word; returns the word, empty at the end. */
static struct span next_word(struct span text, size_t *at)
{
    while (*at < text.size && char_is_strippable(text.data[*at]))
        *at += 1;
    size_t from = *at;
    while (*at < text.size && !char_is_strippable(text.data[*at]))
        *at += 1;
    return span_slice(text, from, *at);
}

FILTER_FUNCTION(truncatewords)
{
    if (input.kind == VALUE_NULL)
        return input;
    struct span text = take_text(run, input);
    int64_t words = count > 0 ? run_to_integer(run, arguments[0]) : 15;
    struct span ellipsis = count > 1 ? take_text(run, arguments[1]) : SPAN_LITERAL("...");
    struct text result = {0};
    size_t at = 0;
    for (int64_t i = 0; i < (words <= 0 ? 1 : words); i++) {
        struct span word = next_word(text, &at);
        if (word.size == 0)
            return value_string(text);
        if (i > 0)
            text_append(run, &result, SPAN_LITERAL(" "));
        text_append(run, &result, word);
    }
    if (next_word(text, &at).size == 0)
        return value_string(text);
    text_append(run, &result, ellipsis);
    return text_value(&result);
}

struct piece_list {
    struct value *items;
    size_t count;
    size_t capacity;
};

static void add_piece(struct run *run, struct piece_list *list, struct span piece)
{
    run_charge_bytes(run, 16);
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        struct value *items = RUN_ARRAY(run, struct value, capacity);
        if (list->count != 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = value_string(piece);
}

/* Ruby's split: a single space splits at white space, an empty separator between characters; empty
 * pieces at the end are dropped. */
FILTER_FUNCTION(split)
{
    struct span separator = take_text(run, ARGUMENT(0));
    struct span text = take_text(run, input);
    struct piece_list list = {0};
    size_t at = 0;
    if (separator.size == 1 && separator.data[0] == ' ') {
        struct span word;
        while ((word = next_word(text, &at)).size > 0)
            add_piece(run, &list, word);
        return value_list(list.items, list.count);
    }
    while (separator.size == 0 && at < text.size) {
        size_t size = utf8_size(span_slice(text, at, text.size));
        add_piece(run, &list, span_slice(text, at, at + size));
        at += size;
    }
    size_t found;
    while (separator.size > 0 && (found = find_text(text, at, separator)) != SIZE_MAX) {
        add_piece(run, &list, span_slice(text, at, found));
        at = found + separator.size;
    }
    if (at < text.size)
        add_piece(run, &list, span_slice(text, at, text.size));
    while (list.count > 0 && list.items[list.count - 1].size == 0)
        list.count--;
    return value_list(list.items, list.count);
}

/* Where a slice begins and ends within `total` items, as Ruby cuts; false: nothing there. */
static bool slice_bounds(int64_t offset, int64_t length, int64_t total, int64_t *from, int64_t *to)
{
    if (offset < 0)
        offset += total;
    if (offset < 0 || offset > total || length < 0)
        return false;
    *from = offset;
    *to = length > total - offset ? total : offset + length;
    return true;
}

FILTER_FUNCTION(slice)
{
    int64_t offset = run_to_integer(run, arguments[0]);
    struct value given = ARGUMENT(1);
    int64_t length = value_is_true(given) ? run_to_integer(run, given) : 1;
    int64_t from;
    int64_t to;
    if (input.kind == VALUE_LIST) {
        if (!slice_bounds(offset, length, input.size, &from, &to))
            return value_list(NULL, 0);
        return value_list(input.items + from, (size_t)(to - from));
    }
    struct span text = take_text(run, input);
    if (!slice_bounds(offset, length, (int64_t)utf8_count(text), &from, &to))
        return value_string(span_make("", 0));
    return value_string(span_slice(text, utf8_offset(text, (size_t)from), utf8_offset(text, (size_t)to)));
}

/* Whole numbers have the size of a machine word, as in Ruby. */
FILTER_FUNCTION(size)
{
    NO_ARGUMENTS;
    switch (input.kind) {
    case VALUE_STRING:
        run_charge_bytes(run, input.size);
        return value_int((int64_t)utf8_count(value_span(input)));
    case VALUE_LIST:
    case VALUE_MAP:
        return value_int(input.size);
    case VALUE_INT:
        return value_int(8);
    case LIQUID_BIG:
        return value_int(16);
    case LIQUID_RANGE:
        return value_int(range_count(value_range(input)));
    default:
        return value_int(0);
    }
}
