#include "sim/group.h"

#include <assert.h>
#include <stdlib.h>

#define SESSION_US (6 * SECOND)
#define HEARTBEAT_US (1500 * MS)
#define REBALANCE_US (10 * SECOND)
#define TICK_US (250 * MS)

/* ---- the coordinator ---- */

static struct group_member *member_find(struct group *group, int64_t id)
{
    for (size_t i = 0; i < group->member_count; i++)
        if (group->members[i].id == id)
            return &group->members[i];
    return NULL;
}

bool group_knows(const struct group *group, int64_t member, int32_t generation)
{
    return generation == group->generation && member_find((struct group *)group, member) != NULL;
}

static void complete(void *self);

static void complete_soon(struct group *group)
{
    if (group->completing)
        return;
    group->completing = true;
    world_ask(group->world, world_latency(group->world, 5 * MS), complete, group);
}

void group_rebalance(struct group *group)
{
    if (group->preparing)
        return;
    group->preparing = true;
    group->deadline_us = group->world->now_us + REBALANCE_US;
    for (size_t i = 0; i < group->member_count; i++)
        group->members[i].joined = false;
}

static bool all_joined(const struct group *group)
{
    for (size_t i = 0; i < group->member_count; i++)
        if (!group->members[i].joined)
            return false;
    return true;
}

static void member_remove(struct group *group, struct group_member *member)
{
    world_trace(group->world, "%s: member %ld is out", group->name, (long)member->id);
    *member = group->members[--group->member_count];
    group_rebalance(group);
    if (group->preparing && all_joined(group))
        complete_soon(group);
}

static void tick(void *self)
{
    struct group *group = self;
    int64_t now_us = group->world->now_us;
    for (size_t i = 0; i < group->member_count;) {
        struct group_member *member = &group->members[i];
        bool late = group->preparing && !member->joined && now_us > group->deadline_us;
        if (now_us - member->heard_us > SESSION_US || late)
            member_remove(group, member);
        else
            i++;
    }
    if (world_strikes(group->world, FAULT_SHUFFLE, 20))
        group_rebalance(group);
    world_ask(group->world, TICK_US, tick, group);
}

void group_init(struct group *group, struct world *world, const char *name, int partitions)
{
    *group = (struct group){.world = world, .name = name, .partitions = partitions};
    for (size_t i = 0; i < 64; i++)
        group->offsets[i].offset = -1;
    world_ask(world, TICK_US, tick, group);
}

void group_begin_sessions(struct group *group)
{
    for (size_t i = 0; i < group->member_count; i++)
        group->members[i].heard_us = group->world->now_us;
    if (group->preparing)
        group->deadline_us = group->world->now_us + REBALANCE_US;
}

/* ---- assigning ---- */

static int owner_of(const struct group *group, int partition)
{
    int owner = -1;
    for (size_t i = 0; i < group->member_count; i++)
        if ((group->members[i].claims >> partition & 1) != 0)
            owner = owner < 0 ? (int)i : -2; /* claimed twice: nobody has it */
    return owner;
}

static int least_loaded(const struct group *group, const uint64_t *target)
{
    int best = 0;
    for (size_t i = 1; i < group->member_count; i++)
        if (__builtin_popcountll(target[i]) < __builtin_popcountll(target[best]))
            best = (int)i;
    return best;
}

/* Who is to have what in the end. Sticky, unless partitions are being shuffled. */
static void choose(struct group *group, uint64_t *target)
{
    struct world *world = group->world;
    bool shuffled = world->now_us < world->faults_until_us && world->faults[FAULT_SHUFFLE].on &&
                    world_chance(world, 400);
    int fair = (group->partitions + (int)group->member_count - 1) / (int)group->member_count;
    for (int p = 0; p < group->partitions; p++) {
        int owner = owner_of(group, p);
        if (shuffled)
            target[world_below(world, (int64_t)group->member_count)] |= UINT64_C(1) << p;
        else if (owner >= 0 && __builtin_popcountll(target[owner]) < fair)
            target[owner] |= UINT64_C(1) << p;
    }
    for (int p = 0; !shuffled && p < group->partitions; p++) {
        uint64_t all = 0;
        for (size_t i = 0; i < group->member_count; i++)
            all |= target[i];
        if ((all >> p & 1) == 0)
            target[least_loaded(group, target)] |= UINT64_C(1) << p;
    }
}

