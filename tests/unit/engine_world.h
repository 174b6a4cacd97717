/* A small world for tests of the engine: one journal partition, the view, decisions and messages, all in
 * memory, and engines over them. A transaction commits at once; what is harsher than that is the
 * simulator's.
 */
#ifndef DECLIC_TESTS_ENGINE_WORLD_H
#define DECLIC_TESTS_ENGINE_WORLD_H

#include "engine_log.h"

/* One engine and its connections. */
struct node {
    struct world *world;
    struct definitions *definitions;
    struct metrics *metrics;
    struct engine *engine;
    struct store_port store;
    struct journal_port journal;
    struct outbox_port outbox;
    bool assigned, started, end_said, trimmed;
    int64_t position;
    int64_t watermarks[64]; /* tags asked for */
    size_t watermark_count;
    struct {
        struct world_list outbound, settled;
        bool open, ended, aborted;
        int64_t offsets[256];
    } transactions[PRODUCERS];
    int begun[16]; /* by which producers, the latest last */
    size_t begun_count;
};

/* ---- the ports ---- */

static inline int64_t world_wall_ms(void *self)
{
    return ((struct world *)self)->now_ms;
}

static inline int64_t world_stable(const struct world *world)
{
    return (int64_t)(world->stable != 0 ? world->stable : world->log.count);
}

static inline enum err node_poll(void *self, int timeout_ms, struct journal_event *event)
{
    static const int32_t partition = 0;
    struct node *node = self;
    const struct world *world = node->world;
    if (!node->assigned) {
        node->assigned = true;
        *event = (struct journal_event){.kind = JOURNAL_ASSIGNED, .partitions = &partition, .count = 1};
    } else if (node->watermark_count > 0) {
        *event = (struct journal_event){.kind = JOURNAL_WATERMARK,
                                        .offset = (int64_t)world->log.count,
                                        .last_stable = world_stable(world),
                                        .low = world->log_start,
                                        .requested_ms = node->watermarks[--node->watermark_count]};
    } else if (node->started && node->position < world->log_start) {
        node->started = false;
        *event = (struct journal_event){.kind = JOURNAL_RANGE};
    } else if (node->trimmed) {
        node->trimmed = false;
        *event = (struct journal_event){.kind = JOURNAL_TRIMMED, .low = world->log_start};
    } else if (node->started && node->position < world_stable(world)) {
        const struct world_text *text = &world->log.items[node->position];
        node->end_said = false;
        *event = (struct journal_event){.kind = JOURNAL_RECORD,
                                        .offset = node->position++,
                                        .append_ms = text->append_ms,
                                        .value = span_make(text->bytes, text->size)};
    } else if (node->started && !node->end_said) {
        node->end_said = true;
        *event = (struct journal_event){.kind = JOURNAL_END, .offset = node->position};
    } else {
        node->world->now_ms += timeout_ms;
        *event = (struct journal_event){.kind = JOURNAL_NOTHING};
    }
    return ERR_OK;
}

static inline void node_release(void *self, void *record)
{
    (void)self;
    (void)record;
}

static inline enum err node_start(void *self, int32_t partition, int64_t offset)
{
    struct node *node = self;
    (void)partition;
    node->started = true;
    node->end_said = false;
    node->position = offset;
    return ERR_OK;
}

static inline void node_trim(void *self, int32_t partition, int64_t offset)
{
    struct node *node = self;
    assert_int_equal(partition, 0);
    assert_true(offset <= (int64_t)node->world->log.count);
    if (offset > node->world->log_start)
        node->world->log_start = offset;
    node->trimmed = true;
}

static inline void node_watermark(void *self, const int32_t *partitions, size_t count,
                                  bool with_last_stable, int64_t tag_ms)
{
    struct node *node = self;
    (void)partitions;
    (void)count;
    (void)with_last_stable;
    assert_true(node->watermark_count < 64);
    node->watermarks[node->watermark_count++] = tag_ms;
}

