/* Sweeps: snapshots of all users, the trim behind them, and replays of what is left, through the engine,
 * over everything in memory. */
#include "engine_world.h"

#include "codec/user_state_bin.h"

static const char cart[] =
    "campaign: cart\n"
    "type: event\n"
    "trigger: {event: cart}\n"
    "entry: {key: event.cart}\n"
    "cancel: [{event: order, match: {event.cart: trigger.cart}}]\n"
    "steps:\n"
    "  - {id: first, send: {after: 10d}, late: {tolerance: 30d}, channel: push, message: {title: one}}\n";
static const char drop[] = "campaign: drop\n"
                           "type: event\n"
                           "trigger: {event: price_dropped, thing: event.product, followers: favourites}\n"
                           "steps:\n"
                           "  - {id: tell, send: {after: 1h}, channel: push, message: {title: less}}\n";
static const char policy[] = "follows:\n"
                             "  favourites: {on: {event: added, thing: event.product}}\n";

#define OUTCOME(name) "\"outcome\":\"" name "\""
#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

enum { CARTS = 1500 };

static void begin(struct world *world)
{
    world_init(world);
    world->sweep_every_ms = DAY;
    world_control(world, CONTROL_POLICY, "", 1, "", policy);
    world_control(world, CONTROL_CAMPAIGN, "cart", 1, "", cart);
    world_control(world, CONTROL_CAMPAIGN, "drop", 1, "", drop);
    for (int i = 0; i < CARTS; i++) {
        char user[16], json[32];
        snprintf(user, sizeof user, "u%d", i);
        snprintf(json, sizeof json, "{\"cart\": \"c%d\"}", i);
        world_happens(world, NULL, user, "cart", json);
    }
}

/* Turns until the journal was trimmed behind the sweep of this number. */
static void sweep(struct node *node, uint64_t number)
{
    struct world *world = node->world;
    for (int turns = 0; turns < 20000; turns++) {
        node_turn(node);
        const struct partition *partition = engine_partition(node->engine, 0);
        const struct sweep_state *state = &partition->state.sweep;
        if (state->number == number && !state->open && world->log_start == state->keep_from &&
            partition->log_start == world->log_start)
            return;
    }
    fail_msg("the sweep does not come to its end");
}

static size_t count_users(struct memory_store *store)
{
    struct store_port port = memory_store_port(store);
    struct store_scan scan = {0};
    struct arena arena;
    size_t users_seen = 0;
    arena_init(&arena, 0);
    while (!scan.over) {
        struct store_user *users;
        size_t count;
        int64_t head;
        assert_int_equal(port.users_scan(port.self, 0, &scan, 1000, &arena, &users, &count, &head), ERR_OK);
        users_seen += count;
    }
    arena_destroy(&arena);
    return users_seen;
}

