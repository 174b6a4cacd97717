#include "codec/json.h"

#include <stdio.h>

#include "base/real.h"
#include "base/utf8.h"

/* Members and elements wait on one stack until their container closes and its size is known. The
 * first ones live in the caller's frame, so that an ordinary record costs one arena allocation a
 * container. */
#define STACK_VALUES 192
/* Up to this many members, names are compared with each other; beyond it they are sorted. */
#define LINEAR_MEMBERS 32

static_assert(sizeof(struct value_member) == 2 * sizeof(struct value), "members are pairs of values");

const struct json_limits json_limits_document = {
    .bytes = 64u << 20, .depth = 64, .entries = 4u << 20, .string_bytes = 64u << 20};

struct reader {
    const char *at;
    const char *end;
    const char *begin;
    struct arena *arena;
    struct value *stack;
    size_t top;
    size_t capacity;
    size_t entries_left;
    uint32_t depth_left;
    enum err error;
    const struct json_limits *limits;
    struct diag *diag;
    struct value first[STACK_VALUES];
};

static bool fail(struct reader *reader, enum err error, const char *where, const char *sentence)
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
    return false;
}

static bool fail_limit(struct reader *reader, const char *where, const char *what, size_t limit)
{
    char sentence[96];
    snprintf(sentence, sizeof sentence, "more than %zu %s", limit, what);
    return fail(reader, ERR_LIMIT, where, sentence);
}

static inline void skip_space(struct reader *reader)
{
    const char *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    reader->at = at;
}

/* ---- strings ---- */

#define EVERY_BYTE(byte) ((uint64_t)0x0101010101010101u * (byte))

/* Eight bytes at a time: a subtraction borrows only out of a byte that is itself a hit, so the lowest
 * marked byte is always exact. */
const char *json_skip_plain(const char *at, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t quote = word ^ EVERY_BYTE('"');
        uint64_t backslash = word ^ EVERY_BYTE('\\');
        uint64_t hit =
            (word | (word - EVERY_BYTE(0x20)) | (quote - EVERY_BYTE(1)) | (backslash - EVERY_BYTE(1))) &
            EVERY_BYTE(0x80);
        if (hit != 0)
            return at + (__builtin_ctzll(hit) >> 3);
        at += 8;
    }
#endif
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Four hexadecimal digits; -1 when they are not there. */
static int32_t read_hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

/* Decodes the `\u…` at *from (one, or a surrogate pair) to *to. */
static bool unescape_unicode(struct reader *reader, const char **from, const char *end, char **to)
{
    const char *at = *from;
    int32_t code = read_hex4(at + 2, end);
    if (code < 0)
        return fail(reader, ERR_SYNTAX, at, "\\u needs four hexadecimal digits");
    const char *next = at + 6;
    if (code >= 0xD800 && code <= 0xDFFF) {
        bool paired = code < 0xDC00 && end - next >= 6 && next[0] == '\\' && next[1] == 'u';
        int32_t low = paired ? read_hex4(next + 2, end) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return fail(reader, ERR_SYNTAX, at, "half of a surrogate pair is no character");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        next += 6;
    }
    *to += utf8_encode((uint32_t)code, *to);
    *from = next;
    return true;
}

static char simple_escape(char letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return '\0';
    }
}

/* A copy of raw string bytes (valid apart from what follows backslashes) with the escapes resolved;
 * it is never longer than they are. */
static bool unescape(struct reader *reader, const char *from, const char *end, struct value *string)
{
    char *start = arena_alloc_aligned(reader->arena, (size_t)(end - from), 1);
    char *to = start;
    while (from < end) {
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        if (from[1] == 'u') {
            if (!unescape_unicode(reader, &from, end, &to))
                return false;
            continue;
        }
        char byte = simple_escape(from[1]);
        if (byte == '\0')
            return fail(reader, ERR_SYNTAX, from, "unknown escape in a string");
        *to++ = byte;
        from += 2;
    }
    *string = value_string(span_make(start, (size_t)(to - start)));
    return true;
}

