#include "support/store_contract.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the headers above first
#include <cmocka.h>

#define S(text) SPAN_LITERAL(text)

static void assert_span(struct span got, const char *expected)
{
    if (!span_equal_text(got, expected))
        fail_msg("expected \"%s\", got \"%.*s\"", expected, SPAN_PRINTF(got));
}

static struct store_commit commit_of(int32_t partition, int64_t expected, int64_t head,
                                     const struct store_user_write *writes, size_t count)
{
    return (struct store_commit){.partition = partition,
                                 .expected_head = expected,
                                 .new_head = head,
                                 .writes = writes,
                                 .count = count};
}

void store_contract_commits_move_with_the_head(struct store_port store)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct span users[] = {S("u1"), S("nobody"), S("u2")};
    struct store_read reads[2] = {{.partition = 3, .users = users, .count = 3}, {.partition = 4}};
    assert_int_equal(store.fold_read(store.self, reads, 2, &arena), ERR_OK);
    assert_int_equal(reads[0].head, STORE_NO_HEAD);
    assert_int_equal(reads[1].head, STORE_NO_HEAD);
    assert_int_equal(reads[0].states[0].size, 0);

    struct store_user_write writes[] = {{S("u1"), S("state one"), 1000},
                                        {S("u2"), S("a\r\n\0b"), INT64_MAX}};
    struct store_commit commits[2] = {commit_of(3, STORE_NO_HEAD, 10, writes, 2),
                                      commit_of(4, STORE_NO_HEAD, 7, NULL, 0)};
    commits[0].part = S("part");
    assert_int_equal(store.fold_commit(store.self, commits, 2), ERR_OK);

    assert_int_equal(store.fire_read(store.self, reads, 2, &arena), ERR_OK);
    assert_int_equal(reads[0].head, 10);
    assert_int_equal(reads[1].head, 7);
    assert_span(reads[0].states[0], "state one");
    assert_int_equal(reads[0].states[1].size, 0);
    assert_true(span_equal(reads[0].states[2], S("a\r\n\0b")));

    /* a commit that leaves the partition's state out keeps it, and needs no read before it */
    commits[0] = commit_of(3, 10, 11, NULL, 0);
    assert_int_equal(store.fold_commit(store.self, commits, 1), ERR_OK);
    struct store_partition partition;
    assert_int_equal(store.partition_read(store.self, 3, &arena, &partition), ERR_OK);
    assert_int_equal(partition.head, 11);
    assert_span(partition.part, "part");
    assert_int_equal(partition.ids.size, 0);
    int32_t both[] = {4, 3};
    int64_t heads[2];
    assert_int_equal(store.heads_read(store.self, both, 2, heads), ERR_OK);
    assert_int_equal(heads[0], 7);
    assert_int_equal(heads[1], 11);
    arena_destroy(&arena);
}

void store_contract_a_moved_head_refuses_all(struct store_port store)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct span users[] = {S("u1")};
    struct store_read reads[2] = {{.partition = 1, .users = users, .count = 1},
                                  {.partition = 2, .users = users, .count = 1}};
    struct store_commit moved = commit_of(2, STORE_NO_HEAD, 5, NULL, 0);
    assert_int_equal(store.fold_commit(store.self, &moved, 1), ERR_OK);

    struct store_user_write writes[] = {{S("u1"), S("new"), 1}};
    struct store_commit commits[2] = {commit_of(1, STORE_NO_HEAD, 9, writes, 1),
                                      commit_of(2, STORE_NO_HEAD, 6, writes, 1)};
    assert_int_equal(store.fold_read(store.self, reads, 2, &arena), ERR_OK);
    assert_int_equal(store.fold_commit(store.self, commits, 2), ERR_CONFLICT);
    assert_int_equal(store.fire_read(store.self, reads, 2, &arena), ERR_OK);
    assert_int_equal(reads[0].head, STORE_NO_HEAD);
    assert_int_equal(reads[0].states[0].size, 0);
    assert_int_equal(reads[1].head, 5);
    arena_destroy(&arena);
}

