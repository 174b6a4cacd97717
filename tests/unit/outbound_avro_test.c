/* Outbound records in Avro: what is written, avro-c reads with the published schema, field by field. */
#include "avro_c.h"

#include "base/file.h"
#include "check.h"
#include "codec/avro_schema.h"
#include "codec/outbound_avro.h"

static struct arena arena;

static struct value text(const char *text)
{
    return value_string(span_from_text(text));
}

static struct value one_member(const char *name, struct value value)
{
    struct value_member *member = ARENA_NEW(&arena, struct value_member);
    *member = (struct value_member){.key = text(name), .value = value};
    return value_map(member, 1);
}

/* What has no kind of its own in the schema, and what becomes of it. */
static void other_value(struct dice *dice, struct value *value, struct value *expected)
{
    static const unsigned char bytes[] = {'a', 'b', 0xFF};
    switch (dice_below(dice, 4)) {
    case 0:
        *value = (struct value){.kind = VALUE_BYTES, .size = 3, .bytes = (const char *)bytes};
        *expected = text("YWL/");
        break;
    case 1:
        *value = (struct value){.kind = VALUE_TIMESTAMP, .integer = 951782399, .size = 500000000};
        *expected = text("2000-02-28T23:59:59.500Z");
        break;
    case 2:
        *value = (struct value){.kind = VALUE_DURATION, .integer = 90, .size = 500000000};
        *expected = text("90.5s");
        break;
    default:
        *value = value_uint(UINT64_C(1) << 63);
        *expected = value_double(9223372036854775808.0);
        break;
    }
}

static struct value random_value(struct dice *dice, uint32_t depth, struct value *structure);

static struct value random_list(struct dice *dice, uint32_t depth, struct value *expected)
{
    uint32_t count = dice_below(dice, 4);
    struct value *items = ARENA_ARRAY(&arena, struct value, count);
    struct value *structures = ARENA_ARRAY(&arena, struct value, count);
    for (uint32_t i = 0; i < count; i++)
        items[i] = random_value(dice, depth, &structures[i]);
    *expected = value_list(structures, count);
    return value_list(items, count);
}

/* Keys of expressions' maps may be numbers. */
static struct value random_map(struct dice *dice, uint32_t depth, struct value *expected)
{
    uint32_t count = dice_below(dice, 4);
    struct value_member *members = ARENA_ARRAY(&arena, struct value_member, count);
    struct value *list = ARENA_ARRAY(&arena, struct value, count);
    for (uint32_t i = 0; i < count; i++) {
        struct value_member *pair = ARENA_ARRAY(&arena, struct value_member, 2);
        struct span key = arena_printf(&arena, dice_below(dice, 3) == 0 ? "%u" : "k%u", i);
        members[i].key = key.data[0] == 'k' ? value_string(key) : value_int(i);
        pair[0] = (struct value_member){.key = text("name"), .value = value_string(key)};
        pair[1].key = text("value");
        members[i].value = random_value(dice, depth, &pair[1].value);
        list[i] = value_map(pair, 2);
    }
    *expected = one_member("members", value_list(list, count));
    return value_map(members, count);
}

/* A value, and the Structure that it becomes. */
static struct value random_value(struct dice *dice, uint32_t depth, struct value *structure)
{
    struct value value = value_null(), expected;
    switch (dice_below(dice, depth == 0 ? 6 : 8)) {
    case 0:
        expected = value;
        break;
    case 1:
        expected = value = value_bool(dice_below(dice, 2) == 0);
        break;
    case 2:
        expected = value = value_int(dice_long(dice));
        break;
    case 3:
        expected = value = value_double((double)dice_long(dice) / 1024);
        break;
    case 4:
        expected = value = value_string(dice_text(dice, 80, &arena));
        break;
    case 5:
        other_value(dice, &value, &expected);
        break;
    case 6:
        value = random_list(dice, depth - 1, &expected);
        break;
    default:
        value = random_map(dice, depth - 1, &expected);
        break;
    }
    *structure = one_member("value", expected);
    return value;
}

