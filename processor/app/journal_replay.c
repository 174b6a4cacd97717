#include "app/journal_replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/system_clock.h"
#include "base/memory.h"
#include "kafka/kafka_log.h"
#include "memory/memory_store.h"

#define ANSWER_MS 10000
#define STALL_MS 20000
#define TAGS_MAX 16

struct journal_replay {
    const struct worker_shared *shared;
    int32_t partition;
    struct kafka_log *log;
    struct memory_store *memory;
    struct store_port store;
    struct journal_port journal;
    struct outbox_port outbox;
    struct metrics *metrics;
    struct engine *engine;

    int64_t log_start, log_end;
    int64_t until; /* nothing from here on is handed out */
    bool assigned, started, caught_up;
    int64_t from;      /* records below are passed over */
    int64_t delivered; /* offset of the last record handed out; -1 */
    int64_t end_told;
    bool has_held;
    struct kafka_log_record held; /* read, not handed out; its bytes are the log's until the next read */
    int64_t tags[TAGS_MAX];
    size_t tag_count;
};

static enum err log_open(struct journal_replay *replay, struct diag *diag)
{
    struct kafka_log_options options = {.properties = replay->shared->kafka,
                                        .log = replay->shared->log,
                                        .topic = replay->shared->journal_topic.data,
                                        .partition = replay->partition,
                                        .committed = true};
    kafka_log_close(replay->log);
    replay->log = NULL;
    replay->has_held = false;
    return kafka_log_open(&options, &replay->log, diag);
}

/* ---- the journal, as the engine sees it ----------------------------------------------------------- */

static void give_record(struct journal_replay *replay, struct journal_event *event)
{
    const struct kafka_log_record *record = &replay->held;
    char *copy = memory_checked(malloc(record->value.size + 1));
    if (record->value.size > 0)
        memcpy(copy, record->value.data, record->value.size);
    *event = (struct journal_event){.kind = JOURNAL_RECORD,
                                    .partition = replay->partition,
                                    .offset = record->offset,
                                    .append_ms = record->timestamp_ms,
                                    .value = span_make(copy, record->value.size),
                                    .record = copy};
    replay->delivered = record->offset;
    replay->has_held = false;
}

static void read_on(struct journal_replay *replay, int timeout_ms, struct journal_event *event)
{
    do {
        if (!replay->has_held)
            replay->has_held = kafka_log_next(replay->log, timeout_ms, &replay->held) == ERR_OK;
        if (replay->has_held && replay->held.offset < replay->from)
            replay->has_held = false;
        else
            break;
    } while (true);
    if (replay->has_held && replay->held.offset < replay->until) {
        give_record(replay, event);
    } else if (replay->has_held || kafka_log_position(replay->log) >= replay->until) {
        replay->end_told = replay->until;
        *event = (struct journal_event){
            .kind = JOURNAL_END, .partition = replay->partition, .offset = replay->until};
    }
}

static enum err port_poll(void *self, int timeout_ms, struct journal_event *event)
{
    struct journal_replay *replay = self;
    *event = (struct journal_event){.kind = JOURNAL_NOTHING};
    if (!replay->assigned) {
        replay->assigned = true;
        *event =
            (struct journal_event){.kind = JOURNAL_ASSIGNED, .partitions = &replay->partition, .count = 1};
    } else if (replay->tag_count > 0) {
        *event = (struct journal_event){.kind = JOURNAL_WATERMARK,
                                        .partition = replay->partition,
                                        .offset = replay->until,
                                        .low = replay->log_start,
                                        .last_stable = replay->until,
                                        .requested_ms = replay->tags[--replay->tag_count]};
    } else if (replay->started && replay->end_told != replay->until) {
        read_on(replay, timeout_ms, event);
    }
    return ERR_OK;
}

static void port_release(void *self, void *record)
{
    (void)self;
    free(record);
}

static enum err port_start(void *self, int32_t partition, int64_t offset)
{
    struct journal_replay *replay = self;
    struct diag diag;
    (void)partition;
    if (replay->delivered >= 0 && log_open(replay, &diag) != ERR_OK)
        return ERR_REFUSED;
    replay->started = true;
    replay->from = offset;
    replay->delivered = replay->end_told = -1;
    return ERR_OK;
}

static void port_pause(void *self, int32_t partition)
{
    (void)self;
    (void)partition;
}

static void port_watermark(void *self, const int32_t *partitions, size_t count, bool with_last_stable,
                           int64_t tag_ms)
{
    struct journal_replay *replay = self;
    (void)partitions;
    (void)count;
    (void)with_last_stable;
    if (replay->tag_count < TAGS_MAX)
        replay->tags[replay->tag_count++] = tag_ms;
}

static int64_t port_committed(void *self, int32_t partition)
{
    (void)self;
    (void)partition;
    return -1;
}

static const void *port_metadata(void *self)
{
    (void)self;
    return NULL;
}

/* ---- an outbox that nothing leaves ---------------------------------------------------------------- */

