#include "avro_c.h"

#include <avro.h>

#include "check.h"
#include "codec/json.h"
#include "codec/value_bin.h"

#define DEPTH 6
#define ITEMS 40

struct avro_c {
    avro_schema_t schema;
    avro_value_iface_t *class;
};

#define MUST(call)                                              \
    do {                                                        \
        if ((call) != 0)                                        \
            fail_msg("avro-c: %s: %s", #call, avro_strerror()); \
    } while (0)

struct avro_c *avro_c_open(struct span schema)
{
    struct avro_c *peer = test_calloc(1, sizeof *peer);
    if (avro_schema_from_json_length(schema.data, schema.size, &peer->schema) != 0)
        fail_msg("avro-c: %s: %.*s", avro_strerror(), SPAN_PRINTF(schema));
    peer->class = avro_generic_class_from_schema(peer->schema);
    assert_non_null(peer->class);
    return peer;
}

void avro_c_close(struct avro_c *peer)
{
    avro_value_iface_decref(peer->class);
    avro_schema_decref(peer->schema);
    test_free(peer);
}

struct span dice_text(struct dice *dice, uint32_t pieces, struct arena *arena)
{
    static const char *const all[] = {"a", "Z", "0", " ", "\"", "\x7f", "é", "ß", "€", "日", "😀"};
    struct buf text = {0};
    for (uint32_t count = dice_below(dice, pieces + 1); count > 0; count--)
        buf_append_text(&text, all[dice_below(dice, sizeof all / sizeof *all)]);
    struct span copy = arena_copy(arena, buf_span(&text));
    buf_free(&text);
    return copy;
}

/* ---- a value of avro-c's as one of ours ---- */

static struct value value_of(const avro_value_t *from, struct arena *arena);

static struct value text_of(const char *text, size_t size, struct arena *arena)
{
    return value_string(arena_copy(arena, span_make(text, size)));
}

static struct value bytes_of(const void *bytes, size_t size, struct arena *arena)
{
    struct value value = text_of(bytes, size, arena);
    value.kind = VALUE_BYTES;
    return value;
}

static struct value list_of(const avro_value_t *from, struct arena *arena)
{
    size_t size;
    MUST(avro_value_get_size(from, &size));
    struct value *items = ARENA_ARRAY(arena, struct value, size);
    for (size_t i = 0; i < size; i++) {
        avro_value_t child;
        MUST(avro_value_get_by_index(from, i, &child, NULL));
        items[i] = value_of(&child, arena);
    }
    return value_list(items, size);
}

static struct value map_of(const avro_value_t *from, struct arena *arena)
{
    size_t size;
    MUST(avro_value_get_size(from, &size));
    struct value_member *members = ARENA_ARRAY(arena, struct value_member, size);
    for (size_t i = 0; i < size; i++) {
        avro_value_t child;
        const char *name;
        MUST(avro_value_get_by_index(from, i, &child, &name));
        members[i].key = text_of(name, strlen(name), arena);
        members[i].value = value_of(&child, arena);
    }
    return value_map(members, size);
}

static struct value scalar_of(const avro_value_t *from, struct arena *arena)
{
    union {
        int flag;
        int32_t narrow;
        int64_t wide;
        float single;
        double real;
    } is;
    const char *text;
    const void *bytes;
    size_t size;
    switch (avro_value_get_type(from)) {
    case AVRO_BOOLEAN:
        MUST(avro_value_get_boolean(from, &is.flag));
        return value_bool(is.flag != 0);
    case AVRO_INT32:
        MUST(avro_value_get_int(from, &is.narrow));
        return value_int(is.narrow);
    case AVRO_INT64:
        MUST(avro_value_get_long(from, &is.wide));
        return value_int(is.wide);
    case AVRO_FLOAT:
        MUST(avro_value_get_float(from, &is.single));
        return value_double((double)is.single);
    case AVRO_DOUBLE:
        MUST(avro_value_get_double(from, &is.real));
        return value_double(is.real);
    case AVRO_STRING: /* its size counts a zero byte at the end */
        MUST(avro_value_get_string(from, &text, &size));
        return text_of(text, size - 1, arena);
    case AVRO_BYTES:
        MUST(avro_value_get_bytes(from, &bytes, &size));
        return bytes_of(bytes, size, arena);
    case AVRO_FIXED:
        MUST(avro_value_get_fixed(from, &bytes, &size));
        return bytes_of(bytes, size, arena);
    case AVRO_ENUM:
        MUST(avro_value_get_enum(from, &is.flag));
        text = avro_schema_enum_get(avro_value_get_schema(from), is.flag);
        return text_of(text, strlen(text), arena);
    default:
        return value_null();
    }
}

static struct value value_of(const avro_value_t *from, struct arena *arena)
{
    avro_value_t branch;
    switch (avro_value_get_type(from)) {
    case AVRO_RECORD:
    case AVRO_MAP:
        return map_of(from, arena);
    case AVRO_ARRAY:
        return list_of(from, arena);
    case AVRO_UNION:
        MUST(avro_value_get_current_branch(from, &branch));
        return value_of(&branch, arena);
    default:
        return scalar_of(from, arena);
    }
}

/* ---- random values ---- */

struct filler {
    struct dice *dice;
    struct arena *arena;
    uint32_t depth_left, items_left; /* at 0 lists and maps stay empty and unions take a branch that ends */
};

static void fill(struct filler *filler, avro_value_t *value);

static bool at_end(const struct filler *filler)
{
    return filler->depth_left == 0 || filler->items_left == 0;
}

static void fill_list(struct filler *filler, avro_value_t *value, bool with_keys)
{
    uint32_t count = at_end(filler) ? 0 : dice_below(filler->dice, 5);
    for (uint32_t i = 0; i < count && filler->items_left > 0; i++) {
        avro_value_t child;
        filler->items_left--;
        if (with_keys) {
            struct span text = dice_text(filler->dice, 2, filler->arena);
            struct span key = arena_printf(filler->arena, "%.*s%u", SPAN_PRINTF(text), i);
            MUST(avro_value_add(value, key.data, &child, NULL, NULL));
        } else {
            MUST(avro_value_append(value, &child, NULL));
        }
        fill(filler, &child);
    }
}

static void fill_fields(struct filler *filler, avro_value_t *value)
{
    size_t size;
    MUST(avro_value_get_size(value, &size));
    for (size_t i = 0; i < size; i++) {
        avro_value_t child;
        MUST(avro_value_get_by_index(value, i, &child, NULL));
        fill(filler, &child);
    }
}

/* Each union of the schemas here has a branch of a primitive type. */
static void fill_branch(struct filler *filler, avro_value_t *value)
{
    avro_schema_t schema = avro_value_get_schema(value);
    int count = (int)avro_schema_union_size(schema), choice;
    do
        choice = (int)dice_below(filler->dice, (uint32_t)count);
    while (at_end(filler) && !is_avro_primitive(avro_schema_union_branch(schema, choice)));
    avro_value_t branch;
    MUST(avro_value_set_branch(value, choice, &branch));
    fill(filler, &branch);
}

static void fill_scalar(struct filler *filler, avro_value_t *value)
{
    struct dice *dice = filler->dice;
    uint64_t bits = dice_bits(dice);
    uint32_t low = (uint32_t)bits;
    char bytes[64];
    float single;
    double real;
    struct span text;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)dice_below(dice, 256);
    switch (avro_value_get_type(value)) {
    case AVRO_BOOLEAN:
        MUST(avro_value_set_boolean(value, (int)(bits & 1)));
        break;
    case AVRO_INT32:
        MUST(avro_value_set_int(value, (int32_t)dice_long(dice)));
        break;
    case AVRO_INT64:
        MUST(avro_value_set_long(value, dice_long(dice)));
        break;
    case AVRO_FLOAT:
        memcpy(&single, &low, sizeof single);
        MUST(avro_value_set_float(value, single));
        break;
    case AVRO_DOUBLE:
        memcpy(&real, &bits, sizeof real);
        MUST(avro_value_set_double(value, real));
        break;
    case AVRO_STRING:
        text = dice_text(dice, dice_below(dice, 8) == 0 ? 100 : 5, filler->arena);
        MUST(avro_value_set_string(value, text.data));
        break;
    case AVRO_BYTES:
        MUST(avro_value_set_bytes(value, bytes, dice_below(dice, sizeof bytes)));
        break;
    case AVRO_FIXED:
        MUST(avro_value_set_fixed(value, bytes,
                                  (size_t)avro_schema_fixed_size(avro_value_get_schema(value))));
        break;
    case AVRO_ENUM:
        MUST(avro_value_set_enum(value, (int)dice_below(dice, (uint32_t)avro_schema_enum_number_of_symbols(
                                                                  avro_value_get_schema(value)))));
        break;
    default:
        MUST(avro_value_set_null(value));
        break;
    }
}

