#include "sim/sim_journal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sim/start.h"

enum part_state { PART_ABSENT, PART_IDLE, PART_READING };

struct part {
    enum part_state state;
    bool paused;
    int64_t position;
    int64_t fetched_until; /* the last stable offset as of the last fetch */
    int64_t end_told;      /* offset of the last END; -1 */
    int64_t fetch_not_before_us;
};

struct answer {
    struct sim_journal *journal;
    struct journal_event event;
    struct answer *next;
};

struct sim_journal {
    struct process *process;
    struct cluster *cluster;
    struct task *task;
    struct group_client client;
    struct group_identity metadata; /* as of the last event handed out */
    bool has_metadata;
    struct part parts[JOURNAL_MAX];
    struct answer *answers; /* oldest first */
    int32_t handed_out[JOURNAL_MAX];
    bool woken;
};

static void notify(void *self)
{
    sim_journal_wake(self);
}

void sim_journal_wake(struct sim_journal *journal)
{
    journal->woken = true;
    if (journal->task != NULL)
        task_wake(journal->task, 0);
}

static void grown(void *self, struct sim_log *log)
{
    struct sim_journal *j = self;
    struct cluster *cluster = j->cluster;
    if (log < cluster->journal || log >= cluster->journal + JOURNAL_MAX || j->task == NULL ||
        j->parts[log->partition].state != PART_READING)
        return;
    int64_t delay_us = j->parts[log->partition].fetch_not_before_us - cluster->world->now_us;
    task_wake(j->task, delay_us > 0 ? delay_us : world_latency(cluster->world, MS));
}

struct sim_journal *sim_journal_open(struct process *process, struct cluster *cluster)
{
    struct sim_journal *j = ARENA_NEW(&cluster->world->arena, struct sim_journal);
    j->process = process;
    j->cluster = cluster;
    cluster_watch(cluster, process, grown, j);
    client_open(&j->client, process, &cluster->engines, notify, j);
    return j;
}

void sim_journal_bind(struct sim_journal *journal, struct task *task)
{
    journal->task = task;
}

/* ---- records ---- */

/* A fetch brings what is stable at this moment; the next one takes its time. */
static void fetch(struct sim_journal *j, int32_t partition)
{
    struct world *world = j->cluster->world;
    struct part *part = &j->parts[partition];
    struct sim_log *log = &j->cluster->journal[partition];
    if (world->now_us < part->fetch_not_before_us)
        return;
    if (world_broker_is_away(world)) {
        part->fetch_not_before_us = world->broker->frozen_until_us + world_latency(world, 20 * MS);
        return;
    }
    if ((int64_t)log->stable <= part->fetched_until && part->end_told == part->position)
        return;
    part->fetched_until = (int64_t)log->stable;
    part->fetch_not_before_us = world->now_us + world_latency(world, 2 * MS);
    if (world_strikes(world, FAULT_FETCH_SLOW, 30))
        part->fetch_not_before_us = world->now_us + world_between(world, 0, 4 * SECOND);
}

static void record_give(struct sim_journal *j, int32_t partition, struct journal_event *event)
{
    struct part *part = &j->parts[partition];
    const struct sim_record *record = &j->cluster->journal[partition].records[part->position];
    /* A copy of its own, so that who keeps a span beyond `release` is found out. */
    char *copy = malloc(record->value.size + 1);
    if (copy == NULL)
        memory_exhausted();
    memcpy(copy, record->value.data, record->value.size);
    *event = (struct journal_event){.kind = JOURNAL_RECORD,
                                    .partition = partition,
                                    .offset = part->position,
                                    .append_ms = record->append_ms,
                                    .value = span_make(copy, record->value.size),
                                    .record = copy};
    part->position++;
}

static bool part_give(struct sim_journal *j, int32_t partition, struct journal_event *event)
{
    struct part *part = &j->parts[partition];
    const struct sim_log *log = &j->cluster->journal[partition];
    if (part->state != PART_READING || part->paused)
        return false;
    if (part->position > (int64_t)log->count || part->position < log->start) {
        part->state = PART_IDLE;
        *event = (struct journal_event){.kind = JOURNAL_RANGE, .partition = partition};
        return true;
    }
    fetch(j, partition);
    while (part->position < part->fetched_until && log->records[part->position].state != RECORD_COMMITTED)
        part->position++;
    if (part->position < part->fetched_until) {
        record_give(j, partition, event);
        return true;
    }
    if (part->position != part->fetched_until || part->end_told == part->position)
        return false;
    part->end_told = part->position;
    *event = (struct journal_event){.kind = JOURNAL_END, .partition = partition, .offset = part->position};
    return true;
}

