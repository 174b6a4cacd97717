/* The outbox port on a real broker: what is seen of a transaction, and what is known of it, when all goes
 * well, when it is aborted, fenced, or carries an old generation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the headers above first
#include <cmocka.h>

#include "support/journal_member.h"
#include "support/kafka_site.h"

static struct kafka_site site;

struct bench {
    struct kafka_journal *journal;
    struct journal_member member;
    struct kafka_outbox *outbox;
    struct outbox_port out;
};

static void bench_open(struct bench *bench, int worker, bool transactional)
{
    bench->journal = kafka_site_journal(&site);
    bench->outbox = kafka_site_outbox(&site, worker, transactional);
    bench->out = kafka_outbox_port(bench->outbox);
    journal_member_init(&bench->member, kafka_journal_port(bench->journal), 0);
    MEMBER_UNTIL(&bench->member, NULL, bench->member.owned_count > 0);
    bench->out.set_group_metadata(bench->out.self,
                                  bench->member.port.group_metadata(bench->member.port.self));
    MEMBER_UNTIL(&bench->member, NULL,
                 bench->out.ready(bench->out.self, 0) && bench->out.ready(bench->out.self, 1));
}

static void bench_close(struct bench *bench)
{
    kafka_outbox_destroy(bench->outbox);
    (void)kafka_journal_destroy(bench->journal);
}

/* One message and its settled record, for each of `count` sends. */
static void produce(struct bench *bench, int producer, uint32_t count)
{
    const struct outbox_header headers[] = {{"declic-send-id", SPAN_LITERAL("id")},
                                            {"empty", SPAN_LITERAL("")}};
    for (uint32_t i = 0; i < count; i++) {
        struct outbox_record record = {.phase = OUTBOX_OUTBOUND,
                                       .topic = span_from_text(site.outbound),
                                       .partition = -1,
                                       .key = SPAN_LITERAL("user"),
                                       .value = SPAN_LITERAL("message"),
                                       .headers = headers,
                                       .header_count = 2};
        bench->out.produce(bench->out.self, producer, &record);
        record = (struct outbox_record){.phase = OUTBOX_SETTLED,
                                        .topic = span_from_text(site.journal),
                                        .partition = 0,
                                        .value = SPAN_LITERAL("settled"),
                                        .cookie = i};
        bench->out.produce(bench->out.self, producer, &record);
    }
}

static struct outbox_result outcome(struct bench *bench, int producer)
{
    struct outbox_result result;
    int64_t until = member_now_ms() + 30000;
    while (!bench->out.poll(bench->out.self, producer, &result)) {
        if (member_now_ms() > until)
            fail_msg("no outcome within 30 s");
        bench->out.wait(bench->out.self, 100);
    }
    return result;
}

static struct outbox_result run(struct bench *bench, int producer, uint32_t count, int64_t head)
{
    struct outbox_offset offset = {0, head};
    MEMBER_UNTIL(&bench->member, NULL, bench->out.ready(bench->out.self, producer));
    bench->out.begin(bench->out.self, producer);
    produce(bench, producer, count);
    bench->out.commit(bench->out.self, producer, &offset, 1);
    return outcome(bench, producer);
}

