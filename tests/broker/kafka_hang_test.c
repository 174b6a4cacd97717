/* The outbox while the broker hangs (DECLIC_TEST_KAFKA_PID is stopped and goes on): whatever outcome is
 * reported must be what the log shows, and the two topics must agree. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
// cmocka wants the headers above first
#include <cmocka.h>

#include "support/journal_member.h"
#include "support/kafka_site.h"

#define SENDS 20

static struct kafka_site site;
static pid_t broker;

static void pause_ms(int64_t ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static void produce(struct outbox_port *out)
{
    for (uint32_t i = 0; i < SENDS; i++) {
        struct outbox_record record = {.phase = OUTBOX_OUTBOUND,
                                       .topic = span_from_text(site.outbound),
                                       .partition = 0,
                                       .value = SPAN_LITERAL("message")};
        out->produce(out->self, 0, &record);
        record.phase = OUTBOX_SETTLED;
        record.topic = span_from_text(site.journal);
        record.cookie = i;
        out->produce(out->self, 0, &record);
    }
}

static bool poll_for(struct outbox_port *out, struct outbox_result *result, int64_t ms)
{
    int64_t until = member_now_ms() + ms;
    while (!out->poll(out->self, 0, result)) {
        if (member_now_ms() >= until)
            return false;
        out->wait(out->self, 20);
    }
    return true;
}

/* The broker hangs for `hang_ms`, from `delay_ms` after the commit was asked for. */
static struct outbox_result commit_over_a_hang(struct journal_member *member, struct outbox_port *out,
                                               int64_t delay_ms, int64_t hang_ms)
{
    struct outbox_result result;
    struct outbox_offset head = {0, 1};
    MEMBER_UNTIL(member, NULL, out->ready(out->self, 0));
    out->begin(out->self, 0);
    produce(out);
    out->commit(out->self, 0, &head, 1);
    pause_ms(delay_ms);
    kill(broker, SIGSTOP);
    bool early = poll_for(out, &result, hang_ms);
    kill(broker, SIGCONT);
    if (!early && !poll_for(out, &result, 60000))
        fail_msg("no outcome within 60 s of the broker's return");
    return result;
}

/* The group's membership is lost when the broker hangs for long: serve it, and take the new metadata. */
static void serve(struct journal_member *member, struct outbox_port *out)
{
    for (int i = 0; i < 20; i++)
        (void)journal_member_poll(member, 5);
    MEMBER_UNTIL(member, NULL,
                 member->owned_count == 1 && member->port.group_metadata(member->port.self) != NULL);
    out->set_group_metadata(out->self, member->port.group_metadata(member->port.self));
}

static void test_what_is_reported_is_what_is_there(void **state)
{
    (void)state;
    static const struct {
        int64_t delay_ms, hang_ms;
    } hangs[] = {{0, 300}, {3, 3000}, {8, 3000}, {12, 3000}, {16, 3000}, {5, 5500}, {10, 7000}};
    struct journal_member member;
    int seen = 0;
    kafka_site_topics(&site, 1);
    struct kafka_journal *journal = kafka_site_journal(&site);
    struct kafka_outbox *outbox = kafka_site_outbox(&site, 0, true);
    struct outbox_port out = kafka_outbox_port(outbox);
    journal_member_init(&member, kafka_journal_port(journal), 0);
    for (size_t i = 0; i < sizeof(hangs) / sizeof(hangs[0]); i++) {
        serve(&member, &out);
        struct outbox_result result =
            commit_over_a_hang(&member, &out, hangs[i].delay_ms, hangs[i].hang_ms);
        int messages = kafka_site_count(&site, site.outbound, 0, true);
        int settled = kafka_site_count(&site, site.journal, 0, true);
        print_message("hang of %d ms after %d ms: outcome %d after %d ms (%s)\n", (int)hangs[i].hang_ms,
                      (int)hangs[i].delay_ms, (int)result.outcome, (int)(result.elapsed_us / 1000),
                      result.text);
        assert_int_equal(messages, settled);
        if (result.outcome == OUTBOX_COMMITTED)
            assert_int_equal(messages, seen + SENDS);
        else if (result.outcome == OUTBOX_ABORTED)
            assert_int_equal(messages, seen);
        else
            assert_true(messages == seen || messages == seen + SENDS);
        seen = messages;
    }
    /* and nothing of what was undecided comes later */
    serve(&member, &out);
    struct outbox_result last = commit_over_a_hang(&member, &out, 0, 0);
    seen += last.outcome == OUTBOX_COMMITTED ? SENDS : 0;
    assert_int_equal(kafka_site_count(&site, site.outbound, 0, true), seen);
    assert_int_equal(kafka_site_count(&site, site.journal, 0, true), seen);
    kafka_outbox_destroy(outbox);
    (void)kafka_journal_destroy(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_reported_is_what_is_there)};
    const char *pid = getenv("DECLIC_TEST_KAFKA_PID");
    if (!kafka_site_open(&site))
        return 77;
    if (pid == NULL) {
        fputs("skipped: DECLIC_TEST_KAFKA_PID names no broker's process\n", stderr);
        return 77;
    }
    broker = (pid_t)strtol(pid, NULL, 10);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kill(broker, SIGCONT);
    return failed;
}
