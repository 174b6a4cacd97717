/* The fold's decision records while their topic does not take them: nothing moves, and nothing piles up. */
#include "engine_world.h"

static const char cart[] = "campaign: cart\n"
                           "type: event\n"
                           "trigger: {event: cart}\n"
                           "steps:\n"
                           "  - {id: first, send: {after: 1h}, channel: push, message: {title: one}}\n";

static bool away;
static size_t given;

static enum err flush_unless_away(void *self, int timeout_ms)
{
    ((struct node *)self)->world->now_ms += away ? timeout_ms : 0;
    return away ? ERR_TIMEOUT : ERR_OK;
}

static void count_note(void *self, const struct outbox_record *record)
{
    given++;
    node_note(self, record);
}

static void records_that_wait_are_not_given_again(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_control(&world, CONTROL_CAMPAIGN, "cart", 1, "", cart);
    world_happens(&world, NULL, "u1", "cart", "{}");
    struct node *node = node_new(&world);
    node->outbox.notes_flush = flush_unless_away;
    node->outbox.note = count_note;
    away = true;
    for (int turns = 0; turns < 500; turns++)
        node_turn(node);
    assert_in_range(given, 1, 2);
    away = false;
    node_settle(node);
    assert_in_range(given, 1, 3);
    assert_int_equal(world_count(&world.decisions, "\"scheduled\"", NULL, NULL), 1);
    node_free(node);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_that_wait_are_not_given_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