static void test_a_commit_shows_everything(void **state)
{
    (void)state;
    struct bench bench;
    kafka_site_topics(&site, 1);
    bench_open(&bench, 0, true);
    struct outbox_result result = run(&bench, 0, 10, 3);
    assert_int_equal(result.outcome, OUTBOX_COMMITTED);
    assert_int_equal(result.offset_count, 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(result.offsets[i], i);
    assert_int_equal(kafka_site_count(&site, site.outbound, 0, true), 10);
    assert_int_equal(kafka_site_count(&site, site.journal, 0, true), 10);
    assert_int_equal(kafka_site_committed(&site, 0), 3);
    result = run(&bench, 1, 1, 4);
    assert_int_equal(result.outcome, OUTBOX_COMMITTED);
    assert_int_equal(result.offsets[0], 11); /* after the marker */
    assert_int_equal(kafka_site_committed(&site, 0), 4);
    bench_close(&bench);
}

static void test_an_abort_shows_nothing(void **state)
{
    (void)state;
    struct bench bench;
    struct outbox_result result;
    kafka_site_topics(&site, 1);
    bench_open(&bench, 0, true);
    bench.out.begin(bench.out.self, 0);
    produce(&bench, 0, 5);
    bench.out.abort(bench.out.self, 0);
    result = outcome(&bench, 0);
    assert_int_equal(result.outcome, OUTBOX_ABORTED);
    assert_true(result.text[0] != '\0');
    /* nothing produced at all */
    bench.out.begin(bench.out.self, 0);
    bench.out.abort(bench.out.self, 0);
    assert_int_equal(outcome(&bench, 0).outcome, OUTBOX_ABORTED);
    /* while the commit is under way: whichever came first, and the log agrees */
    struct outbox_offset head = {0, 1};
    bench.out.begin(bench.out.self, 0);
    produce(&bench, 0, 5);
    bench.out.commit(bench.out.self, 0, &head, 1);
    bench.out.abort(bench.out.self, 0);
    result = outcome(&bench, 0);
    assert_true(result.outcome != OUTBOX_UNKNOWN);
    int expected = result.outcome == OUTBOX_COMMITTED ? 5 : 0;
    assert_int_equal(kafka_site_count(&site, site.outbound, 0, true), expected);
    assert_int_equal(kafka_site_count(&site, site.journal, 0, true), expected);
    /* and the producer goes on */
    assert_int_equal(run(&bench, 0, 2, 2).outcome, OUTBOX_COMMITTED);
    assert_int_equal(kafka_site_count(&site, site.outbound, 0, true), expected + 2);
    bench_close(&bench);
}

static void test_a_message_that_cannot_go_aborts(void **state)
{
    (void)state;
    struct bench bench;
    kafka_site_topics(&site, 1);
    bench_open(&bench, 0, true);
    struct outbox_offset head = {0, 1};
    static char large[3000000];
    bench.out.begin(bench.out.self, 0);
    produce(&bench, 0, 1);
    struct outbox_record record = {.phase = OUTBOX_OUTBOUND,
                                   .topic = span_from_text(site.outbound),
                                   .partition = 0,
                                   .value = span_make(large, sizeof(large))};
    bench.out.produce(bench.out.self, 0, &record);
    bench.out.commit(bench.out.self, 0, &head, 1);
    struct outbox_result result = outcome(&bench, 0);
    assert_int_equal(result.outcome, OUTBOX_ABORTED);
    assert_non_null(strstr(result.text, "large"));
    assert_int_equal(kafka_site_count(&site, site.outbound, 0, true), 0);
    /* a topic that is not there: the message times out */
    bench.out.begin(bench.out.self, 0);
    record.topic = SPAN_LITERAL("t-no-such-topic");
    record.value = SPAN_LITERAL("x");
    bench.out.produce(bench.out.self, 0, &record);
    bench.out.commit(bench.out.self, 0, &head, 1);
    assert_int_not_equal(outcome(&bench, 0).outcome, OUTBOX_COMMITTED);
    assert_int_equal(run(&bench, 0, 1, 2).outcome, OUTBOX_COMMITTED);
    bench_close(&bench);
}

/* The former owner hangs inside of a transaction; the new one ends it by the ids, at once. The former one
 * is then told that it does not know, and goes on with the same id. */
static void test_fencing_by_ids(void **state)
{
    (void)state;
    struct bench bench;
    int32_t partition = 0;
    kafka_site_topics(&site, 1);
    bench_open(&bench, 0, true);
    struct kafka_outbox *other = kafka_site_outbox(&site, 1, true);
    struct outbox_port out = kafka_outbox_port(other);
    bench.out.begin(bench.out.self, 0);
    produce(&bench, 0, 1);
    struct journal_member *member = &bench.member;
    while (member->watermark[0].offset == 0) {
        int before = member->watermarks;
        member->port.watermark_request(member->port.self, &partition, 1, true, 1);
        MEMBER_UNTIL(member, NULL, member->watermarks > before);
    }
    assert_int_equal(member->watermark[0].last_stable, 0);
    int64_t since = member_now_ms();
    assert_false(out.fencing(out.self));
    out.fence(out.self, bench.out.ids(bench.out.self));
    assert_true(out.fencing(out.self));
    MEMBER_UNTIL(member, NULL, !out.fencing(out.self));
    MEMBER_UNTIL(member, NULL, member->ended[0] == 2);
    if (member_now_ms() - since > 3500)
        fail_msg("fencing took %d ms, no better than the time-out", (int)(member_now_ms() - since));
    struct outbox_offset head = {0, 1};
    bench.out.commit(bench.out.self, 0, &head, 1);
    assert_int_equal(outcome(&bench, 0).outcome, OUTBOX_UNKNOWN);
    assert_true(bench.out.ready(bench.out.self, 0));
    assert_int_equal(kafka_site_count(&site, site.outbound, 0, true), 0);
    assert_int_equal(run(&bench, 0, 1, 2).outcome, OUTBOX_COMMITTED);
    assert_int_equal(kafka_site_count(&site, site.outbound, 0, true), 1);
    kafka_outbox_destroy(other);
    bench_close(&bench);
}

/* Begun with the metadata of before a rebalance: the coordinator refuses the offsets, nothing is seen. */
static void test_a_stale_generation_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    kafka_site_topics(&site, 2);
    bench_open(&bench, 0, true);
    bench.out.begin(bench.out.self, 0);
    produce(&bench, 0, 1);
    struct kafka_journal *second = kafka_site_journal(&site);
    struct journal_member two;
    journal_member_init(&two, kafka_journal_port(second), 0);
    MEMBER_UNTIL(&bench.member, &two, bench.member.owned_count == 1 && two.owned_count == 1);
    struct outbox_offset head = {0, 1};
    bench.out.set_group_metadata(bench.out.self, bench.member.port.group_metadata(bench.member.port.self));
    bench.out.commit(bench.out.self, 0, &head, 1);
    struct outbox_result result = outcome(&bench, 0);
    assert_int_equal(result.outcome, OUTBOX_ABORTED);
    assert_non_null(strstr(result.text, "offsets"));
    assert_int_equal(kafka_site_count(&site, site.outbound, 0, true), 0);
    /* with the new generation it goes, once the last event of this rebalance is served too */
    int64_t until = member_now_ms() + 20000;
    do {
        for (int i = 0; i < 20; i++) {
            (void)journal_member_poll(&bench.member, 5);
            (void)journal_member_poll(&two, 5);
        }
        bench.out.set_group_metadata(bench.out.self,
                                     bench.member.port.group_metadata(bench.member.port.self));
        result = run(&bench, 0, 1, 1);
    } while (result.outcome != OUTBOX_COMMITTED && member_now_ms() < until);
    assert_int_equal(result.outcome, OUTBOX_COMMITTED);
    assert_int_equal(kafka_site_count(&site, site.outbound, 0, true), 1);
    bench.out.set_group_metadata(bench.out.self, NULL);
    assert_false(bench.out.ready(bench.out.self, 0));
    (void)kafka_journal_destroy(second);
    bench_close(&bench);
}

