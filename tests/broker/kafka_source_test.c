/* The source port on a real broker: leaving the group at whatever moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the headers above first
#include <cmocka.h>
#include <time.h>

#include "kafka/kafka_source.h"
#include "support/kafka_site.h"

#define DEADLINE_US (20LL * 1000000)

static struct kafka_site site;

static struct kafka_source *open_source(void)
{
    const char *topics[] = {site.outbound};
    const struct kafka_source_options options = {
        .properties = &site.properties, .topics = topics, .topic_count = 1, .group = site.group};
    struct kafka_source *source;
    struct diag diag = {0};
    assert_int_equal(kafka_source_open(&options, &source, &diag), ERR_OK);
    return source;
}

/* Polls until an event of that kind comes; words about an unreachable cluster aside, no other may. */
static void await(const struct source_port *port, enum source_event_kind kind)
{
    struct source_event event = {0};
    for (int64_t until_us = kafka_now_us() + DEADLINE_US; event.kind != kind;) {
        assert_true(kafka_now_us() < until_us);
        assert_int_equal(port->poll(port->self, 50, true, &event), ERR_OK);
        assert_true(event.kind == kind || event.kind == SOURCE_NOTHING || event.kind == SOURCE_AWAY);
    }
}

/* The client puts the revocation into its queue while the assignment is not answered yet. */
static void test_leaving_while_an_assignment_stands(void **state)
{
    (void)state;
    kafka_site_topics(&site, 1);
    struct kafka_source *source = open_source();
    struct source_port port = kafka_source_port(source);
    await(&port, SOURCE_ASSIGNED);
    port.close(port.self);
    for (int64_t until_us = kafka_now_us() + 300000; kafka_now_us() < until_us;) {
        struct source_event event;
        assert_int_equal(port.poll(port.self, 10, true, &event), ERR_OK);
        assert_true(event.kind == SOURCE_NOTHING || event.kind == SOURCE_AWAY);
    }
    port.served(port.self);
    await(&port, SOURCE_REVOKED);
    port.served(port.self);
    for (int64_t until_us = kafka_now_us() + DEADLINE_US; !port.closed(port.self);) {
        struct source_event event;
        assert_true(kafka_now_us() < until_us);
        assert_int_equal(port.poll(port.self, 10, true, &event), ERR_OK);
    }
    assert_true(kafka_source_destroy(source));
}

/* Also between the group's answer to the join and the assignment, which is some ms after the start. */
static void test_leaving_at_any_moment(void **state)
{
    (void)state;
    kafka_site_topics(&site, 1);
    for (int moment_ms = 0; moment_ms < 160; moment_ms += 4) {
        struct kafka_source *source = open_source();
        struct source_port port = kafka_source_port(source);
        for (int64_t until_us = kafka_now_us() + moment_ms * 1000; kafka_now_us() < until_us;) {
            struct source_event event;
            assert_int_equal(port.poll(port.self, 1, true, &event), ERR_OK);
            if (event.kind == SOURCE_ASSIGNED && moment_ms % 8 == 0)
                port.served(port.self);
        }
        (void)kafka_source_destroy(source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaving_while_an_assignment_stands),
        cmocka_unit_test(test_leaving_at_any_moment),
    };
    if (!kafka_site_open(&site))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