void store_contract_due_is_read_in_order(struct store_port store)
{
    struct arena arena;
    arena_init(&arena, 0);
    const int64_t late = INT64_C(1764000000123);
    struct store_user_write writes[] = {
        {S("d"), S("s"), late},  {S("b"), S("s"), 5},         {S("a"), S("s"), 5},
        {S("c"), S("s"), -1000}, {S("m"), S("s"), INT64_MIN}, {S("never"), S("s"), INT64_MAX},
    };
    struct store_commit commit = commit_of(0, STORE_NO_HEAD, 1, writes, 6);
    assert_int_equal(store.fold_commit(store.self, &commit, 1), ERR_OK);

    static const char *const all[] = {"m", "c", "a", "b", "d"};
    struct store_due *dues;
    size_t count;
    int64_t head;
    assert_int_equal(store.due_read(store.self, 0, INT64_MIN, INT64_MAX, 100, &arena, &dues, &count, &head),
                     ERR_OK);
    assert_int_equal(head, 1);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_span(dues[i].user, all[i]);
    assert_true(dues[0].due_ms == INT64_MIN);
    assert_int_equal(dues[1].due_ms, -1000);
    assert_int_equal(dues[4].due_ms, late);

    assert_int_equal(store.due_read(store.self, 0, -999, 5, 1, &arena, &dues, &count, &head), ERR_OK);
    assert_int_equal(count, 1);
    assert_span(dues[0].user, "a");
    assert_int_equal(store.due_read(store.self, 0, late, late, 9, &arena, &dues, &count, &head), ERR_OK);
    assert_int_equal(count, 1);

    /* moved, and taken out */
    struct store_user_write again[] = {{S("d"), S("s"), 4}, {S("a"), S("s"), INT64_MAX}};
    commit = commit_of(0, 1, 2, again, 2);
    assert_int_equal(store.fold_commit(store.self, &commit, 1), ERR_OK);
    assert_int_equal(store.due_read(store.self, 0, 0, INT64_MAX, 9, &arena, &dues, &count, &head), ERR_OK);
    assert_int_equal(count, 2);
    assert_span(dues[0].user, "d");
    assert_span(dues[1].user, "b");
    int32_t partitions[] = {0, 1};
    int64_t pending;
    assert_int_equal(store.pending_count(store.self, partitions, 2, &pending), ERR_OK);
    assert_int_equal(pending, 4);
    arena_destroy(&arena);
}

void store_contract_deleted_users_are_gone(struct store_port store)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct store_user_write writes[] = {{S("u1"), S("s"), 3}, {S("u2"), S("s"), 4}};
    struct store_commit commit = commit_of(0, STORE_NO_HEAD, 1, writes, 2);
    assert_int_equal(store.fold_commit(store.self, &commit, 1), ERR_OK);
    struct store_user_write gone[] = {{S("u1"), S(""), INT64_MAX}, {S("unknown"), S(""), INT64_MAX}};
    commit = commit_of(0, 1, 2, gone, 2);
    assert_int_equal(store.fold_commit(store.self, &commit, 1), ERR_OK);

    struct span users[] = {S("u1"), S("u2")};
    struct store_read read = {.partition = 0, .users = users, .count = 2};
    assert_int_equal(store.fire_read(store.self, &read, 1, &arena), ERR_OK);
    assert_int_equal(read.states[0].size, 0);
    assert_span(read.states[1], "s");
    struct store_due *dues;
    size_t count;
    int64_t head;
    assert_int_equal(store.due_read(store.self, 0, 0, 9, 9, &arena, &dues, &count, &head), ERR_OK);
    assert_int_equal(count, 1);
    assert_span(dues[0].user, "u2");
    arena_destroy(&arena);
}

void store_contract_ids_stand_beside_the_head(struct store_port store)
{
    struct arena arena;
    struct store_partition partition;
    arena_init(&arena, 0);
    struct store_commit commit = commit_of(0, STORE_NO_HEAD, 5, NULL, 0);
    assert_int_equal(store.ids_write(store.self, 0, 5, S("mine")), ERR_CONFLICT);
    assert_int_equal(store.fold_commit(store.self, &commit, 1), ERR_OK);
    assert_int_equal(store.ids_write(store.self, 0, 4, S("mine")), ERR_CONFLICT);
    assert_int_equal(store.ids_write(store.self, 0, 5, S("mine")), ERR_OK);
    assert_int_equal(store.ids_remove(store.self, 0, S("another's")), ERR_OK);
    assert_int_equal(store.partition_read(store.self, 0, &arena, &partition), ERR_OK);
    assert_span(partition.ids, "mine");
    assert_int_equal(store.ids_remove(store.self, 0, S("mine")), ERR_OK);
    assert_int_equal(store.partition_read(store.self, 0, &arena, &partition), ERR_OK);
    assert_int_equal(partition.ids.size, 0);
    assert_int_equal(partition.head, 5);
    arena_destroy(&arena);
}