static bool record_hand_out(struct sim_journal *j, struct journal_event *event)
{
    int count = j->cluster->journal_partitions;
    int first = (int)world_below(j->cluster->world, count);
    for (int i = 0; i < count; i++)
        if (part_give(j, (first + i) % count, event))
            return true;
    return false;
}

/* ---- rebalances ---- */

static bool rebalance_hand_out(struct sim_journal *j, struct journal_event *event)
{
    struct client_event told;
    if (!client_hand_out(&j->client, &told))
        return false;
    j->metadata = j->client.identity;
    j->has_metadata = j->metadata.generation >= 0;
    size_t count = 0;
    for (int32_t p = 0; p < j->cluster->journal_partitions; p++)
        if ((told.set >> p & 1) != 0) {
            j->handed_out[count++] = p;
            if (told.kind == CLIENT_ASSIGNED)
                j->parts[p] = (struct part){.state = PART_IDLE};
        }
    static const enum journal_event_kind kinds[] = {[CLIENT_ASSIGNED] = JOURNAL_ASSIGNED,
                                                    [CLIENT_REVOKED] = JOURNAL_REVOKED,
                                                    [CLIENT_LOST] = JOURNAL_LOST};
    *event = (struct journal_event){.kind = kinds[told.kind], .partitions = j->handed_out, .count = count};
    static const char *const names[] = {"assigned", "revoked", "lost"};
    world_trace(j->cluster->world, "process %d: %s %lx (generation %d)", j->process->number,
                names[told.kind], (unsigned long)told.set, j->metadata.generation);
    return true;
}

static void answer_standing(struct sim_journal *j)
{
    if (!j->client.standing)
        return;
    const struct client_event *standing = &j->client.queue[0];
    for (int32_t p = 0; p < j->cluster->journal_partitions; p++)
        if (standing->kind != CLIENT_ASSIGNED && (standing->set >> p & 1) != 0)
            j->parts[p].state = PART_ABSENT;
    client_served(&j->client);
}

/* ---- the port ---- */

static int64_t next_fetch_us(const struct sim_journal *j, int64_t until_us)
{
    int64_t now_us = j->cluster->world->now_us;
    for (int32_t p = 0; p < j->cluster->journal_partitions; p++) {
        const struct part *part = &j->parts[p];
        bool more = (int64_t)j->cluster->journal[p].stable > part->fetched_until ||
                    part->end_told != part->position;
        if (part->state == PART_READING && more && part->fetch_not_before_us > now_us &&
            part->fetch_not_before_us < until_us)
            until_us = part->fetch_not_before_us;
    }
    return until_us;
}

static bool hand_out(struct sim_journal *j, struct journal_event *event)
{
    if (j->answers != NULL) {
        *event = j->answers->event;
        j->answers = j->answers->next;
        return true;
    }
    bool records_first = world_chance(j->cluster->world, 500);
    return (records_first && record_hand_out(j, event)) || rebalance_hand_out(j, event) ||
           (!records_first && record_hand_out(j, event));
}

static enum err journal_poll(void *self, int timeout_ms, struct journal_event *event)
{
    struct sim_journal *j = self;
    struct world *world = j->cluster->world;
    answer_standing(j);
    process_step(j->process, 1);
    task_sleep(j->task, 20);
    int64_t until_us = world->now_us + timeout_ms * MS;
    *event = (struct journal_event){.kind = JOURNAL_NOTHING};
    while (!hand_out(j, event)) {
        if (world->now_us >= until_us || j->woken)
            break;
        (void)task_wait(j->task, next_fetch_us(j, until_us));
    }
    j->woken = false;
    return ERR_OK;
}

static void journal_release(void *self, void *record)
{
    (void)self;
    char *copy = record;
    copy[0] = (char)0xEE; /* an unknown version, for who reads on */
    free(copy);
}

static enum err journal_start(void *self, int32_t partition, int64_t offset)
{
    struct sim_journal *j = self;
    process_step(j->process, 5);
    assert(offset >= 0);
    struct part *part = &j->parts[partition];
    if (part->state == PART_ABSENT)
        return ERR_NOT_FOUND;
    *part = (struct part){.state = PART_READING,
                          .position = offset,
                          .fetched_until = offset,
                          .end_told = -1,
                          .fetch_not_before_us =
                              j->cluster->world->now_us + world_latency(j->cluster->world, MS)};
    return ERR_OK;
}

