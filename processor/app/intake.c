#include "app/intake.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/intake_parts.h"
#include "base/memory.h"

#define SIEVE_STUCK_MS 2000 /* from then on it is said */

/* The client sends a request for each partition, so many partitions and a short linger would cost more
 * requests than entries under load. Above BUSY_ENTRIES a second a block lingers so long that about that
 * many requests a second are made; below, a request for each entry is cheap enough. */
#define BUSY_ENTRIES 1500
#define BUSY_LINGER_MAX_MS 50
#define RATE_WINDOW_MS 100

void intake_settings_turn(struct intake_settings *settings)
{
    settings->linger_ms = 5;
    settings->block_bytes = 64 * 1024;
    settings->in_flight_bytes = 32 * 1024 * 1024;
    settings->commit_every_ms = 100;
    settings->give_up_after_ms = 3000;
}

struct intake *intake_new(const struct intake_settings *settings, const struct intake_ports *ports)
{
    struct intake *intake = calloc(1, sizeof(*intake));
    if (intake == NULL)
        memory_exhausted();
    intake->settings = *settings;
    intake->window.linger_ms = settings->linger_ms;
    intake->ports = *ports;
    steady_clock_init(&intake->clock, ports->clock);
    (void)steady_clock_now(&intake->clock);
    intake->by_partition = calloc(settings->source_count, sizeof(*intake->by_partition));
    intake->by_partition_counts = calloc(settings->source_count, sizeof(*intake->by_partition_counts));
    if (intake->by_partition == NULL || intake->by_partition_counts == NULL)
        memory_exhausted();
    intake_blocks_init(&intake->blocks, &ports->appender, &intake->progress, settings->partitions,
                       settings->block_bytes);
    arena_init(&intake->arena, 256 * 1024);
    return intake;
}

static void batch_drop(struct intake *intake)
{
    struct batch *batch = &intake->batches[intake->batch_first];
    intake->ports.source.release(intake->ports.source.self, batch->handle);
    intake->batch_first = (intake->batch_first + 1) % INTAKE_BATCHES;
    intake->batch_count--;
}

void intake_free(struct intake *intake)
{
    if (intake == NULL)
        return;
    while (intake->batch_count > 0)
        batch_drop(intake);
    for (size_t i = 0; i < intake->settings.source_count; i++)
        free(intake->by_partition[i]);
    free(intake->by_partition);
    free(intake->by_partition_counts);
    free(intake->slots);
    intake_blocks_free(&intake->blocks);
    arena_destroy(&intake->arena);
    free(intake);
}

static int64_t monotonic_ms(const struct intake *intake)
{
    return intake->ports.clock.monotonic_ms(intake->ports.clock.self);
}

/* When what was read just now arrived. Never goes back: the fold relies on it within a partition. */
static int64_t arrived_ms(struct intake *intake)
{
    int64_t wall_ms = steady_clock_now(&intake->clock);
    if (wall_ms > intake->wall_max_ms)
        intake->wall_max_ms = wall_ms;
    return intake->wall_max_ms;
}

static bool full(const struct intake *intake)
{
    return intake->blocks.in_flight_bytes >= (int64_t)intake->settings.in_flight_bytes;
}

static int64_t linger_ms(struct intake *intake, int64_t now_ms)
{
    struct rate_window *window = &intake->window;
    if (now_ms - window->since_ms >= RATE_WINDOW_MS) {
        int64_t entries = (int64_t)(intake->stats.entries - window->entries);
        int64_t busy = (int64_t)intake->settings.partitions * 1000 / BUSY_ENTRIES;
        bool is_busy = entries * 1000 > BUSY_ENTRIES * (now_ms - window->since_ms);
        window->linger_ms = intake->settings.linger_ms;
        if (is_busy && busy > window->linger_ms)
            window->linger_ms = busy < BUSY_LINGER_MAX_MS ? busy : BUSY_LINGER_MAX_MS;
        window->since_ms = now_ms;
        window->entries = intake->stats.entries;
    }
    return window->linger_ms;
}

/* Takes what it may of one batch; *done when all of it was. */
static enum err batch_take(struct intake *intake, struct batch *batch, int64_t now_ms)
{
    void *hold;
    const struct interest *interest = intake->ports.interest.acquire(intake->ports.interest.self, &hold);
    enum err error = ERR_OK;
    while (error == ERR_OK && batch->taken < batch->count && !full(intake)) {
        const struct source_message *message = &batch->messages[batch->taken++];
        struct slot *slot = intake_slot(intake, message->topic, message->partition);
        if (slot == NULL || slot->state != SLOT_LIVE || batch->number < slot->first_batch ||
            message->offset < slot->next)
            continue;
        error = intake_take(intake, slot, message, interest, batch->arrived_ms, now_ms);
        if (intake->schema_after_ms != 0) {
            batch->taken--;
            break;
        }
        slot->next = message->offset + 1;
    }
    intake->ports.interest.release(intake->ports.interest.self, hold);
    return error;
}

/* Takes batches in the order in which they were read, each once the sieve is new enough for it. */
static enum err batches_take(struct intake *intake, int64_t now_ms)
{
    enum err error = ERR_OK;
    if (now_ms < intake->schema_after_ms)
        return ERR_OK;
    intake->schema_after_ms = 0;
    while (error == ERR_OK && intake->batch_count > 0 && !full(intake) && intake->schema_after_ms == 0) {
        struct batch *batch = &intake->batches[intake->batch_first];
        if (!intake->ports.interest.passed(intake->ports.interest.self, batch->ticket)) {
            if (intake->stuck_since_ms == 0)
                intake->stuck_since_ms = now_ms;
            return ERR_OK;
        }
        intake->stuck_since_ms = 0;
        error = batch_take(intake, batch, now_ms);
        if (batch->taken == batch->count)
            batch_drop(intake);
    }
    return error;
}

