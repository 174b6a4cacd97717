/* A small world for tests of intake: source partitions, the journal, the dead letters and the group's
 * offsets, all in memory, with ports over them that can refuse, delay, lose and crash.
 *
 * One `struct world` outlives the intakes: it holds what brokers hold. One `struct process` is one intake's
 * connection to it. Records under way when a process crashes may still be written, also later than what
 * its successor writes.
 */
#ifndef DECLIC_TESTS_INTAKE_WORLD_H
#define DECLIC_TESTS_INTAKE_WORLD_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/intake.h"
#include "codec/journal.h"

enum { WORLD_SOURCES = 2, WORLD_JOURNAL = 3, WORLD_QUEUE = 4096 };

struct world_record {
    const char *key, *value; /* NULL: null */
    int64_t timestamp_ms;
};

struct world_source {
    struct world_record *records;
    size_t count;
    int64_t low;
    int64_t committed; /* -1: none */
    char metadata[64];
    size_t metadata_bytes;
};

struct world_written {
    enum appender_target target;
    int32_t partition;
    char *value;
    size_t size;
    char *key;
    char headers[2048]; /* name=value lines */
    bool has_value;
};

struct world {
    struct world_source sources[WORLD_SOURCES];
    struct world_written *log; /* blocks and dead letters, as they became durable */
    size_t count, capacity;
    int64_t now_ms;
    uint64_t random;
    const char *wanted[8]; /* event names that something needs */
    const char *wanted_thing;
    uint64_t asked, passed;
    bool sieve_stuck;
};

struct process {
    struct world *world;
    bool assigned, served, started[WORLD_SOURCES], closing, closed, revoke, lost, zombie;
    bool standing, assign_next;
    int64_t next[WORLD_SOURCES];
    struct world_written *queue; /* appended, not yet durable */
    uint64_t cookies[WORLD_QUEUE];
    size_t queued;
    struct source_assignment assignments[WORLD_SOURCES];
    struct source_message messages[64];
    struct {
        bool waiting;
        uint64_t tag;
        int64_t offsets[WORLD_SOURCES];
        char metadata[WORLD_SOURCES][64];
    } commit;
    /* What it may do, by chance (percent) or at all. */
    unsigned commit_fails, append_fails;
    bool hold_acks, hold_commits;
    size_t max_batch;
    struct interest *interest;
};

static inline unsigned world_chance(struct world *world)
{
    world->random = world->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(world->random >> 33) % 100;
}

static inline void world_put(struct world *world, int source, const char *key, const char *value)
{
    struct world_source *s = &world->sources[source];
    s->records = realloc(s->records, (s->count + 1) * sizeof(*s->records));
    s->records[s->count++] = (struct world_record){key == NULL ? NULL : strdup(key),
                                                   value == NULL ? NULL : strdup(value), world->now_ms};
}

static inline void world_init(struct world *world, uint64_t seed)
{
    *world = (struct world){.now_ms = 1800000000000, .random = seed * 2654435761u + 1};
    for (int i = 0; i < WORLD_SOURCES; i++)
        world->sources[i].committed = -1;
}

/* The topic is deleted and made again: its log begins at 0 and is empty. */
static inline void world_make_anew(struct world_source *source)
{
    for (size_t r = 0; r < source->count; r++) {
        free((void *)(uintptr_t)source->records[r].key);
        free((void *)(uintptr_t)source->records[r].value);
    }
    source->count = 0;
    source->low = 0;
}

static inline void written_free(struct world_written *written)
{
    free(written->value);
    free(written->key);
}

static inline void world_free(struct world *world)
{
    for (int i = 0; i < WORLD_SOURCES; i++) {
        world_make_anew(&world->sources[i]);
        free(world->sources[i].records);
    }
    for (size_t i = 0; i < world->count; i++)
        written_free(&world->log[i]);
    free(world->log);
}

static inline void world_make_durable(struct world *world, struct world_written written)
{
    if (world->count == world->capacity) {
        world->capacity = world->capacity * 2 + 64;
        world->log = realloc(world->log, world->capacity * sizeof(*world->log));
    }
    world->log[world->count++] = written;
}

/* ---- the source port ---- */

static inline void process_answer_commit(struct process *p, struct source_event *event)
{
    bool fails = world_chance(p->world) < p->commit_fails || p->zombie;
    for (int i = 0; i < WORLD_SOURCES && !fails; i++) {
        if (p->commit.offsets[i] < 0)
            continue;
        p->world->sources[i].committed = p->commit.offsets[i];
        p->world->sources[i].metadata_bytes = strlen(p->commit.metadata[i]);
        memcpy(p->world->sources[i].metadata, p->commit.metadata[i], p->world->sources[i].metadata_bytes);
    }
    *event = (struct source_event){
        .kind = SOURCE_COMMITTED, .tag = p->commit.tag, .error = fails ? ERR_CONFLICT : ERR_OK};
    p->commit.waiting = false;
}

