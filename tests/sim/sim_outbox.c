#include "sim/sim_outbox.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/sim_producer.h"
#include "sim/sim_store.h"

#define PRODUCERS 2

/* A record that goes without a transaction: the client sends at once, in order, and repeats until it is
 * acknowledged. */
struct note {
    struct sim_outbox *outbox;
    struct outbox_record record;
};

struct sim_outbox {
    struct process *process;
    struct cluster *cluster;
    struct task *task;
    void (*wake)(void *self);
    void *wake_self;
    struct sim_producer producers[PRODUCERS];
    struct span ids;
    struct group_identity metadata;
    bool has_metadata;
    bool changed; /* since the last `wait` */
    int notes;    /* not acknowledged */
    int64_t notes_busy_until_us;
    int fencing;
};

static void changed(void *self)
{
    struct sim_outbox *outbox = self;
    outbox->changed = true;
    if (outbox->task != NULL)
        task_wake(outbox->task, 0);
    outbox->wake(outbox->wake_self);
}

struct sim_outbox *sim_outbox_open(struct process *process, struct cluster *cluster,
                                   void (*wake)(void *self), void *wake_self)
{
    struct arena *arena = &cluster->world->arena;
    struct sim_outbox *outbox = ARENA_NEW(arena, struct sim_outbox);
    *outbox =
        (struct sim_outbox){.process = process, .cluster = cluster, .wake = wake, .wake_self = wake_self};
    struct span ids[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        ids[i] = arena_printf(arena, "sim.tx-%d-%d", process->number, i);
        sim_producer_open(&outbox->producers[i], process, cluster, ids[i], changed, outbox);
    }
    outbox->ids = arena_printf(arena, "%.*s %.*s", SPAN_PRINTF(ids[0]), SPAN_PRINTF(ids[1]));
    return outbox;
}

void sim_outbox_bind(struct sim_outbox *outbox, struct task *task)
{
    outbox->task = task;
}

static bool outbox_ready(void *self, int producer)
{
    struct sim_outbox *outbox = self;
    return outbox->has_metadata && sim_producer_ready(&outbox->producers[producer]);
}

static void outbox_begin(void *self, int producer)
{
    struct sim_outbox *outbox = self;
    process_step(outbox->process, 10);
    assert(outbox_ready(self, producer));
    sim_producer_begin(&outbox->producers[producer], outbox->metadata);
}

static void outbox_produce(void *self, int producer, const struct outbox_record *record)
{
    struct sim_outbox *outbox = self;
    process_step(outbox->process, 10);
    sim_producer_produce(&outbox->producers[producer], record);
}

static void outbox_commit(void *self, int producer, const struct outbox_offset *offsets, size_t count)
{
    struct sim_outbox *outbox = self;
    assert(count >= 1);
    for (size_t i = 0; i < count; i++)
        assert(offsets[i].offset >= 0);
    process_step(outbox->process, 20);
    sim_producer_commit(&outbox->producers[producer], offsets, count);
    sim_store_may_rewind(outbox->cluster->store, 8);
    process_step(outbox->process, 20);
}

static void outbox_abort(void *self, int producer)
{
    struct sim_outbox *outbox = self;
    process_step(outbox->process, 20);
    sim_producer_abort(&outbox->producers[producer]);
}

static void outbox_set_group_metadata(void *self, const void *group_metadata)
{
    struct sim_outbox *outbox = self;
    outbox->has_metadata = group_metadata != NULL;
    if (group_metadata != NULL)
        outbox->metadata = *(const struct group_identity *)group_metadata;
}

static bool outbox_poll(void *self, int producer, struct outbox_result *result)
{
    struct sim_outbox *outbox = self;
    return sim_producer_poll(&outbox->producers[producer], result);
}

static void outbox_wait(void *self, int timeout_ms)
{
    struct sim_outbox *outbox = self;
    struct world *world = outbox->cluster->world;
    int64_t until_us = world->now_us + timeout_ms * MS;
    process_step(outbox->process, 2);
    while (!outbox->changed && world->now_us < until_us)
        (void)task_wait(outbox->task, until_us);
    outbox->changed = false;
}

static struct span outbox_ids(void *self)
{
    const struct sim_outbox *outbox = self;
    return outbox->ids;
}

/* ---- fencing ---- */

struct fence {
    struct sim_outbox *outbox;
    struct span id;
    int tries;
};

