/* When a user's sends fire, through the engine, over everything in memory. */
#include "engine_world.h"

static const char cart[] = "campaign: cart\n"
                           "type: event\n"
                           "trigger: {event: cart}\n"
                           "steps:\n"
                           "  - {id: first, send: {after: 1h}, late: {tolerance: 30d}, channel: push, "
                           "message: {title: one}}\n";
static const char news[] = "campaign: news\n"
                           "type: event\n"
                           "trigger: {event: cart}\n"
                           "steps:\n"
                           "  - {id: second, send: {after: 2h}, channel: push, message: {title: two}}\n"
                           "  - {id: third, send: {after: 5h}, channel: push, message: {title: three}}\n";

#define HOUR INT64_C(3600000)
#define MINUTE INT64_C(60000)

static void turn(struct node *node, int turns)
{
    for (int i = 0; i < turns; i++)
        node_turn(node);
}

static size_t sent(const struct world *world, const char *step)
{
    return world_count(&world->messages, step, NULL, NULL);
}

/* A send that a pause holds stays the user's earliest, and must not hide the ones behind it. */
static void what_is_held_hides_nothing(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_control(&world, CONTROL_CAMPAIGN, "cart", 1, "", cart);
    world_control(&world, CONTROL_CAMPAIGN, "news", 1, "", news);
    world_happens(&world, NULL, "u1", "cart", "{}");
    struct node *node = node_new(&world);
    node_settle(node);
    world.now_ms += 30 * MINUTE;
    world_control(&world, CONTROL_PAUSE, "cart", 2, "hold", NULL);
    node_settle(node);
    world.now_ms += HOUR;
    turn(node, 50);
    assert_int_equal(world.messages.count, 0);
    world.now_ms += HOUR;
    turn(node, 50);
    assert_int_equal(sent(&world, "\"second\""), 1);
    node_free(node); /* and so for the next owner, who finds the held one past its due */
    node = node_new(&world);
    node_settle(node);
    turn(node, 50);
    world.now_ms += 3 * HOUR;
    turn(node, 50);
    assert_int_equal(sent(&world, "\"third\""), 1);
    assert_int_equal(sent(&world, "\"first\""), 0);
    world_control(&world, CONTROL_RESUME, "cart", 3, "", NULL);
    turn(node, 50);
    assert_int_equal(sent(&world, "\"first\""), 1);
    assert_int_equal(world.messages.count, 3);
    node_free(node);
    world_free(&world);
}

/* A coordinator that still writes the markers of a producer's commit puts its next transaction off. */
static void producers_take_turns(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_control(&world, CONTROL_CAMPAIGN, "news", 1, "", news);
    world_happens(&world, NULL, "u1", "cart", "{}");
    struct node *node = node_new(&world);
    for (int hours = 0; hours < 6; hours++) {
        turn(node, 50);
        world.now_ms += HOUR;
    }
    turn(node, 50);
    assert_int_equal(sent(&world, "\"second\"") + sent(&world, "\"third\""), 2);
    assert_int_equal(node->begun_count, 2);
    assert_int_not_equal(node->begun[0], node->begun[1]);
    node_free(node);
    world_free(&world);
}

/* Brokers that are too slow for all that is due at one instant get it in parts. */
static void a_transaction_that_fails_is_made_smaller(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_control(&world, CONTROL_CAMPAIGN, "cart", 1, "", cart);
    for (int i = 0; i < 400; i++) {
        char user[8];
        snprintf(user, sizeof user, "u%d", i);
        world_happens(&world, NULL, user, "cart", "{}");
    }
    struct node *node = node_new(&world);
    node_settle(node);
    world.slow_from = 200; /* a message and its decision for each: fewer than 100 users at a time */
    world.now_ms += HOUR + MINUTE;
    turn(node, 5000);
    assert_int_equal(world.messages.count, 400);
    node_free(node);
    world_free(&world);
}

