/* When a view that fills up stops intake, and when it goes on. */
#include "check.h"

#include "app/store_room.h"

struct fake {
    int64_t used, limit;
    enum err error;
    int asked;
};

static enum err memory_read(void *self, int64_t *used_bytes, int64_t *limit_bytes)
{
    struct fake *fake = self;
    fake->asked++;
    if (fake->error != ERR_OK)
        return fake->error;
    *used_bytes = fake->used;
    *limit_bytes = fake->limit;
    return ERR_OK;
}

static void it_stops_before_the_limit_and_goes_on_below(void **unused)
{
    (void)unused;
    struct fake fake = {.used = 40000, .limit = 100000};
    struct store_room room = {.store = {.self = &fake, .memory_read = memory_read}};
    assert_false(store_room_is_tight(&room, 0));
    fake.used = 84000;
    assert_false(store_room_is_tight(&room, 999));
    assert_int_equal(fake.asked, 1);
    assert_false(store_room_is_tight(&room, 1000));
    fake.used = 85000;
    assert_true(store_room_is_tight(&room, 1100)); /* near the limit it looks more often */
    fake.used = 80000;
    assert_true(store_room_is_tight(&room, 1200));
    fake.error = ERR_UNREACHABLE;
    fake.used = 79000;
    assert_true(store_room_is_tight(&room, 1300));
    fake.error = ERR_OK;
    assert_true(store_room_is_tight(&room, 6200));
    assert_false(store_room_is_tight(&room, 6300));
}

static void without_a_limit_there_is_room(void **unused)
{
    (void)unused;
    struct fake fake = {.used = INT64_MAX, .limit = 0};
    struct store_room room = {.store = {.self = &fake, .memory_read = memory_read}};
    assert_false(store_room_is_tight(&room, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stops_before_the_limit_and_goes_on_below),
        cmocka_unit_test(without_a_limit_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
