/* The memory store against the contract of ports/store.h, and going back to a copy. */
#include "memory/memory_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the headers above first
#include <cmocka.h>

#include "support/store_contract.h"

#define CONTRACT(name)                                   \
    static void test_##name(void **state)                \
    {                                                    \
        struct memory_store *store = memory_store_new(); \
        (void)state;                                     \
        store_contract_##name(memory_store_port(store)); \
        memory_store_free(store);                        \
    }

CONTRACT(commits_move_with_the_head)
CONTRACT(a_moved_head_refuses_all)
CONTRACT(due_is_read_in_order)
CONTRACT(deleted_users_are_gone)
CONTRACT(ids_stand_beside_the_head)
CONTRACT(wipe_leaves_nothing)
CONTRACT(followers_are_read_in_order)
CONTRACT(a_scan_meets_everybody)
CONTRACT(huge_batches)

static void test_rewind_brings_back_what_was(void **state)
{
    (void)state;
    struct arena arena;
    struct memory_store *store = memory_store_new();
    struct store_port port = memory_store_port(store);
    struct store_user_write one[] = {{SPAN_LITERAL("u"), SPAN_LITERAL("old"), 5}};
    struct store_user_write two[] = {{SPAN_LITERAL("u"), SPAN_LITERAL("new"), INT64_MAX}};
    struct store_commit first = {.expected_head = STORE_NO_HEAD, .new_head = 1, .writes = one, .count = 1};
    struct store_commit second = {.expected_head = 1, .new_head = 2, .writes = two, .count = 1};
    arena_init(&arena, 0);
    assert_int_equal(port.fold_commit(port.self, &first, 1), ERR_OK);
    struct memory_store *copy = memory_store_copy(store);
    assert_int_equal(port.fold_commit(port.self, &second, 1), ERR_OK);
    memory_store_rewind(store, copy);
    struct store_due *dues;
    size_t count;
    int64_t head;
    assert_int_equal(port.due_read(port.self, 0, 0, 9, 9, &arena, &dues, &count, &head), ERR_OK);
    assert_int_equal(head, 1);
    assert_int_equal(count, 1);
    assert_int_equal(port.fold_commit(port.self, &second, 1), ERR_OK);
    memory_store_free(copy);
    memory_store_free(store);
    arena_destroy(&arena);
}

/* The skip list against a plain sort. */
static void test_due_order_holds_under_random_moves(void **state)
{
    (void)state;
    enum { USERS = 200, MOVES = 5000 };
    int64_t due[USERS];
    struct arena arena;
    unsigned random = 12345;
    int64_t head = STORE_NO_HEAD;
    struct memory_store *store = memory_store_new();
    struct store_port port = memory_store_port(store);
    arena_init(&arena, 0);
    for (int i = 0; i < USERS; i++)
        due[i] = INT64_MAX;
    for (int i = 0; i < MOVES; i++) {
        random = random * 1103515245U + 12345U;
        unsigned user = (random >> 16) % USERS;
        due[user] = (random >> 8) % 5 == 0 ? INT64_MAX : (int64_t)((random >> 4) % 50);
        struct store_user_write write = {arena_printf(&arena, "%03u", user), SPAN_LITERAL("s"), due[user]};
        struct store_commit commit = {
            .expected_head = head, .new_head = head + 1, .writes = &write, .count = 1};
        assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_OK);
        head++;
    }
    struct store_due *dues;
    size_t count, expected = 0;
    assert_int_equal(port.due_read(port.self, 0, INT64_MIN, INT64_MAX, USERS, &arena, &dues, &count, &head),
                     ERR_OK);
    for (int64_t at = 0; at < 50; at++) {
        for (int user = 0; user < USERS; user++) {
            if (due[user] != at)
                continue;
            assert_true(expected < count);
            assert_int_equal(dues[expected].due_ms, at);
            assert_int_equal(strtol(dues[expected].user.data, NULL, 10), user);
            expected++;
        }
    }
    assert_int_equal(count, expected);
    memory_store_free(store);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commits_move_with_the_head),
        cmocka_unit_test(test_a_moved_head_refuses_all),
        cmocka_unit_test(test_due_is_read_in_order),
        cmocka_unit_test(test_deleted_users_are_gone),
        cmocka_unit_test(test_ids_stand_beside_the_head),
        cmocka_unit_test(test_wipe_leaves_nothing),
        cmocka_unit_test(test_followers_are_read_in_order),
        cmocka_unit_test(test_a_scan_meets_everybody),
        cmocka_unit_test(test_huge_batches),
        cmocka_unit_test(test_rewind_brings_back_what_was),
        cmocka_unit_test(test_due_order_holds_under_random_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
