/* Our reader of Avro against avro-c: random schemas and values from fixed seeds. */
#include "avro_c.h"

#include "check.h"
#include "codec/avro_record.h"
#include "codec/json.h"

static struct arena arena;

/* ---- random schemas ---- */

enum { PRIMITIVES = 8, ARRAY = PRIMITIVES, MAP, ENUM, FIXED, RECORD, REFERENCE, UNION };

#define DEPTH 5
#define TYPES 40

struct maker {
    struct dice dice;
    struct buf json;
    uint32_t types_left;
    struct definition {
        struct span space, name;
        bool open;    /* this place is inside of it */
        size_t exits; /* at its beginning */
        bool loops;   /* something in it is named inside of that something */
    } named[TYPES];
    size_t named_count;
    size_t exits; /* unions, arrays and maps around this place: what lets a value end */
};

static void make_type(struct maker *maker, uint32_t depth, struct span space);

/* A way from a record to itself has an exit, or its values would have no end. */
static bool can_be_named(const struct maker *maker, const struct definition *definition, struct span space)
{
    if (definition->space.size == 0 && space.size != 0)
        return false;
    if (definition->open)
        return maker->exits > definition->exits;
    for (size_t i = maker->named_count; definition->loops && i-- > 0;)
        if (maker->named[i].open)
            return maker->exits > maker->named[i].exits;
    return true;
}

/* One of the first `limit` definitions; NULL when none of them can be named here. */
static const struct definition *pick_definition(struct maker *maker, size_t limit, struct span space)
{
    size_t count = 0, choice;
    for (size_t i = 0; i < limit; i++)
        count += can_be_named(maker, &maker->named[i], space) ? 1 : 0;
    if (count == 0)
        return NULL;
    choice = dice_below(&maker->dice, (uint32_t)count);
    for (size_t i = 0;; i++)
        if (can_be_named(maker, &maker->named[i], space) && choice-- == 0)
            return &maker->named[i];
}

static void make_primitive(struct maker *maker, uint32_t kind)
{
    static const char *const names[PRIMITIVES] = {"null",  "boolean", "int",   "long",
                                                  "float", "double",  "bytes", "string"};
    buf_printf(&maker->json, dice_below(&maker->dice, 3) == 0 ? "{\"type\":\"%s\"}" : "\"%s\"",
               names[kind]);
}

static void make_reference(struct maker *maker, const struct definition *definition, struct span space)
{
    for (size_t i = 0; (definition->open || definition->loops) && i < maker->named_count; i++)
        maker->named[i].loops |= maker->named[i].open;
    if (definition->space.size == 0 ||
        (span_equal(definition->space, space) && dice_below(&maker->dice, 2) == 0))
        buf_printf(&maker->json, "\"%.*s\"", SPAN_PRINTF(definition->name));
    else
        buf_printf(&maker->json, "\"%.*s.%.*s\"", SPAN_PRINTF(definition->space),
                   SPAN_PRINTF(definition->name));
}

/* Its name is told in one of the three ways there are. */
static struct definition *make_definition(struct maker *maker, const char *kind, struct span space)
{
    static const char *const spaces[] = {"a", "a.b", "org.x_1"};
    struct definition *made = &maker->named[maker->named_count];
    uint32_t way = dice_below(&maker->dice, 3);
    made->name = arena_printf(&arena, "N%zu", maker->named_count++);
    made->space = way == 0 ? space : span_from_text(spaces[dice_below(&maker->dice, 3)]);
    made->open = true;
    made->exits = maker->exits;
    buf_printf(&maker->json, "{\"type\":\"%s\",\"name\":\"", kind);
    if (way == 1)
        buf_printf(&maker->json, "%.*s.", SPAN_PRINTF(made->space));
    buf_printf(&maker->json, "%.*s\"", SPAN_PRINTF(made->name));
    if (way == 2)
        buf_printf(&maker->json, ",\"namespace\":\"%.*s\"", SPAN_PRINTF(made->space));
    return made;
}

static void make_enum(struct maker *maker, struct span space)
{
    make_definition(maker, "enum", space)->open = false;
    buf_append_text(&maker->json, ",\"symbols\":[\"A\"");
    for (uint32_t i = dice_below(&maker->dice, 100); i > 0; i--)
        buf_printf(&maker->json, ",\"S_%u\"", i);
    buf_append_text(&maker->json, "]}");
}

static void make_fixed(struct maker *maker, struct span space)
{
    make_definition(maker, "fixed", space)->open = false;
    buf_printf(&maker->json, ",\"size\":%u}", 1 + dice_below(&maker->dice, 40));
}

