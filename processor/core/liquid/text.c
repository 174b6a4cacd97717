#include "core/liquid/chars.h"
#include "core/liquid/number.h"
#include "core/liquid/run.h"

#include "base/civil.h"

/* Lists within lists that are written out; values from outside nest less deep. */
#define MAX_INSPECT_DEPTH 64

static size_t limit_of(const struct run *run, const struct text *text)
{
    return text == run->out ? run->out_limit : run->text_limit;
}

static void grow(struct run *run, struct text *text, size_t wanted)
{
    size_t capacity = text->capacity < 128 ? 256 : text->capacity * 2;
    if (capacity < wanted)
        capacity = wanted;
    char *data = run_alloc(run, capacity, 1);
    if (text->size != 0)
        memcpy(data, text->data, text->size);
    text->data = data;
    text->capacity = capacity;
}

char *text_reserve(struct run *run, struct text *text, size_t more)
{
    size_t limit = limit_of(run, text);
    /* One more than the limit: the NUL behind the result. */
    if (more > limit + 1 || text->size > limit + 1 - more)
        run_fail(run, ERR_LIMIT, "the text made here is longer than %zu bytes", limit);
    if (text->capacity - text->size < more)
        grow(run, text, text->size + more);
    return text->data + text->size;
}

void text_append(struct run *run, struct text *text, struct span bytes)
{
    if (bytes.size == 0)
        return;
    if (bytes.size > limit_of(run, text) - text->size)
        text_reserve(run, text, limit_of(run, text) + 2); /* fails */
    memcpy(text_reserve(run, text, bytes.size), bytes.data, bytes.size);
    text->size += bytes.size;
}

static const char *escape_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void text_append_escaped(struct run *run, struct text *text, struct span bytes)
{
    size_t from = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        const char *escape = escape_of(bytes.data[i]);
        if (escape == NULL)
            continue;
        text_append(run, text, span_slice(bytes, from, i));
        text_append(run, text, span_from_text(escape));
        from = i + 1;
    }
    text_append(run, text, span_slice(bytes, from, bytes.size));
}

/* Ruby's String#inspect. */
static void inspect_string(struct run *run, struct text *text, struct span bytes)
{
    static const char letters[] = {['\a'] = 'a', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
                                   ['\v'] = 'v', ['\f'] = 'f', ['\r'] = 'r', ['\x1b'] = 'e'};
    static const char hex[] = "0123456789ABCDEF";
    text_append(run, text, SPAN_LITERAL("\""));
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = (uint8_t)bytes.data[i];
        char next = i + 1 < bytes.size ? bytes.data[i + 1] : '\0';
        if (c == '"' || c == '\\' || (c == '#' && (next == '{' || next == '$' || next == '@')))
            text_append(run, text, SPAN_LITERAL("\\"));
        if (c < sizeof letters && letters[c] != '\0') {
            char escape[2] = {'\\', letters[c]};
            text_append(run, text, span_make(escape, 2));
        } else if (c < 0x20 || c == 0x7f) {
            char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            if (c == 0x7f)
                memcpy(escape, "\\x7F", 4);
            text_append(run, text, span_make(escape, c == 0x7f ? 4 : 6));
        } else {
            text_append(run, text, span_make(bytes.data + i, 1));
        }
    }
    text_append(run, text, SPAN_LITERAL("\""));
}

static void append_plain(struct run *run, struct text *text, struct value value, bool quoted, int depth);

static void inspect_list(struct run *run, struct text *text, struct value list, int depth)
{
    text_append(run, text, SPAN_LITERAL("["));
    for (uint32_t i = 0; i < list.size; i++) {
        if (i > 0)
            text_append(run, text, SPAN_LITERAL(", "));
        append_plain(run, text, list.items[i], true, depth + 1);
    }
    text_append(run, text, SPAN_LITERAL("]"));
}

static void inspect_map(struct run *run, struct text *text, struct value map, int depth)
{
    text_append(run, text, SPAN_LITERAL("{"));
    for (uint32_t i = 0; i < map.size; i++) {
        if (i > 0)
            text_append(run, text, SPAN_LITERAL(", "));
        append_plain(run, text, map.members[i].key, true, depth + 1);
        text_append(run, text, SPAN_LITERAL("=>"));
        append_plain(run, text, map.members[i].value, true, depth + 1);
    }
    text_append(run, text, SPAN_LITERAL("}"));
}

