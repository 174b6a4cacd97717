/* The simulation's calendar against plain sorting. */
#include "unit/check.h"

#include <stdlib.h>

#include "memory/sim_calendar.h"

#define APPOINTMENTS 40000
#define USERS 7

static uint32_t next_random(uint32_t *random, uint32_t below)
{
    *random = *random * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(*random >> 8) * below >> 24);
}

/* Few dues, priorities and ids, so that many are equal in all but the last byte. */
static struct appointment random_appointment(uint32_t *random, struct sim_user *users, uint32_t number)
{
    struct appointment made = {
        .due_ms = next_random(random, 300),
        .user = &users[next_random(random, USERS)],
        .journey = number,
        .priority = (uint8_t)(next_random(random, 3) * 50),
        .wake = next_random(random, 20) == 0,
    };
    made.send_id[2] = (unsigned char)next_random(random, 3);
    made.send_id[3] = (unsigned char)(next_random(random, 2) << 7);
    for (int i = 0; i < 4; i++)
        made.send_id[12 + i] = (unsigned char)(number >> (24 - 8 * i));
    return made;
}

static int compare(const void *left, const void *right)
{
    const struct appointment *a = left, *b = right;
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms ? -1 : 1;
    if (a->wake != b->wake)
        return a->wake ? -1 : 1;
    if (a->wake)
        return span_compare(a->user->id, b->user->id);
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    return memcmp(a->send_id, b->send_id, SEND_ID_BYTES);
}

static void they_come_in_order(void **state)
{
    (void)state;
    static struct appointment sorted[APPOINTMENTS];
    static const char *const names[USERS] = {"a", "b", "aa", "c", "ab", "", "d"};
    struct sim_user users[USERS] = {0};
    struct sim_calendar calendar = {0};
    uint32_t random = 1;
    for (int i = 0; i < USERS; i++)
        users[i].id = span_from_text(names[i]);
    for (uint32_t i = 0; i < APPOINTMENTS; i++) {
        sorted[i] = random_appointment(&random, users, i);
        sim_calendar_add(&calendar, &sorted[i]);
        /* One that is taken out again right away gives its place to the next. */
        if (i % 3 == 0) {
            struct appointment before_all = {.due_ms = -1, .user = &users[0], .journey = i};
            sim_calendar_add(&calendar, &before_all);
            assert_int_equal(sim_calendar_next_ms(&calendar), -1);
            assert_int_equal(sim_calendar_take(&calendar).journey, i);
        }
    }
    qsort(sorted, APPOINTMENTS, sizeof *sorted, compare);
    for (size_t i = 0; i < APPOINTMENTS; i++) {
        assert_int_equal(sim_calendar_next_ms(&calendar), sorted[i].due_ms);
        sim_calendar_prefetch(&calendar, (enum calendar_need)(i % 3));
        struct appointment taken = sim_calendar_take(&calendar);
        assert_int_equal(compare(&taken, &sorted[i]), 0);
        assert_true(taken.wake || taken.journey == sorted[i].journey);
    }
    assert_int_equal(sim_calendar_next_ms(&calendar), INT64_MAX);
    sim_calendar_prefetch(&calendar, CALENDAR_STATE);
    sim_calendar_free(&calendar);
}

/* Soon, in the next days and years ahead; more is put in while others are taken out, some of it before what
 * comes next. */
static void what_is_far_away_comes_in_order_too(void **state)
{
    (void)state;
    static const int64_t ahead_ms[] = {1, 1 << 12, 1 << 16, 1 << 20, 1 << 22, 1 << 25};
    struct sim_user user = {0};
    struct sim_calendar calendar = {0};
    uint32_t random = 2, count = 0, taken = 0;
    int64_t now_ms = INT64_C(1772445600000);
    uint64_t put = 0, got = 0;
    sim_calendar_begin(&calendar, now_ms);
    while (count < APPOINTMENTS || calendar.count != 0) {
        for (uint32_t i = next_random(&random, 4); count < APPOINTMENTS && i > 0; i--) {
            struct appointment made = {.user = &user, .journey = ++count};
            made.due_ms = now_ms + (int64_t)next_random(&random, 1000) * ahead_ms[next_random(&random, 6)];
            sim_calendar_add(&calendar, &made);
            put += count * (uint64_t)made.due_ms;
        }
        int64_t next_ms = sim_calendar_next_ms(&calendar);
        if (calendar.count == 0 || (count < APPOINTMENTS && next_random(&random, 4) == 0))
            continue;
        struct appointment first = sim_calendar_take(&calendar);
        assert_true(first.due_ms == next_ms && next_ms >= now_ms);
        now_ms = next_ms;
        got += first.journey * (uint64_t)first.due_ms;
        taken++;
    }
    assert_int_equal(taken, APPOINTMENTS);
    assert_true(put == got);
    assert_int_equal(sim_calendar_next_ms(&calendar), INT64_MAX);
    sim_calendar_free(&calendar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_in_order),
        cmocka_unit_test(what_is_far_away_comes_in_order_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
