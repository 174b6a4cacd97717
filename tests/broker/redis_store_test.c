/* The store on Redis against the contract of ports/store.h, and against what happens to a real server. */
#include "redis/redis_store.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
// cmocka wants the headers above first
#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "redis/redis_check.h"
#include "redis/redis_url.h"
#include "redis/redis_wire.h"
#include "support/redis_server.h"
#include "support/store_contract.h"

#define S(text) SPAN_LITERAL(text)

static struct redis_server server;

static struct redis_store *store_open(void)
{
    struct redis_store *store;
    struct diag diag = {0};
    struct redis_store_options options = {
        .url = span_from_text(server.url), .prefix = S("test."), .timeout_ms = 1000};
    if (redis_store_open(&options, &store, &diag) != ERR_OK)
        fail_msg("%s", diag.text);
    return store;
}

/* A connection beside the store, for what others do to the server. */
static void tell(const char *command)
{
    redisContext *context = redisConnectUnix(server.url + strlen("unix://"));
    redisReply *reply = redisCommand(context, command);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", command, reply == NULL ? context->errstr : reply->str);
    freeReplyObject(reply);
    redisFree(context);
}

static int flush(void **state)
{
    (void)state;
    tell("FLUSHALL");
    return 0;
}

#define CONTRACT(name)                                  \
    static void test_##name(void **state)               \
    {                                                   \
        struct redis_store *store = store_open();       \
        (void)state;                                    \
        store_contract_##name(redis_store_port(store)); \
        redis_store_close(store);                       \
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

static struct store_commit commit_of(int64_t expected, int64_t head, const struct store_user_write *writes,
                                     size_t count)
{
    return (struct store_commit){
        .expected_head = expected, .new_head = head, .writes = writes, .count = count};
}

/* Calls `call` until the connection is back. */
#define UNTIL_REACHABLE(error, call)                                     \
    do {                                                                 \
        const struct timespec pause_ = {.tv_nsec = 5000000};             \
        int tries_ = 0;                                                  \
        while (((error) = (call)) == ERR_UNREACHABLE && tries_++ < 2000) \
            nanosleep(&pause_, NULL);                                    \
    } while (0)

/* Between a fold's read and its commit another process commits: nothing is written. */
static void test_a_commit_in_between_is_a_conflict(void **state)
{
    (void)state;
    struct redis_store *one = store_open(), *two = store_open();
    struct store_port a = redis_store_port(one), b = redis_store_port(two);
    struct arena arena;
    arena_init(&arena, 0);
    struct span users[] = {S("u")};
    struct store_read read = {.users = users, .count = 1};
    struct store_user_write mine[] = {{S("u"), S("mine"), 1}}, theirs[] = {{S("u"), S("theirs"), 2}};
    struct store_commit first = commit_of(STORE_NO_HEAD, 1, theirs, 1);
    struct store_commit late = commit_of(STORE_NO_HEAD, 1, mine, 1);
    assert_int_equal(a.fold_read(a.self, &read, 1, &arena), ERR_OK);
    assert_int_equal(b.fold_commit(b.self, &first, 1), ERR_OK);
    assert_int_equal(a.fold_commit(a.self, &late, 1), ERR_CONFLICT);
    assert_int_equal(a.fire_read(a.self, &read, 1, &arena), ERR_OK);
    assert_true(span_equal(read.states[0], S("theirs")));
    /* the same store goes on from what is there; reads for firing do not spoil it */
    struct store_commit next = commit_of(1, 2, mine, 1);
    assert_int_equal(a.fold_read(a.self, &read, 1, &arena), ERR_OK);
    assert_int_equal(a.fire_read(a.self, &read, 1, &arena), ERR_OK);
    assert_int_equal(a.fold_commit(a.self, &next, 1), ERR_OK);
    arena_destroy(&arena);
    redis_store_close(one);
    redis_store_close(two);
}

/* A head that went back, or away, is seen by whatever is called next. */
static void test_a_rewound_head_is_noticed(void **state)
{
    (void)state;
    struct redis_store *store = store_open();
    struct store_port port = redis_store_port(store);
    struct arena arena;
    struct store_due *dues;
    size_t count;
    int64_t head;
    int32_t partition = 0;
    struct store_commit commit = commit_of(STORE_NO_HEAD, 5, NULL, 0);
    arena_init(&arena, 0);
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_OK);
    tell("SET test.{0}:head 3");
    assert_int_equal(port.heads_read(port.self, &partition, 1, &head), ERR_OK);
    assert_int_equal(head, 3);
    assert_int_equal(port.due_read(port.self, 0, 0, 1, 1, &arena, &dues, &count, &head), ERR_OK);
    assert_int_equal(head, 3);
    commit = commit_of(5, 6, NULL, 0);
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_CONFLICT);
    tell("FLUSHALL");
    assert_int_equal(port.heads_read(port.self, &partition, 1, &head), ERR_OK);
    assert_int_equal(head, STORE_NO_HEAD);
    arena_destroy(&arena);
    redis_store_close(store);
}

