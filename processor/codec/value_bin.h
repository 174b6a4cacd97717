/* Values as few bytes: attributes in the journal and in user states.
 *
 * A value is a tag byte and what it needs:
 *     0 null   1 false   2 true   3 int (zigzag varint)   4 uint (varint)
 *     5 double (8 bytes, IEEE 754, little-endian)
 *     6 string   7 bytes   8 type (each: size, bytes)
 *     9 list (count, values)   10 map (count, then key and value in turn)
 *     11 timestamp   12 duration (each: seconds as zigzag varint, nanoseconds as varint)
 *     128 + n: a string of n < 64 bytes
 * Persisted with the journal: tags are never given a new meaning.
 */
#ifndef DECLIC_CODEC_VALUE_BIN_H
#define DECLIC_CODEC_VALUE_BIN_H

#include "base/varint.h"
#include "core/value.h"

/* The reader recurses once a level and refuses what is deeper. */
#define VALUE_BIN_DEPTH_MAX 64

/* Appends the value, which must not be deeper than VALUE_BIN_DEPTH_MAX. */
void value_bin_append(struct buf *buf, struct value value);

/* Reads one value; strings point into the cursor's bytes, lists and maps lie in `arena` and take at
 * most 16 times the bytes read. Anything malformed sets cursor->failed and gives null. */
struct value value_bin_read(struct cursor *cursor, struct arena *arena);

#endif