void store_contract_wipe_leaves_nothing(struct store_port store)
{
    struct arena arena;
    struct store_partition partition;
    arena_init(&arena, 0);
    struct store_user_write writes[] = {{S("u1"), S("s"), 3}};
    struct store_commit commits[2] = {commit_of(0, STORE_NO_HEAD, 5, writes, 1),
                                      commit_of(1, STORE_NO_HEAD, 6, writes, 1)};
    commits[0].part = S("part");
    assert_int_equal(store.fold_commit(store.self, commits, 2), ERR_OK);
    assert_int_equal(store.ids_write(store.self, 0, 5, S("mine")), ERR_OK);
    assert_int_equal(store.wipe(store.self, 0), ERR_OK);
    assert_int_equal(store.partition_read(store.self, 0, &arena, &partition), ERR_OK);
    assert_int_equal(partition.head, STORE_NO_HEAD);
    assert_int_equal(partition.part.size, 0);
    assert_int_equal(partition.ids.size, 0);
    int32_t partitions[] = {0, 1};
    int64_t pending;
    assert_int_equal(store.pending_count(store.self, partitions, 2, &pending), ERR_OK);
    assert_int_equal(pending, 1);
    arena_destroy(&arena);
}

static void expect_followers(struct store_port store, uint64_t thing, const char *after, size_t limit,
                             const char *expected)
{
    struct arena arena;
    struct span *users;
    struct buf names = {0};
    size_t count;
    int64_t head;
    arena_init(&arena, 0);
    assert_int_equal(store.followers_read(store.self, 0, thing, span_from_text(after), limit, &arena,
                                          &users, &count, &head),
                     ERR_OK);
    for (size_t i = 0; i < count; i++)
        buf_printf(&names, "%s%.*s", i == 0 ? "" : " ", SPAN_PRINTF(users[i]));
    assert_span(buf_span(&names), expected);
    buf_free(&names);
    arena_destroy(&arena);
}

static void expect_follows(struct store_port store, const struct store_follow *after, size_t limit,
                           const char *expected)
{
    struct arena arena;
    struct store_follow *follows;
    struct buf names = {0};
    size_t count;
    int64_t head;
    arena_init(&arena, 0);
    assert_int_equal(store.follows_read(store.self, 0, after, limit, &arena, &follows, &count, &head),
                     ERR_OK);
    for (size_t i = 0; i < count; i++)
        buf_printf(&names, "%s%llu/%.*s", i == 0 ? "" : " ", (unsigned long long)(follows[i].thing % 100),
                   SPAN_PRINTF(follows[i].user));
    assert_span(buf_span(&names), expected);
    buf_free(&names);
    arena_destroy(&arena);
}

void store_contract_followers_are_read_in_order(struct store_port store)
{
    const struct store_follow first[] = {
        {7, S("b"), true}, {7, S("a"), true}, {7, S("\xFFz"), true},      {7, S("ab"), true},
        {8, S("c"), true}, {6, S("d"), true}, {UINT64_MAX, S("e"), true}, {0, S("f"), true}};
    struct store_commit commit = commit_of(0, STORE_NO_HEAD, 1, NULL, 0);
    commit.follows = first;
    commit.follow_count = sizeof(first) / sizeof(*first);
    assert_int_equal(store.fold_commit(store.self, &commit, 1), ERR_OK);
    expect_followers(store, 7, "", 10, "a ab b \xFFz");
    expect_followers(store, 7, "", 2, "a ab");
    expect_followers(store, 7, "ab", 2, "b \xFFz");
    expect_followers(store, 7, "aa", 1, "ab");
    expect_followers(store, 7, "\xFFz", 1, "");
    expect_followers(store, UINT64_MAX, "", 10, "e");
    expect_followers(store, 0, "", 10, "f");
    expect_followers(store, 9, "", 10, "");
    expect_follows(store, NULL, 10, "0/f 6/d 7/a 7/ab 7/b 7/\xFFz 8/c 15/e");
    expect_follows(store, NULL, 2, "0/f 6/d");
    expect_follows(store, &(struct store_follow){.thing = 7, .user = S("ab")}, 2, "7/b 7/\xFFz");
    expect_follows(store, &(struct store_follow){.thing = 7, .user = S("aa")}, 1, "7/ab");
    expect_follows(store, &(struct store_follow){.thing = UINT64_MAX, .user = S("e")}, 1, "");

    /* Refused as a whole with the head, and a repeat changes nothing. */
    const struct store_follow then[] = {
        {7, S("b"), false}, {7, S("a"), true}, {8, S("nobody"), false}, {7, S("aa"), true}};
    commit = commit_of(0, STORE_NO_HEAD, 2, NULL, 0);
    commit.follows = then;
    commit.follow_count = sizeof(then) / sizeof(*then);
    assert_int_equal(store.fold_commit(store.self, &commit, 1), ERR_CONFLICT);
    expect_followers(store, 7, "", 10, "a ab b \xFFz");
    commit.expected_head = 1;
    assert_int_equal(store.fold_commit(store.self, &commit, 1), ERR_OK);
    expect_followers(store, 7, "", 10, "a aa ab \xFFz");
    assert_int_equal(store.wipe(store.self, 0), ERR_OK);
    expect_followers(store, 7, "", 10, "");
}

