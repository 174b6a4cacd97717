/* The source port on a real broker: leaving the group at whatever moment, and no record is passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the headers above first
#include <cmocka.h>
#include <time.h>

#include "kafka/kafka_source.h"
#include "support/kafka_site.h"

#define DEADLINE_US (20LL * 1000000)
#define PARTITIONS 4
#define RECORDS 150000 /* of each partition: more than is read before the second member is let in */
#define ATTEMPTS 5
#define SESSION_US (4LL * 1000000) /* a member that says nothing is missed after 4.5 to 6 s */

static struct kafka_site site;

static struct kafka_source *open_source(void)
{
    const char *topics[] = {site.outbound};
    const struct kafka_source_options options = {.properties = &site.properties,
                                                 .log = &site.log,
                                                 .topics = topics,
                                                 .topic_count = 1,
                                                 .group = site.group};
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

/* More members than partitions: one is given nothing, and leaves before it has answered to that. */
static void test_leaving_while_an_empty_assignment_stands(void **state)
{
    (void)state;
    kafka_site_topics(&site, 1);
    struct kafka_source *first = open_source();
    struct source_port one = kafka_source_port(first);
    await(&one, SOURCE_ASSIGNED);
    one.served(one.self);
    struct kafka_source *second = open_source();
    struct source_port port = kafka_source_port(second);
    struct source_event event = {0};
    const int64_t until_us = kafka_now_us() + DEADLINE_US;
    size_t given = 1;
    for (bool told = false; !told || given != 0;) { /* both know of the generation of two */
        assert_true(kafka_now_us() < until_us);
        assert_int_equal(one.poll(one.self, 5, true, &event), ERR_OK);
        if (event.kind == SOURCE_ASSIGNED)
            one.served(one.self);
        told = told || event.kind == SOURCE_ASSIGNED;
        assert_int_equal(port.poll(port.self, 5, true, &event), ERR_OK);
        if (event.kind == SOURCE_ASSIGNED)
            given = event.count;
    }
    int64_t closed_us = kafka_now_us();
    port.close(port.self);
    for (int64_t rest_us = kafka_now_us() + 300000; kafka_now_us() < rest_us;)
        assert_int_equal(port.poll(port.self, 10, true, &event), ERR_OK);
    port.served(port.self);
    while (!port.closed(port.self)) {
        assert_true(kafka_now_us() < until_us);
        assert_int_equal(port.poll(port.self, 10, true, &event), ERR_OK);
    }
    await(&one, SOURCE_ASSIGNED); /* the new generation: the group was told */
    assert_true(kafka_now_us() - closed_us < SESSION_US);
    one.served(one.self);
    (void)kafka_source_destroy(second);
    (void)kafka_source_destroy(first);
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

/* Reads what it is given, and holds each record against the one before. */
struct reader {
    struct kafka_source *source;
    struct source_port port;
    int64_t next[PARTITIONS]; /* -1: not its own */
    int owned;
    int lost;        /* how many of its partitions went without being given up */
    bool committing; /* an answer is waited for */
};

static void reader_open(struct reader *reader)
{
    const char *topics[] = {site.journal};
    const struct kafka_source_options options = {.properties = &site.properties,
                                                 .log = &site.log,
                                                 .topics = topics,
                                                 .topic_count = 1,
                                                 .group = site.group};
    struct diag diag = {0};
    assert_int_equal(kafka_source_open(&options, &reader->source, &diag), ERR_OK);
    reader->port = kafka_source_port(reader->source);
    reader->owned = reader->lost = 0;
    reader->committing = false;
    for (int p = 0; p < PARTITIONS; p++)
        reader->next[p] = -1;
}

static void take_records(struct reader *reader, const struct source_event *event)
{
    for (size_t i = 0; i < event->count; i++) {
        const struct source_message *message = &event->messages[i];
        assert_int_equal(message->offset, reader->next[message->partition]);
        reader->next[message->partition]++;
    }
    reader->port.release(reader->port.self, event->batch);
}

static void take_partitions(struct reader *reader, const struct source_event *event)
{
    int32_t given[PARTITIONS];
    size_t count = event->count;
    for (size_t i = 0; i < count; i++) {
        given[i] = event->assignments[i].partition;
        reader->next[given[i]] = event->assignments[i].start;
    }
    reader->owned += (int)count;
    reader->port.served(reader->port.self);
    for (size_t i = 0; i < count; i++)
        reader->port.start(reader->port.self, 0, given[i]);
}

static void give_partitions(struct reader *reader, const struct source_event *event)
{
    reader->lost += event->kind == SOURCE_LOST ? (int)event->count : 0;
    for (size_t i = 0; i < event->count; i++)
        reader->next[event->assignments[i].partition] = -1;
    reader->owned -= (int)event->count;
    reader->port.served(reader->port.self);
}

static void reader_poll(struct reader *reader, int timeout_ms, bool wanted)
{
    struct source_event event;
    assert_int_equal(reader->port.poll(reader->port.self, timeout_ms, wanted, &event), ERR_OK);
    if (event.kind == SOURCE_RECORDS)
        take_records(reader, &event);
    else if (event.kind == SOURCE_ASSIGNED)
        take_partitions(reader, &event);
    else if (event.kind == SOURCE_REVOKED || event.kind == SOURCE_LOST)
        give_partitions(reader, &event);
    else if (event.kind == SOURCE_COMMITTED)
        reader->committing = false;
}

static bool all_read(const struct reader *reader)
{
    for (int p = 0; p < PARTITIONS; p++)
        if (reader->next[p] != -1 && reader->next[p] < RECORDS)
            return false;
    return true;
}

/* One member reads as fast as it can while another joins: the client pauses all in the midst of a batch. */
static void test_a_rebalance_passes_over_nothing(void **state)
{
    (void)state;
    kafka_site_topics(&site, PARTITIONS);
    for (int i = 0; i < 3 * PARTITIONS; i++)
        kafka_site_fill(&site, i % PARTITIONS, RECORDS / 3);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct reader first, second;
        snprintf(site.group, sizeof(site.group), "%s%d", site.prefix, attempt);
        int64_t until_us = kafka_now_us() + DEADLINE_US;
        reader_open(&first);
        while (first.owned < PARTITIONS && kafka_now_us() < until_us)
            reader_poll(&first, 5, true);
        reader_open(&second);
        while ((second.owned == 0 || !all_read(&first)) && kafka_now_us() < until_us) {
            reader_poll(&first, 0, true);
            reader_poll(&second, 0, second.owned == 0);
        }
        assert_true(second.owned > 0 && all_read(&first));
        (void)kafka_source_destroy(second.source);
        (void)kafka_source_destroy(first.source);
    }
}

/* Records that are not wanted for longer than the source leaves them to the client. */
static void test_a_pause_passes_over_nothing(void **state)
{
    (void)state;
    struct reader reader;
    snprintf(site.group, sizeof(site.group), "%spause", site.prefix);
    int64_t until_us = kafka_now_us() + DEADLINE_US;
    reader_open(&reader);
    for (int round = 0; round < 3; round++) {
        for (int polls = 0; polls < 60 || reader.owned < PARTITIONS; polls++) {
            assert_true(kafka_now_us() < until_us);
            reader_poll(&reader, 5, true);
        }
        for (int64_t rest_us = kafka_now_us() + 1200000; kafka_now_us() < rest_us;)
            reader_poll(&reader, 1, false);
    }
    while (!all_read(&reader) && kafka_now_us() < until_us)
        reader_poll(&reader, 5, true);
    assert_true(all_read(&reader));
    (void)kafka_source_destroy(reader.source);
}

/* As an intake under load does: every 20 ms. */
static void poll_and_commit(struct reader *reader)
{
    struct source_commit commits[PARTITIONS];
    size_t count = 0;
    reader_poll(reader, 20, true);
    for (int32_t p = 0; p < PARTITIONS && !reader->committing; p++)
        if (reader->next[p] > 0)
            commits[count++] = (struct source_commit){0, p, reader->next[p], SPAN_LITERAL("read")};
    reader->committing = reader->committing || count > 0;
    if (count > 0)
        reader->port.commit(reader->port.self, commits, count, 1);
}

/* What is committed while the group is joined anew carries the old generation: the client takes the refusal
 * for the loss of its partitions. And as the others are polled between two polls of a reader, there is
 * always an answer for it when it comes: that must not keep it from the rebalances in its queue, for which
 * the group would wait until it is thrown out. */
static void test_commits_do_not_cost_partitions(void **state)
{
    (void)state;
    struct reader readers[3];
    kafka_site_topics(&site, PARTITIONS);
    for (int p = 0; p < PARTITIONS; p++)
        kafka_site_fill(&site, p, 10);
    for (size_t i = 0; i < 3; i++) {
        reader_open(&readers[i]);
        for (int64_t until_us = kafka_now_us() + DEADLINE_US; readers[i].owned == 0;) {
            assert_true(kafka_now_us() < until_us);
            for (size_t r = 0; r <= i; r++)
                poll_and_commit(&readers[r]);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(readers[i].lost, 0);
        (void)kafka_source_destroy(readers[i].source);
    }
}

/* Under the same name, while it is read: what the old one held says nothing about the new one. */
static void test_a_topic_made_anew_is_read_from_its_start(void **state)
{
    (void)state;
    struct reader reader;
    int64_t until_us = kafka_now_us() + 2 * DEADLINE_US;
    kafka_site_topics(&site, PARTITIONS);
    kafka_site_fill(&site, 0, 100);
    reader_open(&reader);
    while (reader.next[0] < 100 && kafka_now_us() < until_us)
        poll_and_commit(&reader);
    assert_int_equal(reader.next[0], 100);
    kafka_site_journal_anew(&site, PARTITIONS);
    kafka_site_fill(&site, 0, 20);
    while (reader.next[0] != 20 && kafka_now_us() < until_us)
        poll_and_commit(&reader);
    assert_int_equal(reader.next[0], 20);
    assert_true(reader.lost > 0);
    (void)kafka_source_destroy(reader.source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaving_while_an_assignment_stands),
        cmocka_unit_test(test_leaving_while_an_empty_assignment_stands),
        cmocka_unit_test(test_leaving_at_any_moment),
        cmocka_unit_test(test_a_rebalance_passes_over_nothing),
        cmocka_unit_test(test_a_pause_passes_over_nothing),
        cmocka_unit_test(test_commits_do_not_cost_partitions),
        cmocka_unit_test(test_a_topic_made_anew_is_read_from_its_start),
    };
    if (!kafka_site_open(&site))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