static void append_number(struct run *run, struct text *text, struct value value)
{
    char *at = text_reserve(run, text, NUMBER_TEXT_BYTES);
    if (value.kind == VALUE_INT)
        text->size += number_print_int(value.integer, at);
    else if (value.kind == VALUE_DOUBLE)
        text->size += number_print_double(value.real, at);
    else
        text->size += number_print_big(*(const int128 *)value.bytes, at);
}

static void append_plain(struct run *run, struct text *text, struct value value, bool quoted, int depth)
{
    if (depth > MAX_INSPECT_DEPTH)
        run_fail(run, ERR_LIMIT, "a list or map nests deeper than %d", MAX_INSPECT_DEPTH);
    value = run_import(run, value);
    switch (value.kind) {
    case VALUE_NULL:
        text_append(run, text, quoted ? SPAN_LITERAL("nil") : SPAN_LITERAL(""));
        break;
    case VALUE_BOOL:
        text_append(run, text, value.boolean ? SPAN_LITERAL("true") : SPAN_LITERAL("false"));
        break;
    case VALUE_INT:
    case VALUE_DOUBLE:
    case LIQUID_BIG: {
        /* By way of a text of its own: the room a number may need would count against the limit. */
        char room[NUMBER_TEXT_BYTES];
        struct text number = {room, 0, sizeof room};
        append_number(run, &number, value);
        text_append(run, text, text_span(&number));
        break;
    }
    case VALUE_STRING:
        if (quoted)
            inspect_string(run, text, value_span(value));
        else
            text_append(run, text, value_span(value));
        break;
    case VALUE_LIST:
        inspect_list(run, text, value, depth);
        break;
    case VALUE_MAP:
        inspect_map(run, text, value, depth);
        break;
    case VALUE_TIMESTAMP: {
        char time[CIVIL_RFC3339_BYTES];
        text_append(run, text, span_make(time, civil_format_ms(value_to_ms(value), time)));
        break;
    }
    case LIQUID_RANGE: {
        append_plain(run, text, value_int(value_range(value)->from), false, depth);
        text_append(run, text, SPAN_LITERAL(".."));
        append_plain(run, text, value_int(value_range(value)->to), false, depth);
        break;
    }
    case LIQUID_LOOP:
        text_append(run, text, SPAN_LITERAL("Liquid::ForloopDrop"));
        break;
    case LIQUID_TABLE_LOOP:
        text_append(run, text, SPAN_LITERAL("Liquid::TablerowloopDrop"));
        break;
    case LIQUID_SELF:
        text_append(run, text, SPAN_LITERAL("Liquid::SelfDrop"));
        break;
    default:
        assert(!"a value of no kind");
    }
}

void run_append_value(struct run *run, struct text *text, struct value value)
{
    append_plain(run, text, value, false, 0);
}

struct span run_to_text(struct run *run, struct value value)
{
    if (value.kind == VALUE_STRING)
        return value_span(value);
    if (value.kind == VALUE_NULL)
        return SPAN_LITERAL("");
    struct text text = {0};
    run_append_value(run, &text, value);
    return text_span(&text);
}

static void print_one(struct run *run, struct value value, bool is_raw)
{
    if (!run->template->html || is_raw || value.flags == LIQUID_SAFE) {
        run_append_value(run, run->out, value);
        return;
    }
    text_append_escaped(run, run->out, run_to_text(run, value));
}

static void print_nested(struct run *run, struct value value, bool is_raw, int depth)
{
    if (value.kind != VALUE_LIST) {
        print_one(run, value, is_raw);
        return;
    }
    if (depth > MAX_INSPECT_DEPTH)
        run_fail(run, ERR_LIMIT, "a list nests deeper than %d", MAX_INSPECT_DEPTH);
    run_charge(run, value.size);
    for (uint32_t i = 0; i < value.size; i++)
        print_nested(run, value.items[i], is_raw, depth + 1);
}

void run_print(struct run *run, struct value value, bool is_raw)
{
    print_nested(run, value, is_raw, 0);
}
