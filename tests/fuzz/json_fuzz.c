#include "base/utf8.h"
#include "codec/json.h"
#include "fuzz.h"

/* Whatever is read can be written, and reads back as the same. */
static void check_round_trip(struct value value, const struct json_limits *limits, struct arena *arena)
{
    struct buf first = {0};
    struct buf second = {0};
    struct value again;
    json_write_value(&first, value);
    MUST(utf8_valid(buf_span(&first)));
    struct json_limits wide = *limits;
    wide.bytes = wide.string_bytes = 1 << 20; /* escapes may have got longer */
    MUST(json_parse(buf_span(&first), &wide, arena, &again, NULL) == ERR_OK);
    MUST(value_equal(value, again));
    json_write_value(&second, again);
    MUST(span_equal(buf_span(&first), buf_span(&second)));
    buf_free(&first);
    buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits[] = {
        {.bytes = 1 << 16, .depth = 64, .entries = 1 << 16, .string_bytes = 1 << 16},
        {.bytes = 1 << 16, .depth = 64, .entries = 1 << 16, .string_bytes = 1 << 16, .uints = true},
        {.bytes = 512, .depth = 3, .entries = 16, .string_bytes = 32},
    };
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct value value;
        struct diag diag;
        if (json_parse(span_make(data, size), &limits[i], &arena, &value, &diag) == ERR_OK)
            check_round_trip(value, &limits[i], &arena);
        else
            MUST(diag.line >= 1 && diag.column >= 1 && (size_t)diag.column <= size + 1);
        arena_reset(&arena);
    }
    arena_destroy(&arena);
    return 0;
}