static inline void process_hand_out_assignment(struct process *p, struct source_event *event)
{
    for (int i = 0; i < WORLD_SOURCES; i++) {
        struct world_source *s = &p->world->sources[i];
        int64_t high = s->low + (int64_t)s->count;
        bool inside = s->committed >= s->low && s->committed <= high;
        p->assignments[i] =
            (struct source_assignment){.topic = 0,
                                       .partition = i,
                                       .committed = s->committed,
                                       .metadata = span_make(s->metadata, s->metadata_bytes),
                                       .low = s->low,
                                       .high = high,
                                       .start = inside ? s->committed : s->low};
        p->next[i] = p->assignments[i].start;
    }
    *event = (struct source_event){
        .kind = SOURCE_ASSIGNED, .assignments = p->assignments, .count = WORLD_SOURCES};
    p->standing = p->assigned = p->assign_next = true;
}

static inline void process_hand_out_records(struct process *p, struct source_event *event)
{
    size_t count = 0;
    for (int i = 0; i < WORLD_SOURCES; i++) {
        struct world_source *s = &p->world->sources[i];
        size_t most = p->max_batch > 0 ? p->max_batch : 1 + world_chance(p->world) % 20;
        for (size_t k = 0; p->started[i] && k < most && count < 64; k++) {
            size_t at = (size_t)(p->next[i] - s->low);
            if (at >= s->count)
                break;
            const struct world_record *record = &s->records[at];
            p->messages[count++] = (struct source_message){
                .topic = 0,
                .partition = i,
                .offset = p->next[i]++,
                .timestamp_ms = record->timestamp_ms,
                .has_key = record->key != NULL,
                .has_value = record->value != NULL,
                .key = record->key == NULL ? (struct span){0} : span_from_text(record->key),
                .value = record->value == NULL ? (struct span){0} : span_from_text(record->value)};
        }
    }
    if (count == 0)
        return;
    struct source_message *copy = malloc(count * sizeof(*copy));
    memcpy(copy, p->messages, count * sizeof(*copy));
    *event = (struct source_event){.kind = SOURCE_RECORDS, .messages = copy, .count = count, .batch = copy};
}

static inline enum err process_poll(void *self, int timeout_ms, bool wanted, struct source_event *event)
{
    struct process *p = self;
    (void)timeout_ms;
    *event = (struct source_event){.kind = SOURCE_NOTHING};
    if (!p->standing && !p->assigned && !p->closing) {
        process_hand_out_assignment(p, event);
    } else if (!p->standing && p->assigned && (p->closing || p->revoke || p->lost)) {
        for (int i = 0; i < WORLD_SOURCES; i++)
            p->assignments[i] = (struct source_assignment){.topic = 0, .partition = i};
        *event = (struct source_event){.kind = p->lost ? SOURCE_LOST : SOURCE_REVOKED,
                                       .assignments = p->assignments,
                                       .count = WORLD_SOURCES};
        p->standing = true;
        p->assign_next = p->revoke = p->lost = false;
    } else if (p->commit.waiting && !p->hold_commits) {
        process_answer_commit(p, event);
    } else if (wanted) {
        process_hand_out_records(p, event);
    }
    return ERR_OK;
}

static inline void process_served(void *self)
{
    struct process *p = self;
    assert(p->standing);
    p->standing = false;
    if (!p->assign_next) {
        p->assigned = false;
        memset(p->started, 0, sizeof(p->started));
    }
    memset(p->assignments, 0xEE, sizeof(p->assignments)); /* not to be looked at any more */
}

static inline void process_start(void *self, uint32_t topic, int32_t partition)
{
    (void)topic;
    ((struct process *)self)->started[partition] = true;
}

static inline void process_commit(void *self, const struct source_commit *commits, size_t count,
                                  uint64_t tag)
{
    struct process *p = self;
    assert(!p->commit.waiting && count > 0);
    p->commit.waiting = true;
    p->commit.tag = tag;
    for (int i = 0; i < WORLD_SOURCES; i++)
        p->commit.offsets[i] = -1;
    for (size_t i = 0; i < count; i++) {
        p->commit.offsets[commits[i].partition] = commits[i].offset;
        snprintf(p->commit.metadata[commits[i].partition], 64, "%.*s", SPAN_PRINTF(commits[i].metadata));
    }
}

