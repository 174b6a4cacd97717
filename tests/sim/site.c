#include "sim/site.h"

#include <stdio.h>
#include <stdlib.h>

#define FAULTS_UNTIL_US (85 * SECOND)
#define REST_AFTER_US (125 * SECOND) /* not before the last quiet hour is over */
#define REST_WITHIN_US (400 * SECOND)

#define THEME_FAULTS 11
static const struct theme {
    enum fault faults[THEME_FAULTS];
    int count;
} themes[] = {
    {{FAULT_END_LOST, FAULT_END_UNANSWERED, FAULT_END_LATE, FAULT_END_AGAIN, FAULT_MARKER_SLOW,
      FAULT_TXN_EXPIRES, FAULT_PRODUCE_SLOW, FAULT_PRODUCE_FAIL, FAULT_NO_OFFSET, FAULT_END_SLOW,
      FAULT_FENCED},
     11},
    {{FAULT_REWIND, FAULT_WIPE, FAULT_STORE_AWAY, FAULT_STORE_LATE, FAULT_STORE_FULL, FAULT_STORE_GARBLES},
     6},
    {{FAULT_SHUFFLE, FAULT_ONE_ROUND, FAULT_HEARTBEAT, FAULT_SYNC_SLOW, FAULT_RESTART, FAULT_FREEZE,
      FAULT_FENCED},
     7},
    {{FAULT_APPEND_SLOW, FAULT_APPEND_FAIL, FAULT_COMMIT_FAIL, FAULT_REGISTRY_SLOW, FAULT_CRASH,
      FAULT_HEARTBEAT, FAULT_NOTES_SLOW},
     7},
    {{FAULT_CRASH, FAULT_DISASTER, FAULT_STORE_DIES, FAULT_BROKER_AWAY, FAULT_REWIND, FAULT_WIPE,
      FAULT_FREEZE, FAULT_RESTART},
     8},
    {{FAULT_SKEW, FAULT_CLOCK_STEP, FAULT_FETCH_SLOW, FAULT_MARK_SLOW, FAULT_PAUSE}, 5},
};
#define THEMES ((int64_t)(sizeof themes / sizeof *themes))

/* `often`: few are on, they may strike more. */
static void switch_on(struct world *world, enum fault fault, bool often)
{
    world->faults[fault].on = true;
    world->faults[fault].left = (int)world_between(world, 1, often ? 60 : 12);
    if (fault == FAULT_PAUSE)
        world->faults[fault].left *= 20;
    world_trace(world, "this seed has: %s", fault_name(fault));
}

bool site_has(struct site *site, enum part part, int per_mille)
{
    return world_chance(&site->world, per_mille) || site->shared->parts[part];
}

/* Which faults this seed has, and how often each may strike. Few at a time, and mostly of a kind: a rare
 * meeting of two faults is not drowned by the others. */
static void choose_faults(struct site *site)
{
    struct world *world = &site->world;
    int64_t theme_count = world_below(world, 3), others = world_below(world, 4);
    for (int fault = 0; fault < FAULT_COUNT && site->shared->faults_given; fault++)
        if (site->shared->faults[fault])
            switch_on(world, (enum fault)fault, true);
    if (site->shared->faults_given)
        theme_count = others = 0;
    for (int64_t i = 0; i < theme_count; i++) {
        const struct theme *theme = &themes[world_below(world, THEMES)];
        for (int k = 0; k < theme->count; k++)
            if (world_chance(world, 600))
                switch_on(world, theme->faults[k], false);
    }
    for (int64_t i = 0; i < others; i++)
        switch_on(world, (enum fault)world_below(world, FAULT_COUNT), false);
    world->faults_until_us = FAULTS_UNTIL_US;
    site->slack_ms = world->faults[FAULT_SKEW].on ? 650 : 0;
    if (site_has(site, PART_SWEEP, 600))
        site->sweep_every_ms = world_between(world, 500, 20000);
}

static bool run(struct site *site, char *why, size_t why_bytes)
{
    struct world *world = &site->world;
    while (world_turn(world, REST_AFTER_US)) {
    }
    while (!site_is_at_rest(site)) {
        if (world->now_us >= REST_WITHIN_US) {
            snprintf(why, why_bytes, "NO REST: something is pending or open long after the last fault");
            return false;
        }
        int64_t until_us = world->now_us + SECOND;
        while (world_turn(world, until_us)) {
        }
    }
    if (site->busy) {
        snprintf(why, why_bytes, "BUSY: an engine turns round and round while there is nothing to do");
        return false;
    }
    return site_judge(site, why, why_bytes);
}

bool site_run(struct shared *shared, uint64_t seed, bool trace, char *why, size_t why_bytes)
{
    struct site *site = calloc(1, sizeof *site);
    if (site == NULL)
        abort();
    site->shared = shared;
    world_init(&site->world, seed, trace);
    choose_faults(site);
    cluster_init(&site->cluster, &site->world, (int)world_between(&site->world, 1, 4));
    site->cluster.store = sim_store_new(&site->world);
    site_apply_first(site);
    site_shop_open(site);
    site_fan_out_open(site);
    site_crowd_open(site);
    site_variety_open(site);
    site_node_start(site);
    site_node_start(site);
    world_call(&site->world, SECOND, NULL, site_tend, site);
    bool kept = run(site, why, why_bytes);
    sim_store_free(site->cluster.store);
    world_free(&site->world);
    free(site);
    return kept;
}
