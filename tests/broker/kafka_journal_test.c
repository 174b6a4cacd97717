/* The journal port on a real broker: offsets that the engine names, rebalances between two members,
 * watermarks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the headers above first
#include <cmocka.h>

#include "support/journal_member.h"
#include "support/kafka_site.h"

static struct kafka_site site;

static void close_member(struct journal_member *member, struct kafka_journal *journal,
                         struct journal_member *other)
{
    member->port.close(member->port.self);
    MEMBER_UNTIL(member, other, member->port.closed(member->port.self));
    assert_int_equal(member->owned_count, 0);
    (void)kafka_journal_destroy(journal);
}

/* Started while the assignment is being handled, again later at another offset, and after a pause. */
static void test_reading_begins_where_the_engine_says(void **state)
{
    (void)state;
    kafka_site_topics(&site, 2);
    kafka_site_fill(&site, 0, 100);
    kafka_site_fill(&site, 1, 10);
    struct kafka_journal *journal = kafka_site_journal(&site);
    struct journal_member member;
    journal_member_init(&member, kafka_journal_port(journal), 40);
    MEMBER_UNTIL(&member, NULL, member.ended[0] == 100);
    assert_int_equal(member.records[0], 60);
    /* 40 lies beyond partition 1's end */
    MEMBER_UNTIL(&member, NULL, member.ranges[1] > 0);
    journal_member_start(&member, 1, 3);
    MEMBER_UNTIL(&member, NULL, member.ended[1] == 10);
    assert_int_equal(member.records[1], 7);

    for (int round = 0; round < 5; round++) {
        journal_member_start(&member, 0, 10 * round);
        if (round % 2 == 0)
            (void)journal_member_poll(&member, 5);
    }
    MEMBER_UNTIL(&member, NULL, member.ended[0] == 100);
    assert_int_equal(member.records[0], 60);

    member.port.pause(member.port.self, 0);
    kafka_site_fill(&site, 0, 5);
    kafka_site_fill(&site, 1, 5);
    MEMBER_UNTIL(&member, NULL, member.ended[1] == 15);
    assert_int_equal(member.records[0], 60);
    member.port.resume(member.port.self, 0);
    MEMBER_UNTIL(&member, NULL, member.ended[0] == 105);
    assert_int_equal(member.records[0], 65);
    close_member(&member, journal, NULL);
}

/* After a trim the log's start is told, and what lies before is out of range. */
static void test_a_trim_moves_the_start(void **state)
{
    (void)state;
    const int32_t partition = 0;
    kafka_site_topics(&site, 1);
    kafka_site_fill(&site, 0, 100);
    struct kafka_journal *journal = kafka_site_journal(&site);
    struct journal_member member;
    journal_member_init(&member, kafka_journal_port(journal), 0);
    MEMBER_UNTIL(&member, NULL, member.ended[0] == 100);
    member.port.watermark_request(member.port.self, &partition, 1, false, 1);
    MEMBER_UNTIL(&member, NULL, member.watermarks == 1);
    assert_int_equal(member.watermark[0].low, 0);
    member.port.trim(member.port.self, 0, 60);
    MEMBER_UNTIL(&member, NULL, member.low[0] == 60);
    member.port.watermark_request(member.port.self, &partition, 1, false, 2);
    MEMBER_UNTIL(&member, NULL, member.watermarks == 2);
    assert_int_equal(member.watermark[0].low, 60);
    journal_member_start(&member, 0, 59);
    MEMBER_UNTIL(&member, NULL, member.ranges[0] > 0);
    journal_member_start(&member, 0, 60);
    MEMBER_UNTIL(&member, NULL, member.ended[0] == 100);
    assert_int_equal(member.records[0], 40);
    member.port.trim(member.port.self, 0, 1000); /* beyond the end: refused, nothing happens */
    kafka_site_fill(&site, 0, 5);
    MEMBER_UNTIL(&member, NULL, member.ended[0] == 105);
    assert_int_equal(member.low[0], 60);
    close_member(&member, journal, NULL);
}

