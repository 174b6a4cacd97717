#include "sim/sim_source.h"

#include <assert.h>
#include <stdlib.h>

#define BATCH 8

struct place {
    bool owned, reading;
    int64_t start, position;
    int64_t fetch_not_before_us;
};

struct commit_answer {
    struct sim_source *source;
    struct source_commit commits[SOURCE_PARTITIONS];
    size_t count;
    uint64_t tag;
    struct group_identity identity;
    enum err error;
    struct commit_answer *next;
};

struct sim_source {
    struct process *process;
    struct cluster *cluster;
    struct task *task;
    struct group_client client;
    struct place places[SOURCE_PARTITIONS];
    struct source_assignment assignments[SOURCE_PARTITIONS];
    struct commit_answer *answers;
    bool woken;
};

/* Partitions are numbered over both topics here. */
static uint32_t topic_of(int32_t place)
{
    return place < SHOP_PARTITIONS ? 0 : 1;
}

static int32_t partition_of(int32_t place)
{
    return place < SHOP_PARTITIONS ? place : place - SHOP_PARTITIONS;
}

static int32_t place_of(uint32_t topic, int32_t partition)
{
    return topic == 0 ? partition : partition + SHOP_PARTITIONS;
}

static void notify(void *self)
{
    struct sim_source *s = self;
    s->woken = true;
    task_wake(s->task, 0);
}

static void grown(void *self, struct sim_log *log)
{
    struct sim_source *s = self;
    if (log < s->cluster->source || log >= s->cluster->source + SOURCE_PARTITIONS ||
        !s->places[log->partition].reading || s->client.gone)
        return;
    int64_t delay_us = s->places[log->partition].fetch_not_before_us - s->cluster->world->now_us;
    task_wake(s->task, delay_us > 0 ? delay_us : world_latency(s->cluster->world, MS));
}

struct sim_source *sim_source_open(struct process *process, struct cluster *cluster, struct task *task)
{
    struct sim_source *s = ARENA_NEW(&cluster->world->arena, struct sim_source);
    *s = (struct sim_source){.process = process, .cluster = cluster, .task = task};
    cluster_watch(cluster, process, grown, s);
    client_open(&s->client, process, &cluster->intakes, notify, s);
    return s;
}

void sim_source_close(struct sim_source *source)
{
    client_abandon(&source->client);
}

static bool rebalance_hand_out(struct sim_source *s, struct source_event *event)
{
    struct client_event told;
    if (!client_hand_out(&s->client, &told))
        return false;
    size_t count = 0;
    for (int32_t p = 0; p < SOURCE_PARTITIONS; p++) {
        if ((told.set >> p & 1) == 0)
            continue;
        struct place *place = &s->places[p];
        const struct group_offset *committed = &s->cluster->intakes.offsets[p];
        int64_t high = (int64_t)s->cluster->source[p].count;
        struct source_assignment *assignment = &s->assignments[count++];
        *assignment = (struct source_assignment){.topic = topic_of(p), .partition = partition_of(p)};
        if (told.kind != CLIENT_ASSIGNED) {
            place->reading = false;
            continue;
        }
        *place = (struct place){.owned = true};
        place->start = committed->offset >= 0 && committed->offset <= high ? committed->offset : 0;
        assignment->committed = committed->offset;
        assignment->metadata = committed->metadata;
        assignment->high = high;
        assignment->start = place->start;
    }
    static const char *const names[] = {"assigned", "revoked", "lost"};
    world_trace(s->cluster->world, "process %d: intake: %s %lx (generation %d)", s->process->number,
                names[told.kind], (unsigned long)told.set, s->client.identity.generation);
    static const enum source_event_kind kinds[] = {[CLIENT_ASSIGNED] = SOURCE_ASSIGNED,
                                                   [CLIENT_REVOKED] = SOURCE_REVOKED,
                                                   [CLIENT_LOST] = SOURCE_LOST};
    *event = (struct source_event){.kind = kinds[told.kind], .assignments = s->assignments, .count = count};
    return true;
}

static bool records_hand_out(struct sim_source *s, struct source_event *event)
{
    struct world *world = s->cluster->world;
    struct source_message *messages = NULL;
    size_t count = 0, capacity = 0;
    for (int32_t p = 0; p < SOURCE_PARTITIONS && count < BATCH; p++) {
        struct place *place = &s->places[p];
        const struct sim_log *log = &s->cluster->source[p];
        if (!place->reading || world->now_us < place->fetch_not_before_us)
            continue;
        if (world_broker_is_away(world)) {
            place->fetch_not_before_us = world->broker->frozen_until_us + world_latency(world, 20 * MS);
            continue;
        }
        while (place->position < (int64_t)log->count && count < BATCH) {
            const struct sim_record *record = &log->records[place->position];
            *ARENA_PUSH(&world->arena, &messages, &count, &capacity) =
                (struct source_message){.topic = topic_of(p),
                                        .partition = partition_of(p),
                                        .offset = place->position++,
                                        .timestamp_ms = record->append_ms,
                                        .has_key = record->key.size != 0,
                                        .key = record->key,
                                        .has_value = record->value.size != 0,
                                        .value = record->value};
        }
        place->fetch_not_before_us = world->now_us + world_latency(world, 2 * MS);
        if (world_strikes(world, FAULT_FETCH_SLOW, 30))
            place->fetch_not_before_us = world->now_us + world_between(world, 0, 4 * SECOND);
    }
    if (count == 0)
        return false;
    world_trace(world, "process %d: intake reads %zu records, the first source %d/%ld", s->process->number,
                count, messages[0].partition, (long)messages[0].offset);
    *event = (struct source_event){
        .kind = SOURCE_RECORDS, .messages = messages, .count = count, .batch = messages};
    return true;
}

