/* What can be said without a broker: refused properties, nobody there, topics that are not as they must be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the headers above first
#include <cmocka.h>

#include "support/journal_member.h"
#include "support/kafka_site.h"

#define S(text) SPAN_LITERAL(text)

static const struct kafka_property nobody_list[] = {{S("bootstrap.servers"), S("127.0.0.1:1")}};
static const struct kafka_properties nobody = {nobody_list, 1};

static void test_a_wrong_property_is_named(void **state)
{
    (void)state;
    static const struct kafka_property list[] = {{S("bootstrap.servers"), S("127.0.0.1:1")},
                                                 {S("no.such.property"), S("1")}};
    static const struct kafka_property wrong_list[] = {{S("bootstrap.servers"), S("127.0.0.1:1")},
                                                       {S("security.protocol"), S("carrier-pigeon")}};
    const struct kafka_properties unknown = {list, 2}, wrong = {wrong_list, 2};
    struct kafka_journal *journal = NULL;
    struct kafka_outbox *outbox = NULL;
    struct kafka_admin *admin = NULL;
    struct diag diag = {0};
    const struct kafka_journal_options options = {.properties = &unknown, .topic = "t", .group = "g"};
    assert_int_equal(kafka_journal_open(&options, &journal, &diag), ERR_INVALID);
    assert_non_null(strstr(diag.text, "kafka.no.such.property"));
    const struct kafka_outbox_options out = {.properties = &unknown,
                                             .prefix = "p.",
                                             .process_id = "1",
                                             .journal_topic = "t",
                                             .transactional = true};
    assert_int_equal(kafka_outbox_open(&out, &outbox, &diag), ERR_INVALID);
    assert_int_equal(kafka_admin_open(&wrong, NULL, &admin, &diag), ERR_INVALID);
    assert_non_null(strstr(diag.text, "kafka.security.protocol"));
}

static void test_nobody_there_is_said_and_waited_for(void **state)
{
    (void)state;
    struct kafka_journal *journal;
    struct kafka_outbox *outbox;
    struct kafka_admin *admin;
    struct diag diag = {0};
    struct arena arena;
    struct journal_event event = {0};
    int32_t partition = 0;
    const struct kafka_journal_options options = {.properties = &nobody, .topic = "t", .group = "g"};
    const struct kafka_outbox_options out = {.properties = &nobody,
                                             .prefix = "p.",
                                             .process_id = "1",
                                             .journal_topic = "t",
                                             .transactional = true};
    arena_init(&arena, 0);
    assert_int_equal(kafka_journal_open(&options, &journal, &diag), ERR_OK);
    assert_int_equal(kafka_outbox_open(&out, &outbox, &diag), ERR_OK);
    struct journal_port port = kafka_journal_port(journal);
    struct outbox_port outbox_port = kafka_outbox_port(outbox);
    int64_t until = member_now_ms() + 20000;
    while (event.kind != JOURNAL_AWAY && member_now_ms() < until)
        assert_int_equal(port.poll(port.self, 50, &event), ERR_OK);
    assert_int_equal(event.kind, JOURNAL_AWAY);
    assert_true(event.text.size > 0);
    port.watermark_request(port.self, &partition, 1, true, 1); /* does not wait */
    assert_null(port.group_metadata(port.self));
    assert_false(outbox_port.ready(outbox_port.self, 0));
    assert_true(span_equal_text(outbox_port.ids(outbox_port.self), "p.tx-1-0-0 p.tx-1-0-1"));

    struct span name = S("t");
    struct kafka_topic_description description;
    assert_int_equal(kafka_admin_open(&nobody, NULL, &admin, &diag), ERR_OK);
    assert_int_equal(kafka_admin_topics_describe(admin, &name, 1, true, 500, &arena, &description, &diag),
                     ERR_UNREACHABLE);
    assert_non_null(strstr(diag.text, "127.0.0.1:1"));
    kafka_admin_close(admin);
    kafka_outbox_destroy(outbox);
    port.close(port.self);
    while (!port.closed(port.self) && member_now_ms() < until)
        assert_int_equal(port.poll(port.self, 50, &event), ERR_OK);
    assert_true(port.closed(port.self));
    (void)kafka_journal_destroy(journal);
    arena_destroy(&arena);
}

static void test_a_topic_that_is_not_as_it_must_be(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    const struct kafka_topic_plan plan = {S("declic.journal"), KAFKA_TOPIC_JOURNAL, 64, 0};
    const struct kafka_topic_plan campaigns = {S("declic.campaigns"), KAFKA_TOPIC_CAMPAIGNS, 1, 0};
    const struct kafka_topic_description good = {.name = plan.name,
                                                 .exists = true,
                                                 .partitions = 64,
                                                 .timestamp_type = S("LogAppendTime"),
                                                 .retention_ms = S("-1"),
                                                 .retention_bytes = S("-1"),
                                                 .cleanup_policy = S("delete"),
                                                 .max_message_bytes = S("2097152")};
    assert_int_equal(kafka_topic_complaint(&plan, &good, &arena).size, 0);
    struct {
        struct kafka_topic_description description;
        const char *said;
    } cases[] = {{good, "missing"},          {good, "65 partitions"},   {good, "message.timestamp.type"},
                 {good, "retention.ms"},     {good, "retention.bytes"}, {good, "cleanup.policy"},
                 {good, "max.message.bytes"}};
    cases[0].description.exists = false;
    cases[1].description.partitions = 65;
    cases[2].description.timestamp_type = S("CreateTime");
    cases[3].description.retention_ms = S("604800000");
    cases[4].description.retention_bytes = S("1000");
    cases[5].description.cleanup_policy = S("compact");
    cases[6].description.max_message_bytes = S("1000");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span complaint = kafka_topic_complaint(&plan, &cases[i].description, &arena);
        assert_true(complaint.size > 0);
        assert_non_null(strstr(complaint.data, cases[i].said));
    }
    struct kafka_topic_description other = {.name = campaigns.name, .exists = true, .partitions = 1};
    assert_int_equal(kafka_topic_complaint(&campaigns, &other, &arena).size, 0);
    other.cleanup_policy = S("delete");
    assert_true(kafka_topic_complaint(&campaigns, &other, &arena).size > 0);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wrong_property_is_named),
        cmocka_unit_test(test_nobody_there_is_said_and_waited_for),
        cmocka_unit_test(test_a_topic_that_is_not_as_it_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
