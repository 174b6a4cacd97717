#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/intake_parts.h"
#include "base/memory.h"

#define METADATA_FORMAT "declic 1 %016" PRIx64
#define COMMIT_RETRY_MS 100

struct slot *intake_slot(struct intake *intake, uint32_t topic, int32_t partition)
{
    if (topic >= intake->settings.source_count || partition < 0 ||
        partition >= intake->by_partition_counts[topic])
        return NULL;
    int32_t index = intake->by_partition[topic][partition];
    return index < 0 ? NULL : &intake->slots[index];
}

static void index_set(struct intake *intake, uint32_t topic, int32_t partition, int32_t index)
{
    int32_t *count = &intake->by_partition_counts[topic];
    if (partition >= *count) {
        int32_t more = partition + 16;
        int32_t *grown = realloc(intake->by_partition[topic], (size_t)more * sizeof(*grown));
        if (grown == NULL)
            memory_exhausted();
        for (int32_t i = *count; i < more; i++)
            grown[i] = -1;
        intake->by_partition[topic] = grown;
        *count = more;
    }
    intake->by_partition[topic][partition] = index;
}

static struct slot *slot_new(struct intake *intake, uint32_t topic, int32_t partition)
{
    size_t at = 0;
    while (at < intake->slot_count && intake->slots[at].state != SLOT_FREE)
        at++;
    if (at == intake->slot_count) {
        struct slot *grown = realloc(intake->slots, (at + 1) * sizeof(*grown));
        if (grown == NULL)
            memory_exhausted();
        intake->slots = grown;
        intake->slot_count++;
    }
    intake->slots[at] = (struct slot){.topic = topic, .partition = partition, .pending = -1, .sent = -1};
    index_set(intake, topic, partition, (int32_t)at);
    intake->stats.assigned++;
    return &intake->slots[at];
}

static void slot_free(struct intake *intake, struct slot *slot)
{
    index_set(intake, slot->topic, slot->partition, -1);
    slot->state = SLOT_FREE;
    intake->stats.assigned--;
}

/* The incarnation that stands in a commit's metadata; false when it is not our text. */
static bool incarnation_read(struct span metadata, uint64_t *incarnation)
{
    char text[INCARNATION_TEXT_BYTES], again[INCARNATION_TEXT_BYTES];
    if (metadata.size == 0 || metadata.size >= sizeof(text))
        return false;
    memcpy(text, metadata.data, metadata.size);
    text[metadata.size] = 0;
    if (sscanf(text, "declic 1 %" SCNx64, incarnation) != 1)
        return false;
    snprintf(again, sizeof(again), METADATA_FORMAT, *incarnation);
    return strcmp(text, again) == 0;
}

static void slot_assign(struct intake *intake, const struct source_assignment *assignment)
{
    struct slot *slot = slot_new(intake, assignment->topic, assignment->partition);
    bool same_life = assignment->committed >= 0 && assignment->committed <= assignment->high &&
                     incarnation_read(assignment->metadata, &slot->incarnation);
    if (!same_life)
        slot->incarnation = intake->settings.random();
    slot->start = slot->next = assignment->start;
    slot->floor = same_life ? assignment->committed : assignment->start;
    slot->state = same_life ? SLOT_LIVE : SLOT_ESTABLISHING;
    int size =
        snprintf(slot->metadata_text, sizeof(slot->metadata_text), METADATA_FORMAT, slot->incarnation);
    assert(size > 0 && (size_t)size < sizeof(slot->metadata_text));
    if (!same_life)
        slot->pending = assignment->start;
}

/* A batch that still waits may be of a former tenure, and begin behind where this one begins: taking it
 * would pass over what lies between. */
static void slot_start(struct intake *intake, struct slot *slot)
{
    slot->first_batch = intake->batches_read;
    slot->started = true;
    intake->ports.source.start(intake->ports.source.self, slot->topic, slot->partition);
}

void intake_assigned(struct intake *intake, const struct source_event *event)
{
    for (size_t i = 0; i < event->count; i++)
        slot_assign(intake, &event->assignments[i]);
    intake->ports.source.served(intake->ports.source.self);
    for (size_t i = 0; i < intake->slot_count; i++)
        if (intake->slots[i].state == SLOT_LIVE && !intake->slots[i].started)
            slot_start(intake, &intake->slots[i]);
    intake->commit_not_before_ms = 0;
}

