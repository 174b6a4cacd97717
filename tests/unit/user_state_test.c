/* The binary form of user states: golden bytes, size, and bytes nobody vouches for. */
#include "unit/check.h"

#include "codec/user_state_bin.h"

#define NOW_MS INT64_C(1772445600000)

/* A user with one plain pending send and the id of its trigger. */
static struct user_state plain_state(struct arena *arena)
{
    struct user_state state;
    struct value_member *kept = ARENA_ARRAY(arena, struct value_member, 2);
    kept[0] =
        (struct value_member){value_string(SPAN_LITERAL("cart_id")), value_string(SPAN_LITERAL("c42"))};
    kept[1] = (struct value_member){value_string(SPAN_LITERAL("total")), value_double(45.5)};
    user_state_init(&state, SPAN_LITERAL("user-00000000001"));
    struct journey *journey = USER_LIST_PUSH(arena, &state.journeys);
    journey->campaign = SPAN_LITERAL("abandoned-cart");
    journey->version = 3;
    journey->key = SPAN_LITERAL("c42");
    journey->trigger = (struct trigger_facts){
        .kind = TRIGGER_EVENT,
        .id = SPAN_LITERAL("e-000000000001"),
        .name = SPAN_LITERAL("cart_updated"),
        .time_ms = NOW_MS,
        .calendar_ms = NOW_MS + 120,
        .attributes = value_map(kept, 2),
        .follow = value_map(NULL, 0),
    };
    journey->steps = ARENA_ARRAY(arena, struct step_state, 1);
    journey->steps[0].due_ms = NOW_MS + 3600000;
    journey->step_count = 1;
    *USER_LIST_PUSH(arena, &state.seen) = (struct seen_id){0x0123456789abcdef, NOW_MS + 120};
    return state;
}

/* Everything at once, so that each field is written and read. */
static struct user_state full_state(struct arena *arena)
{
    struct user_state state = plain_state(arena);
    struct value list = value_list(ARENA_ARRAY(arena, struct value, 1), 1); /* of a null */
    struct value map = state.journeys.items[0].trigger.attributes;
    state.has_profile = true;
    state.profile = map;
    struct journey *journey = &state.journeys.items[0];
    journey->was_sent = true;
    journey->steps[0] = (struct step_state){.status = STEP_PENDING,
                                            .marked = true,
                                            .mark_outcome = OUTCOME_RESTARTED,
                                            .mark_reason = SPAN_LITERAL("e2"),
                                            .attempt = 2,
                                            .due_ms = NOW_MS};
    journey->deferred = ARENA_NEW(arena, struct deferred_restart);
    int64_t *dues = ARENA_ARRAY(arena, int64_t, 2);
    dues[0] = NOW_MS + 5;
    dues[1] = NO_DUE;
    *journey->deferred = (struct deferred_restart){
        .afresh = true,
        .version = 4,
        .trigger = {.kind = TRIGGER_YEARLY,
                    .alternative = 2,
                    .day = -20000,
                    .id = SPAN_LITERAL("yearly:2027"),
                    .time_ms = NOW_MS,
                    .calendar_ms = NOW_MS,
                    .attributes = value_map(NULL, 0),
                    .has_follow = true,
                    .follow = map,
                    .traceparent = SPAN_LITERAL("00-1-2-01"),
                    .tracestate = SPAN_LITERAL("a=b")},
        .due_ms = dues,
        .step_count = 2,
    };
    *USER_LIST_PUSH(arena, &state.cancels) =
        (struct remembered_cancel){.campaign = SPAN_LITERAL("abandoned-cart"),
                                   .version = 3,
                                   .rule = 1,
                                   .event_id = SPAN_LITERAL("o1"),
                                   .event_name = SPAN_LITERAL("order"),
                                   .time_ms = NOW_MS,
                                   .arrived_ms = NOW_MS + 1,
                                   .sides = list,
                                   .has_facts = true,
                                   .event = map,
                                   .profile = map};
    struct counter *counter = USER_LIST_PUSH(arena, &state.counters);
    counter->name = SPAN_LITERAL("purchase");
    counter->predicate = SPAN_LITERAL("it.total > 50.0");
    *USER_LIST_PUSH(arena, &counter->times) = NOW_MS - 5;
    *USER_LIST_PUSH(arena, &counter->times) = NOW_MS;
    struct times_counter *times = USER_LIST_PUSH(arena, &state.times);
    times->campaign = SPAN_LITERAL("interest");
    times->alternative = 1;
    *USER_LIST_PUSH(arena, &times->events) = (struct times_event){SPAN_LITERAL("/page"), NOW_MS};
    *USER_LIST_PUSH(arena, &state.entries) =
        (struct entry_note){SPAN_LITERAL("interest"), SPAN_LITERAL("k"), NOW_MS};
    struct span *labels = ARENA_ARRAY(arena, struct span, 1);
    labels[0] = SPAN_LITERAL("marketing");
    *USER_LIST_PUSH(arena, &state.sent) = (struct sent_note){NOW_MS, SPAN_LITERAL("push"), labels, 1};
    *USER_LIST_PUSH(arena, &state.follows) = (struct follow_state){.name = SPAN_LITERAL("favourites"),
                                                                   .thing = SPAN_LITERAL("p1"),
                                                                   .time_ms = NOW_MS,
                                                                   .expires_ms = INT64_MAX,
                                                                   .attributes = map};
    *USER_LIST_PUSH(arena, &state.dates) = (struct date_note){SPAN_LITERAL("birthday"), SPAN_LITERAL(""),
                                                              SPAN_LITERAL("yearly:2026"), NOW_MS + 1};
    *USER_LIST_PUSH(arena, &state.wakes) = (struct date_wake){SPAN_LITERAL("birthday"), 0, NOW_MS + 2};
    *USER_LIST_PUSH(arena, &state.history) =
        (struct outcome_note){.at_ms = NOW_MS,
                              .campaign = SPAN_LITERAL("birthday"),
                              .version = 1,
                              .step = SPAN_LITERAL("wish"),
                              .outcome = OUTCOME_SKIPPED,
                              .reason = SPAN_LITERAL("late"),
                              .trigger_id = SPAN_LITERAL("yearly:2026"),
                              .has_due = true,
                              .due_ms = NOW_MS - 7};
    return state;
}

