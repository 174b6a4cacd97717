/* What concerns many users of a partition at once: fan-out and the life of campaigns, through the engine,
 * over everything in memory, with crashes, a second engine and replays. */
#include "engine_world.h"

static const char policy[] = "follows:\n"
                             "  favourites: {on: {event: added, thing: event.product}, "
                             "off: {event: removed, thing: event.product}, expires: 180d}\n";
static const char drop[] =
    "campaign: drop\n"
    "type: event\n"
    "trigger: {event: price_dropped, thing: event.product, where: event.price < follow.price, "
    "followers: favourites}\n"
    "steps:\n"
    "  - {id: tell, send: {after: 1h}, channel: push, message: {title: \"{{ event.price }}\"}}\n";
static const char cart[] = "campaign: cart\n"
                           "type: event\n"
                           "trigger: {event: cart}\n"
                           "entry: {key: event.cart}\n"
                           "steps:\n"
                           "  - {id: first, send: {after: 1h}, channel: push, message: {title: one}}\n"
                           "  - {id: second, send: {after: 2h}, channel: push, message: {title: two}}\n";
static const char cart_later[] =
    "campaign: cart\n"
    "type: event\n"
    "trigger: {event: cart}\n"
    "entry: {key: event.cart}\n"
    "steps:\n"
    "  - {id: first, send: {after: 1h}, channel: push, message: {title: uno}}\n"
    "  - {id: third, send: {after: 3h}, channel: push, message: {title: tre}}\n";
static const char birthday[] =
    "campaign: birthday\n"
    "type: event\n"
    "trigger: {date: profile.party}\n"
    "steps:\n"
    "  - {id: wish, send: {days: 0, at: \"09:00\"}, channel: push, message: {title: wish}}\n";

#define OUTCOME(name) "\"outcome\":\"" name "\""
#define REASON(name) "\"reason\":\"" name "\""
#define HOUR INT64_C(3600000)

enum { FOLLOWERS = 2500, CARTS = 2300 };

static const char *name_of(size_t number)
{
    static char name[16];
    snprintf(name, sizeof name, "u%05zu", number);
    return name;
}

static void fan_out_begin(struct world *world)
{
    world_init(world);
    world_control(world, CONTROL_POLICY, "", 1, "", policy);
    world_control(world, CONTROL_CAMPAIGN, "drop", 1, "", drop);
    for (size_t i = 0; i < FOLLOWERS; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%05zu", FOLLOWERS - i); /* not in the order of names */
        world_happens(world, NULL, user, "added", "{\"product\": 7, \"price\": 10}");
    }
    world_happens(world, NULL, "other", "added", "{\"product\": 8, \"price\": 10}");
    world_happens(world, NULL, "cheap", "added", "{\"product\": 7, \"price\": 1}");
    world_happens(world, NULL, "fickle", "added", "{\"product\": 7, \"price\": 10}");
    world_happens(world, NULL, "fickle", "removed", "{\"product\": 7}");
}

static void expect_each_entered_once(const struct world *world)
{
    const char *before = "";
    assert_int_equal(world_count(&world->decisions, OUTCOME("scheduled"), "\"drop\"", NULL), FOLLOWERS);
    for (size_t i = 0; i < world->decisions.count; i++) {
        const char *user = strstr(world->decisions.items[i].bytes, "\"user\":");
        assert_non_null(user);
        assert_true(strncmp(before, user, strlen("\"user\":\"u00001\"")) < 0);
        before = user;
    }
}

/* The states of everybody, and whether another view has the same. */
static void expect_same_views(struct memory_store *one, struct memory_store *other)
{
    struct store_port ports[] = {memory_store_port(one), memory_store_port(other)};
    struct store_scan scan = {0};
    struct arena arena;
    size_t users_seen = 0;
    arena_init(&arena, 0);
    while (!scan.over) {
        struct store_user *users;
        size_t count;
        int64_t head;
        assert_int_equal(ports[0].users_scan(ports[0].self, 0, &scan, 1000, &arena, &users, &count, &head),
                         ERR_OK);
        for (size_t i = 0; i < count; i++, users_seen++) {
            struct store_read read = {.users = &users[i].user, .count = 1};
            assert_int_equal(ports[1].fire_read(ports[1].self, &read, 1, &arena), ERR_OK);
            if (!span_equal(read.states[0], users[i].state))
                fail_msg("another state of %.*s", SPAN_PRINTF(users[i].user));
            assert_int_equal(read.head, head);
        }
    }
    assert_true(users_seen > 0);
    arena_destroy(&arena);
}