static void make_record(struct maker *maker, uint32_t depth, struct span space)
{
    struct definition *record = make_definition(maker, "record", space);
    uint32_t count = 1 + dice_below(&maker->dice, 5); /* avro-c can hold no array of what takes no bytes */
    buf_append_text(&maker->json, ",\"fields\":[");
    for (uint32_t i = 0; i < count; i++) {
        buf_printf(&maker->json, "%s{\"name\":\"f%u\",\"type\":", i == 0 ? "" : ",", i);
        make_type(maker, depth, record->space);
        buf_append_byte(&maker->json, '}');
    }
    buf_append_text(&maker->json, "]}");
    record->open = false;
}

static void make_list(struct maker *maker, uint32_t kind, uint32_t depth, struct span space)
{
    buf_append_text(&maker->json,
                    kind == ARRAY ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":");
    maker->exits++;
    make_type(maker, depth, space);
    maker->exits--;
    buf_append_byte(&maker->json, '}');
}

/* `limit`: how many of the definitions may be referred to. */
static void make_kind(struct maker *maker, uint32_t kind, size_t limit, uint32_t depth, struct span space)
{
    const struct definition *definition = kind == REFERENCE ? pick_definition(maker, limit, space) : NULL;
    maker->types_left -= maker->types_left == 0 ? 0 : 1;
    if (kind == REFERENCE && definition != NULL)
        make_reference(maker, definition, space);
    else if (kind == ARRAY || kind == MAP)
        make_list(maker, kind, depth, space);
    else if (kind == RECORD)
        make_record(maker, depth, space);
    else if (kind == ENUM)
        make_enum(maker, space);
    else if (kind == FIXED)
        make_fixed(maker, space);
    else
        make_primitive(maker, kind % PRIMITIVES);
}

static uint32_t pick_kind(struct maker *maker, uint32_t depth, bool in_union)
{
    static const uint32_t kinds[] = {0,         1,         2,         3,     4,     5,      6,
                                     7,         ARRAY,     MAP,       ENUM,  FIXED, RECORD, RECORD,
                                     REFERENCE, REFERENCE, REFERENCE, UNION, UNION, UNION};
    uint32_t count = sizeof kinds / sizeof *kinds - (in_union ? 3 : 0);
    return kinds[dice_below(&maker->dice, depth == 0 || maker->types_left == 0 ? PRIMITIVES : count)];
}

/* No two branches are of one kind, but for definitions; one at least is a primitive. */
static void make_union(struct maker *maker, uint32_t depth, struct span space)
{
    uint32_t count = 1 + dice_below(&maker->dice, 4), primitive = dice_below(&maker->dice, count);
    uint32_t taken = 0;
    size_t limit = maker->named_count;
    buf_append_byte(&maker->json, '[');
    maker->exits++;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t kind;
        do {
            kind = pick_kind(maker, i == primitive ? 0 : depth, true);
            if (kind == REFERENCE && pick_definition(maker, limit, space) == NULL)
                kind = RECORD;
        } while ((taken >> kind & 1) != 0);
        if (kind < ENUM || kind == REFERENCE)
            taken |= 1u << kind;
        buf_append_text(&maker->json, i == 0 ? "" : ",");
        make_kind(maker, kind, limit, depth, space);
    }
    maker->exits--;
    buf_append_byte(&maker->json, ']');
}

static void make_type(struct maker *maker, uint32_t depth, struct span space)
{
    uint32_t kind = pick_kind(maker, depth, false);
    if (kind == UNION)
        make_union(maker, depth - 1, space);
    else
        make_kind(maker, kind, maker->named_count, depth == 0 ? 0 : depth - 1, space);
}

/* Most are records, as in topics. */
static struct span make_schema(uint32_t seed, struct dice *dice)
{
    struct maker maker = {.dice = {seed}, .types_left = TYPES};
    if (seed % 4 == 0)
        make_type(&maker, DEPTH, (struct span){0});
    else
        make_record(&maker, DEPTH, (struct span){0});
    struct span json = arena_copy(&arena, buf_span(&maker.json));
    buf_free(&maker.json);
    *dice = maker.dice;
    return json;
}

/* ---- reading ---- */

static const struct avro_limits wide = {.depth = 40, .entries = 100000};

static const struct avro_type *read_schema(struct span json)
{
    struct diag diag = {0};
    const struct avro_type *type;
    if (avro_schema_read(json, &arena, &type, &diag) != ERR_OK)
        fail_msg("%.*s: %s", SPAN_PRINTF(json), diag.text);
    return type;
}