/* The engine may learn the offset long after the assignment was answered: nothing comes until then. */
static void test_nothing_is_read_before_start(void **state)
{
    (void)state;
    kafka_site_topics(&site, 1);
    kafka_site_fill(&site, 0, 20);
    struct kafka_journal *journal = kafka_site_journal(&site);
    struct journal_member member;
    journal_member_init(&member, kafka_journal_port(journal), -1);
    MEMBER_UNTIL(&member, NULL, member.owned_count == 1);
    (void)journal_member_poll(&member, 0); /* answers the rebalance */
    kafka_site_fill(&site, 0, 20);
    int32_t partition = 0;
    member.port.watermark_request(member.port.self, &partition, 1, true, 77);
    MEMBER_UNTIL(&member, NULL, member.watermarks == 1);
    assert_int_equal(member.records[0], 0);
    assert_int_equal(member.watermark[0].offset, 40);
    assert_int_equal(member.watermark[0].requested_ms, 77);
    journal_member_start(&member, 0, 0);
    MEMBER_UNTIL(&member, NULL, member.ended[0] == 40);
    assert_int_equal(member.records[0], 40);
    close_member(&member, journal, NULL);
}

/* Started in the instant after the rebalance was answered, while the client still asks for the end at which
 * it was assigned: that answer must not undo the start (librdkafka 2.0.2 would). */
static void test_a_start_right_after_the_answer(void **state)
{
    (void)state;
    enum { PARTITIONS = 8, ROUNDS = 6 };
    kafka_site_topics(&site, PARTITIONS);
    for (int p = 0; p < PARTITIONS; p++)
        kafka_site_fill(&site, p, 20);
    for (int round = 0; round < ROUNDS; round++) {
        struct kafka_journal *journal = kafka_site_journal(&site);
        struct journal_member member;
        journal_member_init(&member, kafka_journal_port(journal), -1);
        MEMBER_UNTIL(&member, NULL, member.owned_count == PARTITIONS);
        (void)journal_member_poll(&member, 0);
        for (int p = 0; p < PARTITIONS; p++)
            journal_member_start(&member, p, 5);
        for (int p = 0; p < PARTITIONS; p++) {
            MEMBER_UNTIL(&member, NULL, member.ended[p] == 20);
            assert_int_equal(member.records[p], 15);
        }
        close_member(&member, journal, NULL);
    }
}

/* A partition out of range is let go of and taken anew, and at once the member leaves: the client
 * (librdkafka 2.0.2) ends the process when one is taken away that has not stopped from the last time. */
static void test_leaving_right_after_partitions_were_taken_anew(void **state)
{
    (void)state;
    enum { PARTITIONS = 8, ROUNDS = 20 };
    kafka_site_topics(&site, PARTITIONS);
    for (int p = 0; p < PARTITIONS; p++)
        kafka_site_fill(&site, p, 5);
    for (int round = 0; round < ROUNDS; round++) {
        struct kafka_journal *journal = kafka_site_journal(&site);
        struct journal_member member;
        journal_member_init(&member, kafka_journal_port(journal), 1000);
        for (int p = 0; p < PARTITIONS; p++)
            MEMBER_UNTIL(&member, NULL, member.ranges[p] > 0);
        for (int p = 0; p < PARTITIONS; p++)
            journal_member_start(&member, p, 0);
        if (round % 2 == 0)
            close_member(&member, journal, NULL);
        else
            assert_true(kafka_journal_destroy(journal));
    }
}