/* The log alone, folded into an empty view, by a new engine. */
static void expect_a_replay_to_be_the_same(struct world *world)
{
    struct memory_store *view = world->store;
    size_t records = world->log.count, decisions = world->decisions.count;
    world->store = memory_store_new();
    struct node *node = node_new(world);
    node_settle(node);
    assert_int_equal(world->log.count, records);
    assert_int_equal(world->decisions.count, decisions);
    expect_same_views(view, world->store);
    expect_same_views(world->store, view);
    node_free(node);
    memory_store_free(view);
}

/* ---- fan-out ---- */

static void followers_enter_in_slices(void **state)
{
    (void)state;
    struct world world;
    fan_out_begin(&world);
    struct node *node = node_new(&world);
    world_happens(&world, "d1", NULL, "price_dropped", "{\"product\": 7, \"price\": 5}");
    node_settle(node);
    expect_each_entered_once(&world);
    assert_int_equal(metrics_value(node->metrics, METRIC_CURSORS), 0);
    /* Nobody follows it: one empty slice. */
    size_t records = world.log.count;
    world_happens(&world, "d2", NULL, "price_dropped", "{\"product\": 9, \"price\": 5}");
    node_settle(node);
    assert_int_equal(world.log.count, records + 2);
    expect_each_entered_once(&world);
    world.now_ms += HOUR + 1000;
    for (int i = 0; i < 200 && world.messages.count < FOLLOWERS; i++)
        node_turn(node);
    assert_int_equal(world.messages.count, FOLLOWERS);
    node_settle(node);
    node_free(node);
    expect_a_replay_to_be_the_same(&world);
    world_free(&world);
}

static void others_go_on_in_between(void **state)
{
    (void)state;
    struct world world;
    fan_out_begin(&world);
    struct node *node = node_new(&world);
    world_happens(&world, "d1", NULL, "price_dropped", "{\"product\": 7, \"price\": 5}");
    while (world_count(&world.decisions, OUTCOME("scheduled"), NULL, NULL) == 0)
        node_turn(node);
    assert_int_equal(node_state(node)->cursor_count, 1);
    /* One who comes now, in front of the cursor, does not enter; one who goes does not either. */
    world_happens(&world, NULL, "a-new-one", "added", "{\"product\": 7, \"price\": 10}");
    world_happens(&world, NULL, "u02500", "removed", "{\"product\": 7}");
    node_settle(node);
    assert_int_equal(world_count(&world.decisions, OUTCOME("scheduled"), NULL, NULL), FOLLOWERS - 1);
    assert_int_equal(world_count(&world.decisions, "a-new-one", NULL, NULL), 0);
    assert_int_equal(world_count(&world.decisions, "u02500", NULL, NULL), 0);
    node_free(node);
    expect_a_replay_to_be_the_same(&world);
    world_free(&world);
}

static void a_repeated_event_is_ignored_for_each(void **state)
{
    (void)state;
    struct world world;
    fan_out_begin(&world);
    struct node *node = node_new(&world);
    world_happens(&world, "d1", NULL, "price_dropped", "{\"product\": 7, \"price\": 5}");
    world_happens(&world, "d1", NULL, "price_dropped", "{\"product\": 7, \"price\": 5}");
    node_settle(node);
    assert_int_equal(world_count(&world.decisions, OUTCOME("scheduled"), NULL, NULL), FOLLOWERS);
    assert_int_equal(world_count(&world.decisions, OUTCOME("ignored"), REASON("duplicate"), NULL),
                     FOLLOWERS);
    node_free(node);
    world_free(&world);
}

