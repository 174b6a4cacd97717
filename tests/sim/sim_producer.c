#include "sim/sim_producer.h"

#include <assert.h>
#include <stdlib.h>

#define CLIENT_GIVES_UP_US (5 * SECOND)
#define SOCKET_TIMEOUT_US (2500 * MS)

struct outbox_record sim_record_copy(struct cluster *cluster, const struct outbox_record *record)
{
    struct arena *arena = &cluster->world->arena;
    struct outbox_record copy = *record;
    struct outbox_header *headers = ARENA_ARRAY(arena, struct outbox_header, record->header_count);
    copy.topic = arena_copy(arena, record->topic);
    copy.key = arena_copy(arena, record->key);
    copy.value = arena_copy(arena, record->value);
    for (size_t i = 0; i < record->header_count; i++)
        headers[i] =
            (struct outbox_header){record->headers[i].name, arena_copy(arena, record->headers[i].value)};
    copy.headers = headers;
    return copy;
}

struct sim_record sim_record_of(struct cluster *cluster, const struct outbox_record *record)
{
    struct arena *arena = &cluster->world->arena;
    struct sim_header *headers = ARENA_ARRAY(arena, struct sim_header, record->header_count);
    for (size_t i = 0; i < record->header_count; i++)
        headers[i] = (struct sim_header){span_from_text(record->headers[i].name), record->headers[i].value};
    return (struct sim_record){.key = record->key,
                               .value = record->value,
                               .headers = headers,
                               .header_count = record->header_count};
}

/* ---- requests and answers ---- */

/* A request on its way to the broker, and its answer on the way back. */
struct request {
    struct sim_producer *p;
    uint64_t client, transaction;
    int64_t epoch;
    struct sim_message *messages; /* a produce request's */
    struct sim_log *log;          /* likewise */
    bool commit;                  /* an EndTxn's */
    enum broker_answer answer;
    bool lost; /* the answer does not come; the client gives up after its time-out */
};

static struct request *request_new(struct sim_producer *p)
{
    struct request *request = ARENA_NEW(&p->cluster->world->arena, struct request);
    *request =
        (struct request){.p = p, .client = p->client, .transaction = p->transaction, .epoch = p->epoch};
    return request;
}

/* For a client that is still there and still in that transaction. */
static bool is_current(const struct request *request)
{
    return request->client == request->p->client && request->transaction == request->p->transaction;
}

static void answer_later(struct request *request, void (*call)(void *self))
{
    struct world *world = request->p->cluster->world;
    world_answer(world, world_latency(world, MS), request->p->process, call, request);
}

static void fail(struct sim_producer *p, const char *why)
{
    if (p->failed)
        return;
    p->failed = true;
    p->text = why;
}

/* ---- clients ---- */

static void publish(struct sim_producer *p)
{
    struct world *world = p->cluster->world;
    static const char *const names[] = {"committed", "aborted", "unknown"};
    world_trace(world, "%.*s: %s%s%s", SPAN_PRINTF(p->t->id), names[p->outcome],
                p->text == NULL ? "" : ": ", p->text == NULL ? "" : p->text);
    p->phase = PRODUCER_DONE;
    p->undecided = false;
    p->ended_us = world->now_us;
    p->changed(p->self);
}

static void init_answered(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    if (request->client != p->client)
        return;
    p->initialised = true;
    p->renewing = false;
    p->epoch = request->epoch;
    if (p->undecided)
        publish(p);
    else
        p->changed(p->self);
}

static void init_arrives(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    if (request->client != p->client)
        return;
    if (!world_broker_is_away(p->cluster->world) && transactional_init(p->t, &request->epoch) == BROKER_OK)
        answer_later(request, init_answered);
    else
        world_call(p->cluster->world, 50 * MS, p->process, init_arrives, request);
}

static void renew(struct sim_producer *p)
{
    p->initialised = false;
    p->renewing = true;
    p->client++;
    struct request *request = request_new(p);
    world_call(p->cluster->world, world_latency(p->cluster->world, 5 * MS), p->process, init_arrives,
               request);
}

void sim_producer_open(struct sim_producer *p, struct process *process, struct cluster *cluster,
                       struct span id, void (*changed)(void *self), void *self)
{
    *p = (struct sim_producer){.process = process,
                               .cluster = cluster,
                               .t = broker_transactional(&cluster->broker, id),
                               .changed = changed,
                               .self = self};
    renew(p);
}

/* ---- the end of a transaction ---- */

