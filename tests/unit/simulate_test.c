/* The simulator as a library: lines in, records, summary and comparison out. What records mean is tested by
 * stories. */
#include "unit/check.h"

#include "codec/campaign_yaml.h"
#include "codec/policy_yaml.h"
#include "icu/icu_locale.h"
#include "memory/sim_compare.h"
#include "memory/sim_summary.h"
#include "memory/simulate.h"

static const char cart[] =
    "campaign: cart\n"
    "type: event\n"
    "trigger: {event: cart}\n"
    "cancel: [{event: order}]\n"
    "steps: [{id: one, send: {after: 1h}, channel: push, message: {title: \"{{ event.n }}\"}}]\n";
static const char cart_later[] =
    "campaign: cart\n"
    "type: event\n"
    "trigger: {event: cart, where: event.n < 3}\n"
    "steps: [{id: one, send: {after: 2h}, channel: push, message: {title: \"{{ event.n }}\"}}]\n";

static const char *const lines[] = {
    "{\"id\":\"e1\",\"user\":\"amy\",\"name\":\"cart\",\"time\":\"2026-03-02T09:00:00Z\",\"attributes\":{"
    "\"n\":1}}",
    "   ",
    "{\"id\":\"e2\",\"user\":\"bob\",\"name\":\"cart\",\"time\":\"2026-03-02T09:10:00Z\",\"attributes\":{"
    "\"n\":2}}",
    "{\"id\":\"e3\",\"user\":\"cat\",\"name\":\"cart\",\"time\":\"2026-03-02T09:20:00Z\",\"attributes\":{"
    "\"n\":3}}",
    "{\"id\":\"e4\",\"user\":\"bob\",\"name\":\"cart\",\"time\":\"2026-03-02T09:30:00Z\",\"attributes\":{"
    "\"n\":2}}",
    "not json",
    "{\"id\":\"e5\",\"user\":\"amy\",\"name\":\"order\",\"time\":\"2026-03-02T09:40:00Z\"}",
    "{\"id\":\"e6\",\"user\":\"dan\",\"name\":\"else\",\"time\":\"2026-03-02T11:40:00Z\"}",
};

struct stage {
    struct arena arena;
    struct locale_port locale;
    struct campaign *campaign;
    const struct campaign_set *set;
    struct simulation *simulation;
    struct sim_summary *summary;
    struct sim_compare *compare;
    bool after;
    size_t records;
    uint64_t refused_line;
    size_t refused;
};

static void take_record(void *self, const struct decision_record *record)
{
    struct stage *stage = self;
    stage->records += 1;
    sim_summary_take(stage->summary, record);
    if (stage->compare != NULL)
        sim_compare_take(stage->compare, stage->after, record);
}

static void take_refused(void *self, uint64_t line, int column, const char *why)
{
    struct stage *stage = self;
    assert_int_equal(column, 1);
    assert_true(why[0] != '\0');
    stage->refused += 1;
    stage->refused_line = line;
}

static void run(struct stage *stage, const char *yaml, int64_t until_ms)
{
    struct diag_list diags = {.arena = &stage->arena};
    arena_init(&stage->arena, 0);
    diags.arena = &stage->arena;
    assert_int_equal(icu_locale_open(&stage->locale), ERR_OK);
    assert_int_equal(campaign_read(span_from_text(yaml), SPAN_LITERAL("cart.yaml"), NULL, &stage->arena,
                                   &stage->campaign, &diags),
                     ERR_OK);
    stage->campaign->version = 1;
    const struct campaign *const versions[] = {stage->campaign};
    const struct campaign_life life = {.versions = versions, .version_count = 1};
    stage->set = campaign_set_build(&stage->arena, &life, 1, policy_empty());
    stage->summary = sim_summary_new(stage->set, &stage->locale);
    const struct simulation_options options = {
        .campaigns = stage->set,
        .locale = &stage->locale,
        .max_future_ms = 300000,
        .has_until = until_ms != 0,
        .until_ms = until_ms,
        .decisions = {stage, take_record},
        .refused_self = stage,
        .refused = take_refused,
    };
    stage->simulation = simulation_new(&options);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        simulation_take(stage->simulation, span_from_text(lines[i]));
    simulation_finish(stage->simulation);
}

static void end(struct stage *stage)
{
    simulation_free(stage->simulation);
    sim_summary_free(stage->summary);
    campaign_close(stage->campaign);
    icu_locale_close(&stage->locale);
    arena_destroy(&stage->arena);
}

static void lines_are_counted_and_refused(void **state)
{
    (void)state;
    struct stage stage = {0};
    run(&stage, cart, 0);
    assert_int_equal(stage.refused, 1);
    assert_int_equal(stage.refused_line, 5);
    assert_int_equal(simulation_user_count(stage.simulation), 4);
    /* four scheduled, one restarted, one cancelled, two sent */
    assert_int_equal(stage.records, 8);
    end(&stage);
}

static void lines_after_the_end_are_not_taken(void **state)
{
    (void)state;
    struct stage stage = {0};
    run(&stage, cart, INT64_C(1772442900000)); /* 09:15 */
    assert_int_equal(simulation_user_count(stage.simulation), 2);
    assert_int_equal(stage.records, 2);
    end(&stage);
}

static void the_summary(void **state)
{
    (void)state;
    struct stage stage = {0};
    struct buf text = {0};
    run(&stage, cart, 0);
    sim_summary_print(stage.summary, simulation_user_count(stage.simulation), &text);
    assert_span_equal(buf_span(&text), "cart\n"
                                       "  entered            3, and 1 by restart\n"
                                       "  scheduled          4\n"
                                       "  sent               2\n"
                                       "  cancelled          1\n"
                                       "  restarted          1\n"
                                       "  reached    2 of 4 users (50.0 %)\n"
                                       "  by hour    0h ··········█············· 23h\n"
                                       "\n"
                                       "all campaigns\n"
                                       "  sent               2\n"
                                       "  reached    2 of 4 users (50.0 %)\n"
                                       "  by hour    0h ··········█············· 23h\n"
                                       "  most       bob (1), cat (1)\n");
    buf_free(&text);
    end(&stage);
}

static void the_comparison(void **state)
{
    (void)state;
    struct stage before = {.compare = sim_compare_new()};
    struct stage after = {.compare = before.compare, .after = true};
    struct buf text = {0};
    run(&before, cart, 0);
    run(&after, cart_later, 0);
    sim_summary_compare(before.summary, after.summary, &text);
    sim_compare_print(before.compare, &text);
    assert_span_equal(buf_span(&text),
                      "cart\n"
                      "  entered                        3 -> 2         (-1)\n"
                      "  scheduled                      4 -> 3         (-1)\n"
                      "  cancelled                      1 -> 0         (-1)\n"
                      "messages\n"
                      "  the same               0\n"
                      "  gone                   1\n"
                      "    2026-03-02T10:20:00.000Z  cart/one to cat\n"
                      "  new                    1\n"
                      "    2026-03-02T11:00:00.000Z  cart/one to amy\n"
                      "  at other times         1\n"
                      "    2026-03-02T10:30:00.000Z  cart/one to bob, now 2026-03-02T11:30:00.000Z\n"
                      "  other text             0\n");
    buf_free(&text);
    sim_compare_free(before.compare);
    end(&before);
    end(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_counted_and_refused),
        cmocka_unit_test(lines_after_the_end_are_not_taken),
        cmocka_unit_test(the_summary),
        cmocka_unit_test(the_comparison),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