void intake_revoked(struct intake *intake, const struct source_event *event, int64_t now_ms)
{
    for (size_t i = 0; i < event->count; i++) {
        struct slot *slot =
            intake_slot(intake, event->assignments[i].topic, event->assignments[i].partition);
        if (slot == NULL)
            continue;
        if (slot->state == SLOT_ESTABLISHING)
            slot->pending = -1;
        slot->state = SLOT_GIVING_UP;
    }
    intake->phase = PHASE_GIVING_UP;
    intake->give_up_deadline_ms = now_ms + intake->settings.give_up_after_ms;
    intake->commit_not_before_ms = 0;
}

void intake_lost(struct intake *intake, const struct source_event *event)
{
    for (size_t i = 0; i < event->count; i++) {
        struct slot *slot =
            intake_slot(intake, event->assignments[i].topic, event->assignments[i].partition);
        if (slot != NULL)
            slot_free(intake, slot);
    }
    intake->ports.source.served(intake->ports.source.self);
}

/* Closes the epoch, so that what is complete can be committed. */
static void epoch_close(struct intake *intake)
{
    if (!progress_may_close(&intake->progress))
        return;
    for (size_t i = 0; i < intake->slot_count; i++) {
        struct slot *slot = &intake->slots[i];
        if (slot->state == SLOT_LIVE || slot->state == SLOT_GIVING_UP)
            progress_note(&intake->progress, &slot->marks, slot->next);
    }
    progress_close(&intake->progress);
}

static void pending_take(struct intake *intake)
{
    for (size_t i = 0; i < intake->slot_count; i++) {
        struct slot *slot = &intake->slots[i];
        if (slot->state != SLOT_LIVE && slot->state != SLOT_GIVING_UP)
            continue;
        int64_t next = progress_take(&intake->progress, &slot->marks);
        if (next > slot->floor)
            slot->pending = next;
    }
}

void intake_commit(struct intake *intake, int64_t now_ms)
{
    if (intake->commit_tag != 0 || now_ms < intake->commit_not_before_ms)
        return;
    epoch_close(intake);
    pending_take(intake);
    struct arena *arena = &intake->arena;
    arena_reset(arena);
    struct source_commit *commits = ARENA_ARRAY(arena, struct source_commit, intake->slot_count);
    size_t count = 0;
    for (size_t i = 0; i < intake->slot_count; i++) {
        struct slot *slot = &intake->slots[i];
        if (slot->state == SLOT_FREE || slot->pending < 0)
            continue;
        slot->sent = slot->pending;
        commits[count++] = (struct source_commit){slot->topic, slot->partition, slot->pending,
                                                  span_from_text(slot->metadata_text)};
    }
    if (count == 0)
        return;
    intake->commit_tag = ++intake->last_tag;
    intake->commit_not_before_ms = now_ms + intake->settings.commit_every_ms;
    intake->ports.source.commit(intake->ports.source.self, commits, count, intake->commit_tag);
}

static void slot_committed(struct intake *intake, struct slot *slot)
{
    slot->floor = slot->sent;
    if (slot->pending == slot->sent)
        slot->pending = -1;
    if (slot->state == SLOT_ESTABLISHING) {
        slot->state = SLOT_LIVE;
        slot_start(intake, slot);
    }
}

void intake_committed(struct intake *intake, const struct source_event *event, int64_t now_ms)
{
    if (event->tag != intake->commit_tag)
        return;
    intake->commit_tag = 0;
    if (event->error != ERR_OK)
        intake->commit_not_before_ms = now_ms + COMMIT_RETRY_MS;
    else
        intake->stats.commits++;
    for (size_t i = 0; i < intake->slot_count; i++) {
        struct slot *slot = &intake->slots[i];
        if (slot->state != SLOT_FREE && slot->sent >= 0 && event->error == ERR_OK)
            slot_committed(intake, slot);
        slot->sent = -1;
    }
}

static bool given_up_clean(const struct intake *intake)
{
    if (!progress_idle(&intake->progress) || intake->progress.touched || intake->commit_tag != 0)
        return false;
    for (size_t i = 0; i < intake->slot_count; i++)
        if (intake->slots[i].state == SLOT_GIVING_UP &&
            (intake->slots[i].pending >= 0 || intake->slots[i].marks.count > 0))
            return false;
    return true;
}

void intake_give_up(struct intake *intake, int64_t now_ms)
{
    if (!given_up_clean(intake) && now_ms < intake->give_up_deadline_ms)
        return;
    for (size_t i = 0; i < intake->slot_count; i++)
        if (intake->slots[i].state == SLOT_GIVING_UP)
            slot_free(intake, &intake->slots[i]);
    intake->phase = PHASE_RUNNING;
    intake->ports.source.served(intake->ports.source.self);
}
