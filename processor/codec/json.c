#include "codec/json.h"

#include <stdio.h>

#include "codec/json_reader.h"

/* Up to this many members, names are compared with each other; beyond it they are sorted. */
#define LINEAR_MEMBERS 32

static_assert(sizeof(struct value_member) == 2 * sizeof(struct value), "members are pairs of values");

const struct json_limits json_limits_document = {
    .bytes = 64u << 20, .depth = 64, .entries = 4u << 20, .string_bytes = 64u << 20};

const char *json_fail(struct json_reader *reader, enum err error, const char *where, const char *sentence)
{
    int line = 1;
    int column = 1;
    for (const char *at = reader->begin; at < where; at++) {
        if (*at == '\n') {
            line++;
            column = 1;
        } else if ((*at & 0xC0) != 0x80) {
            column++;
        }
    }
    reader->error = diag_set(reader->diag, error, line, column, "%s", sentence);
    return NULL;
}

const char *json_fail_limit(struct json_reader *reader, const char *where, const char *what, size_t limit)
{
    char sentence[96];
    snprintf(sentence, sizeof sentence, "more than %zu %s", limit, what);
    return json_fail(reader, ERR_LIMIT, where, sentence);
}

static inline const char *skip_space(const char *at)
{
    if (*at > ' ')
        return at;
    while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

static const char *read_value(struct json_reader *reader, const char *at, struct value *value);

static void grow_stack(struct json_reader *reader)
{
    struct value *larger = ARENA_ARRAY(reader->arena, struct value, reader->capacity * 2);
    memcpy(larger, reader->stack, reader->top * sizeof *larger);
    reader->stack = larger;
    reader->capacity *= 2;
}

/* Room for `count` values, which are on the stack from now on. */
static inline struct value *push(struct json_reader *reader, size_t count)
{
    if (reader->capacity - reader->top < count)
        grow_stack(reader);
    reader->top += count;
    return &reader->stack[reader->top - count];
}

/* Steps over an opening bracket. */
static const char *enter(struct json_reader *reader, const char *at)
{
    if (reader->depth_left == 0)
        return json_fail_limit(reader, at, "levels of lists and maps",
                               reader->limits->depth < JSON_DEPTH_MAX ? reader->limits->depth
                                                                      : JSON_DEPTH_MAX);
    reader->depth_left--;
    return skip_space(at + 1);
}

static const char *fail_entries(struct json_reader *reader, const char *at)
{
    return json_fail_limit(reader, at, "entries (members and elements)", reader->limits->entries);
}

static const char *fail_entry_end(struct json_reader *reader, const char *at, char closing)
{
    if (at == reader->end)
        return json_fail(reader, ERR_SYNTAX, at, "the text ends inside a list or map");
    return json_fail(reader, ERR_SYNTAX, at,
                     closing == ']' ? "expected ',' or ']'" : "expected ',' or '}'");
}

/* After an entry: steps over a comma (*more stays true) or the closing bracket. */
static inline const char *end_entry(struct json_reader *reader, const char *at, char closing, bool *more)
{
    at = skip_space(at);
    if (*at == ',')
        return skip_space(at + 1);
    *more = false;
    return *at == closing ? at + 1 : fail_entry_end(reader, at, closing);
}

static const char *read_list(struct json_reader *reader, const char *at, struct value *list)
{
    at = enter(reader, at);
    if (at == NULL)
        return NULL;
    size_t base = reader->top;
    bool more = *at != ']';
    if (!more)
        at++;
    while (more) {
        if (reader->entries_left-- == 0)
            return fail_entries(reader, at);
        struct value item;
        at = read_value(reader, at, &item);
        if (at == NULL)
            return NULL;
        *push(reader, 1) = item;
        at = end_entry(reader, at, ']', &more);
        if (at == NULL)
            return NULL;
    }
    size_t count = reader->top - base;
    struct value *items = arena_alloc_aligned(reader->arena, count * sizeof *items, alignof(struct value));
    memcpy(items, reader->stack + base, count * sizeof *items);
    *list = value_list(items, count);
    reader->top = base;
    reader->depth_left++;
    return at;
}

static bool same_name(struct value a, struct value b)
{
    return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

/* Remembers one bit of each name of a map; false: surely none so far was the same. An empty name is
 * followed by its quote, so there always is a first byte. */
static inline bool is_maybe_repeated(const struct value *name, uint64_t *signatures)
{
    uint64_t bit = (uint64_t)1 << ((8 * name->size + (unsigned char)name->bytes[0]) & 63);
    bool maybe = (*signatures & bit) != 0;
    *signatures |= bit;
    return maybe;
}

/* Where the last-read member (its name and value are the two topmost values) repeats an earlier
 * name, its value takes the earlier one's place. */
static void merge_last(struct json_reader *reader, size_t base)
{
    struct value *last = &reader->stack[reader->top - 2];
    for (struct value *member = &reader->stack[base]; member < last; member += 2) {
        if (same_name(member[0], last[0])) {
            member[1] = last[1];
            reader->top -= 2;
            return;
        }
    }
}

static bool name_precedes(const struct value_member *members, uint32_t a, uint32_t b)
{
    int order = span_compare(value_span(members[a].key), value_span(members[b].key));
    return order != 0 ? order < 0 : a < b;
}

/* A bottom-up merge sort of member indices by name, then place: no worst case that a hostile map
 * could provoke. Returns the sorted half of `order`, which has room for 2 * count. */
static uint32_t *sort_names(const struct value_member *members, uint32_t *order, uint32_t count)
{
    uint32_t *from = order;
    uint32_t *to = order + count;
    for (uint32_t i = 0; i < count; i++)
        from[i] = i;
    for (uint64_t width = 1; width < count; width *= 2) {
        for (uint64_t start = 0; start < count; start += 2 * width) {
            uint64_t middle = start + width < count ? start + width : count;
            uint64_t end = start + 2 * width < count ? start + 2 * width : count;
            uint64_t left = start, right = middle;
            for (uint64_t out = start; out < end; out++) {
                bool take_left =
                    left < middle && (right >= end || name_precedes(members, from[left], from[right]));
                to[out] = take_left ? from[left++] : from[right++];
            }
        }
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

/* As merge_last, for all members of a large map at once; returns how many are left. */
static size_t merge_sorted(struct arena *arena, struct value_member *members, size_t count)
{
    struct arena_mark mark = arena_mark(arena);
    uint32_t *order = ARENA_ARRAY(arena, uint32_t, 2 * count);
    uint32_t *sorted = sort_names(members, order, (uint32_t)count);
    for (size_t i = 0; i < count;) {
        uint32_t first = sorted[i];
        for (i++; i < count && same_name(members[first].key, members[sorted[i]].key); i++) {
            members[first].value = members[sorted[i]].value;
            members[sorted[i]].key.kind = VALUE_NULL; /* marked for removal */
        }
    }
    arena_release(arena, mark);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (members[i].key.kind != VALUE_NULL)
            members[kept++] = members[i];
    return kept;
}

static inline const char *read_member(struct json_reader *reader, const char *at)
{
    struct value name;
    struct value value;
    if (reader->entries_left-- == 0)
        return fail_entries(reader, at);
    if (*at != '"')
        return json_fail(reader, ERR_SYNTAX, at, "expected a name in double quotes");
    at = json_read_string(reader, at, &name);
    if (at == NULL)
        return NULL;
    at = skip_space(at);
    if (*at != ':')
        return json_fail(reader, ERR_SYNTAX, at, "expected ':'");
    at = skip_space(at + 1);
    at = *at == '"' ? json_read_string(reader, at, &value) : read_value(reader, at, &value);
    if (at == NULL)
        return NULL;
    struct value *pair = push(reader, 2);
    pair[0] = name;
    pair[1] = value;
    return at;
}

static const char *read_map(struct json_reader *reader, const char *at, struct value *map)
{
    at = enter(reader, at);
    if (at == NULL)
        return NULL;
    size_t base = reader->top;
    size_t read = 0;
    uint64_t signatures = 0;
    bool more = *at != '}';
    if (!more)
        at++;
    while (more) {
        at = read_member(reader, at);
        if (at == NULL)
            return NULL;
        if (++read <= LINEAR_MEMBERS && is_maybe_repeated(&reader->stack[reader->top - 2], &signatures))
            merge_last(reader, base);
        at = end_entry(reader, at, '}', &more);
        if (at == NULL)
            return NULL;
    }
    size_t count = (reader->top - base) / 2;
    struct value_member *members =
        arena_alloc_aligned(reader->arena, count * sizeof *members, alignof(struct value_member));
    memcpy(members, reader->stack + base, count * sizeof *members);
    if (read > LINEAR_MEMBERS)
        count = merge_sorted(reader->arena, members, count);
    *map = value_map(members, count);
    reader->top = base;
    reader->depth_left++;
    return at;
}

static const char *read_word(struct json_reader *reader, const char *at, struct span word,
                             struct value meaning, struct value *value)
{
    if (memcmp(at, word.data, word.size) != 0) /* may look at the padding */
        return json_fail(reader, ERR_SYNTAX, at, "expected a value");
    *value = meaning;
    return at + word.size;
}

static const char *read_value(struct json_reader *reader, const char *at, struct value *value)
{
    switch (*at) {
    case '"':
        return json_read_string(reader, at, value);
    case '{':
        return read_map(reader, at, value);
    case '[':
        return read_list(reader, at, value);
    case 't':
        return read_word(reader, at, SPAN_LITERAL("true"), value_bool(true), value);
    case 'f':
        return read_word(reader, at, SPAN_LITERAL("false"), value_bool(false), value);
    case 'n':
        return read_word(reader, at, SPAN_LITERAL("null"), value_null(), value);
    default:
        return json_read_number(reader, at, value);
    }
}

/* The text with padding behind it. */
static const char *copy_padded(struct arena *arena, struct span text)
{
    char *copy = arena_alloc_aligned(arena, text.size + JSON_PADDING_BYTES, 1);
    if (text.size != 0)
        memcpy(copy, text.data, text.size);
    memset(copy + text.size, 0, JSON_PADDING_BYTES);
    return copy;
}

enum err json_parse(struct span text, const struct json_limits *limits, struct arena *arena,
                    struct value *value, struct diag *diag)
{
    struct json_reader reader; /* `first` stays uninitialised on purpose: it is larger than most records */
    reader.begin = text.data;
    reader.arena = arena;
    reader.stack = reader.first;
    reader.top = 0;
    reader.capacity = JSON_STACK_VALUES;
    reader.limits = limits == NULL ? &json_limits_document : limits;
    reader.entries_left = reader.limits->entries;
    reader.depth_left = reader.limits->depth < JSON_DEPTH_MAX ? reader.limits->depth : JSON_DEPTH_MAX;
    reader.diag = diag;
    reader.error = ERR_OK;
    if (text.size > reader.limits->bytes || text.size >= UINT32_MAX) {
        json_fail_limit(&reader, reader.begin, "bytes", reader.limits->bytes);
        return reader.error;
    }
    reader.begin = copy_padded(arena, text);
    reader.end = reader.begin + text.size;
    struct value result;
    const char *at = read_value(&reader, skip_space(reader.begin), &result);
    if (at == NULL)
        return reader.error;
    at = skip_space(at);
    if (at != reader.end) {
        json_fail(&reader, ERR_SYNTAX, at, "unexpected text after the value");
        return reader.error;
    }
    *value = result;
    return ERR_OK;
}