static bool hand_out(struct sim_source *s, bool records_wanted, struct source_event *event)
{
    if (s->answers != NULL) {
        *event = (struct source_event){
            .kind = SOURCE_COMMITTED, .tag = s->answers->tag, .error = s->answers->error};
        s->answers = s->answers->next;
        return true;
    }
    bool records_first = world_chance(s->cluster->world, 500);
    return (records_first && records_wanted && records_hand_out(s, event)) ||
           rebalance_hand_out(s, event) || (!records_first && records_wanted && records_hand_out(s, event));
}

static int64_t next_fetch_us(const struct sim_source *s, int64_t until_us)
{
    for (int32_t p = 0; p < SOURCE_PARTITIONS; p++) {
        const struct place *place = &s->places[p];
        if (place->reading && place->position < (int64_t)s->cluster->source[p].count &&
            place->fetch_not_before_us > s->cluster->world->now_us && place->fetch_not_before_us < until_us)
            until_us = place->fetch_not_before_us;
    }
    return until_us;
}

static enum err source_poll(void *self, int timeout_ms, bool records_wanted, struct source_event *event)
{
    struct sim_source *s = self;
    struct world *world = s->cluster->world;
    process_step(s->process, 1);
    int64_t until_us = world->now_us + timeout_ms * MS;
    *event = (struct source_event){.kind = SOURCE_NOTHING};
    while (!hand_out(s, records_wanted, event)) {
        if (world->now_us >= until_us || s->woken)
            break;
        (void)task_wait(s->task, records_wanted ? next_fetch_us(s, until_us) : until_us);
    }
    s->woken = false;
    return ERR_OK;
}

static void source_release(void *self, void *batch)
{
    (void)self;
    (void)batch;
}

static void source_served(void *self)
{
    struct sim_source *s = self;
    process_step(s->process, 3);
    assert(s->client.standing);
    const struct client_event *standing = &s->client.queue[0];
    for (int32_t p = 0; p < SOURCE_PARTITIONS; p++)
        if (standing->kind != CLIENT_ASSIGNED && (standing->set >> p & 1) != 0)
            s->places[p] = (struct place){0};
    client_served(&s->client);
}

static void source_start(void *self, uint32_t topic, int32_t partition)
{
    struct sim_source *s = self;
    process_step(s->process, 3);
    struct place *place = &s->places[place_of(topic, partition)];
    if (!place->owned)
        return;
    place->reading = true;
    place->position = place->start;
}

/* ---- commits ---- */

static void commit_answered(void *self)
{
    struct commit_answer *answer = self;
    struct commit_answer **last = &answer->source->answers;
    while (*last != NULL)
        last = &(*last)->next;
    *last = answer;
    notify(answer->source);
}

/* At the coordinator. */
static void commit_arrives(void *self)
{
    struct commit_answer *request = self;
    struct sim_source *s = request->source;
    struct world *world = s->cluster->world;
    struct group *group = &s->cluster->intakes;
    bool lost = world_strikes(world, FAULT_COMMIT_FAIL, 8);
    bool unanswered = !lost && world_strikes(world, FAULT_COMMIT_FAIL, 8);
    if (lost) {
        request->error = ERR_TIMEOUT;
    } else if (!group_knows(group, request->identity.member, request->identity.generation)) {
        request->error = ERR_CONFLICT;
    } else {
        for (size_t i = 0; i < request->count; i++) {
            const struct source_commit *commit = &request->commits[i];
            world_trace(world, "process %d: intake commits source %d up to %ld", s->process->number,
                        commit->partition, (long)commit->offset);
            group->offsets[place_of(commit->topic, commit->partition)] =
                (struct group_offset){commit->offset, commit->metadata};
        }
        request->error = unanswered ? ERR_TIMEOUT : ERR_OK;
    }
    int64_t delay_us = lost || unanswered ? world_between(world, 0, 3 * SECOND) : world_latency(world, MS);
    world_answer(world, delay_us, s->process, commit_answered, request);
}

static void source_commit(void *self, const struct source_commit *commits, size_t count, uint64_t tag)
{
    struct sim_source *s = self;
    struct world *world = s->cluster->world;
    process_step(s->process, 10);
    assert(count <= SOURCE_PARTITIONS);
    struct commit_answer *request = ARENA_NEW(&world->arena, struct commit_answer);
    *request =
        (struct commit_answer){.source = s, .count = count, .tag = tag, .identity = s->client.identity};
    for (size_t i = 0; i < count; i++) {
        request->commits[i] = commits[i];
        request->commits[i].metadata = arena_copy(&world->arena, commits[i].metadata);
    }
    world_ask(world, world_latency(world, 2 * MS), commit_arrives, request);
}

static void source_close(void *self)
{
    struct sim_source *s = self;
    client_close(&s->client);
}

static bool source_closed(void *self)
{
    const struct sim_source *s = self;
    return s->client.closed;
}

struct source_port sim_source_port(struct sim_source *source)
{
    return (struct source_port){
        .self = source,
        .poll = source_poll,
        .release = source_release,
        .served = source_served,
        .start = source_start,
        .commit = source_commit,
        .close = source_close,
        .closed = source_closed,
    };
}
