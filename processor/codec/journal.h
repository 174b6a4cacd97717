/* The journal's records: blocks of entries.
 *
 * One Kafka record of the journal holds many entries, so that the hop through the log costs an event a
 * small part of a record. Offset of the record and index in the block name an entry. A block is
 *
 *     version byte (1)
 *     base_ms               zigzag: what arrival times are counted from
 *     lives                 count, then each: topic, incarnation (8 bytes, little-endian),
 *                           partition, floor (zigzag)
 *     entries, to the end   each: kind byte, size of what follows, contents
 *
 * with varints as in base/varint.h and values as in codec/value_bin.h. Contents by kind:
 *
 *     EVENT    flags (1: source, 2: traceparent, 4: tracestate), source, arrived - base_ms (zigzag),
 *              time - arrived (zigzag), id, user, name, attributes, traceparent, tracestate
 *     THING    as EVENT; the user is empty
 *     PROFILE  flags (1: source, 2: tombstone), source, arrived - base_ms, time - arrived (zigzag),
 *              user, attributes
 *     SETTLED  user, campaign, version, key, trigger_id, step, attempt, outcome, reason, due, then
 *              new_due - due, at - due (all zigzag)
 *     SLICE    flags (1: last), cursor, after, count of users, each
 *     SNAPSHOT flags (1: last), sweep, after (zigzag), taken (zigzag), count of users, for each the id and
 *              the state
 *     PARTITION_SNAPSHOT
 *              sweep, taken (zigzag), the partition's state, count of definitions, for each id, version,
 *              text and snippets; users as in SNAPSHOT
 *     CONTROL  control kind, id, version, sequence, option, definition, snippets, at (zigzag)
 *
 * where a source is: index of its life, offset - floor (zigzag), index in the record. This is persisted
 * for as long as anything in the log is needed: new layouts get a new version byte, old ones stay
 * readable.
 */
#ifndef DECLIC_CODEC_JOURNAL_H
#define DECLIC_CODEC_JOURNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/entry.h"

/* ---- writing ---- */

/* Collects the entries of one block. Zero-initialise; reusable after journal_writer_finish; owns its
 * buffers until journal_writer_free. */
struct journal_writer {
    struct buf lives;   /* encoded */
    struct buf rows;    /* of struct journal_life: what `lives` holds */
    struct buf entries; /* encoded */
    struct buf body;    /* scratch */
    int64_t base_ms;
    size_t count;
};

void journal_writer_free(struct journal_writer *writer);

/* Adds an entry; nothing of it is kept. */
void journal_writer_add(struct journal_writer *writer, const struct entry *entry);

/* About how many bytes the block has now (never less than it will have). */
size_t journal_writer_bytes(const struct journal_writer *writer);

/* Appends the block to `block` and starts anew. A block without entries is allowed. */
void journal_writer_finish(struct journal_writer *writer, struct buf *block);

/* ---- reading ---- */

struct journal_life {
    struct span topic;
    uint64_t incarnation;
    int32_t partition;
    int64_t floor;
};

/* Reads a block front to back. Strings of the entries point into the block, lists and maps lie in the
 * arena. */
struct journal_reader {
    const char *at;
    const char *end;
    struct arena *arena;
    const struct journal_life *lives;
    size_t life_count;
    int64_t base_ms;
    uint32_t index; /* of the next entry */
};

/* Errors: ERR_VERSION (written by a later program), ERR_CORRUPT (or cut short). */
WARN_UNUSED enum err journal_reader_init(struct journal_reader *reader, struct span block,
                                         struct arena *arena);

/* The next entry. ERR_NOT_FOUND at the end of the block; errors as above, after which the reader must not
 * be used any more. */
WARN_UNUSED enum err journal_reader_next(struct journal_reader *reader, struct entry *entry);

#endif