static void decide(struct sim_producer *p, enum outbox_outcome outcome, bool doubtful)
{
    p->outcome = outcome;
    if (outcome == OUTBOX_UNKNOWN) {
        p->undecided = true;
        renew(p);
        return;
    }
    publish(p);
    if (doubtful)
        renew(p);
}

static void end_answered(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    if (!is_current(request) || p->phase != PRODUCER_ENDING)
        return;
    bool slow = p->cluster->world->now_us - p->ended_us > SOCKET_TIMEOUT_US;
    if (request->answer == BROKER_OK) {
        decide(p, request->commit ? OUTBOX_COMMITTED : OUTBOX_ABORTED, slow || request->lost);
        return;
    }
    fail(p, request->answer == BROKER_FENCED ? "fenced" : "the coordinator refused");
    decide(p, OUTBOX_UNKNOWN, true);
}

static void end_arrives(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    request->answer = transactional_end(p->t, request->epoch, request->commit);
    world_trace(p->cluster->world, "%.*s: EndTxn(%s) is %s", SPAN_PRINTF(p->t->id),
                request->commit ? "commit" : "abort",
                request->answer == BROKER_OK       ? "taken"
                : request->answer == BROKER_FENCED ? "fenced"
                                                   : "refused");
    struct world *world = p->cluster->world;
    int64_t delay_us = world_latency(world, MS);
    if (world_strikes(world, FAULT_END_SLOW, 6))
        delay_us = world_between(world, 0, 4 * SECOND);
    world_answer(world, delay_us, p->process, end_answered, request);
}

/* A second copy of an EndTxn whose answer the client has, or waits for no more. */
static void end_arrives_again(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    enum broker_answer answer = transactional_end(p->t, request->epoch, request->commit);
    world_trace(p->cluster->world, "%.*s: a late EndTxn(%s) is %s", SPAN_PRINTF(p->t->id),
                request->commit ? "commit" : "abort", answer == BROKER_OK ? "taken" : "refused");
}

static void gave_up(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    if (!is_current(request) || p->phase != PRODUCER_ENDING)
        return;
    fail(p, "no answer to EndTxn");
    decide(p, OUTBOX_UNKNOWN, true);
}

static void send_end(struct sim_producer *p, bool commit)
{
    struct world *world = p->cluster->world;
    struct request *request = request_new(p);
    request->commit = commit;
    p->phase = PRODUCER_ENDING;
    p->ended_us = world->now_us;
    if (world_strikes(world, FAULT_END_LOST, 6)) {
        world_call(world, CLIENT_GIVES_UP_US, p->process, gave_up, request);
    } else if (world_strikes(world, FAULT_END_UNANSWERED, 6)) {
        world_ask(world, world_latency(world, MS), end_arrives_again, request);
        if (world_chance(world, 500)) { /* the client sends it once more, and hears of that */
            int64_t delay_us = world_between(world, 10 * MS, SOCKET_TIMEOUT_US);
            request->lost = true;
            if (world_strikes(world, FAULT_FENCED, 2))
                transactional_fence(p->t, world_below(world, delay_us));
            world_ask(world, delay_us, end_arrives, request);
            world_call(world, CLIENT_GIVES_UP_US, p->process, gave_up, request);
        } else {
            world_call(world, world_between(world, 10 * MS, CLIENT_GIVES_UP_US), p->process, gave_up,
                       request);
        }
    } else if (world_strikes(world, FAULT_END_LATE, 6)) {
        world_ask(world, world_between(world, 0, 8 * SECOND), end_arrives_again, request);
        world_call(world, world_between(world, 10 * MS, CLIENT_GIVES_UP_US), p->process, gave_up, request);
    } else if (world_strikes(world, FAULT_END_AGAIN, 6)) {
        request->lost = true; /* the first answer is lost, the client's own repetition succeeds */
        struct request *again = request_new(p);
        again->commit = commit;
        world_ask(world, world_latency(world, MS), end_arrives, request);
        world_ask(world, world_between(world, 0, SECOND), end_arrives_again, again);
    } else {
        world_ask(world, world_latency(world, MS), end_arrives, request);
        world_call(world, CLIENT_GIVES_UP_US, p->process, gave_up, request);
    }
}

/* ---- offsets ---- */

static void advance(struct sim_producer *p);