struct sync {
    struct group_client *client;
    struct group_identity identity;
    uint64_t assigned;
};

static void synced(void *self);

static void complete(void *self)
{
    struct group *group = self;
    struct world *world = group->world;
    group->completing = false;
    if (!group->preparing || group->member_count == 0 || !all_joined(group))
        return;
    uint64_t target[GROUP_MEMBERS] = {0};
    choose(group, target);
    bool one_round = world_strikes(world, FAULT_ONE_ROUND, 2);
    group->generation++;
    group->preparing = false;
    for (size_t i = 0; i < group->member_count; i++) {
        struct group_member *member = &group->members[i];
        uint64_t assigned = 0;
        for (int p = 0; p < group->partitions; p++) {
            int owner = owner_of(group, p);
            if ((target[i] >> p & 1) != 0 && (owner < 0 || owner == (int)i || one_round))
                assigned |= UINT64_C(1) << p;
        }
        member->heard_us = world->now_us;
        struct sync *sync = ARENA_NEW(&world->arena, struct sync);
        *sync = (struct sync){member->client, {member->id, group->generation}, assigned};
        int64_t delay_us = world_latency(world, 3 * MS);
        if (world_strikes(world, FAULT_SYNC_SLOW, 4))
            delay_us = world_between(world, 0, 8 * SECOND);
        world_answer(world, delay_us, member->client->process, synced, sync);
        world_trace(world, "%s: generation %d: member %ld of process %d gets %lx", group->name,
                    group->generation, (long)member->id, member->client->process->number,
                    (unsigned long)assigned);
    }
}

/* ---- the client ---- */

static void push(struct group_client *client, enum client_event_kind kind, uint64_t set)
{
    assert(client->queued < sizeof client->queue / sizeof *client->queue);
    client->queue[client->queued++] = (struct client_event){kind, set};
    client->notify(client->self);
}

static void send_join(struct group_client *client);

/* The coordinator does not know this member (any more). */
static void kicked(struct group_client *client)
{
    client->identity = (struct group_identity){0, -1};
    client->joining = false;
    bool holds = client->owned != 0 || client->queued != 0;
    if (holds && !client->lost) {
        client->lost = true;
        push(client, CLIENT_LOST, 0);
    } else if (!holds) {
        send_join(client);
    }
}

struct join {
    struct group_client *client;
    struct group_identity identity;
    uint64_t claims;
};

static void unknown_member(void *self)
{
    struct group_client *client = self;
    if (!client->gone)
        kicked(client);
}

/* At the coordinator. */
static void join(void *self)
{
    struct join *request = self;
    struct group_client *client = request->client;
    struct group *group = client->group;
    struct group_member *member = member_find(group, request->identity.member);
    if (request->identity.member != 0 && member == NULL) {
        world_answer(group->world, world_latency(group->world, MS), client->process, unknown_member,
                     client);
        return;
    }
    if (member == NULL) {
        assert(group->member_count < GROUP_MEMBERS);
        member = &group->members[group->member_count++];
        *member = (struct group_member){.id = ++group->last_id, .client = client};
    }
    client->identity.member = member->id;
    group_rebalance(group);
    member->claims = request->claims;
    member->joined = true;
    member->heard_us = group->world->now_us;
    if (all_joined(group))
        complete_soon(group);
}

static void send_join(struct group_client *client)
{
    struct world *world = client->process->world;
    if (client->joining || client->gone || client->closing)
        return;
    client->joining = true;
    client->again = false;
    struct join *request = ARENA_NEW(&world->arena, struct join);
    *request = (struct join){client, client->identity, client->owned};
    world_ask(world, world_latency(world, 2 * MS), join, request);
}

