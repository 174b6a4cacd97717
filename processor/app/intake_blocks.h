/* Entries on their way into the journal: a block under construction for each partition.
 *
 * A block leaves when it is large enough, or old enough; what was appended and not yet acknowledged is
 * counted. No memory is taken for an entry once the buffers have grown to a block's size.
 */
#ifndef DECLIC_APP_INTAKE_BLOCKS_H
#define DECLIC_APP_INTAKE_BLOCKS_H

#include "app/intake_progress.h"
#include "codec/journal.h"
#include "ports/appender.h"

/* A block larger than this is never appended: the journal's records are at most 1 MiB. */
#define BLOCK_MAX_BYTES (1000 * 1000)

struct open_block {
    struct journal_writer writer;
    uint64_t cookie;   /* of the epoch in which its first entry was added */
    int64_t opened_ms; /* by the monotonic clock */
    bool open;
};

struct intake_blocks {
    struct appender_port appender;
    struct progress *progress;
    struct open_block *blocks; /* by journal partition */
    int32_t partitions;
    int32_t *open; /* partitions with an open block, oldest first */
    size_t open_count;
    size_t block_bytes;
    struct buf encoded; /* scratch */
    int64_t in_flight_bytes;
    uint64_t appended_blocks, appended_bytes;
};

void intake_blocks_init(struct intake_blocks *blocks, const struct appender_port *appender,
                        struct progress *progress, int32_t partitions, size_t block_bytes);
void intake_blocks_free(struct intake_blocks *blocks);

/* Adds the entry to the partition's block, and appends that block when it is large enough.
 * `record_bytes`: size of the source record that it was made of. ERR_LIMIT: alone the entry would make a
 * block over BLOCK_MAX_BYTES; nothing was added. Any other error is the appender's, and final. */
WARN_UNUSED enum err intake_blocks_add(struct intake_blocks *blocks, int32_t partition,
                                       const struct entry *entry, size_t record_bytes, int64_t now_ms);

/* Appends every block opened at or before `opened_ms`. Errors are final. */
WARN_UNUSED enum err intake_blocks_flush(struct intake_blocks *blocks, int64_t opened_ms);

/* Appends a record that is no block, and counts it. ERR_LIMIT: it is too large for the client; other
 * errors are final. */
WARN_UNUSED enum err intake_blocks_append(struct intake_blocks *blocks, struct appender_record *record);

/* Takes the appender's reports. The first error among them is returned; it is final. */
WARN_UNUSED enum err intake_blocks_reports(struct intake_blocks *blocks);

/* When the oldest open block was opened; INT64_MAX when none is open. */
int64_t intake_blocks_oldest_ms(const struct intake_blocks *blocks);

#endif
