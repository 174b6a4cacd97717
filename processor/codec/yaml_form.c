#include "codec/yaml_form.h"

#include <math.h>

#include "base/nearest.h"

void form_error_at(struct form *form, int line, int column, const char *format, ...)
{
    if (form->errors++ > FORM_MAX_ERRORS)
        return;
    if (form->errors > FORM_MAX_ERRORS) {
        diag_list_add(form->diags, form->file, line, column, "too many errors; mend those before");
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    struct span text = arena_vprintf(form->arena, format, arguments);
    va_end(arguments);
    diag_list_add(form->diags, form->file, line, column, "%.*s", SPAN_PRINTF(text));
}

void form_error(struct form *form, const struct yaml_node *node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct span text = arena_vprintf(form->arena, format, arguments);
    va_end(arguments);
    form_error_at(form, node->line, node->column, "%.*s", SPAN_PRINTF(text));
}

/* "text `abc`", "a list", "`5`": what a node is. */
static struct span form_found(struct form *form, const struct yaml_node *node)
{
    enum { SHOWN_BYTES = 60 };
    struct span text = node->text;
    const char *more = "";
    if (text.size > SHOWN_BYTES) {
        for (text.size = SHOWN_BYTES; (text.data[text.size] & 0xC0) == 0x80;)
            text.size--;
        more = "…";
    }
    switch (node->kind) {
    case YAML_BOOL:
    case YAML_INT:
    case YAML_FLOAT:
        return arena_printf(form->arena, "`%.*s%s`", SPAN_PRINTF(text), more);
    case YAML_STRING:
        if (text.size == 0)
            return SPAN_LITERAL("empty text");
        return arena_printf(form->arena, "text `%.*s%s`", SPAN_PRINTF(text), more);
    case YAML_LIST:
        return node->count == 0 ? SPAN_LITERAL("an empty list") : SPAN_LITERAL("a list");
    case YAML_MAP:
        return node->count == 0 ? SPAN_LITERAL("an empty map") : SPAN_LITERAL("a map");
    default:
        return SPAN_LITERAL("nothing");
    }
}

bool form_expected(struct form *form, const struct yaml_node *node, const char *key, const char *expected)
{
    form_error(form, node, "`%s`: expected %s, found %.*s", key, expected,
               SPAN_PRINTF(form_found(form, node)));
    return false;
}

const struct yaml_node *form_parse(struct form *form)
{
    const struct yaml_node *root;
    struct diag diag = {0};
    if (yaml_parse(form->source, form->arena, &root, &diag) == ERR_OK)
        return root;
    form_error_at(form, diag.line, diag.column, "%s", diag.text);
    return NULL;
}

static struct span join(struct arena *arena, const char *const *words)
{
    struct span text = SPAN_LITERAL("");
    for (const char *const *word = words; *word != NULL; word++)
        text = arena_printf(arena, "%.*s%s%s", SPAN_PRINTF(text), word == words ? "" : ", ", *word);
    return text;
}

static size_t words_count(const char *const *words)
{
    size_t count = 0;
    while (words[count] != NULL)
        count++;
    return count;
}

static void check_key(struct form *form, const struct yaml_member *member, const char *what,
                      const char *const *keys)
{
    size_t count = words_count(keys);
    for (size_t i = 0; i < count; i++) {
        if (span_equal_text(member->key, keys[i]))
            return;
    }
    int nearest = nearest_word(member->key, keys, count);
    if (nearest >= 0)
        form_error(form, member->key_node, "unknown key `%.*s` in %s; did you mean `%s`?",
                   SPAN_PRINTF(member->key), what, keys[nearest]);
    else
        form_error(form, member->key_node, "unknown key `%.*s` in %s; known are %.*s",
                   SPAN_PRINTF(member->key), what, SPAN_PRINTF(join(form->arena, keys)));
}

bool form_map(struct form *form, const struct yaml_node *node, const char *what, const char *const *keys)
{
    if (node->kind != YAML_MAP) {
        form_error(form, node, "expected %s (a map of %.*s), found %.*s", what,
                   SPAN_PRINTF(join(form->arena, keys)), SPAN_PRINTF(form_found(form, node)));
        return false;
    }
    for (size_t i = 0; i < node->count; i++)
        check_key(form, &node->members[i], what, keys);
    return true;
}

bool form_list(struct form *form, const struct yaml_node *node, const char *key)
{
    if (node->kind == YAML_LIST)
        return true;
    form_error(form, node, "`%s`: expected a list, found %.*s", key, SPAN_PRINTF(form_found(form, node)));
    return false;
}

const struct yaml_node *form_get(const struct yaml_node *map, const char *key)
{
    const struct yaml_member *member = yaml_find(map, span_from_text(key));
    return member == NULL ? NULL : member->value;
}

const struct yaml_node *form_need(struct form *form, const struct yaml_node *map, const char *what,
                                  const char *key)
{
    const struct yaml_node *value = form_get(map, key);
    if (value == NULL)
        form_error(form, map, "`%s` is missing in %s", key, what);
    return value;
}

bool form_text(struct form *form, const struct yaml_node *node, const char *key, const char *what,
               struct span *text)
{
    if (node->kind == YAML_LIST || node->kind == YAML_MAP || node->kind == YAML_NULL)
        return form_expected(form, node, key, what);
    *text = node->text;
    return true;
}

static bool is_allowed(char byte, const char *allowed)
{
    for (const char *at = allowed; *at != '\0'; at++) {
        if (at[1] == '-' && at[2] != '\0') {
            if (byte >= at[0] && byte <= at[2])
                return true;
            at += 2;
        } else if (byte == *at) {
            return true;
        }
    }
    return false;
}

bool name_fits(struct span name, const char *allowed, size_t max_bytes)
{
    for (size_t i = 0; i < name.size; i++) {
        if (!is_allowed(name.data[i], allowed))
            return false;
    }
    return name.size >= 1 && name.size <= max_bytes;
}

bool form_name(struct form *form, const struct yaml_node *node, const char *key, const char *allowed,
               size_t max_bytes, struct span *name)
{
    struct span what =
        arena_printf(form->arena, "a name of 1 to %zu characters out of %s", max_bytes, allowed);
    if (!form_text(form, node, key, what.data, name))
        return false;
    return name_fits(*name, allowed, max_bytes) || form_expected(form, node, key, what.data);
}

bool form_bool(struct form *form, const struct yaml_node *node, const char *key, bool *value)
{
    if (node->kind != YAML_BOOL)
        return form_expected(form, node, key, "true or false");
    *value = node->boolean;
    return true;
}

bool form_int(struct form *form, const struct yaml_node *node, const char *key, int64_t least, int64_t most,
              int64_t *value)
{
    if (node->kind != YAML_INT || node->integer < least || node->integer > most) {
        struct span what = arena_printf(form->arena, "a whole number from %lld to %lld", (long long)least,
                                        (long long)most);
        return form_expected(form, node, key, what.data);
    }
    *value = node->integer;
    return true;
}

bool form_choice(struct form *form, const struct yaml_node *node, const char *key,
                 const char *const *choices, int *choice)
{
    size_t count = words_count(choices);
    for (size_t i = 0; i < count; i++) {
        if (node->kind != YAML_LIST && node->kind != YAML_MAP && span_equal_text(node->text, choices[i])) {
            *choice = (int)i;
            return true;
        }
    }
    struct span what = arena_printf(form->arena, "%s%.*s", count > 1 ? "one of " : "",
                                    SPAN_PRINTF(join(form->arena, choices)));
    int nearest = node->kind == YAML_STRING ? nearest_word(node->text, choices, count) : -1;
    if (nearest < 0)
        return form_expected(form, node, key, what.data);
    form_error(form, node, "`%s`: expected %s, found text `%.*s`; did you mean `%s`?", key, what.data,
               SPAN_PRINTF(node->text), choices[nearest]);
    return false;
}

bool form_percent(struct form *form, const struct yaml_node *node, const char *key, double *percent)
{
    *percent = node->kind == YAML_INT     ? (double)node->integer
               : node->kind == YAML_FLOAT ? node->real
                                          : -1.0;
    if (*percent >= 0.0 && *percent <= 100.0)
        return true;
    return form_expected(form, node, key, "a percentage from 0 to 100");
}

uint32_t percent_buckets(double percent)
{
    double buckets = percent * 100.0, whole = nearbyint(buckets);
    return (uint32_t)(fabs(buckets - whole) < 1e-7 ? whole : ceil(buckets));
}