/* Kafka's clock and ours are compared where both are told of one thing. */
static void clocks_that_differ_are_noticed(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_control(&world, CONTROL_CAMPAIGN, "news", 1, "", news);
    struct node *node = node_new(&world);
    node->engine->options.mark_window_ms = ENGINE_MARK_WINDOW_MS;
    node_settle(node);
    world_happens(&world, NULL, "u1", "cart", "{}");
    world.log.items[world.log.count - 1].append_ms += 900;
    node_settle(node);
    world.now_ms += 2 * HOUR + 2000;
    turn(node, 50); /* the send, appended as it is decided */
    assert_int_equal(sent(&world, "\"second\""), 1);
    assert_int_equal(metrics_value(node->metrics, METRIC_CLOCKS_APART), 0);
    world_happens(&world, NULL, "u1", "other", "{}");
    world.log.items[world.log.count - 1].append_ms += 1500;
    node_settle(node);
    world.now_ms += 2000;
    turn(node, 50);
    assert_int_equal(metrics_value(node->metrics, METRIC_CLOCKS_APART), 1);
    const struct entry decided_later = {.kind = ENTRY_SETTLED,
                                        .settled = {.user = SPAN_LITERAL("u1"),
                                                    .campaign = SPAN_LITERAL("news"),
                                                    .step = SPAN_LITERAL("second"),
                                                    .at_ms = world.now_ms + 1500}};
    world_append(&world, &decided_later);
    node_settle(node);
    world.now_ms += 2000;
    turn(node, 50);
    assert_int_equal(metrics_value(node->metrics, METRIC_CLOCKS_APART), 2);
    node_free(node);
    world_free(&world);
}

/* One send of u1, due at *due_ms, that an order cancels. */
static struct node *offer_begin(struct world *world, int64_t *due_ms)
{
    static const char offer[] = "campaign: offer\n"
                                "type: event\n"
                                "trigger: {event: offer}\n"
                                "cancel: [{event: order}]\n"
                                "steps:\n"
                                "  - {id: only, send: {after: 1h}, channel: push, message: {title: one}}\n";
    world_init(world);
    world_control(world, CONTROL_CAMPAIGN, "offer", 1, "", offer);
    struct node *node = node_new(world);
    node_settle(node);
    *due_ms = world->now_ms + HOUR;
    world_happens(world, NULL, "u1", "offer", "{}");
    node_settle(node);
    return node;
}

/* The frontier stands at the due instant: that all before it is folded says nothing of the instant itself.
 */
static void an_event_of_the_due_instant_is_taken_first(void **state)
{
    (void)state;
    struct world world;
    int64_t due_ms;
    struct node *node = offer_begin(&world, &due_ms);
    world.now_ms = due_ms;
    world_happens(&world, NULL, "u2", "offer", "{}");
    node_turn(node);
    assert_int_equal(world.now_ms, due_ms);
    assert_int_equal(engine_partition(node->engine, 0)->frontier_ms, due_ms);
    assert_int_equal(world.messages.count, 0);
    world_happens(&world, NULL, "u1", "order", "{}");
    world.now_ms += MINUTE;
    turn(node, 50);
    assert_int_equal(world.messages.count, 0);
    node_free(node);
    world_free(&world);
}

/* Somebody's open transaction hides a cancel: the end of what can be read is not the end of what is there.
 */
static void what_cannot_be_read_yet_is_waited_for(void **state)
{
    (void)state;
    struct world world;
    int64_t due_ms;
    struct node *node = offer_begin(&world, &due_ms);
    world.now_ms = due_ms - MINUTE;
    world_happens(&world, NULL, "u2", "offer", "{}");
    world.stable = world.log.count;
    world_happens(&world, NULL, "u1", "order", "{}");
    world.now_ms = due_ms + MINUTE;
    turn(node, 50);
    assert_int_equal(world.messages.count, 0);
    world.stable = 0;
    turn(node, 50);
    assert_int_equal(world_count(&world.decisions, "\"cancelled\"", "\"u1\"", NULL), 1);
    world.now_ms += HOUR;
    turn(node, 50);
    assert_int_equal(world.messages.count, 1); /* of u2 */
    node_free(node);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_held_hides_nothing),
        cmocka_unit_test(an_event_of_the_due_instant_is_taken_first),
        cmocka_unit_test(what_cannot_be_read_yet_is_waited_for),
        cmocka_unit_test(clocks_that_differ_are_noticed),
        cmocka_unit_test(producers_take_turns),
        cmocka_unit_test(a_transaction_that_fails_is_made_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
