/* The partition's own state: what tells a repeated intake entry, and its binary form. */
#include "check.h"
#include "codec/partition_state.h"

static struct source_position at(int64_t floor, int64_t offset, uint32_t index)
{
    return (struct source_position){.topic = SPAN_LITERAL("shop"),
                                    .incarnation = 7,
                                    .partition = 3,
                                    .floor = floor,
                                    .offset = offset,
                                    .index = index};
}

static bool take(struct partition_state *state, int64_t floor, int64_t offset, uint32_t index)
{
    struct source_position position = at(floor, offset, index);
    return partition_state_take(state, &position);
}

static void an_entry_counts_once(void **unused)
{
    (void)unused;
    struct partition_state state;
    partition_state_init(&state);
    assert_true(take(&state, 0, 5, 0));
    assert_false(take(&state, 0, 5, 0));
    assert_true(take(&state, 0, 5, 1));
    assert_true(take(&state, 0, 9, 0));
    /* A failed delivery that comes later than its successors is not lost. */
    assert_true(take(&state, 0, 7, 0));
    assert_false(take(&state, 0, 9, 0));
    partition_state_free(&state);
}

static void what_lies_below_the_floor_was_delivered(void **unused)
{
    (void)unused;
    struct partition_state state;
    partition_state_init(&state);
    assert_true(take(&state, 0, 5, 0));
    assert_true(take(&state, 6, 8, 0));
    assert_false(take(&state, 0, 5, 0));
    assert_false(take(&state, 0, 4, 0)); /* a zombie's old floor does not lower it */
    assert_int_equal(state.lives[0].floor, 6);
    assert_int_equal(state.lives[0].seen_count, 1);
    partition_state_free(&state);
}

static void another_incarnation_is_another_life(void **unused)
{
    (void)unused;
    struct partition_state state;
    partition_state_init(&state);
    assert_true(take(&state, 4, 5, 0));
    struct source_position anew = at(0, 5, 0);
    anew.incarnation = 8;
    assert_true(partition_state_take(&state, &anew));
    assert_int_equal(state.life_count, 2);
    partition_state_free(&state);
}

static void fill(struct partition_state *state)
{
    partition_state_init(state);
    state->append_max_ms = 1000;
    state->arrived_max_ms = 999;
    state->policy_version = 2;
    assert_true(take(state, 10, 12, 0));
    assert_true(take(state, 10, 12, 3));
    assert_true(take(state, 10, 400, 0));
    struct live_campaign *campaign = partition_state_put_campaign(state, SPAN_LITERAL("b"));
    campaign->version = 4;
    campaign->status = CAMPAIGN_PAUSED;
    campaign->sequence = 9;
    campaign->paused_at_ms = 77;
    campaign->paused_arrived_ms = 76;
    campaign->treatment = PAUSE_SHIFT;
    partition_state_put_campaign(state, SPAN_LITERAL("a"))->version = 1;
    const struct partition_cursor thing = {.kind = CURSOR_THING,
                                           .campaign = SPAN_LITERAL("a"),
                                           .event = SPAN_LITERAL("a block"),
                                           .duplicate = true};
    const struct partition_cursor end = {.kind = CURSOR_END,
                                         .campaign = SPAN_LITERAL("b"),
                                         .at_ms = 1764061395000,
                                         .before_version = UINT32_MAX,
                                         .entered_upto_ms = INT64_MAX,
                                         .reason = REASON_PAUSED};
    const struct partition_cursor shift = {
        .kind = CURSOR_SHIFT, .campaign = SPAN_LITERAL("b"), .before_version = 5, .by_ms = -3};
    partition_state_open_cursor(state, &thing);
    partition_state_open_cursor(state, &end);
    partition_state_open_cursor(state, &shift);
    partition_cursor_move(partition_state_cursor(state, 2), SPAN_LITERAL("u42"));
    state->sweep = (struct sweep_state){.number = 300,
                                        .open = true,
                                        .taken = 7000,
                                        .at = 7005,
                                        .begun_ms = -1,
                                        .behind = true,
                                        .keep_from = 5000,
                                        .restoring = 299};
}