/* Partitions move one by one, each is owned once, and come back when the second member leaves. */
static void test_two_members_share_and_give_back(void **state)
{
    (void)state;
    kafka_site_topics(&site, 4);
    for (int p = 0; p < 4; p++)
        kafka_site_fill(&site, p, 10);
    struct kafka_journal *first = kafka_site_journal(&site);
    struct journal_member one, two;
    journal_member_init(&one, kafka_journal_port(first), 0);
    assert_null(one.port.group_metadata(one.port.self));
    MEMBER_UNTIL(&one, NULL, one.owned_count == 4 && one.ended[3] == 10);
    assert_non_null(one.port.group_metadata(one.port.self));

    struct kafka_journal *second = kafka_site_journal(&site);
    journal_member_init(&two, kafka_journal_port(second), 0);
    MEMBER_UNTIL(&one, &two, one.owned_count == 2 && two.owned_count == 2);
    for (int p = 0; p < 4; p++)
        assert_true(one.owned[p] != two.owned[p]);
    for (int p = 0; p < 4; p++) {
        struct journal_member *owner = one.owned[p] ? &one : &two;
        MEMBER_UNTIL(&one, &two, owner->ended[p] == 10);
    }
    assert_true(one.revoked_events >= 1);
    assert_int_equal(one.lost_events, 0);

    close_member(&two, second, &one);
    MEMBER_UNTIL(&one, NULL, one.owned_count == 4);
    for (int p = 0; p < 4; p++)
        MEMBER_UNTIL(&one, NULL, one.ended[p] == 10);
    close_member(&one, first, NULL);
}

/* An open transaction holds the last stable offset, not the high watermark; the end of the partition passes
 * the watermark once the transaction is over, although the last record is a marker. */
static void test_watermarks_and_an_open_transaction(void **state)
{
    (void)state;
    kafka_site_topics(&site, 1);
    kafka_site_fill(&site, 0, 3);
    struct kafka_journal *journal = kafka_site_journal(&site);
    struct kafka_outbox *outbox = kafka_site_outbox(&site, 0, true);
    struct outbox_port out = kafka_outbox_port(outbox);
    struct journal_member member;
    int32_t partition = 0;
    journal_member_init(&member, kafka_journal_port(journal), 0);
    MEMBER_UNTIL(&member, NULL, member.ended[0] == 3);
    out.set_group_metadata(out.self, member.port.group_metadata(member.port.self));
    MEMBER_UNTIL(&member, NULL, out.ready(out.self, 0));
    out.begin(out.self, 0);
    struct outbox_record record = {.phase = OUTBOX_SETTLED,
                                   .topic = span_from_text(site.journal),
                                   .partition = 0,
                                   .value = SPAN_LITERAL("settled")};
    out.produce(out.self, 0, &record);
    /* until the client has sent it by itself (linger) */
    do {
        int before = member.watermarks;
        member.port.watermark_request(member.port.self, &partition, 1, true, 1);
        MEMBER_UNTIL(&member, NULL, member.watermarks > before);
    } while (member.watermark[0].offset == 3);
    assert_int_equal(member.watermark[0].offset, 4);
    assert_int_equal(member.watermark[0].last_stable, 3);
    assert_int_equal(member.watermark[0].low, 0);
    assert_int_equal(member.records[0], 3);

    struct outbox_offset head = {0, 3};
    struct outbox_result result;
    out.commit(out.self, 0, &head, 1);
    MEMBER_UNTIL(&member, NULL, out.poll(out.self, 0, &result));
    assert_int_equal(result.outcome, OUTBOX_COMMITTED);
    MEMBER_UNTIL(&member, NULL, member.ended[0] == 5);
    assert_int_equal(member.records[0], 4);
    kafka_outbox_destroy(outbox);
    close_member(&member, journal, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading_begins_where_the_engine_says),
        cmocka_unit_test(test_a_trim_moves_the_start),
        cmocka_unit_test(test_nothing_is_read_before_start),
        cmocka_unit_test(test_a_start_right_after_the_answer),
        cmocka_unit_test(test_leaving_right_after_partitions_were_taken_anew),
        cmocka_unit_test(test_two_members_share_and_give_back),
        cmocka_unit_test(test_watermarks_and_an_open_transaction),
    };
    if (!kafka_site_open(&site))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
