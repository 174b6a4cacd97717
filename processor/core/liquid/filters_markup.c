/* Filters for HTML, URLs and Base64. */
#include "base/hex.h"
#include "base/utf8.h"
#include "core/liquid/chars.h"
#include "core/liquid/filter_common.h"
#include "core/liquid/filters.h"

static struct span take_text(struct run *run, struct value value)
{
    struct span text = run_to_text(run, value);
    run_charge_bytes(run, text.size);
    return text;
}

static struct value safe(struct value value)
{
    value.flags = LIQUID_SAFE;
    return value;
}

FILTER_FUNCTION(escape)
{
    NO_ARGUMENTS;
    if (input.kind == VALUE_NULL)
        return input;
    struct text result = {0};
    text_append_escaped(run, &result, take_text(run, input));
    return safe(text_value(&result));
}

FILTER_FUNCTION(h)
{
    return filter_escape(run, input, arguments, count);
}

FILTER_FUNCTION(raw)
{
    NO_ARGUMENTS;
    (void)run;
    return input.kind == VALUE_STRING ? safe(input) : input;
}

/* The length of an entity's rest after '&': letters;  or #digits; — 0 when there is none. */
static size_t entity_size(struct span rest)
{
    size_t at = rest.size > 0 && rest.data[0] == '#' ? 1 : 0;
    size_t from = at;
    while (at < rest.size && (from == 1 ? char_is_digit(rest.data[at]) : char_is_letter(rest.data[at])))
        at++;
    return at > from && at < rest.size && rest.data[at] == ';' ? at + 1 : 0;
}

FILTER_FUNCTION(escape_once)
{
    NO_ARGUMENTS;
    struct span text = take_text(run, input);
    struct text result = {0};
    for (size_t at = 0; at < text.size;) {
        size_t size = 1;
        if (text.data[at] == '&' && (size = 1 + entity_size(span_slice(text, at + 1, text.size))) > 1)
            text_append(run, &result, span_slice(text, at, at + size));
        else
            text_append_escaped(run, &result, span_slice(text, at, at + 1));
        at += size;
    }
    return safe(text_value(&result));
}

/* The end of `<open … close` at `at`, or 0 when it does not begin there or never ends. */
static size_t block_end(struct span text, size_t at, const char *open, const char *close)
{
    size_t open_size = strlen(open);
    if (text.size - at < open_size || memcmp(text.data + at, open, open_size) != 0)
        return 0;
    at += open_size;
    const char *end = memmem(text.data + at, text.size - at, close, strlen(close));
    return end == NULL ? 0 : (size_t)(end - text.data) + strlen(close);
}

/* A search for a closing that is not there is not repeated: it would cost the square of the length. */
struct html_blocks {
    bool is_missing[3];
};

static size_t html_block_end(struct span text, size_t at, struct html_blocks *blocks)
{
    static const struct {
        const char *open;
        const char *close;
    } kinds[] = {{"<script", "</script>"}, {"<!--", "-->"}, {"<style", "</style>"}};
    for (size_t i = 0; i < 3; i++) {
        size_t open_size = strlen(kinds[i].open);
        if (blocks->is_missing[i] || text.size - at < open_size ||
            memcmp(text.data + at, kinds[i].open, open_size) != 0)
            continue;
        size_t end = block_end(text, at, kinds[i].open, kinds[i].close);
        if (end != 0)
            return end;
        blocks->is_missing[i] = true;
    }
    return 0;
}

static struct span strip_blocks(struct run *run, struct span text)
{
    struct html_blocks blocks = {{false}};
    struct text result = {0};
    size_t from = 0;
    for (size_t at = 0; at < text.size;) {
        size_t end = text.data[at] == '<' ? html_block_end(text, at, &blocks) : 0;
        if (end == 0) {
            at++;
            continue;
        }
        text_append(run, &result, span_slice(text, from, at));
        from = at = end;
    }
    text_append(run, &result, span_slice(text, from, text.size));
    return text_span(&result);
}

static struct span strip_tags(struct run *run, struct span text)
{
    struct text result = {0};
    size_t from = 0;
    while (from < text.size) {
        const char *open = memchr(text.data + from, '<', text.size - from);
        if (open == NULL)
            break;
        size_t at = (size_t)(open - text.data);
        const char *close = memchr(open, '>', text.size - at);
        if (close == NULL)
            break;
        text_append(run, &result, span_slice(text, from, at));
        from = (size_t)(close + 1 - text.data);
    }
    text_append(run, &result, span_slice(text, from, text.size));
    return text_span(&result);
}

FILTER_FUNCTION(strip_html)
{
    NO_ARGUMENTS;
    return value_string(strip_tags(run, strip_blocks(run, take_text(run, input))));
}

static const char hex_digits[] = "0123456789ABCDEF";

