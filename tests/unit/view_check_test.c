/* Comparing a view with what the journal says: each kind of difference, and a view that moves meanwhile. */
#include "app/view_check.h"

#include <stdio.h>

#include "check.h"
#include "codec/user_state_bin.h"
#include "memory/memory_store.h"

enum { USERS = 1200, FOLLOWS = 4500 };

struct fixture {
    struct memory_store *view, *journal;
    struct store_port view_port, journal_port;
    int64_t folded; /* as the comparison asked for last */
    struct buf told;
    size_t count;
};

/* Puts a user into a store at its head; `journeys` tells states apart. */
static void put(struct store_port *port, int64_t head, int64_t new_head, const char *user, int journeys,
                int64_t due_ms)
{
    struct arena arena;
    struct buf bytes = {0};
    struct user_state state;
    arena_init(&arena, 0);
    user_state_init(&state, span_from_text(user));
    state.folded_offset = 5;
    for (int i = 0; i < journeys; i++)
        USER_LIST_PUSH(&arena, &state.dates)->forget_ms = i;
    if (journeys >= 0)
        user_state_encode(&state, &bytes);
    const struct store_user_write write = {state.user, buf_span(&bytes), due_ms};
    const struct store_commit commit = {.expected_head = head,
                                        .new_head = new_head,
                                        .part = SPAN_LITERAL("part"),
                                        .writes = &write,
                                        .count = 1};
    assert_int_equal(port->fold_commit(port->self, &commit, 1), ERR_OK);
    buf_free(&bytes);
    arena_destroy(&arena);
}

static void put_follow(struct store_port *port, uint64_t thing, const char *user, bool on)
{
    const struct store_follow follow = {.thing = thing, .user = span_from_text(user), .on = on};
    const struct store_commit commit = {
        .expected_head = 10, .new_head = 10, .follows = &follow, .follow_count = 1};
    assert_int_equal(port->fold_commit(port->self, &commit, 1), ERR_OK);
}

static enum err fold_to(void *self, int64_t offset, struct diag *diag)
{
    struct fixture *fixture = self;
    (void)diag;
    assert_true(offset > fixture->folded);
    fixture->folded = offset;
    return ERR_OK;
}

static void tell(void *self, const struct view_difference *difference)
{
    struct fixture *fixture = self;
    buf_printf(&fixture->told, "%.*s: %.*s\n", SPAN_PRINTF(difference->user),
               SPAN_PRINTF(difference->what));
    fixture->count++;
}

static void set_up(struct fixture *fixture)
{
    *fixture = (struct fixture){.view = memory_store_new(), .journal = memory_store_new(), .folded = -1};
    fixture->view_port = memory_store_port(fixture->view);
    fixture->journal_port = memory_store_port(fixture->journal);
    for (int i = 0; i < USERS; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        put(&fixture->view_port, i == 0 ? STORE_NO_HEAD : 10, 10, user, 1, 1000 + i / 700);
        put(&fixture->journal_port, i == 0 ? STORE_NO_HEAD : 10, 10, user, 1, 1000 + i / 700);
    }
    for (int i = 0; i < FOLLOWS; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i % USERS);
        put_follow(&fixture->view_port, (uint64_t)(i / USERS), user, true);
        put_follow(&fixture->journal_port, (uint64_t)(i / USERS), user, true);
    }
}

static enum err check(struct fixture *fixture, size_t *users)
{
    struct view_report report = {.self = fixture, .difference = tell};
    const struct view_reference reference = {fixture, fold_to, &fixture->journal_port};
    struct diag diag = {0};
    enum err error = view_check(&fixture->view_port, &reference, 0, &report, &diag);
    *users = report.users;
    return error;
}

static void tear_down(struct fixture *fixture)
{
    memory_store_free(fixture->view);
    memory_store_free(fixture->journal);
    buf_free(&fixture->told);
}

static void what_is_the_same_is_silent(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t users;
    set_up(&fixture);
    assert_int_equal(check(&fixture, &users), ERR_OK);
    assert_int_equal(users, USERS);
    assert_int_equal(fixture.count, 0);
    assert_int_equal(fixture.folded, 10);
    tear_down(&fixture);
}