static void offsets_answered(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    if (!is_current(request) || p->phase != PRODUCER_OFFSETS)
        return;
    if (request->answer == BROKER_FENCED) {
        fail(p, "offsets: fenced");
        decide(p, OUTBOX_UNKNOWN, true);
        return;
    }
    if (request->answer != BROKER_OK)
        fail(p, "offsets: this member's generation is over");
    send_end(p, !p->failed && !p->abort_wanted);
}

static void offsets_arrive(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    request->answer = transactional_check(p->t, request->epoch);
    if (request->answer == BROKER_OK &&
        !group_knows(&p->cluster->engines, p->metadata.member, p->metadata.generation))
        request->answer = BROKER_REFUSED;
    for (size_t i = 0; request->answer == BROKER_OK && is_current(request) && i < p->head_count; i++)
        transactional_add_offset(p->t, &p->cluster->engines.offsets[p->heads[i].partition].offset,
                                 p->heads[i].offset);
    answer_later(request, offsets_answered);
}

static void offsets_gave_up(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    if (!is_current(request) || p->phase != PRODUCER_OFFSETS)
        return;
    fail(p, "offsets: no answer");
    send_end(p, false);
}

static void send_offsets(struct sim_producer *p)
{
    struct world *world = p->cluster->world;
    struct request *request = request_new(p);
    p->phase = PRODUCER_OFFSETS;
    world_ask(world, world_latency(world, MS), offsets_arrive, request);
    world_call(world, CLIENT_GIVES_UP_US, p->process, offsets_gave_up, request);
}

/* ---- records ---- */

/* Requests to one log keep their order (their sequence numbers see to it): one at a time. */
static bool is_on_the_way(const struct sim_producer *p, const struct sim_log *log)
{
    for (size_t i = 0; i < LOGS_MAX; i++)
        if (p->on_the_way[i] == log)
            return true;
    return false;
}

static struct sim_log *next_log(const struct sim_producer *p)
{
    for (const struct sim_message *m = p->waiting; m != NULL; m = m->next)
        if (!is_on_the_way(p, m->log))
            return m->log;
    return NULL;
}

static void set_on_the_way(struct sim_producer *p, const struct sim_log *from, struct sim_log *to)
{
    size_t i = 0;
    while (p->on_the_way[i] != from)
        i++;
    p->on_the_way[i] = to;
}

static void send_some(void *self);

static void send_soon(struct sim_producer *p)
{
    struct world *world = p->cluster->world;
    if (p->sending || p->waiting == NULL)
        return;
    p->sending = true;
    world_call(world, world_latency(world, MS), p->process, send_some, p);
}

static void produce_answered(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    if (!is_current(request))
        return;
    p->under_way--;
    set_on_the_way(p, request->log, NULL);
    send_soon(p);
    if (request->answer == BROKER_FENCED)
        p->fenced = true;
    else if (request->lost)
        request->answer = BROKER_REFUSED;
    if (request->answer != BROKER_OK)
        fail(p, request->answer == BROKER_FENCED ? "delivery: fenced" : "delivery: timed out");
    bool known = !world_strikes(p->cluster->world, FAULT_NO_OFFSET, 4);
    for (struct sim_message *m = request->messages; m != NULL && request->answer == BROKER_OK; m = m->next)
        if (m->cookie >= 0)
            p->offsets[m->cookie] = known ? m->offset : -1;
    advance(p);
}

/* All of a request goes to one log: it is taken whole or not at all. */
static void produce_arrives(void *self)
{
    struct request *request = self;
    struct sim_producer *p = request->p;
    struct world *world = p->cluster->world;
    for (struct sim_message *m = request->messages; m != NULL; m = m->next) {
        enum broker_answer answer =
            transactional_append(p->t, request->epoch, m->log, &m->record, &m->offset);
        if (answer == BROKER_BUSY) {
            world_ask(world, 20 * MS, produce_arrives, request);
            return;
        }
        if (answer != BROKER_OK) {
            request->answer = answer;
            break;
        }
        world_trace(world, "%.*s: %s[%d] %ld", SPAN_PRINTF(p->t->id), m->log->name, m->log->partition,
                    (long)m->offset);
    }
    answer_later(request, produce_answered);
}

