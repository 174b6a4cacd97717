#include <stdlib.h>

#include "app/engine_internal.h"
#include "base/memory.h"

struct partition *partition_new(int32_t id)
{
    struct partition *partition = memory_checked(calloc(1, sizeof *partition));
    partition->id = id;
    partition->head = STORE_NO_HEAD;
    partition->end_offset = -1;
    partition->noted_until = -1;
    partition_state_init(&partition->state);
    horizon_init(&partition->horizon);
    arena_init(&partition->campaigns_arena, 0);
    return partition;
}

static void free_node(void *self, struct user_node *node)
{
    (void)self;
    free(node);
}

void partition_free(struct engine *engine, struct partition *partition)
{
    partition_drop_queue(engine, partition);
    free(partition->queue);
    partition_state_free(&partition->state);
    free((char *)partition->stale_ids.data);
    horizon_clear(&partition->horizon);
    user_map_each(&partition->flights, free_node, NULL);
    user_map_free(&partition->flights);
    partition_forget_campaigns(partition);
    arena_destroy(&partition->campaigns_arena);
    free(partition);
}

struct partition *engine_partition(const struct engine *engine, int32_t id)
{
    return id >= 0 && (size_t)id < engine->partition_slots ? engine->partitions[id] : NULL;
}

void partition_queue_push(struct engine *engine, struct partition *partition,
                          const struct queued_record *record)
{
    if (partition->queue_count == partition->queue_capacity) {
        if (partition->queue_first > 0) {
            partition->queue_count -= partition->queue_first;
            memmove(partition->queue, partition->queue + partition->queue_first,
                    partition->queue_count * sizeof *partition->queue);
            partition->queue_first = 0;
        } else {
            partition->queue_capacity = partition->queue_capacity == 0 ? 16 : partition->queue_capacity * 2;
            partition->queue = memory_checked(
                realloc(partition->queue, partition->queue_capacity * sizeof *partition->queue));
        }
    }
    partition->queue[partition->queue_count++] = *record;
    engine->queued_records++;
    engine->queued_bytes += record->value.size;
}

void partition_drop_queue(struct engine *engine, struct partition *partition)
{
    const struct journal_port *journal = engine->ports.journal;
    for (size_t i = partition->queue_first; i < partition->queue_count; i++) {
        engine->queued_records--;
        engine->queued_bytes -= partition->queue[i].value.size;
        journal->release(journal->self, partition->queue[i].record);
    }
    partition->queue_first = partition->queue_count = 0;
}

void partition_update_position(struct engine *engine, struct partition *partition)
{
    int64_t position = partition->head;
    bool all_folded = partition->queue_first == partition->queue_count;
    if (partition->end_offset > position) {
        if (all_folded || partition->queue[partition->queue_first].offset >= partition->end_offset)
            position = partition->end_offset;
    }
    if (position > partition->position)
        partition->position = position;

    struct mark *mark = &partition->mark;
    if (mark->sequence != 0 && mark->answered && partition->position >= mark->high) {
        partition->passed_sequence = mark->sequence;
        if (mark->asked_ms > partition->frontier_ms)
            partition->frontier_ms = mark->asked_ms;
        mark->sequence = 0;
        partition->stable.sequence = 0;
    }
    if (partition->state.append_max_ms > partition->frontier_ms)
        partition->frontier_ms = partition->state.append_max_ms;
    partition_land_flights(engine, partition);
}

void engine_ask_marks(struct engine *engine, int32_t *partitions, size_t count)
{
    if (count == 0)
        return;
    uint64_t sequence = ++engine->mark_sequence;
    int64_t asked_ms = steady_clock_now(&engine->clock);
    for (size_t i = 0; i < count; i++) {
        struct partition *partition = engine_partition(engine, partitions[i]);
        partition->mark = (struct mark){sequence, asked_ms, engine->monotonic_ms, false, 0};
    }
    const struct journal_port *journal = engine->ports.journal;
    journal->watermark_request(journal->self, partitions, count, false, (int64_t)sequence);
}

void partition_watermark(struct engine *engine, struct partition *partition,
                         const struct journal_event *event)
{
    uint64_t sequence = (uint64_t)event->requested_ms;
    struct mark *mark = &partition->mark;
    if (sequence == mark->sequence && !mark->answered) {
        mark->answered = true;
        mark->high = event->offset;
        partition->log_start = event->low;
        /* A view that stands outside the log: trimmed below it, or a log made anew. */
        if (partition->phase == PARTITION_READING &&
            (partition->head < event->low || partition->head > event->offset))
            partition->head = STORE_NO_HEAD;
        if (partition->phase != PARTITION_READING)
            partition_update_position(engine, partition);
    } else if (sequence == partition->stable.sequence && !partition->stable.answered) {
        partition->stable.answered = true;
        partition->stable.high = event->last_stable;
    }
}

void partition_forget_campaigns(struct partition *partition)
{
    partition->campaigns = NULL;
    partition->policy = NULL;
    arena_reset(&partition->campaigns_arena);
}

/* Versions 1 … current of one campaign, those that compile. */
static bool gather_versions(struct engine *engine, struct partition *partition,
                            const struct live_campaign *live, struct campaign_life *life)
{
    const struct campaign **versions =
        ARENA_ARRAY(&partition->campaigns_arena, const struct campaign *, live->version);
    size_t count = 0;
    for (uint32_t version = 1; version <= live->version; version++) {
        const struct campaign *campaign;
        enum err error = definitions_campaign(engine->definitions, live->id, version, &campaign);
        if (error == ERR_NOT_FOUND)
            return false;
        if (error == ERR_OK)
            versions[count++] = campaign;
    }
    *life = (struct campaign_life){.versions = versions,
                                   .version_count = count,
                                   .status = live->status,
                                   .treatment = (enum pause_treatment)live->treatment,
                                   .hold_below = slices_hold_below(&partition->state, live->id)};
    return true;
}

bool partition_need_campaigns(struct engine *engine, struct partition *partition)
{
    if (partition->campaigns != NULL)
        return true;
    const struct partition_state *state = &partition->state;
    arena_reset(&partition->campaigns_arena);
    struct campaign_life *lives =
        ARENA_ARRAY(&partition->campaigns_arena, struct campaign_life, state->campaign_count);
    size_t count = 0;
    for (size_t i = 0; i < state->campaign_count; i++) {
        if (!gather_versions(engine, partition, &state->campaigns[i], &lives[count]))
            return false;
        if (lives[count].version_count != 0)
            count++;
    }
    if (definitions_policy(engine->definitions, state->policy_version, &partition->policy) == ERR_NOT_FOUND)
        return false;
    partition->campaigns = campaign_set_build(&partition->campaigns_arena, lives, count, partition->policy);
    return true;
}

struct fold partition_fold(struct engine *engine, const struct partition *partition,
                           struct decision_sink decisions)
{
    return (struct fold){
        .campaigns = partition->campaigns,
        .policy = partition->policy,
        .limits = &engine->options.limits,
        .locale = engine->ports.locale,
        .profile_attributes = engine->options.profile_attributes,
        .arena = &engine->batch,
        .decisions = decisions,
        .counts = &engine->counts,
        .mark_window_ms = engine->options.mark_window_ms,
    };
}
