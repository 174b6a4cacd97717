#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the headers above first
#include <cmocka.h>

#include "base/file.h"
#include "codec/avro_record.h"
#include "codec/json.h"
#include "codec/outbound_avro.h"

static struct arena arena;
static struct diag diag;

static const struct avro_type *schema(const char *json)
{
    const struct avro_type *type;
    if (avro_schema_read(span_from_text(json), &arena, &type, &diag) != ERR_OK)
        fail_msg("%s: %s", json, diag.text);
    return type;
}

/* The canonical forms and fingerprints that the Avro project tests its implementations with. */
static void canonical_forms_and_fingerprints(void **state)
{
    (void)state;
    static const struct {
        const char *json, *canonical;
        int64_t fingerprint;
    } cases[] = {
        {"\"null\"", "\"null\"", 7195948357588979594},
        {"{\"type\":\"boolean\"}", "\"boolean\"", -6970731678124411036},
        {"\"int\"", "\"int\"", 8247732601305521295},
        {"\"long\"", "\"long\"", -3434872931120570953},
        {"\"float\"", "\"float\"", 5583340709985441680},
        {"\"double\"", "\"double\"", -8181574048448539266},
        {"\"bytes\"", "\"bytes\"", 5746618253357095269},
        {"\"string\"", "\"string\"", -8142146995180207161},
        {"[  ]", "[]", -1241056759729112623},
        {"[ \"int\" , {\"type\":\"boolean\"} ]", "[\"int\",\"boolean\"]", 5392556393470105090},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"doc\":\"x\", \"aliases\":[\"bar\"]}",
         "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", -4824392279771201922},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"namespace\":\"x.y\"}",
         "{\"name\":\"x.y.foo\",\"type\":\"record\",\"fields\":[]}", 5916914534497305771},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"a.b.foo\", \"namespace\":\"x.y\"}",
         "{\"name\":\"a.b.foo\",\"type\":\"record\",\"fields\":[]}", -4616218487480524110},
        {"{\"fields\":[{\"type\":\"boolean\", \"aliases\":[], \"name\":\"f1\", \"default\":\"true\"},"
         "{\"order\":\"descending\",\"name\":\"f2\",\"doc\":\"Hello\",\"type\":\"int\"}],"
         "\"type\":\"record\", \"name\":\"foo\"}",
         "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":\"boolean\"},"
         "{\"name\":\"f2\",\"type\":\"int\"}]}",
         -4860222112080293046},
        {"{\"namespace\":\"x.y.z\", \"type\":\"enum\", \"name\":\"foo\", \"symbols\":[\"A1\", \"A2\"]}",
         "{\"name\":\"x.y.z.foo\",\"type\":\"enum\",\"symbols\":[\"A1\",\"A2\"]}", -4448647247586288245},
        {"{\"namespace\":\"x.y.z\", \"type\":\"fixed\", \"name\":\"foo\", \"size\":32}",
         "{\"name\":\"x.y.z.foo\",\"type\":\"fixed\",\"size\":32}", -3064184465700546786},
        {"{ \"items\":{\"type\":\"null\"}, \"type\":\"array\"}", "{\"type\":\"array\",\"items\":\"null\"}",
         -589620603366471059},
        {"{ \"values\":\"string\", \"type\":\"map\"}", "{\"type\":\"map\",\"values\":\"string\"}",
         -8732877298790414990},
        {"{\"name\":\"PigValue\",\"type\":\"record\",\"fields\":[{\"name\":\"value\","
         "\"type\":[\"null\",\"int\",\"long\",\"PigValue\"]}]}",
         "{\"name\":\"PigValue\",\"type\":\"record\",\"fields\":[{\"name\":\"value\","
         "\"type\":[\"null\",\"int\",\"long\",\"PigValue\"]}]}",
         -1759257747318642341},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct avro_type *type = schema(cases[i].json);
        struct buf text = {0};
        avro_schema_write_canonical(&text, type);
        buf_append_byte(&text, '\0');
        assert_string_equal(text.data, cases[i].canonical);
        buf_free(&text);
        assert_int_equal((int64_t)avro_schema_fingerprint(type), cases[i].fingerprint);
    }
}