/* A key that holds something else must not look like a user without a state. */
static void test_a_foreign_key_is_an_error(void **state)
{
    (void)state;
    struct redis_store *store = store_open();
    struct store_port port = redis_store_port(store);
    struct arena arena;
    struct span users[] = {S("u")};
    struct store_read read = {.users = users, .count = 1};
    arena_init(&arena, 0);
    tell("SET test.{0}:u text");
    assert_int_equal(port.fire_read(port.self, &read, 1, &arena), ERR_REFUSED);
    assert_int_equal(port.fold_read(port.self, &read, 1, &arena), ERR_REFUSED);
    tell("DEL test.{0}:u");
    assert_int_equal(port.fire_read(port.self, &read, 1, &arena), ERR_OK);
    arena_destroy(&arena);
    redis_store_close(store);
}

/* Killed between read and commit: the commit is made on a new connection, with the head looked at again. */
static void test_it_comes_back_after_kill(void **state)
{
    (void)state;
    struct redis_store *store = store_open();
    struct store_port port = redis_store_port(store);
    struct arena arena;
    enum err error;
    int64_t head;
    int32_t partition = 0;
    struct store_read read = {.partition = 0};
    struct store_commit commit = commit_of(STORE_NO_HEAD, 5, NULL, 0);
    arena_init(&arena, 0);
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_OK);
    assert_int_equal(port.fold_read(port.self, &read, 1, &arena), ERR_OK);
    redis_server_kill(&server);
    assert_int_equal(port.heads_read(port.self, &partition, 1, &head), ERR_UNREACHABLE);
    assert_true(redis_store_failure(store).size > 0);
    commit = commit_of(5, 6, NULL, 0);
    error = port.fold_commit(port.self, &commit, 1);
    assert_true(error == ERR_UNKNOWN_OUTCOME || error == ERR_UNREACHABLE);
    redis_server_again(&server, NULL);
    UNTIL_REACHABLE(error, port.fold_commit(port.self, &commit, 1));
    assert_int_equal(error, ERR_OK);
    UNTIL_REACHABLE(error, port.heads_read(port.self, &partition, 1, &head));
    assert_int_equal(error, ERR_OK);
    assert_int_equal(head, 6);
    arena_destroy(&arena);
    redis_store_close(store);
}

/* A server that hangs: calls come back after the time-out. The commit that was under way is made when the
 * server goes on, or never, and which of them is read from the head. */
static void test_a_hanging_server_is_not_waited_for(void **state)
{
    (void)state;
    struct redis_store *store = store_open();
    struct store_port port = redis_store_port(store);
    struct arena arena;
    enum err error;
    int64_t head;
    int32_t partition = 0;
    struct store_read read = {.partition = 0};
    struct store_commit commit = commit_of(STORE_NO_HEAD, 5, NULL, 0);
    arena_init(&arena, 0);
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_OK);
    assert_int_equal(port.fold_read(port.self, &read, 1, &arena), ERR_OK);
    kill(server.pid, SIGSTOP);
    commit = commit_of(5, 6, NULL, 0);
    error = port.fold_commit(port.self, &commit, 1);
    enum err reading = port.heads_read(port.self, &partition, 1, &head);
    kill(server.pid, SIGCONT);
    assert_int_equal(error, ERR_UNKNOWN_OUTCOME);
    assert_int_equal(reading, ERR_UNREACHABLE);
    UNTIL_REACHABLE(error, port.heads_read(port.self, &partition, 1, &head));
    assert_int_equal(error, ERR_OK);
    assert_true(head == 5 || head == 6);
    commit = commit_of(6, 7, NULL, 0);
    UNTIL_REACHABLE(error, port.fold_commit(port.self, &commit, 1));
    assert_true(error == ERR_OK || error == ERR_CONFLICT);
    arena_destroy(&arena);
    redis_store_close(store);
}

