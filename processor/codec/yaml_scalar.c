#include "codec/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/utf8.h"

static bool is_one_of(struct span text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (span_equal_text(text, *words))
            return true;
    }
    return false;
}

static size_t digits(struct span text, size_t at)
{
    size_t start = at;
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    return at - start;
}

static bool is_based(struct span text, int *base)
{
    if (text.size < 3 || text.data[0] != '0' || (text.data[1] != 'x' && text.data[1] != 'o'))
        return false;
    *base = text.data[1] == 'x' ? 16 : 8;
    const char *allowed = *base == 16 ? "0123456789abcdefABCDEF" : "01234567";
    for (size_t i = 2; i < text.size; i++) {
        if (text.data[i] == '\0' || strchr(allowed, text.data[i]) == NULL)
            return false;
    }
    return true;
}

static bool resolve_int(struct yaml_node *node)
{
    struct span text = node->text; /* NUL-terminated: a copy in the arena */
    int base = 10;
    bool based = is_based(text, &base);
    size_t sign = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    if (!based && (text.size == sign || digits(text, sign) != text.size - sign))
        return false;
    errno = 0;
    node->integer = strtoll(text.data + (based ? 2 : 0), NULL, base);
    node->kind = YAML_INT;
    if (errno == ERANGE) {
        node->kind = YAML_FLOAT;
        node->real = strtod(text.data, NULL);
    }
    return true;
}

/* [-+]? ( . [0-9]+ | [0-9]+ ( . [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_decimal(struct span text)
{
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    size_t whole = digits(text, at), fraction = 0;
    at += whole;
    if (at < text.size && text.data[at] == '.') {
        fraction = digits(text, at + 1);
        at += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        at += at < text.size && (text.data[at] == '-' || text.data[at] == '+');
        size_t exponent = digits(text, at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return at == text.size;
}

static bool resolve_float(struct yaml_node *node)
{
    static const char *const infinities[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
    static const char *const negative[] = {"-.inf", "-.Inf", "-.INF", NULL};
    static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
    if (is_one_of(node->text, infinities))
        node->real = (double)INFINITY;
    else if (is_one_of(node->text, negative))
        node->real = -(double)INFINITY;
    else if (is_one_of(node->text, nans))
        node->real = (double)NAN;
    else if (is_decimal(node->text))
        node->real = strtod(node->text.data, NULL);
    else
        return false;
    node->kind = YAML_FLOAT;
    return true;
}

static bool resolve_null(struct yaml_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    if (!is_one_of(node->text, nulls))
        return false;
    node->kind = YAML_NULL;
    return true;
}

static bool resolve_bool(struct yaml_node *node)
{
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    node->boolean = is_one_of(node->text, trues);
    if (!node->boolean && !is_one_of(node->text, falses))
        return false;
    node->kind = YAML_BOOL;
    return true;
}

static bool resolve_string(struct yaml_node *node)
{
    node->kind = YAML_STRING;
    return true;
}

enum err yaml_scalar_resolve(struct yaml_node *node, const char *tag)
{
    static const struct {
        const char *tag;
        bool (*resolve)(struct yaml_node *node);
    } kinds[] = {
        {"tag:yaml.org,2002:null", resolve_null},  {"tag:yaml.org,2002:bool", resolve_bool},
        {"tag:yaml.org,2002:int", resolve_int},    {"tag:yaml.org,2002:float", resolve_float},
        {"tag:yaml.org,2002:str", resolve_string},
    };
    size_t count = sizeof kinds / sizeof *kinds;
    if (tag == NULL && node->style != YAML_PLAIN) {
        resolve_string(node);
        return ERR_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (tag != NULL && strcmp(tag, kinds[i].tag) != 0)
            continue;
        if (kinds[i].resolve(node))
            return ERR_OK;
    }
    if (tag != NULL && strcmp(tag, "!") == 0) { /* the non-specific tag: text */
        resolve_string(node);
        return ERR_OK;
    }
    return ERR_INVALID;
}

size_t yaml_mark_bytes(struct span source)
{
    return span_starts_with(source, SPAN_LITERAL("\xEF\xBB\xBF")) ? 3 : 0;
}