static void names_are_looked_for_in_their_namespace(void **state)
{
    (void)state;
    const struct avro_type *type =
        schema("{\"type\":\"record\",\"name\":\"a.R\",\"fields\":["
               "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\"]}},"
               "{\"name\":\"again\",\"type\":\"E\"},{\"name\":\"full\",\"type\":{\"type\":\"a.E\"}},"
               "{\"name\":\"self\",\"type\":[\"null\",{\"type\":\"R\"}]}]}");
    assert_true(span_equal_text(type->fields[0].type->name, "a.E"));
    assert_ptr_equal(type->fields[1].type, type->fields[0].type);
    assert_ptr_equal(type->fields[2].type, type->fields[0].type);
    assert_ptr_equal(type->fields[3].type->branches[1], type);
}

static void what_is_no_schema_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"", "the text ends where a value should be"},
        {"5", "a type is a name, a list or an object with a \"type\""},
        {"\"strin\"", "strin: there is no type of this name"},
        {"[[\"int\"]]", "a union lies directly in a union"},
        {"{\"type\":\"array\"}", "items: is missing in an array or map"},
        {"{\"type\":\"record\",\"fields\":[]}",
         "a definition needs a name of letters, digits, underscores and dots"},
        {"{\"type\":\"record\",\"name\":\"a-b\",\"fields\":[]}",
         "a-b: a definition needs a name of letters, digits, underscores and dots"},
        {"{\"type\":\"record\",\"name\":\"R\"}", "R: needs a list of fields"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\"}]}",
         "R: a field lacks its name or its type"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"int\"},"
         "{\"name\":\"f\",\"type\":\"int\"}]}",
         "R: two fields have the same name"},
        {"[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}]",
         "F: is defined twice"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "F: needs a size in bytes, at most 1 MiB"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[1]}", "E: a symbol is no name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct avro_type *type;
        diag = (struct diag){0};
        assert_int_not_equal(avro_schema_read(span_from_text(cases[i].json), &arena, &type, &diag), ERR_OK);
        assert_string_equal(diag.text, cases[i].why);
    }
}

static const struct avro_limits limits = {.depth = 4, .entries = 100};

#define READ(json, bytes, value) \
    avro_record_read(span_make(bytes, sizeof(bytes) - 1), schema(json), &limits, &arena, value, &diag)

/* The value, as JSON. A timestamp prints as RFC 3339. */
static void expect(const char *json, struct span bytes, const char *expected)
{
    struct value value;
    struct buf text = {0};
    if (avro_record_read(bytes, schema(json), &limits, &arena, &value, &diag) != ERR_OK)
        fail_msg("%s: %s", json, diag.text);
    json_write_value(&text, value);
    buf_append_byte(&text, '\0');
    assert_string_equal(text.data, expected);
    buf_free(&text);
}

#define EXPECT(json, bytes, expected) expect(json, span_make(bytes, sizeof(bytes) - 1), expected)

