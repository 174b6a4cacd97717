#include "support/kafka_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the headers above first
#include <cmocka.h>

#define MARKERS_MS 5000

bool kafka_site_open(struct kafka_site *site)
{
    const char *bootstrap = getenv("DECLIC_TEST_KAFKA");
    if (bootstrap == NULL) {
        fputs("skipped: DECLIC_TEST_KAFKA=host:port names no broker\n", stderr);
        return false;
    }
    *site = (struct kafka_site){.property = {SPAN_LITERAL("bootstrap.servers"), span_from_text(bootstrap)},
                                .log = {.level = LOG_ERROR, .fd = 2}};
    if (getenv("DECLIC_TEST_VERBOSE") != NULL)
        site->log.level = LOG_DEBUG;
    site->properties = (struct kafka_properties){&site->property, 1};
    return true;
}

void kafka_site_topics(struct kafka_site *site, int32_t partitions)
{
    char id[KAFKA_PROCESS_ID_BYTES];
    struct kafka_admin *admin;
    struct arena arena;
    struct diag diag = {0};
    kafka_process_id(id);
    snprintf(site->prefix, sizeof(site->prefix), "t-%s.", id);
    snprintf(site->journal, sizeof(site->journal), "%sjournal", site->prefix);
    snprintf(site->outbound, sizeof(site->outbound), "%sout.push", site->prefix);
    snprintf(site->group, sizeof(site->group), "%sengine", site->prefix);
    site->properties.list = &site->property;
    arena_init(&arena, 0);
    struct kafka_topic_plan plans[] = {
        {span_from_text(site->journal), KAFKA_TOPIC_JOURNAL, partitions, 0},
        {span_from_text(site->outbound), KAFKA_TOPIC_PLAIN, 1, 0},
    };
    struct kafka_topic_outcome outcomes[2];
    assert_int_equal(kafka_admin_open(&site->properties, &site->log, &admin, &diag), ERR_OK);
    if (kafka_admin_topics_create(admin, plans, 2, 10000, &arena, outcomes, &diag) != ERR_OK)
        fail_msg("%s", diag.text);
    for (size_t i = 0; i < 2; i++) {
        if (outcomes[i].result != KAFKA_TOPIC_MADE)
            fail_msg("topic %zu: %.*s", i, SPAN_PRINTF(outcomes[i].text));
    }
    kafka_admin_close(admin);
    arena_destroy(&arena);
}

struct kafka_journal *kafka_site_journal(const struct kafka_site *site)
{
    struct kafka_journal *journal;
    struct diag diag = {0};
    const struct kafka_journal_options options = {
        .properties = &site->properties, .topic = site->journal, .group = site->group, .log = &site->log};
    if (kafka_journal_open(&options, &journal, &diag) != ERR_OK)
        fail_msg("%s", diag.text);
    return journal;
}

struct kafka_outbox *kafka_site_outbox(const struct kafka_site *site, int worker, bool transactional)
{
    struct kafka_outbox *outbox;
    struct diag diag = {0};
    const struct kafka_outbox_options options = {.properties = &site->properties,
                                                 .prefix = site->prefix,
                                                 .process_id = "process",
                                                 .worker = worker,
                                                 .journal_topic = site->journal,
                                                 .transactional = transactional,
                                                 .log = &site->log};
    if (kafka_outbox_open(&options, &outbox, &diag) != ERR_OK)
        fail_msg("%s", diag.text);
    return outbox;
}

/* ---- clients without anything of ours ---- */

static rd_kafka_conf_t *plain_conf(const struct kafka_site *site)
{
    char bootstrap[128];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    snprintf(bootstrap, sizeof(bootstrap), "%.*s", SPAN_PRINTF(site->property.value));
    kafka_client_set(conf, "bootstrap.servers", bootstrap);
    return conf;
}

static void journal_delete(const struct kafka_site *site)
{
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, plain_conf(site), NULL, 0);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(site->journal);
    rd_kafka_DeleteTopics(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
}

void kafka_site_journal_anew(const struct kafka_site *site, int32_t partitions)
{
    struct kafka_admin *admin;
    struct arena arena;
    struct diag diag = {0};
    struct kafka_topic_outcome outcome;
    const struct kafka_topic_plan plan = {span_from_text(site->journal), KAFKA_TOPIC_JOURNAL, partitions,
                                          0};
    journal_delete(site);
    arena_init(&arena, 0);
    assert_int_equal(kafka_admin_open(&site->properties, &site->log, &admin, &diag), ERR_OK);
    do { /* the broker may not have forgotten it yet */
        if (kafka_admin_topics_create(admin, &plan, 1, 10000, &arena, &outcome, &diag) != ERR_OK)
            fail_msg("%s", diag.text);
    } while (outcome.result == KAFKA_TOPIC_EXISTS);
    assert_int_equal(outcome.result, KAFKA_TOPIC_MADE);
    kafka_admin_close(admin);
    arena_destroy(&arena);
}

void kafka_site_fill(const struct kafka_site *site, int32_t partition, int count)
{
    rd_kafka_conf_t *conf = plain_conf(site);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    for (int i = 0; i < count; i++) {
        char value[16];
        int size = snprintf(value, sizeof(value), "%d", i);
        assert_int_equal(rd_kafka_producev(client, RD_KAFKA_V_TOPIC(site->journal),
                                           RD_KAFKA_V_PARTITION(partition),
                                           RD_KAFKA_V_VALUE(value, (size_t)size),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    assert_int_equal(rd_kafka_flush(client, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(client);
}

static int64_t end_of_log(const struct kafka_site *site, const char *topic, int32_t partition,
                          const char *isolation)
{
    int64_t low, high;
    rd_kafka_conf_t *conf = plain_conf(site);
    kafka_client_set(conf, "isolation.level", isolation);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
    assert_int_equal(rd_kafka_query_watermark_offsets(client, topic, partition, &low, &high, 10000),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(client);
    return high;
}

/* A commit is answered before its markers are in the log, and until then its records are not to be read:
 * waits for them, or for as long as a transaction may well stay open. */
static void markers_wait(const struct kafka_site *site, const char *topic, int32_t partition)
{
    int64_t until_us = kafka_now_us() + MARKERS_MS * 1000, high = -1;
    do
        high = end_of_log(site, topic, partition, "read_uncommitted");
    while (end_of_log(site, topic, partition, "read_committed") < high && kafka_now_us() < until_us);
}

int kafka_site_count(const struct kafka_site *site, const char *topic, int32_t partition, bool committed)
{
    int count = 0;
    bool ended = false;
    if (committed)
        markers_wait(site, topic, partition);
    rd_kafka_conf_t *conf = plain_conf(site);
    kafka_client_set(conf, "isolation.level", committed ? "read_committed" : "read_uncommitted");
    kafka_client_set(conf, "enable.partition.eof", "true");
    kafka_client_set(conf, "group.id", "count");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = 0;
    rd_kafka_poll_set_consumer(client);
    assert_int_equal(rd_kafka_assign(client, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    while (!ended) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 10000);
        assert_non_null(message);
        ended = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        count += message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_message_destroy(message);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return count;
}

int64_t kafka_site_committed(const struct kafka_site *site, int32_t partition)
{
    rd_kafka_conf_t *conf = plain_conf(site);
    kafka_client_set(conf, "group.id", site->group);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, site->journal, partition);
    assert_int_equal(rd_kafka_committed(client, list, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return offset;
}
