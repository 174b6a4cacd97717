/* Decision and outbound records, byte for byte: field order is part of what users rely on. */
#include "check.h"
#include "codec/decision_json.h"
#include "codec/outbound_json.h"

static const struct value_member members[] = {
    {{.kind = VALUE_STRING, .bytes = "n", .size = 1}, {.kind = VALUE_INT, .integer = 3}}};

static const struct content_field fields[] = {
    {{"title", 5}, {.kind = VALUE_STRING, .bytes = "Hi \"you\"", .size = 8}},
    {{"body", 4}, {.kind = VALUE_MAP, .members = members, .size = 1}},
};

static const struct content content = {fields, 2};

static const unsigned char send_id[SEND_ID_BYTES] = {0x0b, 0x8c, 0, 1, 2,  3,  0x50, 5,
                                                     0x80, 7,    8, 9, 10, 11, 12,   0xff};

static void expect_decision(const struct decision_record *record, const char *expected)
{
    struct buf buf = {0};
    decision_json_write(&buf, record);
    assert_span_equal(buf_span(&buf), expected);
    buf_free(&buf);
}

static void a_full_decision(void **state)
{
    (void)state;
    struct decision_record record = {.at_ms = 1764064995003,
                                     .user = SPAN_LITERAL("u42"),
                                     .campaign = SPAN_LITERAL("abandoned-cart"),
                                     .version = 3,
                                     .key = SPAN_LITERAL("c42"),
                                     .step = SPAN_LITERAL("first"),
                                     .channel = SPAN_LITERAL("push"),
                                     .outcome = OUTCOME_SENT,
                                     .has_due = true,
                                     .due_ms = 1764064995000,
                                     .trigger_id = SPAN_LITERAL("e1"),
                                     .has_send_id = true,
                                     .content = &content};
    memcpy(record.send_id, send_id, sizeof send_id);
    expect_decision(&record, "{\"at\":\"2025-11-25T10:03:15.003Z\",\"user\":\"u42\",\"campaign\":"
                             "\"abandoned-cart\",\"version\":3,"
                             "\"key\":\"c42\",\"step\":\"first\",\"channel\":\"push\",\"outcome\":\"sent\","
                             "\"due\":\"2025-11-25T10:03:15.000Z\",\"trigger_id\":\"e1\","
                             "\"send_id\":\"0b8c0001-0203-5005-8007-08090a0b0cff\","
                             "\"message\":{\"title\":\"Hi \\\"you\\\"\",\"body\":{\"n\":3}}}");
}

static void an_ignored_trigger(void **state)
{
    (void)state;
    struct decision_record record = {.at_ms = 0,
                                     .user = SPAN_LITERAL("u"),
                                     .campaign = SPAN_LITERAL("c"),
                                     .version = 1,
                                     .outcome = OUTCOME_IGNORED,
                                     .reason = reason_text(REASON_WAS_CANCELLED),
                                     .trigger_id = SPAN_LITERAL("e")};
    expect_decision(&record,
                    "{\"at\":\"1970-01-01T00:00:00.000Z\",\"user\":\"u\",\"campaign\":\"c\",\"version\":1,"
                    "\"key\":\"\",\"outcome\":\"ignored\",\"reason\":\"cancelled\",\"trigger_id\":\"e\"}");
}

static struct outbound_message sample(void)
{
    struct outbound_message message = {.campaign = SPAN_LITERAL("abandoned-cart"),
                                       .version = 3,
                                       .step = SPAN_LITERAL("first"),
                                       .channel = SPAN_LITERAL("push"),
                                       .user = SPAN_LITERAL("u42"),
                                       .key = SPAN_LITERAL("c42"),
                                       .address = SPAN_LITERAL("tok-1"),
                                       .locale = SPAN_LITERAL("fr"),
                                       .due_ms = 1764064995000,
                                       .decided_ms = 1764064995003,
                                       .trigger_id = SPAN_LITERAL("e1"),
                                       .trigger_name = SPAN_LITERAL("cart_updated"),
                                       .trigger_time_ms = 1764061395000,
                                       .content = &content};
    memcpy(message.send_id, send_id, sizeof send_id);
    return message;
}

static void an_outbound_record(void **state)
{
    (void)state;
    struct outbound_message message = sample();
    struct buf buf = {0};
    outbound_json_write(&buf, &message);
    assert_span_equal(
        buf_span(&buf),
        "{\"send_id\":\"0b8c0001-0203-5005-8007-08090a0b0cff\",\"campaign\":\"abandoned-cart\",\"version\":"
        "3,"
        "\"step\":\"first\",\"channel\":\"push\",\"user\":\"u42\",\"key\":\"c42\",\"address\":\"tok-1\","
        "\"locale\":\"fr\",\"variant\":null,\"due\":\"2025-11-25T10:03:15.000Z\","
        "\"decided\":\"2025-11-25T10:03:15.003Z\","
        "\"trigger\":{\"id\":\"e1\",\"name\":\"cart_updated\",\"time\":\"2025-11-25T09:03:15.000Z\"},"
        "\"content\":{\"title\":\"Hi \\\"you\\\"\",\"body\":{\"n\":3}}}");
    message.address = span_make(NULL, 0);
    message.variant = SPAN_LITERAL("b");
    buf_clear(&buf);
    outbound_json_write(&buf, &message);
    buf_append_byte(&buf, '\0');
    assert_non_null(strstr(buf.data, "\"address\":null,\"locale\":\"fr\",\"variant\":\"b\","));
    buf_free(&buf);
}

static void outbound_headers_in_decimal(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct outbound_message message = sample();
    struct outbox_header headers[OUTBOUND_HEADERS_MAX];
    static const char *const expected[][2] = {{"declic-send-id", "0b8c0001-0203-5005-8007-08090a0b0cff"},
                                              {"declic-campaign", "abandoned-cart"},
                                              {"declic-version", "3"},
                                              {"declic-step", "first"},
                                              {"declic-due", "1764064995000"},
                                              {"content-type", "application/json"},
                                              {"traceparent", "00-a"},
                                              {"tracestate", "k=v"}};
    assert_int_equal(outbound_headers(&message, "application/json", &arena, headers), 6);
    message.traceparent = SPAN_LITERAL("00-a");
    message.tracestate = SPAN_LITERAL("k=v");
    assert_int_equal(outbound_headers(&message, "application/json", &arena, headers), 8);
    for (size_t i = 0; i < 8; i++) {
        assert_string_equal(headers[i].name, expected[i][0]);
        assert_span_equal(headers[i].value, expected[i][1]);
    }
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_decision),
        cmocka_unit_test(an_ignored_trigger),
        cmocka_unit_test(an_outbound_record),
        cmocka_unit_test(outbound_headers_in_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