static void golden_bytes(void **state)
{
    (void)state;
    static const unsigned char expected[] =
        "\x01\x82\x01\x01\x00\x00\x0e"
        "abandoned-cart\x03\x03"
        "c42\x00\x0e"
        "e-000000000001\x00\x0c"
        "cart_updated\x80\xa4\xec\xdf\x95\x67\xf0\x01\x0a\x02\x87"
        "cart_id\x83"
        "c42\x85total\x05"
        "\x00\x00\x00\x00\x00\xc0\x46\x40\x01\x00\x90\xb8\xb7\x03\x01\xef\xcd\xab\x89\x67\x45\x23\x01"
        "\x8f\xb8\xb7\x03";
    struct arena arena;
    struct buf bytes = {0};
    arena_init(&arena, 0);
    struct user_state plain = plain_state(&arena);
    user_state_encode(&plain, &bytes);
    assert_int_equal(bytes.size, sizeof expected - 1);
    assert_memory_equal(bytes.data, expected, bytes.size);
    /* What the store is sized by. */
    assert_true(bytes.size <= 115);
    buf_free(&bytes);
    arena_destroy(&arena);
}

static void an_empty_state_is_no_bytes(void **state)
{
    (void)state;
    struct buf bytes = {0};
    struct arena arena;
    struct user_state empty, again;
    arena_init(&arena, 0);
    user_state_init(&empty, SPAN_LITERAL("u"));
    user_state_encode(&empty, &bytes);
    assert_int_equal(bytes.size, 0);
    assert_int_equal(user_state_decode(span_make(NULL, 0), SPAN_LITERAL("u"), &arena, &again), ERR_OK);
    assert_true(user_state_is_empty(&again));
    arena_destroy(&arena);
}

