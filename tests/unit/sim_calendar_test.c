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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