/* The answer to a join: what this member is to have. */
static void synced(void *self)
{
    struct sync *sync = self;
    struct group_client *client = sync->client;
    if (client->gone || !client->joining || client->identity.member != sync->identity.member)
        return;
    client->joining = false;
    client->answered_us = client->process->world->now_us;
    client->identity = sync->identity;
    uint64_t revoked = client->owned & ~sync->assigned, added = sync->assigned & ~client->owned;
    if (revoked != 0)
        push(client, CLIENT_REVOKED, revoked);
    if (revoked == 0 || added != 0)
        push(client, CLIENT_ASSIGNED, added);
    if (revoked != 0)
        client->again = true;
}

static void heartbeat(void *self)
{
    struct group_client *client = self;
    struct world *world = client->process->world;
    struct group *group = client->group;
    if (client->gone)
        return;
    world_call(world, world_between(world, HEARTBEAT_US * 4 / 5, HEARTBEAT_US), client->process, heartbeat,
               client);
    if (world_strikes(world, FAULT_HEARTBEAT, 15))
        client->mute_until_us = world->now_us + world_between(world, SECOND, 20 * SECOND);
    if (client->identity.member != 0 && !client->joining && !client->lost &&
        world->now_us - client->answered_us > SESSION_US && world_chance(world, 500)) {
        world_trace(world, "%s: process %d has had no answer for too long", group->name,
                    client->process->number);
        kicked(client);
        return;
    }
    if (client->identity.member == 0 || world->now_us < client->mute_until_us ||
        world_broker_is_away(world))
        return;
    struct group_member *member = member_find(group, client->identity.member);
    if (member == NULL) {
        kicked(client);
        return;
    }
    member->heard_us = client->answered_us = world->now_us;
    if (!group->preparing || client->joining || client->lost)
        return;
    if (client->queued == 0)
        send_join(client);
    else
        client->again = true;
}

void client_open(struct group_client *client, struct process *process, struct group *group,
                 void (*notify)(void *self), void *self)
{
    *client = (struct group_client){
        .process = process, .group = group, .identity = {0, -1}, .notify = notify, .self = self};
    send_join(client);
    world_call(process->world, HEARTBEAT_US, process, heartbeat, client);
}

bool client_hand_out(struct group_client *client, struct client_event *event)
{
    if (client->queued == 0 || client->standing)
        return false;
    client->standing = true;
    *event = client->queue[0];
    if (event->kind == CLIENT_LOST)
        event->set = client->owned;
    else if (event->kind == CLIENT_REVOKED && client->lost)
        event->kind = CLIENT_LOST;
    client->queue[0].set = event->set;
    if (event->kind == CLIENT_ASSIGNED)
        client->owned |= event->set;
    return true;
}

static void leave(void *self)
{
    struct group_client *client = self;
    struct group_member *member = member_find(client->group, client->identity.member);
    if (member != NULL)
        member_remove(client->group, member);
}

static void close_done(struct group_client *client)
{
    struct world *world = client->process->world;
    client->closed = client->gone = true;
    if (client->identity.member != 0 && !world_strikes(world, FAULT_HEARTBEAT, 3))
        world_ask(world, world_latency(world, MS), leave, client);
}

void client_served(struct group_client *client)
{
    if (!client->standing)
        return;
    enum client_event_kind kind = client->queue[0].kind;
    if (kind != CLIENT_ASSIGNED)
        client->owned &= ~client->queue[0].set;
    client->standing = false;
    client->queued--;
    for (size_t i = 0; i < client->queued; i++)
        client->queue[i] = client->queue[i + 1];
    if (client->queued != 0) {
        client->notify(client->self);
        return;
    }
    if (client->closing) {
        if (!client->closed)
            close_done(client);
    } else if (kind == CLIENT_LOST && client->lost) {
        client->lost = false;
        send_join(client);
    } else if (client->again) {
        send_join(client);
    }
}

void client_close(struct group_client *client)
{
    if (client->closing)
        return;
    client->closing = true;
    client->joining = false;
    if (client->owned != 0 && !client->lost)
        push(client, CLIENT_REVOKED, client->owned);
    else if (client->queued == 0)
        close_done(client);
}

void client_abandon(struct group_client *client)
{
    client->gone = client->closed = true;
}
