/* A YAML document with a known form: reads keys and values, and says all that is wrong.
 *
 * What campaigns, policy and configuration have in common: maps with known keys, names, durations,
 * choices. Every function adds what it finds wrong to the list and goes on; `key` names the value in
 * messages. Those that return bool return false when the value cannot be used.
 */
#ifndef DECLIC_CODEC_YAML_FORM_H
#define DECLIC_CODEC_YAML_FORM_H

#include "base/diag_list.h"
#include "codec/yaml_doc.h"

/* After so many errors in one file the rest is not reported. */
#define FORM_MAX_ERRORS 100
/* The longest duration anywhere, about a century: sums with an instant never overflow. */
#define FORM_MAX_DURATION_MS (36500LL * 24 * 60 * 60 * 1000)

struct form {
    struct span source; /* the whole text, for places within scalars */
    struct span file;
    struct arena *arena;
    struct diag_list *diags;
    size_t errors;
};

void form_error(struct form *form, const struct yaml_node *node, const char *format, ...) PRINTF_LIKE(3, 4);
void form_error_at(struct form *form, int line, int column, const char *format, ...) PRINTF_LIKE(4, 5);

/* "`key`: expected …, found text `abc`"; always false. */
bool form_expected(struct form *form, const struct yaml_node *node, const char *key, const char *expected);

/* Parses the whole text; NULL after a syntax error. */
const struct yaml_node *form_parse(struct form *form);

/* True when `node` is a map. Unknown keys are errors that name the nearest known one, or all of `keys`
 * (ended by NULL). `what` is the thing with its article: "a step". */
bool form_map(struct form *form, const struct yaml_node *node, const char *what, const char *const *keys);
/* True when it is a list. */
bool form_list(struct form *form, const struct yaml_node *node, const char *key);
/* The value of a key, or NULL. */
const struct yaml_node *form_get(const struct yaml_node *map, const char *key);
/* The same; that there is none is an error: "`id` is missing in a step". */
const struct yaml_node *form_need(struct form *form, const struct yaml_node *map, const char *what,
                                  const char *key);

/* Text of any kind of scalar but null; `expected` for the message: "a time zone". */
bool form_text(struct form *form, const struct yaml_node *node, const char *key, const char *expected,
               struct span *text);
/* Text of 1 to `max_bytes` characters out of `allowed` (like "a-z0-9_", a final '-' for itself). */
bool form_name(struct form *form, const struct yaml_node *node, const char *key, const char *allowed,
               size_t max_bytes, struct span *name);
bool name_fits(struct span name, const char *allowed, size_t max_bytes);
bool form_bool(struct form *form, const struct yaml_node *node, const char *key, bool *value);
bool form_int(struct form *form, const struct yaml_node *node, const char *key, int64_t least, int64_t most,
              int64_t *value);
/* A duration of at least `least_ms`. */
bool form_duration(struct form *form, const struct yaml_node *node, const char *key, int64_t least_ms,
                   int64_t *ms);
/* One of `choices` (ended by NULL): its index. */
bool form_choice(struct form *form, const struct yaml_node *node, const char *key,
                 const char *const *choices, int *choice);
/* A percentage, 0 to 100. */
bool form_percent(struct form *form, const struct yaml_node *node, const char *key, double *percent);
/* How many of the 10,000 buckets it is, rounded up: the buckets below that number are in. */
uint32_t percent_buckets(double percent);
/* "HH:MM" as minutes from midnight. */
bool form_clock(struct form *form, const struct yaml_node *node, const char *key, int *minute);
/* A list of mon … sun; bit 0 = Monday. */
bool form_days(struct form *form, const struct yaml_node *node, const char *key, uint8_t *days);
/* An instant, RFC 3339. */
bool form_instant(struct form *form, const struct yaml_node *node, const char *key, int64_t *ms);
/* A language tag such as `fr` or `fr-CA`. */
bool form_locale(struct form *form, const struct yaml_node *node, const char *key, struct span *locale);

#endif