static void journal_pause(void *self, int32_t partition)
{
    struct sim_journal *j = self;
    j->parts[partition].paused = true;
}

static void journal_resume(void *self, int32_t partition)
{
    struct sim_journal *j = self;
    j->parts[partition].paused = false;
}

/* ---- watermarks ---- */

static void answer_arrives(void *self)
{
    struct answer *answer = self;
    struct answer **last = &answer->journal->answers;
    while (*last != NULL)
        last = &(*last)->next;
    *last = answer;
    sim_journal_wake(answer->journal);
}

/* On the broker. */
static void watermark(void *self)
{
    struct answer *answer = self;
    struct journal_event *event = &answer->event;
    const struct sim_log *log = &answer->journal->cluster->journal[event->partition];
    struct world *world = log->world;
    event->offset = (int64_t)log->count;
    event->low = log->start;
    if (event->last_stable >= 0)
        event->last_stable = (int64_t)log->stable;
    int64_t delay_us = world_latency(world, MS);
    if (world_strikes(world, FAULT_MARK_SLOW, 8))
        delay_us = world_between(world, 0, 4 * SECOND);
    if (!world_strikes(world, FAULT_MARK_SLOW, 16))
        world_answer(world, delay_us, answer->journal->process, answer_arrives, answer);
}

static void journal_watermark_request(void *self, const int32_t *partitions, size_t count,
                                      bool with_last_stable, int64_t tag_ms)
{
    struct sim_journal *j = self;
    struct world *world = j->cluster->world;
    process_step(j->process, 3);
    for (size_t i = 0; i < count; i++) {
        struct answer *answer = ARENA_NEW(&world->arena, struct answer);
        answer->journal = j;
        answer->event = (struct journal_event){.kind = JOURNAL_WATERMARK,
                                               .partition = partitions[i],
                                               .last_stable = with_last_stable ? 0 : -1,
                                               .requested_ms = tag_ms};
        world_ask(world, world_latency(world, MS), watermark, answer);
    }
}

/* ---- trimming ---- */

/* On the broker. */
static void trim(void *self)
{
    struct answer *answer = self;
    struct sim_log *log = &answer->journal->cluster->journal[answer->event.partition];
    if (answer->event.low > log->start) {
        log->start = answer->event.low;
        world_trace(log->world, "%s[%d] is trimmed to %ld", log->name, log->partition, (long)log->start);
    }
    answer->event.low = log->start;
    world_call(log->world, world_latency(log->world, MS), answer->journal->process, answer_arrives, answer);
}

/* Goes to the broker by itself, so that one of a process that has lost the partition comes late. */
static void journal_trim(void *self, int32_t partition, int64_t offset)
{
    struct sim_journal *j = self;
    struct world *world = j->cluster->world;
    struct answer *answer = ARENA_NEW(&world->arena, struct answer);
    process_step(j->process, 3);
    answer->journal = j;
    answer->event = (struct journal_event){.kind = JOURNAL_TRIMMED, .partition = partition, .low = offset};
    int64_t delay_us = world_latency(world, MS);
    if (world_strikes(world, FAULT_MARK_SLOW, 4))
        delay_us = world_between(world, 0, 10 * SECOND);
    world_call(world, delay_us, NULL, trim, answer);
}

static int64_t journal_committed(void *self, int32_t partition)
{
    struct sim_journal *j = self;
    struct world *world = j->cluster->world;
    const int64_t *place = &j->cluster->engines.offsets[partition].offset;
    process_step(j->process, 5);
    task_sleep(j->task, world_latency(world, MS));
    if (world_broker_is_away(world) || broker_is_pending(&j->cluster->broker, place))
        return -1;
    return *place;
}

static const void *journal_group_metadata(void *self)
{
    const struct sim_journal *j = self;
    return j->has_metadata ? &j->metadata : NULL;
}

static void journal_close(void *self)
{
    struct sim_journal *j = self;
    client_close(&j->client);
}

static bool journal_closed(void *self)
{
    const struct sim_journal *j = self;
    return j->client.closed;
}

struct journal_port sim_journal_port(struct sim_journal *journal)
{
    return (struct journal_port){
        .self = journal,
        .poll = journal_poll,
        .release = journal_release,
        .start = journal_start,
        .pause = journal_pause,
        .resume = journal_resume,
        .watermark_request = journal_watermark_request,
        .trim = journal_trim,
        .committed = journal_committed,
        .group_metadata = journal_group_metadata,
        .close = journal_close,
        .closed = journal_closed,
    };
}