/* Killed after every so many turns, and now and then with a view that goes back. */
static void a_crash_resumes_at_the_cursor(void **state)
{
    (void)state;
    struct world world;
    fan_out_begin(&world);
    world_happens(&world, "d1", NULL, "price_dropped", "{\"product\": 7, \"price\": 5}");
    for (int life = 5; life < 40; life += 3) {
        struct memory_store *before = memory_store_copy(world.store);
        struct node *node = node_new(&world);
        for (int i = 0; i < life; i++)
            node_turn(node);
        node_free(node);
        if (life % 2 == 0)
            memory_store_rewind(world.store, before);
        memory_store_free(before);
    }
    struct node *node = node_new(&world);
    node_settle(node);
    expect_each_entered_once(&world);
    node_free(node);
    expect_a_replay_to_be_the_same(&world);
    world_free(&world);
}

/* Two engines that both take the partition for theirs. */
static void a_zombies_slices_count_once(void **state)
{
    (void)state;
    struct world world;
    fan_out_begin(&world);
    world_happens(&world, "d1", NULL, "price_dropped", "{\"product\": 7, \"price\": 5}");
    struct node *one = node_new(&world), *two = node_new(&world);
    for (int i = 0; i < 400; i++) {
        node_turn(i % 3 == 0 ? one : two);
        if (i % 7 == 0)
            node_turn(one);
    }
    node_free(two);
    node_settle(one);
    expect_each_entered_once(&world);
    node_free(one);
    expect_a_replay_to_be_the_same(&world);
    world_free(&world);
}

/* ---- the life of a campaign ---- */

static void carts_begin(struct world *world, struct node **node)
{
    world_init(world);
    world_control(world, CONTROL_CAMPAIGN, "cart", 1, "", cart);
    for (size_t i = 0; i < CARTS; i++)
        world_happens(world, NULL, name_of(i), "cart", "{\"cart\": \"c\"}");
    for (size_t i = 0; i < 50; i++)
        world_happens(world, NULL, name_of(90000 + i), NULL, "{\"city\": \"Lyon\"}");
    *node = node_new(world);
    (*node)->engine->options.bounds.walk_users = 900; /* several scans */
    node_settle(*node);
    assert_int_equal(world_count(&world->decisions, OUTCOME("scheduled"), NULL, NULL), 2 * CARTS);
}

static void run_for(struct world *world, struct node *node, int64_t ms)
{
    int64_t until_ms = world->now_ms + ms;
    while (world->now_ms < until_ms) {
        world->now_ms += ms / 100;
        node_turn(node);
        node_turn(node);
    }
    node_settle(node);
}

static void an_archive_ends_what_is_pending(void **state)
{
    (void)state;
    struct world world;
    struct node *node;
    carts_begin(&world, &node);
    world_control(&world, CONTROL_ARCHIVE, "cart", 2, "", NULL);
    node_settle(node);
    assert_int_equal(world_count(&world.decisions, OUTCOME("skipped"), REASON("ended"), NULL), 2 * CARTS);
    run_for(&world, node, 3 * HOUR);
    assert_int_equal(world.messages.count, 0);
    node_free(node);
    expect_a_replay_to_be_the_same(&world);
    world_free(&world);
}

static void a_pause_may_expire(void **state)
{
    (void)state;
    struct world world;
    struct node *node;
    carts_begin(&world, &node);
    world_control(&world, CONTROL_PAUSE, "cart", 2, "expire", NULL);
    world.now_ms += 10;
    world_control(&world, CONTROL_RESUME, "cart", 3, "", NULL);
    world.now_ms += 10;
    world_happens(&world, NULL, name_of(5), "cart", "{\"cart\": \"another\"}");
    node_settle(node);
    assert_int_equal(world_count(&world.decisions, OUTCOME("skipped"), REASON("paused"), NULL), 2 * CARTS);
    run_for(&world, node, 3 * HOUR);
    assert_int_equal(world.messages.count, 2); /* of what came after the pause */
    node_free(node);
    expect_a_replay_to_be_the_same(&world);
    world_free(&world);
}

