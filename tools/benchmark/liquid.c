/* Renders a push message N times: what tools/bench-liquid counts the instructions of.
 *
 *     bench-liquid CASE N      prints the bytes rendered
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/liquid/liquid.h"
#include "icu/icu_locale.h"

#define FIELDS 3

static struct arena arena, scratch;
static struct locale_port port;

static const struct {
    const char *name;
    const char *fields[FIELDS];
} cases[] = {
    {"plain",
     {"{{ profile.first_name | default: 'Hello' }}, your cart is waiting",
      "{{ event.items }} articles from {{ event.shop }}, {{ event.total }} {{ event.currency }}",
      "https://img.example/carts.png"}},
    {"locale",
     {"{{ profile.first_name | default: 'Hello' }}, your cart is waiting",
      "{{ event.items }} articles, {{ event.total | money: event.currency }} until {{ event.ends | date: "
      "'%A %-d %B, %H:%M' }}",
      "https://img.example/carts.png"}},
    {"long",
     {"{% if event.total > 50 %}{{ profile.first_name | capitalize | escape }}{% else %}Hello{% endif %}",
      "{% for line in event.lines limit: 3 %}{{ forloop.index }}. {{ line.title | truncate: 20 }} x {{ "
      "line.count }}\n{% endfor %}",
      "https://img.example/{{ event.shop | downcase | url_encode }}.png"}},
};

static struct value text(const char *bytes)
{
    return value_string(span_from_text(bytes));
}

static size_t render(const struct liquid_template *const *fields, const struct liquid_context *context)
{
    size_t bytes = 0;
    for (int i = 0; i < FIELDS; i++) {
        struct span output;
        if (liquid_render(fields[i], context, &scratch, &output, NULL) != ERR_OK)
            exit(1);
        bytes += output.size;
    }
    arena_reset(&scratch);
    return bytes;
}

static void parse(const char *const *texts, const struct liquid_template **fields)
{
    struct liquid_options options = {0};
    for (int i = 0; i < FIELDS; i++) {
        struct diag diag;
        if (liquid_parse(&options, span_from_text(texts[i]), &arena, &fields[i], &diag) != ERR_OK) {
            fprintf(stderr, "%s: %s\n", texts[i], diag.text);
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    struct value_member line[] = {{text("title"), text("A lamp for the desk at the window")},
                                  {text("count"), value_int(2)}};
    struct value lines[] = {value_map(line, 2), value_map(line, 2), value_map(line, 2), value_map(line, 2)};
    struct value_member event[] = {{text("items"), value_int(3)},
                                   {text("shop"), text("Lyon Centre")},
                                   {text("total"), value_double(99.5)},
                                   {text("currency"), text("EUR")},
                                   {text("ends"), text("2026-12-01T08:30:00Z")},
                                   {text("lines"), value_list(lines, 4)}};
    struct value_member profile[] = {{text("first_name"), text("Ada")}, {text("city"), text("Lyon")}};
    struct value_member variables[] = {{text("event"), value_map(event, 6)},
                                       {text("profile"), value_map(profile, 2)}};
    const struct liquid_template *fields[FIELDS] = {0};
    if (argc != 3 || icu_locale_open(&port) != ERR_OK) {
        fprintf(stderr, "usage: bench-liquid plain|locale|long N\n");
        return 2;
    }
    arena_init(&arena, 0);
    arena_init(&scratch, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (span_equal(span_from_text(argv[1]), span_from_text(cases[i].name)))
            parse(cases[i].fields, fields);
    if (fields[0] == NULL)
        return 2;
    struct liquid_context context = {.variables = value_map(variables, 2),
                                     .locale_port = &port,
                                     .locale = SPAN_LITERAL("fr"),
                                     .zone = port.zone_find(port.self, SPAN_LITERAL("Europe/Paris"))};
    size_t bytes = 0;
    for (long times = atol(argv[2]); times > 0; times--)
        bytes += render(fields, &context);
    printf("%zu\n", bytes);
    arena_destroy(&scratch);
    arena_destroy(&arena);
    icu_locale_close(&port);
    return 0;
}