static void expect_same_views(struct memory_store *one, struct memory_store *other)
{
    struct store_port ports[] = {memory_store_port(one), memory_store_port(other)};
    struct store_scan scan = {0};
    struct store_partition parts[2];
    struct arena arena;
    arena_init(&arena, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(ports[i].partition_read(ports[i].self, 0, &arena, &parts[i]), ERR_OK);
    assert_int_equal(parts[0].head, parts[1].head);
    assert_true(span_equal(parts[0].part, parts[1].part));
    while (!scan.over) {
        struct store_user *users;
        size_t count;
        int64_t head;
        assert_int_equal(ports[0].users_scan(ports[0].self, 0, &scan, 1000, &arena, &users, &count, &head),
                         ERR_OK);
        for (size_t i = 0; i < count; i++) {
            struct store_read read = {.users = &users[i].user, .count = 1};
            assert_int_equal(ports[1].fire_read(ports[1].self, &read, 1, &arena), ERR_OK);
            if (!span_equal(read.states[0], users[i].state))
                fail_msg("another state of %.*s", SPAN_PRINTF(users[i].user));
        }
    }
    assert_int_equal(count_users(one), count_users(other));
    arena_destroy(&arena);
}

/* What is left of the log, folded into an empty view by a new engine: the same view, and no decision that
 * was not given (world_decide checks that one given again is the same). */
static void expect_a_replay_to_be_the_same(struct world *world)
{
    struct memory_store *view = world->store;
    size_t decisions = world->decisions.count, records = world->log.count;
    int64_t every_ms = world->sweep_every_ms;
    world->store = memory_store_new();
    world->sweep_every_ms = 0;
    struct node *node = node_new(world);
    node_settle(node);
    assert_int_equal(node_state(node)->sweep.restoring, 0);
    node_free(node);
    assert_int_equal(world->log.count, records);
    assert_int_equal(world->decisions.count, decisions);
    expect_same_views(view, world->store);
    memory_store_free(world->store);
    world->store = view;
    world->sweep_every_ms = every_ms;
}

static void a_replay_of_a_trimmed_log_is_the_same(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct node *node = node_new(&world);
    node_settle(node);
    assert_int_equal(world.log_start, 0);
    world.now_ms += 2 * DAY;
    world_happens(&world, NULL, "u3", "order", "{\"cart\": \"c3\"}");
    sweep(node, 1);
    assert_true(world.log_start > CARTS);
    expect_a_replay_to_be_the_same(&world);
    world_happens(&world, NULL, "u4", "order", "{\"cart\": \"c4\"}");
    node_settle(node);
    assert_int_equal(world_count(&world.decisions, OUTCOME("cancelled"), NULL, NULL), 2);
    expect_a_replay_to_be_the_same(&world);
    world.now_ms += 2 * DAY;
    sweep(node, 2);
    expect_a_replay_to_be_the_same(&world);
    world.now_ms += 10 * DAY;
    for (int turns = 0; turns < 200; turns++)
        node_turn(node);
    assert_int_equal(world_count(&world.messages, NULL, NULL, NULL), CARTS - 2);
    node_free(node);
    world_free(&world);
}

/* Nothing is lost when the view is lost in the middle of a sweep, with a log that was trimmed before. */
static void a_view_lost_within_a_sweep_comes_back(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct node *node = node_new(&world);
    node_settle(node);
    world.now_ms += 2 * DAY;
    sweep(node, 1);
    world_happens(&world, NULL, "u5", "order", "{\"cart\": \"c5\"}");
    world.now_ms += 2 * DAY;
    while (!node_state(node)->sweep.open)
        node_turn(node);
    for (int turns = 0; turns < 3; turns++)
        node_turn(node);
    node_free(node);
    struct memory_store *empty = memory_store_new();
    memory_store_rewind(world.store, empty);
    memory_store_free(empty);
    node = node_new(&world);
    sweep(node, 2);
    expect_a_replay_to_be_the_same(&world);
    assert_int_equal(world_count(&world.decisions, OUTCOME("scheduled"), NULL, NULL), CARTS);
    world.now_ms += 10 * DAY;
    for (int turns = 0; turns < 200; turns++)
        node_turn(node);
    assert_int_equal(world_count(&world.messages, NULL, NULL, NULL), CARTS - 1);
    node_free(node);
    world_free(&world);
}

/* A view that was rewound below what was trimmed is worth nothing. */
static void a_head_below_the_log_is_dropped(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct node *node = node_new(&world);
    node_settle(node);
    struct memory_store *old = memory_store_copy(world.store);
    world_happens(&world, NULL, "u5", "order", "{\"cart\": \"c5\"}");
    world.now_ms += 2 * DAY;
    sweep(node, 1);
    memory_store_rewind(world.store, old);
    world.now_ms += 2000;
    for (int turns = 0; turns < 50; turns++)
        node_turn(node);
    node_settle(node);
    expect_a_replay_to_be_the_same(&world);
    world.now_ms += 10 * DAY;
    for (int turns = 0; turns < 200; turns++)
        node_turn(node);
    assert_int_equal(world_count(&world.messages, NULL, NULL, NULL), CARTS - 1);
    memory_store_free(old);
    node_free(node);
    world_free(&world);
}

/* An erased user stays a name until an empty snapshot of his is folded, and then is nowhere. */
static void who_is_empty_goes_with_his_snapshot(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world_control(&world, CONTROL_ERASE, "u7", 1, "", NULL);
    struct node *node = node_new(&world);
    node_settle(node);
    assert_int_equal(count_users(world.store), CARTS);
    world.now_ms += 2 * DAY;
    sweep(node, 1);
    assert_int_equal(count_users(world.store), CARTS - 1);
    for (int64_t i = world.log_start; i < (int64_t)world.log.count; i++)
        for (size_t at = 0; at + 4 < world.log.items[i].size; at++)
            if (memcmp(world.log.items[i].bytes + at, "\x02u7\x00", 4) != 0)
                assert_memory_not_equal(world.log.items[i].bytes + at, "\x02u7", 3);
    expect_a_replay_to_be_the_same(&world);
    node_free(node);
    world_free(&world);
}

/* The state of a user as the view has it. */
static struct span state_of(struct world *world, const char *user, struct arena *arena)
{
    struct store_port port = memory_store_port(world->store);
    struct span name = span_from_text(user);
    struct store_read read = {.users = &name, .count = 1};
    assert_int_equal(port.fire_read(port.self, &read, 1, arena), ERR_OK);
    return read.states[0];
}

static size_t open_journeys(struct world *world, const char *user)
{
    struct arena arena;
    struct user_state state;
    size_t count = 0;
    arena_init(&arena, 0);
    assert_int_equal(user_state_decode(state_of(world, user, &arena), span_from_text(user), &arena, &state),
                     ERR_OK);
    for (size_t i = 0; i < state.journeys.count; i++)
        count += journey_is_open(&state.journeys.items[i]);
    arena_destroy(&arena);
    return count;
}

/* These tests are the sweep. Opens it; the offset of its first record. */
static int64_t open_sweep(struct world *world)
{
    const struct entry entry = {.kind = ENTRY_PARTITION_SNAPSHOT,
                                .partition_snapshot = {.sweep = 1, .taken = (int64_t)world->log.count}};
    world_append(world, &entry);
    return (int64_t)world->log.count - 1;
}

static void append_snapshot(struct world *world, int64_t after, int64_t taken, struct span state, bool last)
{
    const struct snapshot_user user = {SPAN_LITERAL("u9"), state};
    const struct entry entry = {
        .kind = ENTRY_SNAPSHOT,
        .snapshot = {
            .sweep = 1, .after = after, .taken = taken, .users = &user, .user_count = 1, .last = last}};
    world_append(world, &entry);
}

/* In the right place but taken too early, and of a sweep that is over. */
static void an_outdated_snapshot_changes_nothing(void **state)
{
    (void)state;
    struct world world;
    struct arena arena;
    arena_init(&arena, 0);
    begin(&world);
    world.sweep_every_ms = 0;
    struct node *node = node_new(&world);
    node_settle(node);
    const struct span old = state_of(&world, "u9", &arena);
    assert_int_equal(open_journeys(&world, "u9"), 1);
    int64_t taken = (int64_t)world.log.count;
    world_happens(&world, NULL, "u9", "order", "{\"cart\": \"c9\"}");
    append_snapshot(&world, open_sweep(&world), taken, old, true);
    node_settle(node);
    assert_int_equal(open_journeys(&world, "u9"), 0);
    assert_false(node_state(node)->sweep.open);
    append_snapshot(&world, (int64_t)world.log.count - 1, (int64_t)world.log.count, old, false);
    node_settle(node);
    assert_int_equal(open_journeys(&world, "u9"), 0);
    expect_a_replay_to_be_the_same(&world);
    node_free(node);
    world_free(&world);
    arena_destroy(&arena);
}

/* How many users the sweep of this number does not cover yet. */
static size_t count_uncovered(struct world *world, uint64_t number)
{
    struct store_port port = memory_store_port(world->store);
    struct store_scan scan = {0};
    struct arena arena;
    size_t uncovered = 0;
    arena_init(&arena, 0);
    while (!scan.over) {
        struct store_user *users;
        struct user_state state;
        size_t count;
        int64_t head;
        assert_int_equal(port.users_scan(port.self, 0, &scan, 1000, &arena, &users, &count, &head), ERR_OK);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(user_state_decode(users[i].state, users[i].user, &arena, &state), ERR_OK);
            uncovered += !user_state_is_swept(&state, number);
        }
    }
    arena_destroy(&arena);
    return uncovered;
}