static void expect_told(struct fixture *fixture, const char *line)
{
    buf_append_byte(&fixture->told, '\0');
    fixture->told.size--;
    if (strstr(fixture->told.data, line) == NULL)
        fail_msg("%s is not in\n%s", line, fixture->told.data);
}

static void each_difference_is_told_once(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t users;
    set_up(&fixture);
    put(&fixture.view_port, 10, 10, "u1", 2, 1000);          /* another state */
    put(&fixture.view_port, 10, 10, "u2", -1, INT64_MAX);    /* gone, from the calendar too */
    put(&fixture.view_port, 10, 10, "u3", 1, 999);           /* due at another time */
    put(&fixture.view_port, 10, 10, "u1199", 1, INT64_MAX);  /* not due at all */
    put(&fixture.view_port, 10, 10, "nobody", 1, INT64_MAX); /* from nowhere */
    assert_int_equal(check(&fixture, &users), ERR_OK);
    expect_told(&fixture, "u1: dates\n");
    expect_told(&fixture, "u2: missing\n");
    expect_told(&fixture, "u2: calendar\n");
    expect_told(&fixture, "u3: calendar\n");
    expect_told(&fixture, "u1199: calendar\n");
    expect_told(&fixture, "nobody: not in the journal\n");
    assert_int_equal(fixture.count, 6);
    assert_int_equal(users, USERS + 1);
    tear_down(&fixture);
}

static void who_follows_what_is_compared(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t users;
    set_up(&fixture);
    put_follow(&fixture.view_port, 0, "u0", false); /* the first of all */
    put_follow(&fixture.view_port, 1, "u5", false);
    put_follow(&fixture.view_port, 2, "u5", false); /* told once */
    put_follow(&fixture.view_port, 1, "u6", false);
    put_follow(&fixture.view_port, 2, "nobody", true);
    put_follow(&fixture.view_port, UINT64_MAX, "u9", true); /* beyond all of the journal */
    assert_int_equal(check(&fixture, &users), ERR_OK);
    expect_told(&fixture, "u0: followers\n");
    expect_told(&fixture, "u5: followers\n");
    expect_told(&fixture, "u6: followers\n");
    expect_told(&fixture, "nobody: followers\n");
    expect_told(&fixture, "u9: followers\n");
    assert_int_equal(fixture.count, 5);
    tear_down(&fixture);
}

/* A store whose head changes with each read. */
struct moving {
    struct store_port port;
    int64_t by;
};

static enum err moving_scan(void *self, int32_t partition, struct store_scan *scan, size_t limit,
                            struct arena *arena, struct store_user **users, size_t *count, int64_t *head)
{
    struct moving *moving = self;
    enum err error =
        moving->port.users_scan(moving->port.self, partition, scan, limit, arena, users, count, head);
    *head += moving->by;
    return error;
}

static enum err moving_partition(void *self, int32_t partition, struct arena *arena,
                                 struct store_partition *out)
{
    struct moving *moving = self;
    return moving->port.partition_read(moving->port.self, partition, arena, out);
}

static void a_view_that_goes_back_is_begun_anew(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t users;
    set_up(&fixture);
    struct moving moving = {fixture.view_port, -1};
    fixture.view_port.self = &moving;
    fixture.view_port.users_scan = moving_scan;
    fixture.view_port.partition_read = moving_partition;
    assert_int_equal(check(&fixture, &users), ERR_ABORTED);
    tear_down(&fixture);
}

static void no_view_is_an_error_of_its_own(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t users;
    set_up(&fixture);
    assert_int_equal(fixture.view_port.wipe(fixture.view_port.self, 0), ERR_OK);
    assert_int_equal(check(&fixture, &users), ERR_NOT_FOUND);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_the_same_is_silent),
        cmocka_unit_test(each_difference_is_told_once),
        cmocka_unit_test(who_follows_what_is_compared),
        cmocka_unit_test(a_view_that_goes_back_is_begun_anew),
        cmocka_unit_test(no_view_is_an_error_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