void store_contract_a_scan_meets_everybody(struct store_port store)
{
    enum { USERS = 3000 };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct store_user_write *writes = ARENA_ARRAY(&arena, struct store_user_write, USERS);
    bool *met = ARENA_ARRAY(&arena, bool, USERS);
    struct store_scan scan = {0};
    struct store_user *users;
    size_t count, pages = 0;
    int64_t head;
    assert_int_equal(store.users_scan(store.self, 0, &scan, 10, &arena, &users, &count, &head), ERR_OK);
    assert_true(scan.over);
    assert_int_equal(count, 0);
    assert_int_equal(head, STORE_NO_HEAD);
    for (size_t i = 0; i < USERS; i++)
        writes[i] = (struct store_user_write){arena_printf(&arena, "user-%zu", i),
                                              arena_printf(&arena, "state-%zu", i), INT64_MAX};
    struct store_commit commit = commit_of(0, STORE_NO_HEAD, 1, writes, USERS);
    assert_int_equal(store.fold_commit(store.self, &commit, 1), ERR_OK);
    for (scan = (struct store_scan){0}; !scan.over; pages++) {
        assert_int_equal(store.users_scan(store.self, 0, &scan, 100, &arena, &users, &count, &head),
                         ERR_OK);
        assert_int_equal(head, 1);
        for (size_t i = 0; i < count; i++) {
            size_t number = (size_t)strtol(users[i].user.data + strlen("user-"), NULL, 10);
            met[number] = true;
            assert_true(span_equal(users[i].state, writes[number].state));
        }
    }
    for (size_t i = 0; i < USERS; i++)
        assert_true(met[i]);
    assert_in_range(pages, 5, USERS);
    arena_destroy(&arena);
}

void store_contract_huge_batches(struct store_port store)
{
    enum { USERS = 10000 };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct store_user_write *writes = ARENA_ARRAY(&arena, struct store_user_write, USERS);
    struct span *users = ARENA_ARRAY(&arena, struct span, USERS);
    for (size_t i = 0; i < USERS; i++) {
        users[i] = arena_printf(&arena, "user-%zu", i);
        writes[i] = (struct store_user_write){
            users[i], arena_printf(&arena, "%0*zu", (int)(1 + i % 700), i), (int64_t)(USERS - i)};
    }
    struct store_read read = {.partition = 0, .users = users, .count = USERS};
    assert_int_equal(store.fold_read(store.self, &read, 1, &arena), ERR_OK);
    struct store_commit commit = commit_of(0, STORE_NO_HEAD, 1, writes, USERS);
    assert_int_equal(store.fold_commit(store.self, &commit, 1), ERR_OK);
    assert_int_equal(store.fold_read(store.self, &read, 1, &arena), ERR_OK);
    assert_int_equal(read.head, 1);
    for (size_t i = 0; i < USERS; i++)
        assert_true(span_equal(read.states[i], writes[i].state));
    struct store_due *dues;
    size_t count;
    int64_t head;
    assert_int_equal(store.due_read(store.self, 0, 1, INT64_MAX, USERS, &arena, &dues, &count, &head),
                     ERR_OK);
    assert_int_equal(count, USERS);
    for (size_t i = 0; i < USERS; i++)
        assert_int_equal(dues[i].due_ms, i + 1);
    arena_destroy(&arena);
}