static struct content *random_content(struct dice *dice, struct value *expected)
{
    struct content *content = ARENA_NEW(&arena, struct content);
    content->count = dice_below(dice, 4);
    struct content_field *fields = ARENA_ARRAY(&arena, struct content_field, content->count);
    struct value_member *members = ARENA_ARRAY(&arena, struct value_member, content->count);
    for (uint32_t i = 0; i < content->count; i++) {
        fields[i].name = arena_printf(&arena, "field%u", i);
        fields[i].value = random_value(dice, 4, &members[i].value);
        members[i].key = value_string(fields[i].name);
        if (fields[i].value.kind == VALUE_STRING)
            members[i].value = fields[i].value;
    }
    content->fields = fields;
    *expected = value_map(members, content->count);
    return content;
}

static struct value text_or_null(struct span text)
{
    return text.size == 0 ? value_null() : value_string(text);
}

static void what_is_written_for_channels_is_read_by_avro_c(void **state)
{
    (void)state;
    struct arena whole;
    struct span json;
    arena_init(&whole, 0);
    assert_int_equal(file_read(SPAN_LITERAL(DECLIC_SOURCE_DIR "/schemas/outbound.avsc"), AVRO_SCHEMA_BYTES,
                               &whole, &json),
                     ERR_OK);
    struct avro_c *peer = avro_c_open(json);
    for (uint32_t seed = 1; seed <= 300; seed++) {
        struct dice dice = {seed};
        struct outbound_message message = {.send_id =
                                               "\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98vT2"};
        struct value content;
        struct buf bytes = {0};
        struct span *const texts[] = {&message.campaign,    &message.step,    &message.channel,
                                      &message.user,        &message.key,     &message.address,
                                      &message.locale,      &message.variant, &message.trigger_id,
                                      &message.trigger_name};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            *texts[i] = dice_text(&dice, 3, &arena);
        message.version = (uint32_t)dice_long(&dice);
        message.due_ms = dice_long(&dice);
        message.decided_ms = dice_long(&dice);
        message.trigger_time_ms = dice_long(&dice);
        message.content = random_content(&dice, &content);
        const struct value_member trigger[] = {{text("id"), value_string(message.trigger_id)},
                                               {text("name"), value_string(message.trigger_name)},
                                               {text("time"), value_int(message.trigger_time_ms)}};
        const struct value_member expected[] = {
            {text("send_id"), text("01234567-89ab-cdef-fedc-ba9876543200")},
            {text("campaign"), value_string(message.campaign)},
            {text("version"), value_int(message.version)},
            {text("step"), value_string(message.step)},
            {text("channel"), value_string(message.channel)},
            {text("user"), value_string(message.user)},
            {text("key"), value_string(message.key)},
            {text("address"), text_or_null(message.address)},
            {text("locale"), value_string(message.locale)},
            {text("variant"), text_or_null(message.variant)},
            {text("due"), value_int(message.due_ms)},
            {text("decided"), value_int(message.decided_ms)},
            {text("trigger"), value_map(trigger, 3)},
            {text("content"), content},
        };
        outbound_avro_write(&bytes, &message);
        struct value record = avro_c_read(peer, buf_span(&bytes), &arena);
        assert_int_equal(record.size, sizeof expected / sizeof *expected);
        for (size_t i = 0; i < record.size; i++) {
            assert_span_equal(value_span(record.members[i].key), expected[i].key.bytes);
            expect_same(expected[i].value, record.members[i].value, "avro-c reads",
                        value_span(expected[i].key));
        }
        buf_free(&bytes);
        arena_reset(&arena);
    }
    avro_c_close(peer);
    arena_destroy(&whole);
}

int main(void)
{
    arena_init(&arena, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_for_channels_is_read_by_avro_c),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(&arena);
    return failed;
}