static void a_cursor_keeps_its_number(void **unused)
{
    (void)unused;
    struct partition_state state;
    fill(&state);
    partition_state_close_cursor(&state, 1);
    assert_null(partition_state_cursor(&state, 1));
    assert_int_equal(state.cursor_count, 2);
    assert_int_equal(partition_state_cursor(&state, 2)->kind, CURSOR_END);
    assert_int_equal(partition_state_cursor(&state, 3)->kind, CURSOR_SHIFT);
    partition_state_open_cursor(&state, &(struct partition_cursor){.campaign = SPAN_LITERAL("c")});
    assert_int_equal(state.cursors[2].id, 4);
    partition_state_close_cursor(&state, 99);
    assert_int_equal(state.cursor_count, 3);
    partition_state_free(&state);
}

static void the_binary_form_keeps_everything(void **unused)
{
    (void)unused;
    struct partition_state state, back;
    fill(&state);
    struct buf bytes = {0}, again = {0};
    partition_state_encode(&state, &bytes);
    assert_int_equal(partition_state_decode(buf_span(&bytes), &back), ERR_OK);
    partition_state_encode(&back, &again);
    assert_int_equal(bytes.size, again.size);
    assert_memory_equal(bytes.data, again.data, bytes.size);
    assert_int_equal(back.campaign_count, 2);
    assert_true(span_equal(back.campaigns[0].id, SPAN_LITERAL("a")));
    assert_int_equal(back.campaigns[1].treatment, PAUSE_SHIFT);
    assert_int_equal(back.campaigns[1].paused_arrived_ms, 76);
    assert_false(take(&back, 10, 400, 0));
    assert_int_equal(back.cursor_count, 3);
    assert_int_equal(back.cursors_opened, 3);
    assert_true(span_equal(back.cursors[0].event, SPAN_LITERAL("a block")));
    assert_true(back.cursors[0].duplicate);
    const struct partition_cursor *end = partition_state_cursor(&back, 2);
    assert_true(span_equal(end->after, SPAN_LITERAL("u42")));
    assert_int_equal(end->reason, REASON_PAUSED);
    assert_true(end->entered_upto_ms == INT64_MAX);
    assert_true(end->before_version == UINT32_MAX);
    assert_int_equal(back.cursors[2].by_ms, -3);
    assert_int_equal(back.sweep.number, 300);
    assert_true(back.sweep.open);
    assert_int_equal(back.sweep.at, 7005);
    assert_true(back.sweep.behind);
    assert_int_equal(back.sweep.keep_from, 5000);
    assert_int_equal(back.sweep.restoring, 299);
    partition_state_free(&state);
    partition_state_free(&back);
    buf_free(&bytes);
    buf_free(&again);
}

/* Persisted: partition snapshots in the journal hold it. */
static void golden_bytes(void **unused)
{
    (void)unused;
    struct partition_state state;
    struct buf bytes = {0};
    fill(&state);
    partition_state_encode(&state, &bytes);
    assert_hex_equal(buf_span(&bytes), "03d00fce0f0203" /* layout, times, policy, uses */
                                       "02016101000000000001620401099a01980101" /* campaigns */
                                       "010473686f70070314030302000003840300" /* a life with three places */
                                       "03030100016100000000000007"           /* cursors: a thing's, */
                                       "6120626c6f636b01"                     /* with its event, */
                                       "0202016203753432f0e085a4d766ffffffff0f" /* an end, */
                                       "feffffffffffffffff010c000000"           /* upto, reason */
                                       "030301620000050000050000"               /* a shift */
                                       "ac0201b06dba6d0101904eab02");           /* the sweep */
    buf_free(&bytes);
    partition_state_free(&state);
}

static void cut_bytes_are_refused(void **unused)
{
    (void)unused;
    struct partition_state state;
    fill(&state);
    struct buf bytes = {0};
    partition_state_encode(&state, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        struct partition_state back;
        assert_int_not_equal(partition_state_decode(span_make(bytes.data, size), &back), ERR_OK);
        partition_state_free(&back);
    }
    bytes.data[0] = 99;
    struct partition_state back;
    assert_int_equal(partition_state_decode(buf_span(&bytes), &back), ERR_VERSION);
    partition_state_free(&back);
    partition_state_free(&state);
    buf_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_counts_once),
        cmocka_unit_test(what_lies_below_the_floor_was_delivered),
        cmocka_unit_test(another_incarnation_is_another_life),
        cmocka_unit_test(a_cursor_keeps_its_number),
        cmocka_unit_test(the_binary_form_keeps_everything),
        cmocka_unit_test(golden_bytes),
        cmocka_unit_test(cut_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
