#include <stdio.h>
#include <string.h>

#include "sim/site.h"
#include "sim/start.h"

#define SHOP_US (65 * SECOND) /* how long it writes */
#define APPLY_FROM_US (5 * SECOND)
#define APPLY_TO_US (30 * SECOND)
#define APPLY_TAKES_US (1100 * MS)

static const char *const users[] = {"anna", "bert", "carl", "dora"};
static const char *const keys[] = {"k0", "k1"};

struct plan {
    struct site *site;
    const char *name, *user, *key;
    char id[ORACLE_TEXT];
    int64_t older_ms; /* how long before it is written it occurred */
};

static void write_event(void *self)
{
    struct plan *plan = self;
    struct site *site = plan->site;
    struct world *world = &site->world;
    struct oracle_source *source = &site->sources[site->source_count++];
    struct sim_log *log = &site->cluster.source[world_below(world, SHOP_PARTITIONS)];
    *source = (struct oracle_source){.partition = log->partition,
                                     .offset = (int64_t)log->count,
                                     .time_ms = sim_start_ms + world->now_us / MS - plan->older_ms,
                                     .number = (int)site->source_count};
    snprintf(source->id, sizeof source->id, "%s", plan->id);
    snprintf(source->user, sizeof source->user, "%s", plan->user);
    snprintf(source->name, sizeof source->name, "%s", plan->name);
    snprintf(source->key, sizeof source->key, "%s", plan->key);
    struct span user = source->user[0] == '\0'
                           ? SPAN_LITERAL("")
                           : arena_printf(&world->arena, "\"user\":\"%s\",", source->user);
    struct span json = arena_printf(&world->arena,
                                    "{\"id\":\"%s\",%.*s\"name\":\"%s\",\"time\":%lld,"
                                    "\"attributes\":{\"c\":\"%s\",\"n\":%d}}",
                                    source->id, SPAN_PRINTF(user), source->name, (long long)source->time_ms,
                                    source->key, source->number);
    (void)sim_log_append(log, &(struct sim_record){.value = json});
    world_trace(world, "shop: %s of %s (%s), id %s, %ld ms old, at source %d/%ld", plan->name, plan->user,
                plan->key, plan->id, (long)plan->older_ms, source->partition, (long)source->offset);
    site->planned--;
}

static struct plan *plan_new(struct site *site, const char *name, const char *user, const char *key,
                             int64_t at_us)
{
    struct world *world = &site->world;
    struct plan *plan = ARENA_NEW(&world->arena, struct plan);
    *plan = (struct plan){.site = site, .name = name, .user = user, .key = key};
    snprintf(plan->id, sizeof plan->id, "e%d", ++site->planned);
    if (world_chance(world, 150))
        plan->older_ms = world_between(world, 0, 4000);
    world_ask(world, at_us, write_event, plan);
    return plan;
}

/* Now and then the same event again, some while later. */
static void plan_repeat(struct site *site, const struct plan *plan, int64_t at_us)
{
    struct world *world = &site->world;
    if (!world_chance(world, 60))
        return;
    struct plan *again =
        plan_new(site, plan->name, plan->user, plan->key, at_us + world_between(world, 0, 10 * SECOND));
    snprintf(again->id, sizeof again->id, "%s", plan->id);
}

/* What an event needs from here to the journal, about. */
#define WAY_US (8 * MS)

/* Something about when a step of the trigger at `at_us` falls due: an order, another trigger, or a trigger
 * of the other campaign whose send falls due just then. */
static void plan_rival(struct site *site, const struct plan *plan, int64_t at_us, int64_t after_us)
{
    static const int64_t spans_us[] = {2 * MS, 6 * MS, 30 * MS, 1000 * MS, 1500 * MS, 8 * SECOND};
    struct world *world = &site->world;
    if (!world_chance(world, 650))
        return;
    int64_t span_us = spans_us[world_below(world, 6)];
    int64_t due_us = at_us - plan->older_ms * MS + after_us;
    int64_t rival_us = due_us - WAY_US + world_between(world, -span_us, span_us);
    const char *name = plan->name;
    if (world_chance(world, 600)) {
        name = "order";
    } else if (world_chance(world, 500)) {
        bool cart = strcmp(name, "cart") == 0;
        name = cart ? "offer" : "cart";
        rival_us += WAY_US - (cart ? 4000 : 6000) * MS;
    }
    if (rival_us > 0)
        (void)plan_new(site, name, plan->user, plan->key, rival_us);
}

void site_shop_open(struct site *site)
{
    static const struct {
        const char *name;
        int share; /* of 100 */
        int64_t after_ms[2];
    } kinds[] = {{"cart", 25, {6000, 15000}}, {"offer", 22, {4000, 16000}}, {"night", 9, {5000, 60000}},
                 {"late", 5, {3000, 3000}},   {"order", 10, {0, 0}},        {"follow", 9, {0, 0}},
                 {"unfollow", 2, {0, 0}},     {"drop", 8, {0, 0}},          {"sale", 5, {12000, 12000}},
                 {"held", 5, {7000, 7000}}};
    struct world *world = &site->world;
    int64_t apply_us = world_between(world, APPLY_FROM_US, APPLY_TO_US);
    world_call(world, apply_us, NULL, site_apply_late, site);
    site_plan_lives(site);
    int count = (int)world_between(world, 3, 36);
    int64_t user_count = world_between(world, 1, 4), key_count = world_between(world, 1, 2);
    for (int i = 0; i < count; i++) {
        int64_t draw = world_below(world, 100);
        size_t kind = 0;
        while (draw >= kinds[kind].share)
            draw -= kinds[kind++].share;
        int64_t at_us = world_between(world, 500 * MS, SHOP_US);
        if (kind == 3 && at_us < apply_us + APPLY_TAKES_US)
            at_us = apply_us + APPLY_TAKES_US;
        const char *user = users[world_below(world, user_count)];
        if (strcmp(kinds[kind].name, "drop") == 0)
            user = ""; /* it is about a thing */
        const struct plan *plan =
            plan_new(site, kinds[kind].name, user, keys[world_below(world, key_count)], at_us);
        plan_repeat(site, plan, at_us);
        if (kinds[kind].after_ms[0] != 0 && kind != 3)
            plan_rival(site, plan, at_us, kinds[kind].after_ms[world_below(world, 2)] * MS);
    }
}