/* What firing and attaching read, where nothing may be queued after MULTI. */
static void expect_reads_of_a_full_server(struct store_port port)
{
    struct span names[] = {S("u1"), S("nobody")};
    struct store_read read = {.users = names, .count = 2};
    struct store_scan scan = {0};
    struct arena arena;
    arena_init(&arena, 0);
    struct store_partition partition;
    struct store_due *dues;
    struct store_user *all;
    struct span *users;
    size_t count;
    int64_t head;
    assert_int_equal(port.fire_read(port.self, &read, 1, &arena), ERR_OK);
    assert_int_equal(read.head, 2);
    assert_true(span_equal(read.states[0], S("shorter")));
    assert_int_equal(read.states[1].size, 0);
    assert_int_equal(port.due_read(port.self, 0, 0, 99, 9, &arena, &dues, &count, &head), ERR_OK);
    assert_int_equal(head, 2);
    assert_int_equal(count, 1);
    assert_int_equal(dues[0].due_ms, 9);
    assert_int_equal(port.partition_read(port.self, 0, &arena, &partition), ERR_OK);
    assert_true(span_equal(partition.part, S("part")));
    assert_int_equal(port.partition_read(port.self, 1, &arena, &partition), ERR_OK);
    assert_int_equal(partition.head, STORE_NO_HEAD);
    assert_int_equal(partition.part.size, 0);
    assert_int_equal(port.followers_read(port.self, 0, 7, S(""), 9, &arena, &users, &count, &head), ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(port.users_scan(port.self, 0, &scan, 9, &arena, &all, &count, &head), ERR_OK);
    assert_true(scan.over);
    assert_int_equal(count, 1);
    assert_true(span_equal(all[0].user, S("u1")));
    assert_int_equal(port.wipe(port.self, 1), ERR_OK);
    arena_destroy(&arena);
}

/* At maxmemory new users are refused, those who are there can be rewritten and deleted. */
static void test_a_full_server_still_settles(void **state)
{
    (void)state;
    struct redis_store *store = store_open();
    struct store_port port = redis_store_port(store);
    struct store_user_write there[] = {{S("u1"), S("a state of some size"), 5}, {S("u2"), S("another"), 6}};
    const struct store_follow follows[] = {{7, S("u1"), true}, {7, S("u2"), true}};
    struct store_commit commit = commit_of(STORE_NO_HEAD, 1, there, 2);
    commit.follows = follows;
    commit.follow_count = 2;
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_OK);
    tell("CONFIG SET maxmemory 1");
    struct store_user_write added[] = {{S("new"), S("state"), 5}, {S("u1"), S(""), INT64_MAX}};
    commit = commit_of(1, 2, added, 2);
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_LIMIT);
    struct store_user_write settled[] = {{S("u1"), S("shorter"), 9}, {S("u2"), S(""), INT64_MAX}};
    const struct store_follow more = {7, S("u3"), true}, less = {7, S("u2"), false};
    commit = commit_of(1, 2, settled, 2);
    commit.part = S("part");
    commit.follows = &more;
    commit.follow_count = 1;
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_LIMIT);
    commit.follows = &less;
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_OK);
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_CONFLICT);
    assert_int_equal(port.ids_write(port.self, 0, 1, S("ids")), ERR_CONFLICT);
    assert_int_equal(port.ids_write(port.self, 0, 2, S("ids")), ERR_OK);
    int64_t used, limit;
    assert_int_equal(port.memory_read(port.self, &used, &limit), ERR_OK);
    assert_int_equal(limit, 1);
    assert_true(used > 1);
    expect_reads_of_a_full_server(port);
    tell("CONFIG SET maxmemory 0");

    struct arena arena;
    arena_init(&arena, 0);
    struct store_due *dues;
    struct store_partition partition;
    size_t count;
    int64_t head;
    assert_int_equal(port.due_read(port.self, 0, 0, 99, 9, &arena, &dues, &count, &head), ERR_OK);
    assert_int_equal(head, 2);
    assert_int_equal(count, 1);
    assert_int_equal(dues[0].due_ms, 9);
    assert_int_equal(port.partition_read(port.self, 0, &arena, &partition), ERR_OK);
    assert_true(span_equal(partition.part, S("part")));
    assert_true(span_equal(partition.ids, S("ids")));
    struct span *users;
    assert_int_equal(port.followers_read(port.self, 0, 7, S(""), 9, &arena, &users, &count, &head), ERR_OK);
    assert_int_equal(count, 1);
    assert_true(span_equal(users[0], S("u1")));
    arena_destroy(&arena);
    redis_store_close(store);
}