static bool outbox_no(void *self, int producer)
{
    (void)self;
    (void)producer;
    return false;
}

static bool outbox_poll(void *self, int producer, struct outbox_result *result)
{
    (void)self;
    (void)producer;
    (void)result;
    return false;
}

static void outbox_set_metadata(void *self, const void *metadata)
{
    (void)self;
    (void)metadata;
}

static struct span outbox_ids(void *self)
{
    (void)self;
    return SPAN_LITERAL("replay");
}

static void outbox_note(void *self, const struct outbox_record *record)
{
    (void)self;
    (void)record;
}

static enum err outbox_flush(void *self, int timeout_ms)
{
    (void)self;
    (void)timeout_ms;
    return ERR_OK;
}

static void make_ports(struct journal_replay *replay)
{
    replay->journal = (struct journal_port){.self = replay,
                                            .poll = port_poll,
                                            .release = port_release,
                                            .start = port_start,
                                            .pause = port_pause,
                                            .resume = port_pause,
                                            .watermark_request = port_watermark,
                                            .committed = port_committed,
                                            .group_metadata = port_metadata};
    replay->outbox = (struct outbox_port){.self = replay,
                                          .producers = 2,
                                          .ready = outbox_no,
                                          .poll = outbox_poll,
                                          .set_group_metadata = outbox_set_metadata,
                                          .ids = outbox_ids,
                                          .note = outbox_note,
                                          .notes_flush = outbox_flush};
    replay->store = memory_store_port(replay->memory);
}

/* ---- the replay ----------------------------------------------------------------------------------- */

enum err journal_replay_open(const struct worker_shared *shared, const struct locale_port *locale,
                             int32_t partition, struct journal_replay **made, struct diag *diag)
{
    struct journal_replay *replay = memory_checked(calloc(1, sizeof *replay));
    replay->shared = shared;
    replay->partition = partition;
    replay->delivered = replay->end_told = -1;
    replay->memory = memory_store_new();
    replay->metrics = metrics_new();
    make_ports(replay);
    enum err error = log_open(replay, diag);
    if (error == ERR_OK)
        error = kafka_log_end(replay->log, ANSWER_MS, &replay->log_start, &replay->log_end, diag);
    if (error != ERR_OK) {
        journal_replay_close(replay);
        return error;
    }
    struct engine_options options = worker_engine_options(shared);
    options.decisions = ENGINE_DECISIONS_OFF;
    options.sweep_every_ms = 0;
    const struct engine_ports ports = {.journal = &replay->journal,
                                       .outbox = &replay->outbox,
                                       .store = &replay->store,
                                       .clock = system_clock(),
                                       .locale = locale};
    replay->engine = engine_new(&options, &ports, shared->definitions, replay->metrics);
    *made = replay;
    return ERR_OK;
}

void journal_replay_close(struct journal_replay *replay)
{
    if (replay == NULL)
        return;
    engine_free(replay->engine);
    metrics_free(replay->metrics);
    memory_store_free(replay->memory);
    kafka_log_close(replay->log);
    free(replay);
}

int64_t journal_replay_log_start(const struct journal_replay *replay)
{
    return replay->log_start;
}

int64_t journal_replay_log_end(const struct journal_replay *replay)
{
    return replay->log_end;
}

const struct store_port *journal_replay_store(const struct journal_replay *replay)
{
    return &replay->store;
}

static int64_t head_of(const struct journal_replay *replay)
{
    int64_t head = STORE_NO_HEAD;
    (void)!replay->store.heads_read(replay->store.self, &replay->partition, 1, &head);
    return head;
}

/* What was trimmed while it was being read may be missing. */
static enum err check_start(struct journal_replay *replay, struct diag *diag)
{
    int64_t start, end;
    enum err error = kafka_log_end(replay->log, ANSWER_MS, &start, &end, diag);
    if (error == ERR_OK && start != replay->log_start)
        error = diag_set(diag, ERR_ABORTED, 0, 0, "the journal is being trimmed; run the command again");
    replay->caught_up = error == ERR_OK;
    return error;
}

enum err journal_replay_to(struct journal_replay *replay, int64_t offset, struct diag *diag)
{
    int64_t progress_ms = system_clock_monotonic_ms(), last = -1;
    replay->until = offset;
    replay->end_told = -1;
    for (;;) {
        enum err error = engine_turn(replay->engine, 20, diag);
        if (error != ERR_OK)
            return error;
        int64_t head = head_of(replay), now_ms = system_clock_monotonic_ms();
        if (replay->end_told == offset && head > replay->delivered &&
            engine_status(replay->engine).attached == 1)
            break;
        if (head + replay->delivered != last) {
            last = head + replay->delivered;
            progress_ms = now_ms;
        } else if (now_ms - progress_ms > STALL_MS) {
            return diag_set(diag, ERR_TIMEOUT, 0, 0,
                            "journal partition %d cannot be read on from offset %lld",
                            (int)replay->partition, (long long)replay->delivered + 1);
        }
    }
    return replay->caught_up ? ERR_OK : check_start(replay, diag);
}
