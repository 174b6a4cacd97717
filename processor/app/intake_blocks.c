#include "app/intake_blocks.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

/* A cookie carries the epoch and the record's size, so that nothing has to be kept for it. */
#define COOKIE_SIZE_BITS 24

static uint64_t cookie_make(uint64_t epoch, size_t bytes)
{
    assert(bytes < (1U << COOKIE_SIZE_BITS));
    return epoch << COOKIE_SIZE_BITS | bytes;
}

void intake_blocks_init(struct intake_blocks *blocks, const struct appender_port *appender,
                        struct progress *progress, int32_t partitions, size_t block_bytes)
{
    assert(partitions > 0 && block_bytes > 0 && block_bytes < BLOCK_MAX_BYTES);
    *blocks = (struct intake_blocks){
        .appender = *appender, .progress = progress, .partitions = partitions, .block_bytes = block_bytes};
    blocks->blocks = calloc((size_t)partitions, sizeof(*blocks->blocks));
    blocks->open = calloc((size_t)partitions, sizeof(*blocks->open));
    if (blocks->blocks == NULL || blocks->open == NULL)
        memory_exhausted();
}

void intake_blocks_free(struct intake_blocks *blocks)
{
    for (int32_t p = 0; p < blocks->partitions; p++)
        journal_writer_free(&blocks->blocks[p].writer);
    free(blocks->blocks);
    free(blocks->open);
    buf_free(&blocks->encoded);
}

static enum err append(struct intake_blocks *blocks, struct appender_record *record, uint64_t epoch,
                       size_t bytes)
{
    record->cookie = cookie_make(epoch, bytes);
    enum err error = blocks->appender.append(blocks->appender.self, record);
    if (error == ERR_OK)
        blocks->in_flight_bytes += (int64_t)bytes;
    return error;
}

static enum err block_append(struct intake_blocks *blocks, int32_t partition)
{
    struct open_block *block = &blocks->blocks[partition];
    buf_clear(&blocks->encoded);
    journal_writer_finish(&block->writer, &blocks->encoded);
    block->open = false;
    struct appender_record record = {.target = APPENDER_JOURNAL,
                                     .partition = partition,
                                     .has_value = true,
                                     .value = buf_span(&blocks->encoded)};
    blocks->appended_blocks++;
    blocks->appended_bytes += blocks->encoded.size;
    return append(blocks, &record, block->cookie, blocks->encoded.size);
}

static void open_remove(struct intake_blocks *blocks, size_t at)
{
    blocks->open_count--;
    memmove(&blocks->open[at], &blocks->open[at + 1], (blocks->open_count - at) * sizeof(*blocks->open));
}

static void open_remove_partition(struct intake_blocks *blocks, int32_t partition)
{
    for (size_t i = 0; i < blocks->open_count; i++)
        if (blocks->open[i] == partition) {
            open_remove(blocks, i);
            return;
        }
}

/* An upper bound of what an entry takes in a block: no member of a value more than triples when it is
 * encoded. */
static size_t entry_bound(const struct entry *entry, size_t record_bytes)
{
    size_t names = entry->kind == ENTRY_EVENT || entry->kind == ENTRY_THING
                       ? entry->event.id.size + entry->event.traceparent.size + entry->event.tracestate.size
                       : entry->profile.user.size;
    return 3 * record_bytes + names + 1024;
}

/* True when the entry alone fits a block; counted exactly. */
static bool entry_fits(const struct entry *entry)
{
    struct journal_writer writer = {0};
    journal_writer_add(&writer, entry);
    bool fits = journal_writer_bytes(&writer) <= BLOCK_MAX_BYTES;
    journal_writer_free(&writer);
    return fits;
}

enum err intake_blocks_add(struct intake_blocks *blocks, int32_t partition, const struct entry *entry,
                           size_t record_bytes, int64_t now_ms)
{
    struct open_block *block = &blocks->blocks[partition];
    size_t bound = entry_bound(entry, record_bytes);
    if (bound > BLOCK_MAX_BYTES && !entry_fits(entry))
        return ERR_LIMIT;
    if (block->open && journal_writer_bytes(&block->writer) + bound > BLOCK_MAX_BYTES) {
        open_remove_partition(blocks, partition);
        enum err error = block_append(blocks, partition);
        if (error != ERR_OK)
            return error;
    }
    if (!block->open) {
        block->open = true;
        block->opened_ms = now_ms;
        block->cookie = progress_add(blocks->progress);
        blocks->open[blocks->open_count++] = partition;
    }
    progress_touch(blocks->progress);
    journal_writer_add(&block->writer, entry);
    if (journal_writer_bytes(&block->writer) < blocks->block_bytes)
        return ERR_OK;
    open_remove_partition(blocks, partition);
    return block_append(blocks, partition);
}

enum err intake_blocks_flush(struct intake_blocks *blocks, int64_t opened_ms)
{
    size_t taken = 0;
    enum err error = ERR_OK;
    while (error == ERR_OK && taken < blocks->open_count &&
           blocks->blocks[blocks->open[taken]].opened_ms <= opened_ms)
        error = block_append(blocks, blocks->open[taken++]);
    blocks->open_count -= taken;
    memmove(blocks->open, blocks->open + taken, blocks->open_count * sizeof(*blocks->open));
    return error;
}

enum err intake_blocks_append(struct intake_blocks *blocks, struct appender_record *record)
{
    size_t bytes = record->key.size + record->value.size;
    uint64_t epoch = progress_add(blocks->progress);
    enum err error = append(blocks, record, epoch, bytes < BLOCK_MAX_BYTES ? bytes : BLOCK_MAX_BYTES);
    if (error != ERR_OK)
        progress_done(blocks->progress, epoch);
    return error;
}

enum err intake_blocks_reports(struct intake_blocks *blocks)
{
    struct appender_report reports[64];
    size_t count;
    do {
        count = blocks->appender.poll(blocks->appender.self, reports, sizeof(reports) / sizeof(*reports));
        for (size_t i = 0; i < count; i++) {
            if (reports[i].error != ERR_OK)
                return reports[i].error;
            blocks->in_flight_bytes -= (int64_t)(reports[i].cookie & ((1U << COOKIE_SIZE_BITS) - 1));
            progress_done(blocks->progress, reports[i].cookie >> COOKIE_SIZE_BITS);
        }
    } while (count == sizeof(reports) / sizeof(*reports));
    return ERR_OK;
}

int64_t intake_blocks_oldest_ms(const struct intake_blocks *blocks)
{
    return blocks->open_count == 0 ? INT64_MAX : blocks->blocks[blocks->open[0]].opened_ms;
}
