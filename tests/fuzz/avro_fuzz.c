#include "codec/avro_record.h"
#include "codec/json.h"
#include "fuzz.h"

/* One of each, and itself. */
static const char everything[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"l\",\"type\":\"long\"},{\"name\":\"i\",\"type\":{\"type\":\"int\",\"logicalType\":"
    "\"date\"}},"
    "{\"name\":\"t\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"d\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}}"
    ","
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"
    "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"string\",\"double\",\"float\",\"R\"]"
    "}},"
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"boolean\",\"R\"]}}]}";

/* A value that was read can be written. */
static void read_as(struct span bytes, const struct avro_type *type, struct arena *arena)
{
    static const struct avro_limits limits = {.depth = 16, .entries = 4096};
    struct diag diag;
    struct value value;
    if (avro_record_read(bytes, type, &limits, arena, &value, &diag) != ERR_OK)
        return;
    struct buf text = {0};
    json_write_value(&text, value);
    MUST(text.size > 0);
    buf_free(&text);
}

/* The input is a schema's text up to the first zero byte, and a record of it behind; and a record of our
 * own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct diag diag;
    const struct avro_type *type;
    arena_init(&arena, 0);
    struct span input = span_make(data, size);
    MUST(avro_schema_read(span_from_text(everything), &arena, &type, &diag) == ERR_OK);
    read_as(input, type, &arena);
    const char *zero = size == 0 ? NULL : memchr(input.data, 0, size);
    size_t end = zero == NULL ? size : (size_t)(zero - input.data);
    if (avro_schema_read(span_slice(input, 0, end), &arena, &type, &diag) == ERR_OK) {
        (void)avro_schema_fingerprint(type);
        read_as(span_slice(input, zero == NULL ? end : end + 1, size), type, &arena);
    }
    arena_destroy(&arena);
    return 0;
}