static inline void process_release(void *self, void *batch)
{
    (void)self;
    free(batch);
}

static inline void process_close(void *self)
{
    ((struct process *)self)->closing = true;
}

static inline bool process_closed(void *self)
{
    struct process *p = self;
    return p->closing && !p->assigned && !p->standing;
}

/* ---- the appender port ---- */

static inline enum err process_append(void *self, const struct appender_record *record)
{
    struct process *p = self;
    assert(p->queued < WORLD_QUEUE);
    if (p->queue == NULL)
        p->queue = calloc(WORLD_QUEUE, sizeof(*p->queue));
    struct world_written *w = &p->queue[p->queued];
    *w = (struct world_written){
        .target = record->target, .partition = record->partition, .has_value = record->has_value};
    w->value = malloc(record->value.size + 1);
    memcpy(w->value, record->value.data == NULL ? "" : record->value.data, record->value.size);
    w->size = record->value.size;
    w->key = record->has_key ? strndup(record->key.data, record->key.size) : NULL;
    for (size_t i = 0; i < record->header_count; i++) {
        size_t at = strlen(w->headers);
        snprintf(w->headers + at, sizeof(w->headers) - at, "%.*s=%.*s\n",
                 SPAN_PRINTF(record->headers[i].name), SPAN_PRINTF(record->headers[i].value));
    }
    p->cookies[p->queued++] = record->cookie;
    return ERR_OK;
}

static inline size_t process_reports(void *self, struct appender_report *reports, size_t capacity)
{
    struct process *p = self;
    size_t done = 0;
    if (p->hold_acks)
        return 0;
    while (done < p->queued && done < capacity && world_chance(p->world) < 80) {
        bool fails = world_chance(p->world) < p->append_fails;
        reports[done] = (struct appender_report){fails ? ERR_REFUSED : ERR_OK, p->cookies[done]};
        if (fails)
            written_free(&p->queue[done]);
        else
            world_make_durable(p->world, p->queue[done]);
        done++;
    }
    p->queued -= done;
    if (done > 0) {
        memmove(p->queue, p->queue + done, p->queued * sizeof(*p->queue));
        memmove(p->cookies, p->cookies + done, p->queued * sizeof(*p->cookies));
    }
    return done;
}

static inline struct span process_trouble(void *self)
{
    (void)self;
    return SPAN_LITERAL("the broker said no");
}

/* What was under way when the process ended: of each, whether it is written after all is chance. */
static inline void process_crash(struct process *p)
{
    for (size_t i = 0; i < p->queued; i++) {
        if (world_chance(p->world) < 50)
            world_make_durable(p->world, p->queue[i]);
        else
            written_free(&p->queue[i]);
    }
    p->queued = 0;
    free(p->queue);
    p->queue = NULL;
    interest_free(p->interest);
    p->interest = NULL;
}

/* ---- the sieve and the clock ---- */

static inline uint64_t process_ask(void *self)
{
    struct process *p = self;
    uint64_t ticket = ++p->world->asked;
    if (!p->world->sieve_stuck)
        p->world->passed = ticket;
    return ticket;
}

static inline bool process_passed(void *self, uint64_t ticket)
{
    return ((struct process *)self)->world->passed >= ticket;
}

static inline const struct interest *process_acquire(void *self, void **hold)
{
    struct process *p = self;
    *hold = NULL;
    interest_free(p->interest);
    p->interest = interest_new();
    struct trigger triggers[9] = {0};
    struct campaign campaign = {.triggers = triggers};
    for (size_t i = 0; i < 8 && p->world->wanted[i] != NULL; i++)
        triggers[campaign.trigger_count++].event = span_from_text(p->world->wanted[i]);
    if (p->world->wanted_thing != NULL)
        triggers[campaign.trigger_count++] =
            (struct trigger){.kind = TRIGGER_THING, .event = span_from_text(p->world->wanted_thing)};
    interest_add_campaign(p->interest, &campaign);
    return p->interest;
}

static inline void process_release_interest(void *self, void *hold)
{
    (void)self;
    (void)hold;
}

static inline int64_t process_now(void *self)
{
    return ((struct process *)self)->world->now_ms;
}

static inline struct intake_ports process_ports(struct process *p)
{
    return (struct intake_ports){
        .source = {p, process_poll, process_release, process_served, process_start, process_commit,
                   process_close, process_closed},
        .appender = {p, process_append, process_reports, process_trouble},
        .interest = {p, process_ask, process_passed, process_acquire, process_release_interest},
        .clock = {p, process_now, process_now}};
}

#endif