static void batch_add(struct intake *intake, const struct source_event *event)
{
    assert(intake->batch_count < INTAKE_BATCHES);
    struct batch *batch = &intake->batches[(intake->batch_first + intake->batch_count++) % INTAKE_BATCHES];
    *batch = (struct batch){.number = intake->batches_read++,
                            .messages = event->messages,
                            .count = event->count,
                            .handle = event->batch,
                            .ticket = intake->ports.interest.ask(intake->ports.interest.self),
                            .arrived_ms = arrived_ms(intake)};
    intake->stats.arrived_ms = batch->arrived_ms;
}

/* How long the poll may wait: a block, a ticket, a report or a commit may want us earlier. */
static int poll_timeout_ms(const struct intake *intake, int timeout_ms, int64_t now_ms)
{
    int64_t wait = timeout_ms;
    int64_t oldest = intake_blocks_oldest_ms(&intake->blocks);
    if (oldest != INT64_MAX && oldest + intake->window.linger_ms - now_ms < wait)
        wait = oldest + intake->window.linger_ms - now_ms;
    if (((intake->batch_count > 0 && intake->schema_after_ms == 0) || intake->phase == PHASE_GIVING_UP) &&
        wait > 1)
        wait = 1;
    if ((!progress_idle(&intake->progress) || intake->progress.touched) && wait > 5)
        wait = 5;
    return wait < 0 ? 0 : (int)wait;
}

static void handle(struct intake *intake, const struct source_event *event, int64_t now_ms)
{
    intake->trouble[0] = 0;
    switch (event->kind) {
    case SOURCE_NOTHING:
        break;
    case SOURCE_RECORDS:
        batch_add(intake, event);
        break;
    case SOURCE_ASSIGNED:
        intake_assigned(intake, event);
        break;
    case SOURCE_REVOKED:
        intake_revoked(intake, event, now_ms);
        break;
    case SOURCE_LOST:
        intake_lost(intake, event);
        break;
    case SOURCE_COMMITTED:
        intake_committed(intake, event, now_ms);
        break;
    case SOURCE_AWAY:
        snprintf(intake->trouble, sizeof(intake->trouble), "%.*s", SPAN_PRINTF(event->text));
        break;
    }
}

static bool records_wanted(const struct intake *intake)
{
    return !intake->held && !intake->stopping && !full(intake) && intake->batch_count < INTAKE_BATCHES;
}

static enum err fail(struct intake *intake, enum err error, struct span text)
{
    snprintf(intake->trouble, sizeof(intake->trouble), "%.*s", SPAN_PRINTF(text));
    return error;
}

/* Moves what was read towards the journal. */
static enum err advance(struct intake *intake, int64_t now_ms)
{
    enum err error = intake_blocks_reports(&intake->blocks);
    if (error == ERR_OK && intake->phase == PHASE_RUNNING)
        error = batches_take(intake, now_ms);
    bool at_once = intake->phase == PHASE_GIVING_UP || intake->stopping;
    if (error == ERR_OK)
        error = intake_blocks_flush(&intake->blocks, at_once ? now_ms : now_ms - linger_ms(intake, now_ms));
    intake->stats.in_flight = intake->blocks.in_flight_bytes;
    intake->stats.blocks = intake->blocks.appended_blocks;
    intake->stats.bytes = intake->blocks.appended_bytes;
    return error;
}

enum err intake_step(struct intake *intake, int timeout_ms)
{
    struct source_port *source = &intake->ports.source;
    int64_t now_ms = monotonic_ms(intake);
    (void)steady_clock_now(
        &intake->clock); /* a step is noticed when it happens, not with the next record */
    enum err error = advance(intake, now_ms);
    if (error != ERR_OK)
        return fail(intake, error, intake->ports.appender.trouble(intake->ports.appender.self));
    intake_commit(intake, now_ms);
    if (intake->phase == PHASE_GIVING_UP)
        intake_give_up(intake, now_ms);

    struct source_event event = {0};
    error = source->poll(source->self, poll_timeout_ms(intake, timeout_ms, now_ms), records_wanted(intake),
                         &event);
    if (error != ERR_OK)
        return fail(intake, error, event.text);
    handle(intake, &event, monotonic_ms(intake));
    if (intake->stopping && intake->phase == PHASE_RUNNING && source->closed(source->self))
        intake->phase = PHASE_STOPPED;
    return ERR_OK;
}

void intake_hold(struct intake *intake, bool held)
{
    intake->held = held;
}

void intake_stop(struct intake *intake)
{
    if (intake->stopping)
        return;
    intake->stopping = true;
    intake->ports.source.close(intake->ports.source.self);
}

bool intake_stopped(const struct intake *intake)
{
    return intake->phase == PHASE_STOPPED;
}

const struct intake_stats *intake_stats(const struct intake *intake)
{
    return &intake->stats;
}

struct span intake_trouble(struct intake *intake)
{
    int64_t now_ms = monotonic_ms(intake);
    if (intake->schema_after_ms != 0)
        return span_from_text(intake->schema_trouble);
    if (intake->trouble[0] == 0 && intake->stuck_since_ms != 0 &&
        now_ms - intake->stuck_since_ms > SIEVE_STUCK_MS)
        return SPAN_LITERAL("the campaigns topic cannot be read to its end");
    if (intake->trouble[0] == 0 && intake->blocks.in_flight_bytes > 0)
        return intake->ports.appender.trouble(intake->ports.appender.self);
    return span_from_text(intake->trouble);
}
