/* Parses and renders. The input is the template, a snippet and the variables as JSON, with a line of dashes
 * ("----") between them; what is missing has a default. A first line "#html" escapes. */
#include "codec/json.h"
#include "core/liquid/liquid.h"
#include "fuzz.h"
#include "icu/icu_locale.h"

#define SEPARATOR "\n----\n"
#define MAX_STEPS 2000
#define MAX_OUTPUT_BYTES 4096

static const char default_vars[] = "{\"event\":{\"name\":\"Ad\\u00e9\",\"total\":12.5,\"n\":3,\"at\":"
                                   "\"2026-12-01T08:30:00Z\",\"tags\":[\"b\",\"a\",null],"
                                   "\"items\":[{\"a\":1,\"b\":\"x\"},{\"a\":null},{}]},\"profile\":{"
                                   "\"locale\":\"fr\"},\"s\":\"<b>&</b>\",\"z\":0}";

struct input {
    struct span template;
    struct span snippet;
    struct span vars;
    bool html;
};

static struct span take_part(struct span *rest)
{
    const char *end = memmem(rest->data, rest->size, SEPARATOR, sizeof SEPARATOR - 1);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    struct span part = span_slice(*rest, 0, size);
    *rest = span_slice(*rest, end == NULL ? size : size + sizeof SEPARATOR - 1, rest->size);
    return part;
}

static struct input split(struct span bytes)
{
    struct input input = {.html = span_starts_with(bytes, SPAN_LITERAL("#html\n"))};
    if (input.html)
        bytes = span_slice(bytes, 6, bytes.size);
    input.template = take_part(&bytes);
    input.snippet = take_part(&bytes);
    input.vars = bytes.size == 0 ? span_from_text(default_vars) : bytes;
    return input;
}

static void render(const struct liquid_template *template, const struct liquid_context *context,
                   struct arena *arena)
{
    struct span first;
    struct span second;
    struct diag diag = {0};
    size_t before = arena->used_bytes;
    enum err error = liquid_render(template, context, arena, &first, &diag);
    MUST(arena->used_bytes - before < 32u << 20);
    MUST(first.size <= MAX_OUTPUT_BYTES);
    MUST(error != ERR_OK || first.data[first.size] == '\0');
    MUST(error == ERR_OK || (first.size == 0 && diag.line >= 1 && diag.column >= 1));
    MUST(liquid_render(template, context, arena, &second, NULL) == error);
    MUST(span_equal(first, second));
}

static void run(const struct input *input, const struct locale_port *port, struct arena *arena)
{
    struct liquid_snippet snippets[] = {{SPAN_LITERAL("s"), input->snippet}};
    struct liquid_options options = {.html = input->html, .snippets = snippets, .snippet_count = 1};
    const struct liquid_template *template;
    struct diag diag = {0};
    struct value vars;
    if (liquid_parse(&options, input->template, arena, &template, &diag) != ERR_OK) {
        MUST(diag.line >= 1 && diag.column >= 1 && diag.text[0] != '\0');
        return;
    }
    if (json_parse(input->vars, NULL, arena, &vars, NULL) != ERR_OK || vars.kind != VALUE_MAP)
        return;
    liquid_template_reads(template, SPAN_LITERAL("event"), arena);
    struct liquid_context context = {.variables = vars,
                                     .locale_port = port,
                                     .locale = SPAN_LITERAL("fr"),
                                     .zone = port->zone_find(port->self, SPAN_LITERAL("Europe/Paris")),
                                     .now_ms = 1796113800000,
                                     .max_steps = MAX_STEPS,
                                     .max_output_bytes = MAX_OUTPUT_BYTES};
    render(template, &context, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct locale_port port;
    static struct arena arena;
    if (port.self == NULL)
        MUST(icu_locale_open(&port) == ERR_OK);
    arena_init(&arena, 0);
    struct input input = split(span_make(data, size));
    run(&input, &port, &arena);
    arena_destroy(&arena);
    return 0;
}
