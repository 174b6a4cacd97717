/* The times and locales of yaml_form. */
#include "base/civil.h"
#include "base/duration.h"
#include "codec/yaml_form.h"

bool form_duration(struct form *form, const struct yaml_node *node, const char *key, int64_t least_ms,
                   int64_t *ms)
{
    const char *what = "a duration such as `30s`, `1h30m` or `7d`";
    struct span text;
    if (!form_text(form, node, key, what, &text))
        return false;
    enum err error = duration_parse_ms(text, ms);
    if (error == ERR_OVERFLOW || (error == ERR_OK && *ms > FORM_MAX_DURATION_MS))
        return form_expected(form, node, key, "a duration of at most 36500d");
    if (error != ERR_OK)
        return form_expected(form, node, key, what);
    if (*ms < least_ms)
        return form_expected(form, node, key,
                             least_ms == 1 ? "a duration of more than 0" : "a longer duration");
    return true;
}

bool form_clock(struct form *form, const struct yaml_node *node, const char *key, int *minute)
{
    struct span text = node->text;
    bool fits = node->kind == YAML_STRING && text.size == 5 && text.data[2] == ':';
    for (size_t i = 0; fits && i < 5; i++)
        fits = i == 2 || (text.data[i] >= '0' && text.data[i] <= '9');
    if (fits) {
        int hours = (text.data[0] - '0') * 10 + text.data[1] - '0';
        int minutes = (text.data[3] - '0') * 10 + text.data[4] - '0';
        *minute = hours * 60 + minutes;
        if (hours < 24 && minutes < 60)
            return true;
    }
    return form_expected(form, node, key, "a time of day from \"00:00\" to \"23:59\"");
}

bool form_days(struct form *form, const struct yaml_node *node, const char *key, uint8_t *days)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};
    *days = 0;
    if (!form_list(form, node, key))
        return false;
    bool fits = true;
    for (size_t i = 0; i < node->count; i++) {
        int day;
        if (form_choice(form, node->items[i], key, names, &day))
            *days = (uint8_t)(*days | 1u << day);
        else
            fits = false;
    }
    return fits;
}

bool form_instant(struct form *form, const struct yaml_node *node, const char *key, int64_t *ms)
{
    int64_t seconds;
    uint32_t nanos;
    if (node->kind != YAML_STRING || civil_parse_rfc3339(node->text, &seconds, &nanos) != ERR_OK)
        return form_expected(form, node, key, "a time with its offset such as 2026-12-01T00:00:00Z");
    *ms = seconds * 1000 + nanos / 1000000;
    return true;
}

/* Subtags of letters and digits (RFC 5646): a language of two to eight letters, then any. */
static bool is_locale(struct span text)
{
    size_t start = 0;
    for (size_t at = 0; at <= text.size; at++) {
        if (at < text.size && text.data[at] != '-')
            continue;
        struct span part = span_slice(text, start, at);
        if (!name_fits(part, start == 0 ? "A-Za-z" : "A-Za-z0-9", 8) || (start == 0 && part.size < 2))
            return false;
        start = at + 1;
    }
    return true;
}

bool form_locale(struct form *form, const struct yaml_node *node, const char *key, struct span *locale)
{
    if (node->kind != YAML_STRING || !is_locale(node->text))
        return form_expected(form, node, key, "a language tag such as fr or fr-CA");
    *locale = node->text;
    return true;
}
