#include "codec/source_record.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "codec/json.h"

struct fixture {
    struct arena arena;
    struct mapping mapping;
    struct source_record record;
    struct event event;
    struct profile_update profile;
    struct diag diag;
};

static void use(struct fixture *fixture, const struct mapping_spec *spec)
{
    if (mapping_compile(spec, &fixture->arena, &fixture->mapping, &fixture->diag) != ERR_OK)
        fail_msg("%s", fixture->diag.text);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    arena_init(&fixture->arena, 0);
    fixture->record = (struct source_record){.topic = SPAN_LITERAL("shop.events"),
                                             .partition = 3,
                                             .offset = 99,
                                             .timestamp_ms = 1764061395000, /* 2025-11-25T09:03:15Z */
                                             .has_value = true};
    use(fixture, &(struct mapping_spec){.format = MAPPING_JSON});
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_destroy(&fixture->arena);
    free(fixture);
    return 0;
}

static enum err read_event(struct fixture *fixture, const char *text)
{
    fixture->record.value = span_from_text(text);
    fixture->diag.text[0] = '\0';
    return source_record_read_event(&fixture->record, &fixture->mapping, &record_limits_default,
                                    &fixture->arena, &fixture->event, &fixture->diag);
}

static enum err read_profile(struct fixture *fixture, const char *text)
{
    fixture->record.value = span_from_text(text);
    fixture->diag.text[0] = '\0';
    return source_record_read_profile(&fixture->record, &fixture->mapping, &record_limits_default,
                                      &fixture->arena, &fixture->profile, &fixture->diag);
}

/* The event as one line: id user name time attributes. */
static void expect_event(struct fixture *fixture, const char *text, const char *expected)
{
    if (read_event(fixture, text) != ERR_OK)
        fail_msg("%s: %s", text, fixture->diag.text);
    const struct event *event = &fixture->event;
    struct buf buf = {0};
    buf_printf(&buf, "%.*s %.*s %.*s %lld ", SPAN_PRINTF(event->id), SPAN_PRINTF(event->user),
               SPAN_PRINTF(event->name), (long long)event->time_ms);
    json_write_value(&buf, event->attributes);
    assert_span_equal(buf_span(&buf), expected);
    buf_free(&buf);
}

static void expect_refusal(struct fixture *fixture, const char *text, const char *reason)
{
    if (read_event(fixture, text) == ERR_OK)
        fail_msg("taken: %s", text);
    if (strcmp(fixture->diag.text, reason) != 0)
        fail_msg("%s: expected \"%s\", got \"%s\"", text, reason, fixture->diag.text);
    assert_int_equal(fixture->diag.line, 0);
}

static void the_default_mapping(void **state)
{
    expect_event(*state,
                 "{\"id\":\"e1\",\"user\":\"u42\",\"name\":\"cart_updated\",\"time\":\"2025-11-25T10:03:15."
                 "5+01:00\","
                 "\"attributes\":{\"total\":39.9,\"items\":[1,2]},\"other\":{\"x\":[[[[[[[]]]]]]]}}",
                 "e1 u42 cart_updated 1764061395500 {\"total\":39.9,\"items\":[1,2]}");
}

static void what_is_missing_has_defaults(void **state)
{
    expect_event(*state, "{\"user\":\"u\",\"name\":\"n\"}", "shop.events/3/99 u n 1764061395000 {}");
    expect_event(*state, "{\"id\":null,\"user\":null,\"name\":\"n\",\"time\":null,\"attributes\":null}",
                 "shop.events/3/99  n 1764061395000 {}");
}