/* Another engine, which has lost the partition, wrote the end of a sweep that this one is going on with,
 * and the time for the next has come already: that is a scan of its own. The users are all in the first
 * half of the store's 64 buckets, so that a scan may have met them all and not be over. */
static void end_a_sweep_within_a_scan(int users, int turns)
{
    struct world world;
    world_init(&world);
    world.sweep_every_ms = HOUR;
    world_control(&world, CONTROL_CAMPAIGN, "cart", 1, "", cart);
    for (int i = 0; users > 0; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        if (hash_bytes(span_from_text(user), 0) % 64 >= 32)
            continue;
        world_happens(&world, NULL, user, "cart", "{\"cart\": \"c\"}");
        users--;
    }
    struct node *node = node_new(&world);
    node->engine->options.bounds.sweep_users = 1;
    node_settle(node);
    world.now_ms += 2 * HOUR;
    node_turn(node);
    while (!node_state(node)->sweep.open || count_uncovered(&world, 1) > 0)
        node_turn(node);
    world_happens(&world, NULL, "u0", "order", "{\"cart\": \"c\"}");
    world.now_ms += 2 * HOUR;
    for (int i = 0; i < turns; i++)
        node_turn(node);
    const struct entry last = {.kind = ENTRY_SNAPSHOT,
                               .snapshot = {.sweep = 1,
                                            .after = node_state(node)->sweep.at,
                                            .taken = (int64_t)world.log.count,
                                            .last = true}};
    world_append(&world, &last);
    sweep(node, 2);
    expect_a_replay_to_be_the_same(&world);
    node_free(node);
    world_free(&world);
}