static void fill(struct filler *filler, avro_value_t *value)
{
    avro_type_t type = avro_value_get_type(value);
    if (type != AVRO_RECORD && type != AVRO_ARRAY && type != AVRO_MAP && type != AVRO_UNION) {
        fill_scalar(filler, value);
        return;
    }
    uint32_t depth = filler->depth_left;
    filler->depth_left -= depth == 0 ? 0 : 1;
    if (type == AVRO_RECORD)
        fill_fields(filler, value);
    else if (type == AVRO_UNION)
        fill_branch(filler, value);
    else
        fill_list(filler, value, type == AVRO_MAP);
    filler->depth_left = depth;
}

/* ---- bytes ---- */

static void append(struct buf *buf, avro_value_t *value)
{
    size_t size;
    MUST(avro_value_sizeof(value, &size));
    avro_writer_t writer = avro_writer_memory(buf_reserve(buf, size), (int64_t)size);
    MUST(avro_value_write(writer, value));
    assert_int_equal(avro_writer_tell(writer), size);
    avro_writer_free(writer);
    buf->size += size;
}

static void append_long(struct buf *buf, int64_t number)
{
    avro_value_t value;
    MUST(avro_generic_long_new(&value, number));
    append(buf, &value);
    avro_value_decref(&value);
}