static void values(void **state)
{
    (void)state;
    EXPECT("\"null\"", "", "null");
    EXPECT("\"boolean\"", "\x01", "true");
    EXPECT("\"int\"", "\x00", "0");
    EXPECT("\"int\"", "\x7f", "-64");
    EXPECT("\"int\"", "\x80\x01", "64");
    EXPECT("\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "-9223372036854775808");
    EXPECT("\"long\"", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "9223372036854775807");
    EXPECT("\"float\"", "\x00\x00\x20\x40", "2.5");
    EXPECT("\"double\"", "\x9a\x99\x99\x99\x99\x99\xb9\x3f", "0.1");
    EXPECT("\"string\"",
           "\x06"
           "foo",
           "\"foo\"");
    EXPECT("\"bytes\"", "\x02\xff", "\"/w==\"");
    EXPECT("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "ab", "\"YWI=\"");
    EXPECT("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "\x02", "\"B\"");
    EXPECT("[\"null\",\"string\"]", "\x00", "null");
    EXPECT("[\"null\",\"string\"]",
           "\x02\x02"
           "a",
           "\"a\"");
    EXPECT("{\"type\":\"array\",\"items\":\"long\"}", "\x04\x06\x36\x00", "[3,27]");
    EXPECT("{\"type\":\"array\",\"items\":\"long\"}", "\x03\x04\x06\x36\x02\x02\x00", "[3,27,1]");
    EXPECT("{\"type\":\"array\",\"items\":\"long\"}", "\x00", "[]");
    EXPECT("{\"type\":\"map\",\"values\":\"int\"}",
           "\x04\x02"
           "a\x02\x02"
           "b\x04\x00",
           "{\"a\":1,\"b\":2}");
    EXPECT("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"long\"},"
           "{\"name\":\"b\",\"type\":\"string\"}]}",
           "\x36\x06"
           "foo",
           "{\"a\":27,\"b\":\"foo\"}");
}

static void logical_values(void **state)
{
    (void)state;
#define LOGICAL(type, name, more) "{\"type\":" type ",\"logicalType\":\"" name "\"" more "}"
    EXPECT(LOGICAL("\"long\"", "timestamp-millis", ""), "\xd0\x0f", "\"1970-01-01T00:00:01.000Z\"");
    EXPECT(LOGICAL("\"long\"", "timestamp-millis", ""), "\x01", "\"1969-12-31T23:59:59.999Z\"");
    EXPECT(LOGICAL("\"long\"", "timestamp-micros", ""), "\x80\x89\x7a", "\"1970-01-01T00:00:01.000Z\"");
    EXPECT(LOGICAL("\"long\"", "timestamp-millis", ""), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
           "-9223372036854775808");
    EXPECT(LOGICAL("\"int\"", "date", ""), "\x02", "\"1970-01-02\"");
    EXPECT(LOGICAL("\"int\"", "timestamp-millis", ""), "\x02", "1");
    EXPECT(LOGICAL("\"string\"", "uuid", ""),
           "\x02"
           "a",
           "\"a\"");
    EXPECT(LOGICAL("\"bytes\"", "decimal", ",\"precision\":4,\"scale\":2"), "\x04\x04\xd2", "12.34");
    EXPECT(LOGICAL("\"bytes\"", "decimal", ",\"precision\":4,\"scale\":2"), "\x02\xff", "-0.01");
    EXPECT(LOGICAL("\"bytes\"", "decimal", ",\"precision\":4"), "\x00", "0.0");
    EXPECT("{\"type\":\"fixed\",\"name\":\"D\",\"size\":16,\"logicalType\":\"decimal\",\"precision\":38,"
           "\"scale\":1}",
           "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "-1.7014118346046924e+37");
}

static void bytes_that_are_none_are_refused(void **state)
{
    (void)state;
    struct value value;
    static const char nulls[] = "{\"type\":\"array\",\"items\":\"null\"}";
    static const char deep[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"r\",\"type\":[\"null\",\"R\"]}]}";
    assert_int_equal(READ("\"int\"", "", &value), ERR_TRUNCATED);
    assert_int_equal(READ("\"int\"", "\x80", &value), ERR_TRUNCATED);
    assert_int_equal(READ("\"int\"", "\xff\xff\xff\xff\x1f", &value), ERR_OVERFLOW);
    assert_int_equal(READ("\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", &value), ERR_OVERFLOW);
    assert_int_equal(READ("\"int\"", "\x00\x00", &value), ERR_CORRUPT);
    assert_int_equal(READ("\"string\"", "\x01", &value), ERR_CORRUPT);
    assert_int_equal(READ("\"string\"",
                          "\x06"
                          "fo",
                          &value),
                     ERR_TRUNCATED);
    assert_int_equal(READ("\"string\"", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", &value), ERR_TRUNCATED);
    assert_int_equal(READ("\"string\"", "\x02\xff", &value), ERR_SYNTAX);
    assert_int_equal(READ("[\"null\"]", "\x02", &value), ERR_CORRUPT);
    assert_int_equal(READ("[\"null\"]", "\x01", &value), ERR_CORRUPT);
    assert_int_equal(READ("{\"type\":\"map\",\"values\":\"int\"}",
                          "\x04\x02"
                          "a\x02\x02"
                          "a\x04\x00",
                          &value),
                     ERR_CORRUPT);
    assert_int_equal(READ(nulls, "\xc8\x01\x00", &value), ERR_OK); /* 100 */
    assert_int_equal(READ(nulls, "\xca\x01\x00", &value), ERR_LIMIT);
    assert_int_equal(READ(nulls, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00", &value), ERR_LIMIT);
    assert_int_equal(READ(deep, "\x02\x02\x02\x00", &value), ERR_OK);
    assert_int_equal(READ(deep, "\x02\x02\x02\x02\x00", &value), ERR_LIMIT);
}

static void a_single_object_names_its_schema(void **state)
{
    (void)state;
    const struct avro_known_schema list[] = {
        {avro_schema_fingerprint(schema("\"int\"")), schema("\"int\"")},
        {avro_schema_fingerprint(schema("\"string\"")), schema("\"string\"")}};
    const struct avro_schemas schemas = {list, 2};
    struct value value;
    char bytes[] = "\xC3\x01________\x04hi";
    for (size_t i = 0; i < 8; i++)
        bytes[2 + i] = (char)(list[1].fingerprint >> (8 * i));
    struct span object = span_make(bytes, sizeof bytes - 1);
    assert_int_equal(avro_single_object_read(object, &schemas, &limits, &arena, &value, &diag), ERR_OK);
    assert_true(span_equal_text(value_span(value), "hi"));
    bytes[2] ^= 1;
    assert_int_equal(avro_single_object_read(object, &schemas, &limits, &arena, &value, &diag),
                     ERR_NOT_FOUND);
    assert_int_equal(
        avro_single_object_read(span_slice(object, 0, 9), &schemas, &limits, &arena, &value, &diag),
        ERR_SYNTAX);
    bytes[1] = 2;
    assert_int_equal(avro_single_object_read(object, &schemas, &limits, &arena, &value, &diag), ERR_SYNTAX);
}

static enum err find_seven(void *self, uint32_t id, const struct avro_type **type, struct diag *why)
{
    *type = self;
    return id == 7 ? ERR_OK : diag_set(why, ERR_UNREACHABLE, 0, 0, "is away");
}

static void a_number_names_the_schema_in_a_registry(void **state)
{
    (void)state;
    const struct avro_registry_port port = {(void *)(uintptr_t)schema("\"string\""), find_seven};
    struct value value;
    assert_int_equal(
        avro_numbered_read(SPAN_LITERAL("\0\0\0\0\x07\x04hi"), &port, &limits, &arena, &value, &diag),
        ERR_OK);
    assert_true(span_equal_text(value_span(value), "hi"));
    assert_int_equal(
        avro_numbered_read(SPAN_LITERAL("\0\x07\0\0\0\x04hi"), &port, &limits, &arena, &value, &diag),
        ERR_UNREACHABLE);
    assert_string_equal(diag.text, "is away");
    assert_int_equal(avro_numbered_read(SPAN_LITERAL("\0\0\0\0"), &port, &limits, &arena, &value, &diag),
                     ERR_SYNTAX);
    assert_int_equal(avro_numbered_read(SPAN_LITERAL("{\"a\":1}"), &port, &limits, &arena, &value, &diag),
                     ERR_SYNTAX);
}

static void a_schema_may_name_what_others_define(void **state)
{
    (void)state;
    const struct span texts[] = {
        SPAN_LITERAL("{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":2}"),
        SPAN_LITERAL(
            "{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[{\"name\":\"f\",\"type\":\"F\"}]}")};
    const struct avro_type *type;
    assert_int_equal(avro_schema_read_all(texts, 2, &arena, &type, &diag), ERR_OK);
    assert_true(span_equal_text(type->fields[0].type->name, "a.F"));
}

/* What is written reads back with the schema, every kind of value in it. */
static void an_outbound_record(void **state)
{
    (void)state;
    struct value body;
    static const char text[] = "{\"a\":[null,true,-3,0.5,\"x\",{},[]],\"b\":{\"c\":9007199254740993}}";
    assert_int_equal(json_parse(SPAN_LITERAL(text), NULL, &arena, &body, &diag), ERR_OK);
    const struct content_field fields[] = {{SPAN_LITERAL("title"), value_string(SPAN_LITERAL("H\xFFi"))},
                                           {SPAN_LITERAL("body"), body}};
    const struct content content = {fields, 2};
    const struct outbound_message message = {.campaign = SPAN_LITERAL("cart"),
                                             .version = 4000000000u,
                                             .step = SPAN_LITERAL("first"),
                                             .channel = SPAN_LITERAL("webhook"),
                                             .user = SPAN_LITERAL("u"),
                                             .locale = SPAN_LITERAL("fr"),
                                             .variant = SPAN_LITERAL("b"),
                                             .due_ms = 1000,
                                             .decided_ms = -1,
                                             .trigger_id = SPAN_LITERAL("e1"),
                                             .trigger_name = SPAN_LITERAL("seen"),
                                             .content = &content};
    struct buf bytes = {0}, json = {0};
    const struct avro_type *type = schema(outbound_avro_schema().data);
    const struct avro_limits wide = {.depth = 20, .entries = 1000};
    struct value value;
    outbound_avro_write(&bytes, &message);
    assert_int_equal(avro_record_read(buf_span(&bytes), type, &wide, &arena, &value, &diag), ERR_OK);
    json_write_value(&json, value);
    buf_append_byte(&json, '\0');
#define V(inner) "{\"value\":" inner "}"
#define M(members) V("{\"members\":[" members "]}")
#define N(name, inner) "{\"name\":\"" name "\",\"value\":" V(inner) "}"
    assert_string_equal(
        json.data,
        "{\"send_id\":\"00000000-0000-0000-0000-000000000000\",\"campaign\":\"cart\",\"version\":"
        "4000000000,"
        "\"step\":\"first\",\"channel\":\"webhook\",\"user\":\"u\",\"key\":\"\",\"address\":null,"
        "\"locale\":\"fr\",\"variant\":\"b\",\"due\":\"1970-01-01T00:00:01.000Z\","
        "\"decided\":\"1969-12-31T23:59:59.999Z\",\"trigger\":{\"id\":\"e1\",\"name\":\"seen\","
        "\"time\":\"1970-01-01T00:00:00.000Z\"},\"content\":{\"title\":\"H\xEF\xBF\xBDi\",\"body\":" M(
            N("a", "[" V("null") "," V("true") "," V("-3") "," V("0.5") "," V("\"x\"") "," M("") "," V(
                       "[]") "]") ","
                                  "{\"name\":\"b\",\"value\":" M(N("c", "9007199254740993")) "}") "}}");
    buf_free(&bytes);
    buf_free(&json);
}

static void heads_of_outbound_values(void **state)
{
    (void)state;
    struct span numbered = outbound_avro_head_of_id(0x01020304, &arena);
    assert_int_equal(numbered.size, 5);
    assert_memory_equal(numbered.data, "\0\x01\x02\x03\x04", 5);
    const struct avro_type *type = schema(outbound_avro_schema().data);
    const struct avro_known_schema known = {avro_schema_fingerprint(type), type};
    const struct avro_schemas schemas = {&known, 1};
    struct value value;
    struct span head = outbound_avro_head_of_fingerprint(&arena);
    assert_int_equal(head.size, 10);
    assert_int_equal(avro_single_object_read(head, &schemas, &limits, &arena, &value, &diag),
                     ERR_TRUNCATED);
}

static void the_published_schema_is_the_one_that_is_written(void **state)
{
    (void)state;
    struct span text;
    const struct avro_type *published;
    assert_int_equal(file_read(SPAN_LITERAL(DECLIC_SOURCE_DIR "/schemas/outbound.avsc"), AVRO_SCHEMA_BYTES,
                               &arena, &text),
                     ERR_OK);
    assert_int_equal(avro_schema_read(text, &arena, &published, &diag), ERR_OK);
    assert_int_equal(avro_schema_fingerprint(published),
                     avro_schema_fingerprint(schema(outbound_avro_schema().data)));
}

int main(void)
{
    arena_init(&arena, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_forms_and_fingerprints),
        cmocka_unit_test(names_are_looked_for_in_their_namespace),
        cmocka_unit_test(what_is_no_schema_is_refused),
        cmocka_unit_test(values),
        cmocka_unit_test(logical_values),
        cmocka_unit_test(bytes_that_are_none_are_refused),
        cmocka_unit_test(a_single_object_names_its_schema),
        cmocka_unit_test(a_number_names_the_schema_in_a_registry),
        cmocka_unit_test(a_schema_may_name_what_others_define),
        cmocka_unit_test(an_outbound_record),
        cmocka_unit_test(heads_of_outbound_values),
        cmocka_unit_test(the_published_schema_is_the_one_that_is_written),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(&arena);
    return failed;
}
