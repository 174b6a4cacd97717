/* The near future in memory: order, moves, what lies beyond; and the map of users below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "app/horizon.h"
#include "app/steady_clock.h"

static struct span name(int number, char text[16])
{
    int size = snprintf(text, 16, "u%d", number);
    return span_make(text, (size_t)size);
}

static void users_come_out_in_order_of_due(void **unused)
{
    (void)unused;
    struct horizon horizon;
    horizon_init(&horizon);
    horizon.loaded_until_ms = 100000;
    char text[16];
    for (int i = 0; i < 1000; i++)
        horizon_set(&horizon, name(i, text), (i * 7919) % 1000);
    for (int i = 0; i < 1000; i += 2)
        horizon_set(&horizon, name(i, text), INT64_MAX);
    for (int i = 1; i < 1000; i += 4)
        horizon_set(&horizon, name(i, text), 2000 + i);
    int64_t last_ms = INT64_MIN;
    int count = 0;
    for (struct horizon_entry *entry; (entry = horizon_pop(&horizon)) != NULL; count++) {
        assert_true(entry->due_ms >= last_ms);
        last_ms = entry->due_ms;
        free(entry);
    }
    assert_int_equal(count, 500);
    assert_int_equal(horizon_next_ms(&horizon), INT64_MAX);
    horizon_clear(&horizon);
}

static void what_lies_beyond_is_not_kept(void **unused)
{
    (void)unused;
    struct horizon horizon;
    horizon_init(&horizon);
    horizon_set(&horizon, SPAN_LITERAL("u"), 5);
    assert_int_equal(horizon_count(&horizon), 0);
    horizon_set(&horizon, SPAN_LITERAL("marked"), INT64_MIN);
    assert_int_equal(horizon_count(&horizon), 1);
    horizon.loaded_until_ms = 10;
    horizon_set(&horizon, SPAN_LITERAL("u"), 5);
    horizon_set(&horizon, SPAN_LITERAL("u"), 11);
    assert_int_equal(horizon_count(&horizon), 1);
    horizon_clear(&horizon);
}

static int64_t wall_ms, monotonic_ms;

static int64_t read_wall(void *self)
{
    (void)self;
    return wall_ms;
}

static int64_t read_monotonic(void *self)
{
    (void)self;
    return monotonic_ms;
}

static void pass(int64_t ms)
{
    wall_ms += ms;
    monotonic_ms += ms;
}

/* Time passes while somebody looks at the clock. */
static void watch(struct steady_clock *clock, int64_t ms)
{
    for (int64_t passed = 0; passed < ms; passed += 1000) {
        pass(1000);
        (void)steady_clock_now(clock);
    }
}

static void the_clock_hides_small_steps_back(void **unused)
{
    (void)unused;
    struct steady_clock clock;
    steady_clock_init(&clock, (struct clock_port){NULL, read_wall, read_monotonic});
    wall_ms = 1000000;
    monotonic_ms = 50;
    assert_int_equal(steady_clock_now(&clock), 1000000);
    wall_ms -= 3000;
    assert_int_equal(steady_clock_now(&clock), 1000000);
    assert_false(steady_clock_holds(&clock));
    wall_ms += 4000;
    monotonic_ms += 1000;
    assert_int_equal(steady_clock_now(&clock), 1001000);
}

static void a_large_step_is_believed_after_a_while(void **unused)
{
    (void)unused;
    struct steady_clock clock;
    steady_clock_init(&clock, (struct clock_port){NULL, read_wall, read_monotonic});
    wall_ms = 1000000;
    assert_int_equal(steady_clock_now(&clock), 1000000);
    wall_ms += 3600000;
    pass(100);
    assert_int_equal(steady_clock_now(&clock), 1000100);
    assert_true(steady_clock_holds(&clock));
    assert_int_equal(clock.steps, 1);
    watch(&clock, STEADY_HOLD_MS);
    assert_int_equal(steady_clock_now(&clock), wall_ms);
    assert_false(steady_clock_holds(&clock));
    assert_int_equal(clock.accepted, 1);
    wall_ms -= 7200000;
    (void)steady_clock_now(&clock);
    assert_true(steady_clock_holds(&clock));
    watch(&clock, STEADY_HOLD_MS);
    assert_int_equal(steady_clock_now(&clock), wall_ms);
    assert_int_equal(clock.accepted, 2);
}

static void a_step_that_is_mended_leaves_no_trace(void **unused)
{
    (void)unused;
    struct steady_clock clock;
    steady_clock_init(&clock, (struct clock_port){NULL, read_wall, read_monotonic});
    wall_ms = 1000000;
    assert_int_equal(steady_clock_now(&clock), 1000000);
    wall_ms += 60000;
    pass(3000);
    assert_int_equal(steady_clock_now(&clock), 1003000);
    wall_ms -= 60000;
    pass(1000);
    assert_int_equal(steady_clock_now(&clock), 1004000);
    assert_false(steady_clock_holds(&clock));
    pass(STEADY_HOLD_MS);
    assert_int_equal(steady_clock_now(&clock), wall_ms);
    assert_int_equal(clock.accepted, 0);
}

static void a_step_is_held_anew_when_nobody_looked(void **unused)
{
    (void)unused;
    struct steady_clock clock;
    steady_clock_init(&clock, (struct clock_port){NULL, read_wall, read_monotonic});
    wall_ms = 1000000;
    assert_int_equal(steady_clock_now(&clock), 1000000);
    wall_ms += 60000;
    pass(1000);
    assert_int_equal(steady_clock_now(&clock), 1001000);
    pass(STEADY_HOLD_MS); /* meanwhile it may have been mended, and set wrong again */
    assert_int_equal(steady_clock_now(&clock), 1001000 + STEADY_HOLD_MS);
    assert_true(steady_clock_holds(&clock));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_come_out_in_order_of_due),
        cmocka_unit_test(what_lies_beyond_is_not_kept),
        cmocka_unit_test(the_clock_hides_small_steps_back),
        cmocka_unit_test(a_large_step_is_believed_after_a_while),
        cmocka_unit_test(a_step_that_is_mended_leaves_no_trace),
        cmocka_unit_test(a_step_is_held_anew_when_nobody_looked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
