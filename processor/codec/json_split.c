#include "codec/json_split.h"

struct scanner {
    const char *at, *end;
};

static void skip_space(struct scanner *scanner)
{
    while (scanner->at < scanner->end &&
           (*scanner->at == ' ' || *scanner->at == '\t' || *scanner->at == '\n' || *scanner->at == '\r'))
        scanner->at++;
}

/* Takes the byte, and the white space before it. */
static bool take(struct scanner *scanner, char byte)
{
    skip_space(scanner);
    if (scanner->at == scanner->end || *scanner->at != byte)
        return false;
    scanner->at++;
    return true;
}

static bool take_text(struct scanner *scanner, struct span text)
{
    if (!span_starts_with(span_make(scanner->at, (size_t)(scanner->end - scanner->at)), text))
        return false;
    scanner->at += text.size;
    return true;
}

/* After the quote that ends the string, or at the end. */
static void skip_string(struct scanner *scanner)
{
    scanner->at++;
    while (scanner->at < scanner->end && *scanner->at != '"')
        scanner->at += *scanner->at == '\\' && scanner->at + 1 < scanner->end ? 2 : 1;
    if (scanner->at < scanner->end)
        scanner->at++;
}

/* Up to the comma or bracket that ends the element. */
static struct span take_element(struct scanner *scanner)
{
    skip_space(scanner);
    const char *begin = scanner->at, *last = scanner->at;
    for (size_t depth = 0; scanner->at < scanner->end;) {
        char byte = *scanner->at;
        if (depth == 0 && (byte == ',' || byte == ']' || byte == '}'))
            break;
        if (byte == '"') {
            skip_string(scanner);
        } else {
            depth += byte == '[' || byte == '{';
            depth -= byte == ']' || byte == '}';
            scanner->at++;
        }
        if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r')
            last = scanner->at;
    }
    return span_make(begin, (size_t)(last - begin));
}

static enum err fail_syntax(struct diag *diag, const char *expected)
{
    return diag_set(diag, ERR_SYNTAX, 0, 0, "not readable as JSON: expected %s", expected);
}

static enum err take_elements(struct scanner *scanner, struct span *elements, size_t capacity,
                              size_t *count, struct diag *diag)
{
    *count = 0;
    if (take(scanner, ']'))
        return ERR_OK;
    do {
        if (*count == capacity)
            return diag_set(diag, ERR_LIMIT, 0, 0, "more than %zu elements", capacity);
        elements[*count] = take_element(scanner);
        if (elements[(*count)++].size == 0)
            return fail_syntax(diag, "an element of the list");
    } while (take(scanner, ','));
    return take(scanner, ']') ? ERR_OK : fail_syntax(diag, "`,` or `]` after an element of the list");
}

enum err json_split_list(struct span text, struct span name, struct span *elements, size_t capacity,
                         size_t *count, struct diag *diag)
{
    if (text.size == 0)
        return fail_syntax(diag, "an object, found nothing");
    struct scanner scanner = {text.data, text.data + text.size};
    bool named = take(&scanner, '{') && take(&scanner, '"') && scanner.at < scanner.end &&
                 take_text(&scanner, name) && scanner.at < scanner.end && *scanner.at == '"';
    if (!named)
        return diag_set(diag, ERR_TYPE, 0, 0, "must be a JSON object with the member \"%.*s\" and no other",
                        SPAN_PRINTF(name));
    scanner.at++;
    if (!take(&scanner, ':'))
        return fail_syntax(diag, "`:`");
    if (!take(&scanner, '['))
        return diag_set(diag, ERR_TYPE, 0, 0, "\"%.*s\" must be a list", SPAN_PRINTF(name));
    enum err error = take_elements(&scanner, elements, capacity, count, diag);
    if (error != ERR_OK)
        return error;
    if (take(&scanner, ','))
        return diag_set(diag, ERR_TYPE, 0, 0, "must be a JSON object with the member \"%.*s\" and no other",
                        SPAN_PRINTF(name));
    if (!take(&scanner, '}'))
        return fail_syntax(diag, "`}`");
    skip_space(&scanner);
    return scanner.at == scanner.end ? ERR_OK : fail_syntax(diag, "nothing after the object");
}