/* Of a user of whom nothing is known any more the view keeps where he was concerned last. */
static void a_place_is_kept_without_a_state(void **state)
{
    (void)state;
    struct buf bytes = {0};
    struct arena arena;
    struct user_state empty, again;
    arena_init(&arena, 0);
    user_state_init(&empty, SPAN_LITERAL("u"));
    empty.folded_offset = INT64_C(1) << 40;
    user_state_set_swept(&empty, 128 + 5);
    user_state_encode(&empty, &bytes);
    assert_int_equal(user_state_decode(buf_span(&bytes), SPAN_LITERAL("u"), &arena, &again), ERR_OK);
    assert_true(user_state_is_empty(&again));
    assert_true(again.folded_offset == INT64_C(1) << 40);
    assert_true(user_state_is_swept(&again, 5));
    assert_false(user_state_is_swept(&again, 4));
    buf_free(&bytes);
    arena_destroy(&arena);
}

static void all_of_it_comes_back(void **state)
{
    (void)state;
    struct arena arena;
    struct buf bytes = {0}, again = {0};
    struct user_state read;
    arena_init(&arena, 0);
    struct user_state full = full_state(&arena);
    user_state_encode(&full, &bytes);
    assert_int_equal(user_state_decode(buf_span(&bytes), full.user, &arena, &read), ERR_OK);
    user_state_encode(&read, &again);
    assert_int_equal(bytes.size, again.size);
    assert_memory_equal(bytes.data, again.data, bytes.size);
    const struct journey *journey = &read.journeys.items[0];
    assert_true(journey->was_sent && journey->steps[0].marked);
    assert_int_equal(journey->steps[0].attempt, 2);
    assert_true(journey->deferred->afresh);
    assert_int_equal(journey->deferred->trigger.day, -20000);
    assert_int_equal(journey->deferred->trigger.alternative, 2);
    assert_true(journey->deferred->due_ms[1] == NO_DUE);
    assert_span_equal(journey->deferred->trigger.tracestate, "a=b");
    assert_true(read.follows.items[0].expires_ms == INT64_MAX);
    assert_span_equal(read.sent.items[0].labels[0], "marketing");
    assert_span_equal(read.history.items[0].reason, "late");
    buf_free(&bytes);
    buf_free(&again);
    arena_destroy(&arena);
}

static void what_is_cut_is_refused(void **state)
{
    (void)state;
    struct arena arena, reading;
    struct buf bytes = {0};
    struct user_state read;
    arena_init(&arena, 0);
    arena_init(&reading, 0);
    struct user_state full = full_state(&arena);
    user_state_encode(&full, &bytes);
    for (size_t size = 1; size < bytes.size; size++) {
        struct span cut = guarded_copy(span_make(bytes.data, size));
        arena_reset(&reading);
        assert_int_not_equal(user_state_decode(cut, full.user, &reading, &read), ERR_OK);
        guarded_free(cut);
    }
    bytes.data[0] = 2;
    assert_int_equal(user_state_decode(buf_span(&bytes), full.user, &reading, &read), ERR_VERSION);
    buf_free(&bytes);
    arena_destroy(&reading);
    arena_destroy(&arena);
}

/* Any byte changed: an error or another state, never more memory than bytes allow, never a fault. */
static void what_is_changed_does_no_harm(void **state)
{
    (void)state;
    struct arena arena, reading;
    struct buf bytes = {0};
    arena_init(&arena, 0);
    arena_init(&reading, 0);
    struct user_state full = full_state(&arena);
    user_state_encode(&full, &bytes);
    for (size_t at = 1; at < bytes.size; at++) {
        char kept = bytes.data[at];
        for (int byte = 0; byte < 256; byte++) {
            struct user_state read;
            bytes.data[at] = (char)byte;
            arena_reset(&reading);
            enum err error = user_state_decode(buf_span(&bytes), full.user, &reading, &read);
            assert_true(error == ERR_OK || error == ERR_TRUNCATED);
            assert_true(reading.used_bytes <= bytes.size * 400);
        }
        bytes.data[at] = kept;
    }
    buf_free(&bytes);
    arena_destroy(&reading);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_bytes),
        cmocka_unit_test(an_empty_state_is_no_bytes),
        cmocka_unit_test(a_place_is_kept_without_a_state),
        cmocka_unit_test(all_of_it_comes_back),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(what_is_changed_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