static void each_sweep_is_a_scan_of_its_own(void **state)
{
    (void)state;
    for (int users = 16; users < 32; users++)
        for (int turns = 0; turns < 3; turns++)
            end_a_sweep_within_a_scan(users, turns);
}

/* Erased between the reading of his state and its coming into the log: nobody is there to compare it with
 * but the offset that was kept. And, once that is gone too, from an engine that has lost the partition: its
 * record is not in its place any more. */
static void who_was_erased_does_not_come_back(void **state)
{
    (void)state;
    struct world world;
    struct arena arena;
    arena_init(&arena, 0);
    begin(&world);
    world.sweep_every_ms = 0;
    struct node *node = node_new(&world);
    node_settle(node);
    const struct span old = state_of(&world, "u9", &arena);
    int64_t begun = open_sweep(&world), taken = (int64_t)world.log.count;
    world_control(&world, CONTROL_ERASE, "u9", 1, "", NULL);
    node_settle(node);
    append_snapshot(&world, begun, taken, old, false);
    node_settle(node);
    assert_int_equal(open_journeys(&world, "u9"), 0);
    int64_t first = (int64_t)world.log.count - 1;
    append_snapshot(&world, first, (int64_t)world.log.count, span_make(NULL, 0), false);
    node_settle(node);
    assert_int_equal(state_of(&world, "u9", &arena).size, 0);
    append_snapshot(&world, first, taken, old, false);
    node_settle(node);
    assert_int_equal(state_of(&world, "u9", &arena).size, 0);
    assert_int_equal(count_users(world.store), CARTS - 1);
    node_free(node);
    world_free(&world);
    arena_destroy(&arena);
}

/* Which events about things were seen is of the partition: it decides which cursors open. */
static void a_thing_seen_before_the_trim_is_a_duplicate(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    for (int i = 0; i < 3; i++) {
        char user[16];
        snprintf(user, sizeof user, "f%d", i);
        world_happens(&world, NULL, user, "added", "{\"product\": 7}");
    }
    struct node *node = node_new(&world);
    node_settle(node);
    world.now_ms += 2 * DAY;
    world_happens(&world, "p1", NULL, "price_dropped", "{\"product\": 7}");
    node_settle(node);
    sweep(node, 1);
    world_happens(&world, "p1", NULL, "price_dropped", "{\"product\": 7}");
    node_settle(node);
    assert_int_equal(world_count(&world.decisions, OUTCOME("scheduled"), "\"drop\"", NULL), 3);
    assert_int_equal(world_count(&world.decisions, OUTCOME("ignored"), "\"drop\"", "duplicate"), 3);
    expect_a_replay_to_be_the_same(&world);
    node_free(node);
    world_free(&world);
}

/* What cannot be read would keep a sweep from its end: the view is folded anew. */
static void an_unreadable_state_is_found_by_a_sweep(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct node *node = node_new(&world);
    node_settle(node);
    struct store_port port = memory_store_port(world.store);
    const struct store_user_write spoilt = {SPAN_LITERAL("u4"), SPAN_LITERAL("\x01\xFF"), INT64_MAX};
    const int64_t head = (int64_t)world.log.count;
    const struct store_commit commit = {
        .expected_head = head, .new_head = head, .writes = &spoilt, .count = 1};
    assert_int_equal(port.fold_commit(port.self, &commit, 1), ERR_OK);
    world.now_ms += 2 * DAY;
    sweep(node, 1);
    expect_a_replay_to_be_the_same(&world);
    node_free(node);
    world_free(&world);
}

/* The definitions come with the snapshot: nobody else need know them. */
static void definitions_are_in_the_snapshot(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct node *node = node_new(&world);
    node_settle(node);
    world.now_ms += 2 * DAY;
    sweep(node, 1);
    world.definition_count = 0;
    expect_a_replay_to_be_the_same(&world);
    node_free(node);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replay_of_a_trimmed_log_is_the_same),
        cmocka_unit_test(a_view_lost_within_a_sweep_comes_back),
        cmocka_unit_test(a_head_below_the_log_is_dropped),
        cmocka_unit_test(who_is_empty_goes_with_his_snapshot),
        cmocka_unit_test(an_outdated_snapshot_changes_nothing),
        cmocka_unit_test(each_sweep_is_a_scan_of_its_own),
        cmocka_unit_test(who_was_erased_does_not_come_back),
        cmocka_unit_test(a_thing_seen_before_the_trim_is_a_duplicate),
        cmocka_unit_test(an_unreadable_state_is_found_by_a_sweep),
        cmocka_unit_test(definitions_are_in_the_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