static void test_an_evicting_server_is_refused(void **state)
{
    (void)state;
    struct redis_store *store = store_open();
    struct store_port port = redis_store_port(store);
    struct diag diag = {0};
    assert_int_equal(port.check(port.self, &diag), ERR_OK);
    tell("CONFIG SET maxmemory-policy allkeys-lru");
    assert_int_equal(port.check(port.self, &diag), ERR_REFUSED);
    assert_non_null(strstr(diag.text, "maxmemory-policy noeviction"));
    tell("CONFIG SET maxmemory-policy noeviction");
    assert_int_equal(port.check(port.self, &diag), ERR_OK);
    redis_store_close(store);
}

static void test_a_replica_is_waited_for(void **state)
{
    (void)state;
    struct redis_store *store = store_open();
    struct store_port port = redis_store_port(store);
    struct store_commit commit = commit_of(STORE_NO_HEAD, 1, NULL, 0);
    struct diag diag = {0};
    tell("REPLICAOF 127.0.0.1 1");
    assert_int_equal(port.check(port.self, &diag), ERR_UNREACHABLE);
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_UNREACHABLE);
    tell("REPLICAOF NO ONE");
    enum err error;
    UNTIL_REACHABLE(error, port.fold_commit(port.self, &commit, 1));
    assert_int_equal(error, ERR_OK);
    redis_store_close(store);
}

static void test_versions_are_compared_as_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *info;
        enum err expected;
    } cases[] = {
        {"redis_version:6.0.16\r\nmaxmemory_policy:noeviction\r\n", ERR_REFUSED},
        {"redis_version:6.2.0\r\nmaxmemory_policy:noeviction\r\n", ERR_OK},
        {"redis_version:10.0.1\r\nmaxmemory_policy:noeviction\r\n", ERR_OK},
        {"redis_version:7.0.1\r\ncluster_enabled:0\r\nmaxmemory_policy:noeviction\r\n", ERR_OK},
        {"redis_version:7.0.1\r\ncluster_enabled:1\r\nmaxmemory_policy:noeviction\r\n", ERR_REFUSED},
        {"redis_version:7.0.1\r\nloading:1\r\nmaxmemory_policy:noeviction\r\n", ERR_UNREACHABLE},
        {"redis_version:7.0.1\r\n", ERR_REFUSED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct diag diag = {0};
        assert_int_equal(redis_info_check(span_from_text(cases[i].info), &diag), cases[i].expected);
    }
}