static inline int64_t node_committed(void *self, int32_t partition)
{
    (void)self;
    (void)partition;
    return -1;
}

static inline const void *node_group(void *self)
{
    return self;
}

static inline void node_set_group(void *self, const void *group)
{
    (void)self;
    (void)group;
}

static inline bool node_ready(void *self, int producer)
{
    return !((struct node *)self)->transactions[producer].open;
}

static inline void node_begin(void *self, int producer)
{
    struct node *node = self;
    node->transactions[producer].open = true;
    node->begun[node->begun_count++ % 16] = producer;
}

static inline void node_produce(void *self, int producer, const struct outbox_record *record)
{
    struct node *node = self;
    struct span id = record->header_count == 1 ? record->headers[0].value : span_make(NULL, 0);
    world_put(record->phase == OUTBOX_SETTLED ? &node->transactions[producer].settled
                                              : &node->transactions[producer].outbound,
              record->value, id, node->world->now_ms);
}

/* A decision that was given before is the same. */
static inline void world_decide(struct world *world, struct span text, struct span id)
{
    uint64_t hash = hash_bytes(id, 0);
    for (size_t i = 0; i < world->decisions.count; i++) {
        if (world->decisions.items[i].hash != hash || !span_equal_text(id, world->decisions.items[i].id))
            continue;
        assert_span_equal(text, world->decisions.items[i].bytes);
        return;
    }
    world_put(&world->decisions, text, id, world->now_ms);
}

static inline void node_abort(void *self, int producer)
{
    ((struct node *)self)->transactions[producer].ended = true;
    ((struct node *)self)->transactions[producer].aborted = true;
}

static inline void node_commit(void *self, int producer, const struct outbox_offset *offsets, size_t count)
{
    struct node *node = self;
    struct world *world = node->world;
    assert_true(count >= 1 && offsets[0].offset >= 0);
    if (world->slow_from != 0 && node->transactions[producer].outbound.count >= world->slow_from) {
        node_abort(self, producer);
        return;
    }
    for (size_t i = 0; i < node->transactions[producer].outbound.count; i++) {
        const struct world_text *text = &node->transactions[producer].outbound.items[i];
        if (text->id[0] != 0)
            world_decide(world, span_from_text(text->bytes), span_from_text(text->id));
        else
            world_put(&world->messages, span_from_text(text->bytes), span_make(NULL, 0), world->now_ms);
    }
    assert_true(node->transactions[producer].settled.count <= 256);
    for (size_t i = 0; i < node->transactions[producer].settled.count; i++) {
        const struct world_text *text = &node->transactions[producer].settled.items[i];
        node->transactions[producer].offsets[i] = (int64_t)world->log.count;
        world_put(&world->log, span_make(text->bytes, text->size), span_make(NULL, 0), world->now_ms);
    }
    node->transactions[producer].ended = true;
}

static inline bool node_outcome(void *self, int producer, struct outbox_result *result)
{
    struct node *node = self;
    if (!node->transactions[producer].ended)
        return false;
    *result = (struct outbox_result){.outcome = node->transactions[producer].aborted ? OUTBOX_ABORTED
                                                                                     : OUTBOX_COMMITTED,
                                     .offsets = node->transactions[producer].offsets,
                                     .offset_count = node->transactions[producer].settled.count};
    world_clear(&node->transactions[producer].outbound);
    world_clear(&node->transactions[producer].settled);
    node->transactions[producer].open = node->transactions[producer].ended = false;
    node->transactions[producer].aborted = false;
    return true;
}

static inline void node_wait(void *self, int timeout_ms)
{
    ((struct node *)self)->world->now_ms += timeout_ms;
}

static inline struct span node_ids(void *self)
{
    (void)self;
    return SPAN_LITERAL("ids");
}

static inline void node_fence(void *self, struct span ids)
{
    (void)self;
    (void)ids;
}

static inline bool node_fencing(void *self)
{
    (void)self;
    return false;
}

