/* Evaluates or matches N times: what tools/bench-cel counts the instructions of.
 *
 *     bench-cel CASE N      prints how often the condition held
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/match_index.h"

enum { CAMPAIGNS = 1000 };

static const struct span variables[] = {{"event", 5}};

static struct arena arena, scratch;

static struct value text(const char *bytes)
{
    return value_string(span_from_text(bytes));
}

static const struct cel_program *compile(struct span source)
{
    struct cel_options options = {.variables = variables, .variable_count = 1, .check = true};
    struct cel_program *program;
    struct diag diag;
    if (cel_compile(&options, source, &arena, &program, &diag) != ERR_OK) {
        fprintf(stderr, "%.*s: %s\n", SPAN_PRINTF(source), diag.text);
        exit(1);
    }
    return program;
}

static long evaluate(const char *source, struct value event, long times)
{
    const struct cel_program *program = compile(span_from_text(source));
    struct cel_activation activation = {.variables = &event};
    long held = 0;
    for (long i = 0; i < times; i++)
        held += cel_eval_condition(program, &activation, &scratch, NULL);
    return held;
}

/* CAMPAIGNS conditions made from `format` and their number; each event is taken through the index. */
static long match(const char *format, struct value event, long times)
{
    static struct match_entry entries[CAMPAIGNS];
    for (int i = 0; i < CAMPAIGNS; i++) {
        char source[128];
        int size = snprintf(source, sizeof source, format, i, i + 1);
        entries[i] = (struct match_entry){SPAN_LITERAL("cart"), compile(span_make(source, (size_t)size)),
                                          (uint32_t)i};
    }
    struct match_index *index = match_index_build(entries, CAMPAIGNS, 0, &arena);
    struct cel_activation activation = {.variables = &event};
    long held = 0;
    for (long i = 0; i < times; i++) {
        const struct match *matches;
        size_t count = match_index_find(index, SPAN_LITERAL("cart"), event, &scratch, &matches);
        for (const struct match *found = matches, *end = found + count; found < end; found++)
            if (found->certain || cel_eval_condition(entries[found->id].where, &activation, &scratch, NULL))
                held += 1;
        arena_reset(&scratch);
    }
    return held;
}

int main(int argc, char **argv)
{
    struct value_member attributes[] = {
        {text("cart_id"), text("c42")},      {text("items"), value_int(3)}, {text("currency"), text("EUR")},
        {text("total"), value_double(99.5)}, {text("country"), text("FR")}, {text("page"), text("cart")},
        {text("n"), value_int(500)},         {text("kind"), text("k500")},
    };
    struct value event = value_map(attributes, sizeof attributes / sizeof *attributes);
    if (argc != 3) {
        fprintf(stderr, "usage: bench-cel two-terms|ten-terms|equality|interval|range N\n");
        return 2;
    }
    struct span name = span_from_text(argv[1]);
    long times = atol(argv[2]);
    arena_init(&arena, 0);
    arena_init(&scratch, 0);
    if (span_equal_text(name, "two-terms"))
        printf("%ld\n", evaluate("event.total >= 30.0 && event.currency == \"EUR\"", event, times));
    else if (span_equal_text(name, "ten-terms"))
        printf("%ld\n",
               evaluate(
                   "event.total >= 30.0 && event.currency == \"EUR\" && event.items > 1 && event.items < 10"
                   " && event.country in [\"FR\", \"BE\"] && event.page != \"home\" && "
                   "event.cart_id.startsWith(\"c\") && has(event.n) && event.n + 1 > 500 && !(event.kind "
                   "== \"y\")",
                   event, times));
    else if (span_equal_text(name, "equality"))
        printf("%ld\n", match("event.kind == \"k%d\"", event, times));
    else if (span_equal_text(name, "interval"))
        printf("%ld\n", match("event.n >= %d && event.n < %d", event, times));
    else if (span_equal_text(name, "range"))
        printf("%ld\n", match("event.n >= %d", event, times));
    else
        return 2;
    arena_destroy(&scratch);
    arena_destroy(&arena);
    return 0;
}