static void fence_try(void *self)
{
    struct fence *fence = self;
    struct sim_outbox *outbox = fence->outbox;
    struct world *world = outbox->cluster->world;
    int64_t epoch;
    if (world_broker_is_away(world)) {
        world_call(world, 100 * MS, outbox->process, fence_try, fence);
        return;
    }
    struct transactional *t = broker_transactional(&outbox->cluster->broker, fence->id);
    if (transactional_init(t, &epoch) == BROKER_BUSY && ++fence->tries < 100)
        world_call(world, 100 * MS, outbox->process, fence_try, fence);
    else
        outbox->fencing--;
}

static void outbox_fence(void *self, struct span ids)
{
    struct sim_outbox *outbox = self;
    struct world *world = outbox->cluster->world;
    process_step(outbox->process, 5);
    assert(!span_equal(ids, outbox->ids));
    for (size_t from = 0, to; from < ids.size; from = to + 1) {
        for (to = from; to < ids.size && ids.data[to] != ' '; to++) {
        }
        struct fence *fence = ARENA_NEW(&world->arena, struct fence);
        *fence = (struct fence){outbox, arena_copy(&world->arena, span_slice(ids, from, to)), 0};
        outbox->fencing++;
        world_call(world, world_latency(world, 5 * MS), outbox->process, fence_try, fence);
    }
}

static bool outbox_fencing(void *self)
{
    const struct sim_outbox *outbox = self;
    return outbox->fencing != 0;
}

/* ---- what goes without a transaction ---- */

static void note_acknowledged(void *self)
{
    const struct note *note = self;
    note->outbox->notes--;
    task_wake(note->outbox->task, 0);
}

/* On the broker. */
static void note_arrives(void *self)
{
    const struct note *note = self;
    struct sim_outbox *outbox = note->outbox;
    struct world *world = outbox->cluster->world;
    if (!outbox->process->alive && world_chance(world, 500))
        return; /* it had not left the process when that died */
    struct sim_record record = sim_record_of(outbox->cluster, &note->record);
    struct sim_log *log = cluster_log(outbox->cluster, note->record.topic, note->record.partition);
    int64_t offset = sim_log_append(log, &record);
    world_trace(world, "process %d: %s[%d] %ld", outbox->process->number, log->name, log->partition,
                (long)offset);
    int64_t delay_us = world_latency(world, MS);
    if (world_strikes(world, FAULT_NOTES_SLOW, 10))
        delay_us = world_between(world, 0, 4 * SECOND);
    world_answer(world, delay_us, outbox->process, note_acknowledged, self);
}

static void outbox_note(void *self, const struct outbox_record *record)
{
    struct sim_outbox *outbox = self;
    struct world *world = outbox->cluster->world;
    process_step(outbox->process, 5);
    struct note *note = ARENA_NEW(&world->arena, struct note);
    *note = (struct note){outbox, sim_record_copy(outbox->cluster, record)};
    outbox->notes++;
    int64_t at_us = world->now_us + world_latency(world, MS);
    if (world_strikes(world, FAULT_NOTES_SLOW, 10))
        at_us += world_between(world, 0, 4 * SECOND);
    if (at_us < outbox->notes_busy_until_us)
        at_us = outbox->notes_busy_until_us;
    outbox->notes_busy_until_us = at_us;
    world_ask(world, at_us - world->now_us, note_arrives, note);
}

static enum err outbox_notes_flush(void *self, int timeout_ms)
{
    struct sim_outbox *outbox = self;
    struct world *world = outbox->cluster->world;
    int64_t until_us = world->now_us + timeout_ms * MS;
    process_step(outbox->process, 5);
    while (outbox->notes != 0 && world->now_us < until_us)
        (void)task_wait(outbox->task, until_us);
    return outbox->notes == 0 ? ERR_OK : ERR_TIMEOUT;
}

struct outbox_port sim_outbox_port(struct sim_outbox *outbox)
{
    return (struct outbox_port){
        .self = outbox,
        .producers = PRODUCERS,
        .ready = outbox_ready,
        .begin = outbox_begin,
        .produce = outbox_produce,
        .commit = outbox_commit,
        .abort = outbox_abort,
        .set_group_metadata = outbox_set_group_metadata,
        .poll = outbox_poll,
        .wait = outbox_wait,
        .ids = outbox_ids,
        .fence = outbox_fence,
        .fencing = outbox_fencing,
        .note = outbox_note,
        .notes_flush = outbox_notes_flush,
    };
}