/* What stopped json_skip_plain is no closing quote: steps over it or fails. */
static bool skip_special(struct reader *reader, const char **at, bool *escaped)
{
    const char *here = *at;
    if (here == reader->end || (*here == '\\' && reader->end - here < 2))
        return fail(reader, ERR_SYNTAX, here, "the text ends inside a string");
    if (*here == '\\') {
        *escaped = true;
        /* Only these two must not be seen as what they look like; the rest is judged by unescape. */
        *at = here[1] == '"' || here[1] == '\\' ? here + 2 : here + 1;
        return true;
    }
    if ((unsigned char)*here < 0x20)
        return fail(reader, ERR_SYNTAX, here, "a control character in a string must be escaped");
    size_t size = utf8_sequence(here, reader->end);
    if (size == 0)
        return fail(reader, ERR_SYNTAX, here, "not valid UTF-8");
    *at = here + size;
    return true;
}

/* reader->at stands on the opening quote. */
static bool read_string(struct reader *reader, struct value *string)
{
    const char *start = reader->at + 1;
    const char *at = start;
    bool escaped = false;
    for (;;) {
        at = json_skip_plain(at, reader->end);
        if (at < reader->end && *at == '"')
            break;
        if (!skip_special(reader, &at, &escaped))
            return false;
    }
    if ((size_t)(at - start) > reader->limits->string_bytes)
        return fail_limit(reader, reader->at, "bytes in a string", reader->limits->string_bytes);
    reader->at = at + 1;
    if (escaped)
        return unescape(reader, start, at, string);
    *string = value_string(span_make(start, (size_t)(at - start)));
    return true;
}

/* ---- numbers ---- */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at))
        at++;
    return at;
}

static bool finish_int(struct reader *reader, const char *start, const char *digits, const char *end,
                       struct value *number)
{
    bool negative = start != digits;
    uint64_t magnitude = 0;
    bool fits = true;
    for (const char *at = digits; fits && at < end; at++)
        fits = !__builtin_mul_overflow(magnitude, (uint64_t)10, &magnitude) &&
               !__builtin_add_overflow(magnitude, (uint64_t)(*at - '0'), &magnitude);
    if (fits && magnitude > (uint64_t)INT64_MAX && !negative && reader->limits->uints) {
        *number = value_uint(magnitude);
        return true;
    }
    if (!fits || magnitude > (uint64_t)INT64_MAX + negative)
        return fail(reader, ERR_OVERFLOW, start,
                    "the integer does not fit 64 bits (with a fraction it is a double)");
    *number = value_int(negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude);
    return true;
}

/* Exact when the digits and the power of ten are both exact doubles: then there is one rounding, that
 * of the operation (W. D. Clinger, "How to read floating point numbers accurately", 1990). */
static bool small_double(const char *at, const char *end, double *real)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (end - at > 20) /* so that nothing below overflows */
        return false;
    bool negative = *at == '-';
    at += negative;
    uint64_t digits = 0;
    int exponent = 0;
    bool fraction = false;
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        digits = digits * 10 + (uint64_t)(*at - '0');
        exponent -= fraction;
    }
    if (at < end) {
        at++;
        bool minus = *at == '-';
        at += *at == '-' || *at == '+';
        int written = 0;
        for (; at < end && written < 10000; at++)
            written = written * 10 + (*at - '0');
        exponent += minus ? -written : written;
    }
    if (digits > (uint64_t)1 << 53 || exponent < -22 || exponent > 22)
        return false;
    double result = (double)digits;
    result = exponent < 0 ? result / powers[-exponent] : result * powers[exponent];
    *real = negative ? -result : result;
    return true;
}

