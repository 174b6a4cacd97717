/* Liquid: the language of message fields.
 *
 * Shopify's template language as Shopify/liquid 5 has it, parsed by its strictest rules ("strict2"):
 * what its lax parsers would guess at is an error with a place. A template is parsed once, when a
 * campaign is applied, into an immutable tree that any number of threads may render; rendering is a
 * pure function of the variables, the clock and the zone given, and costs bounded memory and time.
 *
 * Beside the standard tags and filters there are `{% abort "why" %}`, the filters `money`, `number`
 * and `raw`, a `date` that knows zones and locales, and a `truncate` that counts graphemes.
 * docs/messages.md lists all of them with examples.
 *
 * Language reference: https://shopify.github.io/liquid/ and the source of Shopify/liquid.
 */
#ifndef DECLIC_CORE_LIQUID_LIQUID_H
#define DECLIC_CORE_LIQUID_LIQUID_H

#include "base/arena.h"
#include "core/value.h"
#include "ports/locale.h"

struct liquid_template;

/* A named text for `{% render 'name' %}` and `{% include 'name' %}`. */
struct liquid_snippet {
    struct span name;
    struct span text;
};

struct liquid_options {
    /* Every `{{ … }}` is escaped as by the filter `escape`, unless it went through `raw`, `escape`
     * or `escape_once`, or is the text of a `capture`. */
    bool html;
    /* The snippets that may be named. Read during the parse only. */
    const struct liquid_snippet *snippets;
    size_t snippet_count;
    /* True: a snippet that is named and missing, or that has a syntax error, is an error of the parse
     * (what `validate` wants). False: of the rendering that reaches it, as in Shopify's Liquid. */
    bool check_snippets;
};

/* Blocks, brackets and ranges nest at most this deep, as do snippets that render snippets. */
#define LIQUID_MAX_DEPTH 100

/* Parses `source` into *template, which lives in `arena` and keeps copies of the texts. Errors, with line
 * and column in *diag (diag may be NULL): ERR_SYNTAX for whatever does not parse, unknown tags and filters
 * and wrong argument counts included; ERR_NOT_FOUND for a missing snippet; ERR_LIMIT for nesting that is
 * too deep or a source over 16 MiB. */
WARN_UNUSED enum err liquid_parse(const struct liquid_options *options, struct span source,
                                  struct arena *arena, const struct liquid_template **parsed,
                                  struct diag *diag);

#define LIQUID_DEFAULT_MAX_STEPS 100000
#define LIQUID_DEFAULT_MAX_OUTPUT_BYTES 65536

struct liquid_context {
    /* A VALUE_MAP of the globals (event, profile, user, now, …), seen everywhere, also in snippets.
     * A timestamp prints as RFC 3339 with milliseconds and Z. */
    struct value variables;
    const struct locale_port *locale_port;
    struct span locale; /* for money, number and date names; empty: "en" */
    /* The user's zone, for `date`. NULL: UTC. */
    const struct locale_zone *zone;
    int64_t now_ms; /* what 'now' and 'today' mean to `date` */
    /* 0: the defaults above. A step is a tag, an output, an iteration, or a unit of work (about 64
     * bytes or one item) in a filter. Output bytes bound the result, and any text made on the way. */
    uint32_t max_steps;
    uint32_t max_output_bytes;
};

/* Renders into *output, allocated from `arena` and NUL-terminated beyond its size. Same template,
 * context and locale data: same result. Errors, with what happened and where in *diag (may be NULL):
 * ERR_ABORTED: `{% abort %}` was reached; diag->text is its reason alone.
 * ERR_LIMIT: steps, output bytes, memory or nesting ran out.
 * ERR_NOT_FOUND, ERR_SYNTAX: of a snippet, see check_snippets.
 * ERR_INVALID: anything that Shopify's Liquid prints inline as "Liquid error", and a value that a
 * filter cannot take. On an error *output is empty. */
WARN_UNUSED enum err liquid_render(const struct liquid_template *parsed,
                                   const struct liquid_context *context, struct arena *arena,
                                   struct span *output, struct diag *diag);

/* Which attributes of a global (e.g. "event") the template and its snippets may read. */
struct liquid_reads {
    bool all;                 /* it is used as a whole or with a name that is only known when rendering */
    const struct span *names; /* sorted, each once; those known by name, also when `all` */
    size_t count;
};

/* Cheap enough for apply time, not for the hot path. The names live as long as the
 * template and `arena`. A global that is not mentioned gives {false, NULL, 0}. Never too few names,
 * sometimes one too many (a variable of the template's own that has the global's name). */
struct liquid_reads liquid_template_reads(const struct liquid_template *parsed, struct span global,
                                          struct arena *arena);

#endif
