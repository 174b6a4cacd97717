/* Watermarks when a partition moves to another broker. On the client library's mock cluster, which proves
 * no more than who is asked; needs no broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
// cmocka wants the headers above first
#include <cmocka.h>

#include "kafka/kafka_watermark.h"
// and the client that one
#include <librdkafka/rdkafka_mock.h>

#define TOPIC "journal"

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *cluster;
static struct kafka_watermark *watermark;

static void no_wake(void *context)
{
    (void)context;
}

static int setup(void **state)
{
    (void)state;
    struct diag diag = {0};
    host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0);
    cluster = rd_kafka_mock_cluster_new(host, 3);
    assert_int_equal(rd_kafka_mock_topic_create(cluster, TOPIC, 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_mock_partition_set_leader(cluster, TOPIC, 0, 1);
    const struct kafka_property property = {SPAN_LITERAL("bootstrap.servers"),
                                            span_from_text(rd_kafka_mock_cluster_bootstraps(cluster))};
    const struct kafka_properties properties = {&property, 1};
    assert_int_equal(kafka_watermark_open(&properties, TOPIC, NULL, no_wake, NULL, &watermark, &diag),
                     ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kafka_watermark_close(watermark);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return 0;
}

/* Asks, as an engine does, until an answer comes to something that was asked from now on. */
static void await_answer(int64_t within_ms)
{
    static int64_t tag;
    const int32_t partition = 0;
    const int64_t first = ++tag, until_us = kafka_now_us() + within_ms * 1000;
    struct journal_event event = {.requested_ms = 0};
    for (int64_t ask_us = 0; event.requested_ms < first;) {
        assert_true(kafka_now_us() < until_us);
        if (kafka_now_us() >= ask_us) {
            kafka_watermark_request(watermark, &partition, 1, true, tag++);
            ask_us = kafka_now_us() + 300000;
        }
        if (!kafka_watermark_take(watermark, &event))
            nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
}

static void test_a_partition_that_moves_is_asked_for_where_it_went(void **state)
{
    (void)state;
    await_answer(20000);
    rd_kafka_mock_partition_set_leader(cluster, TOPIC, 0, 2);
    await_answer(20000);
}

/* When its broker is missed, the others do not know of another leader yet. */
static void test_a_leader_that_dies_is_followed_by_another(void **state)
{
    (void)state;
    await_answer(20000);
    rd_kafka_mock_broker_set_down(cluster, 1);
    nanosleep(&(struct timespec){1, 0}, NULL);
    rd_kafka_mock_partition_set_leader(cluster, TOPIC, 0, 2);
    await_answer(20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_partition_that_moves_is_asked_for_where_it_went, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_leader_that_dies_is_followed_by_another, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