static bool finish_double(struct reader *reader, const char *start, const char *end, struct value *number)
{
    double real;
    if (!small_double(start, end, &real)) {
        enum err error = real_parse(span_make(start, (size_t)(end - start)), &real);
        if (error != ERR_OK)
            return fail(reader, error, start, "the number does not fit a double");
    }
    *number = value_double(real);
    return true;
}

static bool read_number(struct reader *reader, struct value *number)
{
    const char *start = reader->at;
    const char *end = reader->end;
    const char *digits = start + (*start == '-');
    const char *at = skip_digits(digits, end);
    if (at == digits)
        return fail(reader, ERR_SYNTAX, start,
                    *start == '-' ? "a digit must follow '-'" : "expected a value");
    if (*digits == '0' && at - digits > 1)
        return fail(reader, ERR_SYNTAX, start, "a number must not begin with 0");
    bool whole = true;
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = skip_digits(fraction, end);
        if (at == fraction)
            return fail(reader, ERR_SYNTAX, start, "a digit must follow '.'");
        whole = false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        const char *exponent = at + 1;
        if (exponent < end && (*exponent == '+' || *exponent == '-'))
            exponent++;
        at = skip_digits(exponent, end);
        if (at == exponent)
            return fail(reader, ERR_SYNTAX, start, "an exponent needs a digit");
        whole = false;
    }
    reader->at = at;
    return whole ? finish_int(reader, start, digits, at, number) : finish_double(reader, start, at, number);
}

/* ---- containers ---- */

static bool read_value(struct reader *reader, struct value *value);

static void grow_stack(struct reader *reader)
{
    struct value *larger = ARENA_ARRAY(reader->arena, struct value, reader->capacity * 2);
    memcpy(larger, reader->stack, reader->top * sizeof *larger);
    reader->stack = larger;
    reader->capacity *= 2;
}

/* Room for `count` values, which are on the stack from now on. */
static inline struct value *push(struct reader *reader, size_t count)
{
    if (reader->capacity - reader->top < count)
        grow_stack(reader);
    reader->top += count;
    return &reader->stack[reader->top - count];
}

/* Steps over an opening bracket. */
static bool enter(struct reader *reader)
{
    if (reader->depth_left == 0)
        return fail_limit(reader, reader->at, "levels of lists and maps",
                          reader->limits->depth < JSON_DEPTH_MAX ? reader->limits->depth : JSON_DEPTH_MAX);
    reader->depth_left--;
    reader->at++;
    skip_space(reader);
    return true;
}

/* Steps over the closing bracket of an empty container, if that is what comes. */
static bool leave_empty(struct reader *reader, char closing)
{
    if (reader->at == reader->end || *reader->at != closing)
        return false;
    reader->at++;
    return true;
}

static bool count_entry(struct reader *reader)
{
    if (reader->entries_left == 0)
        return fail_limit(reader, reader->at, "entries (members and elements)", reader->limits->entries);
    reader->entries_left--;
    return true;
}

/* After an entry: steps over a comma (*more) or the closing bracket. */
static bool next_entry(struct reader *reader, char closing, bool *more)
{
    skip_space(reader);
    if (reader->at == reader->end)
        return fail(reader, ERR_SYNTAX, reader->at, "the text ends inside a list or map");
    char byte = *reader->at;
    if (byte != ',' && byte != closing)
        return fail(reader, ERR_SYNTAX, reader->at,
                    closing == ']' ? "expected ',' or ']'" : "expected ',' or '}'");
    reader->at++;
    *more = byte == ',';
    if (*more)
        skip_space(reader);
    return true;
}

static bool read_list(struct reader *reader, struct value *list)
{
    if (!enter(reader))
        return false;
    size_t base = reader->top;
    bool more = !leave_empty(reader, ']');
    while (more) {
        struct value item;
        if (!count_entry(reader) || !read_value(reader, &item))
            return false;
        *push(reader, 1) = item;
        if (!next_entry(reader, ']', &more))
            return false;
    }
    size_t count = reader->top - base;
    struct value *items = arena_alloc_aligned(reader->arena, count * sizeof *items, alignof(struct value));
    memcpy(items, reader->stack + base, count * sizeof *items);
    *list = value_list(items, count);
    reader->top = base;
    reader->depth_left++;
    return true;
}

