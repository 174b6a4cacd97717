/* A store at its memory limit, which takes only what needs no more: what settles and cancels is folded, up
 * to the first record that does need more. */
#include "engine_world.h"

static const char cart[] = "campaign: cart\n"
                           "type: event\n"
                           "trigger: {event: cart}\n"
                           "cancel: [{event: order}]\n"
                           "steps:\n"
                           "  - {id: first, send: {after: 1h}, channel: push, message: {title: one}}\n";

static struct store_port inner;
static bool full;

/* As Redis with the frugal script: a user who is not there yet needs memory. */
static enum err full_commit(void *self, const struct store_commit *commits, size_t count)
{
    struct arena arena;
    bool grows = false;
    arena_init(&arena, 0);
    for (size_t i = 0; full && i < count; i++)
        for (size_t k = 0; k < commits[i].count; k++) {
            struct span user = commits[i].writes[k].user;
            struct store_read read = {.partition = commits[i].partition, .users = &user, .count = 1};
            assert_int_equal(inner.fire_read(self, &read, 1, &arena), ERR_OK);
            grows |= read.states[0].size == 0 && commits[i].writes[k].state.size != 0;
        }
    arena_destroy(&arena);
    return grows ? ERR_LIMIT : inner.fold_commit(self, commits, count);
}

static int64_t head_of_view(void)
{
    static const int32_t partition = 0;
    int64_t head;
    assert_int_equal(inner.heads_read(inner.self, &partition, 1, &head), ERR_OK);
    return head;
}

static void what_needs_no_memory_is_folded(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    full = false;
    world_control(&world, CONTROL_CAMPAIGN, "cart", 1, "", cart);
    world_happens(&world, NULL, "u1", "cart", "{}");
    struct node *node = node_new(&world);
    inner = node->store;
    node->store.fold_commit = full_commit;
    node_settle(node);
    full = true;
    world_happens(&world, NULL, "u1", "order", "{}");
    world_happens(&world, NULL, "u2", "cart", "{}");
    world_happens(&world, NULL, "u1", "other", "{}");
    int64_t end = (int64_t)world.log.count;
    for (int turns = 0; turns < 3000; turns++)
        node_turn(node);
    assert_int_equal(head_of_view(), end - 2);
    full = false;
    for (int turns = 0; turns < 3000; turns++)
        node_turn(node);
    assert_int_equal(head_of_view(), end);
    assert_int_equal(world_count(&world.decisions, "\"cancelled\"", "u1", NULL), 1);
    assert_int_equal(world_count(&world.decisions, "\"scheduled\"", "u2", NULL), 1);
    node_free(node);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_needs_no_memory_is_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