static void times(void **state)
{
    expect_event(*state, "{\"id\":\"e\",\"user\":\"u\",\"name\":\"n\",\"time\":1}", "e u n 1 {}");
    expect_event(*state, "{\"id\":\"e\",\"user\":\"u\",\"name\":\"n\",\"time\":-1}", "e u n -1 {}");
    expect_event(*state,
                 "{\"id\":\"e\",\"user\":\"u\",\"name\":\"n\",\"time\":\"1969-12-31T23:59:59.9999999Z\"}",
                 "e u n -1 {}");
    expect_refusal(*state, "{\"user\":\"u\",\"name\":\"n\",\"time\":1.5}",
                   "time: must be an RFC 3339 string or a whole number of milliseconds");
    expect_refusal(*state, "{\"user\":\"u\",\"name\":\"n\",\"time\":\"2025-11-25T10:03:15\"}",
                   "time: is no RFC 3339 time with a zone, such as 2026-12-01T08:30:00Z");
    expect_refusal(*state, "{\"user\":\"u\",\"name\":\"n\",\"time\":\"1764061395000\"}",
                   "time: is no RFC 3339 time with a zone, such as 2026-12-01T08:30:00Z");
    expect_refusal(*state, "{\"user\":\"u\",\"name\":\"n\",\"time\":9223372036854775807}",
                   "time: is outside the years 0000 to 9999");
    struct fixture *fixture = *state;
    fixture->record.timestamp_ms = -1;
    expect_refusal(fixture, "{\"user\":\"u\",\"name\":\"n\"}",
                   "time: is missing (looked for at \"/time\")");
}

static void fields_of_the_wrong_kind(void **state)
{
    expect_refusal(*state, "{\"user\":\"u\"}", "name: is missing (looked for at \"/name\")");
    expect_refusal(*state, "{\"user\":42,\"name\":\"n\"}", "user: must be a string");
    expect_refusal(*state, "{\"user\":\"\",\"name\":\"n\"}", "user: is empty");
    expect_refusal(*state, "{\"user\":\"a\\u0007\",\"name\":\"n\"}", "user: has a control character");
    expect_refusal(*state, "{\"user\":\"a\\u0085\",\"name\":\"n\"}", "user: has a control character");
    expect_refusal(*state, "{\"user\":\"u\",\"name\":\"n\",\"id\":\"\"}", "id: is empty");
    expect_refusal(*state, "{\"user\":\"u\",\"name\":\"n\",\"id\":7}", "id: must be a string");
    expect_refusal(*state, "{\"user\":\"u\",\"name\":\"a b\"}",
                   "name: must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -");
    expect_refusal(*state, "{\"user\":\"u\",\"name\":\"\"}",
                   "name: must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -");
    expect_refusal(*state, "{\"user\":\"u\",\"name\":\"n\",\"attributes\":[1]}",
                   "attributes: must be a map");
    expect_refusal(*state, "7", "the record must be a JSON object");
    expect_refusal(*state, "[]", "name: is missing (looked for at \"/name\")");
    expect_refusal(*state, "{\"user\":\"u\",\n\"name\" \"n\"}",
                   "not readable as JSON: expected ':' (line 2, column 8)");
    expect_refusal(*state, "",
                   "not readable as JSON: the text ends where a value should be (line 1, column 1)");
}

static void lengths_of_fields(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *field;
        int most;
        const char *reason;
    } cases[] = {{"id", 128, "id: is longer than 128 bytes"},
                 {"user", 256, "user: is longer than 256 bytes"},
                 {"name", 64, "name: must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -"}};
    for (size_t i = 0; i < 3; i++) {
        for (int more = 0; more <= 1; more++) {
            char text[512];
            snprintf(text, sizeof text, "{\"user\":\"u\",\"name\":\"n\",\"%s\":\"%0*d\"}", cases[i].field,
                     cases[i].most + more, 0);
            if (more)
                expect_refusal(fixture, text, cases[i].reason);
            else
                assert_int_equal(read_event(fixture, text), ERR_OK);
        }
    }
}

static void append_nested(struct buf *buf, int depth)
{
    buf_printf(buf, "{\"user\":\"u\",\"name\":\"n\",\"attributes\":");
    for (int i = 0; i < depth; i++)
        buf_append_text(buf, "{\"a\":");
    buf_append_byte(buf, '1');
    for (int i = 0; i < depth; i++)
        buf_append_byte(buf, '}');
    buf_append_text(buf, "}");
}

static void attributes_nest_so_deep(void **state)
{
    struct buf buf = {0};
    append_nested(&buf, 5);
    buf_append_byte(&buf, '\0');
    assert_int_equal(read_event(*state, buf.data), ERR_OK);
    buf_clear(&buf);
    append_nested(&buf, 6);
    buf_append_byte(&buf, '\0');
    expect_refusal(*state, buf.data, "attributes: more than 5 levels of lists and maps");
    buf_free(&buf);
}