static inline void node_note(void *self, const struct outbox_record *record)
{
    struct world *world = ((struct node *)self)->world;
    if (span_equal_text(record->topic, "journal"))
        world_put(&world->log, record->value, span_make(NULL, 0), world->now_ms);
    else
        world_decide(world, record->value, record->headers[0].value);
}

static inline enum err node_flush(void *self, int timeout_ms)
{
    (void)self;
    (void)timeout_ms;
    return ERR_OK;
}

static inline struct span node_topic(void *self, struct span channel)
{
    (void)self;
    return channel;
}

/* ---- engines ---- */

static inline bool world_find(void *self, struct span id, uint32_t version,
                              struct campaign_definition *definition)
{
    const struct world *world = self;
    for (size_t i = 0; i < world->definition_count; i++) {
        if (world->definitions[i].version != version || !span_equal_text(id, world->definitions[i].id))
            continue;
        *definition = (struct campaign_definition){.text = span_from_text(world->definitions[i].text)};
        return true;
    }
    return false;
}

static inline struct node *node_new(struct world *world)
{
    const struct definition_source source = {world, world_find};
    struct node *node = calloc(1, sizeof *node);
    node->world = world;
    node->definitions = definitions_new(&source, &world->silent);
    node->metrics = metrics_new();
    node->store = memory_store_port(world->store);
    node->journal = (struct journal_port){.self = node,
                                          .poll = node_poll,
                                          .release = node_release,
                                          .start = node_start,
                                          .watermark_request = node_watermark,
                                          .trim = node_trim,
                                          .committed = node_committed,
                                          .group_metadata = node_group};
    node->outbox = (struct outbox_port){.self = node,
                                        .producers = PRODUCERS,
                                        .ready = node_ready,
                                        .begin = node_begin,
                                        .produce = node_produce,
                                        .commit = node_commit,
                                        .abort = node_abort,
                                        .set_group_metadata = node_set_group,
                                        .poll = node_outcome,
                                        .wait = node_wait,
                                        .ids = node_ids,
                                        .fence = node_fence,
                                        .fencing = node_fencing,
                                        .note = node_note,
                                        .notes_flush = node_flush};
    const struct engine_options options = {.bounds = engine_bounds_live,
                                           .log = &world->silent,
                                           .journal_topic = SPAN_LITERAL("journal"),
                                           .decisions_topic = SPAN_LITERAL("decisions"),
                                           .outbound_topic = node_topic,
                                           .limits = fold_limits_default,
                                           .mark_window_ms = 0,
                                           .sweep_every_ms = world->sweep_every_ms};
    const struct engine_ports ports = {.journal = &node->journal,
                                       .outbox = &node->outbox,
                                       .store = &node->store,
                                       .clock = {world, world_wall_ms, world_wall_ms},
                                       .locale = &world->locale};
    node->engine = engine_new(&options, &ports, node->definitions, node->metrics);
    return node;
}

/* A crash: whatever the engine held is gone. */
static inline void node_free(struct node *node)
{
    engine_free(node->engine);
    definitions_free(node->definitions);
    metrics_free(node->metrics);
    for (int producer = 0; producer < PRODUCERS; producer++) {
        world_clear(&node->transactions[producer].outbound);
        world_clear(&node->transactions[producer].settled);
    }
    free(node);
}

static inline void node_turn(struct node *node)
{
    struct diag diag = {0};
    if (engine_turn(node->engine, 1, &diag) != ERR_OK)
        fail_msg("%s", diag.text);
}

static inline const struct partition_state *node_state(const struct node *node)
{
    return &engine_partition(node->engine, 0)->state;
}

/* Turns until everything is folded and no cursor is open. */
static inline void node_settle(struct node *node)
{
    for (int turns = 0; turns < 20000; turns++) {
        node_turn(node);
        const struct partition *partition = engine_partition(node->engine, 0);
        if (partition->phase == PARTITION_ATTACHED && partition->head == (int64_t)node->world->log.count &&
            partition->state.cursor_count == 0)
            return;
    }
    fail_msg("the engine does not come to rest");
}

#endif