static void test_at_least_once(void **state)
{
    (void)state;
    struct bench bench;
    kafka_site_topics(&site, 1);
    bench_open(&bench, 0, false);
    assert_int_equal(bench.out.ids(bench.out.self).size, 0);
    bench.out.set_group_metadata(bench.out.self, NULL);
    bench.out.begin(bench.out.self, 0);
    produce(&bench, 0, 5);
    bench.out.abort(bench.out.self, 0);
    assert_int_equal(outcome(&bench, 0).outcome, OUTBOX_ABORTED);
    assert_int_equal(kafka_site_count(&site, site.journal, 0, false), 0);
    struct outbox_result result = run(&bench, 0, 5, 1);
    assert_int_equal(result.outcome, OUTBOX_COMMITTED);
    assert_int_equal(result.offset_count, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(result.offsets[i], i);
    assert_int_equal(kafka_site_count(&site, site.journal, 0, false), 5);
    bench_close(&bench);
}

static void test_notes_are_acknowledged(void **state)
{
    (void)state;
    struct bench bench;
    kafka_site_topics(&site, 1);
    bench_open(&bench, 0, true);
    assert_int_equal(bench.out.notes_flush(bench.out.self, 0), ERR_OK);
    for (int i = 0; i < 1000; i++) {
        struct outbox_record record = {.topic = span_from_text(site.outbound),
                                       .partition = -1,
                                       .key = SPAN_LITERAL("user"),
                                       .value = SPAN_LITERAL("decision")};
        bench.out.note(bench.out.self, &record);
    }
    assert_int_equal(bench.out.notes_flush(bench.out.self, 10000), ERR_OK);
    assert_int_equal(kafka_site_count(&site, site.outbound, 0, true), 1000);
    struct outbox_record record = {
        .topic = SPAN_LITERAL("t-no-such-topic"), .partition = -1, .value = SPAN_LITERAL("decision")};
    bench.out.note(bench.out.self, &record);
    assert_int_equal(bench.out.notes_flush(bench.out.self, 300), ERR_TIMEOUT);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_commit_shows_everything),
        cmocka_unit_test(test_an_abort_shows_nothing),
        cmocka_unit_test(test_a_message_that_cannot_go_aborts),
        cmocka_unit_test(test_fencing_by_ids),
        cmocka_unit_test(test_a_stale_generation_is_refused),
        cmocka_unit_test(test_at_least_once),
        cmocka_unit_test(test_notes_are_acknowledged),
    };
    if (!kafka_site_open(&site))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