static void expect_read(const struct buf *bytes, const struct avro_type *type, struct value expected,
                        const char *what, struct span where)
{
    struct diag diag = {0};
    struct value value;
    if (avro_record_read(buf_span(bytes), type, &wide, &arena, &value, &diag) != ERR_OK)
        fail_msg("%s, %.*s: %s", what, SPAN_PRINTF(where), diag.text);
    expect_same(expected, value, what, where);
}

static void what_avro_c_writes_is_read_as_it_was_meant(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 400; seed++) {
        struct dice dice;
        struct span json = make_schema(seed, &dice);
        const struct avro_type *type = read_schema(json);
        struct avro_c *peer = avro_c_open(json);
        for (int i = 0; i < 8; i++) {
            struct avro_c_sample sample;
            struct arena_mark mark = arena_mark(&arena);
            avro_c_sample_make(peer, &dice, &arena, &sample);
            struct value again = avro_c_read(peer, buf_span(&sample.in_blocks), &arena);
            expect_same(sample.value, again, "avro-c reads blocks of its own values", json);
            expect_read(&sample.bytes, type, sample.value, "as avro-c writes it", json);
            expect_read(&sample.in_blocks, type, sample.value, "in blocks", json);
            avro_c_sample_free(&sample);
            arena_release(&arena, mark);
        }
        avro_c_close(peer);
        arena_reset(&arena);
    }
}

/* ---- bytes that nobody vouches for ---- */

static enum err read_guarded(struct span bytes, const struct avro_type *type,
                             const struct avro_limits *limits)
{
    struct diag diag = {0};
    struct value value;
    struct span copy = guarded_copy(bytes);
    enum err error = avro_record_read(copy, type, limits, &arena, &value, &diag);
    if (error == ERR_OK) {
        struct buf text = {0};
        json_write_value(&text, value);
        buf_free(&text);
    } else {
        assert_true(diag.text[0] != '\0');
    }
    guarded_free(copy);
    return error;
}

static struct span damage(struct span bytes, struct dice *dice)
{
    struct span copy = arena_copy(&arena, bytes);
    char *data = (char *)(uintptr_t)copy.data;
    for (uint32_t count = 1 + dice_below(dice, 3); count > 0; count--) {
        uint32_t at = dice_below(dice, (uint32_t)copy.size);
        static const char likely[] = {0, 1, 2, 0x7F, (char)0x80, (char)0xFE, (char)0xFF};
        data[at] = dice_below(dice, 2) == 0 ? (char)dice_below(dice, 256)
                                            : likely[dice_below(dice, sizeof likely)];
    }
    return dice_below(dice, 4) == 0 ? span_slice(copy, 0, dice_below(dice, (uint32_t)copy.size)) : copy;
}

static void what_is_cut_or_damaged_ends_with_an_error_or_a_value(void **state)
{
    (void)state;
    static const struct avro_limits narrow = {.depth = 16, .entries = 4096};
    size_t refused = 0, taken = 0;
    for (uint32_t seed = 1001; seed <= 1150; seed++) {
        struct dice dice;
        struct avro_c_sample sample;
        struct span json = make_schema(seed, &dice);
        const struct avro_type *type = read_schema(json);
        struct avro_c *peer = avro_c_open(json);
        avro_c_sample_make(peer, &dice, &arena, &sample);
        struct span whole = buf_span(&sample.in_blocks);
        size_t step = 1 + whole.size / 50;
        for (size_t size = 0; size < whole.size; size += step)
            if (read_guarded(span_slice(whole, 0, size), type, &wide) != ERR_TRUNCATED)
                fail_msg("%.*s: the first %zu of %zu bytes", SPAN_PRINTF(json), size, whole.size);
        for (int i = 0; i < 50 && whole.size > 0; i++) {
            struct arena_mark mark = arena_mark(&arena);
            *(read_guarded(damage(whole, &dice), type, &narrow) == ERR_OK ? &taken : &refused) += 1;
            arena_release(&arena, mark);
        }
        avro_c_sample_free(&sample);
        avro_c_close(peer);
        arena_reset(&arena);
    }
    assert_true(refused > 500 && taken > 500);
}

int main(void)
{
    arena_init(&arena, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_avro_c_writes_is_read_as_it_was_meant),
        cmocka_unit_test(what_is_cut_or_damaged_ends_with_an_error_or_a_value),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(&arena);
    return failed;
}