static void append_entries(struct buf *buf, int lists, int elements)
{
    buf_printf(buf, "{\"user\":\"u\",\"name\":\"n\",\"attributes\":{");
    for (int i = 0; i < lists; i++) {
        buf_printf(buf, "%s\"l%d\":[", i == 0 ? "" : ",", i);
        for (int j = 0; j < elements; j++)
            buf_append_text(buf, j == 0 ? "0" : ",0");
        buf_append_byte(buf, ']');
    }
    buf_append_text(buf, "}}");
    buf_append_byte(buf, '\0');
}

static void entries_count_at_every_depth(void **state)
{
    struct buf buf = {0};
    append_entries(&buf, 32, 3); /* 32 + 96 */
    assert_int_equal(read_event(*state, buf.data), ERR_OK);
    buf_clear(&buf);
    append_entries(&buf, 3, 42); /* 3 + 126 */
    expect_refusal(*state, buf.data,
                   "attributes: more than 128 entries (members and elements at any depth)");
    buf_free(&buf);
}

static void sizes_of_strings_and_records(void **state)
{
    static char text[80000];
    snprintf(text, sizeof text, "{\"user\":\"u\",\"name\":\"n\",\"attributes\":{\"s\":\"%04096d\"}}", 0);
    assert_int_equal(read_event(*state, text), ERR_OK);
    snprintf(text, sizeof text, "{\"user\":\"u\",\"name\":\"n\",\"attributes\":{\"s\":\"%04097d\"}}", 0);
    expect_refusal(*state, text, "attributes: more than 4096 bytes in a string");
    snprintf(text, sizeof text, "{\"user\":\"u\",\"name\":\"n\",\"attributes\":{\"%04097d\":1}}", 0);
    expect_refusal(*state, text, "attributes: more than 4096 bytes in a string");
    snprintf(text, sizeof text, "{\"user\":\"u\",\"name\":\"n\",\"other\":\"%065502d\"}", 0);
    assert_int_equal(strlen(text), 65536);
    assert_int_equal(read_event(*state, text), ERR_OK);
    strcat(text, " ");
    expect_refusal(*state, text, "not readable as JSON: more than 65536 bytes (line 1, column 1)");
}

static struct mapping_place pointer(const char *text)
{
    return (struct mapping_place){.given = true, .text = span_from_text(text)};
}

static struct mapping_place constant(const char *text)
{
    return (struct mapping_place){.given = true, .constant = true, .text = span_from_text(text)};
}

static void other_places(void **state)
{
    struct fixture *fixture = *state;
    use(fixture, &(struct mapping_spec){.id = pointer("/meta/ids/1"),
                                        .user = pointer("/customer/a~1b~0c"),
                                        .name = constant("order_placed"),
                                        .time = pointer("/ts"),
                                        .attributes = pointer("")});
    expect_event(
        fixture, "{\"meta\":{\"ids\":[\"x\",\"y\"]},\"customer\":{\"a/b~c\":\"u\"},\"ts\":5}",
        "y u order_placed 5 {\"meta\":{\"ids\":[\"x\",\"y\"]},\"customer\":{\"a/b~c\":\"u\"},\"ts\":5}");
    use(fixture, &(struct mapping_spec){
                     .name = pointer("/a//b"), .attributes = pointer("/"), .time = pointer("/l/01")});
    expect_event(fixture, "{\"a\":{\"\":{\"b\":\"n\"}},\"l\":[1,2]}",
                 "shop.events/3/99  n 1764061395000 {\"a\":{\"\":{\"b\":\"n\"}},\"l\":[1,2]}");
    use(fixture,
        &(struct mapping_spec){.user = constant("everyone"), .time = constant("1970-01-01T00:00:01Z")});
    expect_event(fixture, "{\"name\":\"n\",\"id\":\"i\"}", "i everyone n 1000 {}");
}

/* Only where the configuration says where they lie. */
static void ids_and_users_may_be_numbered(void **state)
{
    struct fixture *fixture = *state;
    use(fixture, &(struct mapping_spec){.id = pointer("/order"), .user = pointer("/customer")});
    expect_event(fixture, "{\"order\":-7,\"customer\":9007199254740993,\"name\":\"n\",\"time\":1}",
                 "-7 9007199254740993 n 1 {}");
    expect_refusal(fixture, "{\"customer\":42.0,\"name\":\"n\"}", "user: must be a string");
}