static bool same_name(struct value a, struct value b)
{
    return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

/* Where the last-read member (its name and value are the two topmost values) repeats an earlier
 * name, its value takes the earlier one's place. */
static void merge_last(struct reader *reader, size_t base)
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

static bool read_member(struct reader *reader)
{
    struct value name;
    struct value value;
    if (!count_entry(reader))
        return false;
    if (reader->at == reader->end || *reader->at != '"')
        return fail(reader, ERR_SYNTAX, reader->at, "expected a name in double quotes");
    if (!read_string(reader, &name))
        return false;
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != ':')
        return fail(reader, ERR_SYNTAX, reader->at, "expected ':'");
    reader->at++;
    skip_space(reader);
    if (!read_value(reader, &value))
        return false;
    struct value *pair = push(reader, 2);
    pair[0] = name;
    pair[1] = value;
    return true;
}

static bool read_map(struct reader *reader, struct value *map)
{
    if (!enter(reader))
        return false;
    size_t base = reader->top;
    size_t read = 0;
    bool more = !leave_empty(reader, '}');
    while (more) {
        if (!read_member(reader))
            return false;
        if (++read <= LINEAR_MEMBERS)
            merge_last(reader, base);
        if (!next_entry(reader, '}', &more))
            return false;
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
    return true;
}

static bool read_word(struct reader *reader, struct span word, struct value meaning, struct value *value)
{
    struct span left = span_make(reader->at, (size_t)(reader->end - reader->at));
    if (!span_starts_with(left, word))
        return fail(reader, ERR_SYNTAX, reader->at, "expected a value");
    reader->at += word.size;
    *value = meaning;
    return true;
}

static bool read_value(struct reader *reader, struct value *value)
{
    if (reader->at == reader->end)
        return fail(reader, ERR_SYNTAX, reader->at, "the text ends where a value should be");
    switch (*reader->at) {
    case '"':
        return read_string(reader, value);
    case '{':
        return read_map(reader, value);
    case '[':
        return read_list(reader, value);
    case 't':
        return read_word(reader, SPAN_LITERAL("true"), value_bool(true), value);
    case 'f':
        return read_word(reader, SPAN_LITERAL("false"), value_bool(false), value);
    case 'n':
        return read_word(reader, SPAN_LITERAL("null"), value_null(), value);
    default:
        return read_number(reader, value);
    }
}

enum err json_parse(struct span text, const struct json_limits *limits, struct arena *arena,
                    struct value *value, struct diag *diag)
{
    struct reader reader; /* `first` stays uninitialised on purpose: it is larger than most records */
    reader.begin = reader.at = text.data;
    reader.end = text.data + text.size;
    reader.arena = arena;
    reader.stack = reader.first;
    reader.top = 0;
    reader.capacity = STACK_VALUES;
    reader.limits = limits == NULL ? &json_limits_document : limits;
    reader.entries_left = reader.limits->entries;
    reader.depth_left = reader.limits->depth < JSON_DEPTH_MAX ? reader.limits->depth : JSON_DEPTH_MAX;
    reader.diag = diag;
    reader.error = ERR_OK;
    if (text.size > reader.limits->bytes || text.size >= UINT32_MAX) {
        fail_limit(&reader, reader.begin, "bytes", reader.limits->bytes);
        return reader.error;
    }
    skip_space(&reader);
    struct value result;
    if (!read_value(&reader, &result))
        return reader.error;
    skip_space(&reader);
    if (reader.at != reader.end) {
        fail(&reader, ERR_SYNTAX, reader.at, "unexpected text after the value");
        return reader.error;
    }
    *value = result;
    return ERR_OK;
}