static void test_urls(void **state)
{
    (void)state;
    struct redis_url url;
    assert_int_equal(redis_url_parse(S("redis://127.0.0.1:6380/3"), &url, NULL), ERR_OK);
    assert_string_equal(url.host, "127.0.0.1");
    assert_int_equal(url.port, 6380);
    assert_int_equal(url.database, 3);
    assert_int_equal(redis_url_parse(S("redis://me:a%40b%3a@[::1]"), &url, NULL), ERR_OK);
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "a@b:");
    assert_string_equal(url.host, "::1");
    assert_int_equal(url.port, 6379);
    assert_int_equal(redis_url_parse(S("rediss://:secret@host/"), &url, NULL), ERR_OK);
    assert_true(url.tls);
    assert_string_equal(url.user, "");
    assert_string_equal(url.password, "secret");
    assert_int_equal(redis_url_parse(S("unix:///run/redis.sock?db=2&password=x"), &url, NULL), ERR_OK);
    assert_string_equal(url.path, "/run/redis.sock");
    assert_int_equal(url.database, 2);
    assert_string_equal(url.password, "x");
    static const char *const bad[] = {"",
                                      "http://host",
                                      "redis://",
                                      "redis://host:port",
                                      "redis://host:0",
                                      "redis://host/one",
                                      "redis://user@host",
                                      "redis://u:%4@host",
                                      "unix://",
                                      "unix:///s?dB=1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct diag diag = {0};
        assert_int_equal(redis_url_parse(span_from_text(bad[i]), &url, &diag), ERR_INVALID);
        assert_non_null(strstr(diag.text, "redis.url"));
    }
}

/* What EXEC is refused for comes behind words of its own. */
static void test_error_replies_are_judged(void **state)
{
    static const struct {
        const char *text;
        enum err expected;
    } replies[] = {
        {"OOM command not allowed when used memory > 'maxmemory'.", ERR_LIMIT},
        {"EXECABORT Transaction discarded because of: OOM command not allowed when used memory > "
         "'maxmemory'.",
         ERR_LIMIT},
        {"EXECABORT Transaction discarded because of: READONLY You can't write against a read only "
         "replica.",
         ERR_UNREACHABLE},
        {"EXECABORT Transaction discarded because of previous errors.", ERR_REFUSED},
        {"LOADING Redis is loading the dataset in memory", ERR_UNREACHABLE},
        {"MISCONF Redis is configured to save RDB snapshots", ERR_UNREACHABLE},
        {"MASTERDOWN Link with MASTER is down", ERR_UNREACHABLE},
        {"NOAUTH Authentication required.", ERR_REFUSED},
    };
    (void)state;
    const struct redis_url url = {.host = "127.0.0.1", .port = 1};
    struct redis_wire *wire = redis_wire_new(&url, 100);
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        const struct redis_value value = {.kind = REDIS_ERROR, .text = span_from_text(replies[i].text)};
        assert_int_equal(redis_wire_judge(wire, &value), replies[i].expected);
    }
    redis_wire_free(wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_commits_move_with_the_head, flush),
        cmocka_unit_test_setup(test_a_moved_head_refuses_all, flush),
        cmocka_unit_test_setup(test_due_is_read_in_order, flush),
        cmocka_unit_test_setup(test_deleted_users_are_gone, flush),
        cmocka_unit_test_setup(test_ids_stand_beside_the_head, flush),
        cmocka_unit_test_setup(test_wipe_leaves_nothing, flush),
        cmocka_unit_test_setup(test_followers_are_read_in_order, flush),
        cmocka_unit_test_setup(test_a_scan_meets_everybody, flush),
        cmocka_unit_test_setup(test_huge_batches, flush),
        cmocka_unit_test_setup(test_a_commit_in_between_is_a_conflict, flush),
        cmocka_unit_test_setup(test_a_rewound_head_is_noticed, flush),
        cmocka_unit_test_setup(test_a_foreign_key_is_an_error, flush),
        cmocka_unit_test_setup(test_it_comes_back_after_kill, flush),
        cmocka_unit_test_setup(test_a_hanging_server_is_not_waited_for, flush),
        cmocka_unit_test_setup(test_a_full_server_still_settles, flush),
        cmocka_unit_test(test_error_replies_are_judged),
        cmocka_unit_test_setup(test_an_evicting_server_is_refused, flush),
        cmocka_unit_test_setup(test_a_replica_is_waited_for, flush),
        cmocka_unit_test(test_versions_are_compared_as_numbers),
        cmocka_unit_test(test_urls),
    };
    if (!redis_server_is_there())
        return 77;
    redis_server_start(&server, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    redis_server_stop(&server);
    return failed;
}