static void mappings_that_cannot_be(void **state)
{
    struct fixture *fixture = *state;
    static const char no_pointer[] =
        "user: \"customer\" is no JSON Pointer: it begins with \"/\" (a constant with \"=\")";
    const struct {
        struct mapping_spec spec;
        const char *reason;
    } cases[] = {
        {{.user = pointer("customer")}, no_pointer},
        {{.user = pointer("/a~2")}, "user: in \"/a~2\" a \"~\" must be followed by 0 or 1"},
        {{.user = pointer("/a~")}, "user: in \"/a~\" a \"~\" must be followed by 0 or 1"},
        {{.id = constant("x")}, "id: must not be a constant: all events but the first would be duplicates"},
        {{.attributes = constant("x")}, "attributes: must not be a constant: they are a map"},
        {{.name = constant("a b")}, "name: must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -"},
        {{.user = constant("")}, "user: is empty"},
        {{.time = constant("now")}, "time: the constant is no RFC 3339 time"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mapping mapping;
        assert_int_equal(mapping_compile(&cases[i].spec, &fixture->arena, &mapping, &fixture->diag),
                         ERR_INVALID);
        assert_string_equal(fixture->diag.text, cases[i].reason);
    }
}

static void trace_context_goes_along(void **state)
{
    struct fixture *fixture = *state;
    const struct record_header headers[] = {
        {SPAN_LITERAL("x"), SPAN_LITERAL("y")},
        {SPAN_LITERAL("traceparent"),
         SPAN_LITERAL("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
        {SPAN_LITERAL("tracestate"), SPAN_LITERAL("a\nb")},
    };
    fixture->record.headers = headers;
    fixture->record.header_count = 3;
    assert_int_equal(read_event(fixture, "{\"user\":\"u\",\"name\":\"n\"}"), ERR_OK);
    assert_span_equal(fixture->event.traceparent,
                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert_int_equal(fixture->event.tracestate.size, 0);
}

static void events_need_a_value(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.has_value = false;
    expect_refusal(fixture, "", "the record has no value: only a profile can be removed");
}

static void profiles(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        read_profile(fixture, "{\"user\":\"u\",\"attributes\":{\"city\":\"Lyon\",\"age\":null}}"), ERR_OK);
    assert_span_equal(fixture->profile.user, "u");
    assert_int_equal(fixture->profile.time_ms, 1764061395000);
    assert_false(fixture->profile.tombstone);
    assert_int_equal(fixture->profile.attributes.size, 2);
    assert_int_equal(read_profile(fixture, "{\"attributes\":{}}"), ERR_NOT_FOUND);
    assert_string_equal(fixture->diag.text, "user: is missing (looked for at \"/user\")");
    assert_int_equal(read_profile(fixture, "{\"user\":\"u\",\"attributes\":null}"), ERR_TYPE);
}

static void tombstones(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.has_value = false;
    assert_int_equal(read_profile(fixture, ""), ERR_NOT_FOUND);
    assert_string_equal(fixture->diag.text, "user: a record without a value needs the user as its key");
    fixture->record.key = SPAN_LITERAL("u7");
    assert_int_equal(read_profile(fixture, ""), ERR_OK);
    assert_true(fixture->profile.tombstone);
    assert_span_equal(fixture->profile.user, "u7");
    fixture->record.key = SPAN_LITERAL("\xFF");
    assert_int_equal(read_profile(fixture, ""), ERR_SYNTAX);

    struct value value;
    assert_int_equal(json_parse(SPAN_LITERAL("{\"user\":\"u\",\"attributes\":null}"), NULL, &fixture->arena,
                                &value, NULL),
                     ERR_OK);
    assert_int_equal(source_value_read_profile(value, 5, true, &fixture->mapping,
                                               &record_limits_default.attributes, &fixture->arena,
                                               &fixture->profile, &fixture->diag),
                     ERR_OK);
    assert_true(fixture->profile.tombstone);
    assert_int_equal(fixture->profile.time_ms, 5);
}

static void ages(void **state)
{
    struct fixture *fixture = *state;
    struct event event = {.time_ms = 1000, .arrived_ms = 6000};
    assert_int_equal(event_check_age(&event, 5000, 0, &fixture->diag), ERR_OK);
    assert_int_equal(event_check_age(&event, 4999, 0, &fixture->diag), ERR_INVALID);
    assert_string_equal(fixture->diag.text,
                        "time: is 5 s before the event's arrival (intake.max_age is 4 s)");
    event.time_ms = 7000;
    assert_int_equal(event_check_age(&event, 0, 1000, &fixture->diag), ERR_OK);
    assert_int_equal(event_check_age(&event, 0, 999, &fixture->diag), ERR_INVALID);
}

/* ---- Avro ---- */

static void avro_single_objects(void **state)
{
    struct fixture *fixture = *state;
    const struct avro_type *type;
    assert_int_equal(
        avro_schema_read(SPAN_LITERAL("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                      "{\"name\":\"who\",\"type\":\"string\"},"
                                      "{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":"
                                      "\"timestamp-millis\"}},"
                                      "{\"name\":\"n\",\"type\":[\"null\",\"int\"]}]}"),
                         &fixture->arena, &type, &fixture->diag),
        ERR_OK);
    struct avro_known_schema known = {avro_schema_fingerprint(type), type};
    use(fixture, &(struct mapping_spec){.format = MAPPING_AVRO_SINGLE_OBJECT,
                                        .schemas = {&known, 1},
                                        .user = pointer("/who"),
                                        .name = constant("seen"),
                                        .time = pointer("/at"),
                                        .attributes = pointer("")});
    char text[] = "\xC3\x01________\x04u1\xd0\x0f\x02\x06";
    for (size_t i = 0; i < 8; i++)
        text[2 + i] = (char)(known.fingerprint >> (8 * i));
    expect_event(
        fixture, text,
        "shop.events/3/99 u1 seen 1000 {\"who\":\"u1\",\"at\":\"1970-01-01T00:00:01.000Z\",\"n\":3}");
    expect_refusal(fixture, "{}", "not an Avro single object: it begins with C3 01");
    text[13] = '\x04'; /* the union's branch */
    text[15] = '\x04';
    expect_refusal(fixture, text, "not readable as Avro: a union has no such branch");
}

/* ---- CloudEvents ---- */

static void structured_cloud_events(void **state)
{
    struct fixture *fixture = *state;
    use(fixture, &(struct mapping_spec){.format = MAPPING_CLOUDEVENTS});
    const char *text =
        "{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"/shop\",\"type\":\"com.shop.cart\","
        "\"subject\":\"u42\",\"time\":\"1970-01-01T00:00:01Z\",\"data\":{\"total\":3}}";
    expect_event(fixture, text, "e1 u42 com.shop.cart 1000 {\"total\":3}");
    const struct record_header headers[] = {
        {SPAN_LITERAL("content-type"), SPAN_LITERAL("application/cloudevents+json; charset=UTF-8")}};
    fixture->record.headers = headers;
    fixture->record.header_count = 1;
    expect_event(fixture, text, "e1 u42 com.shop.cart 1000 {\"total\":3}");
    expect_refusal(fixture, "{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}",
                   "the CloudEvent's specversion must be 1.0");
    expect_refusal(fixture, "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}",
                   "the CloudEvent has no source");
    expect_refusal(fixture, "{\"specversion\":\"1.0\",\"id\":1,\"source\":\"s\",\"type\":\"t\"}",
                   "the CloudEvent's id must be a string");
    expect_refusal(fixture, "[]", "a CloudEvent in structured mode must be a map");
}

static void structured_cloud_events_with_base64(void **state)
{
    struct fixture *fixture = *state;
#define EVENT(more)                                         \
    "{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"/" \
    "s\",\"type\":\"t\",\"subject\":\"u\",\"time\":1000," more "}"
    use(fixture, &(struct mapping_spec){.format = MAPPING_CLOUDEVENTS});
    expect_event(fixture, EVENT("\"data_base64\":\"eyJ0b3RhbCI6M30=\""), "e1 u t 1000 {\"total\":3}");
    expect_event(fixture, EVENT("\"datacontenttype\":\"application/json\",\"data_base64\":\"e30=\""),
                 "e1 u t 1000 {}");
    expect_event(fixture, EVENT("\"data_base64\":null,\"data\":{\"a\":1}"), "e1 u t 1000 {\"a\":1}");
    expect_refusal(fixture, EVENT("\"data_base64\":\"e30\""),
                   "data_base64: must be a string in padded Base64");
    expect_refusal(fixture, EVENT("\"data_base64\":7"), "data_base64: must be a string in padded Base64");
    expect_refusal(fixture, EVENT("\"data_base64\":\"e30=\",\"data\":{}"),
                   "the CloudEvent has both data and data_base64");
    expect_refusal(fixture, EVENT("\"datacontenttype\":\"image/png\",\"data_base64\":\"/w==\""),
                   "data: is neither JSON nor UTF-8 text");
    use(fixture, &(struct mapping_spec){.format = MAPPING_CLOUDEVENTS, .attributes = pointer("")});
    expect_event(fixture, EVENT("\"datacontenttype\":\"text/plain\",\"data_base64\":\"aGVsbG8=\""),
                 "e1 u t 1000 " EVENT(
                     "\"datacontenttype\":\"text/plain\",\"data_base64\":\"aGVsbG8=\",\"data\":\"hello\""));
#undef EVENT
}

static void binary_cloud_events(void **state)
{
    struct fixture *fixture = *state;
    use(fixture, &(struct mapping_spec){.format = MAPPING_CLOUDEVENTS, .attributes = pointer("")});
    struct record_header headers[] = {
        {SPAN_LITERAL("ce_specversion"), SPAN_LITERAL("1.0")},
        {SPAN_LITERAL("ce_id"), SPAN_LITERAL("e1")},
        {SPAN_LITERAL("ce_source"), SPAN_LITERAL("/shop")},
        {SPAN_LITERAL("ce_type"), SPAN_LITERAL("cart")},
        {SPAN_LITERAL("ce_subject"), SPAN_LITERAL("u42")},
        {SPAN_LITERAL("ce_time"), SPAN_LITERAL("1970-01-01T00:00:01Z")},
        {SPAN_LITERAL("ce_plan"), SPAN_LITERAL("gold")},
        {SPAN_LITERAL("content-type"), SPAN_LITERAL("application/json")},
    };
    fixture->record.headers = headers;
    fixture->record.header_count = 8;
    expect_event(
        fixture, "{\"total\":3}",
        "e1 u42 cart 1000 {\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"/shop\",\"type\":\"cart\","
        "\"subject\":\"u42\",\"time\":\"1970-01-01T00:00:01Z\",\"plan\":\"gold\","
        "\"datacontenttype\":\"application/json\",\"data\":{\"total\":3}}");
    use(fixture, &(struct mapping_spec){.format = MAPPING_CLOUDEVENTS});
    expect_event(fixture, "{\"total\":3}", "e1 u42 cart 1000 {\"total\":3}");
    expect_event(fixture, "", "e1 u42 cart 1000 {}");
    expect_refusal(fixture, "{\"total\":3",
                   "not readable as JSON: the text ends inside a list or map (line 1, column 11)");
    headers[7].value = SPAN_LITERAL("text/plain");
    expect_refusal(fixture, "hello", "attributes: must be a map");
    headers[7].value = SPAN_LITERAL("application/cloudevents-batch+json");
    expect_refusal(fixture, "[]", "CloudEvents in batched mode are not taken");
    headers[7] = headers[1];
    expect_refusal(fixture, "{}", "a ce_ header is there twice");
    fixture->record.header_count = 3;
    expect_refusal(fixture, "{}", "the CloudEvent has no type");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_default_mapping),
        TEST(what_is_missing_has_defaults),
        TEST(times),
        TEST(fields_of_the_wrong_kind),
        TEST(lengths_of_fields),
        TEST(attributes_nest_so_deep),
        TEST(entries_count_at_every_depth),
        TEST(sizes_of_strings_and_records),
        TEST(other_places),
        TEST(ids_and_users_may_be_numbered),
        TEST(mappings_that_cannot_be),
        TEST(trace_context_goes_along),
        TEST(events_need_a_value),
        TEST(profiles),
        TEST(tombstones),
        TEST(ages),
        TEST(avro_single_objects),
        TEST(structured_cloud_events),
        TEST(structured_cloud_events_with_base64),
        TEST(binary_cloud_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
