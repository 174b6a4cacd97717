#include "base/real.h"
#include "core/cel/token.h"

void cel_lexer_init(struct cel_lexer *lexer, struct span source, struct arena *arena)
{
    *lexer = (struct cel_lexer){.source = source, .place = {1, 1}, .arena = arena};
}

/* The byte `ahead` of here, NUL past the end (a NUL in the source is no token either). */
static char peek(const struct cel_lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->source.size ? lexer->source.data[lexer->at + ahead] : '\0';
}

static void advance(struct cel_lexer *lexer, size_t bytes)
{
    for (; bytes > 0 && lexer->at < lexer->source.size; bytes--) {
        char c = lexer->source.data[lexer->at++];
        if (c == '\n')
            lexer->place = (struct cel_place){lexer->place.line + 1, 1};
        else if (((unsigned char)c & 0xC0) != 0x80)
            lexer->place.column += 1;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex_digit(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_name_start(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool cel_is_reserved(struct span name)
{
    static const char *const words[] = {"as",     "break",  "const", "continue",  "else", "for",
                                        "if",     "import", "let",   "function",  "loop", "package",
                                        "return", "var",    "void",  "namespace", "while"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (span_equal_text(name, words[i]))
            return true;
    return false;
}

static void skip_blanks(struct cel_lexer *lexer)
{
    for (;;) {
        char c = peek(lexer, 0);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r') {
            advance(lexer, 1);
        } else if (c == '/' && peek(lexer, 1) == '/') {
            while (lexer->at < lexer->source.size && peek(lexer, 0) != '\n')
                advance(lexer, 1);
        } else {
            return;
        }
    }
}

static struct cel_token fail(struct cel_lexer *lexer, struct cel_token token, enum err error,
                             const char *message)
{
    lexer->error = error;
    lexer->message = message;
    token.kind = CEL_TOKEN_ERROR;
    return token;
}

/* ---- numbers ---- */

static struct cel_token double_token(struct cel_lexer *lexer, struct cel_token token, bool negative)
{
    double real;
    if (real_parse(token.text, &real) != ERR_OK)
        return fail(lexer, token, ERR_SYNTAX, "the number is too large for a double");
    token.value = value_double(negative ? -real : real);
    return token;
}

static struct cel_token integer_token(struct cel_lexer *lexer, struct cel_token token, struct span digits,
                                      uint32_t base, bool negative, bool is_unsigned)
{
    uint64_t number = 0;
    for (size_t i = 0; i < digits.size; i++) {
        char c = digits.data[i];
        uint64_t digit = (uint64_t)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
        if (__builtin_mul_overflow(number, base, &number) || __builtin_add_overflow(number, digit, &number))
            return fail(lexer, token, ERR_SYNTAX, "the number does not fit 64 bits");
    }
    if (is_unsigned) {
        /* A uint cannot be negated: the parser makes `-5u` an operation, which fails when it runs. */
        token.value = value_uint(number);
        return token;
    }
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (number > limit)
        return fail(
            lexer, token, ERR_SYNTAX,
            "the number is too large for an int; write 18446744073709551615u for a uint, 1e19 for a "
            "double");
    token.value = value_int(negative ? (int64_t)(0 - number) : (int64_t)number);
    return token;
}

static size_t digits_at(const struct cel_lexer *lexer, size_t ahead)
{
    size_t count = 0;
    while (is_digit(peek(lexer, ahead + count)))
        count++;
    return count;
}

/* Where the exponent at `ahead` ends; `ahead` when there is none. */
static size_t exponent_end(const struct cel_lexer *lexer, size_t ahead)
{
    if (peek(lexer, ahead) != 'e' && peek(lexer, ahead) != 'E')
        return ahead;
    size_t digits = ahead + 1;
    if (peek(lexer, digits) == '+' || peek(lexer, digits) == '-')
        digits += 1;
    size_t count = digits_at(lexer, digits);
    return count == 0 ? ahead : digits + count;
}

static struct cel_token number_token(struct cel_lexer *lexer, struct cel_token token, bool negative)
{
    token.kind = CEL_TOKEN_LITERAL;
    const char *start = lexer->source.data + lexer->at;
    uint32_t base = 10;
    size_t from = 0, end;
    bool is_double = false;
    if (peek(lexer, 0) == '0' && (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X') &&
        is_hex_digit(peek(lexer, 2))) {
        base = 16;
        from = 2;
        for (end = 2; is_hex_digit(peek(lexer, end)); end++)
            ;
    } else {
        end = digits_at(lexer, 0);
        if (peek(lexer, end) == '.' && is_digit(peek(lexer, end + 1))) {
            is_double = true;
            end += 1 + digits_at(lexer, end + 1);
        }
        size_t exponent = exponent_end(lexer, end);
        is_double = is_double || exponent != end;
        end = exponent;
    }
    struct span digits = span_make(start + from, end - from);
    bool is_unsigned = !is_double && (peek(lexer, end) == 'u' || peek(lexer, end) == 'U');
    end += is_unsigned ? 1 : 0;
    token.text = span_make(start, end);
    advance(lexer, end);
    return is_double ? double_token(lexer, token, negative)
                     : integer_token(lexer, token, digits, base, negative, is_unsigned);
}

/* ---- strings ---- */

/* The length of the prefix of a string literal here (r, b, br and capitals), or -1 when there is none. */
static int text_prefix(const struct cel_lexer *lexer, bool *raw, bool *bytes)
{
    int at = 0;
    *bytes = peek(lexer, 0) == 'b' || peek(lexer, 0) == 'B';
    at += *bytes;
    *raw = peek(lexer, (size_t)at) == 'r' || peek(lexer, (size_t)at) == 'R';
    at += *raw;
    char quote = peek(lexer, (size_t)at);
    return quote == '"' || quote == '\'' ? at : -1;
}

static struct cel_token text_token(struct cel_lexer *lexer, struct cel_token token, size_t prefix, bool raw,
                                   bool bytes)
{
    token.kind = CEL_TOKEN_LITERAL;
    char quote = peek(lexer, prefix);
    bool triple = peek(lexer, prefix + 1) == quote && peek(lexer, prefix + 2) == quote;
    size_t start = prefix + (triple ? 3 : 1), end = start;
    for (;; end++) {
        char c = peek(lexer, end);
        if (lexer->at + end >= lexer->source.size || (!triple && (c == '\n' || c == '\r')))
            return fail(lexer, token, ERR_SYNTAX, "the string is not closed");
        if (c == quote && (!triple || (peek(lexer, end + 1) == quote && peek(lexer, end + 2) == quote)))
            break;
        if (c == '\\' && !raw)
            end += 1;
    }
    size_t body = lexer->at;
    const char *problem = cel_decode_text(span_slice(lexer->source, body + start, body + end), raw, bytes,
                                          lexer->arena, &token.value);
    if (problem != NULL)
        return fail(lexer, token, ERR_SYNTAX, problem);
    advance(lexer, end + (triple ? 3 : 1));
    return token;
}

/* ---- the rest ---- */

static struct cel_token name_token(struct cel_lexer *lexer, struct cel_token token)
{
    size_t size = 1;
    while (is_name_start(peek(lexer, size)) || is_digit(peek(lexer, size)))
        size++;
    token.text = span_make(lexer->source.data + lexer->at, size);
    token.kind = CEL_TOKEN_LITERAL;
    if (span_equal_text(token.text, "true"))
        token.value = value_bool(true);
    else if (span_equal_text(token.text, "false"))
        token.value = value_bool(false);
    else if (span_equal_text(token.text, "null"))
        token.value = value_null();
    else
        token.kind = span_equal_text(token.text, "in") ? CEL_TOKEN_IN : CEL_TOKEN_NAME;
    advance(lexer, size);
    return token;
}

static struct cel_token escaped_token(struct cel_lexer *lexer, struct cel_token token)
{
    size_t size = 0;
    for (;; size++) {
        char c = peek(lexer, 1 + size);
        if (c == '`')
            break;
        if (!is_name_start(c) && !is_digit(c) && c != '.' && c != '-' && c != '/' && c != ' ')
            return fail(
                lexer, token, ERR_SYNTAX,
                "a name in backticks holds letters, digits, _ . - / and spaces, and ends with a backtick");
    }
    if (size == 0)
        return fail(lexer, token, ERR_SYNTAX, "a name in backticks may not be empty");
    token.kind = CEL_TOKEN_ESCAPED;
    token.text = span_make(lexer->source.data + lexer->at + 1, size);
    advance(lexer, size + 2);
    return token;
}

static struct cel_token symbol_token(struct cel_lexer *lexer, struct cel_token token)
{
    static const struct {
        char text[3];
        int symbol;
    } pairs[] = {{"==", CEL_SYMBOL_EQUAL},      {"!=", CEL_SYMBOL_NOT_EQUAL},
                 {"<=", CEL_SYMBOL_LESS_EQUAL}, {">=", CEL_SYMBOL_GREATER_EQUAL},
                 {"&&", CEL_SYMBOL_AND},        {"||", CEL_SYMBOL_OR}};
    token.kind = CEL_TOKEN_SYMBOL;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (peek(lexer, 0) == pairs[i].text[0] && peek(lexer, 1) == pairs[i].text[1]) {
            token.symbol = pairs[i].symbol;
            advance(lexer, 2);
            return token;
        }
    }
    char c = peek(lexer, 0);
    if (c == '\0' || strchr("?:.,()[]{}<>!+-*/%", c) == NULL) {
        const char *message = c == '='               ? "a single =; equality is written =="
                              : c == '&' || c == '|' ? "a single & or |; write && or ||"
                                                     : "this character has no meaning here";
        return fail(lexer, token, ERR_SYNTAX, message);
    }
    token.symbol = (unsigned char)c;
    advance(lexer, 1);
    return token;
}

struct cel_token cel_lexer_next(struct cel_lexer *lexer, bool negative)
{
    skip_blanks(lexer);
    struct cel_token token = {.place = lexer->place};
    if (lexer->at >= lexer->source.size)
        return token;
    char c = peek(lexer, 0);
    bool raw, bytes;
    int prefix = text_prefix(lexer, &raw, &bytes);
    if (prefix >= 0)
        return text_token(lexer, token, (size_t)prefix, raw, bytes);
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1))))
        return number_token(lexer, token, negative);
    if (is_name_start(c))
        return name_token(lexer, token);
    if (c == '`')
        return escaped_token(lexer, token);
    return symbol_token(lexer, token);
}