static void a_pause_may_shift(void **state)
{
    (void)state;
    struct world world;
    struct node *node;
    carts_begin(&world, &node);
    world_control(&world, CONTROL_PAUSE, "cart", 2, "shift", NULL);
    run_for(&world, node, 3 * HOUR); /* beyond every due */
    assert_int_equal(world.messages.count, 0);
    world_control(&world, CONTROL_RESUME, "cart", 3, "", NULL);
    node_settle(node);
    assert_int_equal(world.messages.count, 0);
    run_for(&world, node, HOUR + HOUR / 2);
    assert_int_equal(world.messages.count, CARTS);
    run_for(&world, node, HOUR);
    assert_int_equal(world.messages.count, 2 * CARTS);
    assert_int_equal(world_count(&world.decisions, OUTCOME("sent"), "\"due\":\"2026-03-02T04:0", NULL),
                     CARTS);
    node_free(node);
    expect_a_replay_to_be_the_same(&world);
    world_free(&world);
}

static void a_new_version_may_take_the_old_ones_journeys(void **state)
{
    (void)state;
    struct world world;
    struct node *node;
    carts_begin(&world, &node);
    world_control(&world, CONTROL_CAMPAIGN, "cart", 2, "migrate", cart_later);
    node_settle(node);
    assert_int_equal(world_count(&world.decisions, OUTCOME("skipped"), REASON("ended"), "\"second\""),
                     CARTS);
    assert_int_equal(world_count(&world.decisions, OUTCOME("scheduled"), "\"third\"", NULL), CARTS);
    run_for(&world, node, 4 * HOUR);
    assert_int_equal(world_count(&world.messages, "\"uno\"", NULL, NULL), CARTS);
    assert_int_equal(world_count(&world.messages, "\"tre\"", NULL, NULL), CARTS);
    assert_int_equal(world.messages.count, 2 * CARTS);
    node_free(node);
    expect_a_replay_to_be_the_same(&world);
    world_free(&world);
}

static void a_new_version_may_cancel_the_old_ones_journeys(void **state)
{
    (void)state;
    struct world world;
    struct node *node;
    carts_begin(&world, &node);
    world_control(&world, CONTROL_CAMPAIGN, "cart", 2, "cancel", cart_later);
    world_happens(&world, NULL, "new", "cart", "{\"cart\": \"c\"}");
    node_settle(node);
    assert_int_equal(world_count(&world.decisions, OUTCOME("skipped"), REASON("ended"), NULL), 2 * CARTS);
    run_for(&world, node, 4 * HOUR);
    assert_int_equal(world.messages.count, 2);
    node_free(node);
    world_free(&world);
}

static void a_new_version_lets_them_finish_otherwise(void **state)
{
    (void)state;
    struct world world;
    struct node *node;
    carts_begin(&world, &node);
    world_control(&world, CONTROL_CAMPAIGN, "cart", 2, "finish", cart_later);
    node_settle(node);
    run_for(&world, node, 4 * HOUR);
    assert_int_equal(world_count(&world.messages, "\"two\"", NULL, NULL), CARTS);
    node_free(node);
    world_free(&world);
}

static void date_triggers_look_at_everybody(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    for (size_t i = 0; i < 1500; i++)
        world_happens(&world, NULL, name_of(i), NULL, "{\"party\": \"2026-03-02\"}");
    world_happens(&world, NULL, "without", NULL, "{\"city\": \"Lyon\"}");
    world_control(&world, CONTROL_CAMPAIGN, "birthday", 1, "", birthday);
    struct node *node = node_new(&world);
    node_settle(node);
    assert_int_equal(world_count(&world.decisions, OUTCOME("scheduled"), NULL, NULL), 1500);
    run_for(&world, node, 10 * HOUR);
    assert_int_equal(world.messages.count, 1500);
    node_free(node);
    expect_a_replay_to_be_the_same(&world);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(followers_enter_in_slices),
        cmocka_unit_test(others_go_on_in_between),
        cmocka_unit_test(a_repeated_event_is_ignored_for_each),
        cmocka_unit_test(a_crash_resumes_at_the_cursor),
        cmocka_unit_test(a_zombies_slices_count_once),
        cmocka_unit_test(an_archive_ends_what_is_pending),
        cmocka_unit_test(a_pause_may_expire),
        cmocka_unit_test(a_pause_may_shift),
        cmocka_unit_test(a_new_version_may_take_the_old_ones_journeys),
        cmocka_unit_test(a_new_version_may_cancel_the_old_ones_journeys),
        cmocka_unit_test(a_new_version_lets_them_finish_otherwise),
        cmocka_unit_test(date_triggers_look_at_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
