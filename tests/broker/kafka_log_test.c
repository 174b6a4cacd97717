/* One partition read without a group, on the client library's mock cluster; needs no broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the headers above first
#include <cmocka.h>

#include "kafka/kafka_log.h"
// and the client that one
#include <librdkafka/rdkafka_mock.h>

#define TOPIC "events"

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *cluster;

static int setup(void **state)
{
    (void)state;
    host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0);
    cluster = rd_kafka_mock_cluster_new(host, 1);
    assert_int_equal(rd_kafka_mock_topic_create(cluster, TOPIC, 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return 0;
}

static struct kafka_log *log_open(void)
{
    struct diag diag = {0};
    struct kafka_log *log;
    const struct kafka_property property = {SPAN_LITERAL("bootstrap.servers"),
                                            span_from_text(rd_kafka_mock_cluster_bootstraps(cluster))};
    const struct kafka_properties properties = {&property, 1};
    const struct kafka_log_options options = {.properties = &properties, .topic = TOPIC, .committed = true};
    assert_int_equal(kafka_log_open(&options, &log, &diag), ERR_OK);
    return log;
}

/* The client ends the process where a partition is taken away that still stops from the last time. */
static void test_closing_without_having_read(void **state)
{
    (void)state;
    struct diag diag = {0};
    for (int i = 0; i < 50; i++) {
        struct kafka_log *log = log_open();
        int64_t end;
        assert_int_equal(kafka_log_end(log, 20000, NULL, &end, &diag), ERR_OK);
        assert_int_equal(kafka_log_begin_at(log, 1700000000000, end, 20000, &diag), ERR_OK);
        assert_int_equal(kafka_log_position(log), end);
        kafka_log_close(log);
    }
}

static void test_closing_at_the_first_read(void **state)
{
    (void)state;
    struct kafka_log_record record;
    for (int i = 0; i < 50; i++) {
        struct kafka_log *log = log_open();
        assert_int_equal(kafka_log_next(log, 0, &record), ERR_TIMEOUT);
        kafka_log_close(log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_closing_without_having_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closing_at_the_first_read, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
