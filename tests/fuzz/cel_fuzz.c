#include <string.h>

#include "codec/eval_json.h"
#include "core/cel/cel.h"
#include "core/cel/node.h"
#include "fuzz.h"

static const struct span names[] = {{"event", 5}, {"x", 1},       {"l", 1},
                                    {"s", 1},     {"user.id", 7}, {"unbound", 7}};
enum { NAMES = sizeof names / sizeof *names, UNBOUND = 5 };

static struct value list_items[6];
static struct value_member event_members[4];
static struct value values[NAMES];

static void make_values(void)
{
    list_items[0] = value_int(1);
    list_items[1] = value_double(2.5);
    list_items[2] = value_string(SPAN_LITERAL("h\xC3\xA9"));
    list_items[3] = value_null();
    list_items[4] = value_uint(UINT64_MAX);
    list_items[5] = value_timestamp_from_ms(1234567890123);
    event_members[0] = (struct value_member){value_string(SPAN_LITERAL("total")), value_double(30.5)};
    event_members[1] = (struct value_member){value_string(SPAN_LITERAL("n")), value_int(-7)};
    event_members[2] = (struct value_member){value_string(SPAN_LITERAL("tags")), value_list(list_items, 6)};
    event_members[3] = (struct value_member){value_int(5), value_bool(true)};
    values[0] = value_map(event_members, 4);
    values[1] = value_int(41);
    values[2] = value_list(list_items, 6);
    values[3] = value_string(SPAN_LITERAL("abc"));
    values[4] = value_string(SPAN_LITERAL("u1"));
}

static enum err fake_count(void *self, const struct cel_counter *counter, int64_t now_ms, int64_t *count)
{
    (void)self;
    (void)now_ms;
    *count = (int64_t)counter->name.size;
    return counter->window_ms == 1 ? ERR_CORRUPT : ERR_OK;
}

static enum err fake_last(void *self, struct span name, struct value *timestamp)
{
    (void)self;
    *timestamp = name.size % 2 == 0 ? value_null() : value_timestamp_from_ms(1000);
    return ERR_OK;
}

static const struct cel_host host = {NULL, fake_count, fake_last};
static const struct cel_activation activation = {
    .variables = values, .unbound = 1u << UNBOUND, .host = &host, .max_steps = 3000};

static bool same_tree(const struct cel_node *a, const struct cel_node *b)
{
    for (; a != NULL && b != NULL; a = a->target, b = b->target) {
        if (a->kind != b->kind || a->detail != b->detail || a->absolute != b->absolute ||
            a->arg_count != b->arg_count || !span_equal(a->name, b->name) || a->value.kind != b->value.kind)
            return false;
        for (uint32_t i = 0; i < a->arg_count; i++)
            if (!same_tree(a->args[i], b->args[i]))
                return false;
    }
    return a == b;
}

/* What parses can be printed, and parses to the same again. */
static void check_print(struct span source, struct arena *arena)
{
    struct cel_parse parse = {.source = source, .arena = arena, .max_depth = 100};
    if (cel_parse_source(&parse) != ERR_OK) {
        MUST(parse.place.line >= 1 && parse.place.column >= 1);
        return;
    }
    struct span printed = cel_node_print(parse.root, arena);
    struct cel_parse again = {.source = printed, .arena = arena, .max_depth = 100};
    MUST(cel_parse_source(&again) == ERR_OK);
    MUST(same_tree(parse.root, again.root));
}

/* All tests of a program that is true hold, and if they are all there is, it is true when they hold: here
 * only that asking is safe and that what is reported is well formed. */
static void check_facts(const struct cel_program *program)
{
    size_t count;
    bool all;
    const struct cel_test *tests = cel_tests(program, &count, &all);
    for (size_t i = 0; i < count; i++)
        MUST(tests[i].slot < NAMES && tests[i].path_size >= 1 && tests[i].literal.kind < VALUE_KIND_COUNT &&
             cel_reads_variable(program, tests[i].slot));
    for (uint32_t slot = 0; slot < NAMES; slot++) {
        struct cel_reads reads = cel_reads_of(program, slot);
        MUST(cel_reads_variable(program, slot) == (reads.all || reads.count != 0));
    }
    MUST(cel_result_kind(program) <= VALUE_KIND_COUNT);
}

static void check_run(struct span source, bool check, struct arena *arena)
{
    struct cel_options options = {.variables = names,
                                  .variable_count = NAMES,
                                  .check = check,
                                  .counters = true,
                                  .max_source_bytes = 1 << 16,
                                  .max_depth = 100};
    struct cel_program *program;
    struct diag diag = {0};
    if (cel_compile(&options, source, arena, &program, &diag) != ERR_OK) {
        MUST(program == NULL && diag.text[0] != '\0');
        return;
    }
    check_facts(program);
    struct value result, again;
    enum err error = cel_eval(program, &activation, arena, &result, &diag);
    MUST(cel_eval(program, &activation, arena, &again, NULL) == error);
    MUST(cel_eval_condition(program, &activation, arena, NULL) ==
         (error == ERR_OK && result.kind == VALUE_BOOL && result.boolean));
    if (error == ERR_OK) {
        enum value_kind kind = cel_result_kind(program);
        MUST(result.kind < VALUE_KIND_COUNT && (kind == VALUE_KIND_COUNT || kind == result.kind));
        struct buf text = {0};
        eval_json_encode(result, &text);
        buf_free(&text);
    } else {
        MUST(result.kind == VALUE_NULL && diag.text[0] != '\0');
    }
    cel_program_close(program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct span source = span_make(data, size);
    make_values();
    arena_init(&arena, 0);
    check_print(source, &arena);
    arena_reset(&arena);
    check_run(source, true, &arena);
    arena_reset(&arena);
    check_run(source, false, &arena);
    arena_destroy(&arena);
    return 0;
}