/* The waiting messages of one log, as one request. */
static void send_some(void *self)
{
    struct sim_producer *p = self;
    struct world *world = p->cluster->world;
    struct sim_log *log = next_log(p);
    p->sending = false;
    if (log == NULL || p->renewing)
        return;
    struct request *request = request_new(p);
    struct sim_message **tail = &request->messages;
    request->log = log;
    set_on_the_way(p, NULL, log);
    for (struct sim_message **at = &p->waiting; *at != NULL;) {
        struct sim_message *m = *at;
        if (m->log != log) {
            at = &m->next;
            continue;
        }
        *at = m->next;
        m->next = NULL;
        *tail = m;
        tail = &m->next;
    }
    p->waiting_end = &p->waiting;
    while (*p->waiting_end != NULL)
        p->waiting_end = &(*p->waiting_end)->next;
    p->under_way++;
    int64_t delay_us = world_latency(world, 2 * MS);
    if (world_strikes(world, FAULT_PRODUCE_SLOW, 15))
        delay_us = world_between(world, 0, 4 * SECOND);
    request->lost = world_strikes(world, FAULT_PRODUCE_FAIL, 15);
    if (request->lost && world_chance(world, 500))
        world_call(world, delay_us, p->process, produce_answered, request);
    else
        world_ask(world, delay_us, produce_arrives, request);
    send_soon(p);
}

/* ---- the turn of the thread ---- */

static void advance(struct sim_producer *p)
{
    if (p->phase != PRODUCER_FLUSHING)
        return;
    bool give_up = p->failed || p->abort_wanted;
    if (give_up) {
        p->waiting = NULL;
        p->waiting_end = &p->waiting;
    }
    if (p->waiting != NULL || p->under_way != 0)
        return;
    if (p->fenced)
        decide(p, OUTBOX_UNKNOWN, true);
    else if (give_up)
        send_end(p, false);
    else
        send_offsets(p);
}

bool sim_producer_ready(const struct sim_producer *p)
{
    return p->initialised && p->phase == PRODUCER_NONE;
}

void sim_producer_begin(struct sim_producer *p, struct group_identity metadata)
{
    assert(sim_producer_ready(p));
    p->phase = PRODUCER_OPEN;
    p->transaction++;
    p->metadata = metadata;
    p->abort_wanted = p->failed = p->fenced = p->undecided = false;
    p->waiting = NULL;
    p->waiting_end = &p->waiting;
    p->under_way = 0;
    memset(p->on_the_way, 0, sizeof p->on_the_way);
    p->offset_count = 0;
    p->text = NULL;
    p->begun_us = p->cluster->world->now_us;
}

void sim_producer_produce(struct sim_producer *p, const struct outbox_record *record)
{
    assert(p->phase == PRODUCER_OPEN);
    struct world *world = p->cluster->world;
    struct outbox_record copy = sim_record_copy(p->cluster, record);
    struct sim_message *m = ARENA_NEW(&world->arena, struct sim_message);
    *m = (struct sim_message){.log = cluster_log(p->cluster, record->topic, record->partition),
                              .record = sim_record_of(p->cluster, &copy),
                              .cookie = record->phase == OUTBOX_SETTLED ? (int64_t)record->cookie : -1};
    if (m->cookie >= 0) {
        assert(m->cookie == (int64_t)p->offset_count && p->offset_count < 256);
        p->offsets[p->offset_count++] = -1;
    }
    *p->waiting_end = m;
    p->waiting_end = &m->next;
    send_soon(p);
}

static void advance_later(void *self)
{
    advance(self);
}

void sim_producer_commit(struct sim_producer *p, const struct outbox_offset *heads, size_t count)
{
    assert(p->phase == PRODUCER_OPEN && count >= 1 && count <= JOURNAL_MAX);
    memcpy(p->heads, heads, count * sizeof *heads);
    p->head_count = count;
    p->phase = PRODUCER_FLUSHING;
    world_call(p->cluster->world, 0, p->process, advance_later, p);
}

void sim_producer_abort(struct sim_producer *p)
{
    assert(p->phase != PRODUCER_NONE);
    p->abort_wanted = true;
    if (p->text == NULL)
        p->text = "abort was asked for";
    if (p->phase == PRODUCER_OPEN)
        p->phase = PRODUCER_FLUSHING;
    world_call(p->cluster->world, 0, p->process, advance_later, p);
}

bool sim_producer_poll(struct sim_producer *p, struct outbox_result *result)
{
    if (p->phase != PRODUCER_DONE)
        return false;
    p->phase = PRODUCER_NONE;
    *result = (struct outbox_result){.outcome = p->outcome,
                                     .offsets = p->offsets,
                                     .offset_count = p->offset_count,
                                     .elapsed_us = p->ended_us - p->begun_us,
                                     .text = p->text};
    return true;
}