FILTER_FUNCTION(url_encode)
{
    NO_ARGUMENTS;
    if (input.kind == VALUE_NULL)
        return input;
    struct span text = take_text(run, input);
    struct text result = {0};
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = (uint8_t)text.data[i];
        char *at = text_reserve(run, &result, 3);
        if (char_is_word((char)c) || c == '.' || c == '-' || c == '~') {
            at[0] = (char)c;
            result.size += 1;
        } else if (c == ' ') {
            at[0] = '+';
            result.size += 1;
        } else {
            at[0] = '%';
            at[1] = hex_digits[c >> 4];
            at[2] = hex_digits[c & 15];
            result.size += 3;
        }
    }
    return text_value(&result);
}

FILTER_FUNCTION(url_decode)
{
    NO_ARGUMENTS;
    if (input.kind == VALUE_NULL)
        return input;
    struct span text = take_text(run, input);
    char *decoded = run_alloc(run, text.size, 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        int code = hex_percent_byte(text, i);
        if (code >= 0) {
            decoded[size++] = (char)code;
            i += 2;
        } else {
            decoded[size++] = c == '+' ? ' ' : c;
        }
    }
    struct span result = span_make(decoded, size);
    if (!utf8_valid(result))
        run_fail(run, ERR_INVALID, "what url_decode gives is not valid UTF-8");
    return value_string(result);
}

static struct value encode_base64(struct run *run, struct value input, char code62, char code63)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    struct span text = take_text(run, input);
    struct text result = {0};
    for (size_t i = 0; i < text.size; i += 3) {
        size_t rest = text.size - i;
        uint32_t bits = (uint32_t)(uint8_t)text.data[i] << 16;
        bits |= rest > 1 ? (uint32_t)(uint8_t)text.data[i + 1] << 8 : 0;
        bits |= rest > 2 ? (uint32_t)(uint8_t)text.data[i + 2] : 0;
        char *at = text_reserve(run, &result, 4);
        for (size_t j = 0; j < 4; j++) {
            uint32_t code = bits >> (18 - 6 * j) & 63;
            char letter = code == 62 ? code62 : code == 63 ? code63 : letters[code];
            at[j] = j > rest ? '=' : letter;
        }
        result.size += 4;
    }
    return text_value(&result);
}

FILTER_FUNCTION(base64_encode)
{
    NO_ARGUMENTS;
    return encode_base64(run, input, '+', '/');
}

FILTER_FUNCTION(base64_url_safe_encode)
{
    NO_ARGUMENTS;
    return encode_base64(run, input, '-', '_');
}

static int base64_value(char c, bool url_safe)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (char_is_digit(c))
        return c - '0' + 52;
    if (c == '+' || (url_safe && c == '-'))
        return 62;
    if (c == '/' || (url_safe && c == '_'))
        return 63;
    return -1;
}

/* Decodes complete groups of four; false when a character or the padding is wrong. */
static bool decode_groups(struct span text, bool url_safe, char *decoded, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < text.size; i += 4) {
        uint32_t bits = 0;
        size_t padding = 0;
        for (size_t j = 0; j < 4; j++) {
            char c = text.data[i + j];
            bool is_padding = c == '=' && i + 4 == text.size && j >= 2;
            int value = is_padding ? 0 : base64_value(c, url_safe);
            if (value < 0 || (padding > 0 && !is_padding))
                return false;
            padding += is_padding;
            bits = bits << 6 | (uint32_t)value;
        }
        if ((padding == 1 && (bits & 0xFF) != 0) || (padding == 2 && (bits & 0xFFFF) != 0))
            return false;
        for (size_t j = 0; j < 3 - padding; j++)
            decoded[(*size)++] = (char)(bits >> (16 - 8 * j));
    }
    return true;
}

static struct value decode_base64(struct run *run, struct span text, bool url_safe)
{
    char *decoded = run_alloc(run, text.size, 1);
    size_t size = 0;
    if (text.size % 4 != 0 || !decode_groups(text, url_safe, decoded, &size))
        run_fail(run, ERR_INVALID, "the text is not valid Base64");
    /* Everything printed ends in JSON and in messages: bytes that are no text cannot. */
    if (!utf8_valid(span_make(decoded, size)))
        run_fail(run, ERR_INVALID, "the decoded Base64 is not valid UTF-8");
    return value_string(span_make(decoded, size));
}

FILTER_FUNCTION(base64_decode)
{
    NO_ARGUMENTS;
    return decode_base64(run, take_text(run, input), false);
}

/* The padding may be missing here, as in URLs. */
FILTER_FUNCTION(base64_url_safe_decode)
{
    NO_ARGUMENTS;
    struct span text = take_text(run, input);
    struct text padded = {0};
    text_append(run, &padded, text);
    if (text.size > 0 && text.data[text.size - 1] != '=')
        while (padded.size % 4 != 0)
            text_append(run, &padded, SPAN_LITERAL("="));
    return decode_base64(run, text_span(&padded), true);
}