static void append_in_blocks(struct buf *buf, avro_value_t *value, struct dice *dice);

/* Items from the one with the number `at` on; with the size in bytes where the count is negative. */
static void append_block(struct buf *buf, avro_value_t *list, size_t at, size_t count, struct dice *dice)
{
    struct buf items = {0};
    for (size_t i = at; i < at + count; i++) {
        avro_value_t child;
        const char *key = NULL;
        MUST(avro_value_get_by_index(list, i, &child, &key));
        if (avro_value_get_type(list) == AVRO_MAP) {
            append_long(&items, (int64_t)strlen(key));
            buf_append_text(&items, key);
        }
        append_in_blocks(&items, &child, dice);
    }
    bool sized = dice_below(dice, 2) == 0;
    append_long(buf, sized ? -(int64_t)count : (int64_t)count);
    if (sized)
        append_long(buf, (int64_t)items.size);
    buf_append(buf, buf_span(&items));
    buf_free(&items);
}

static void append_in_blocks(struct buf *buf, avro_value_t *value, struct dice *dice)
{
    avro_type_t type = avro_value_get_type(value);
    avro_value_t child;
    size_t size;
    int choice;
    if (type == AVRO_UNION) {
        MUST(avro_value_get_discriminant(value, &choice));
        MUST(avro_value_get_current_branch(value, &child));
        append_long(buf, choice);
        append_in_blocks(buf, &child, dice);
    } else if (type == AVRO_RECORD) {
        MUST(avro_value_get_size(value, &size));
        for (size_t i = 0; i < size; i++) {
            MUST(avro_value_get_by_index(value, i, &child, NULL));
            append_in_blocks(buf, &child, dice);
        }
    } else if (type == AVRO_ARRAY || type == AVRO_MAP) {
        MUST(avro_value_get_size(value, &size));
        for (size_t at = 0, count; at < size; at += count) {
            count = 1 + dice_below(dice, (uint32_t)(size - at));
            append_block(buf, value, at, count, dice);
        }
        append_long(buf, 0);
    } else {
        append(buf, value);
    }
}

void avro_c_sample_make(struct avro_c *peer, struct dice *dice, struct arena *arena,
                        struct avro_c_sample *sample)
{
    struct filler filler = {.dice = dice, .arena = arena, .depth_left = DEPTH, .items_left = ITEMS};
    avro_value_t value;
    MUST(avro_generic_value_new(peer->class, &value));
    fill(&filler, &value);
    *sample = (struct avro_c_sample){.value = value_of(&value, arena)};
    append(&sample->bytes, &value);
    append_in_blocks(&sample->in_blocks, &value, dice);
    avro_value_decref(&value);
}

void avro_c_sample_free(struct avro_c_sample *sample)
{
    buf_free(&sample->bytes);
    buf_free(&sample->in_blocks);
}

struct value avro_c_read(struct avro_c *peer, struct span bytes, struct arena *arena)
{
    avro_value_t value;
    MUST(avro_generic_value_new(peer->class, &value));
    avro_reader_t reader = avro_reader_memory(bytes.data, (int64_t)bytes.size);
    MUST(avro_value_read(reader, &value));
    char rest;
    assert_int_not_equal(avro_read(reader, &rest, 1), 0);
    avro_reader_free(reader);
    struct value read = value_of(&value, arena);
    avro_value_decref(&value);
    return read;
}

void expect_same(struct value expected, struct value actual, const char *what, struct span where)
{
    struct buf bytes[2] = {{0}}, text[2] = {{0}};
    value_bin_append(&bytes[0], expected);
    value_bin_append(&bytes[1], actual);
    if (!span_equal(buf_span(&bytes[0]), buf_span(&bytes[1]))) {
        json_write_value(&text[0], expected);
        json_write_value(&text[1], actual);
        fail_msg("%s, %.*s:\nexpected %.*s\ngot      %.*s", what, SPAN_PRINTF(where),
                 SPAN_PRINTF(buf_span(&text[0])), SPAN_PRINTF(buf_span(&text[1])));
    }
    buf_free(&bytes[0]);
    buf_free(&bytes[1]);
}
